"""E-DAIC (AVEC 2019, detection of depression): ``labels/{train,dev,test}_split.csv``.

Columns: ``Participant_ID, Gender, PHQ_Binary, PHQ_Score`` and two of post-traumatic stress, which
are not read (layout from public code that reads the release). The PHQ-8 score runs from 0 to 24
(Kroenke et al. 2009, J. Affect. Disord. 114:163). ``PHQ_Binary`` is not the score cut at 10: the
two differ for 20 participants, so both are kept.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dfe.data.labels.base import count_differences, need_unique, numbers, read_cells

SPLITS = ("train", "dev", "test")
HIGHEST_PHQ = 24
CUT = 10  # of the score, from here on depressed
FIRST_OF_TEST = 600  # participants of the test split met another interviewer

_ID, _BINARY, _SCORE = "Participant_ID", "PHQ_Binary", "PHQ_Score"
_LABELS = ("phq_binary", "score10")
_COUNTS = {
    "train participants": 163,
    "dev participants": 56,
    "test participants": 56,
    "positive by phq_binary in test": 17,
    "positive by score10 in test": 21,
    "participants whose phq_binary is not score10": 20,
    f"test participants with an id below {FIRST_OF_TEST}": 0,
}


def read_edaic(folder: Path) -> pd.DataFrame:
    """Labels of all participants, one clip each.

    Parameters
    ----------
    folder
        The release, with the folder ``labels``.

    Returns
    -------
    DataFrame
        ``clip`` and ``subject`` (the participant's id), ``split``, ``phq`` (0 to 24),
        ``phq_binary`` (as in the file) and ``score10`` (1 from a score of 10).

    Raises
    ------
    dfe.data.labels.base.LabelError
        If a file is not what it should be, or a participant comes twice.
    """
    table = pd.concat(
        [_split(folder / "labels" / f"{split}_split.csv", split) for split in SPLITS],
        ignore_index=True,
    )
    need_unique(table["clip"], folder / "labels")
    return table


def _split(path: Path, split: str) -> pd.DataFrame:
    cells = read_cells(path, (_ID, _BINARY, _SCORE))
    clip = numbers(cells[_ID], path, 1, 10**6, whole=True).astype(int).astype(str)
    phq = numbers(cells[_SCORE], path, 0, HIGHEST_PHQ, whole=True).astype(int)
    return pd.DataFrame(
        {
            "clip": clip,
            "subject": clip,
            "split": split,
            "phq": phq,
            "phq_binary": numbers(cells[_BINARY], path, 0, 1, whole=True).astype(int),
            "score10": (phq >= CUT).astype(int),
        }
    )


def verify_counts(clips: pd.DataFrame) -> list[str]:
    """In words, where a table of `read_edaic` differs from the release; empty if nowhere."""
    test = clips[clips["split"] == "test"]
    found = {f"{split} participants": int((clips["split"] == split).sum()) for split in SPLITS}
    found |= {f"positive by {name} in test": int(test[name].sum()) for name in _LABELS}
    apart = clips["phq_binary"] != clips["score10"]
    found["participants whose phq_binary is not score10"] = int(apart.sum())
    early = test["clip"].astype(int) < FIRST_OF_TEST
    found[f"test participants with an id below {FIRST_OF_TEST}"] = int(early.sum())
    return count_differences(found, _COUNTS)
