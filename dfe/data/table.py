"""The feature table in memory: one row per frame, with the provenance of every row.

Everything above the extractors reads this table and nothing else, so real, simulated and gated
frames look alike, and none of them can lose its origin on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dfe.data.manifest import Origin, Sha256, Text
from dfe.data.track import N_LANDMARKS, N_SCORES

N_PSI = 50
KEYS = ("dataset", "clip", "subject", "frame", "timestamp", "psi")  # always there
OPTIONAL = ("scores", "landmarks")  # wide columns that a reader may leave out


class FeatureError(ValueError):
    """A feature table or file is not what its schema promises; the message says where."""


class Source(BaseModel):
    """Where the rows of one data set come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifest: Text
    extractor: Text
    extractor_version: Text
    inputs_sha256: Sha256 = Field(description="one hash for all input files")
    skipped: Mapping[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="reason -> number of frames dropped"
    )


class Metadata(BaseModel):
    """What a feature file says about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    origin: Origin
    face: Text
    face_sha256: Sha256
    sources: tuple[Source, ...] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Frames as arrays; N rows.

    Parameters
    ----------
    dataset, clip, subject
        (N,) strings; `dataset` is a manifest id listed in `metadata.sources`.
    frame, timestamp
        (N,) int64 index in the source, and (N,) float64 seconds, NaN where they are not known.
    psi
        (N, 50) float32 expression vectors, 0 is neutral.
    scores
        (N, 52) float32 ARKit weights, or None where the column was not read.
    landmarks
        (N, 478, 3) float32 millimetres, or None. A row that has none is NaN throughout.
    metadata
        Origin, face model and sources.

    Raises
    ------
    FeatureError
        If a shape, dtype or value is wrong, a frame repeats, or a clip has two subjects.
    """

    dataset: np.ndarray  # (N,)
    clip: np.ndarray  # (N,)
    subject: np.ndarray  # (N,)
    frame: np.ndarray  # (N,)
    timestamp: np.ndarray  # (N,)
    psi: np.ndarray  # (N, 50)
    scores: np.ndarray | None  # (N, 52)
    landmarks: np.ndarray | None  # (N, 478, 3)
    metadata: Metadata

    def __post_init__(self) -> None:
        n = len(self.psi)
        for name in ("dataset", "clip", "subject"):
            _check_array(name, getattr(self, name), (n,), "U")
        _check_array("frame", self.frame, (n,), "int64")
        _check_array("timestamp", self.timestamp, (n,), "float64")
        _check_array("psi", self.psi, (n, N_PSI), "float32")
        if self.scores is not None:
            _check_array("scores", self.scores, (n, N_SCORES), "float32")
        if self.landmarks is not None:
            _check_landmarks(self.landmarks, n)
        self._check_keys()

    def __len__(self) -> int:
        return len(self.psi)

    @property
    def has_landmarks(self) -> NDArray[np.bool_]:
        """(N,) True where a row holds landmarks."""
        if self.landmarks is None:
            return np.zeros(len(self), bool)
        return ~np.isnan(self.landmarks[:, 0, 0])

    @property
    def clip_id(self) -> NDArray[np.str_]:
        """(N,) clip names that differ between data sets."""
        return np.char.add(np.char.add(self.dataset, "/"), self.clip)

    @property
    def subject_id(self) -> NDArray[np.str_]:
        """(N,) subject names that differ between data sets."""
        return np.char.add(np.char.add(self.dataset, "/"), self.subject)

    def rows(self, index: NDArray[np.bool_] | NDArray[np.intp]) -> FeatureTable:
        """Return the rows that a mask or an index array selects, with the same metadata."""
        columns: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else values[index]
            for name in (*KEYS, *OPTIONAL)
        }
        return FeatureTable(**columns, metadata=self.metadata)

    def _check_keys(self) -> None:
        unknown = set(np.unique(self.dataset)) - {s.manifest for s in self.metadata.sources}
        if unknown:
            raise FeatureError(f"data sets {sorted(unknown)} are not listed in metadata.sources")
        clips = list(zip(self.dataset.tolist(), self.clip.tolist(), strict=True))
        owner = dict(zip(clips, self.subject.tolist(), strict=True))
        torn = [c for c, s in zip(clips, self.subject.tolist(), strict=True) if owner[c] != s]
        if torn:
            raise FeatureError(f"clip {'/'.join(torn[0])} has more than one subject")
        counts = Counter(zip(clips, self.frame.tolist(), strict=True))
        if counts and (most := counts.most_common(1)[0])[1] > 1:
            (clip, frame), times = most
            raise FeatureError(f"clip {'/'.join(clip)} holds frame {frame} {times} times")


def _check_array(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: str) -> None:
    right_type = array.dtype.kind == "U" if dtype == "U" else array.dtype == np.dtype(dtype)
    if not right_type or array.shape != shape:
        wanted = "str" if dtype == "U" else dtype
        raise FeatureError(f"{name} must be {wanted} {shape}, not {array.dtype} {array.shape}")
    if array.dtype.kind == "f" and (bad := _not_finite(name, array)).any():
        row = int(np.argwhere(bad)[0][0])
        raise FeatureError(f"{name} holds NaN or infinity in row {row}")
    if dtype == "U" and (array == "").any():
        raise FeatureError(f"{name} is empty in row {int((array == '').argmax())}")


def _not_finite(name: str, array: np.ndarray) -> NDArray[np.bool_]:
    """Where a value is not finite; a time may be NaN, since not every program says when it was."""
    return np.isinf(array) if name == "timestamp" else ~np.isfinite(array)


def _check_landmarks(landmarks: np.ndarray, n: int) -> None:
    if landmarks.dtype != np.float32 or landmarks.shape != (n, N_LANDMARKS, 3):
        wanted = f"float32 {(n, N_LANDMARKS, 3)}"
        raise FeatureError(f"landmarks must be {wanted}, not {landmarks.dtype} {landmarks.shape}")
    finite = np.isfinite(landmarks).all((1, 2))  # (N,)
    absent = np.isnan(landmarks).all((1, 2))  # (N,)
    if not (finite | absent).all():
        row = int((~(finite | absent)).argmax())
        raise FeatureError(f"landmarks are neither complete nor absent in row {row}")


def stack_landmarks(
    parts: Sequence[np.ndarray | None], sizes: Sequence[int]
) -> NDArray[np.float32] | None:
    """Stack landmarks of parts with `sizes` rows; parts without any become NaN rows."""
    if all(part is None for part in parts):
        return None
    absent = np.float32(np.nan)
    return np.concatenate(
        [
            np.full((size, N_LANDMARKS, 3), absent) if part is None else part
            for part, size in zip(parts, sizes, strict=True)
        ]
    )


def concat(tables: Sequence[FeatureTable]) -> FeatureTable:
    """Stack tables of one origin and one face model; each source may come once.

    Raises
    ------
    FeatureError
        If there is no table, origins or faces differ, a source repeats, or only some tables were
        read with their scores.
    """
    if not tables:
        raise FeatureError("nothing to concatenate")
    first = tables[0].metadata
    for other in (t.metadata for t in tables[1:]):
        for name in ("origin", "face", "face_sha256"):
            if (a := getattr(first, name)) != (b := getattr(other, name)):
                raise FeatureError(f"tables differ in {name}: {a!r} and {b!r}")
    sources = tuple(source for t in tables for source in t.metadata.sources)
    if repeated := [m for m, k in Counter(s.manifest for s in sources).items() if k > 1]:
        raise FeatureError(f"source {repeated[0]!r} comes more than once")
    if len({t.scores is None for t in tables}) > 1:
        raise FeatureError("some tables have scores and some do not; read all of them alike")
    columns = {name: np.concatenate([getattr(t, name) for t in tables]) for name in KEYS}
    scores = [t.scores for t in tables if t.scores is not None]
    return FeatureTable(
        **columns,
        scores=np.concatenate(scores) if scores else None,
        landmarks=stack_landmarks([t.landmarks for t in tables], [len(t) for t in tables]),
        metadata=first.model_copy(update={"sources": sources}),
    )
