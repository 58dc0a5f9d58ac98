"""What prose pages insert from results and claims, so that nobody types a number.

A page writes ``{{ paper["table-3.ours.accuracy"] }}``, and Jupyter Book puts the text in. An
unknown name stops the build.
"""

from __future__ import annotations

from collections.abc import Mapping

from dfe.claims import Cell, Claims, book_claims
from dfe.config import Profile
from dfe.evidence import results_folder
from dfe.own_pages import own_have, own_table
from dfe.results import PageResults, Result, read_results
from dfe.scoreboard import board, statements_board, strip_html
from dfe.verdicts import written

Insert = str | dict[str, str]


def inserts(profile: Profile) -> dict[str, Insert]:
    """All names that a prose page of this build can insert.

    Returns
    -------
    ``scoreboard_strip``, the summary of the scoreboard as html; ``paper``, id of a cell -> the
    number as the paper prints it; ``ours``, id of a cell -> what this build measured, with its
    interval and origin; ``fact``, id -> its numbers; ``own_table``, the data that a reader can
    bring and which of them are here, as a table; ``own_have``, id of a data set -> the same as a
    sentence.

    Raises
    ------
    dfe.results.ResultsError
        If a results file is damaged.
    """
    claims, pages = book_claims(), read_results(results_folder(profile))
    strip = strip_html(board(claims, pages), statements_board(claims, pages))
    return {
        "scoreboard_strip": strip,
        "paper": {cell.id: cell.printed for cell in claims.cells.values()},
        "ours": _ours(claims, pages),
        "fact": {
            fact.id: ", ".join(f"{value:g}" for value in fact.values)
            for fact in claims.facts.values()
        },
        "own_table": own_table(profile),
        "own_have": own_have(profile),
    }


def _ours(claims: Claims, pages: Mapping[str, PageResults]) -> dict[str, str]:
    found = {result.claim: result for page in pages.values() for result in page.results}
    return {cell.id: _text(cell, found.get(cell.id)) for cell in claims.cells.values()}


def _text(cell: Cell, result: Result | None) -> str:
    if result is None:
        return "not measured"
    value, low, high = (written(number, cell.measure.digits) for number in result.interval())
    text = value if result.low is None else f"{value} [{low}, {high}]"
    return f"{text} {result.unit}".strip() + f" ({result.origin})"
