"""Where tokens move the face, and how much they repeat each other (section 3.3, appendix A)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.metrics.intervals import Interval, group_draws, percentile_interval

Reading = Literal["distance", "vector"]


class Locality(NamedTuple):
    """Top region of each displacement field."""

    region: NDArray[np.int64]  # (K,) index of the region that holds most of the energy
    share: NDArray[np.float64]  # (K,) its share of the energy, 0 for a field that does not move


class PairSimilarity(NamedTuple):
    """How alike the displacement fields of two different tokens are on average (Table 8)."""

    dot: float  # mean dot product over pairs, in unit^2
    cosine: float  # mean cosine over the same pairs
    pairs: int  # M (M - 1) / 2 for the M tokens that move
    still: int  # tokens that do not move at all; they have no direction and are in no pair


def region_energy(
    displacements: ArrayLike, regions: ArrayLike, n_regions: int
) -> NDArray[np.float64]:
    """Squared displacement summed over each region: (K, V, 3), (V,) int -> (K, R), in unit^2."""
    energy = np.square(np.asarray(displacements, np.float64)).sum(-1)  # (K, V)
    member = np.eye(n_regions)[np.asarray(regions)]  # (V, R)
    return energy @ member  # (K, R)


def locality(displacements: ArrayLike, regions: ArrayLike, n_regions: int) -> Locality:
    """Region in which each token moves the face most, and its share of the token's energy.

    Parameters
    ----------
    displacements
        (K, V, 3) float.
    regions
        (V,) int, region of each vertex.

    Returns
    -------
    Locality; 1 / (regions that move) for a token spread evenly, 1 for one that stays in a region.
    """
    energy = region_energy(displacements, regions, n_regions)  # (K, R)
    total = energy.sum(1)
    share = np.divide(energy.max(1), total, out=np.zeros_like(total), where=total > 0)
    return Locality(energy.argmax(1), share)


def pair_similarity(displacements: ArrayLike, reading: Reading) -> PairSimilarity:
    """Mean dot product and cosine over all pairs of different tokens (Table 8).

    The paper does not say what the field of a token is, so there are two readings.

    Parameters
    ----------
    displacements
        (K, V, 3) float.
    reading
        ``"distance"``: a field is the list of the vertices' Euclidean distances, (V,), as in the
        heatmaps. The cosine is 0 when no two tokens move the same vertices, 1 when all move the
        same ones in the same proportions.
        ``"vector"``: a field is the list of their displacement vectors, (3V,). Opposite tokens
        have the cosine -1.

    Raises
    ------
    ValueError
        If the reading is unknown, the shape is not (K, V, 3), a value is not finite, or fewer than
        two tokens move.
    """
    gram = _gram(displacements, reading)  # (M, M) of the tokens that move
    cosine = _cosines(gram)
    first, second = np.triu_indices(len(gram), 1)  # (pairs,)
    still = len(np.asarray(displacements)) - len(gram)
    dot, angle = (float(matrix[first, second].mean()) for matrix in (gram, cosine))
    return PairSimilarity(dot, angle, len(first), still)


def pair_similarity_interval(
    displacements: ArrayLike,
    reading: Reading,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Interval, Interval]:
    """Dot product and cosine as in `pair_similarity`, with intervals from resampling tokens.

    A resample draws as many tokens as there are; pairs of a token with itself do not count. It
    tells how far the mean depends on which tokens a codebook happens to hold.

    Raises
    ------
    ValueError
        As `pair_similarity`.
    """
    return pair_similarity_over_runs([displacements], reading, resamples, level, seed)


def pair_similarity_over_runs(
    runs: Sequence[ArrayLike],
    reading: Reading,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Interval, Interval]:
    """Mean of dot product and cosine over runs of one model, with intervals as for one of them.

    The intervals tell about the tokens of these runs, drawn in each run apart. How far another
    run would lie from these is another matter: the spread over the runs tells it.

    Parameters
    ----------
    runs
        (K, V, 3) float fields of each run.

    Raises
    ------
    ValueError
        As `pair_similarity`, or if there is no run.
    """
    draws = _similarity_draws(runs, reading, resamples, seed)  # (2, 1 + B)
    dot, angle = (percentile_interval(each, level) for each in draws)
    return dot, angle


def pair_similarity_difference(
    first: Sequence[ArrayLike],
    second: Sequence[ArrayLike],
    reading: Reading,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Interval, Interval]:
    """Mean of dot product and cosine over the runs of one model minus that of another model.

    Two codebooks have no token in common, so their tokens are drawn independently of each other.

    Parameters
    ----------
    first, second
        (K, V, 3) float fields of each run of the two models.

    Raises
    ------
    ValueError
        As `pair_similarity`, or if a model has no run.
    """
    ours = _similarity_draws(first, reading, resamples, seed)  # (2, 1 + B)
    theirs = _similarity_draws(second, reading, resamples, seed + len(first))
    dot, angle = (percentile_interval(each, level) for each in ours - theirs)
    return dot, angle


def mean_displacements(
    runs: Sequence[ArrayLike], resamples: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """How far a vertex moves in the mean over all tokens and vertices, of resampled tokens too.

    It is the area under the curve of `displacement_curve`, as a share instead of a percentage.

    Parameters
    ----------
    runs
        (K, V, 3) float fields of each run of one model.
    seed
        Of the first run; each run after it draws its tokens with the next seed.

    Returns
    -------
    (1 + B,) float64 in the unit of the displacements, mean over the runs: of all tokens, then of
    each resample of them, as `percentile_interval` takes it

    Raises
    ------
    ValueError
        If there is no run, a shape is wrong, a value is not finite, or there are fewer than two
        tokens.
    """
    _check_runs(runs)
    draws = []
    for index, run in enumerate(runs):
        size = _distances(as_fields(run)).mean(1)  # (K,)
        draws.append(_token_weights(len(size), resamples, seed + index) @ size / len(size))
    return np.mean(draws, axis=0)


def _similarity_draws(
    runs: Sequence[ArrayLike], reading: Reading, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Mean over runs of dot product and cosine, of all tokens and of resamples: (2, 1 + B)."""
    _check_runs(runs)
    draws = []
    for index, run in enumerate(runs):
        gram = _gram(run, reading)  # (M, M)
        weights = _token_weights(len(gram), resamples, seed + index)
        draws.append([_pair_means(g, weights) for g in (gram, _cosines(gram))])
    return np.mean(draws, axis=0)


def _check_runs(runs: Sequence[ArrayLike]) -> None:
    if not len(runs):
        raise ValueError("no run to take a mean of: give the fields of at least one")


def _token_weights(n: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often all of n tokens, and each resample of them, hold each token: (1 + B, n)."""
    return np.vstack([np.ones(n), *group_draws(n, resamples, seed)])


def _pair_means(gram: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the off-diagonal of `gram` (M, M), each row of weights (B, M) a set of tokens: (B,).

    NaN where a set holds one token only, over and over.
    """
    apart = gram - np.diag(gram.diagonal())
    pairs = weights.sum(1) ** 2 - np.square(weights).sum(1)  # (B,) ordered pairs of two tokens
    total = np.einsum("bi,ij,bj->b", weights, apart, weights, optimize=True)
    return np.divide(total, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _cosines(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dot products divided by the lengths: (M, M), ones on the diagonal."""
    return gram / np.sqrt(np.outer(gram.diagonal(), gram.diagonal()))


def _gram(displacements: ArrayLike, reading: Reading) -> NDArray[np.float64]:
    """Dot products of the fields of the tokens that move: (K, V, 3) -> (M, M), M <= K."""
    if reading not in get_args(Reading):
        raise ValueError(f"reading must be one of {get_args(Reading)}, got {reading!r}")
    array = as_fields(displacements)  # (K, V, 3)
    flat = (len(array), 3 * array.shape[1])
    fields = array.reshape(flat) if reading == "vector" else _distances(array)
    gram = fields @ fields.T  # (K, K)
    moving = np.flatnonzero(gram.diagonal())  # (M,)
    if len(moving) < 2:
        raise ValueError(f"similarity needs two tokens that move the face, got {len(moving)}")
    return gram[np.ix_(moving, moving)]


def displacement_curve(displacements: ArrayLike, thresholds: ArrayLike) -> NDArray[np.float64]:
    """Percentage of all (token, vertex) points that move farther than each threshold (Figure 8).

    Parameters
    ----------
    displacements
        (K, V, 3) float. To look at a part of the face only, index its vertices first.
    thresholds
        (T,) float in the unit of the displacements, in any order.

    Returns
    -------
    (T,) float64 in 0 .. 100; a point that moves exactly as far as the threshold does not count

    Raises
    ------
    ValueError
        If a shape is wrong, there is no point, or a value is not finite.
    """
    array, limits = as_fields(displacements), np.asarray(thresholds, np.float64)
    if limits.ndim != 1 or not np.isfinite(limits).all():
        raise ValueError(f"thresholds must be finite numbers (T,), got shape {limits.shape}")
    if array.size == 0:
        raise ValueError(f"no point to count: displacements have shape {array.shape}")
    size = np.sort(_distances(array), axis=None)  # (K V,)
    within = np.searchsorted(size, limits, side="right")  # (T,) points that move at most as far
    return 100.0 * (len(size) - within) / len(size)


def _distances(displacements: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distance that each vertex moves: (K, V, 3) -> (K, V)."""
    return np.linalg.norm(displacements, axis=-1)


def as_fields(displacements: ArrayLike) -> NDArray[np.float64]:
    """Return displacements as (K, V, 3) float64.

    Raises
    ------
    ValueError
        If the shape is another one, or a value is NaN or infinite.
    """
    array = np.asarray(displacements, np.float64)
    if array.ndim != 3 or array.shape[-1] != 3:
        raise ValueError(f"displacements must have shape (K, V, 3), got {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
    if bad.size:
        raise ValueError(f"displacements hold NaN or infinity in {bad.size} tokens, first {bad[0]}")
    return array
