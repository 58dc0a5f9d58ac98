"""ChaLearn First Impressions (V2): ``annotation_{training,validation,test}.pkl``.

Each pickle was written by Python 2 and holds trait -> {"<video>.mp4": score from 0 to 1}, with the
five traits and ``interview`` (layout from public code that reads it). It is opened by
`load_plain`, which runs nothing.

A name is ``<YouTube id>.<part>.mp4``: several clips come from one video. The subject is the video.
A person may have put several videos online, and the official splits are not disjoint in people
either, so splits by subject do not keep people apart for certain.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from dfe.data.labels.base import LabelError, count_differences, need_unique, single
from dfe.data.labels.safe_pickle import load_plain

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
LABELS = (*TRAITS, "interview")
SPLITS = {"training": "train", "validation": "dev", "test": "test"}

_NAME = re.compile(r"([A-Za-z0-9_-]+)\.[0-9]+\.mp4")
_COUNTS = {"train clips": 6000, "dev clips": 2000, "test clips": 2000}


def read_chalearn(folder: Path) -> pd.DataFrame:
    """Scores of all clips.

    Parameters
    ----------
    folder
        Holds the three pickles, in itself or in folders below.

    Returns
    -------
    DataFrame
        ``clip`` (name without ``.mp4``), ``subject`` (YouTube id), ``split``, the five traits and
        ``interview``, all 0 to 1. Whether a high "neuroticism" stands for a person who seems
        stable, as some who used the data say, is unverified.

    Raises
    ------
    dfe.data.labels.base.LabelError
        If a pickle is missing, found twice, refused or damaged, a trait is missing or has other
        clips than the rest, a score is not from 0 to 1, or a name has another form or comes twice.
    """
    tables = [
        _split(_only(folder, f"annotation_{part}.pkl"), split) for part, split in SPLITS.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    need_unique(table["clip"], folder)
    return table


def _only(folder: Path, name: str) -> Path:
    found = sorted(folder.rglob(name))
    if not found:
        raise LabelError(
            f"{folder}: no {name} in it or below; the annotations are archives of "
            "their own, unpack them here"
        )
    if len(found) > 1:
        raise LabelError(f"{folder}: {name} lies in several places, {found}; name one folder")
    return found[0]


def _split(path: Path, split: str) -> pd.DataFrame:
    traits = _traits(path)
    names = list(traits[LABELS[0]])
    columns = {
        label: [_score(scores, name, f"{path}, {label}") for name in names]
        for label, scores in traits.items()
    }
    keys = {
        "clip": [name.removesuffix(".mp4") for name in names],
        "subject": [_video(name, path) for name in names],
        "split": split,
    }
    return pd.DataFrame(keys | columns)


def _traits(path: Path) -> dict[str, dict[str, object]]:
    """The dict of each label; all of the same clips."""
    tree = load_plain(path)
    if not isinstance(tree, dict) or not all(isinstance(part, dict) for part in tree.values()):
        raise LabelError(f"{path}: expected scores by trait and clip, got {type(tree).__name__}")
    if missing := [label for label in LABELS if label not in tree]:
        raise LabelError(f"{path} lacks {missing}; it has {list(tree)}")
    first = tree[LABELS[0]]
    if not first:
        raise LabelError(f"{path}: no clips")
    for label in LABELS:
        if other := sorted(map(str, first.keys() ^ tree[label].keys())):
            raise LabelError(f"{path}: {LABELS[0]} and {label} differ in the clips {other[:3]}")
    return {label: tree[label] for label in LABELS}


def _score(scores: dict[str, object], name: str, where: str) -> float:
    score = scores[name]
    if not isinstance(score, float | int) or isinstance(score, bool):
        raise LabelError(f"{where}, {name}: a {type(score).__name__} instead of a number")
    return single(float(score), 0, 1, f"{where}, {name}")


def _video(name: object, path: Path) -> str:
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise LabelError(f"{path}: {name!r} is not a name like <YouTube id>.<part>.mp4")
    return match[1]


def verify_counts(clips: pd.DataFrame) -> list[str]:
    """In words, where a table of `read_chalearn` differs from the release; empty if nowhere."""
    found = {f"{split} clips": int((clips["split"] == split).sum()) for split in SPLITS.values()}
    return count_differences(found, _COUNTS)
