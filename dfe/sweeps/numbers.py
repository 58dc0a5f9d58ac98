"""Numbers of a sweep in groups that share an axis: those of claims, and those of saved tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dfe.claims import Claims
from dfe.metrics import Interval
from dfe.results import Result
from dfe.sweeps.points import Sweep, SweepError
from dfe.sweeps.saved import Saved
from dfe.verdicts import written

_Place = tuple[int, int, int, str]  # table, first parts of the row, column, unit
_LARGE = 1000  # from here on, a number is written without decimals
NOTHING = Interval(math.nan, math.nan, math.nan)


@dataclass
class Group:
    """Numbers of one kind, each at every point.

    Attributes
    ----------
    title
        What was measured, such as ``"Table 6: Binary F1"``.
    axis
        What it is with its unit, for the axis of a figure.
    digits
        Decimals in print; None for four significant digits.
    better
        Direction in words; empty where none is known.
    items
        What it was measured of, such as a method -> name of a point -> the number.
    behind
        Name of a point -> what stands behind its numbers, as (N, origin).
    using
        What stands for what the paper used, in words -> the items of which this is so.
    """

    title: str
    axis: str
    digits: int | None = None
    better: str = ""
    items: dict[str, dict[str, Interval]] = field(default_factory=dict)
    behind: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    using: dict[str, list[str]] = field(default_factory=dict)

    def number(self, item: str, point: str) -> Interval:
        """One number; NaN where the point has none."""
        return self.items[item].get(point, NOTHING)

    def text(self, item: str, point: str) -> str:
        """One number with its interval, as ``"73.8 [70.1, 77.0]"``; a dash where it is missing."""
        value, *ends = self.number(item, point)
        if math.isnan(value):
            return "–"
        if any(map(math.isnan, ends)):
            return self._written(value)
        low, high = map(self._written, ends)
        return f"{self._written(value)} [{low}, {high}]"

    def _written(self, value: float) -> str:
        if self.digits is not None:
            return written(value, self.digits)
        return f"{value:.0f}" if abs(value) >= _LARGE else f"{value:.4g}"

    def add(self, item: str, point: str, number: Interval) -> None:
        """Put in one number."""
        self.items.setdefault(item, {})[point] = number

    def note(self, item: str, point: str, result: Result) -> None:
        """Keep what stands behind a number."""
        kept = self.behind.setdefault(point, [])
        if (entry := (f"{result.n:,} {result.of}", result.origin)) not in kept:
            kept.append(entry)
        if result.using and item not in self.using.setdefault(result.using, []):
            self.using[result.using].append(item)


def claim_groups(sweep: Sweep, claims: Claims) -> list[Group]:
    """What the points measured for claims, a group for each column of a table of the paper.

    A table whose rows have several parts, such as the observer and the method, has a group for
    each of the first parts. A sentence with a number of its own is a group, too. The order is that
    of the claims.

    Raises
    ------
    SweepError
        If a point measured what `claims` does not know.
    """
    groups: dict[_Place, Group] = {}
    order = {id: at for at, id in enumerate((*claims.cells, *claims.statements))}
    for point in sweep.points:
        if unknown := {one.claim for one in point.results.results} - order.keys():
            raise SweepError(
                f"sweep of {sweep.notebook}, point {point.name}: book/claims.yml has no number "
                f"{min(unknown)!r}: run `dfe build` with this sweep"
            )
        for result in sorted(point.results.results, key=lambda one: order[one.claim]):
            place, item, empty = _placed(claims, result)
            group = groups.setdefault(place, empty)
            group.add(item, point.name, result.interval())
            group.note(item, point.name, result)
    return [groups[place] for place in sorted(groups)]


def _placed(claims: Claims, result: Result) -> tuple[_Place, str, Group]:
    """Where the group of a result stands, name of its item, and an empty group."""
    if (cell := claims.cells.get(result.claim)) is None:
        place = (max(claims.tables, default=0) + 1, [*claims.statements].index(result.claim), 0, "")
        group = Group(claims.statements[result.claim].says, result.unit or "measured number")
        return place, "measured", group
    table = claims.tables[cell.table]
    *parts, item = cell.row
    above = list(dict.fromkeys(row.label[:-1] for row in table.rows))
    place = (
        cell.table,
        above.index(tuple(parts)),
        [*table.columns].index(cell.column),
        result.unit,
    )
    group = Group(
        f"Table {cell.table}: {', '.join((*parts, cell.column))}",
        f"{cell.column}, {result.unit or cell.measure.unit}",
        cell.measure.digits,
        f"{cell.measure.better} is better",
    )
    return place, item, group


def groups_of(saved: Saved) -> Iterator[Group]:
    """A group for each column of one saved table; rows that have no number in it are left out."""
    for column in saved.columns:
        group = Group(f"{saved.name}: {column}", column)
        for label in saved.rows:
            for point, number in _column(saved, label, column).items():
                group.add(", ".join(label), point, number)
        yield group


def _column(saved: Saved, label: tuple[str, ...], column: str) -> Mapping[str, Interval]:
    return {point: row[column] for point, row in saved.rows[label].items() if column in row}
