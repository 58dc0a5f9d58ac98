"""Retrieval by exact code and how alike the retrieved frames are (section 5.1, Table 1).

No matrix of all pairs is built. Mean cosines and standard deviations follow from sums over cells,
in float64, and are exact. Mean distances need pairs: all of them in cells of up to `partners` rows.
In a larger cell they are means over one random sample of `partners` rows, which all queries of the
cell share. A clip that leaves fewer than `MIN_PARTNERS` foreign rows in that sample draws its own
sample of foreign rows, or takes all if there are no more than `partners`. The standard error of
such a mean is the standard deviation of the query's distances divided by the square root of the
sampled partners: for 2048 of them, 2 % of that deviation. Queries of a cell share their partners,
so their errors do not average out. By rounding, distances have an absolute error of up to 1e-7 of
the extent of the cell.

Every query leaves out a *group* of rows of its cell: itself alone, or all rows of its clip. What
holds for the matches of a query is then what holds for its cell minus what holds for its group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from dfe.checks import as_rows
from dfe.metrics.presence import label_rows, number_labels

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MIN_PARTNERS = 64  # with fewer rows of other clips in a shared sample, a clip draws its own
_BATCHED = 256  # rows; larger cells are handled one by one
_ENTRIES = 1 << 19  # matrix entries in flight: 4 MB, which stay in the cache
_COLUMNS = 16  # feature columns in flight; 16 float32 fill a cache line


@dataclass(frozen=True, eq=False)
class Retrieval:
    """What each of N queries retrieves; NaN where a query is not kept or a value is undefined.

    Parameters
    ----------
    matches
        (N,) int64 retrieved rows: those of the query's cell without the query itself, and without
        the query's clip where that was asked for.
    others
        (N,) int64 rows of the query's cell without the query itself, of whatever clip.
    own_clip
        (N,) int64 those of `others` that are of the query's clip, whether they are among the
        matches or left out; None where no clips were given.
    kept
        (N,) bool, matches >= minimum.
    cosine
        (N,) float64 mean cosine between the query and its matches. A zero vector has no
        direction: such a query has NaN, and such a match does not count in the mean.
    distance
        (N,) float64 mean Euclidean distance between the query and its matches, in the unit of the
        features.
    spread
        (N,) float64 standard deviation of the matches, the query not among them, averaged over
        the coordinates, in the unit of the features; NaN where there are not more matches than
        `ddof`.
    sampled
        (N,) bool, the distance is a mean over sampled partners and not over all matches.
    occupied
        Number of different cells among the N rows.
    """

    matches: Integers
    others: Integers
    own_clip: Integers | None
    kept: Bools
    cosine: Floats
    distance: Floats
    spread: Floats
    sampled: Bools
    occupied: int

    @property
    def kept_share(self) -> float:
        """Share of the N queries that have enough matches."""
        return float(self.kept.mean())

    @property
    def own_clip_share(self) -> float:
        """Mean over kept queries of the share of their cell (without them) that is their clip's.

        NaN where no query is kept.

        Raises
        ------
        ValueError
            If `retrieve` was given no clips.
        """
        if self.own_clip is None:
            raise ValueError("the share of the query's own clip needs clips: give them to retrieve")
        if not self.kept.any():
            return float("nan")
        return float((self.own_clip[self.kept] / self.others[self.kept]).mean())


def retrieve(
    features: ArrayLike,
    cells: ArrayLike,
    clips: ArrayLike | None = None,
    *,
    exclude_own_clip: bool = False,
    minimum: int = 5,
    partners: int = 2048,
    seed: int = 0,
    ddof: int = 0,
) -> Retrieval:
    """Retrieve for every row the rows of its cell, and measure how alike they are to it.

    Cosines and standard deviations are exact, distances in large cells sampled; see the module.

    Parameters
    ----------
    features
        (N, D) float, what an observer sees of each frame; used as float32.
    cells
        (N,) int, equal for frames of equal code; see `dfe.metrics.cells`.
    clips, exclude_own_clip
        (N,) labels of any kind, the clip of each frame; whether to leave out the query's clip.
    minimum
        Queries with fewer matches are not kept (section 5.1: 5).
    partners, seed
        Rows of a cell that a query is compared with at most (at least 2), and seed of the samples.
    ddof
        The variance of m matches is their sum of squares divided by m - ddof.

    Raises
    ------
    TypeError, ValueError
        If the features are not finite floats (N, D), the cells not integers (N,), the clips not
        (N,), missing or needed; or `minimum` < 1, `partners` < 2 or `ddof` < 0.
    """
    _check_settings(minimum, partners, ddof, clips is None and exclude_own_clip)
    rows = _check_features(features)
    cell = number_labels(_check_cells(cells), len(rows), "cells")
    own_clip, left = None, np.arange(len(rows))
    if clips is not None:
        pair = label_rows(np.column_stack([cell, number_labels(clips, len(rows), "clips")]))  # (N,)
        own_clip = np.bincount(pair)[pair] - 1
        left = pair if exclude_own_clip else left
    layout = _Layout.of(cell, left)
    matches = layout.matches[left]
    kept = matches >= minimum
    distance, sampled = _distances(rows, layout, kept, partners, seed)
    return Retrieval(
        matches=matches,
        others=layout.cell_size[cell] - 1,
        own_clip=own_clip,
        kept=kept,
        cosine=np.where(kept, _cosines(rows, layout), np.nan),
        distance=distance,
        spread=np.where(kept, _spreads(rows, layout, ddof)[left], np.nan),
        sampled=sampled,
        occupied=len(layout.cell_size),
    )


def _check_settings(minimum: int, partners: int, ddof: int, clips_lack: bool) -> None:
    if clips_lack:
        raise ValueError("exclude_own_clip needs to know the clips: give clips")
    for name, value, least in [
        ("minimum", minimum, 1),
        ("partners", partners, 2),
        ("ddof", ddof, 0),
    ]:
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def _check_features(features: ArrayLike) -> NDArray[np.float32]:
    array = np.asarray(features)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"features must have shape (N, D) with N, D >= 1, got {array.shape}")
    return as_rows(array, array.shape[1], "features")


def _check_cells(cells: ArrayLike) -> NDArray[np.integer]:
    array = np.asarray(cells)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"cells must be integers, got dtype {array.dtype}: see dfe.metrics.cells")
    return array


@dataclass(frozen=True, eq=False)
class _Layout:
    """Rows by cell, and by the group of rows of the cell that a query leaves out."""

    cell: Integers  # (N,) in 0 .. C - 1
    left: Integers  # (N,) in 0 .. G - 1
    parent: Integers  # (G,) cell of each group
    cell_size: Integers  # (C,)
    matches: Integers  # (G,) rows of the cell that are not in the group

    @classmethod
    def of(cls, cell: Integers, left: Integers) -> _Layout:
        """Groups `left` (N,) must lie inside cells `cell` (N,)."""
        cell_size, left_size = np.bincount(cell), np.bincount(left)
        parent = np.empty(len(left_size), np.int64)
        parent[left] = cell
        return cls(cell, left, parent, cell_size, cell_size[parent] - left_size)

    def minus_left(self, values: Floats) -> Floats:
        """Sums over the matches of each group: (N, B) -> (G, B)."""
        return (_summing(self.cell) @ values)[self.parent] - _summing(self.left) @ values


def _summing(labels: Integers) -> csr_array:
    """Sparse (labels, N) matrix of zeros and ones; times (N, B) it gives sums over labels."""
    ones, columns = np.ones(len(labels)), np.arange(len(labels))
    return csr_array((ones, (labels, columns)), shape=(labels.max() + 1, len(labels)))


def _blocks(rows: NDArray[np.float32]) -> Iterator[Floats]:
    """Features in float64, some columns at a time."""
    for start in range(0, rows.shape[1], _COLUMNS):
        yield rows[:, start : start + _COLUMNS].astype(np.float64)  # (N, B)


def _cosines(rows: NDArray[np.float32], layout: _Layout) -> Floats:
    """Mean cosine to the matches with a direction, from sums of unit vectors: (N,)."""
    norm = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    directed = norm > 0
    scale = np.divide(1.0, norm, out=np.zeros_like(norm), where=directed)
    total = np.zeros(len(rows))
    for block in _blocks(rows):
        block *= scale[:, None]
        total += np.einsum("nb,nb->n", block, layout.minus_left(block)[layout.left])
    count = layout.minus_left(directed[:, None].astype(np.float64))[layout.left, 0]  # (N,)
    undefined = np.full(len(rows), np.nan)
    return np.divide(total, count, out=undefined, where=directed & (count > 0))


def _spreads(rows: NDArray[np.float32], layout: _Layout, ddof: int) -> Floats:
    """Standard deviation of the matches of each group, averaged over coordinates: (G,)."""
    by_cell, by_left = _summing(layout.cell), _summing(layout.left)
    matches = layout.matches[:, None]  # (G, 1)
    total = np.zeros(len(matches))
    for block in _blocks(rows):
        # About the mean of the cell the matches sum to minus the group, and no digits are lost.
        block -= (by_cell @ block / layout.cell_size[:, None])[layout.cell]
        squares = layout.minus_left(np.square(block))  # (G, B)
        squares -= np.square(by_left @ block) / np.maximum(matches, 1)
        squares /= np.maximum(matches - ddof, 1)
        total += np.sqrt(np.maximum(squares, 0, out=squares)).sum(1)
    return np.where(layout.matches > ddof, total / rows.shape[1], np.nan)


def _distances(
    rows: NDArray[np.float32], layout: _Layout, kept: Bools, partners: int, seed: int
) -> tuple[Floats, Bools]:
    """Mean distance of kept queries (N,), NaN for others, and whether it is sampled (N,)."""
    order = np.argsort(layout.cell, kind="stable")
    start = np.cumsum(layout.cell_size) - layout.cell_size  # (C,) of each cell in `order`
    wanted = np.bincount(layout.cell, kept) > 0  # (C,)
    batched = layout.cell_size <= min(_BATCHED, partners)
    pairs = _Pairs(rows, layout, kept, partners, np.random.default_rng(seed))
    # The products are many and small: threads would wait for each other most of the time.
    with threadpool_limits(1, "blas"):
        for size in np.unique(layout.cell_size[wanted & batched]):
            same = start[wanted & batched & (layout.cell_size == size)]  # (cells of this size,)
            pairs.add_cells(order[same[:, None] + np.arange(size)])
        for cell in np.flatnonzero(wanted & ~batched):
            pairs.add_cell(order[start[cell] : start[cell] + layout.cell_size[cell]])
    return np.where(kept, pairs.distance, np.nan), pairs.sampled


class _Pairs:
    """Collects the mean distances of the queries of one cell after the other."""

    def __init__(
        self,
        rows: NDArray[np.float32],
        layout: _Layout,
        kept: Bools,
        partners: int,
        rng: np.random.Generator,
    ) -> None:
        self.rows, self.left, self.kept, self.rng = rows, layout.left, kept, rng
        self.partners = partners
        self.matches = layout.matches[layout.left]  # (N,)
        self.distance = np.full(len(rows), np.nan)
        self.sampled = np.zeros(len(rows), bool)

    def add_cells(self, members: Integers) -> None:
        """Take all pairs in each of M small cells of equal size: (M, P) row numbers."""
        size = members.shape[1]
        step = max(1, _ENTRIES // (size * max(size, self.rows.shape[1])))
        for first in range(0, len(members), step):
            some = members[first : first + step]  # (B, P)
            points = self.rows[some].astype(np.float64)
            points -= points.mean(1, keepdims=True)
            totals = _distance_sums(points, points, self.left[some], self.left[some])  # (B, P)
            self.distance[some] = totals / np.maximum(self.matches[some], 1)

    def add_cell(self, members: Integers) -> None:
        """Compare the kept queries of one large cell (P,) with all of it, or with a sample."""
        pool, queries = self._draw(members), members[self.kept[members]]
        labels = np.sort(self.left[pool])
        own = self.left[queries]
        foreign = len(pool) - (
            np.searchsorted(labels, own, "right") - np.searchsorted(labels, own, "left")
        )
        # Half of a small pool is enough: a query that leaves out only itself never draws its own.
        rich = foreign >= min(MIN_PARTNERS, len(pool) // 2)
        self._compare(queries[rich], pool, foreign[rich])
        self.sampled[queries[rich]] = len(pool) < len(members)
        for group in np.unique(own[~rich]):
            self._add_group(queries[own == group], members[self.left[members] != group])

    def _add_group(self, queries: Integers, foreign: Integers) -> None:
        """Compare queries (Q,) of one clip and cell with a sample of their own matches."""
        pool = self._draw(foreign)
        self._compare(queries, pool, np.full(len(queries), len(pool)))
        self.sampled[queries] = len(pool) < len(foreign)

    def _draw(self, members: Integers) -> Integers:
        """All of `members`, or `partners` of them."""
        if len(members) <= self.partners:
            return members
        return np.sort(self.rng.choice(members, self.partners, replace=False))

    def _compare(self, queries: Integers, pool: Integers, counts: Integers) -> None:
        points = self.rows[pool].astype(np.float64)  # (P, D)
        center = points.mean(0)
        points -= center
        step = max(1, _ENTRIES // len(pool))
        for first in range(0, len(queries), step):
            some = queries[first : first + step]  # (Q,)
            totals = _distance_sums(
                self.rows[some] - center, points, self.left[some], self.left[pool]
            )
            self.distance[some] = totals / counts[first : first + step]


def _distance_sums(
    queries: Floats, partners: Floats, left: Integers, partners_left: Integers
) -> Floats:
    """Sum of the distances of each query to the partners outside its group.

    (..., Q, D), (..., P, D), (..., Q) and (..., P) -> (..., Q). The features should be centered:
    |a - b|^2 is computed as |a|^2 + |b|^2 - 2 ab, all of it in one matrix product.
    """
    q_square = np.square(queries).sum(-1, keepdims=True)
    p_square = np.square(partners).sum(-1, keepdims=True)
    a = np.concatenate([-2 * queries, q_square, np.ones_like(q_square)], -1)  # (..., Q, D + 2)
    b = np.concatenate([partners, np.ones_like(p_square), p_square], -1)  # (..., P, D + 2)
    distance = a @ np.swapaxes(b, -1, -2)  # (..., Q, P)
    distance[left[..., :, None] == partners_left[..., None, :]] = 0.0
    return np.sqrt(np.maximum(distance, 0, out=distance), out=distance).sum(-1)
