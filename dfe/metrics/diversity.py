"""How evenly units are used and how much they share (section 5.2, equations 8 and 9, Table 2).

A coding is a binary matrix, (N, K) bool, with one row for each frame and one column for each unit
(`dfe.metrics.presence`). All measures follow from two sums over its rows: how often each unit is
active, and how often each pair of units is active together. Their intervals are in
`dfe.metrics.diversity_intervals`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, rel_entr

from dfe.metrics.presence import check_presence

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_ROWS = 1 << 13  # rows in flight: they fit the cache, and float32 counts them exactly


class UnitEntropy(NamedTuple):
    """How evenly K units are used; p_i is the share of unit i among all activations."""

    bits: float  # H = -sum p_i log2 p_i
    printed: float  # H / K, equation 8 as printed: at most log2(K) / K
    normalized: float  # H / log2 K: 1 when all units are equally frequent; NaN for K = 1
    perplexity: float  # 2^H: the number of equally frequent units with the same entropy
    dead: int  # units that are never active


class AverageNMI(NamedTuple):
    """Equation 9 over the pairs for which it is defined."""

    value: float  # NaN when no pair is defined
    pairs: int  # pairs i < j that are averaged
    undefined: int  # pairs left out, because one of their units is never or always active


def unit_entropy(active: ArrayLike) -> UnitEntropy:
    """Entropy of the units over all activations, equation 8 of the paper and its normalized form.

    Parameters
    ----------
    active
        (N, K) bool.

    Returns
    -------
    UnitEntropy; with a single unit H and log2 K are both 0, so `normalized` is NaN, as the
    evenness of a single species is undefined in ecology (Pielou, 1966).

    Raises
    ------
    TypeError
        If the values are not bool.
    ValueError
        If the shape is not (N, K) with N, K >= 1, or no unit is ever active.
    """
    counts = np.count_nonzero(checked_presence(active), axis=0)  # (K,)
    if not counts.any():
        raise ValueError(f"no unit is active in any of the rows: {len(counts)} units, no entropy")
    bits = float(entropy_of_counts(counts))
    printed, normalized, perplexity = (float(x) for x in entropy_forms(bits, len(counts)))
    return UnitEntropy(bits, printed, normalized, perplexity, int((counts == 0).sum()))


def entropy_of_counts(counts: ArrayLike) -> Floats:
    """Entropy in bits of counts (..., K), not negative: (...) float64, NaN where all are 0.

    Raises
    ------
    ValueError
        If there is no count, or a count is negative or not finite.
    """
    array = np.asarray(counts, np.float64)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"counts must have shape (..., K) with K >= 1, got {array.shape}")
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError("counts must be finite and not negative")
    total = array.sum(-1, keepdims=True)
    share = np.divide(array, total, out=np.full_like(array, np.nan), where=total > 0)
    return np.asarray(entr(share).sum(-1) / math.log(2))


def cooccurrence(active: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """How often two units are active in the same row: X^T X for all pairs at once.

    Parameters
    ----------
    active
        (N, K) bool, called X.
    weights
        (N,) whole numbers, how often each row counts; once without weights.

    Returns
    -------
    (K, K) float64 exact counts, with those of single units on the diagonal

    Raises
    ------
    TypeError
        If the values are not bool.
    ValueError
        If the shape is not (N, K) with N, K >= 1, or there is not one such weight for each row.
    """
    array = checked_presence(active)
    if weights is None:
        return first_cooccurrences(array, array.shape[1])
    factor = np.asarray(weights, np.float64)
    if factor.shape != (len(array),):
        raise ValueError(f"{len(array)} rows need as many weights, got shape {factor.shape}")
    if not (np.isfinite(factor) & (factor >= 0) & (factor == np.rint(factor))).all():
        raise ValueError("weights say how often a row counts: give whole numbers, 0 or more")
    return first_cooccurrences(array, array.shape[1], factor)


def pairwise_nmi(active: ArrayLike) -> Floats:
    """Normalized mutual information of each two units, the summand of equation 9.

    Parameters
    ----------
    active
        (N, K) bool.

    Returns
    -------
    (K, K) float64 in 0 .. 1, as `nmi_from_cooccurrence` defines it

    Raises
    ------
    TypeError
        If the values are not bool.
    ValueError
        If the shape is not (N, K) with N, K >= 1.
    """
    joint = cooccurrence(active)
    return nmi_from_cooccurrence(joint, len(np.asarray(active)))


def nmi_from_cooccurrence(joint: ArrayLike, n: ArrayLike) -> Floats:
    """I(X_i; X_j) / sqrt(H(X_i) H(X_j)) for all pairs of units, from how often they co-occur.

    Parameters
    ----------
    joint
        (..., K, K) counts, as `cooccurrence` gives them.
    n
        (...) number of rows that were counted.

    Returns
    -------
    (..., K, K) float64 in 0 .. 1: 1 on the diagonal up to rounding, NaN in the row and column of a
    unit that is never or always active, because its entropy is 0

    Raises
    ------
    ValueError
        If the shapes do not fit, n is not positive, or no binary matrix has such counts.
    """
    both, total = np.asarray(joint, np.float64), np.asarray(n, np.float64)[..., None, None]
    if both.ndim < 2 or both.shape[-1] != both.shape[-2] or both.shape[:-2] != total.shape[:-2]:
        raise ValueError(
            f"expected joint (..., K, K) and n (...), got {both.shape} and {total.shape[:-2]}"
        )
    if not (np.isfinite(total) & (total > 0)).all():
        raise ValueError("n must be positive and finite: there is no information in no rows")
    count = np.diagonal(both, axis1=-2, axis2=-1)  # (..., K)
    first, second = count[..., :, None], count[..., None, :]
    least = np.min(_cells(both, first, second, total), initial=0.0)
    if least < 0 or (both != np.swapaxes(both, -1, -2)).any():  # NaN differs from itself
        raise ValueError("no binary matrix of n rows has these counts: give X^T X and its rows")
    return nmi_of_counts(both, first, second, total)


def average_nmi(active: ArrayLike) -> AverageNMI:
    """Mean normalized mutual information of two different units, equation 9.

    Pairs with a unit that is never or always active are left out, not counted as 0: that would
    reward a codebook most of which is never used.

    Parameters
    ----------
    active
        (N, K) bool.

    Returns
    -------
    AverageNMI; NaN over 0 pairs when no pair is defined, as for a single unit or a single row.

    Raises
    ------
    TypeError
        If the values are not bool.
    ValueError
        If the shape is not (N, K) with N, K >= 1.
    """
    nmi = pairwise_nmi(active)
    values = nmi[np.triu_indices(len(nmi), 1)]  # (K (K - 1) / 2,)
    defined = values[~np.isnan(values)]
    mean = float(defined.mean()) if defined.size else math.nan
    return AverageNMI(mean, defined.size, values.size - defined.size)


def checked_presence(active: ArrayLike) -> Bools:
    """Return a coding (N, K) bool with N, K >= 1, or say what is wrong, as `unit_entropy` does."""
    array = check_presence(active)
    if not len(array):
        raise ValueError(f"presence must have shape (N, K) with N, K >= 1, got {array.shape}")
    return array


def entropy_forms(bits: ArrayLike, n_units: int) -> tuple[Floats, Floats, Floats]:
    """H / K, H / log2 K (NaN for K = 1) and 2^H of entropies (...) in bits."""
    entropy = np.asarray(bits, np.float64)
    largest = math.log2(n_units) if n_units > 1 else math.nan
    return entropy / n_units, entropy / largest, np.exp2(entropy)


def first_cooccurrences(rows: Bools, n_first: int, weights: Floats | None = None) -> Floats:
    """Co-occurrence of the first I of K units with all of them, rows times weights: (I, K).

    Few rows at a time: without weights float32 is then exact, and twice as fast as float64, to
    which weights turn the product.
    """
    joint = np.zeros((n_first, rows.shape[1]))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        block = rows[part].astype(np.float32)
        first = block[:, :n_first]
        joint += (first if weights is None else first * weights[part, None]).T @ block
    return joint


def _cells(
    both: Floats, first: Floats, second: Floats, n: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """The 2 x 2 table of two units: both, only the first, only the second, neither."""
    return both, first - both, second - both, n - first - second + both


def nmi_of_counts(both: Floats, first: Floats, second: Floats, n: Floats) -> Floats:
    """NMI of units with counts `first` and `second` that co-occur `both` times in n rows.

    The arguments broadcast. Information and entropy are both left in nats times n: the ratio is
    the same, and the counts stay whole numbers.
    """
    not_first, not_second = n - first, n - second
    information = 0.0
    margins = ((first, second), (first, not_second), (not_first, second), (not_first, not_second))
    for cell, (a, b) in zip(_cells(both, first, second, n), margins, strict=True):
        information = information + rel_entr(cell, a * b / n)
    entropy_first = -rel_entr(first, n) - rel_entr(not_first, n)
    entropy_second = -rel_entr(second, n) - rel_entr(not_second, n)
    scale = np.sqrt(entropy_first * entropy_second)
    unknown = np.full(np.shape(scale), np.nan)
    return np.clip(np.divide(information, scale, out=unknown, where=scale > 0), 0, 1)
