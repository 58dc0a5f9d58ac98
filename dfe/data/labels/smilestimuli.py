"""SmileStimuli (Martin et al. 2021, Affective Science 2:14, doi 10.1007/s42761-020-00024-8).

15 actors show a smile of reward, one of affiliation and one of dominance each. How the videos are
named is unverified, so the labels come from a table that the reader writes: a CSV file with the
columns ``clip,actor,smile``, where ``clip`` is the name that the extracted features carry.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dfe.data.labels.base import GAPS, LabelError, need_unique, read_cells

SMILES = ("reward", "affiliation", "dominance")
ACTORS = 15


def read_smilestimuli(path: Path) -> pd.DataFrame:
    """Read the reader's table of smiles; `verify_counts` says what is missing in it.

    Returns
    -------
    DataFrame
        ``clip``, ``subject`` (the actor), ``split`` (empty) and ``smile``.

    Raises
    ------
    LabelError
        If the file is not such a table, a clip comes twice, an actor shows a smile twice, or a
        smile is none of the three.
    """
    cells = read_cells(path, ("clip", "actor", "smile"))
    need_unique(cells["clip"], path)
    for line, smile in cells["smile"].items():
        if smile not in SMILES:
            raise LabelError(f"{path}, line {line}: smile {smile!r} is none of {list(SMILES)}")
    if (unnamed := cells["actor"].isin(GAPS)).any():
        raise LabelError(f"{path}, line {unnamed.idxmax()}: no actor")
    if (twice := cells.duplicated(["actor", "smile"])).any():
        row = cells.loc[twice.idxmax()]
        raise LabelError(
            f"{path}, line {twice.idxmax()}: actor {row['actor']} shows {row['smile']} twice"
        )
    columns = {"clip": cells["clip"], "subject": cells["actor"], "split": ""}
    return pd.DataFrame(columns | {"smile": cells["smile"]}).reset_index(drop=True)


def verify_counts(clips: pd.DataFrame) -> list[str]:
    """In words, what a table of `read_smilestimuli` lacks of 15 actors with three smiles each."""
    words = []
    if (actors := clips["subject"].nunique()) != ACTORS:
        words.append(f"actors: {actors} instead of {ACTORS}")
    for actor, own in clips.groupby("subject", sort=True):
        if absent := [smile for smile in SMILES if smile not in set(own["smile"])]:
            words.append(f"actor {actor} lacks {', '.join(absent)}")
    return words
