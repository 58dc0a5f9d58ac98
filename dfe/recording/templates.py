"""Table 8 and two statements: how alike tokens are, how far and how one-sidedly they move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.ablations import SQUARE_METERS
from dfe.claims import Claims, cell_id
from dfe.metrics import (
    Interval,
    mean_displacements,
    pair_similarity,
    pair_similarity_difference,
    pair_similarity_over_runs,
    percentile_interval,
    wilson,
)
from dfe.recording.pairs import record_asked
from dfe.results import Origin, Recorder
from dfe.variants import ABLATIONS, VARIANTS

#: Column -> unit of the open head, where it is not the paper's. FLAME has other vertices, so a sum
#: over them cannot be compared in size.
UNITS: Mapping[str, str] = MappingProxyType({"Dot product": "m² on another mesh", "Cosine": ""})
DISPLACEMENT, ASYMMETRY = "displacement-curve-lowest", "asymmetric-templates"
ONE_SIDED = 0.25  # half-way to the asymmetry of a motion of one side only
FLAME = "flame"  # id of the paper's mesh in `needs` of `book/claims.yml`
_SCALE = (SQUARE_METERS, 1.0)

Runs = Mapping[str, Sequence[NDArray[np.float32]]]  # label of a variant -> (K, V, 3) of each run


def record_templates(
    recorder: Recorder,
    runs: Runs,
    *,
    resamples: int,
    seeds: Sequence[int],
    origin: Origin,
    using: str = "",
    used: Sequence[str] = (),
) -> None:
    """Record both columns of Table 8, as distances of the vertices, and what is asked of pairs.

    With several runs a value is the mean over them, and `sd` their standard deviation.

    Parameters
    ----------
    recorder
        Of the page.
    runs
        Label of a variant (`dfe.variants.ABLATIONS`) -> displacements of the tokens of each of its
        runs, (K, V, 3) in mm, in the order of `seeds`. Variants without a row are passed over.
    resamples
        Of the bootstrap over tokens. The first run of each variant has the draws of
        `pair_similarity_interval`.
    origin
        Of the frames that every run is trained on.
    using
        What stands here for the paper's runs and mesh, in words.
    used
        Ids of what the runs rest on, where it is what the paper used.

    Raises
    ------
    ValueError
        If a variant has not one run for each seed, or fewer than two tokens move in a run.
    dfe.results.ResultsError
        If a cell was recorded before.
    """
    _check_runs(runs, seeds)
    labels = _labels(recorder.claims, runs)
    common: dict[str, Any] = {"of": "tokens", "seeds": seeds, "origin": origin}
    for row, label in labels.items():
        values = pair_similarity_over_runs(runs[label], "distance", resamples)
        spread = _spread(runs[label])
        for column, value, sd, scale in zip(UNITS, values, spread, _SCALE, strict=True):
            recorder.record(
                cell_id(8, (row,), column),
                value.scaled(scale),
                n=len(runs[label][0]),
                sd=None if sd is None else sd * scale,
                unit="" if FLAME in used else UNITS[column],
                using=using,
                used=tuple(used),
                **common,
            )
    _record_differences(recorder, runs, labels, resamples, common)


def _check_runs(runs: Runs, seeds: Sequence[int]) -> None:
    for label, each in runs.items():
        if len(each) != len(seeds):
            raise ValueError(f"{label}: {len(each)} runs for {len(seeds)} seeds")


def _labels(claims: Claims, runs: Runs) -> dict[str, str]:
    """Row of Table 8 -> label of its variant, for those that have runs."""
    rows = [row.label[0] for row in claims.table(8).rows]
    return {
        row: variant.label
        for row in rows
        for variant in ABLATIONS
        if row in variant.paper and variant.label in runs
    }


def _spread(runs: Sequence[ArrayLike]) -> tuple[float | None, float | None]:
    """Standard deviation of dot product and cosine over runs; None for a single one."""
    if len(runs) < 2:
        return None, None
    found = [pair_similarity(run, "distance") for run in runs]
    dot, cosine = np.std([(one.dot, one.cosine) for one in found], axis=0, ddof=1)
    return float(dot), float(cosine)


def _record_differences(
    recorder: Recorder,
    runs: Runs,
    labels: Mapping[str, str],
    resamples: int,
    common: dict[str, Any],
) -> None:
    """Record the pairs of rows that are asked for; both columns come from one pair of draws."""
    places = {
        cell_id(8, (row,), column): (label, index)
        for row, label in labels.items()
        for index, column in enumerate(UNITS)
    }

    def difference(first: str, second: str) -> Interval:
        (ours, column), (theirs, _) = places[first], places[second]
        found = pair_similarity_difference(runs[ours], runs[theirs], "distance", resamples)
        return found[column].scaled(_SCALE[column])

    n = min(len(runs[label][0]) for label in labels.values())
    record_asked(recorder, 8, difference, n=n, **common)


def record_displacement(
    recorder: Recorder,
    runs: Runs,
    *,
    resamples: int,
    seeds: Sequence[int],
    origin: Origin,
    using: str = "",
    used: Sequence[str] = (),
) -> None:
    """Record how much farther the variants without a regularizer move the face (Figure 8), in mm.

    Mean displacement of all vertices by all tokens, of the variant without orthogonality or
    without ℓ1 that moves less, minus that of the full model. Tokens are drawn independently in
    every model, and each resample takes the variant that moves less in it.

    Parameters and errors are those of `record_templates`; all three models must be in `runs`.
    """
    _check_runs(runs, seeds)
    names = ("full", "no-orthogonality", "no-l1")
    full, *others = (
        mean_displacements(runs[VARIANTS[name].label], resamples, seed=place * len(seeds))
        for place, name in enumerate(names)
    )  # (1 + B,) each
    recorder.record(
        DISPLACEMENT,
        percentile_interval(np.minimum.reduce(others) - full),
        n=len(runs[VARIANTS["full"].label][0]),
        of="tokens",
        seeds=seeds,
        origin=origin,
        using=using,
        used=tuple(used),
    )


def record_asymmetry(
    recorder: Recorder,
    asymmetry: ArrayLike,
    *,
    seeds: Sequence[int],
    origin: Origin,
    using: str = "",
    used: Sequence[str] = (),
) -> None:
    """Record the share of tokens that move one side more than the other, with Wilson's interval.

    Parameters
    ----------
    asymmetry
        (K,) as `dfe.metrics.asymmetry` gives it. A token that does not move (NaN) is not one-sided.
    seeds, origin, using, used
        As for `record_templates`; of the model whose tokens these are.

    Raises
    ------
    ValueError
        If there is no token.
    dfe.results.ResultsError
        If it was recorded before.
    """
    each = np.asarray(asymmetry, np.float64)  # (K,)
    recorder.record(
        ASYMMETRY,
        wilson(int((each >= ONE_SIDED).sum()), len(each)),
        n=len(each),
        of="tokens",
        seeds=seeds,
        origin=origin,
        using=using,
        used=tuple(used),
    )
