"""Sign-language clips in the `.pose` format to scores and landmarks.

The clips hold the 478 face landmarks that MediaPipe found. Their publishers removed the signers'
looks: the first frame is one reference face, the same in all clips, and each later frame is that
face plus the signer's motion since the clip began. The reference is no observation of a person.
It looks down with half-closed eyes: its scores are the zero from which motion has to be counted.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dfe.data.extract.align import align_landmarks
from dfe.data.extract.blendshapes import BlendshapeNetwork
from dfe.data.extract.errors import ExtractionError, require
from dfe.data.extract.frames import Frames

MISSING = "face missing"
REFERENCE = "reference frame"
REPEATED = "repeated frame"

_FACE = "FACE_LANDMARKS"
_N_POINTS = 478

# x and y are stored in pixels, z as a share of the width of a video that is not stored. This is
# the factor that lets the reference face fit the canonical face best (least squares: 362).
DEPTH_SCALE = 360.0


class StoredFace(NamedTuple):
    """Face landmarks of a `.pose` file."""

    points: np.ndarray  # (T, 478, 3) float32, pixels; NaN where missing
    present: np.ndarray  # (T,) bool
    fps: float


def pose_frames(path: Path, network: BlendshapeNetwork, *, reference: bool) -> Frames:
    """Extract one clip.

    Parameters
    ----------
    path
        The `.pose` file.
    network
        Scores landmarks.
    reference
        Whether the first frame is a reference face: its scores are then subtracted from all
        others and the frame itself is skipped.

    Raises
    ------
    ExtractionError
        If the file is missing, is not a pose with 478 face landmarks, or lacks its reference.
    """
    face = read_pose(path)
    if reference and not face.present[:1].all():
        raise ExtractionError(f"{path}: the first frame has no face, but it is the reference")
    kept, skipped = _choose_frames(face, reference)
    points = face.points[kept]  # (N, 478, 3)
    scores = network(points)
    if reference:
        scores -= network(face.points[:1])
    return Frames(kept, kept / face.fps, scores, align_landmarks(points), skipped)


def _choose_frames(face: StoredFace, reference: bool) -> tuple[np.ndarray, Counter[str]]:
    """Indices (N,) int64 of new observations, and why the others are none."""
    seen = np.flatnonzero(face.present)
    points = face.points[seen]
    repeated = np.zeros(len(seen), bool)
    repeated[1:] = (points[1:] == points[:-1]).all((1, 2))
    skipped = Counter({MISSING: len(face.present) - len(seen), REPEATED: int(repeated.sum())})
    kept = seen[~repeated].astype(np.int64)
    if reference:
        kept = kept[1:]
        skipped[REFERENCE] = 1
    return kept, +skipped  # without the reasons that did not occur


def read_pose(path: Path) -> StoredFace:
    """Read the face landmarks of the first person in a `.pose` file.

    Raises
    ------
    ExtractionError
        If the file is missing, is not a pose, or has no component of 478 face landmarks.
    """
    try:
        pose = require("pose_format").Pose.read(path.read_bytes())
        start, stop = _face_columns(pose.header.components)
        points = np.ma.filled(pose.body.data[:, 0, start:stop, :3].astype(np.float32), np.nan)
        confidence = np.asarray(pose.body.confidence[:, 0, start:stop])  # (T, 478)
        fps = float(pose.body.fps)
    except ExtractionError as error:
        raise ExtractionError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise ExtractionError(f"{path}: no such file; fetch its data set again") from error
    except Exception as error:  # the format has no error of its own: struct, index, value, ...
        raise ExtractionError(
            f"{path}: not a readable pose file ({error!r}); replace it"
        ) from error
    if not fps > 0:
        raise ExtractionError(f"{path}: frame rate {fps} gives no times; replace it")
    present = np.asarray((confidence > 0).all(1) & np.isfinite(points).all((1, 2)))
    points[..., 2] *= DEPTH_SCALE
    return StoredFace(points, present, fps)


def _face_columns(components: list) -> tuple[int, int]:
    start = 0
    for component in components:
        stop = start + len(component.points)
        if component.name == _FACE and len(component.points) == _N_POINTS:
            return start, stop
        start = stop
    found = ", ".join(f"{c.name} ({len(c.points)})" for c in components)
    raise ExtractionError(f"needs {_FACE} with {_N_POINTS} points, has {found}")
