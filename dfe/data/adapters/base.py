"""What every adapter shares: a recording in our form, how it is found, and its defects.

An adapter reads the files that another program wrote for one recording. Programs call the first
frame 0 or 1; here it is 0 always, so that one number means one frame whoever looked at it. Frames
that cannot be used are dropped and counted by reason; a file that cannot be trusted as a whole is
an error that names it. Nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Reasons for which adapters drop frames; readers see them in reports.
NOT_FINITE = "a value is NaN or infinite"
OTHER_FACE = "another face in the same frame"
LOW_CONFIDENCE = "the program reports no success or low confidence"
NOT_ANNOTATED = "not annotated"

Kind = Literal["psi", "action_units", "features"]
Files = tuple[Path, ...]


class AdapterError(ValueError):
    """A foreign file is not what its program writes; the message names file, place and remedy."""


@dataclass(frozen=True, eq=False)
class Recording:
    """The usable frames of one recording.

    Parameters
    ----------
    clip
        Its name.
    frame
        (M,) int64 numbers from 0, increasing; gaps are missing frames.
    values
        (M, D) float32, finite.
    skipped
        Reason -> number of frames that were dropped.

    Raises
    ------
    AdapterError
        If the shapes do not fit, a number comes twice or out of order, or a value is not finite.
    """

    clip: str
    frame: NDArray[np.int64]  # (M,)
    values: NDArray[np.float32]  # (M, D)
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.frame.shape != self.values.shape[:1]:
            raise AdapterError(
                f"{self.clip}: {self.frame.shape} frame numbers for values {self.values.shape}"
            )
        if (step := np.diff(self.frame) <= 0).any():
            at = int(self.frame[1:][step][0])
            raise AdapterError(f"{self.clip}: frame {at} comes twice or out of order")
        if not np.isfinite(self.values).all():
            raise AdapterError(f"{self.clip}: a value is NaN or infinite")

    def __len__(self) -> int:
        return len(self.frame)


def recording(
    clip: str,
    frame: ArrayLike,
    values: ArrayLike,
    dropped: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Recording:
    """Make a recording from all frames of a file: sorted by number, without those that are dropped.

    Parameters
    ----------
    frame
        (N,) whole numbers in any order.
    values
        (N, D) numbers.
    dropped
        Reason -> (N,) True where a frame is dropped for it. A frame counts for its first reason;
        frames that are not finite are dropped last.

    Raises
    ------
    AdapterError
        As `Recording`.
    """
    numbers, table = np.asarray(frame, np.int64), np.asarray(values, np.float32)
    if table.ndim != 2 or numbers.shape != table.shape[:1]:
        raise AdapterError(f"{clip}: {numbers.shape} frame numbers for values {table.shape}")
    reasons = dict(dropped or {}) | {NOT_FINITE: ~np.isfinite(table).all(axis=1)}
    kept, skipped = np.ones(len(table), bool), {}
    for reason, mask in reasons.items():
        if count := int((kept & mask).sum()):
            skipped[reason] = count
        kept &= ~mask
    order = np.flatnonzero(kept)[np.argsort(numbers[kept], kind="stable")]
    return Recording(clip, numbers[order], table[order], skipped)


@dataclass(frozen=True)
class Adapter:
    """How the files of one program become recordings.

    Parameters
    ----------
    name
        Id, as in `needs` of `book/claims.yml`: "emoca", "libreface".
    title
        The program and the version of its format.
    kind
        "psi" are expression vectors, "action_units" are intensities or 0/1 labels, "features" are
        any numbers.
    columns
        Names of the D values; empty where they have none.
    find
        Folder -> clip -> its files, both sorted. A folder stands for the files in it, so that
        videos with a file for each frame need one path each.
    read
        Clip and its files -> recording.
    layout
        Where the files lie, for the message when none is found.
    face
        Name of the face model of the expression vectors; empty for the other kinds.
    inside
        Patterns of the files for which a folder among the files of a clip stands.
    find_crops
        As `find`, where the files are those of pictures cut out of recordings, a folder for each
        recording; None where `find` finds them too.
    """

    name: str
    title: str
    kind: Kind
    columns: tuple[str, ...]
    find: Callable[[Path], Mapping[str, Files]]
    read: Callable[[str, Files], Recording]
    layout: str
    face: str = ""
    inside: tuple[str, ...] = ()
    find_crops: Callable[[Path], Mapping[str, Files]] | None = None

    def recordings(self, folder: Path, crops: bool = False) -> Mapping[str, Files]:
        """Clip -> files of everything in a folder.

        Parameters
        ----------
        crops
            Pictures are frames of recordings, and no collection of images.

        Raises
        ------
        AdapterError
            If the folder is missing or holds no recording.
        """
        if not folder.is_dir():
            raise AdapterError(f"{folder}: no such folder; {self.title} writes {self.layout}")
        found = (self.find_crops if crops and self.find_crops else self.find)(folder)
        if not found:
            raise AdapterError(f"{folder}: nothing of {self.title} here; it writes {self.layout}")
        return found

    def inputs(self, files: Files) -> Iterator[Path]:
        """Every file that is read for a clip: folders become what `inside` finds in them."""
        for path in files:
            if self.inside and path.is_dir():
                found = {one for pattern in self.inside for one in path.glob(pattern)}
                yield from sorted(found, key=str)  # Path compares part by part, which is slow
            else:
                yield path


def from_zero(where: object, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frames of a program that calls the first one 1, as all of ours begin with 0.

    Raises
    ------
    AdapterError
        If a number is below 1; the message begins with `where`.
    """
    if len(numbers) and (least := int(numbers.min())) < 1:
        raise AdapterError(f"{where}: frame {least}, but this program calls the first frame 1")
    return numbers - 1


def by_stem(folder: Path, pattern: str) -> dict[str, Files]:
    """Clip -> file, for programs that write one file for each recording, named after it.

    The clip is the path below `folder` without its suffix, so equal names in two subfolders differ.
    """
    return {
        path.relative_to(folder).with_suffix("").as_posix(): (path,)
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def need_width(clip: str, path: Path, values: NDArray[np.generic], width: int) -> None:
    """Refuse values that have not `width` numbers for each frame.

    Raises
    ------
    AdapterError
        Naming the file and both widths.
    """
    if values.ndim != 2 or values.shape[1] != width:
        raise AdapterError(
            f"{path} ({clip}): expected {width} numbers for each frame, got shape {values.shape}"
        )
