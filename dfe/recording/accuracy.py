"""Table 1: what retrieval with each coding found, as each observer sees it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from dfe.accuracy import AU_CODING, DFE_CODING, HUMAN_CODING, MEASURES, Comparison
from dfe.claims import cell_id
from dfe.results import Origin, Recorder

PaperObserver = Literal["SMIRK", "MAE-Face"]

#: Observer of the paper -> its id in `needs` of `book/claims.yml`.
FEATURES: Mapping[PaperObserver, str] = MappingProxyType({"SMIRK": "smirk", "MAE-Face": "mae-face"})
UNITS_ROW, TOKENS_ROW = "AU-based", "Ours (VQ-VAE)"


class StandIn(NamedTuple):
    """An observer on open data that takes the place of one of the paper."""

    name: str
    units: Mapping[str, str]  # measure -> unit, where it is not the paper's


#: The paper's cosine has no unit, so that of a stand-in has the same.
STAND_INS: Mapping[PaperObserver, StandIn] = MappingProxyType(
    {
        "SMIRK": StandIn(
            "landmark geometry", {"EucDist": "mm over all landmarks", "Std": "mm per coordinate"}
        ),
        "MAE-Face": StandIn("appearance", dict.fromkeys(("EucDist", "Std"), "no unit")),
    }
)


def paper_observers(names: Iterable[str]) -> dict[PaperObserver, str]:
    """Observer of the paper -> which one of `names` is it, or else stands in for it.

    An observer of the paper that has neither is left out.
    """
    given = set(names)
    found: dict[PaperObserver, str] = {}
    for observer, stand_in in STAND_INS.items():
        for name in (observer, stand_in.name):
            if name in given:
                found.setdefault(observer, name)
    return found


def record_accuracy(
    recorder: Recorder,
    comparison: Comparison,
    observer: PaperObserver,
    name: str,
    *,
    seeds: Sequence[int],
    origin: Origin,
    used: Sequence[str] = (),
    model_data: Sequence[str] = (),
) -> None:
    """Record both rows of an observer in Table 1, and tokens minus action units.

    Action units that people have coded make the row "AU-based"; without them automatic ones stand
    in. What has no value, because no query was kept, is left out.

    Parameters
    ----------
    recorder
        Of the page.
    comparison
        Codings of the same frames with the query's own clip counted, the paper's protocol.
    observer, name
        An entry of `paper_observers`: of the table, and what judged here.
    seeds
        Of the model of the tokens.
    origin
        Where frames, features and labels come from.
    used
        Ids of the data sets of the frames, where they are gated.
    model_data
        Ids of what the model of the tokens was trained on, where it is what the paper used.

    Raises
    ------
    dfe.results.ResultsError
        If a cell was recorded before.

    Notes
    -----
    A value is a mean over the queries that its coding keeps. The difference is a mean over those
    that both keep (`Comparison.gain`), and so not the difference of the two values.
    """
    units = HUMAN_CODING if HUMAN_CODING in comparison.retrievals else AU_CODING
    common: dict[str, Any] = {"of": "queries", "seeds": seeds, "origin": origin}
    ids = [*used, *([FEATURES[observer]] if name == observer else [])]
    behind = {
        units: [*ids, *(["human-action-units"] if units == HUMAN_CODING else [])],
        DFE_CODING: [*ids, *model_data],
    }
    table = comparison.table()
    for coding, known in behind.items():
        more = common | {"using": _using(observer, name, coding), "used": tuple(known)}
        more["n"] = int(table.loc[coding, "queries"])
        for measure, cell in _cells(observer, coding).items():
            if not math.isnan(table.loc[coding, measure].value):
                unit = "" if name == observer else STAND_INS[observer].units.get(measure, "")
                recorder.record(cell, table.loc[coding, measure], unit=unit, **more)
    _record_gain(recorder, comparison, units, observer, common)


def _cells(observer: PaperObserver, coding: str) -> dict[str, str]:
    """Measure -> id of its cell in the row of an observer and a coding."""
    row = (observer, TOKENS_ROW if coding == DFE_CODING else UNITS_ROW)
    return {measure: cell_id(1, row, measure) for measure in MEASURES}


def _using(observer: PaperObserver, name: str, coding: str) -> str:
    """What stands for what the paper used, in words."""
    parts = [] if name == observer else [f"{name} instead of {observer}"]
    if coding == AU_CODING:
        parts.append("automatic action units instead of human ones")
    return "; ".join(parts)


def _record_gain(
    recorder: Recorder,
    comparison: Comparison,
    units: str,
    observer: PaperObserver,
    common: dict[str, Any],
) -> None:
    """Record tokens minus action units on the queries that both keep."""
    first, second = (comparison.retrievals[coding].kept for coding in (DFE_CODING, units))
    n = int((first & second).sum())
    ours, theirs = (_cells(observer, coding) for coding in (DFE_CODING, units))
    for measure, apart in comparison.gain(DFE_CODING, units).items():
        if not math.isnan(apart.value):
            recorder.record_difference(ours[measure], theirs[measure], apart, n=n, **common)
