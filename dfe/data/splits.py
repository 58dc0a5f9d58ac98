"""Splits that keep a subject, and with it every clip, on one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfe.data.features import FeatureTable


def split_by_subject(
    table: FeatureTable, held_out: float = 0.2, seed: int = 0
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Split each data set into training and held-out rows by whole subjects.

    Subjects are taken in random order, each one that brings the held-out share closer to
    `held_out`. A data set with two or more subjects gets at least one on either side; one with a
    single subject goes to training as a whole. The random order of a data set depends on `seed`
    only, so another data set in the table changes nothing.

    Parameters
    ----------
    table
        N rows; only `dataset` and `subject` are read.
    held_out
        Wanted share of the rows of each data set, strictly between 0 and 1.
    seed
        Seed of the random order, >= 0.

    Returns
    -------
    train, held_out
        Two (N,) bool masks; each row is in exactly one of them.

    Raises
    ------
    ValueError
        If `held_out` is not between 0 and 1.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie strictly between 0 and 1, got {held_out}")
    mask = np.zeros(len(table), bool)
    for name in np.unique(table.dataset):
        inside = table.dataset == name
        subjects, counts = np.unique(table.subject[inside], return_counts=True)
        rng = np.random.default_rng(seed)  # anew, so that data sets do not disturb each other
        chosen = _choose(counts, held_out * counts.sum(), rng.permutation(len(counts)))
        mask |= inside & np.isin(table.subject, subjects[chosen])
    return ~mask, mask


def _choose(counts: NDArray[np.intp], target: float, order: NDArray[np.intp]) -> list[int]:
    """Indices of subjects whose counts add up to about `target`; neither none nor all of them."""
    if len(counts) < 2:
        return []
    chosen: list[int] = []
    total = 0
    for index in order.tolist():
        closer = abs(total + counts[index] - target) < abs(total - target)
        if closer and len(chosen) < len(counts) - 1:
            chosen.append(index)
            total += int(counts[index])
    # Nothing came closer: every subject is at least twice the target, so the smallest is nearest.
    return chosen or [min(order.tolist(), key=counts.__getitem__)]
