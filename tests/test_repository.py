"""What the repository promises about itself: dependencies, pins, set-up, clean text."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# Conda's name of a package, where it is not the name on the Python index.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
# Module that one imports, where it is not the name of the package.
MODULES = {
    "ai-edge-litert": "ai_edge_litert",
    "imageio-ffmpeg": "imageio_ffmpeg",
    "jupyter-book": "jupyter_book",
    "pillow": "PIL",
    "pose-format": "pose_format",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "vector-quantize-pytorch": "vector_quantize_pytorch",
}
# Modules that a declared package cannot be without.
COMES_ALONG = {
    "IPython": "ipykernel",
    "docutils": "jupyter-book",
    "markdown_it": "jupyter-book",
    "myst_parser": "jupyter-book",
    "threadpoolctl": "scikit-learn",
    "traitlets": "nbclient",
    "vtkmodules": "pyvista",
}


def ranges(requirements: list[str]) -> dict[str, SpecifierSet]:
    """Canonical name -> version range."""
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(item.name): item.specifier for item in parsed}


def installed_by_make() -> dict[str, SpecifierSet]:
    extras = [text for name in ("book", "extract", "test") for text in EXTRAS[name]]
    return ranges(PROJECT["dependencies"] + extras)


def pins() -> dict[str, SpecifierSet]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return ranges([line for line in lines if line and not line.startswith("#")])


def test_conda_environment_matches_pyproject() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    # Binder reads the version of Python in this form alone, and it is the one that we test.
    assert listed[0] == "python=3.11" and "3.11" in SpecifierSet(PROJECT["requires-python"])
    plain = [item for item in listed[1:] if isinstance(item, str) and item != "pip"]
    (by_pip,) = (item["pip"] for item in listed if isinstance(item, dict))
    assert by_pip.pop() == "-e ."  # dfe itself, after everything it needs
    expected = {CONDA.get(name, name): spec for name, spec in installed_by_make().items()}
    conda = ranges(plain)
    assert not conda.keys() & ranges(by_pip).keys()
    assert conda | ranges(by_pip) == expected


def test_constraints_pin_one_version_inside_each_range() -> None:
    exact = pins()
    for name, allowed in (installed_by_make() | ranges(EXTRAS["cluster"])).items():
        assert name in exact, f"constraints.txt does not pin {name}"
        (version,) = (spec.version for spec in exact[name])
        assert allowed.contains(version), f"{name}: {version} is not in {allowed}"


def test_constraints_are_exact_and_free_of_build_tags() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    assert len(lines) == len(pins())  # no name twice
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line


def test_pins_suit_the_oldest_python_that_we_support() -> None:
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"  # Debian 12 has 3.11.2
    for name in pins():
        try:
            needs = metadata.metadata(name).get("Requires-Python") or ""
        except metadata.PackageNotFoundError:  # of the extra `cluster`
            continue
        assert SpecifierSet(needs).contains(oldest), f"{name} needs Python {needs}"


def imported(path: Path) -> set[str]:
    """Modules that a file imports; in dfe/ also the late `require("...")` of extraction code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif path.is_relative_to(ROOT / "dfe") and isinstance(node, ast.Call):
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            found.update(map(str, names) if getattr(node.func, "id", "") == "require" else ())
    return {name.partition(".")[0] for name in found}


@pytest.mark.parametrize("folder", ["dfe", "tests", "benchmarks"])
def test_every_import_is_declared(folder: str) -> None:
    declared = {MODULES.get(name, name.replace("-", "_")) for name in installed_by_make()}
    known = declared | set(COMES_ALONG) | set(sys.stdlib_module_names) | {"dfe", "__future__"}
    files = sorted((ROOT / folder).rglob("*.py"))
    if folder == "tests":  # their helpers: files, and folders of files
        known |= {path.stem for path in files} | {path.parent.name for path in files}
    wrong = {str(path.relative_to(ROOT)): imported(path) - known for path in files}
    assert {path: names for path, names in wrong.items() if names} == {}


def our_texts() -> list[Path]:
    skipped = {".git", ".venv", "build", ".snakemake", "__pycache__", ".hypothesis"}
    suffixes = {".py", ".md", ".yml", ".yaml", ".toml", ".ipynb", ".cff", ".bib", ".css", ".txt"}
    plain = [ROOT / "Makefile", ROOT / "Snakefile", ROOT / ".ci" / "run"]
    found = [path for path in ROOT.rglob("*") if path.suffix in suffixes and path.is_file()]
    return plain + [path for path in found if not skipped & set(path.relative_to(ROOT).parts)]


def test_no_text_names_a_machine_path_or_a_package_index() -> None:
    banned = re.compile(
        r"/(?:root|home|work|Users)/\w|pythonhosted|pypi\.\w|--(?:extra-)?index-url"
    )
    hits = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in our_texts()
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if banned.search(line)
    ]
    assert hits == []


@pytest.fixture
def makefile_only(tmp_path: Path) -> Path:
    """A folder with just what the Makefile's set-up reads."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "-C", str(folder), *arguments], capture_output=True, text=True, env=clean
    )


def stamp(folder: Path) -> str:
    (name,) = re.findall(r"touch (\S+)", make(folder, "-n", "data").stdout)
    return str(name)


def test_set_up_runs_once_for_each_content_of_the_requirements(makefile_only: Path) -> None:
    first = stamp(makefile_only)
    (makefile_only / first).parent.mkdir()
    (makefile_only / first).touch()
    os.utime(makefile_only / "pyproject.toml")  # a new checkout has new times, the same content
    assert "pip install" not in make(makefile_only, "-n", "data").stdout
    with (makefile_only / "constraints.txt").open("a") as file:
        file.write("one-more==1\n")
    assert stamp(makefile_only) != first
    assert "pip install" in make(makefile_only, "-n", "data").stdout


def test_set_up_names_an_old_python(makefile_only: Path) -> None:
    old = makefile_only / "python3.9"
    pretend = "import sys; sys.version_info = (3, 9, 1); exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}" "$2"\n')
    old.chmod(0o755)
    done = make(makefile_only, "data", f"PYTHON={old}")
    assert done.returncode != 0
    assert "needs Python >= 3.11" in done.stderr and "is 3.9" in done.stderr
    assert not (makefile_only / ".venv").exists()
