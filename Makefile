# make book [PROFILE=quick]   the book, at build/<profile>/html/index.html
# make test                   style, types, a smoke build of the whole book, its claims, unit tests
# make test-cluster           a real SLURM on this machine runs the ablations (root, Debian; not in make test)
# make data                   only the downloads
# make clean                  remove what was built (the data cache and .venv stay)
# Each target sets up .venv by itself, once for each state of pyproject.toml and constraints.txt.

PYTHON  ?= python3
PROFILE ?= quick
CORES   ?= $(shell getconf _NPROCESSORS_ONLN)
VENV    := .venv
PY      := $(VENV)/bin/python
SETUP   := $(shell (pwd; cat pyproject.toml constraints.txt) | cksum | tr ' ' -)
STAMP   := $(VENV)/installed-$(SETUP)
BUILD    = $(PY) -m dfe.cli build --cores $(CORES) --profile $(1)

.PHONY: book test test-cluster data clean
.DELETE_ON_ERROR:

book: $(STAMP)
	$(call BUILD,$(PROFILE))

test: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m dfe.data.fetch --all
	$(call BUILD,smoke)
	$(PY) -m dfe.cli check --profile smoke
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(CORES) --dist loadfile

test-cluster: $(STAMP)
	$(PY) -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[cluster]'
	$(PY) -m dfe.data.fetch --all
	$(PY) -m pytest tests/cluster

data: $(STAMP)
	$(PY) -m dfe.data.fetch --all

clean:
	rm -rf build .snakemake

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("The book needs Python >= 3.11, and $(PYTHON) is %d.%d: run make with PYTHON=/path/to/a/newer/python3." % sys.version_info[:2])'
	test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e '.[book,extract,test]'
	rm -f $(VENV)/installed-*
	touch $@
