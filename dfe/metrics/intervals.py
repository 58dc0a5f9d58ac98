"""Bootstrap intervals over groups: frames of a clip are not independent of each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_WEIGHTS = 1 << 22  # resampling weights in flight: 64 MB as integers and floats


class Interval(NamedTuple):
    """A value with its percentile bootstrap interval; ``f"{interval:.4f}"`` sets the digits."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        if all(math.isnan(number) for number in self):
            return "–"
        value, low, high = (format(number, spec or ".3f") for number in self)
        return f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        return format(self)

    def scaled(self, factor: float) -> Interval:
        """Return the same interval in another unit, for a factor above 0."""
        return Interval(*(factor * number for number in self))


def explained_variance_interval(
    psi: ArrayLike,
    psi_hat: ArrayLike,
    groups: ArrayLike,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """R^2 as in `explained_variance`, with an interval from resampling whole groups.

    Parameters
    ----------
    psi, psi_hat
        (N, P) float.
    groups
        (N,) labels; all rows of a label (a clip, or a frame when frames are independent) are drawn
        together.

    Raises
    ------
    ValueError
        If there are fewer than two groups.
    """
    return percentile_interval(_resampled_r2(psi, psi_hat, groups, resamples, seed), level)


def explained_variance_gain(
    psi: ArrayLike,
    psi_hat: ArrayLike,
    other: ArrayLike,
    groups: ArrayLike,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """R^2 of `psi_hat` minus R^2 of `other` on the same rows, with a paired bootstrap interval.

    Parameters and errors are those of `explained_variance_interval`; each resample draws the same
    groups for both reconstructions.
    """
    ours = _resampled_r2(psi, psi_hat, groups, resamples, seed)
    theirs = _resampled_r2(psi, other, groups, resamples, seed)
    return percentile_interval(ours - theirs, level)


def percentile_interval(draws: ArrayLike, level: float = 0.95) -> Interval:
    """Value of the data with the percentiles of its resamples.

    Parameters
    ----------
    draws
        (1 + B,) float, the value of the data, then those of B >= 1 resamples, such as a column of
        `resampled_means` or the difference of two of them. Resamples that are NaN are left out.
    level
        Share of the resamples between the ends.

    Returns
    -------
    Interval; all of it NaN where the value of the data is NaN, its ends where all resamples are

    Raises
    ------
    ValueError
        If the draws are not (1 + B,) with B >= 1, or the level is not between 0 and 1.
    """
    values = np.asarray(draws, np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"draws must have shape (1 + B,) with B >= 1, got {values.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    there = values[1:][~np.isnan(values[1:])]
    if math.isnan(values[0]) or not len(there):
        return Interval(float(values[0]), math.nan, math.nan)
    tail = 50 * (1 - level)
    low, high = np.percentile(there, [tail, 100 - tail])
    return Interval(float(values[0]), float(low), float(high))


def resampled_means(
    values: ArrayLike, groups: ArrayLike, resamples: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """Mean of each column over all rows, and over the rows of resampled groups.

    All columns see the same draw of groups, so the differences of columns are paired.

    Parameters
    ----------
    values
        (N, M) float; NaN where a row has no value in a column, which is then left out there.
    groups
        (N,) labels; all rows of a label are drawn together.
    resamples
        B, at least 1.

    Returns
    -------
    (1 + B, M) float64, the means of the data, then those of the resamples; NaN where no row has a
    value

    Raises
    ------
    ValueError
        If the values are not (N, M) or hold infinity, the groups are not (N,), there are fewer
        than two of them, or `resamples` < 1.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 2 or np.isinf(array).any():
        raise ValueError(f"values must be (N, M) without infinity, got shape {array.shape}")
    there = ~np.isnan(array)
    sums = np.column_stack([np.where(there, array, 0.0), there])  # (N, 2 M)
    total, count = np.split(_resampled_sums(sums, groups, resamples, seed), 2, axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _resampled_r2(
    psi: ArrayLike, psi_hat: ArrayLike, groups: ArrayLike, resamples: int, seed: int
) -> np.ndarray:
    """R^2 of the data and of each resample: (1 + B,) float64."""
    truth, guess = np.asarray(psi, np.float64), np.asarray(psi_hat, np.float64)
    # R^2 depends on a group only through these sums, so a resample is a weighted sum of groups.
    sums = np.column_stack(
        [np.ones(len(truth)), truth, np.square(truth).sum(1), np.square(truth - guess).sum(1)]
    )  # (N, P + 3)
    return _r2_from_sums(_resampled_sums(sums, groups, resamples, seed))


def _resampled_sums(
    rows: NDArray[np.float64], groups: ArrayLike, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Column sums over all rows, and over the rows of resampled groups: (N, W) -> (1 + B, W)."""
    per_group = _group_sums(rows, groups)  # (G, W)
    draws = (weights @ per_group for weights in group_draws(len(per_group), resamples, seed))
    return np.vstack([per_group.sum(0), *draws])


def group_draws(n_groups: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each resample holds each group, a few resamples at a time: (b, G), in all B rows.

    Raises
    ------
    ValueError
        If there are fewer than two groups, or no resamples are asked for.
    """
    if n_groups < 2:
        raise ValueError(f"an interval over groups needs at least two of them, got {n_groups}")
    if resamples < 1:
        raise ValueError(f"an interval needs at least one resample, got {resamples}")
    rng, chance = np.random.default_rng(seed), np.full(n_groups, 1 / n_groups)
    step = max(1, _WEIGHTS // n_groups)
    for first in range(0, resamples, step):
        yield rng.multinomial(n_groups, chance, size=min(step, resamples - first))


def _group_sums(rows: NDArray[np.float64], groups: ArrayLike) -> NDArray[np.float64]:
    """Sums over the rows of each label, labels in sorted order: (N, W), (N,) -> (G, W)."""
    labels = np.asarray(groups)
    if labels.shape != rows.shape[:1]:
        raise ValueError(f"groups must have shape ({len(rows)},), got {labels.shape}")
    names, index = np.unique(labels, return_inverse=True)  # (N,)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def _r2_from_sums(sums: np.ndarray) -> np.ndarray:
    n, total, squares, error = sums[:, 0], sums[:, 1:-2], sums[:, -2], sums[:, -1]
    variance = squares - np.square(total).sum(1) / n
    return 1.0 - error / variance
