"""The feature store: tracks become a feature table, and the table becomes one Parquet file.

The file carries its provenance (origin, face model, extractor, hashes of the inputs, dropped
frames) in its own metadata, and reading it checks all of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from dfe.data.manifest import Manifest, Member
from dfe.data.table import (
    KEYS,
    N_PSI,
    OPTIONAL,
    FeatureError,
    FeatureTable,
    Metadata,
    Source,
    concat,
    stack_landmarks,
)
from dfe.data.track import N_LANDMARKS, N_SCORES, Track
from dfe.files import atomic

__all__ = [
    "FeatureError",
    "FeatureTable",
    "Metadata",
    "Source",
    "UnitFace",
    "concat",
    "inputs_sha256",
    "read_features",
    "scores_to_psi",
    "table_from_tracks",
    "to_list_array",
    "to_matrix",
    "to_strings",
    "write_features",
]

N_UNITS = 86
METADATA_KEY = b"dfe"


class UnitFace(Protocol):
    """The part of a face model that turns unit weights into expression vectors."""

    name: str

    def units_to_psi(self, weights: ArrayLike) -> NDArray[np.float32]:
        """Return (N, 50) float32 for (N, 86) unit weights, the 52 ARKit shapes first."""
        ...


def inputs_sha256(members: Iterable[Member]) -> str:
    """One hash for all files of a manifest, as `files_sha256`."""
    return files_sha256((member.path, member.sha256) for member in members)


def files_sha256(files: Iterable[tuple[str, str]]) -> str:
    """One hash for many files, (path, sha256): SHA-256 over their sorted `sha256  path` lines."""
    lines = sorted(f"{sha256}  {path}\n" for path, sha256 in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def scores_to_psi(scores: NDArray[np.float32], face: UnitFace) -> NDArray[np.float32]:
    """Return (N, 50) psi of (N, 52) ARKit weights; the units that nobody scores stay at 0."""
    units = np.zeros((len(scores), N_UNITS), np.float32)  # (N, 86)
    units[:, :N_SCORES] = scores
    return np.asarray(face.units_to_psi(units), np.float32)


def table_from_tracks(
    tracks: Sequence[Track],
    manifest: Manifest,
    face: UnitFace,
    face_sha256: str,
    extractor_version: str,
) -> FeatureTable:
    """Turn the tracks of one source into a feature table.

    Parameters
    ----------
    tracks
        What the extractor returned; clips without a single frame count only as skipped frames.
    manifest
        The source; its origin and extractor go into the metadata.
    face, face_sha256
        The face model whose psi is stored, and the hash of its asset.
    extractor_version
        Name and version of the library that did the work.

    Raises
    ------
    FeatureError
        If no frame is left, or a track belongs to another source.
    """
    if manifest.origin is None or manifest.extractor is None:
        raise FeatureError(f"{manifest.id} is a {manifest.role}, not a source of frames")
    used = _members_of(tracks, manifest)
    if not any(len(t) for t in tracks):
        raise FeatureError(f"{manifest.id}: no clip holds a usable frame: {_skipped(tracks)}")
    source = Source(
        manifest=manifest.id,
        extractor=manifest.extractor,
        extractor_version=extractor_version,
        inputs_sha256=inputs_sha256(used),
        skipped=_skipped(tracks),
    )
    sizes = [len(t) for t in tracks]
    scores = np.concatenate([t.scores for t in tracks])  # (N, 52)
    return FeatureTable(
        dataset=np.full(len(scores), manifest.id),
        clip=np.repeat(np.array([t.clip for t in tracks]), sizes),
        subject=np.repeat(np.array([t.subject for t in tracks]), sizes),
        frame=np.concatenate([t.frame for t in tracks]),
        timestamp=np.concatenate([t.timestamp for t in tracks]),
        psi=scores_to_psi(scores, face),
        scores=scores,
        landmarks=stack_landmarks([t.landmarks for t in tracks], sizes),
        metadata=Metadata(
            origin=manifest.origin, face=face.name, face_sha256=face_sha256, sources=(source,)
        ),
    )


def _members_of(tracks: Sequence[Track], manifest: Manifest) -> list[Member]:
    """Return the files that the tracks come from; a build may have extracted only some clips."""
    clips = {(t.dataset, t.clip) for t in tracks}
    members = [m for m in manifest.members if (manifest.id, m.clip) in clips]
    strangers = clips - {(manifest.id, m.clip) for m in members}
    if strangers:
        raise FeatureError(f"manifest {manifest.id!r} lists no clip {sorted(strangers)}")
    return members


def _skipped(tracks: Sequence[Track]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for track in tracks:
        total.update(track.skipped)
    return dict(sorted(total.items()))


def _vectors(width: int) -> pa.DataType:
    return pa.list_(pa.float32(), width)


SCHEMA = pa.schema(
    [
        *(pa.field(k, pa.dictionary(pa.int32(), pa.string()), False) for k in KEYS[:3]),
        pa.field("frame", pa.int64(), False),
        pa.field("timestamp", pa.float64(), False),
        pa.field("psi", _vectors(N_PSI), False),
        pa.field("scores", _vectors(N_SCORES), False),
        pa.field("landmarks", _vectors(N_LANDMARKS * 3), True),
    ]
)


def to_list_array(values: np.ndarray, present: np.ndarray | None = None) -> pa.Array:
    """Return (N, ...) values as fixed-size lists, one per row; rows not `present` are null."""
    flat = np.ascontiguousarray(values).reshape(len(values), -1)  # (N, width)
    mask = None if present is None else pa.array(~present)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1], mask=mask)


def write_features(path: str | Path, table: FeatureTable) -> None:
    """Write a feature table as one Parquet file, all of it or nothing.

    Raises
    ------
    FeatureError
        If the table has no rows, or was read without its scores.
    """
    if not len(table) or table.scores is None:
        raise FeatureError(f"{path}: a feature file needs rows and scores")
    landmarks = table.landmarks
    if landmarks is None:
        landmarks = np.full((len(table), N_LANDMARKS, 3), np.float32(np.nan))
    columns = [
        *(pa.array(getattr(table, name)).dictionary_encode() for name in KEYS[:3]),
        pa.array(table.frame),
        pa.array(table.timestamp),
        to_list_array(table.psi),
        to_list_array(table.scores),
        to_list_array(landmarks, table.has_landmarks),
    ]
    metadata = {METADATA_KEY: table.metadata.model_dump_json().encode()}
    arrow = pa.Table.from_arrays(columns, schema=SCHEMA.with_metadata(metadata))
    with atomic(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read_features(path: str | Path, columns: Collection[str] | None = None) -> FeatureTable:
    """Read a feature file and check all of it.

    Parameters
    ----------
    path
        A file that `write_features` wrote.
    columns
        Which of the wide columns `scores` and `landmarks` to read; None reads both. The other
        columns are always read.

    Raises
    ------
    FeatureError
        If the file is missing, truncated, of another schema or version, or holds NaN.
    """
    unknown = set(columns or ()) - set(KEYS) - set(OPTIONAL)
    if unknown:
        raise FeatureError(f"no columns {sorted(unknown)}; there are {(*KEYS, *OPTIONAL)}")
    wide = [name for name in OPTIONAL if columns is None or name in columns]
    path = Path(path)
    if not path.is_file():
        raise FeatureError(f"{path} does not exist; build the features first")
    try:
        _check_schema(pq.read_schema(path))
        arrow = pq.read_table(path, columns=[*KEYS, *wide], partitioning=None)
        return _from_arrow(arrow, wide)
    except (pa.ArrowException, OSError) as error:
        raise FeatureError(
            f"{path} is damaged or not Parquet: {error}; delete it and build it again"
        ) from error
    except (FeatureError, ValidationError) as error:
        raise FeatureError(f"{path}: {error}") from error


def _check_schema(schema: pa.Schema) -> None:
    if METADATA_KEY not in (schema.metadata or {}):
        raise FeatureError("not a feature file: it carries no provenance")
    found = {field.name: field.type for field in schema}
    wanted = {field.name: field.type for field in SCHEMA}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise FeatureError(f"column {name!r} is {found.get(name)}, not {wanted.get(name)}")


def _from_arrow(arrow: pa.Table, wide: Collection[str]) -> FeatureTable:
    metadata = Metadata.model_validate_json(arrow.schema.metadata[METADATA_KEY])
    landmarks = None
    if "landmarks" in wide and arrow["landmarks"].null_count < len(arrow):
        landmarks = to_matrix(arrow["landmarks"]).reshape(-1, N_LANDMARKS, 3)
    return FeatureTable(
        **{name: to_strings(arrow[name]) for name in KEYS[:3]},
        frame=arrow["frame"].to_numpy(),
        timestamp=arrow["timestamp"].to_numpy(),
        psi=to_matrix(arrow["psi"]),
        scores=to_matrix(arrow["scores"]) if "scores" in wide else None,
        landmarks=landmarks,
        metadata=metadata,
    )


def to_strings(column: pa.ChunkedArray) -> np.ndarray:
    """Return (N,) str of a dictionary-encoded column."""
    array = column.combine_chunks()
    names = np.array(array.dictionary.to_pylist(), dtype=np.str_)
    return names[array.indices.to_numpy()]


def to_matrix(column: pa.ChunkedArray) -> np.ndarray:
    """Return (N, width), a view on the Arrow buffer where no row is null; null rows are NaN."""
    array = column.combine_chunks()
    width = array.type.list_size
    flat = array.values.slice(array.offset * width, len(array) * width)
    matrix = flat.to_numpy(zero_copy_only=False).reshape(len(array), width)
    if array.null_count:
        matrix = matrix.copy()
        matrix[~array.is_valid().to_numpy(zero_copy_only=False)] = np.nan
    return matrix
