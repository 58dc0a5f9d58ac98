"""Table 7: what bags of the tokens of each variant are worth in the two tasks of stress."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from dfe.claims import cell_id
from dfe.metrics import Interval, Measure
from dfe.recording.pairs import record_asked
from dfe.results import Origin, Recorder
from dfe.utility import Comparison, UtilityError
from dfe.variants import ABLATIONS

#: Measure of a comparison -> second word of its column; the first one names the task.
COLUMNS: Mapping[str, str] = MappingProxyType({"F1 (weighted)": "F1", "balanced accuracy": "BAcc"})
_HUNDRED = 100.0  # the paper's values are times 100


class _Place(NamedTuple):
    """Where the value of a cell comes from."""

    comparison: Comparison
    label: str  # of the variant
    measure: str

    def value(self) -> Interval:
        return self.comparison.value(self.label, self._measure())

    def minus(self, other: _Place) -> Interval:
        return self.comparison.difference(self.label, other.label, self._measure())

    def _measure(self) -> Measure:
        return next(m for m in self.comparison.measures if m.name == self.measure)


def record_variant_tasks(
    recorder: Recorder,
    comparisons: Mapping[str, Comparison],
    *,
    seeds: Sequence[int],
    origin: Origin,
    using: str = "",
    used: Sequence[str] = (),
    model_data: Sequence[str] = (),
) -> None:
    """Record each variant in the columns of each task, and every difference that is asked for.

    Those are the full model minus each other variant, and what the sentences on Table 7 compare
    (`dfe.recording.asked_pairs`), all on the same draws of people.

    Parameters
    ----------
    recorder
        Of the page.
    comparisons
        "Binary" and "Multiclass" -> a comparison whose methods are labels of `ABLATIONS`.
    seeds, origin
        As for `Recorder.record`; videos are counted.
    using
        What stands here for the paper's runs, in words.
    used
        Ids of the data sets of the clips; empty ones, as simulated tasks have, are left out.
    model_data
        Ids of what the variants were trained on, where it is what the paper used.

    Raises
    ------
    dfe.utility.UtilityError
        If a comparison lacks a measure of `COLUMNS`, or two comparisons differ in their clips.
    dfe.results.ResultsError
        If there is no such column, or a cell was recorded before.
    """
    places = _places(comparisons)
    common: dict[str, Any] = {"of": "videos", "seeds": seeds, "origin": origin}
    common["n"] = _count(comparisons)
    ids = tuple(name for name in (*used, *model_data) if name)
    for cell, place in places.items():
        value = place.value()
        if not math.isnan(value.value):
            recorder.record(cell, value.scaled(_HUNDRED), using=using, used=ids, **common)

    def difference(first: str, second: str) -> Interval:
        return places[first].minus(places[second]).scaled(_HUNDRED)

    record_asked(recorder, 7, difference, **common)


def _places(comparisons: Mapping[str, Comparison]) -> dict[str, _Place]:
    """Id of a cell -> where its value comes from."""
    found = {}
    for task, comparison in comparisons.items():
        known = [measure.name for measure in comparison.measures]
        if absent := [name for name in COLUMNS if name not in known]:
            raise UtilityError(f"{task}: no measure {absent[0]!r}; there are {known}")
        for variant in ABLATIONS:
            if variant.label in comparison.predictions:
                for measure, short in COLUMNS.items():
                    cell = cell_id(7, variant.paper[:1], f"{task} {short}")
                    found[cell] = _Place(comparison, variant.label, measure)
    return found


def _count(comparisons: Mapping[str, Comparison]) -> int:
    """Number of videos of all comparisons."""
    sizes = {task: len(comparison.truth) for task, comparison in comparisons.items()}
    if len(set(sizes.values())) != 1:
        raise UtilityError(f"the tasks need the same videos, got {sizes}")
    return next(iter(sizes.values()))
