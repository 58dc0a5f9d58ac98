"""Executed notebooks as pages of the book: checked, with today's prose, free of machine paths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfe.results import PageResults

PARAMETERS = {"parameters": "Parameters of this page", "injected-parameters": "Set for this build"}


class BookError(RuntimeError):
    """The book cannot be built as it stands; the message names the page and the cause."""


def check_notebook(path: Path) -> None:
    """Refuse an executed notebook that failed or holds nothing to show.

    Raises
    ------
    BookError
        If the file is missing or no notebook, a code cell did not run, a cell holds an error,
        or no cell has any output.
    """
    cells = [cell for cell in _read(path).cells if cell.cell_type == "code" and cell.source.strip()]
    for number, cell in enumerate(cells, 1):
        if cell.execution_count is None:
            raise BookError(f"{path.name}: code cell {number} did not run: {cell.source[:60]!r}")
        for output in cell.outputs:
            if output.output_type == "error":
                raise BookError(f"{path.name}: code cell {number}: {output.ename}: {output.evalue}")
    if not any(output for cell in cells for output in cell.outputs):
        raise BookError(f"{path.name}: no cell has an output; was it executed?")


def _read(path: Path) -> Any:
    import nbformat

    if not path.is_file():
        raise BookError(f"{path.name}: not executed yet ({path} is missing)")
    try:
        text = path.read_text(encoding="utf-8")
        if not text.startswith("{") or json.loads(text).get("nbformat") != 4:
            raise ValueError("expected JSON in notebook format 4")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, nbformat.ValidationError) as error:
        raise BookError(f"{path.name}: not a notebook: {error}") from error
    return notebook


def publish_notebook(
    executed: Path,
    target: Path,
    results: PageResults | None = None,
    committed: Path | None = None,
) -> None:
    """Copy an executed notebook: log lines and paths left out, parameter cells folded away.

    Cells that recorded `results` get an anchor, ``cell-`` and their execution count.

    Parameters
    ----------
    committed
        The notebook without outputs. Its text is the text of the page: a change of prose needs no
        run.

    Raises
    ------
    BookError
        If one is no notebook, or they differ in their code cells.
    """
    import nbformat

    notebook = _read(executed)
    if committed:
        notebook.cells = list(_with_prose(notebook.cells, _read(committed).cells, committed.name))
    notebook.cells = list(_anchored(notebook.cells, results))
    notebook.metadata.pop("papermill", None)  # paths and times of this machine
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":  # readers can download the notebook: drop the log lines
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        for tag in cell.metadata.get("tags", []):
            if tag in PARAMETERS:
                cell.metadata["tags"] = [*cell.metadata["tags"], "hide-input"]
                cell.metadata["mystnb"] = {"code_prompt_show": PARAMETERS[tag]}
                break
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def _anchored(cells: list[Any], results: PageResults | None) -> Iterator[Any]:
    """The cells, with an anchor for the scoreboard's links before each one that recorded."""
    from nbformat.v4 import new_markdown_cell

    recorded = set() if results is None else {r.cell for r in results.results}
    for cell in cells:
        count = cell.get("execution_count")
        if count is not None and count in recorded:
            yield new_markdown_cell(f'<div id="cell-{count}"></div>', id=f"anchor-{count}")
        yield cell


def _with_prose(executed: list[Any], committed: list[Any], name: str) -> Iterator[Any]:
    """The committed cells, code cells with their outputs, and the parameters of this run."""
    ran = {cell.id: cell for cell in executed if cell.cell_type == "code"}
    injected = [c for c in ran.values() if "injected-parameters" in c.metadata.get("tags", [])]
    for cell in committed:
        if cell.cell_type != "code":
            yield cell
            continue
        if cell.id not in ran:
            raise BookError(f"{name}: executed from other cells than it has now: run `dfe build`")
        cell.outputs, cell.execution_count = ran[cell.id].outputs, ran[cell.id].execution_count
        yield cell
        if "parameters" in cell.metadata.get("tags", []):
            for one in injected:
                one.id = "injected-parameters"  # papermill's differs from run to run
                yield one


def stand_in(committed: Path, target: Path, why: str) -> None:
    """Write the page of a notebook that was not executed: its text, its code, and why."""
    import nbformat
    from nbformat.v4 import new_markdown_cell

    notebook = _read(committed)
    outer, inner = _fence(why, "`"), _fence(why, "~")
    text = f"{inner}text\n{why.rstrip()}\n{inner}"
    note = f"{outer}{{error}}\nThis page has no results in this build.\n\n{text}\n{outer}"
    first, *rest = notebook.cells
    notebook.cells = [first, new_markdown_cell(note, id="not-executed"), *rest]
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def _fence(text: str, mark: str) -> str:
    """A row of marks that no row in a text is as long as."""
    rows = re.findall(f"{mark}+", text)
    return mark * max(3, *(len(row) + 1 for row in rows), 0)
