"""What the committed notebook says of itself: its title, and what its parameters are."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dfe.config import project_root
from dfe.sweeps.points import SweepError

_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_PARAMETER = re.compile(r"^(\w+) *=[^#\n]*#[ \t]*(.+?)[ \t]*$", re.MULTILINE)


def committed_notebook(notebook: str) -> Path:
    """The notebook without outputs."""
    return project_root() / "notebooks" / f"{notebook}.ipynb"


def page_title(notebook: str) -> str:
    """First heading of a notebook, or else its name.

    Raises
    ------
    dfe.sweeps.SweepError
        If there is no such notebook.
    """
    for kind, source in _cells(committed_notebook(notebook)):
        if kind == "markdown" and (found := _HEADING.search(source)):
            return found[1]
    return notebook


def meanings(notebook: str) -> dict[str, str]:
    """Parameter -> the comment beside it in the cell of parameters, without what None means."""
    for kind, source in _cells(committed_notebook(notebook)):
        if kind == "code":
            return {n: text.partition("; None")[0] for n, text in _PARAMETER.findall(source)}
    return {}


def _cells(path: Path) -> tuple[tuple[str, str], ...]:
    """Kind and source of each cell."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise SweepError(f"sweep of {path.stem}: {path} is no notebook: {error!r}") from error
    return tuple((cell["cell_type"], "".join(cell["source"])) for cell in cells)
