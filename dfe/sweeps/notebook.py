"""The notebook of a point as a page of its own: its title, its labels, its links."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

# What Sphinx takes for a name that is unique in the whole book.
_DEFINED = (
    re.compile(r"^\(([^()\n]+)\)=[ \t]*$", re.MULTILINE),  # (name)= before a heading
    re.compile(r"^[ \t]*:(?:name|label):[ \t]*(\S+)[ \t]*$", re.MULTILINE),  # of a directive
    re.compile(r"\$\$[ \t]*\(([^()\n]+)\)[ \t]*$", re.MULTILINE),  # of a formula
    re.compile(r"\\label\{([^{}\n]+)\}"),
    re.compile(r"\{#([\w.:-]+)[^{}\n]*\}"),  # of an attribute
)
#: What stands before and after a label, in definitions and in references.
_AROUND_LABELS = (
    (r"^\(", r"\)=[ \t]*$"),
    (r"^[ \t]*:(?:name|label):[ \t]*", r"[ \t]*$"),
    (r"\$\$[ \t]*\(", r"\)[ \t]*$"),
    (r"\\(?:label|ref|eqref)\{", r"\}"),
    (r"\{#", r"[ }]"),
    (r"\{(?:ref|numref|eq)\}`(?:[^`<]*<)?", r"[`>]"),
    (r"\]\(<?#?", r"[>)]"),
)
_HEADING = re.compile(r"^(#[ \t]+.+?)[ \t]*$", re.MULTILINE)
_ADDRESS = re.compile(r"(\b(?:href|src)=[\"'])([^\"'>]+)")
_LINKS = (
    re.compile(r"(?<=\]\()(<?)([^()<>\s]+)"),  # [text](target), ![text](<target>)
    re.compile(r"^([ \t]*\[[^\]\n]+\]:[ \t]*<?)([^\s<>]+)", re.MULTILINE),  # [text]: target
    _ADDRESS,
    re.compile(r"^([ \t]*[`:]{3,}\{(?:figure|image|include)\}[ \t]+)(\S+)", re.MULTILINE),
    re.compile(r"(\{(?:doc|download)\}`(?:[^`<]*<)?)([^`<>]+)"),
)
#: What stays as it is: another host or scheme, an anchor of the page, a path of the source.
_ABSOLUTE = re.compile(r"[a-zA-Z][\w+.-]*:|#|/|\{\{")
#: The theme links each notebook to the repository's file of this name, which these have not.
_NO_LAUNCH = "<style>.dropdown-launch-buttons {display: none}</style>"


def as_point(page: Path, suffix: str, said: str) -> None:
    """Make a published notebook the page of a point, two folders deep, in place.

    Parameters
    ----------
    page
        The published notebook.
    suffix
        What makes its labels different from those of the same notebook at other points.
    said
        The point in words, for the title.
    """
    import nbformat

    notebook = nbformat.read(page, as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    names = {name for text in texts for pattern in _DEFINED for name in pattern.findall(text)}
    titled = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if not titled and _HEADING.search(cell.source):
                cell.source = _HEADING.sub(lambda m: f"{m[1]}: {said}", cell.source, count=1)
                titled = True
            cell.source = moved(renamed(cell.source, names, suffix))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/markdown" in data:
                data["text/markdown"] = moved(renamed(data["text/markdown"], names, suffix))
            if "text/html" in data:
                data["text/html"] = moved(data["text/html"], (_ADDRESS,))
    notebook.cells.append(nbformat.v4.new_markdown_cell(_NO_LAUNCH, id="no-launch"))
    nbformat.write(notebook, page)


def renamed(text: str, names: Iterable[str], suffix: str) -> str:
    """Give labels a suffix, where they are defined and where they are referred to."""
    for name in sorted(names):
        for before, after in _AROUND_LABELS:
            pattern = re.compile(rf"({before}{re.escape(name)})(?={after})", re.MULTILINE)
            text = pattern.sub(rf"\1-{suffix}", text)
    return text


def moved(text: str, patterns: Iterable[re.Pattern[str]] = _LINKS) -> str:
    """Make relative links of a notebook right from a page in `sweeps/<notebook>/`."""
    for pattern in patterns:
        text = pattern.sub(lambda found: found[1] + _target(found[2]), text)
    return text


def _target(target: str) -> str:
    if _ABSOLUTE.match(target) or not re.search(r"[./]", target):  # a bare word is a label
        return target
    path, *rest = re.split(r"(?=[#?])", target, maxsplit=1)
    return "".join([posixpath.normpath(f"../../notebooks/{path}"), *rest])
