"""StressID (Chaptoukaev et al. 2023): ``labels.csv`` and ``self_assessments.csv``.

``labels.csv`` (comma): ``subject/task, binary-stress, affect3-class`` and in newer releases
``affect3-class-v2``; keys are ``<subject>_<Task>``. ``self_assessments.csv`` (semicolon): rows
``Tasks`` = ``<Task>_{relax,stress,valence,arousal}``, a column for each subject; public code also
reads it the other way round (a row for each subject), so both are accepted. Ratings run from 0 to
10. The layout is taken from the baseline code of the authors (robustml-eurecom/stressID).

Three classes (0 relaxed, 1 neutral, 2 stressed) have several definitions, so a rule has to be
named:

========= ===========================================================================
"file"    column ``affect3-class``
"file-v2" column ``affect3-class-v2``, whose rule is not published
"paper"   relaxed if valence >= 5, arousal <= 5 and relax >= 5 (notebook of the authors)
"site"    relaxed if valence > 5, arousal < 5 and relax > 5 (page of the project)
========= ===========================================================================

"paper" and "site" are computed from the ratings; both call valence < 5, arousal > 5 and stress > 5
stressed, and the rest neutral. The binary label is 1 from a rating of stress of 5. A table of clips
has no gaps, so a clip that lacks one of the two labels is left out and reported: by "paper" and
"site" all clips of subject hh2e, who gave no valence and no arousal. The task "Baseline" has no
labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from dfe.data.labels.base import (
    LabelError,
    count_differences,
    need_unique,
    numbers,
    read_cells,
    read_header,
)

Rule = Literal["file", "file-v2", "paper", "site"]
RATINGS = ("relax", "stress", "valence", "arousal")
TASKS = (
    *("Breathing", "Video1", "Video2", "Counting1", "Counting2", "Counting3"),
    *("Stroop", "Speaking", "Math", "Reading", "Relax"),
)
BASELINE = "Baseline"  # recorded, but nobody rated it
RELAXED, NEUTRAL, STRESSED = 0, 1, 2

_KEY, _BINARY = "subject/task", "binary-stress"
_COLUMN: Mapping[str, str] = {"file": "affect3-class", "file-v2": "affect3-class-v2"}
_LABELS = ("binary", "three_class")
_CLASSES = {"file": (138, 470, 92), "file-v2": (257, 242, 201)}  # published, of 700 clips


@dataclass(frozen=True, eq=False)
class StressReport:
    """How the labels that were read differ from those of the other file.

    Parameters
    ----------
    differences
        Rows with ``clip``, ``label`` ("binary" or "three_class"), ``computed`` (from the ratings)
        and ``shipped`` (in ``labels.csv``).
    left_out
        Clip -> why it is not in the table.
    unmatched
        Clips in the table that only one of the two files knows, so that nothing was compared.
    """

    differences: pd.DataFrame
    left_out: Mapping[str, str]
    unmatched: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report in words; empty if there is nothing to say."""
        words = [
            f"{row.clip}: {row.label} is {row.computed} by its ratings, {row.shipped} in labels.csv"
            for row in self.differences.itertuples()
        ]
        words += [f"{clip}: left out, {why}" for clip, why in self.left_out.items()]
        return words + [f"{clip}: in one of the two files only" for clip in self.unmatched]


def read_stressid(folder: Path, rule: Rule) -> tuple[pd.DataFrame, StressReport]:
    """Labels of all clips by a rule, and what does not agree.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and ``self_assessments.csv``.
    rule
        Of the three classes. "file" and "file-v2" take both labels from ``labels.csv``, "paper"
        and "site" compute both.

    Returns
    -------
    DataFrame
        ``clip``, ``subject``, ``split`` (empty), ``binary`` (0, 1), ``three_class`` (0, 1, 2).
    StressReport
        The computed labels against the shipped ones. "file" is compared with the rule "paper";
        of "file-v2" only the binary label is, for want of a rule.

    Raises
    ------
    LabelError
        If the rule is unknown, or a file is not what it should be.
    """
    if rule not in (*_COLUMN, "paper", "site"):
        raise LabelError(
            f"rule {rule!r} of the three classes is none of file, file-v2, paper, site"
        )
    shipped = _shipped(folder / "labels.csv", _COLUMN.get(rule, "affect3-class"))
    computed = _computed(folder / "self_assessments.csv", "site" if rule == "site" else "paper")
    chosen, other = (shipped, computed) if rule in _COLUMN else (computed, shipped)
    whole = chosen.notna().all(axis=1)
    clips = chosen[whole].astype(int)
    compared = _LABELS[:1] if rule == "file-v2" else _LABELS
    report = StressReport(
        _differences(computed, shipped, compared),
        _left_out(chosen, other),
        tuple(clips.index.difference(other.index)),
    )
    return _table(clips), report


def _table(clips: pd.DataFrame) -> pd.DataFrame:
    table = clips.rename_axis("clip").reset_index()
    table.insert(1, "subject", table["clip"].str.partition("_")[0])
    table.insert(2, "split", "")
    return table


def _shipped(path: Path, column: str) -> pd.DataFrame:
    """Labels of ``labels.csv``, indexed by clip; NaN where a cell is empty."""
    cells = read_cells(path, (_KEY, _BINARY, column))
    need_unique(cells[_KEY], path)
    for line, key in cells[_KEY].items():
        subject, _, task = key.partition("_")
        if not subject or task not in (*TASKS, BASELINE):
            raise LabelError(
                f"{path}, line {line}: {key!r} is not <subject>_<Task> with a task of {TASKS}"
            )
    found = {
        "binary": numbers(cells[_BINARY], path, 0, 1, whole=True, gaps=True),
        "three_class": numbers(cells[column], path, 0, 2, whole=True, gaps=True),
    }
    table = pd.DataFrame(found).set_index(pd.Index(cells[_KEY]))
    return table[~table.index.str.endswith(f"_{BASELINE}")]


def read_ratings(path: Path) -> pd.DataFrame:
    """Ratings of ``self_assessments.csv``, indexed by clip: relax, stress, valence and arousal.

    Returns
    -------
    DataFrame
        0 to 10, NaN where a subject gave none. Clips without any rating, such as those of tasks
        that a subject did not do, are not in it.

    Raises
    ------
    LabelError
        If the file is not what it should be.
    """
    cells = _by_subject(path)  # (S, T), subjects in rows, <Task>_<rating> in columns
    ratings = {}
    for task in TASKS:
        for rating in RATINGS:
            column = cells[f"{task}_{rating}"]
            ratings[task, rating] = numbers(column, path, 0, 10, gaps=True)
    wide = pd.DataFrame(ratings, index=cells.index)
    long = wide.stack(0, future_stack=True).dropna(how="all")
    long.index = pd.Index([f"{subject}_{task}" for subject, task in long.index])
    return long[list(RATINGS)]


def _by_subject(path: Path) -> pd.DataFrame:
    """The cells with a row for each subject, whichever way round the file has them."""
    header = read_header(path, ";")
    cells = read_cells(path, header, ";")
    need_unique(cells[header[0]], path)
    cells = cells.set_index(header[0])
    if not any(name.endswith("_stress") for name in cells.columns):
        cells = cells.T
    wanted = [f"{task}_{rating}" for task in TASKS for rating in RATINGS]
    if missing := [name for name in wanted if name not in cells]:
        raise LabelError(
            f"{path} lacks {missing[:4]} ({len(missing)} in all); it has "
            f"{list(cells)[:4]} and others"
        )
    return cells.rename_axis("subject")


def _computed(path: Path, rule: Literal["paper", "site"]) -> pd.DataFrame:
    """Labels from the ratings, indexed by clip; NaN where a rating is missing."""
    ratings = read_ratings(path)
    binary = (ratings["stress"] >= 5).where(ratings["stress"].notna())
    classes = three_class(ratings, rule)
    return pd.DataFrame({"binary": binary.astype(float), "three_class": classes})


def three_class(ratings: pd.DataFrame, rule: Literal["paper", "site"]) -> pd.Series:
    """Classes 0 (relaxed), 1 and 2 (stressed) of ratings; NaN where one of them is missing.

    Parameters
    ----------
    ratings
        Columns relax, stress, valence and arousal, 0 to 10.
    """
    relax, stress, valence, arousal = (ratings[name] for name in RATINGS)
    if rule == "site":
        relaxed = (valence > 5) & (arousal < 5) & (relax > 5)
    else:
        relaxed = (valence >= 5) & (arousal <= 5) & (relax >= 5)
    stressed = (valence < 5) & (arousal > 5) & (stress > 5)
    found = np.select([relaxed, stressed], [RELAXED, STRESSED], NEUTRAL)
    return pd.Series(found, ratings.index, float).where(ratings[list(RATINGS)].notna().all(axis=1))


def _differences(
    computed: pd.DataFrame, shipped: pd.DataFrame, compared: tuple[str, ...]
) -> pd.DataFrame:
    both = computed.index.intersection(shipped.index, sort=False)
    rows = []
    for label in compared:
        own, theirs = computed.loc[both, label], shipped.loc[both, label]
        apart = own.notna() & theirs.notna() & (own != theirs)
        rows += [(clip, label, int(own[clip]), int(theirs[clip])) for clip in both[apart]]
    return pd.DataFrame(rows, columns=["clip", "label", "computed", "shipped"])


def _left_out(chosen: pd.DataFrame, other: pd.DataFrame) -> dict[str, str]:
    """Why clips that one of the files knows are not in the table."""
    reasons = {}
    for clip, row in chosen[chosen.isna().any(axis=1)].iterrows():
        reasons[str(clip)] = f"no {' and no '.join(row.index[row.isna()])}"
    for clip in other.index.difference(chosen.index, sort=False):
        reasons[clip] = "only the other file has it"
    return reasons


def verify_counts(clips: pd.DataFrame, rule: Rule) -> list[str]:
    """In words, where the classes differ from the counts that the authors give; empty if nowhere.

    The counts are known for the columns of the file, "paper" stands for the first of them, and of
    "site" none is known.
    """
    if rule == "site":
        return []
    classes = _CLASSES["file-v2" if rule == "file-v2" else "file"]
    found = clips["three_class"].value_counts()
    names = {f"clips of class {i}": count for i, count in enumerate(classes)}
    return count_differences({f"clips of class {i}": int(n) for i, n in found.items()}, names)
