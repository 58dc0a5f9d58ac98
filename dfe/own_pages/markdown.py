"""Texts of manifests as MyST Markdown in which no sign of theirs means anything.

The pages that are made here are read by MyST with the extensions of `_config.yml`, so braces,
dollars, pipes and the like have to be kept from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

_SIGNS = re.compile(r"([!-/:-@\[-`{-~])")  # all that Markdown lets a backslash stand before
#: Signs that nobody reads as markup inside a sentence, whatever stands around them.
_HARMLESS = frozenset(",;?/")
_RUNS = re.compile("`+")
_KEPT_IN_URLS = ":/?#[]@!$&'()*+,;=%~-._"


def plain(text: str) -> str:
    """A text on one line, to be shown as it is."""
    return _SIGNS.sub(_escaped, " ".join(text.split()))


def _escaped(sign: re.Match[str]) -> str:
    return sign[0] if sign[0] in _HARMLESS else f"\\{sign[0]}"


def code(text: str) -> str:
    """A text on one line in the letters of code; an empty one is shown as two quotes."""
    line = " ".join(text.split()) or '""'
    fence = "`" * (1 + max((len(run) for run in _RUNS.findall(line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def codes(texts: Iterable[str], between: str = ", ") -> str:
    """Several texts in the letters of code."""
    return between.join(code(text) for text in texts)


def link(url: str, text: str = "") -> str:
    """A link that shows its text, or else its address."""
    return f"[{plain(text or url)}](<{quote(url, safe=_KEPT_IN_URLS)}>)"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown, each on one line."""
    lines = [_line(heads), _line(["---"] * len(heads)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    """One row. A pipe ends a cell wherever it stands, unless a backslash is before it."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def bullets(items: Iterable[str]) -> str:
    """A list of items that are Markdown, each on one line."""
    return "\n".join(f"- {item}" for item in items)


def block(text: str, language: str) -> str:
    """Lines of code, shown as they are."""
    fence = "`" * (3 + max((len(run) for run in _RUNS.findall(text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
