"""Is one method better than another on the same rows? Intervals and tests over whole groups.

Rows of one subject are not independent, so a resample draws, and a permutation swaps, all rows of
a group (a subject, an actor) together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dfe.metrics.intervals import Interval, group_draws, percentile_interval
from dfe.metrics.presence import number_labels
from dfe.metrics.scores import Measure, encode_labels

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_WEIGHTS = 1 << 20  # weights in flight: 8 MB, and a few arrays of that size beside them
_TIE = 1e-9  # relative: two equal differences may differ by rounding


class PairedDifference(NamedTuple):
    """A measure of one method minus that of another on the same rows."""

    difference: Interval  # percentile bootstrap over groups; both methods see the same draws
    p: float  # two-sided, of the randomization test


class McNemar(NamedTuple):
    """Rows on which two classifiers disagree about being right."""

    only_a: int  # rows that only the first names right
    only_b: int
    p: float  # exact, two-sided


def interval(
    measure: Measure,
    truth: ArrayLike,
    predicted: ArrayLike,
    groups: ArrayLike,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Value of a measure with a percentile bootstrap interval that draws whole groups.

    The predictions stay as they are: the interval is about the rows that are tested on, and not
    about the training of the method.

    Parameters
    ----------
    truth, predicted
        As `dfe.metrics.scores.Measure` asks, N rows.
    groups
        (N,) labels; all rows of a label are drawn together.
    resamples
        At least 1. Those that leave the measure undefined are left out.

    Raises
    ------
    TypeError, ValueError
        As `Measure`, and if the groups are not (N,), one is missing, or there are fewer than two.
    """
    index = number_labels(groups, np.size(truth), "groups", sort=True)  # (N,)
    return percentile_interval(_resampled(measure, truth, predicted, index, resamples, seed), level)


def paired(
    measure: Measure,
    truth: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: ArrayLike,
    resamples: int = 2000,
    permutations: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> PairedDifference:
    """Measure of method `a` minus that of method `b`, with interval and p value.

    The test is an approximate randomization test: were the methods alike, the predictions of both
    for a group could be swapped. Its p value is the share of random swaps, the data as they are
    counted as one more, whose difference is at least as large in size (Edgington and Onghena,
    Randomization Tests, 2007). It does not refer to the bootstrap, so p and interval may disagree
    near the border.

    Decision scores of two methods may lie on different scales, and swapping them would then make
    nonsense. They are replaced by their ranks within each method and column first, which leaves
    the AUC as it is, as Venkatraman and Begg (1996, Biometrika 83:835) do with ROC curves.

    Parameters
    ----------
    truth, a, b
        As `dfe.metrics.scores.Measure` asks, N rows; `a` and `b` have one shape.
    groups
        (N,) labels; all rows of a label are drawn and swapped together.
    resamples, permutations
        At least 1 each.

    Returns
    -------
    PairedDifference; p is NaN where the measure is not defined

    Raises
    ------
    TypeError, ValueError
        As `interval`, and if the shapes of `a` and `b` differ or there are no permutations.
    """
    first, second = np.asarray(a), np.asarray(b)
    if first.shape != second.shape:
        raise ValueError(f"predictions differ in shape: a {first.shape}, b {second.shape}")
    index = number_labels(groups, np.size(truth), "groups", sort=True)  # (N,)
    # One seed means the same draws of groups for both methods.
    ours, theirs = (
        _resampled(measure, truth, predicted, index, resamples, seed)
        for predicted in (first, second)
    )  # (1 + B,), (1 + B,)
    swapped = _swapped(measure, np.asarray(truth), first, second, index, permutations, seed)
    slack = _TIE * (abs(ours[0]) + abs(theirs[0]))
    p = _randomization_p(ours[0] - theirs[0], swapped, slack)
    return PairedDifference(percentile_interval(ours - theirs, level), p)


def mcnemar(truth: ArrayLike, a: ArrayLike, b: ArrayLike) -> McNemar:
    """Exact McNemar test of two classifiers' accuracies (1947, Psychometrika 12:153).

    Rows count as independent; where they are not, use `paired`.

    Parameters
    ----------
    truth, a, b
        (N,) labels.

    Raises
    ------
    TypeError, ValueError
        As `dfe.metrics.scores.encode_labels`.
    """
    true, first, second = encode_labels(truth, a, b)
    only_a = int(((first == true) & (second != true)).sum())
    only_b = int(((first != true) & (second == true)).sum())
    apart = only_a + only_b
    p = float(stats.binomtest(only_a, apart).pvalue) if apart else 1.0
    return McNemar(only_a, only_b, p)


def holm(p_values: ArrayLike) -> Floats:
    """Adjust p values for there being several: Holm (1979, Scand. J. Statist. 6:65).

    Parameters
    ----------
    p_values
        (M,) of one family of tests.

    Returns
    -------
    (M,) float64 in the order given; those below alpha may be called different, with a chance of
    at most alpha that any of them is not

    Raises
    ------
    ValueError
        If the shape is not (M,), or a p value is NaN or not in 0 .. 1.
    """
    p = np.asarray(p_values, np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p values must be (M,) numbers in 0 .. 1, got {p.tolist()}")
    order = np.argsort(p)
    steps = p[order] * np.arange(len(p), 0, -1)  # the smallest of M counts M times
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _resampled(
    measure: Measure,
    truth: ArrayLike,
    predicted: ArrayLike,
    index: Labels,
    resamples: int,
    seed: int,
) -> Floats:
    """Measure of the data and of each resample: (1 + B,)."""
    draws = group_draws(int(index.max(initial=-1)) + 1, resamples, seed)
    value = measure(truth, predicted, np.ones((1, len(index))))
    weights = _over_rows(draws, index)
    return np.concatenate([value, *(measure(truth, predicted, each) for each in weights)])


def _swapped(
    measure: Measure,
    truth: NDArray[np.generic],
    a: NDArray[np.generic],
    b: NDArray[np.generic],
    index: Labels,
    permutations: int,
    seed: int,
) -> Floats:
    """Differences after random swaps of whole groups: (permutations,)."""
    if measure.needs == "score":
        a, b = (stats.rankdata(scores, axis=0) for scores in (a, b))
    # Both methods below each other: a swap is a choice of the N rows that count for the first.
    twice, stacked = np.concatenate([truth, truth]), np.concatenate([a, b])  # (2 N,), (2 N, ...)
    found = []
    for kept in _over_rows(_coins(index.max() + 1, permutations, seed), index):  # (b, N)
        first = measure(twice, stacked, np.hstack([kept, 1 - kept]))
        second = measure(twice, stacked, np.hstack([1 - kept, kept]))
        found.append(first - second)
    return np.concatenate(found)


def _randomization_p(difference: float, swapped: Floats, slack: float) -> float:
    if np.isnan(difference):
        return float("nan")
    return float((1 + (np.abs(swapped) >= abs(difference) - slack).sum()) / (1 + len(swapped)))


def _coins(n_groups: int, permutations: int, seed: int) -> Iterator[Labels]:
    """Fair coins of 0 and 1, a few permutations at a time: (b, G), in all as many as asked for."""
    if permutations < 1:
        raise ValueError(f"the test needs at least one permutation, got {permutations}")
    rng = np.random.default_rng([seed, 1])  # apart from the stream of the bootstrap
    step = max(1, _WEIGHTS // n_groups)
    for first in range(0, permutations, step):
        yield rng.integers(0, 2, size=(min(step, permutations - first), n_groups))


def _over_rows(draws: Iterable[Labels], index: Labels) -> Iterator[Floats]:
    """Give each row the count of its group, a few draws at a time: (b, G) -> (b', N)."""
    step = max(1, _WEIGHTS // len(index))
    for counts in draws:
        for first in range(0, len(counts), step):
            yield counts[first : first + step, index].astype(np.float64)
