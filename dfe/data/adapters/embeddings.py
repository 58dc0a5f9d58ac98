"""Embeddings of MAE-Face, MARLIN and VideoMAE: 768 numbers for an image or a window of frames.

MAE-Face (ViT-B; Ma et al. 2022, arXiv 2210.15878) gives a vector for each image. Read are
`<clip>.npy` of shape (M, 768), whose frames are the rows from 0, or a folder `<clip>/` with
`<frame>.npy` of shape (768,) for each frame, whose number is the digits at the end of the name.
Which of the two a folder holds is told from the first array in it.

MARLIN (base; Cai et al. 2023) and VideoMAE-B (Tong et al. 2022) give a vector for each window of a
video: `<clip>.npy` of shape (windows, 768). The frame of a window is its index times 16. That is
its first frame if windows start 16 frames apart, as they do in `extract_video` of MARLIN's package
by default. A window of it takes every second frame, so it spans 32 and overlaps its neighbours. For
VideoMAE it is what we ask for: cut the video into windows of 16. MARLIN's own script writes an
array of no rows for a video on which it fails; such a file is an error.

Unverified: how others name such files. The programs leave it to those who run them. Half precision
is read; vectors that are not finite in it are dropped.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np

from dfe.data.adapters.arrays import frame_number, load_array, load_vector
from dfe.data.adapters.base import (
    Adapter,
    AdapterError,
    Files,
    Recording,
    by_stem,
    need_width,
    recording,
)
from dfe.data.adapters.tables import need_unique

WIDTH = 768
WINDOW = 16  # frames


def read_rows(clip: str, files: Files, step: int = 1) -> Recording:
    """Read one array: (M, 768) values whose frames are 0, step, 2 step and so on.

    Raises
    ------
    AdapterError
        If the file is damaged, or is not (M, 768) with at least one row.
    """
    (path,) = files
    values = load_array(path)
    need_width(clip, path, values, WIDTH)
    if not len(values):
        raise AdapterError(f"{path}: no rows; the program failed on this video: run it again")
    return recording(clip, step * np.arange(len(values)), values)


def read_images(clip: str, files: Files) -> Recording:
    """Read one array (M, 768), or a file (768,) for each frame: (M, 768) values.

    Raises
    ------
    AdapterError
        As `read_rows`; also if the name of a frame's file has no number, or a number comes twice.
    """
    if len(files) == 1 and load_array(files[0]).ndim != 1:
        return read_rows(clip, files)
    frame = np.array([frame_number(path, path.stem) for path in files], np.int64)  # (M,)
    need_unique(files[0].parent, frame)
    return recording(clip, frame, np.stack([load_vector(path, WIDTH) for path in files]))


def _find_images(folder: Path) -> dict[str, Files]:
    """Clip -> its array, or the arrays of its frames."""
    arrays = by_stem(folder, "**/*.npy")
    inside: dict[Path, list[Path]] = defaultdict(list)
    for (path,) in arrays.values():
        inside[path.parent].append(path)
    for parent, paths in inside.items():
        if load_array(paths[0]).ndim != 1:
            continue
        clip = parent.relative_to(folder).as_posix() if parent != folder else folder.resolve().name
        for path in paths:
            del arrays[path.relative_to(folder).with_suffix("").as_posix()]
        if clip in arrays:
            raise AdapterError(f"{parent}: also {parent.name}.npy is here; leave only one of them")
        arrays[clip] = tuple(paths)
    return dict(sorted(arrays.items()))


MAE_FACE = Adapter(
    name="mae-face",
    title="embeddings of MAE-Face",
    kind="features",
    columns=(),
    find=_find_images,
    read=read_images,
    layout="what is saved as <clip>.npy of shape (M, 768) or <clip>/<frame>.npy of shape (768,)",
)


def _windows(name: str, title: str) -> Adapter:
    return Adapter(
        name=name,
        title=title,
        kind="features",
        columns=(),
        find=lambda folder: by_stem(folder, "**/*.npy"),
        read=partial(read_rows, step=WINDOW),
        layout="what is saved as <clip>.npy of shape (windows, 768)",
    )


MARLIN = _windows("marlin", "embeddings of MARLIN")
VIDEOMAE = _windows("videomae", "embeddings of VideoMAE-B")
