"""How accurate the simulated observers are, next to what is published of real ones.

The published numbers come from other behaviour than ours, and most of them depend on how often a
unit happens (F1 most of all). So they say in which range a simulated observer should lie, and are
nothing to hit exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.metrics import cohen_kappa_score, f1_score, matthews_corrcoef, r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dfe.action_units import AU_NAMES
from dfe.config import ObserversConfig
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.observers import (
    DETECTED,
    FULL_INTENSITY,
    RATED,
    Face,
    automatic_units,
    draw_scenes,
    embed,
    human_units,
    other_3dmm,
    present,
    unit_statistics,
)
from dfe.data.cohorts.people import leak_share

Floats = NDArray[np.floating]
FOLDS = 5  # of persons, for the linear probes
PROBE_FRAMES = 40_000  # that a linear probe of frames uses at most


class Published(NamedTuple):
    """What is published of an observer, as a range; one number if both ends are the same."""

    low: float
    high: float
    source: str


#: Measure -> what is published of real observers.
PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "human agreement": Published(
            0.83, 0.83, "two coders, 213 posed stills of ADFES: Gudi and Ivan, FaceReader 8 paper"
        ),
        "automatic F1": Published(
            0.559, 0.655, "the same 12 units, 11 methods on BP4D: table of Luo et al. (2022)"
        ),
        "automatic MCC": Published(
            0.61, 0.61, "12 units of conversations: Girard et al. (2015), 10.3758/s13428-014-0536-1"
        ),
        "automatic ICC of time": Published(
            0.89, 0.89, "share of the time of each unit and person, as above: Girard et al. (2015)"
        ),
        "automatic intensity r": Published(
            0.63, 0.63, "LibreFace on DISFA: Chang et al. (2024), arXiv 2308.10713"
        ),
    }
)


class Calibration(NamedTuple):
    """Measured accuracy of the observers.

    units : one row for each unit that people or the program code; NaN where it is not coded.
    means : measure -> value, over units where there are several.
    """

    units: pd.DataFrame
    means: Mapping[str, float]

    def table(self) -> pd.DataFrame:
        """Measured and published values side by side, one row for each measure."""
        unknown = Published(np.nan, np.nan, "")
        rows = {name: (value, *PUBLISHED.get(name, unknown)) for name, value in self.means.items()}
        columns = ["measured", "published, low", "published, high", "source"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def calibrate(
    actions: NDArray[np.float32],
    person: NDArray[np.int64],
    identity: Floats,
    fps: float,
    settings: ObserversConfig,
    face: Face,
    rng: np.random.Generator,
) -> Calibration:
    """Let the observers look at clips and compare what they say with the truth.

    The parameters are those of `dfe.data.cohorts.observers.observe`.

    Returns
    -------
    Calibration, with these means:

    - human F1: against coders without error; human kappa and agreement: between two coders, the
      latter twice the codes in common over the codes of both, all units together.
    - automatic F1 and MCC of presence against coders without error; ICC of the share of time that
      a unit is present in a person's clips; r and ICC of intensity against the stronger side.
    - other 3DMM, displays: R2 of a linear probe for the true displays, frame by frame, of persons
      that the probe has not seen.
    - embedding, persons: share of variance between persons, NaN if nobody has two clips.
      Embedding, identity, scene and expression: share that this part of its input explains alone.
    """
    streams = rng.spawn(5)
    human = _human(actions, fps, settings, (streams[0], streams[1]))
    automatic = _automatic(actions, person, fps, settings, streams[2])
    units = pd.concat([human.units, automatic.units], axis=1)
    return Calibration(
        units.reindex([name for name in DISPLAYS if name in units.index]),
        {
            **human.means,
            **automatic.means,
            **_other(actions, person, identity, fps, settings, face, streams[3]),
            **_embedding(actions, person, identity, settings, face, streams[4]),
        },
    )


def _human(
    actions: NDArray[np.float32],
    fps: float,
    settings: ObserversConfig,
    streams: tuple[np.random.Generator, np.random.Generator],
) -> Calibration:
    truth = present(actions, AU_NAMES)
    first, second = (human_units(actions, fps, settings, rng) > 0 for rng in streams)
    units = pd.DataFrame(
        {
            "base rate": truth.mean((0, 1)),
            "human F1": frame_f1(truth, first),
            "human kappa": frame_kappa(first, second),
        },
        index=list(AU_NAMES),
    )
    means = units[["human F1", "human kappa"]].mean().to_dict()
    return Calibration(units, {**means, "human agreement": agreement(first, second)})


def _automatic(
    actions: NDArray[np.float32],
    person: NDArray[np.int64],
    fps: float,
    settings: ObserversConfig,
    rng: np.random.Generator,
) -> Calibration:
    values = automatic_units(actions, person, fps, settings, rng)
    truth, seen = present(actions, DETECTED), values[..., : len(DETECTED)] > 0
    times = [pd.DataFrame(coded.mean(1)).groupby(person).mean() for coded in (truth, seen)]
    presence = pd.DataFrame(
        {
            "automatic F1": frame_f1(truth, seen),
            "automatic MCC": frame_mcc(truth, seen),
            "automatic ICC of time": icc(*(np.asarray(time) for time in times)),
        },
        index=list(DETECTED),
    )
    rated = [DISPLAYS.index(name) for name in RATED]
    strength = actions[:, :, rated].max(axis=-1) * FULL_INTENSITY  # (N, T, 12)
    rating = values[..., len(DETECTED) :]
    intensity = pd.DataFrame(
        {
            "automatic intensity r": pearson(strength, rating),
            "automatic intensity ICC": icc(strength, rating),
        },
        index=list(RATED),
    )
    units = pd.concat([presence, intensity], axis=1)
    return Calibration(units, units.mean().to_dict())


def _other(
    actions: NDArray[np.float32],
    person: NDArray[np.int64],
    identity: Floats,
    fps: float,
    settings: ObserversConfig,
    face: Face,
    rng: np.random.Generator,
) -> dict[str, float]:
    values = other_3dmm(actions, identity[person], fps, settings, face, rng)
    step = -(-actions.shape[0] * actions.shape[1] // PROBE_FRAMES)  # rounded up
    frames = slice(None, None, step)
    truth = actions.reshape(-1, actions.shape[2] * 2)[frames]  # (M, 2 A)
    groups = np.repeat(person, actions.shape[1])[frames]
    seen = values.reshape(-1, values.shape[-1])[frames]
    return {"other 3DMM, displays": linear_r2(seen, truth, groups)}


def _embedding(
    actions: NDArray[np.float32],
    person: NDArray[np.int64],
    identity: Floats,
    settings: ObserversConfig,
    face: Face,
    rng: np.random.Generator,
) -> dict[str, float]:
    inputs = {
        "expression": unit_statistics(actions, face),
        "identity": identity[person],
        "scene": draw_scenes(person, rng),
    }

    def encoder(parts: Mapping[str, Floats]) -> Floats:
        return embed(**parts, settings=settings, rng=rng)

    shares = input_shares(encoder, inputs, rng)
    repeated = len(np.unique(person)) < len(person)
    return {
        "embedding, persons": leak_share(encoder(inputs), person) if repeated else np.nan,
        **{f"embedding, {name}": share for name, share in shares.items()},
    }


def frame_f1(truth: NDArray[np.bool_], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """F1 of each unit over all frames, (N, T, K) to (K,); NaN for a unit that never happens."""
    return _by_unit(truth, seen, f1_score)


def frame_mcc(truth: NDArray[np.bool_], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Matthews' correlation of each unit, (N, T, K) to (K,); NaN for one that never happens."""
    return _by_unit(truth, seen, matthews_corrcoef)


def frame_kappa(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Cohen's kappa of two codings, (N, T, K) to (K,); NaN for a unit that the first never has."""
    return _by_unit(first, second, cohen_kappa_score)


def _by_unit(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    score: Callable[[NDArray[np.bool_], NDArray[np.bool_]], float],
) -> NDArray[np.float64]:
    columns = zip(_columns(first).T, _columns(second).T, strict=True)
    return np.array([score(a, b) if a.any() else np.nan for a, b in columns])


def agreement(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Index of agreement of FACS: twice the codes in common over the codes of both; else NaN."""
    codes = first.sum() + second.sum()
    return float(2 * (first & second).sum() / codes) if codes else float("nan")


def pearson(first: Floats, second: Floats) -> NDArray[np.float64]:
    """Pearson's correlation of each column, (..., K) to (K,); NaN for a constant column."""
    together, one, other = _moments(first, second)
    return _ratio(together, np.sqrt(one * other))


def icc(first: Floats, second: Floats) -> NDArray[np.float64]:
    """ICC(3,1) of two raters (Shrout and Fleiss, 1979), (..., K) to (K,).

    With two raters, (BMS - EMS) / (BMS + EMS) is twice the covariance over the summed variances.
    It does not count a constant difference between them as an error. NaN if both are constant.
    """
    together, one, other = _moments(first, second)
    return _ratio(2 * together, one + other)


def _moments(
    first: Floats, second: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return covariance and variances of each column, (K,) each."""
    one, other = (_columns(values).astype(np.float64) for values in (first, second))  # (M, K)
    one, other = one - one.mean(0), other - other.mean(0)
    return (one * other).mean(0), (one**2).mean(0), (other**2).mean(0)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def input_shares(
    function: Callable[[Mapping[str, Floats]], Floats],
    inputs: Mapping[str, Floats],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Share of the variance of a function that each of its inputs explains alone.

    First-order indices of Sobol (1993), all columns together: the covariance of the function with
    itself, evaluated again with this input as it is and the rows of all others shuffled. Inputs
    should be independent of each other; what they explain only jointly belongs to none.

    Parameters
    ----------
    function
        From inputs of N rows to (N, D); it may add noise, which then explains the rest.
    inputs
        Name -> (N, .) float.
    """
    values = function(inputs)
    shares = {}
    for name, part in inputs.items():
        order = rng.permutation(len(values))
        shuffled = {other: rows[order] for other, rows in inputs.items()} | {name: part}
        together, one, other = _moments(values, function(shuffled))  # (D,) each
        shares[name] = float(2 * together.sum() / (one + other).sum())
    return shares


def linear_r2(inputs: Floats, targets: Floats, groups: NDArray[np.int64]) -> float:
    """R2 of a linear map for groups that it has not seen; targets count by their variance.

    Parameters
    ----------
    inputs, targets
        (N, D) and (N, K) float.
    groups
        (N,) int64, at least two; up to `FOLDS` folds keep each of them together.
    """
    folds = min(FOLDS, len(np.unique(groups)))
    if folds < 2:
        raise ValueError("all rows are of one group: nothing is left to test a map on")
    model = make_pipeline(StandardScaler(), Ridge())
    predicted = cross_val_predict(model, inputs, targets, groups=groups, cv=GroupKFold(folds))
    return float(r2_score(targets, predicted, multioutput="variance_weighted"))


def _columns(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """(..., K) as (M, K)."""
    return values.reshape(-1, values.shape[-1])
