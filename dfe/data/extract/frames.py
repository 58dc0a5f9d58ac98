"""What every adapter returns for one file: the frames that it kept and the reasons for the rest."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np


class Frames(NamedTuple):
    """Frames kept from one file, N of them; the array fields are those of `Track`."""

    frame: np.ndarray  # (N,) int64, index in the file
    timestamp: np.ndarray  # (N,) float64, seconds
    scores: np.ndarray  # (N, 52) float32
    landmarks: np.ndarray | None  # (N, 478, 3) float32, aligned, millimetres
    skipped: Counter[str]  # reason -> number of frames
