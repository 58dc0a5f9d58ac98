"""A task: clips with subjects, splits and labels, and what each observer saw of their frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.config import PSI_DIM
from dfe.data.manifest import Origin
from dfe.face import OpenHead

KEYS = ("subject", "split")  # columns that every table of clips has; the others are labels

PSI = "psi"  # expression vectors
HUMAN_UNITS = "action units (human)"
AUTOMATIC_UNITS = "action units (automatic)"
OTHER_3DMM = "independent 3DMM"
EMBEDDING = "holistic embedding"
#: What only a simulation knows; they give the ceiling and are never a method.
TRUE_DISPLAYS, TRUE_STATE = "true displays", "true state"


class TaskError(ValueError):
    """A task or one of its files is not what it should be; the message says where."""


@dataclass(frozen=True, eq=False)
class Frames:
    """D values for each of M frames of clips, clip by clip, in the order of time.

    Parameters
    ----------
    clip
        (M,) int64, row of the clip in the task's table, never falling.
    values
        (M, D) float32, finite.
    columns
        Names of the D values; may be empty.

    Raises
    ------
    TaskError
        If a shape, dtype or value is wrong or the clips are not in order.
    """

    clip: NDArray[np.int64]  # (M,)
    values: NDArray[np.float32]  # (M, D)
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.dtype != np.float32 or not len(self.values):
            raise TaskError(
                f"values must be float32 (M, D) with M > 0, not {self.values.dtype} "
                f"{self.values.shape}"
            )
        if self.clip.shape != self.values.shape[:1] or self.clip.dtype != np.int64:
            raise TaskError(f"clip must be int64 ({len(self.values)},), not {self.clip.shape}")
        if (np.diff(self.clip) < 0).any() or self.clip[0] < 0:
            raise TaskError("clip must be rows of the table in rising order")
        if not np.isfinite(self.values).all():
            row = int((~np.isfinite(self.values)).any(1).argmax())
            raise TaskError(f"frame {row} holds NaN or infinity")
        if self.columns and len(self.columns) != self.values.shape[1]:
            raise TaskError(f"{len(self.columns)} columns but {self.values.shape[1]} values")

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Task:
    """Clips with labels, and frames as each observer saw them.

    Parameters
    ----------
    name
        "smiles", "stress", "depression" or "personality".
    origin
        "simulated", "real" or "gated".
    clips
        N rows, indexed by clip id (str, unique), with columns ``subject`` (str), ``split``
        ("train", "dev", "test", or "" where there are none) and the labels.
    frames
        Observer -> its frames. "psi" holds the expression vectors, (M, 50). An observer may lack
        clips; who compares observers has to check that they saw the same.
    dataset
        Id of the data set that the clips are from; of several, sorted and joined by "+". Empty
        for a simulated task.
    face
        Name of the face model of the expression vectors.
    extractor
        Id of the adapter that read them; empty where none did.
    left_out
        Observer -> labeled clips that are not in the table because it has no frame of them.

    Raises
    ------
    TaskError
        If a clip repeats, a column is missing, "psi" is missing, lacks a clip or is not 50 wide,
        or frames point beyond the table.
    """

    name: str
    origin: Origin
    clips: pd.DataFrame
    frames: Mapping[str, Frames]
    dataset: str = ""
    face: str = OpenHead.name
    extractor: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := [key for key in KEYS if key not in self.clips]:
            raise TaskError(f"task {self.name}: the table of clips lacks {missing}")
        if not self.clips.index.is_unique:
            repeated = self.clips.index.duplicated()
            raise TaskError(f"task {self.name}: clip {self.clips.index[repeated][0]!r} comes twice")
        if PSI not in self.frames:
            raise TaskError(f"task {self.name}: no frames of {PSI!r}")
        if (width := self.frames[PSI].values.shape[1]) != PSI_DIM:
            raise TaskError(f"task {self.name}: {PSI} has {width} values a frame, not {PSI_DIM}")
        for observer, frames in self.frames.items():
            if frames.clip[-1] >= len(self.clips):
                raise TaskError(
                    f"task {self.name}, {observer}: frames of row {frames.clip[-1]}, but the "
                    f"table has {len(self.clips)} clips"
                )
        if absent := self.missing(PSI):
            raise TaskError(f"task {self.name}: no expression vectors of clips {absent[:5]}")

    def left_out_text(self) -> str:
        """What is not in the table, to stand behind a caption; empty if nothing."""
        parts = [f"{count} lack {name}" for name, count in self.left_out.items()]
        return f"; labeled clips left out: {', '.join(parts)}" if parts else ""

    def missing(self, observer: str) -> list[str]:
        """Ids of the clips of which an observer has no frame."""
        seen = np.zeros(len(self.clips), bool)
        seen[self.frames[observer].clip] = True
        return self.clips.index[~seen].tolist()

    def subset(self, rows: NDArray[np.intp]) -> Task:
        """The task of the clips at rising `rows`; frames of other clips are dropped."""
        new = np.full(len(self.clips), -1, np.int64)
        new[rows] = np.arange(len(rows))
        kept = {name: new[frames.clip] for name, frames in self.frames.items()}
        frames = {
            name: Frames(clip[clip >= 0], self.frames[name].values[clip >= 0], f.columns)
            for (name, clip), f in zip(kept.items(), self.frames.values(), strict=True)
        }
        return replace(self, clips=self.clips.iloc[rows], frames=frames)
