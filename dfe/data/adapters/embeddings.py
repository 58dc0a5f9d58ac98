"""Embeddings of MAE-Face, MARLIN and VideoMAE: 768 numbers for an image or a window of frames.

MAE-Face (ViT-B; Ma et al. 2022, arXiv 2210.15878) gives a vector for each image. Read are
`<clip>.npy` of shape (M, 768), whose frames are the rows from 0, or a folder `<clip>/` with
`<frame>.npy` of shape (768,) for each frame, whose number, the digits at the end of the name, is 1
for the first frame, as in pictures that ffmpeg or Aff-Wild2 number. It becomes 0 here. An array
without numbers has to hold a row for every frame: where pictures are missing, later rows would
belong to other frames, and nothing here can see that. Which of the two a folder holds is told from
the first array in it. A clip with a file for each frame is found as its folder.

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

import os
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
    from_zero,
    need_width,
    recording,
)
from dfe.data.adapters.tables import need_unique

WIDTH = 768
WINDOW = 16  # frames

_SUFFIX = ".npy"


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

    Parameters
    ----------
    files
        Arrays, or one folder of them.

    Raises
    ------
    AdapterError
        As `read_rows`; also if the name of a frame's file has no number, or a number comes twice.
    """
    files = tuple(MAE_FACE.inputs(files))
    if len(files) == 1 and load_array(files[0]).ndim != 1:
        return read_rows(clip, files)
    frame = np.array([frame_number(path, path.stem) for path in files], np.int64)  # (M,)
    need_unique(files[0].parent, frame)  # before `from_zero`: the message names their numbers
    frame = from_zero(files[0].parent, frame)
    return recording(clip, frame, np.stack([load_vector(path, WIDTH) for path in files]))


def _find_images(folder: Path) -> dict[str, Files]:
    """Clip -> its array, or the folder with the arrays of its frames."""
    found: dict[str, Files] = {}
    for root, _, names in os.walk(folder):
        arrays = [Path(root, name) for name in sorted(names) if name.endswith(_SUFFIX)]
        if not arrays:
            continue
        if load_array(arrays[0]).ndim == 1:
            clips: dict[str, Files] = {_clip(folder, Path(root)): (Path(root),)}
        else:
            clips = {_clip(folder, path.with_suffix("")): (path,) for path in arrays}
        if twice := sorted(found.keys() & clips.keys()):
            path = folder / twice[0]
            raise AdapterError(f"{path}: also {path.name}{_SUFFIX} is here; leave only one of them")
        found |= clips
    return dict(sorted(found.items()))


def _clip(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path != folder else folder.resolve().name


MAE_FACE = Adapter(
    name="mae-face",
    title="embeddings of MAE-Face",
    kind="features",
    columns=(),
    find=_find_images,
    read=read_images,
    layout="what is saved as <clip>.npy of shape (M, 768) or <clip>/<frame>.npy of shape (768,)",
    inside=(f"*{_SUFFIX}",),
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
