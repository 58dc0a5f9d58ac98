"""Numbers and leads in words, for the reasons of verdicts."""

from __future__ import annotations

import math

from dfe.claims import STATEMENTS_PAGE, Cell
from dfe.metrics import Interval
from dfe.results import Difference
from dfe.verdicts.build import Build, gain_of, negative, table_page


def written(value: float, digits: int) -> str:
    """Write a number with `digits` decimals, or with its first digit where they are all 0."""
    fixed = f"{value:.{digits}f}"
    return f"{value:.1g}" if value and not float(fixed) else fixed


def interval_text(interval: Interval, digits: int, unit: str = "") -> str:
    """Write a value with its interval, if it has one, and its unit, if one is given."""
    value, low, high = (written(number, digits) for number in interval)
    text = value if math.isnan(interval.low) else f"{value} [{low}, {high}]"
    return f"{text} {unit}".strip()


def name_of(cell: Cell) -> str:
    """The last part of a row's label; the paper's own model by what it is in its table."""
    if not cell.own:
        return cell.row[-1]
    return "the full model" if table_page(cell.table) == STATEMENTS_PAGE else "tokens"


def lead_text(build: Build, first: Cell, second: Cell, difference: Difference) -> str:
    """Write who leads by how much, such as "tokens ahead of Facial Basis by 3.1 [0.4, 5.9]".

    Parameters
    ----------
    difference
        Value of the first cell minus that of the second.
    """
    gain = gain_of(first.measure.better, difference)
    side, shown = ("ahead of", gain) if gain.value >= 0 else ("behind", negative(gain))
    text = interval_text(shown, first.measure.digits, build.results[first.id].unit)
    lead = f"{name_of(first)} {side} {name_of(second)} by {text}"
    if math.isnan(gain.low) or math.isnan(gain.high):
        return f"{lead}, without an interval"
    return f"{lead}, an interval that includes 0" if gain.low <= 0 <= gain.high else lead
