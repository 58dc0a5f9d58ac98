"""A track: what an extractor returns for one clip, before it becomes rows of a feature table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

N_SCORES = 52  # ARKit shape names of the open head
N_LANDMARKS = 478  # points of the face landmarker, irises included


class TrackError(ValueError):
    """A track has the wrong shapes, types or values; the message names clip and field."""


@dataclass(frozen=True, eq=False)
class Track:
    """One clip after extraction; N is the number of frames kept.

    Parameters
    ----------
    dataset, clip, subject
        Manifest id, name of the recording, and the group that a split keeps together.
    frame
        (N,) int64, strictly rising index in the source.
    timestamp
        (N,) float64, seconds from the start of the source.
    scores
        (N, 52) float32, ARKit weights in the order of `OpenHead.arkit_names`. Where the manifest
        sets a reference face it has been subtracted, and weights may be negative.
    landmarks
        (N, 478, 3) float32, aligned by a similarity transform; None where the source has none.
    skipped
        Reason -> number of frames dropped.

    Raises
    ------
    TrackError
        If a shape or dtype differs, a number is not finite, or frames do not rise.
    """

    dataset: str
    clip: str
    subject: str
    frame: np.ndarray  # (N,)
    timestamp: np.ndarray  # (N,)
    scores: np.ndarray  # (N, 52)
    landmarks: np.ndarray | None = None  # (N, 478, 3)
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.dataset and self.clip and self.subject):
            raise TrackError(f"{self._where}: dataset, clip and subject must not be empty")
        n = len(self.frame)
        self._check("frame", self.frame, (n,), np.int64)
        self._check("timestamp", self.timestamp, (n,), np.float64)
        self._check("scores", self.scores, (n, N_SCORES), np.float32)
        if self.landmarks is not None:
            self._check("landmarks", self.landmarks, (n, N_LANDMARKS, 3), np.float32)
        if n and (self.frame[0] < 0 or (np.diff(self.frame) <= 0).any()):
            raise TrackError(f"{self._where}: frame must be non-negative and strictly rising")
        if any(not reason or count < 0 for reason, count in self.skipped.items()):
            raise TrackError(f"{self._where}: skipped needs named reasons and counts >= 0")
        object.__setattr__(self, "skipped", MappingProxyType(dict(self.skipped)))

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def _where(self) -> str:
        return f"track {self.dataset}/{self.clip}"

    def _check(self, name: str, array: np.ndarray, shape: tuple[int, ...], dtype: type) -> None:
        if array.dtype != dtype or array.shape != shape:
            wanted = f"{np.dtype(dtype).name} {shape}"
            raise TrackError(
                f"{self._where}: {name} must be {wanted}, not {array.dtype.name} {array.shape}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise TrackError(f"{self._where}: {name} is not finite in row {row}")
