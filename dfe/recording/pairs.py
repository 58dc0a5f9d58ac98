"""Which two cells of a table are compared: with the paper's own model, and in its sentences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from dfe.claims import Claims
from dfe.metrics import Interval
from dfe.results import Recorder


def asked_pairs(claims: Claims, table: int) -> list[tuple[str, str]]:
    """Pairs of cells of one table whose difference a verdict rests on, each pair once.

    First the paper's own model with each other row, then what only a sentence compares.
    """
    cells = [cell for cell in claims.cells.values() if cell.table == table]
    own = [(cell.reference, cell.id) for cell in cells if not cell.own]
    said = [
        (pair.first, pair.second)
        for pairs in claims.pairs.values()
        for pair in pairs
        if claims.cells[pair.first].table == table
    ]
    found: dict[frozenset[str], tuple[str, str]] = {}
    for pair in own + said:
        found.setdefault(frozenset(pair), pair)
    return list(found.values())


def record_asked(
    recorder: Recorder, table: int, difference: Callable[[str, str], Interval], **behind: Any
) -> None:
    """Record the difference of each asked pair of a table whose two cells have been measured.

    Parameters
    ----------
    recorder
        Of the page; it has the values of the table already.
    difference
        Ids of two cells -> value of the first one minus that of the second; NaN where there is
        none, and then the pair is left out.
    behind
        `n`, `of`, `seeds` and `origin` of `Recorder.record_difference`.
    """
    for first, second in asked_pairs(recorder.claims, table):
        if first in recorder.results and second in recorder.results:
            apart = difference(first, second)
            if not math.isnan(apart.value):
                recorder.record_difference(first, second, apart, **behind)
