"""LibreFace 0.2: one CSV for each video, with action units among its columns.

Layout (package `libreface` 0.2.0, `save_facial_attributes_video`; Chang et al. 2024, arXiv
2308.10713): `frame_idx` from 0, `frame_time_in_ms`, head pose, landmarks, `au_1` to `au_24`, 0 or
1, `au_1_intensity` to `au_26_intensity`, `facial_expression` and gaze. Frames in which it finds no
face have no row, so there are gaps in `frame_idx`. It sees one face in a frame.

`frame_time_in_ms` holds seconds: the code divides the number of the frame by the frames per
second. It is not read here.

Intensities are meant to lie from 0 to 5. Of its two models only the one with separate heads limits
them; the default one does not. Values above 5 are passed on as they are. Those below 0 become 0:
less than no activity has no meaning, and a negative unit would read as "not coded" elsewhere.

The 24 columns have the names and the order of the book's simulated automatic units
(`dfe.data.cohorts.observers`): `au_12` is AU12 and `au_12_intensity` is AU12_intensity.
"""

from __future__ import annotations

import numpy as np

from dfe.data.adapters.base import Adapter, Files, Recording, by_stem, recording
from dfe.data.adapters.tables import need_labels, need_unique, numbers, read_table, whole_numbers

_DETECTED = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)  # labels of BP4D
_RATED = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)  # labels of DISFA
DETECTED = tuple(f"AU{n}" for n in _DETECTED)
RATED = tuple(f"AU{n}_intensity" for n in _RATED)
COLUMNS = DETECTED + RATED  # 24

_FRAME = "frame_idx"
#: The same columns as the file names them.
_IN_FILE = tuple(name.replace("AU", "au_") for name in COLUMNS)


def read_libreface(clip: str, files: Files) -> Recording:
    """Read one recording: (M, 24) values, 12 labels 0 or 1, then 12 intensities from 0.

    Raises
    ------
    AdapterError
        If the file is damaged, lacks a column (files of single pictures have no `frame_idx`),
        holds a frame twice, or a label is neither 0 nor 1.
    """
    (path,) = files
    table = read_table(path, (_FRAME, *_IN_FILE))
    frame = whole_numbers(path, table, _FRAME)
    need_unique(path, frame)
    values = numbers(path, table, _IN_FILE)  # (N, 24)
    need_labels(path, _IN_FILE, values[:, : len(DETECTED)])
    values[np.isfinite(values) & (values < 0)] = 0  # of intensities only, by the check above
    return recording(clip, frame, values)


LIBREFACE = Adapter(
    name="libreface",
    title="LibreFace 0.2",
    kind="action_units",
    columns=COLUMNS,
    find=lambda folder: by_stem(folder, "**/*.csv"),
    read=read_libreface,
    layout="one CSV for each video, named by the reader: call it <clip>.csv",
)
