"""Table 2: how evenly the units of each coding are used, and how much two of them share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.accuracy import AU_CODING, DFE_CODING, HUMAN_CODING
from dfe.claims import cell_id
from dfe.metrics import Diversity, DiversityDifference, diversity_difference
from dfe.results import Origin, Recorder

#: Coding -> label of its row.
ROWS: Mapping[str, str] = MappingProxyType(
    {
        HUMAN_CODING: "AU-based (human)",
        AU_CODING: "AU-based (auto)",
        DFE_CODING: "Ours (VQ-VAE)",
    }
)
_USING = {AU_CODING: "MediaPipe scores as action units instead of LibreFace"}
_USED = {HUMAN_CODING: ("human-action-units",)}


@dataclass(frozen=True, eq=False)
class Coding:
    """What a coding activates, and what was measured of it.

    Attributes
    ----------
    active
        (M, K) bool.
    frames
        (M,) which of the N frames of the page these are.
    measured
        Entropy and NMI with their intervals.
    origin
        Where frames and labels come from.
    feature
        Id of the program of automatic action units, as in `needs` of `book/claims.yml`; empty for
        a stand-in.
    """

    active: NDArray[np.bool_]  # (M, K)
    frames: NDArray[np.int64]  # (M,)
    measured: Diversity
    origin: Origin
    feature: str = ""


def record_diversity(
    recorder: Recorder,
    codings: Mapping[str, Coding],
    groups: ArrayLike,
    *,
    resamples: int,
    seed: int,
    seeds: Sequence[int],
    used: Sequence[str] = (),
    model_data: Sequence[str] = (),
) -> None:
    """Record each coding that has a row in Table 2, and tokens minus each of the others.

    Parameters
    ----------
    recorder
        Of the page.
    codings
        Name, as in `ROWS` -> coding. The tokens know all N frames; of another coding that knows
        fewer, the difference is to the tokens of these frames.
    groups
        (N,) labels; a resample draws whole groups.
    resamples, seed
        Of the bootstrap of the differences: the same as behind the intervals of the values.
    seeds
        Of the model of the tokens.
    used
        Ids of the data sets of the frames, where they are gated.
    model_data
        Ids of what the model of the tokens was trained on, where it is what the paper used.

    Raises
    ------
    KeyError
        If a coding has no row, or the tokens are missing.
    dfe.results.ResultsError
        If a cell was recorded before.
    """
    tokens, labels = codings[DFE_CODING], np.asarray(groups)
    common: dict[str, Any] = {"of": "frames", "seeds": seeds}
    for name, coding in codings.items():
        known = [coding.feature] if coding.feature else _USED.get(name, ())
        more = {"using": "" if coding.feature else _USING.get(name, ""), "used": (*used, *known)}
        if coding is tokens:
            more["used"] = (*used, *model_data)
        _record_values(recorder, name, coding, common | more)
    for name, coding in codings.items():
        if coding is not tokens:
            same = tokens.active[coding.frames]  # (M, K)
            drawn = labels[coding.frames]  # (M,)
            apart = diversity_difference(same, coding.active, drawn, resamples, seed=seed)
            _record_differences(recorder, name, coding, apart, common)


def _record_values(recorder: Recorder, name: str, coding: Coding, common: dict[str, Any]) -> None:
    """Record entropy and NMI of a coding, where it has them."""
    values = (coding.measured.normalized, coding.measured.nmi)
    for cell, value in zip(_cells(name), values, strict=True):
        if not math.isnan(value.value):
            recorder.record(cell, value, n=len(coding.active), origin=coding.origin, **common)


def _record_differences(
    recorder: Recorder,
    name: str,
    coding: Coding,
    apart: DiversityDifference,
    common: dict[str, Any],
) -> None:
    """Record tokens minus another coding, where both have a value."""
    common = common | {"n": len(coding.active), "origin": coding.origin}
    for ours, theirs, value in zip(_cells(DFE_CODING), _cells(name), apart, strict=True):
        if not math.isnan(value.value):
            recorder.record_difference(ours, theirs, value, **common)


def _cells(name: str) -> tuple[str, str]:
    """Ids of the entropy and of the NMI of a coding."""
    return cell_id(2, (ROWS[name],), "Entropy"), cell_id(2, (ROWS[name],), "NMI")
