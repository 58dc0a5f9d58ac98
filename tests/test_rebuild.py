"""A change runs again what depends on it and nothing else, in the smoke book."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dfe.book import notebook_names
from dfe.variants import ABLATIONS, READINGS

ROOT = Path(__file__).resolve().parents[1]
COPIED = "dfe book notebooks data_manifests profiles".split()
FILES = "Snakefile _config.yml _toc.yml constraints.txt pyproject.toml".split()
pytestmark = pytest.mark.smoke_book

PAGES = {f"notebook-{name}" for name in notebook_names()}
RUNS = {f"variant-{variant.name}-0" for variant in (*ABLATIONS, *READINGS)}
END = {"notebook-16_scoreboard", "html"}  # follows any page


def pages(*numbers: int) -> set[str]:
    """Names of the jobs of some notebooks, and what follows them."""
    return {name for name in PAGES if int(name[9:11]) in numbers} | END


@dataclass(frozen=True)
class Change:
    """A change of the tree or of the command line, and the jobs that it should run."""

    jobs: set[str]
    edits: list[tuple[str, str, str]] = field(default_factory=list)  # (file, old, new)
    set: list[str] = field(default_factory=list)


def in_profile(old: str, new: str) -> list[tuple[str, str, str]]:
    return [("profiles/smoke.yaml", old, new)]


MODELS = {"model", "database", *RUNS}  # smoke trains its model from scratch
WITH_MODEL = PAGES - {"notebook-01_data", "notebook-12_losses", "notebook-15_audit"}
CHANGES = {
    "nothing": Change(set()),
    # Parameters
    "a setting of a cohort": Change(
        {"cohort-stress", *pages(10, 11, 13, 14)},
        in_profile("stress: {subjects: 8", "stress: {effect: 0.5, subjects: 8"),
    ),
    "a setting of a page": Change(pages(7), in_profile("smiles: {tokens: 2", "smiles: {tokens: 3")),
    "a setting of all models": Change(
        {*MODELS, *WITH_MODEL, "notebook-12_losses", "html"},
        in_profile("feedforward: 64", "feedforward: 32"),
    ),
    "a setting of the database": Change(
        {"database", *pages(5, 6)},
        in_profile("database: {simulated: 2000}", "database: {simulated: 1000}"),
    ),
    "a setting of the variants": Change(
        {*RUNS, *pages(11, 12)}, in_profile("variants: {steps: 10", "variants: {steps: 11")
    ),
    "a text of the profile": Change(set(), in_profile("The whole book at its", "The book at its")),
    "an announcement": Change(
        {"html"}, in_profile('announcement: "Smoke', 'announcement: "A smoke')
    ),
    "a parameter of one page": Change(pages(15), set=["15_audit.largest=90"]),
    "a parameter that is true or false": Change(
        pages(4), set=["04_decomposition.show_licensed_frames=false"]
    ),
    "the profile's own value": Change({"notebook-07_smiles", *END}, set=["07_smiles.tokens=2"]),
    # Data
    "the hash of a source": Change(
        {"features", "appearance", "facial_basis", *MODELS, *PAGES, "html"} - {"notebook-15_audit"},
        [("data_manifests/pyfame.yaml", "sha256: df5a3ef8", "sha256: 0f5a3ef8")],
    ),
    # Notebooks
    "code of a notebook": Change(
        pages(3), [("notebooks/03_templates.ipynb", "height * 13 / 16", "height * 12 / 16")]
    ),
    "a comment in a notebook": Change(
        {"html"},
        [("notebooks/03_templates.ipynb", "import numpy as np", "import numpy as np  # x")],
    ),
    "text of a notebook": Change({"html"}, [("notebooks/03_templates.ipynb", '"# ', '"# The ')]),
    # Prose
    "a page of prose": Change({"html"}, [("book/intro.md", "# ", "# The ")]),
    "a fact of the claims": Change(
        pages(15), [("book/claims.yml", "Clips of SmileStimuli", "The clips of SmileStimuli")]
    ),
    # Code
    "a metric": Change(
        pages(11, 14, 15), [("dfe/metrics/power.py", "_TAIL = 1e-12", "_TAIL = 1e-13")]
    ),
    "a comment in a module": Change(
        set(), [("dfe/training.py", "import math\n", "import math  # x\n")]
    ),
    "a docstring": Change(set(), [("dfe/metrics/power.py", '"""How large', '"""How very large')]),
    "the command line": Change(set(), [("dfe/cli.py", "sys.exit(1)", "sys.exit(2)")]),
    # Packages
    "the pin of the renderer": Change(
        pages(1, 3, 4, 5, 7, 11, 13, 17), [("constraints.txt", "pyvista==", "pyvista==0")]
    ),
    "the pin of Jupyter Book": Change(
        {"html"}, [("constraints.txt", "jupyter-book==", "jupyter-book==0")]
    ),
}


@pytest.fixture(scope="module")
def planned(smoke_html: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Change -> names of the jobs that a build would run."""
    tree = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(ROOT / name, tree / name)
    for name in ("build", ".snakemake"):
        (tree / name).symlink_to(ROOT / name)
    cases = [{"edits": change.edits, "set": change.set} for change in CHANGES.values()]
    script = Path(__file__).with_name("rebuild_support.py")
    done = subprocess.run(
        [sys.executable, script, tree],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tree)},
    )
    assert done.returncode == 0, done.stderr
    return {n: set(jobs) for n, jobs in zip(CHANGES, json.loads(done.stdout), strict=True)}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_runs_just_what_depends_on_it(planned: dict[str, set[str]], name: str) -> None:
    found, expected = planned[name], CHANGES[name].jobs
    assert found == expected, f"too many: {found - expected}, too few: {expected - found}"
