"""Claims, measured values and verdicts as tables, and the files that readers can download."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dfe.claims import STATEMENTS_PAGE, Cell, Claims, Statement
from dfe.files import atomic
from dfe.results import PageResults, Result
from dfe.verdicts import (
    VERDICTS,
    Finding,
    Judgement,
    judge_cells,
    judge_pairs,
    judge_statements,
    printed_support,
    table_page,
)

SCHEMA_VERSION = 1
_MEASURED = "ours sd low high n of seeds origin using ours_unit".split()
_JUDGED = "verdict reason page cell profile parameters".split()
_CELLS = [
    *"id table row column unit better digits paper".split(),
    *_MEASURED,
    *("delta", "tolerance"),
    *_JUDGED,
]
_STATEMENTS = [
    *"id section says significant note printed pairs pairs_measured pairs_hold".split(),
    *_MEASURED,
    *_JUDGED,
]
_COUNTS = ("n", "seeds", "cell")
#: Whole numbers, some of them missing in a row of the other kind.
_WHOLE = ("table", "digits", "pairs", "pairs_measured", "pairs_hold", *_COUNTS)


def board(claims: Claims, pages: Mapping[str, PageResults]) -> pd.DataFrame:
    """List every number of the paper's tables, one a row, in the paper's order.

    Parameters
    ----------
    pages
        Page -> what it measured (`dfe.results.read_results`).

    Returns
    -------
    Columns ``id, table, row, column, unit, better, digits, paper``: the claim; ``ours, sd, low,
    high, n, of, seeds, origin, using, ours_unit``: what was measured, `seeds` being how many, and
    `ours_unit` empty where it is the paper's; ``delta``: ours minus paper, missing in another
    unit; ``tolerance, verdict, reason``; ``page, cell, profile, parameters``: where it was
    measured or would be, `parameters` being those that were given. Missing numbers are NaN or
    NA, missing texts empty.

    Raises
    ------
    dfe.results.ResultsError
        If a page measured what `claims` does not know.
    """
    judged, where = judge_cells(claims, pages), _pages_by_claim(pages)
    rows = [
        _cell_row(cell) | _judged_row(judged[id], where.get(id), table_page(cell.table))
        for id, cell in claims.cells.items()
    ]
    for row, cell in zip(rows, claims.cells.values(), strict=True):
        row["delta"] = math.nan if row["ours_unit"] else row["ours"] - cell.value
    return _frame(rows, _CELLS)


def statements_board(claims: Claims, pages: Mapping[str, PageResults]) -> pd.DataFrame:
    """List every comparative sentence, one a row; arguments and errors as `board`.

    Returns
    -------
    Columns ``id, section, says, significant, note, printed``: the claim, `printed` saying whether
    the paper's own numbers bear it out; ``pairs, pairs_measured, pairs_hold``: how many
    comparisons it rests on; ``ours`` to ``ours_unit`` for a sentence with a number of its own,
    but `origin` for all; ``verdict`` to ``parameters`` as in `board`, with every page that
    measures a part.
    """
    judged, found = judge_statements(claims, pages), judge_pairs(claims, pages)
    where = _pages_by_claim(pages)
    origins = {r.claim: r.origin for page in pages.values() for r in page.results}
    rows = []
    for id, statement in claims.statements.items():
        text = ", ".join(_statement_pages(statement))
        row = _statement_row(claims, statement, found[id])
        row |= _judged_row(judged[id], where.get(id), text)
        if not statement.measure:
            cells = {cell for finding in found[id] for cell in finding.pair[:2]}
            row["origin"] = ", ".join(sorted({origins[cell] for cell in cells & origins.keys()}))
        rows.append(row)
    return _frame(rows, _STATEMENTS)


def summary(frame: pd.DataFrame) -> dict[str, int]:
    """Count the verdicts of a board: verdict -> rows, with 0 for those that do not come."""
    counts = frame["verdict"].value_counts()
    return {verdict: int(counts.get(verdict, 0)) for verdict in VERDICTS}


def write_scoreboard(
    folder: Path, cells: pd.DataFrame, statements: pd.DataFrame
) -> tuple[Path, Path]:
    """Write `scoreboard.csv` and `scoreboard.json`, each whole or not at all; return their paths.

    Both hold the same rows: first the numbers (`kind` is "number"), then the sentences
    ("statement"). The JSON is an object with `schema_version` and `rows`, a list of objects in
    which what is missing is null.

    Parameters
    ----------
    cells, statements
        From `board` and `statements_board`.
    """
    rows = pd.concat([_of_kind("number", cells), _of_kind("statement", statements)])
    csv, tree = folder / "scoreboard.csv", folder / "scoreboard.json"
    with atomic(csv) as partial:
        rows.to_csv(partial, index=False)
    objects = [{name: _json(value) for name, value in row.items()} for row in _records(rows)]
    text = json.dumps({"schema_version": SCHEMA_VERSION, "rows": objects}, indent=1)
    with atomic(tree) as partial:
        partial.write_text(text + "\n", encoding="utf-8")
    return csv, tree


def _cell_row(cell: Cell) -> dict[str, Any]:
    return {
        "id": cell.id,
        "table": cell.table,
        "row": ", ".join(cell.row),
        "column": cell.column,
        "unit": cell.measure.unit,
        "better": cell.measure.better,
        "digits": cell.measure.digits,
        "paper": cell.value,
        "tolerance": cell.measure.tolerance,
    }


def _statement_row(
    claims: Claims, statement: Statement, findings: tuple[Finding, ...]
) -> dict[str, Any]:
    outcomes = [finding.outcome for finding in findings]
    return {
        "id": statement.id,
        "section": statement.section,
        "says": statement.says,
        "significant": statement.significant,
        "note": statement.note,
        "printed": printed_support(claims, statement.id),
        "pairs": len(outcomes),
        "pairs_measured": len(outcomes) - outcomes.count("not measured"),
        "pairs_hold": outcomes.count("holds"),
    }


def _judged_row(judgement: Judgement, page: PageResults | None, otherwise: str) -> dict[str, Any]:
    """What was measured, the verdict, and the page: where it was measured, or `otherwise`."""
    given = {} if page is None else page.parameters
    return {
        **_result_row(judgement.result),
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "page": otherwise if page is None else page.page,
        "profile": "" if page is None else page.profile,
        "parameters": ", ".join(f"{name} = {value}" for name, value in given.items()),
    }


def _result_row(result: Result | None) -> dict[str, Any]:
    if result is None:
        missing: dict[str, Any] = dict.fromkeys(("ours", "sd", "low", "high"), math.nan)
        missing |= dict.fromkeys(_COUNTS)
        return missing | dict.fromkeys(("of", "origin", "using", "ours_unit"), "")
    ends = {"sd": result.sd, "low": result.low, "high": result.high}
    return {
        "ours": result.value,
        **{name: math.nan if end is None else end for name, end in ends.items()},
        "n": result.n,
        "of": result.of,
        "seeds": len(result.seeds),
        "origin": result.origin,
        "using": result.using,
        "ours_unit": result.unit,
        "cell": result.cell,
    }


def _pages_by_claim(pages: Mapping[str, PageResults]) -> dict[str, PageResults]:
    return {result.claim: page for page in pages.values() for result in page.results}


def _statement_pages(statement: Statement) -> list[str]:
    if statement.measure:
        return [STATEMENTS_PAGE]
    return list(dict.fromkeys(table_page(one.table) for one in statement.compares))


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    whole = [name for name in _WHOLE if name in columns]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(whole, "Int64"))


def _of_kind(kind: str, frame: pd.DataFrame) -> pd.DataFrame:
    found = frame.copy()
    found.insert(0, "kind", kind)
    return found


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return rows.astype(object).to_dict("records")


def _json(value: Any) -> Any:
    """The value with plain types; null for what is missing."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
