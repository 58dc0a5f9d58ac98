"""The contract that every committed notebook keeps."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat import NotebookNode

from dfe.book import notebook_names

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_table_of_contents_lists_every_notebook() -> None:
    assert sorted(notebook_names()) == [path.stem for path in NOTEBOOKS]


@each_notebook
def test_committed_without_outputs(path: Path) -> None:
    for cell in code_cells(path):
        assert cell.outputs == [] and cell.execution_count is None


@each_notebook
def test_parameters_come_first_and_each_is_documented(path: Path) -> None:
    first, second, *_ = code_cells(path)
    assert "parameters" in first.metadata.tags
    known = papermill.inspect_notebook(path)
    assert known["profile"]["default"] == '"quick"'
    for name, parameter in known.items():
        # papermill takes a comment with "=" in it for an assignment and loses the parameter
        assert parameter["help"], f"parameter {name} has no comment"
    assigned = [line for line in first.source.splitlines() if line.strip()]
    assert len(assigned) == len(known), "one line per parameter, with its comment"
    assert "check_parameters()" in second.source and "load_profile(profile" in second.source


def overrides(source: str) -> set[str]:
    """Variables that stand for a dotted setting, as in {"training.steps": steps}."""
    dicts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Dict)]
    pairs = [pair for node in dicts for pair in zip(node.keys, node.values, strict=True)]
    return {
        value.id
        for key, value in pairs
        if isinstance(key, ast.Constant) and "." in str(key.value) and isinstance(value, ast.Name)
    }


@each_notebook
def test_a_parameter_that_overrides_a_setting_does_so_only_when_given(path: Path) -> None:
    known = papermill.inspect_notebook(path)
    _, second, *_ = code_cells(path)
    for name in overrides(second.source) & set(known):
        assert known[name]["default"] == "None", f"{name} would always override the profile"


def test_overrides_are_found() -> None:
    assert overrides('f(profile, {"training.steps": steps, "plain": x, "a.b": 3})') == {"steps"}


@each_notebook
def test_ends_with_its_provenance(path: Path) -> None:
    cells = code_cells(path)
    assert cells[-1].source.strip() == "run.provenance()"
    assert f'start_run("{path.stem}"' in "".join("".join(cell.source.split()) for cell in cells)


@each_notebook
def test_names_its_kernel_and_nothing_of_a_machine(path: Path) -> None:
    metadata = nbformat.read(path, as_version=4).metadata
    assert metadata.kernelspec.name == "python3"
    assert set(metadata) <= {"kernelspec", "language_info"}
