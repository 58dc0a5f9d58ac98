"""Controls of equal granularity: partitions as fine as a coding, with another or no meaning.

Exact matching (section 5.1) rewards fine codes, so the cells that a coding cuts a database into are
compared with these. A partition is an (N,) int64 array of labels 0, 1, 2, ... in order of first
appearance, as `dfe.metrics.presence.cells` gives it.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, ward
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin

from dfe.checks import as_rows, check_codes
from dfe.metrics.presence import label_rows

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_FEW = 2_000  # cells up to which k-means is run on all rows at once
_SAMPLE = 20_000  # rows that its start is chosen from
_PART, _LARGEST = 1_000, 4_000  # rows of a part on average and at most: a tree needs all its pairs
# From one cell for all frames (1 / 2 rounds to 0) to about the last digit of a score, in steps of
# 1 percent: each step then changes the number of cells by little.
_STEPS = 2.0 ** (1 - np.arange(13 * 64 + 1) / 64)


class IntensityCells(NamedTuple):
    """A partition by rounded intensities."""

    cells: Integers  # (N,) labels in order of first appearance
    step: float  # intensities were rounded to multiples of this


def random_cells(cells: ArrayLike, seed: int) -> Integers:
    """Draw the members of each cell at random and keep the sizes: granularity and nothing else.

    Parameters
    ----------
    cells
        (N,) int labels.
    seed
        Seed of the permutation.

    Returns
    -------
    (N,) int64 labels in order of first appearance

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If the shape is not (N,).
    """
    array = np.asarray(cells)
    if array.ndim != 1:
        raise ValueError(f"cells must have shape (N,), got {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"cells must be integer labels, got dtype {array.dtype}")
    return label_rows(np.random.default_rng(seed).permutation(array)[:, None])


def shuffled_codes(codes: ArrayLike, seed: int) -> Integers:
    """Permute each stage's tokens over the frames, independently of the other stages.

    Each stage keeps its usage, and which tokens occur together is left to chance. Two stages may
    then pick the same token more or less often, so the number of different tokens per frame may
    change.

    Parameters
    ----------
    codes
        (N, L) int, 0 or more.
    seed
        Seed of the permutations.

    Returns
    -------
    (N, L) int64

    Raises
    ------
    TypeError
        If the codes are not integers.
    ValueError
        If the shape is not (N, L) with L >= 1, or a code is negative.
    """
    array = np.asarray(codes)
    if array.ndim != 2:
        raise ValueError(f"codes must have shape (N, L), got {array.shape}")
    array = check_codes(array, np.iinfo(np.int64).max, array.shape[1])
    return np.random.default_rng(seed).permuted(array, axis=0)


def intensity_cells(intensity: ArrayLike, n_cells: int) -> IntensityCells:
    """Round intensities to multiples of the step that gives a number of cells nearest to `n_cells`.

    The possible steps are 2, 2 / 2^(1/64), ..., 2^-12. The number of cells grows almost steadily as
    the step falls, so the place is found by bisection, and the nearest of the steps met on the way
    is taken (the coarsest of equally near ones). If even the finest step gives fewer cells than
    asked for, it is taken; `cells.max() + 1` is the number achieved.

    Parameters
    ----------
    intensity
        (N, A) float in 0 .. 1, one column per action unit.
    n_cells
        Number of occupied cells wanted, 1 .. N.

    Raises
    ------
    TypeError
        If the intensities are not floating point.
    ValueError
        If the shape is not (N, A), a value is not finite or outside 0 .. 1, or `n_cells` is
        outside 1 .. N.
    """
    rows = _checked(intensity, n_cells, "intensity")
    if rows.min() < 0 or rows.max() > 1:
        raise ValueError(f"intensity must lie in 0 .. 1, got {rows.min()} .. {rows.max()}")
    met: dict[int, Integers] = {}

    def too_few(at: int) -> bool:
        met[at] = label_rows(np.rint(rows / _STEPS[at]).astype(np.int64))
        return bool(met[at].max() + 1 < n_cells)

    low, high = 0, len(_STEPS) - 1
    if too_few(high):
        return IntensityCells(met[high], float(_STEPS[high]))
    while low < high:  # `high` has enough cells throughout
        middle = (low + high) // 2
        low, high = (middle + 1, high) if too_few(middle) else (low, middle)
    best = min(sorted(met), key=lambda at: abs(int(met[at].max()) + 1 - n_cells))
    return IntensityCells(met[best], float(_STEPS[best]))


def kmeans_cells(psi: ArrayLike, n_cells: int, seed: int = 0, max_iter: int = 10) -> Integers:
    """Cut expression vectors into `n_cells` compact cells: what the number of cells alone can buy.

    Up to 2,000 cells (or 1 percent of the rows) this is k-means with a k-means++ start. For more,
    k-means first splits the rows into parts of about 1,000. Each part gets the tree of Ward (1963),
    which joins the two cells whose union adds least to the sum of squares. Of all joins in all
    parts, the cheapest N - n_cells are made, so that every part has the cells that it needs; from
    there k-means goes on within each part. Equal rows count once in the trees, and as often as they
    occur in k-means.

    Parameters
    ----------
    psi
        (N, P) float; rows that are equal as float32 share a cell.
    n_cells
        Number of occupied cells, 1 .. N. It is met exactly unless there are fewer different rows
        than that; then each different row is a cell.
    seed
        Seed. The same seed gives the same cells on one machine; elsewhere, another rounding of
        sums may move a row that lies between two centers.
    max_iter
        Iterations of each k-means.

    Returns
    -------
    (N,) int64 labels in order of first appearance

    Raises
    ------
    TypeError
        If psi is not floating point.
    ValueError
        If the shape is not (N, P), a value is not finite, `n_cells` is outside 1 .. N, or
        `max_iter` is less than 1.
    """
    rows = _checked(psi, n_cells, "psi")
    if max_iter < 1:
        raise ValueError(f"max_iter must be 1 or more, got {max_iter}")
    same = label_rows(rows)  # (N,) equal rows are one row of a larger weight from here on
    _, first, weight = np.unique(same, return_index=True, return_counts=True)
    rows = rows[first]  # (M, P)
    labels = _cut(rows, weight, min(n_cells, len(rows)), np.random.default_rng(seed), max_iter)
    return label_rows(labels[same, None])


def _checked(values: ArrayLike, n_cells: int, name: str) -> Floats:
    """(N, columns) float32, columns >= 1, with 1 <= n_cells <= N."""
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} must have shape (N, columns), got {array.shape}")
    if not 1 <= n_cells <= len(array):
        raise ValueError(f"n_cells must lie in 1 .. {len(array)} (the rows), got {n_cells}")
    return as_rows(array, array.shape[1], name)


def _cut(
    rows: Floats, weight: Integers, n_cells: int, rng: np.random.Generator, max_iter: int
) -> Integers:
    """Labels of M >= n_cells different rows, each of 0 .. n_cells - 1 in use: (M, P) -> (M,)."""
    if n_cells <= max(_FEW, len(rows) // 100):
        return _plain(rows, weight, n_cells, rng, max_iter)
    parts = _parts(rows, np.arange(len(rows)), rng)
    if len(parts) > n_cells:  # a split that peels off a few rows at a time
        return _plain(rows, weight, n_cells, rng, max_iter)
    trees = [ward(rows[part]) if len(part) > 1 else np.empty((0, 4)) for part in parts]
    labels, start = np.empty(len(rows), np.int64), 0
    for part, tree, joins in zip(parts, trees, _cheapest(trees, len(rows) - n_cells), strict=True):
        cells = _joined(tree, joins)  # (rows of the part,)
        if joins:
            centers = _means(rows[part], weight[part], cells)
            cells = _lloyd(rows[part], weight[part], centers, max_iter)
        labels[part] = start + cells
        start += len(part) - joins
    return labels


def _plain(
    rows: Floats, weight: Integers, n_cells: int, rng: np.random.Generator, max_iter: int
) -> Integers:
    """K-means on all rows; of many rows, a sample gives the centers to start from: (M,)."""
    size = max(_SAMPLE, 10 * n_cells)
    if len(rows) <= size:
        kmeans = _kmeans(rows, weight, n_cells, rng, max_iter)
        return _occupied(rows, weight, kmeans.labels_, n_cells)
    sample = rng.choice(len(rows), size, replace=False)
    start = _kmeans(rows[sample], weight[sample], n_cells, rng, max_iter)
    return _lloyd(rows, weight, start.cluster_centers_, max_iter)


def _kmeans(
    rows: Floats, weight: Integers, n_cells: int, rng: np.random.Generator, max_iter: int
) -> KMeans:
    """K-means from a k-means++ start."""
    state = int(rng.integers(2**31))
    kmeans = KMeans(n_cells, n_init=1, max_iter=max_iter, random_state=state)
    return _fit(kmeans, rows, weight)


def _fit(kmeans: KMeans, rows: Floats, weight: Integers) -> KMeans:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an empty cell: _occupied fills it
        return kmeans.fit(rows, sample_weight=weight)


def _lloyd(rows: Floats, weight: Integers, centers: Floats, max_iter: int) -> Integers:
    """K-means from given centers; all cells stay occupied: (M, P), (C, P) -> (M,)."""
    kmeans = KMeans(len(centers), init=centers, n_init=1, max_iter=max_iter)
    return _occupied(rows, weight, _fit(kmeans, rows, weight).labels_, len(centers))


def _occupied(rows: Floats, weight: Integers, labels: Integers, n_cells: int) -> Integers:
    """Give each missing cell the row farthest from its center, from cells of several rows."""
    _, labels = np.unique(labels, return_inverse=True)
    while (used := int(labels.max()) + 1) < n_cells:
        centers = _means(rows, weight, labels)
        distance = np.square(rows - centers[labels]).sum(1)  # (M,)
        sizes = np.bincount(labels)
        farthest = np.lexsort((distance, labels))[np.cumsum(sizes) - 1]  # (used,) one of each cell
        farthest = farthest[sizes > 1]
        moved = farthest[np.argsort(-distance[farthest], kind="stable")][: n_cells - used]
        labels[moved] = used + np.arange(len(moved))
    return labels.astype(np.int64, copy=False)


def _means(rows: Floats, weight: Integers, labels: Integers) -> Floats:
    """Weighted mean of each cell: (M, P), (M,), (M,) labels 0 .. C - 1 -> (C, P)."""
    sums = np.zeros((labels.max() + 1, rows.shape[1]))
    np.add.at(sums, labels, rows * weight[:, None].astype(np.float64))
    return (sums / np.bincount(labels, weight)[:, None]).astype(np.float32)


def _parts(rows: Floats, index: Integers, rng: np.random.Generator) -> list[Integers]:
    """Split rows[index] into clusters of at most _LARGEST rows, about _PART on average."""
    if len(index) <= _LARGEST:
        return [index]
    own, n_parts = rows[index], -(-len(index) // _PART)
    sample = rng.choice(len(own), min(len(own), 40 * n_parts), replace=False)
    kmeans = _kmeans(own[sample], np.ones(len(sample), np.int64), n_parts, rng, 10)
    nearest = pairwise_distances_argmin(own, kmeans.cluster_centers_)  # (rows of the index,)
    found = [index[nearest == part] for part in np.unique(nearest)]
    if len(found) == 1:  # too alike to be told apart: any split is as good
        return np.array_split(index, n_parts)
    return [part for large in found for part in _parts(rows, large, rng)]


def _cheapest(trees: list[NDArray[np.float64]], joins: int) -> list[int]:
    """How many of the `joins` cheapest joins of all trees each tree holds.

    The costs of a tree never fall from one join to the next, so these are its first ones.
    """
    cost = np.concatenate([tree[:, 2] for tree in trees])
    owner = np.repeat(np.arange(len(trees)), [len(tree) for tree in trees])
    chosen = owner[np.argsort(cost, kind="stable")[:joins]]
    return np.bincount(chosen, minlength=len(trees)).tolist()


def _joined(tree: NDArray[np.float64], joins: int) -> Integers:
    """Labels 0, 1, 2, ... of the rows of a tree after its first `joins` joins: (rows,) int64."""
    if joins == 0:
        return np.arange(len(tree) + 1)
    ranked = tree.copy()
    ranked[:, 2] = np.arange(len(tree))  # equal costs must not be cut all at once
    return fcluster(ranked, joins - 0.5, "distance").astype(np.int64) - 1
