"""Files of OpenFace 2: those of E-DAIC, which say nothing about landmarks, and those of RAVDESS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfe.action_units import AU_NAMES
from dfe.data.adapters.base import LOW_CONFIDENCE
from miniatures.extractors import Written
from miniatures.faces import UNITS, Faces, Rng

_RATED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
POSE = [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]
FIRST = 1  # number of the first row
GAZE = [f"gaze_{eye}_{axis}" for eye in "01" for axis in "xyz"] + ["gaze_angle_x", "gaze_angle_y"]

Columns = Mapping[str, Sequence[float] | NDArray[np.floating]]


def units(faces: Faces, rng: Rng) -> dict[str, NDArray[np.floating]]:
    """Column -> (T,): 17 intensities and 18 occurrences."""
    on = {f"AU{int(n[2:]):02d}": UNITS[faces, i] for i, n in enumerate(AU_NAMES)}
    off = np.zeros(len(faces))
    rated = {f"AU{n:02d}_r": 3.0 * on.get(f"AU{n:02d}", off) for n in _RATED}
    rated = {name: np.abs(level + rng.normal(0, 0.1, len(faces))) for name, level in rated.items()}
    seen = {f"AU{n:02d}_c": on.get(f"AU{n:02d}", off) for n in sorted((*_RATED, 28))}
    return rated | seen


def write(
    path: Path, faces: Faces, unsure: Sequence[int], more: Columns, rng: Rng, comma: str, **ids: int
) -> Written:
    """A row for each frame, numbered from 1; the frames `unsure` have no success or low confidence.

    Parameters
    ----------
    more
        Columns between those of tracking and the action units.
    comma
        Between two cells; the program puts a space after it, E-DAIC's files have none.
    ids
        Constant columns after the number of the frame, such as `face_id`.
    """
    n = len(faces)
    low = np.isin(np.arange(n), unsure)
    columns: dict[str, NDArray[np.generic]] = {"frame": np.arange(n) + FIRST}
    columns |= {name: np.full(n, value) for name, value in ids.items()}
    columns |= {"timestamp": (np.arange(n) / 30).round(3), "confidence": np.where(low, 0.1, 0.98)}
    columns |= {"success": np.where(low, 0, 1)}
    columns |= {
        name: np.round(values, 3) for name, values in (dict(more) | units(faces, rng)).items()
    }
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    lines = [comma.join(columns), *(comma.join(map(str, row)) for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    kept = tuple(np.flatnonzero(~low).tolist())
    return kept, ({LOW_CONFIDENCE: int(low.sum())} if low.any() else {})


def pose_and_gaze(n: int, rng: Rng) -> dict[str, NDArray[np.floating]]:
    """Column -> (n,) of head pose and gaze."""
    return dict(zip((*POSE, *GAZE), rng.normal(size=(len(POSE + GAZE), n)), strict=True))
