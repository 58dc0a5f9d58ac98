"""The scoreboard as html that works without scripts and prints whole.

Classes are styled in `book/_static/dfe.css`: ``scoreboard`` for tables, ``verdict`` and the
verdict's own name for chips, ``verdict-strip`` for the summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from types import MappingProxyType
from typing import Any

import pandas as pd

from dfe.scoreboard.board import summary
from dfe.verdicts import Verdict, written

#: Page, and execution count of a cell or None for the page itself -> address.
Link = Callable[[str, int | None], str]

#: Colors of the verdicts in figures, as the style sheet has them in the light theme.
COLORS: Mapping[Verdict, str] = MappingProxyType(
    {
        "reproduced": "#1a7f37",
        "differs": "#a40e26",
        "direction holds": "#0b5cad",
        "direction fails": "#b45309",
        "undecided": "#5c6570",
        "needs gated data": "#8b949e",
        "not run": "#c2182b",
    }
)
_NONE = "–"
_DIGITS = 2  # of a statement's own number
_CELL_HEADS = "row, column, paper, here [95 %], here minus paper, N, origin, verdict"
_STATEMENT_HEADS = "section, claim, borne out in print, here, verdict, measured by"


def cell_link(page: str, cell: int | None) -> str:
    """Address of a notebook cell, or of its page, seen from another notebook of the book."""
    return f"{page}.html" + ("" if cell is None else f"#cell-{cell}")


def configuration_link(page: str) -> str:
    """Address of the settings behind a page, seen from a notebook of the book."""
    return f"../_static/results/{page}.provenance.json"


def table_html(board: pd.DataFrame, number: int, link: Link = cell_link) -> str:
    """One table of the paper with a line for each of its numbers, grouped by row.

    Parameters
    ----------
    board
        From `dfe.scoreboard.board`.
    number
        Of the table in the paper.
    link
        Address of the notebook cell that measured a number.

    Raises
    ------
    ValueError
        If the board has no such table.
    """
    rows = board[board["table"] == number]
    if rows.empty:
        known = sorted(board["table"].unique().tolist())
        raise ValueError(f"no Table {number} on the scoreboard; there are {known}")
    groups = [
        _group(label, group, link) for label, group in rows.groupby("row", sort=False, dropna=False)
    ]
    return _table(f"Table {number} of the paper", _CELL_HEADS, groups)


def statements_html(statements: pd.DataFrame, link: Link = cell_link) -> str:
    """The comparative sentences, a line for each.

    Parameters
    ----------
    statements
        From `dfe.scoreboard.statements_board`.
    link
        As for `table_html`.
    """
    lines = [f"<tbody>{_statement(row, link)}</tbody>" for row in _rows(statements)]
    return _table("Comparative sentences of the paper", _STATEMENT_HEADS, lines, "sentences")


def strip_html(cells: pd.DataFrame, statements: pd.DataFrame) -> str:
    """Summarize the verdicts: a bar of the numbers, and both counts in words; one line of html.

    Parameters
    ----------
    cells, statements
        From `dfe.scoreboard.board` and `dfe.scoreboard.statements_board`.
    """
    counts = summary(cells)
    told = escape(", ".join(f"{count} {verdict}" for verdict, count in _shown(counts)))
    segments = "".join(
        f'<span class="{_class(verdict)}" style="flex-grow:{count}" '
        f'title="{count} {escape(verdict)}"></span>'
        for verdict, count in counts.items()
        if count
    )
    bar = f'<div class="verdict-bar" role="img" aria-label="Numbers: {told}">{segments}</div>'
    legend = _legend("numbers", counts) + _legend("statements", summary(statements))
    return f'<div class="verdict-strip">{bar}{legend}</div>'


def _legend(what: str, counts: dict[str, int]) -> str:
    chips = ", ".join(_chip(verdict, f"{count} {verdict}") for verdict, count in _shown(counts))
    return f'<p class="verdict-legend">{sum(counts.values())} {what}: {chips}</p>'


def _shown(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Verdicts that come, and "reproduced" always: that it is 0 is worth saying."""
    return [(name, count) for name, count in counts.items() if count or name == "reproduced"]


def _table(caption: str, heads: str, bodies: Iterable[str], kind: str = "numbers") -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads.split(", "))
    return (
        f'<table class="scoreboard {kind}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>{''.join(bodies)}</table>"
    )


def _group(label: Any, rows: pd.DataFrame, link: Link) -> str:
    """The lines of one row of the paper; what they share stands once, below its label."""
    entries = _rows(rows)
    behind = [_small(escape(row["using"])) + _small(_measured_by(row, link)) for row in entries]
    shared = behind[0] if len(set(behind)) == 1 else ""
    lines = [
        _line(_number_cells(row, "" if shared else own))
        for row, own in zip(entries, behind, strict=True)
    ]
    head = f'<th scope="rowgroup" rowspan="{len(lines)}">{escape(str(label))}{shared}</th>'
    return f"<tbody><tr>{head}{'</tr><tr>'.join(lines)}</tr></tbody>"


def _number_cells(row: dict[str, Any], behind: str) -> list[str]:
    """Cells of a line; `behind` is what stands below its number."""
    digits = row["digits"]
    return [
        f'<span title="{escape(row["unit"])}, {row["better"]} is better">'
        f"{escape(row['column'])}</span>",
        f"{row['paper']:.{digits}f}",
        _here(row, digits) + behind,
        _NONE if pd.isna(row["delta"]) else _signed(row["delta"], digits),
        _size(row),
        escape(row["origin"]) or _NONE,
        _chip(row["verdict"], row["verdict"], row["reason"]),
    ]


def _statement(row: dict[str, Any], link: Link) -> str:
    pairs = f"{row['pairs_measured']} of {row['pairs']} pairs"
    cells = [
        escape(row["section"]),
        "".join([escape(row["says"]), *(_small(escape(row[part])) for part in ("note", "reason"))]),
        escape(row["printed"]),
        (pairs if row["pairs"] else _here(row, _DIGITS) + _small(escape(row["using"])))
        + _small(escape(row["origin"])),
        _chip(row["verdict"], row["verdict"]),
        _measured_by(row, link),
    ]
    return f"<tr>{_line(cells)}</tr>"


def _here(row: dict[str, Any], digits: int) -> str:
    """The value ± its spread over seeds, its interval, and its unit if it is another one."""
    if pd.isna(row["ours"]):
        return _NONE
    text = written(row["ours"], digits)
    if not pd.isna(row["sd"]):
        text += f" ± {written(row['sd'], digits)}"
    if not pd.isna(row["low"]) and not pd.isna(row["high"]):
        text += f" [{written(row['low'], digits)}, {written(row['high'], digits)}]"
    unit = f" {escape(row['ours_unit'])}" if row["ours_unit"] else ""
    return f'<span class="value">{escape(text)}</span>{unit}'


def _size(row: dict[str, Any]) -> str:
    if pd.isna(row["n"]):
        return _NONE
    seeds = row["seeds"]
    return escape(f"{row['n']} {row['of']}, {seeds} {'seed' if seeds == 1 else 'seeds'}")


def _measured_by(row: dict[str, Any], link: Link) -> str:
    cell = None if pd.isna(row["cell"]) else int(row["cell"])
    links = []
    for page in filter(None, row["page"].split(", ")):
        parts = [_anchor(link(page, cell), page.partition("_")[2] or page)]
        if row["verdict"] != "not run":  # then there is no such file
            parts.append(_anchor(configuration_link(page), "settings"))
        links.append(" · ".join(parts))
    return ("<br>".join(links) or _NONE) + _small(escape(row["parameters"]))


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.astype(object).to_dict("records")


def _line(cells: Iterable[str]) -> str:
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _signed(value: float, digits: int) -> str:
    return ("+" if value >= 0 else "") + written(value, digits)


def _anchor(address: str, text: str) -> str:
    return f'<a href="{escape(address)}">{escape(text)}</a>'


def _small(html: str) -> str:
    return f"<br><small>{html}</small>" if html else ""


def _class(verdict: str) -> str:
    return f"verdict {verdict.replace(' ', '-')}"


def _chip(verdict: str, text: str, reason: str = "") -> str:
    title = f' title="{escape(reason)}"' if reason else ""
    return f'<span class="{_class(verdict)}"{title}>{escape(text)}</span>'
