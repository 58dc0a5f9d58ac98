"""What one build measured, by claim, and how an interval becomes a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from dfe.claims import TABLE_PAGES, Better, Cell, Claims, Expected
from dfe.metrics import Interval
from dfe.results import Difference, PageResults, Result, ResultsError

Verdict = Literal[
    "reproduced",
    "differs",
    "direction holds",
    "direction fails",
    "undecided",
    "needs gated data",
    "not run",
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
HELD: frozenset[Verdict] = frozenset(("reproduced", "direction holds"))
UNMEASURED: frozenset[Verdict] = frozenset(("needs gated data", "not run"))

Outcome = Literal["holds", "fails", "undecided", "not measured"]


class Judgement(NamedTuple):
    """Verdict on one claim.

    Attributes
    ----------
    verdict, reason
        Which one, and why, in words.
    result
        What was measured for the claim itself; None where nothing was.
    difference
        The paired difference that decided, value of the first cell minus that of the second. For
        a cell the first one is that of the paper's own model. None where there is none.
    """

    verdict: Verdict
    reason: str
    result: Result | None = None
    difference: Difference | None = None


@dataclass(frozen=True, eq=False)
class Build:
    """All that the pages of one build measured."""

    claims: Claims
    pages: Mapping[str, PageResults]
    results: Mapping[str, Result]  # by claim
    differences: Mapping[tuple[str, str], Difference]  # by first and second cell

    def difference(self, first: str, second: str) -> Difference | None:
        """Value of the first cell minus that of the second, in whichever order it was recorded."""
        turned = self.differences.get((second, first))
        return self.differences.get((first, second)) or (turned and _turned(turned))

    def best_rival(self, own: Cell) -> Cell | None:
        """Of the cells with a recorded difference to `own`, the best in print; first of equals."""
        rivals = [
            cell
            for cell in self.claims.cells.values()
            if cell.reference == own.id and not cell.own and self.difference(own.id, cell.id)
        ]
        return max(rivals, key=lambda cell: signed(cell.value, cell.measure.better), default=None)

    def unmeasured(self, page: str, needs: Iterable[str]) -> Judgement:
        """Judge a claim of a page that did not measure it."""
        if not page:
            return Judgement("not run", "no page of the book measures it")
        if page not in self.pages:
            return Judgement("not run", f"{page} has no results in this build")
        data = ", ".join(sorted(needs))
        return Judgement("needs gated data", f"{page} ran without it: it needs {data}")


def gather(claims: Claims, pages: Mapping[str, PageResults]) -> Build:
    """Sort what pages measured by claim.

    Raises
    ------
    ResultsError
        If a page measured what `claims` does not know, or a difference of unmeasured cells.
    """
    results = {r.claim: r for page in pages.values() for r in page.results}
    differences = {(d.first, d.second): d for page in pages.values() for d in page.differences}
    known = claims.cells.keys() | claims.statements.keys()
    for page in pages.values():
        if unknown := [r.claim for r in page.results if r.claim not in known]:
            raise ResultsError(
                f"{page.page} measured {unknown[0]}, which book/claims.yml does not have: "
                f"run the page again"
            )
        ends = [id for d in page.differences for id in (d.first, d.second)]
        if absent := [id for id in ends if id not in results or id not in claims.cells]:
            raise ResultsError(
                f"{page.page} holds a difference of {absent[0]} without its value: "
                f"run the page again"
            )
    return Build(claims, pages, results, differences)


def table_page(table: int) -> str:
    """Notebook that measures a table of the paper; empty where none does."""
    return TABLE_PAGES.get(table, "")


def on_paper_data(needs: Iterable[str], result: Result) -> bool:
    """Whether a number rests on all that the paper used, and so can be held against it."""
    return result.origin == "gated" and set(needs) <= set(result.used)


def outcome_of(expected: Expected, gain: Interval) -> Outcome:
    """Compare the interval of the first one's advantage with what is expected of it."""
    if math.isnan(gain.low) or math.isnan(gain.high):
        return "undecided"
    if expected == "not better":
        return "fails" if gain.low > 0 else "holds"
    ahead, behind = gain.low > 0, gain.high < 0
    if expected == "worse":
        ahead, behind = behind, ahead
    return "holds" if ahead else "fails" if behind else "undecided"


def verdict_of(outcome: Outcome, paper_data: bool) -> Verdict:
    """Name an outcome that was measured, on the paper's own data or on others."""
    if outcome == "holds":
        return "reproduced" if paper_data else "direction holds"
    if outcome == "fails":
        return "differs" if paper_data else "direction fails"
    return "undecided"


def signed(value: float, better: Better) -> float:
    """The value where higher is better, its negative where lower is."""
    return value if better == "higher" else -value


def gain_of(better: Better, difference: Difference) -> Interval:
    """Advantage of the first one of a pair: above 0 where it is the better one."""
    interval = difference.interval()
    return interval if better == "higher" else negative(interval)


def printed_gain(first: Cell, second: Cell) -> float:
    """Advantage of the first cell over the second one of its column, as the paper prints them."""
    better = first.measure.better
    return round(signed(first.value, better) - signed(second.value, better), first.measure.digits)


def negative(interval: Interval) -> Interval:
    """The interval of the difference the other way round."""
    return Interval(*(0.0 - end for end in (interval.value, interval.high, interval.low)))


def _turned(difference: Difference) -> Difference:
    value, low, high = negative(difference.interval())
    return difference.model_copy(
        update={
            "first": difference.second,
            "second": difference.first,
            "value": value,
            "low": None if math.isnan(low) else low,
            "high": None if math.isnan(high) else high,
        }
    )
