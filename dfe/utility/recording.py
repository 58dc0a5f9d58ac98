"""From a comparison of methods to the cells of the paper's Tables 3 to 6."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dfe.claims import cell_id
from dfe.data.task import AUTOMATIC_UNITS
from dfe.metrics import Measure
from dfe.results import Origin, Recorder
from dfe.utility.comparison import Comparison
from dfe.utility.features import DFE_TOKENS, PUBLISHED_BASIS, paper_row
from dfe.utility.methods import UtilityError

#: Method of a reader's own files -> id of its features, as in `needs` of `book/claims.yml`.
FEATURES: Mapping[str, str] = {
    "LibreFace": "libreface",
    "MAE-Face": "mae-face",
    "MARLIN": "marlin",
    "VideoMAE": "videomae",
    PUBLISHED_BASIS: "facial-basis",
}


def record_comparison(
    recorder: Recorder,
    comparison: Comparison,
    table: int,
    columns: Mapping[str, str],
    scale: Mapping[str, float],
    *,
    seeds: Sequence[int],
    origin: Origin,
    of: str,
    used: Sequence[str] = (),
    model_data: Sequence[str] = (),
) -> None:
    """Record each method that has a row in the paper's table, and tokens minus each of the others.

    Automatic action units stand in the row of LibreFace where its features are absent. What a
    method has no score for is left out.

    Parameters
    ----------
    recorder
        Of the page.
    comparison
        Methods on the same M clips, the tokens among them.
    table
        Number of the table.
    columns
        Measure of the comparison -> column of the table.
    scale
        Measure -> factor from our unit to the paper's; 1 where it is missing.
    seeds, origin, of
        As for `Recorder.record`; the M clips are counted in `of`, such as "videos".
    used
        Ids of the data sets of the clips; empty ones, as simulated tasks have, are left out.
    model_data
        Ids of what the model of the tokens was trained on, where it is what the paper used.

    Raises
    ------
    UtilityError
        If the comparison or the table lacks the tokens, or the comparison a measure of `columns`.
    dfe.results.ResultsError
        If there is no such cell, or it was recorded before.
    """
    places = _places(recorder, comparison, table, columns, scale)
    common: dict[str, Any] = {"n": len(comparison.truth), "of": of}
    common |= {"seeds": seeds, "origin": origin}
    for place in places:
        value = comparison.value(place.method, place.measure).scaled(place.factor)
        if not math.isnan(value.value):
            behind = _behind(place.method, origin, used, model_data)
            recorder.record(place.cell, value, **common, **behind)
    _record_leads(recorder, comparison, places, common)


class _Place(NamedTuple):
    """A cell of the table, and where its value comes from."""

    cell: str
    method: str
    measure: Measure
    factor: float  # from our unit to the paper's


def _places(
    recorder: Recorder,
    comparison: Comparison,
    table: int,
    columns: Mapping[str, str],
    scale: Mapping[str, float],
) -> list[_Place]:
    rows, measures = _rows(recorder, comparison, table), _measures(comparison, columns)
    return [
        _Place(cell_id(table, (row,), columns[name]), method, measure, scale.get(name, 1.0))
        for method, row in rows.items()
        for name, measure in measures.items()
    ]


def _record_leads(
    recorder: Recorder,
    comparison: Comparison,
    places: Sequence[_Place],
    common: Mapping[str, Any],
) -> None:
    """Record tokens minus each other method, in the measures for which both have a score."""
    ours = {place.measure.name: place.cell for place in places if place.method == DFE_TOKENS}
    for place in places:
        if place.method == DFE_TOKENS:
            continue
        apart = comparison.difference(DFE_TOKENS, place.method, place.measure)
        if not math.isnan(apart.value):
            first, lead = ours[place.measure.name], apart.scaled(place.factor)
            recorder.record_difference(first, place.cell, lead, **common)


def _rows(recorder: Recorder, comparison: Comparison, table: int) -> dict[str, str]:
    """Method -> label of its row, for the methods that have one."""
    labels = recorder.claims.table(table).frame().index
    named = {name: paper_row(name, labels) for name in comparison.predictions}
    rows = {name: label for name, label in named.items() if label is not None}
    if DFE_TOKENS not in rows:
        raise UtilityError(
            f"{DFE_TOKENS} are not in the comparison, or have no row in Table {table}"
        )
    units = paper_row("LibreFace", labels)
    if units is not None and "LibreFace" not in rows and AUTOMATIC_UNITS in named:
        rows[AUTOMATIC_UNITS] = units
    return rows


def _measures(comparison: Comparison, columns: Mapping[str, str]) -> dict[str, Measure]:
    known = {measure.name: measure for measure in comparison.measures}
    if unknown := [name for name in columns if name not in known]:
        raise UtilityError(f"the comparison has no measure {unknown[0]!r}; it has {[*known]}")
    return {name: known[name] for name in columns}


def _behind(
    method: str, origin: Origin, used: Sequence[str], model_data: Sequence[str]
) -> dict[str, Any]:
    """What a method's numbers rest on (`used`), and what stands for what (`using`)."""
    ids = [name for name in used if name]
    if method == DFE_TOKENS:
        ids += model_data
    if method in FEATURES:
        ids.append(FEATURES[method])
    made = "simulated " if origin == "simulated" else ""
    text = f"{made}automatic action units instead of LibreFace"
    return {"used": tuple(ids), "using": text if method == AUTOMATIC_UNITS else ""}
