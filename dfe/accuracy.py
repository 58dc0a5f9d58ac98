"""Section 5.1 as one table: several codings of the same frames, judged by one observer.

`standard_codings` makes the codings, controls of equal granularity among them, and
`compare_codings` retrieves with each and bootstraps all of them with the same draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dfe.controls import intensity_cells, kmeans_cells, random_cells
from dfe.metrics import (
    Interval,
    Retrieval,
    cells,
    percentile_interval,
    presence,
    resampled_means,
    retrieve,
)

#: Table 1's columns, and the field of `Retrieval` that holds each.
MEASURES = {"CosSim": "cosine", "EucDist": "distance", "Std": "spread"}

DFE_CODING, AU_CODING = "DFE tokens", "action units (automatic)"
HUMAN_CODING = "action units (human)"


def standard_codings(
    codes: NDArray[np.int64],
    codebook_size: int,
    psi: NDArray[np.float32],
    units: tuple[NDArray[np.bool_], NDArray[np.float32]] | None,
    seed: int = 0,
    human: NDArray[np.bool_] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """The paper's two codings and controls of the same granularity, as cells of N frames.

    Parameters
    ----------
    codes
        (N, L) tokens.
    codebook_size
        K.
    psi
        (N, 50); k-means cuts it.
    units
        Automatic action units, (N, A) whether each is active and (N, B) their intensities in
        [0, 1]; None where no program gave any.
    seed
        Of k-means and of the random partitions.
    human
        (N, A) bool, units that people have coded as active; None where there are no labels.

    Returns
    -------
    Coding -> (N,) cells. As many occupied cells as the tokens have: ``k-means``,
    ``action-unit intensities`` (as near as steps of one size come) and ``random`` (the same cell
    sizes). As many as the action units have: ``k-means, coarse`` and ``random, coarse``. With
    labels, ``action units (human)`` comes last. Without `units`, those of them that need any are
    left out.
    """
    fine = cells(presence(codes, codebook_size))
    n_fine = int(fine.max()) + 1
    found = {DFE_CODING: fine, "k-means": kmeans_cells(psi, n_fine, seed)}
    if units is None:
        found["random"] = random_cells(fine, seed)
    else:
        on, intensity = units
        found["action-unit intensities"] = intensity_cells(intensity, n_fine).cells
        found["random"] = random_cells(fine, seed)
        coarse = cells(on)
        found[AU_CODING] = coarse
        found["k-means, coarse"] = kmeans_cells(psi, int(coarse.max()) + 1, seed)
        found["random, coarse"] = random_cells(coarse, seed)
    return found if human is None else found | {HUMAN_CODING: cells(human)}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Codings side by side.

    Attributes
    ----------
    retrievals
        Coding -> what its queries retrieved.
    values
        (N, 3 M) float64 measures of each query, three columns per coding; NaN where not kept.
    groups
        (N,) labels; a resample draws whole groups.
    resamples, level, seed
        Of the bootstrap; the same draws serve all codings.
    """

    retrievals: Mapping[str, Retrieval]
    values: NDArray[np.float64]  # (N, 3 M)
    groups: ArrayLike  # (N,)
    resamples: int
    level: float
    seed: int

    def table(self) -> pd.DataFrame:
        """One row per coding: the measures as `Interval`, and what was compared.

        Columns: CosSim, EucDist, Std, ``queries`` (kept), ``kept`` (their share), ``cells``
        (occupied), ``own`` (mean share of a kept query's cell that is of its own group).
        """
        found = self._intervals(self.values)
        rows = {}
        for index, (name, result) in enumerate(self.retrievals.items()):
            measures = found[3 * index : 3 * index + 3]
            rows[name] = dict(zip(MEASURES, measures, strict=True)) | {
                "queries": int(result.kept.sum()),
                "kept": result.kept_share,
                "cells": result.occupied,
                "own": result.own_clip_share if result.own_clip is not None else np.nan,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("coding")

    def gain(self, coding: str, other: str) -> dict[str, Interval]:
        """Mean difference `coding` minus `other` on the queries that both keep, by measure."""
        names = list(self.retrievals)
        first, second = (self.values[:, 3 * names.index(n) :][:, :3] for n in (coding, other))
        return dict(zip(MEASURES, self._intervals(first - second), strict=True))

    def _intervals(self, values: NDArray[np.float64]) -> list[Interval]:
        draws = resampled_means(values, self.groups, self.resamples, self.seed)  # (1 + B, M)
        return [percentile_interval(column, self.level) for column in draws.T]


def compare_codings(
    features: ArrayLike,
    codings: Mapping[str, NDArray[np.int64]],
    groups: ArrayLike,
    clips: ArrayLike | None = None,
    exclude: bool = False,
    minimum: int = 5,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Retrieve with each coding and judge what was found in the features of one observer.

    Parameters
    ----------
    features
        (N, D) float features of the observer, finite.
    codings
        Name -> (N,) int cell of each frame.
    groups
        (N,) labels of what the bootstrap draws: clips, or blocks of independent frames.
    clips
        (N,) labels; matches with the query's own label are counted, and left out if `exclude`.
    minimum
        Queries with fewer matches are left out.

    Raises
    ------
    ValueError
        As `dfe.metrics.retrieve` and `dfe.metrics.resampled_means`.
    """
    found = {
        name: retrieve(features, cells, clips, exclude_own_clip=exclude, minimum=minimum, seed=seed)
        for name, cells in codings.items()
    }
    columns = [getattr(result, field) for result in found.values() for field in MEASURES.values()]
    return Comparison(found, np.column_stack(columns), groups, resamples, level, seed)
