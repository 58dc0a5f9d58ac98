"""Verdicts on the numbers of the paper's tables."""

from __future__ import annotations

from collections.abc import Mapping

from dfe.claims import Cell, Claims
from dfe.results import Difference, PageResults, Result
from dfe.verdicts.build import (
    Build,
    Judgement,
    Verdict,
    gain_of,
    gather,
    on_paper_data,
    outcome_of,
    printed_gain,
    table_page,
    verdict_of,
)
from dfe.verdicts.words import lead_text, name_of, written

_ROUNDING = 1 + 1e-9  # 74.8 - 73.3 is not exactly 1.5


def judge_cells(claims: Claims, pages: Mapping[str, PageResults]) -> dict[str, Judgement]:
    """Judge every number of the paper's tables: id -> judgement, in the paper's order.

    A number is held against the paper's where it rests on all that the paper used (`needs` of the
    cell) and has the paper's unit. Otherwise the pair of the paper's own model and this row is
    judged: does the 95 % interval of their paired difference lie on the side that the paper
    prints? The row of the paper's own model is paired with the best rival that was measured.

    Parameters
    ----------
    pages
        Page -> what it measured, as `dfe.results.read_results` gives it.

    Raises
    ------
    dfe.results.ResultsError
        If a page measured what `claims` does not know.
    """
    build = gather(claims, pages)
    return {id: _judge(build, cell) for id, cell in claims.cells.items()}


def _judge(build: Build, cell: Cell) -> Judgement:
    result = build.results.get(cell.id)
    if result is None:
        return build.unmeasured(table_page(cell.table), cell.needs)
    own, rival = build.claims.cells[cell.reference], build.best_rival(cell) if cell.own else cell
    difference = rival and build.difference(own.id, rival.id)
    if on_paper_data(cell.needs, result) and not result.unit:
        return Judgement(*_beside_print(cell, result), result, difference)
    verdict, reason = _direction(build, own, rival, difference)
    if cell.own and rival:
        reason += f". {rival.row[-1]} is the best in print of the rivals measured here"
    return Judgement(verdict, reason + _why_direction_only(cell, result), result, difference)


def _beside_print(cell: Cell, result: Result) -> tuple[Verdict, str]:
    apart, allowed = abs(result.value - cell.value), cell.measure.tolerance
    ours, distance = (written(number, cell.measure.digits) for number in (result.value, apart))
    reason = (
        f"{ours} on the paper's own data and {cell.printed} in print: {distance} apart, "
        f"where {allowed:g} is allowed"
    )
    return ("reproduced" if apart <= allowed * _ROUNDING else "differs"), reason


def _direction(
    build: Build, own: Cell, rival: Cell | None, difference: Difference | None
) -> tuple[Verdict, str]:
    """Judge the pair of the paper's own model and another row by the sign that is printed."""
    if rival is None:
        return "undecided", f"no other row was measured together with {name_of(own)}"
    if difference is None:
        return "undecided", f"no paired difference to {name_of(own)} was recorded"
    lead, printed = lead_text(build, own, rival, difference), printed_gain(own, rival)
    if printed == 0:
        return "undecided", f"{lead}; the paper prints a tie, so there is nothing to test"
    gain = gain_of(own.measure.better, difference)
    outcome = outcome_of("better" if printed > 0 else "worse", gain)
    side = "ahead" if printed > 0 else "behind"
    reason = f"{lead}; in the paper {side} by {written(abs(printed), own.measure.digits)}"
    return verdict_of(outcome, paper_data=False), reason


def _why_direction_only(cell: Cell, result: Result) -> str:
    """What keeps a number from gated data from being held against the paper's; else empty."""
    if result.origin != "gated":
        return ""
    if absent := sorted(cell.needs - set(result.used)):
        return f". Only the direction counts, for want of {', '.join(absent)}"
    return ". Only the direction counts, for the unit is not the paper's"
