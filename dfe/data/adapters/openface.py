"""OpenFace 2: one CSV for each video, with action units among its columns.

Layout (RecorderCSV.cpp of OpenFace 2; Baltrusaitis et al. 2018): `frame, face_id, timestamp,
confidence, success`, then gaze, pose, landmarks, 17 intensities `AU01_r` to `AU45_r` from 0 to 5
and 18 occurrences `AU01_c` to `AU45_c`, 0 or 1, among them AU28. The program puts a space after
each comma, also in the header. A frame without a face has a row too, with success 0.

Variants that are read as well: E-DAIC's files, which have no `face_id`, and files from which
someone kept the action units alone, separated by `;`. The latter say nothing about confidence, so
no frame of them is dropped for it, and their frames are the numbers of their rows, from 0.

The program calls the first frame 1; here it is 0.

Our choices: frames without success or with a confidence below 0.8 are dropped. With several faces
the one with the highest sum of confidence over the recording is kept; the documentation of
OpenFace warns that `face_id` may change its person in long videos, and nothing here can see that.

Unverified: the columns of E-DAIC before its 49 features are taken from public code, not from a
file. OpenFace 3 gives other units in columns of the same names; it has no AU28 and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.data.adapters.base import (
    LOW_CONFIDENCE,
    OTHER_FACE,
    Adapter,
    Files,
    Recording,
    by_stem,
    from_zero,
    recording,
)
from dfe.data.adapters.tables import (
    header,
    need_labels,
    need_unique,
    need_values,
    numbers,
    read_table,
    row_numbers,
    whole_numbers,
)

_RATED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
INTENSITIES = tuple(f"AU{n:02d}_r" for n in _RATED)  # 17
OCCURRENCES = tuple(f"AU{n:02d}_c" for n in sorted((*_RATED, 28)))  # 18
COLUMNS = INTENSITIES + OCCURRENCES
FULL_INTENSITY = 5.0
LEAST_CONFIDENCE = 0.8

_TRACKING = ("frame", "confidence", "success")
_EDAIC_FILE = "_OpenFace2.1.0_Pose_gaze_AUs.csv"


def read_openface(clip: str, files: Files) -> Recording:
    """Read one recording: (M, 35) values, 17 intensities 0 to 5, then 18 occurrences 0 or 1.

    Raises
    ------
    AdapterError
        If the file is damaged, lacks a column, holds a frame of a face twice, or a value is out of
        range.
    """
    (path,) = files
    # Files of single pictures have `confidence` but no `frame`: they are refused here.
    tracked = {*_TRACKING, "face_id"} & set(header(path))
    table = read_table(path, (*COLUMNS, *_TRACKING) if tracked else COLUMNS, ("face_id",))
    values = numbers(path, table, COLUMNS)  # (N, 35)
    rated, labels = np.hsplit(values, [len(INTENSITIES)])
    inside = ((0 <= rated) & (rated <= FULL_INTENSITY)) | np.isnan(rated)
    need_values(path, INTENSITIES, rated, inside, f"from 0 to {FULL_INTENSITY:g}")
    need_labels(path, OCCURRENCES, labels)
    if not tracked:
        return recording(clip, row_numbers(table), values)
    frame = from_zero(path, whole_numbers(path, table, "frame"))
    return recording(clip, frame, values, _dropped(path, table))


def _dropped(path: Path, table: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Reason -> (N,) rows of other faces, and rows that the program does not trust."""
    confidence, success = numbers(path, table, ("confidence", "success")).T  # (N,) each
    other = np.zeros(len(table), bool)
    if "face_id" in table:
        face = whole_numbers(path, table, "face_id")
        other = face != _main_face(face, confidence)
    need_unique(path, whole_numbers(path, table, "frame")[~other])
    trusted = (success == 1) & (confidence >= LEAST_CONFIDENCE)  # False where one is NaN
    return {OTHER_FACE: other, LOW_CONFIDENCE: ~trusted}


def _main_face(face: NDArray[np.int64], confidence: NDArray[np.float64]) -> int:
    """Id of the face whose confidence sums highest; the lowest id where two are equal."""
    ids, place = np.unique(face, return_inverse=True)
    return int(ids[np.bincount(place, np.nan_to_num(confidence)).argmax()])


def _find_edaic(folder: Path) -> Mapping[str, Files]:
    """Participant -> file; other files of a participant's folder are left alone."""
    pids = [path.name.removesuffix("_P") for path in sorted(folder.glob("*_P"))]
    files = {pid: folder / f"{pid}_P" / "features" / f"{pid}{_EDAIC_FILE}" for pid in pids}
    return {pid: (path,) for pid, path in files.items() if path.is_file()}


OPENFACE = Adapter(
    name="openface",
    title="OpenFace 2",
    kind="action_units",
    columns=COLUMNS,
    find=lambda folder: by_stem(folder, "**/*.csv"),
    read=read_openface,
    layout="one <clip>.csv for each video",
)

EDAIC_OPENFACE = Adapter(
    name="openface-edaic",
    title="OpenFace 2.1 as released with E-DAIC",
    kind="action_units",
    columns=COLUMNS,
    find=_find_edaic,
    read=read_openface,
    layout=f"<pid>_P/features/<pid>{_EDAIC_FILE} for each participant",
)
