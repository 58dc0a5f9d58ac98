"""Sizes and labels of the simulated cohorts beside what is public of the official data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from dfe.data.task import Task


class Fact(NamedTuple):
    """Something that can be counted in a cohort."""

    cohort: str
    what: str
    official: str
    counted: Callable[[pd.DataFrame], str]  # of the cohort's clips


def _sizes(clips: pd.DataFrame) -> str:
    return "/".join(str((clips["split"] == part).sum()) for part in ("train", "dev", "test"))


def _clips_and_people(clips: pd.DataFrame) -> str:
    return f"{len(clips)}; {clips['subject'].nunique()}"


def _in_test(column: str) -> Callable[[pd.DataFrame], str]:
    def count(clips: pd.DataFrame) -> str:
        test = clips[clips["split"] == "test"]
        return f"{test[column].sum()} of {len(test)}"

    return count


def _classes(column: str) -> Callable[[pd.DataFrame], str]:
    return lambda clips: "/".join(str(n) for n in np.bincount(clips[column]))


def _seen_before(clips: pd.DataFrame) -> str:
    test = clips["split"] == "test"
    return f"{clips.loc[test, 'subject'].isin(clips.loc[~test, 'subject']).mean():.0%}"


def _disagree(clips: pd.DataFrame) -> str:
    return f"{(clips['phq_binary'] != clips['score10']).sum()} of {len(clips)}"


#: The numbers of the official sets are those of the pages and files that `book/cohorts.md` names.
FACTS: tuple[Fact, ...] = (
    Fact("smiles", "clips; actors", "45; 15", _clips_and_people),
    Fact("stress", "clips; subjects", "603; 55", _clips_and_people),
    Fact("stress", "not stressed/stressed", "283/317", _classes("binary")),
    Fact("stress", "relaxed/neutral/stressed", "138/470/92 of 700", _classes("three_class")),
    Fact("depression", "train/dev/test", "163/56/56", _sizes),
    Fact("depression", "PHQ-8 of 10 or more in test", "21 of 56", _in_test("score10")),
    Fact("depression", "PHQ_Binary in test", "17 of 56", _in_test("phq_binary")),
    Fact("depression", "the two labels disagree", "20 of 275", _disagree),
    Fact("personality", "train/dev/test", "6000/2000/2000", _sizes),
    Fact("personality", "people", "2764", lambda clips: str(clips["subject"].nunique())),
    Fact("personality", "test clips of people seen before", "not published", _seen_before),
)


def cohort_shapes(tasks: Mapping[str, Task]) -> pd.DataFrame:
    """Official and simulated counts, indexed by cohort and what was counted.

    Parameters
    ----------
    tasks
        Name -> cohort; facts of cohorts that are not there are left out.
    """
    rows = [
        (fact.cohort, fact.what, fact.official, fact.counted(tasks[fact.cohort].clips))
        for fact in FACTS
        if fact.cohort in tasks
    ]
    table = pd.DataFrame(rows, columns=["cohort", "what", "official", "simulated"])
    return table.set_index(["cohort", "what"])
