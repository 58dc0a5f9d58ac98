"""Bootstrap intervals of entropy and average NMI (Table 2), and of their differences."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.metrics.diversity import (
    checked_presence,
    entropy_forms,
    entropy_of_counts,
    first_cooccurrences,
    nmi_of_counts,
    unit_entropy,
)
from dfe.metrics.intervals import Interval, group_draws, percentile_interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_CELLS = 1 << 22  # float64 values in flight: 32 MB


class Diversity(NamedTuple):
    """Both measures of Table 2, with intervals over groups."""

    normalized: Interval  # H / log2 K
    printed: Interval  # H / K
    perplexity: Interval  # 2^H
    nmi: Interval  # equation 9 over the pairs for which it is defined
    dead: int  # units that are never active
    pairs: int  # pairs that the value of `nmi` averages


class DiversityDifference(NamedTuple):
    """What one coding is ahead of another one in both measures of Table 2."""

    normalized: Interval  # difference of H / log2 K
    nmi: Interval  # difference of equation 9


def diversity(
    active: ArrayLike,
    groups: ArrayLike,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Diversity:
    """Entropy and average NMI with percentile intervals from resampling whole groups.

    A resample holds fewer different groups than the data. That lowers the entropy and raises the
    mutual information a little, so an interval can lie to one side of its value when there are
    few groups or when units are nearly independent. Each resample averages the pairs that are
    defined in it. Memory is in proportion to `resamples` times the number of groups.

    Parameters
    ----------
    active
        (N, K) bool.
    groups
        (N,) labels; all rows of a label (a clip) are drawn together.
    resamples, level, seed
        Number of resamples, share of them inside the interval, and seed of the draws.

    Returns
    -------
    Diversity; its values are those of `unit_entropy` and `average_nmi`.

    Raises
    ------
    TypeError
        If the values of `active` are not bool.
    ValueError
        If the shape is not (N, K) with N, K >= 1, no unit is ever active, there is not one label
        for each row, there are fewer than two groups, or no resamples are asked for.
    """
    array = checked_presence(active)
    usage = unit_entropy(array)
    draws = _resampled(array, groups, resamples, seed)
    nmi = percentile_interval(draws.nmi, level)
    printed, normalized, perplexity = (
        percentile_interval(form, level) for form in entropy_forms(draws.bits, array.shape[1])
    )
    return Diversity(normalized, printed, perplexity, nmi, usage.dead, draws.pairs)


def diversity_difference(
    active: ArrayLike,
    other: ArrayLike,
    groups: ArrayLike,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> DiversityDifference:
    """Entropy and average NMI of one coding minus those of another one, on the same rows.

    Each resample draws the same groups for both codings, so what they share drops out of the
    interval. What `diversity` says of few groups and of nearly independent units holds here too.

    Parameters
    ----------
    active, other
        (N, K) bool and (N, K') bool: two codings of the same N frames.
    groups, resamples, level, seed
        As for `diversity`.

    Returns
    -------
    DiversityDifference; NaN where one of the two codings has no such value

    Raises
    ------
    TypeError, ValueError
        As `diversity`, for either coding.
    """
    ours, theirs = (checked_presence(coding) for coding in (active, other))
    for coding in (ours, theirs):
        unit_entropy(coding)  # refuses a coding that never activates any unit
    first, second = (_resampled(coding, groups, resamples, seed) for coding in (ours, theirs))
    _, evenness, _ = entropy_forms(first.bits, ours.shape[1])  # (1 + B,)
    _, others, _ = entropy_forms(second.bits, theirs.shape[1])
    return DiversityDifference(
        percentile_interval(evenness - others, level),
        percentile_interval(first.nmi - second.nmi, level),
    )


class _Draws(NamedTuple):
    """Both measures of the data, then of B resamples."""

    bits: Floats  # (1 + B,) entropy
    nmi: Floats  # (1 + B,) average over the pairs that are defined
    pairs: int  # that the data define


def _resampled(active: Bools, groups: ArrayLike, resamples: int, seed: int) -> _Draws:
    rows, bounds = _sorted_by_group(active, groups)
    n_groups = len(bounds) - 1
    weights = np.vstack([np.ones(n_groups), *group_draws(n_groups, resamples, seed)])  # (1 + B, G)
    counts = weights @ np.add.reduceat(rows, bounds[:-1], axis=0, dtype=np.float64)  # (1 + B, K)
    nmi, pairs = _resampled_nmi(rows, bounds, weights, counts)
    return _Draws(entropy_of_counts(counts), nmi, int(pairs[0]))


def _sorted_by_group(active: Bools, groups: ArrayLike) -> tuple[Bools, NDArray[np.int64]]:
    """Rows of a group side by side, and where the groups start and the last one ends: (G + 1,)."""
    labels = np.asarray(groups)
    if labels.shape != (len(active),):
        raise ValueError(f"{len(active)} rows need one group label each, got {labels.shape}")
    _, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    rows = active[np.argsort(index, kind="stable")]
    return rows, np.concatenate([[0], np.cumsum(sizes)])


def _resampled_nmi(
    rows: Bools, bounds: NDArray[np.int64], weights: Floats, counts: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """Average NMI of the data and of each resample (1 + B,), and the pairs that it averages.

    Co-occurrences of all units in all groups or resamples may not fit in memory. Few units at a
    time are compared with all units after them.
    """
    n_units = rows.shape[1]
    n = (weights @ np.diff(bounds))[:, None, None]  # (1 + B, 1, 1)
    total, pairs = np.zeros(len(weights)), np.zeros(len(weights), np.int64)
    step = max(1, _CELLS // (len(weights) * n_units))
    for start in range(0, n_units, step):
        stop = min(start + step, n_units)
        both = _resampled_cooccurrence(rows[:, start:], bounds, weights, stop - start)
        nmi = nmi_of_counts(
            both, counts[:, start:stop, None], counts[:, None, start:], n
        )  # (1 + B, I, J)
        values = nmi[:, np.triu(np.ones(nmi.shape[1:], bool), 1)]  # (1 + B, pairs)
        total += np.nansum(values, axis=1)
        pairs += (~np.isnan(values)).sum(1)
    return np.divide(total, pairs, out=np.full_like(total, np.nan), where=pairs > 0), pairs


def _resampled_cooccurrence(
    rows: Bools, bounds: NDArray[np.int64], weights: Floats, n_first: int
) -> Floats:
    """Co-occurrence of the first I of K units with all of them in each resample: (1 + B, I, K)."""
    n_units = rows.shape[1]
    both = np.zeros((len(weights), n_first * n_units))
    step = max(1, _CELLS // (n_first * n_units))
    for start in range(0, len(bounds) - 1, step):
        joint = [
            first_cooccurrences(rows[first:end], n_first).ravel()
            for first, end in pairwise(bounds[start : start + step + 1])
        ]
        both += weights[:, start : start + step] @ np.stack(joint)
    return both.reshape(len(weights), n_first, n_units)
