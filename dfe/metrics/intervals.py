"""Bootstrap intervals over groups: frames of a clip are not independent of each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Interval(NamedTuple):
    """A value with its percentile bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


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
    return _interval(_resampled_r2(psi, psi_hat, groups, resamples, seed), level)


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
    return _interval(ours - theirs, level)


def _interval(values: np.ndarray, level: float) -> Interval:
    """The first value is that of the data, the others are those of the resamples."""
    tail = 50 * (1 - level)
    low, high = np.percentile(values[1:], [tail, 100 - tail])
    return Interval(float(values[0]), float(low), float(high))


def _resampled_r2(
    psi: ArrayLike, psi_hat: ArrayLike, groups: ArrayLike, resamples: int, seed: int
) -> np.ndarray:
    """R^2 of the data and of each resample: (1 + B,) float64."""
    truth, guess = np.asarray(psi, np.float64), np.asarray(psi_hat, np.float64)
    _, index = np.unique(np.asarray(groups), return_inverse=True)  # (N,)
    n_groups = int(index.max()) + 1 if len(index) else 0
    if n_groups < 2:
        raise ValueError(f"an interval over groups needs at least two of them, got {n_groups}")
    # R^2 depends on a group only through these sums, so a resample is a weighted sum of groups.
    sums = np.column_stack(
        [np.ones(len(truth)), truth, np.square(truth).sum(1), np.square(truth - guess).sum(1)]
    )  # (N, P + 3)
    per_group = np.zeros((n_groups, sums.shape[1]))
    np.add.at(per_group, index, sums)
    weights = np.random.default_rng(seed).multinomial(
        n_groups, np.full(n_groups, 1 / n_groups), size=resamples
    )  # (B, G)
    return _r2_from_sums(np.vstack([np.ones(n_groups), weights]) @ per_group)


def _r2_from_sums(sums: np.ndarray) -> np.ndarray:
    n, total, squares, error = sums[:, 0], sums[:, 1:-2], sums[:, -2], sums[:, -1]
    variance = squares - np.square(total).sum(1) / n
    return 1.0 - error / variance
