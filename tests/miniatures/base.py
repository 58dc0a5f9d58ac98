"""What every miniature says about itself, so that a test knows what has to be found."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Drawn = Mapping[str, NDArray[np.int64]]  # clip -> (T,) which of the faces each frame shows


@dataclass(frozen=True)
class Extracted:
    """What one program wrote for a data set.

    frames : clip -> frames that can be used, counted from 0, whatever the program counts from.
    skipped : clip -> reason -> frames that have to be dropped; clips without any are left out.
    """

    folder: Path
    frames: Mapping[str, tuple[int, ...]]
    skipped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Miniature:
    """A data set of a few clips in its real layout.

    id : of the manifest.
    data : for `verify` and for the readers of labels.
    faces : recorded clip, as the labels call it -> face of each frame; no label needs to name it.
    extracted : id of an adapter -> what its program wrote.
    labels : the table that the reader of labels gives, by the default rule; None without one.
    groups : id of a group of files -> one of them, relative to `data`, whose loss `verify` names.
    """

    id: str
    data: Path
    faces: Drawn
    extracted: Mapping[str, Extracted]
    labels: pd.DataFrame | None
    groups: Mapping[str, str]

    @property
    def scored(self) -> pd.DataFrame:
        """Labels of the clips that were recorded: what a page can be scored on."""
        assert self.labels is not None
        return self.labels[self.labels["clip"].isin(list(self.faces))].reset_index(drop=True)


@dataclass(frozen=True)
class Defects:
    """Frames of a clip, counted from 0, that a program cannot say everything about."""

    no_face: frozenset[int] = frozenset()
    second_face: frozenset[int] = frozenset()
    not_finite: frozenset[int] = frozenset()


def write_rows(path: Path, rows: Iterable[Sequence[object]], separator: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows(rows)


def table(keys: Iterable[tuple[str, str, str]], **labels: Sequence[object]) -> pd.DataFrame:
    """A table of clips, subjects and splits, with its labels after them."""
    names = pd.DataFrame(list(keys), columns=["clip", "subject", "split"])
    return names.assign(**labels)
