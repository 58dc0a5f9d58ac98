"""Identity leakage: how well a code tells who the face belongs to (limit named in section 6).

Two tests, both against chance. The first names the subject of single frames, with whole clips held
out. The second finds the other half of a clip among all clips; a clip is one person who does one
thing, so it measures identity and content together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dfe.metrics.presence import number_labels

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_TIE = 1e-9  # relative: two equal distances may differ by rounding


class SubjectLeakage(NamedTuple):
    """How well a linear classifier names the subjects of single frames."""

    accuracy: float  # balanced accuracy: mean over subjects of the share of their frames named
    chance: float  # 1 / subjects
    shuffled: float  # the same accuracy with subjects shuffled over clips, one shuffle
    hits: Floats  # (N,) 1 named right, 0 named wrong, NaN frame left out
    balanced_hits: Floats  # (N,) hits weighted so that each subject counts alike: mean = accuracy
    subjects: int  # subjects to choose from
    left_out: int  # subjects with fewer than two clips
    frames: int  # frames of the subjects to choose from
    folds: int  # folds used


class ClipLeakage(NamedTuple):
    """How well the first half of a clip finds its second half."""

    accuracy: float  # mean of the hits
    chance: float  # 1 / C
    hits: Floats  # (C,) 1 found, 0 not found, 1 / n in an n-fold tie


class Halves(NamedTuple):
    """The two halves of each clip, as masks over frames; a clip of one frame is in neither."""

    first: NDArray[np.bool_]  # (N,) the earlier half; the shorter one where the number is odd
    second: NDArray[np.bool_]  # (N,)


class ClipMeans(NamedTuple):
    """One row per clip."""

    clips: NDArray[np.generic]  # (C,) labels in sorted order
    means: Floats  # (C, D)


def subject_from_frame(
    features: ArrayLike, subjects: ArrayLike, clips: ArrayLike, folds: int = 5, seed: int = 0
) -> SubjectLeakage:
    """Name the subject of single frames; no clip is both learned from and tested on.

    The classifier is ridge regression of balanced class indicators on standardized features. It
    has a closed form, so its result does not depend on when an optimizer stops. A linear reader
    gives a lower bound: another one may find more.

    Subjects with fewer than two clips cannot be tested and are left out. There are as many folds
    as the subject with the fewest clips allows, at most `folds`, so each fold tests each subject.

    Parameters
    ----------
    features
        (N, D) float or bool, such as psi or the presence of tokens.
    subjects, clips
        (N,) labels; clip labels must be unique over data sets. If subjects come from several data
        sets, the camera tells them apart too: measure within one data set.
    folds
        Largest number of folds, at least 2.
    seed
        Of the assignment of clips to folds, and of the shuffle.

    Raises
    ------
    ValueError
        If a shape is wrong, a value is missing or not finite, a clip has two subjects, `folds` is
        below 2, or fewer than two subjects have two clips.
    """
    x = _features(features, "features")  # (N, D)
    subject = number_labels(subjects, len(x), "subjects", sort=True)  # (N,)
    clip = number_labels(clips, len(x), "clips", sort=True)  # (N,)
    if folds < 2:
        raise ValueError(f"cross-validation needs at least two folds, got {folds}")
    owner = _owners(subject, clip, np.asarray(clips))  # (C,)
    n_clips = np.bincount(owner)  # (S,)
    named = n_clips >= 2  # (S,)
    if named.sum() < 2:
        raise ValueError(f"naming subjects needs two with at least two clips, got {named.sum()}")
    kept = named[subject]  # (N,)
    folds = min(folds, int(n_clips[named].min()))
    x, clip = x[kept], clip[kept]
    hit = _named_right(x, owner[clip], clip, folds, seed)  # (n,)
    stranger = _shuffled(owner, named, seed)[clip]  # (n,)
    shuffled = _balanced(_named_right(x, stranger, clip, folds, seed), stranger)
    balanced = _balanced(hit, owner[clip])
    return SubjectLeakage(
        accuracy=float(balanced.mean()),
        chance=1.0 / int(named.sum()),
        shuffled=float(shuffled.mean()),
        hits=_spread(hit, kept),
        balanced_hits=_spread(balanced, kept),
        subjects=int(named.sum()),
        left_out=int((~named).sum()),
        frames=len(x),
        folds=folds,
    )


def clip_from_half(first: ArrayLike, second: ArrayLike) -> ClipLeakage:
    """Look for the second half of each clip among the second halves of all clips.

    The answer is the nearest row in Euclidean distance. For bags of tokens, pass the square roots
    of their frequencies: that is the Hellinger distance up to a factor.

    Parameters
    ----------
    first, second
        (C, D) float, one row per clip, in the same order (`halves`, then `clip_means`).

    Raises
    ------
    ValueError
        If the shapes differ, a value is not finite, or there are fewer than two clips.
    """
    query, target = _features(first, "first"), _features(second, "second")
    if query.shape != target.shape:
        raise ValueError(f"halves differ in shape: first {query.shape}, second {target.shape}")
    if len(query) < 2:
        raise ValueError(f"finding a clip needs at least two of them, got {len(query)}")
    distance = cdist(query, target)  # (C, C)
    tied = distance <= distance.min(1, keepdims=True) * (1 + _TIE)  # (C, C)
    hits = tied.diagonal() / tied.sum(1)  # (C,)
    return ClipLeakage(float(hits.mean()), 1.0 / len(hits), hits)


def halves(clips: ArrayLike, frame: ArrayLike) -> Halves:
    """Split the frames of each clip at the middle, in order of `frame`.

    Parameters
    ----------
    clips
        (N,) labels.
    frame
        (N,) numbers that order the frames of a clip; rows may come in any order.

    Raises
    ------
    TypeError
        If `frame` holds no numbers.
    ValueError
        If the shapes differ, a label or number is missing, or a clip holds a frame twice.
    """
    if not np.issubdtype(np.asarray(frame).dtype, np.number):  # "10" would come before "9"
        raise TypeError(f"frame must hold numbers, got dtype {np.asarray(frame).dtype}")
    table = pd.DataFrame({"clip": number_labels(clips, np.size(clips), "clips", sort=True)})
    table["frame"] = number_labels(frame, len(table), "frame numbers", sort=True)
    if table.duplicated().any():
        raise ValueError(f"{table.duplicated().sum()} frames repeat another one of their clip")
    groups = table.groupby("clip")["frame"]
    rank, size = groups.rank().to_numpy(), groups.transform("size").to_numpy()  # (N,), 1-based
    early = 2 * rank <= size
    return Halves(early, ~early & (size > 1))


def clip_means(features: ArrayLike, clips: ArrayLike) -> ClipMeans:
    """Mean of the rows of each clip: (N, D), (N,) labels -> labels (C,) and means (C, D).

    Raises
    ------
    ValueError
        If a shape is wrong, there are no rows, a value is not finite or a label is missing.
    """
    x = _features(features, "features")
    index = number_labels(clips, len(x), "clips", sort=True)
    means = pd.DataFrame(x).groupby(index).mean().to_numpy()
    return ClipMeans(np.unique(np.asarray(clips)), means)


def _named_right(x: Floats, subject: Labels, clip: Labels, folds: int, seed: int) -> Floats:
    """Whether each frame is named right by the classifier that has not seen its clip: (n,)."""
    model = make_pipeline(StandardScaler(), RidgeClassifier(class_weight="balanced"))
    # A clip has one subject, so this splitter puts each next clip where its subject has fewest
    # frames: every fold tests, and every training set holds, every subject.
    splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    guess = cross_val_predict(model, x, subject, groups=clip, cv=splits)  # (n,)
    return (guess == subject).astype(np.float64)


def _balanced(hit: Floats, subject: Labels) -> Floats:
    """Weight hits by 1 / frames of the subject, with weights of mean 1: (n,)."""
    weight = 1.0 / np.bincount(subject)[subject]  # (n,)
    return hit * weight / weight.mean()


def _shuffled(owner: Labels, named: NDArray[np.bool_], seed: int) -> Labels:
    """Permute the subjects of the clips whose subject is to be named: (C,)."""
    moved, kept = owner.copy(), named[owner]  # (C,), (C,)
    moved[kept] = np.random.default_rng(seed).permutation(owner[kept])
    return moved


def _owners(subject: Labels, clip: Labels, names: NDArray[np.generic]) -> Labels:
    """Subject of each clip: (C,); a clip with two is refused."""
    _, first = np.unique(clip, return_index=True)  # (C,)
    owner = subject[first]
    torn = np.flatnonzero(owner[clip] != subject)
    if torn.size:
        raise ValueError(
            f"clip {str(names[torn[0]])!r} has more than one subject: make clip labels unique"
        )
    return owner


def _spread(values: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Values of the kept frames at their rows, NaN elsewhere: (N,)."""
    spread = np.full(len(kept), np.nan)
    spread[kept] = values
    return spread


def _features(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, np.float64)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must have shape (N, D) with rows and columns, got {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array).all(1))
    if bad.size:
        raise ValueError(f"{name}: {bad.size} rows hold NaN or infinity (first: row {bad[0]})")
    return array
