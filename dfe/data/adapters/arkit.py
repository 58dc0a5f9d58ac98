"""ARKit weights: recordings of Live Link Face, and blendshapes of MediaPipe as CSV.

Live Link Face (Epic Games' app for iPhones; checked on one recording of 4,030 frames): `Timecode,
BlendShapeCount`, 52 weights with a capital first letter, then nine rotations of head and eyes.
Timecode is `HH:MM:SS:FF.mmm`, the last part frames and thousandths of a frame. The file does not
say how many of these frames make a second, and they need not be those of the camera (in that
recording each frame advances it by two), so a frame's number is its row, from 0, and lost frames
leave no gap. A frame that repeats the timecode of an earlier one is dropped and counted.
Unverified: that frames without a face have BlendShapeCount 0; they are dropped if there are any.

MediaPipe's Face Landmarker writes no file. The form that is read here is a CSV with its category
names as columns (`_neutral` may be there, `tongueOut` is not scored and becomes 0), one row for
each frame, and a column `frame` from 0; without it the number of a frame is its row, from 0.

Weights are passed on as they are. A resting face has not all weights 0 in either program.

`LIVE_LINK_PSI` and `MEDIAPIPE_PSI` read the same files as expression vectors of the open head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.data.adapters.base import (
    LOW_CONFIDENCE,
    Adapter,
    AdapterError,
    Files,
    Recording,
    by_stem,
    recording,
)
from dfe.data.adapters.tables import (
    need_unique,
    need_values,
    numbers,
    read_table,
    row_numbers,
    whole_numbers,
)
from dfe.data.extract.arkit import ARKIT_NAMES, to_arkit_order
from dfe.data.features import scores_to_psi
from dfe.data.table import N_PSI
from dfe.face import OpenHead

PSI = tuple(f"psi_{i:02d}" for i in range(N_PSI))
REPEATED_TIMECODE = "the timecode of an earlier frame"

_SCORED = tuple(name for name in ARKIT_NAMES if name != "tongueOut")  # by MediaPipe
_TIMECODE = "timecode"
_TIMECODE_FORM = r"\d+:\d\d:\d\d[:;]\d+(\.\d+)?"  # `;` before the frames of a drop-frame code
_COUNT = "blendShapeCount"
_FRAME = "frame"


def read_live_link(clip: str, files: Files) -> Recording:
    """Read one recording of Live Link Face: (M, 52) weights in the order of `ARKIT_NAMES`.

    Raises
    ------
    AdapterError
        If the file is damaged, lacks a column, or a timecode has another form.
    """
    (path,) = files
    table = read_table(path, (_TIMECODE, _COUNT, *ARKIT_NAMES), rename=_small_first)
    code = table[_TIMECODE].astype(str)
    formed = code.str.fullmatch(_TIMECODE_FORM).to_numpy(bool)  # (N,)
    need_values(path, [_TIMECODE], code.to_numpy(object)[:, None], formed[:, None], "HH:MM:SS:FF")
    dropped = {
        LOW_CONFIDENCE: whole_numbers(path, table, _COUNT) == 0,
        REPEATED_TIMECODE: code.duplicated().to_numpy(bool),
    }
    return recording(clip, row_numbers(table), _weights(path, table), dropped)


def read_mediapipe(clip: str, files: Files) -> Recording:
    """Read one CSV of MediaPipe's scores: (M, 52) weights in the order of `ARKIT_NAMES`.

    Raises
    ------
    AdapterError
        If the file is damaged, lacks a column, or holds a frame twice.
    """
    (path,) = files
    table = read_table(path, _SCORED, (_FRAME, "tongueOut"), rename=_small_first)
    numbered = _FRAME in table
    frame = whole_numbers(path, table, _FRAME) if numbered else row_numbers(table)
    need_unique(path, frame)
    return recording(clip, frame, _weights(path, table))


def arkit_psi(weights: Recording) -> Recording:
    """Expression vectors of the open head for a recording of ARKit weights.

    The head's other 34 units stay at 0 (`dfe.data.features.scores_to_psi`).

    Parameters
    ----------
    weights
        Values (M, 52), in the order of `ARKIT_NAMES`.

    Returns
    -------
    The same frames with values (M, 50).

    Raises
    ------
    AdapterError
        If there are not 52 values for each frame.
    """
    if weights.values.shape[1] != len(ARKIT_NAMES):
        raise AdapterError(
            f"{weights.clip}: psi needs {len(ARKIT_NAMES)} ARKit weights for each frame, "
            f"got shape {weights.values.shape}"
        )
    return replace(weights, values=scores_to_psi(weights.values, _head()))


@cache
def _head() -> OpenHead:
    return OpenHead()


def _small_first(name: str) -> str:
    """`EyeBlinkLeft` as `eyeBlinkLeft`."""
    return name[:1].lower() + name[1:]


def _weights(path: Path, table: pd.DataFrame) -> NDArray[np.float32]:
    """Scores of the shapes that the table has, (N, 52)."""
    names = [name for name in ARKIT_NAMES if name in table]
    return to_arkit_order(names, numbers(path, table, names))


def _adapter(name: str, title: str, read: Callable[[str, Files], Recording]) -> Adapter:
    return Adapter(
        name=name,
        title=title,
        kind="features",
        columns=ARKIT_NAMES,
        find=lambda folder: by_stem(folder, "**/*.csv"),
        read=read,
        layout="one <clip>.csv for each recording",
    )


LIVE_LINK = _adapter("live-link", "Live Link Face", read_live_link)
MEDIAPIPE = _adapter("mediapipe-blendshapes", "blendshapes of MediaPipe as CSV", read_mediapipe)


def _as_psi(weights: Adapter) -> Adapter:
    """An adapter of the same files, for expression vectors of the open head."""
    return replace(
        weights,
        name=f"{weights.name}-psi",
        title=f"{weights.title}, on the open head",
        kind="psi",
        face=OpenHead.name,
        columns=PSI,
        read=lambda clip, files: arkit_psi(weights.read(clip, files)),
    )


LIVE_LINK_PSI = _as_psi(LIVE_LINK)
MEDIAPIPE_PSI = _as_psi(MEDIAPIPE)
