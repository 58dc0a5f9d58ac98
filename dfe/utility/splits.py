"""Outer splits of the tasks: which clips are trained on and which are scored.

A split is a pair of rising row numbers (train, test). Clips of one person resemble each other
whatever their label is, so folds that put a person on both sides measure in part how well the
person is recognized; `leave_one_group_out` and `grouped_folds` never do that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    StratifiedKFold,
)

from dfe.metrics.presence import number_labels
from dfe.utility.methods import UtilityError

Rows = NDArray[np.intp]
Split = tuple[Rows, Rows]  # train, test
OFFICIAL = ("train", "dev", "test")


def leave_one_out(n: int) -> list[Split]:
    """Each of n clips is scored once (section 5.2). Clips of the same person stay in training."""
    return list(LeaveOneOut().split(np.zeros(_several(n, 2, "clips"))))


def leave_one_group_out(groups: ArrayLike) -> list[Split]:
    """All clips of one group (N,), such as an actor, are scored by a model that never saw it."""
    index = numbers(groups, np.size(groups), "groups")
    _several(int(index.max()) + 1, 2, "groups")
    return list(LeaveOneGroupOut().split(index, groups=index))


def grouped_folds(groups: ArrayLike, n: int, seed: int | None = None) -> list[Split]:
    """N folds that keep each group (N,) whole: GroupKFold by subject in StressID's code, n = 8.

    Parameters
    ----------
    seed
        Draws the folds at random; without, large groups are dealt out first, as in StressID's code.

    Raises
    ------
    UtilityError
        If there are fewer groups than folds, or one is missing.
    """
    index = numbers(groups, np.size(groups), "groups")
    _several(int(index.max()) + 1, n, "groups")
    folds = GroupKFold(n) if seed is None else GroupKFold(n, shuffle=True, random_state=seed)
    return list(folds.split(index, groups=index))


def ungrouped_folds(y: ArrayLike, n: int, seed: int) -> list[Split]:
    """N random folds with the same share of each class of y (N,); people are on both sides.

    Raises
    ------
    UtilityError
        If no class has n clips, or a label is missing. A class with fewer is not in every fold,
        of which scikit-learn warns.
    """
    index = numbers(y, np.size(y), "labels")
    _several(int(np.bincount(index).max()), n, "clips of at least one class")
    return list(StratifiedKFold(n, shuffle=True, random_state=seed).split(index, index))


def official_split(split: ArrayLike) -> list[Split]:
    """Train on "train" and "dev" together and score "test"; `split` is (N,) str.

    Raises
    ------
    UtilityError
        If a clip has another split, or no clip is to be trained on or scored.
    """
    names = _official(split)
    return [(np.flatnonzero(names != "test"), np.flatnonzero(names == "test"))]


def official_dev(split: ArrayLike) -> PredefinedSplit:
    """Inner split of the same protocol: hyper-parameters fitted on "train" and chosen on "dev".

    The result is for `inner` of `classify` and `regress`, which refit on both parts.

    Raises
    ------
    UtilityError
        If a clip has another split, or there is no "train" or no "dev".
    """
    return PredefinedSplit(np.where(_official(split, ("train", "dev")) == "dev", 0, -1))


def check_splits(outer: Sequence[Split], n: int) -> None:
    """Refuse outer splits that score a clip twice or on a model that was trained on it.

    Raises
    ------
    UtilityError
        If there is no split, a part is empty, a row is not in 0 .. n - 1 or comes twice.
    """
    if not outer:
        raise UtilityError("no outer split")
    for fold, (train, test) in enumerate(outer):
        if not (len(train) and len(test)):
            raise UtilityError(f"outer fold {fold} trains on {len(train)} clips, tests {len(test)}")
        used = np.concatenate([train, test])
        if used.min() < 0 or used.max() >= n:
            raise UtilityError(f"outer fold {fold} has rows {used.min()} .. {used.max()} of {n}")
        if (both := np.intersect1d(train, test)).size:
            raise UtilityError(f"outer fold {fold} trains on rows it tests: {both[:5].tolist()}")
    rows, counts = np.unique(np.concatenate([test for _, test in outer]), return_counts=True)
    if (counts > 1).any():
        raise UtilityError(f"rows scored in several folds: {rows[counts > 1][:5].tolist()}")


def numbers(labels: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    """Numbers 0, 1, ... of labels (n,) in sorted order: `number_labels` with our kind of error."""
    try:
        return number_labels(labels, n, name, sort=True)
    except ValueError as error:
        raise UtilityError(str(error)) from error


def _several(found: int, wanted: int, name: str) -> int:
    if found < wanted:
        raise UtilityError(f"{wanted} folds need as many {name}, and there are {found}: use fewer")
    return found


def _official(split: ArrayLike, needed: Iterable[str] = ("test",)) -> NDArray[np.str_]:
    names = np.asarray(split).astype(str)
    if (odd := ~np.isin(names, OFFICIAL)).any():
        raise UtilityError(
            f"{odd.sum()} clips are in none of {OFFICIAL}: row {odd.argmax()} has "
            f"{str(names[odd.argmax()])!r}"
        )
    if absent := [name for name in needed if name not in names]:
        raise UtilityError(f"the official protocol needs clips in {absent}")
    if (names == "test").all():
        raise UtilityError("all clips are test clips: nothing to train on")
    return names
