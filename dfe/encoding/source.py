"""Parquet files with expression vectors: found, checked by their footers, read in small batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from dfe.config import describe_errors
from dfe.data.features import METADATA_KEY
from dfe.data.observations import KEYS, OBSERVATION_KEY, ObservationMetadata
from dfe.data.table import Metadata

SUFFIX = ".parquet"
#: Bytes read ahead in one column. Without it pyarrow takes in the whole column of a row group.
BUFFER = 1 << 20


class EncodingError(ValueError):
    """A data set cannot be encoded, or its tokens cannot be read; the message says where."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a data set, of which only the footer was read.

    Attributes
    ----------
    path, name
        Where it is, and its path below the folder of the data set, with slashes.
    column
        The column of expression vectors.
    groups
        Rows of each row group.
    provenance
        What the file says about itself, as it stands there; empty if nothing.
    """

    path: Path
    name: str
    column: str
    groups: tuple[int, ...]
    provenance: bytes


class Rows(NamedTuple):
    """Some consecutive rows of a file, checked."""

    keys: dict[str, pa.Array]  # dataset, clip, frame: (n,) each
    psi: NDArray[np.float32]  # (n, P)


def source_files(
    source: str | Path, width: int, face: str, unnamed: str | None = None
) -> list[SourceFile]:
    """Files of a data set, sorted by name; nothing but their footers is read.

    Parameters
    ----------
    source
        A Parquet file, or a folder; there every file `*.parquet` at any depth counts whose name,
        and whose folders' names, start with neither a dot nor an underscore.
    width
        P, the length of an expression vector.
    face
        Name of the face model whose expression vectors are wanted.
    unnamed
        Face of the vectors in files that name none; None refuses such files.

    Raises
    ------
    EncodingError
        If there is no file, or one is not Parquet, has no rows, lacks a column, or holds
        something else than expression vectors of this face.
    """
    return [_inspect(path, name, width, face, unnamed) for name, path in _find(Path(source))]


def _find(source: Path) -> list[tuple[str, Path]]:
    if source.is_file():
        return [(source.name, source)]
    if not source.is_dir():
        raise EncodingError(f"{source}: no such file or folder; name a Parquet file or a folder")
    paths = {path.relative_to(source): path for path in source.rglob(f"*{SUFFIX}")}
    visible = {
        name.as_posix(): path
        for name, path in paths.items()
        if path.is_file() and not any(part.startswith((".", "_")) for part in name.parts)
    }
    if not visible:
        raise EncodingError(f"{source}: there is no file *{SUFFIX} in this folder")
    return sorted(visible.items())


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file so that reading takes in a bounded part of it at a time.

    Raises
    ------
    EncodingError
        If it is missing, truncated or not Parquet.
    """
    try:
        return pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise EncodingError(
            f"{path} is damaged or not Parquet: {error}; make it again, or take it away"
        ) from error


def _inspect(path: Path, name: str, width: int, face: str, unnamed: str | None) -> SourceFile:
    with open_parquet(path) as file:
        schema, footer = file.schema_arrow, file.metadata
        groups = tuple(footer.row_group(i).num_rows for i in range(footer.num_row_groups))
    if not sum(groups):
        raise EncodingError(f"{path}: the file has no rows; make it again, or take it away")
    column, found, provenance = _provenance(path, schema.metadata or {})
    _check_face(path, found, face, unnamed)
    _check_columns(path, schema, column, width)
    return SourceFile(path, name, column, groups, provenance)


def _provenance(path: Path, metadata: dict[bytes, bytes]) -> tuple[str, str, bytes]:
    """Column of vectors, face ("" if none is named), and the text that says so."""
    try:
        if text := metadata.get(METADATA_KEY):
            return "psi", Metadata.model_validate_json(text).face, text
        if text := metadata.get(OBSERVATION_KEY):
            seen = ObservationMetadata.model_validate_json(text)
            if seen.kind != "features":
                raise EncodingError(f"{path}: these are {seen.kind}, not expression vectors")
            return "values", seen.face, text
    except ValidationError as error:
        raise EncodingError(f"{path}: its metadata:\n{describe_errors(error)}") from error
    return "psi", "", b""


def _check_face(path: Path, found: str, face: str, unnamed: str | None) -> None:
    if not found and unnamed is None:
        raise EncodingError(
            f"{path}: the file does not name the face of its expression vectors, and the model "
            f"reads those of {face!r}; if they are, say so with `--face {face}`"
        )
    if (found or unnamed) != face:
        raise EncodingError(
            f"{path}: expression vectors of {found or unnamed}, but the model reads those of "
            f"{face!r}; take a model of that face, or take the file away"
        )


def _check_columns(path: Path, schema: pa.Schema, column: str, width: int) -> None:
    for name in (*KEYS, column):
        if (times := schema.names.count(name)) != 1:
            raise EncodingError(
                f"{path}: {times} columns are called {name!r}; there must be one each of "
                f"{', '.join((*KEYS, column))}, and there are {', '.join(schema.names)}"
            )
        kind = schema.field(name).type
        if not _fits(name, kind):
            raise EncodingError(f"{path}: column {name!r} is {kind}, not {_WANTED.get(name, _F)}")
    kind = schema.field(column).type
    if pa.types.is_fixed_size_list(kind) and kind.list_size != width:
        raise EncodingError(
            f"{path}: {kind.list_size} values a row in {column!r}, but the model reads {width}"
        )


_F = "lists of floating point numbers"
_WANTED = {"dataset": "text", "clip": "text", "frame": "integers"}


def _fits(name: str, kind: pa.DataType) -> bool:
    types = pa.types
    if name == "frame":
        return bool(types.is_integer(kind))
    if name in KEYS:
        kind = kind.value_type if types.is_dictionary(kind) else kind
        return bool(types.is_string(kind) or types.is_large_string(kind))
    lists = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
    return bool(lists and types.is_floating(kind.value_type))


def read_rows(
    file: SourceFile, groups: Sequence[int], first_row: int, width: int, batch: int
) -> Iterator[Rows]:
    """Rows of some row groups in their order, at most `batch` at a time.

    Memory depends on `batch` and on the pages of the file, not on its row groups.

    Parameters
    ----------
    groups, first_row
        Row groups, and the row of the file that the first of them starts with.
    width
        P, the length of an expression vector.

    Raises
    ------
    EncodingError
        If a key or a value is missing, or a vector has another length or is not finite; the
        message names the row of the file, from 0. Also if the file is damaged.
    """
    if batch < 1:
        raise EncodingError(f"rows per batch: {batch}; it must be at least 1")
    columns, row = [*KEYS, file.column], first_row
    with open_parquet(file.path) as opened:
        try:
            for found in opened.iter_batches(batch, list(groups), columns, use_threads=False):
                yield _checked(found, file, row, width)
                row += len(found)
        except (pa.ArrowException, OSError) as error:
            raise EncodingError(
                f"{file.path} is damaged at or after row {row} (from 0): {error}; make it again"
            ) from error


def _checked(batch: pa.RecordBatch, file: SourceFile, row: int, width: int) -> Rows:
    for name in (*KEYS, file.column):
        _refuse(np.asarray(batch[name].is_null()), file, row, f"{name} is missing")
    vectors = batch[file.column]
    lengths = np.asarray(pc.list_value_length(vectors))  # (n,)
    _refuse(lengths != width, file, row, f"{file.column} has not the {width} values of the model")
    flat = vectors.flatten().to_numpy(zero_copy_only=False)  # (n P,), missing values are NaN
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite here, and is refused below
        psi = flat.astype(np.float32, copy=False).reshape(-1, width)  # (n, P)
    bad = ~np.isfinite(psi).all(axis=1)
    _refuse(bad, file, row, f"{file.column} holds NaN, infinity or a missing value")
    return Rows({name: _key(name, batch[name]) for name in KEYS}, psi)


def _refuse(bad: NDArray[np.bool_], file: SourceFile, row: int, what: str) -> None:
    if bad.any():
        raise EncodingError(
            f"{file.path}: {what} in row {row + int(bad.argmax())} (from 0); "
            "drop such rows or repair them, then encode again"
        )


def _key(name: str, values: pa.Array) -> Any:
    """A key as all token files hold it: int64, or dictionary-encoded text."""
    if name == "frame":
        return values.cast(pa.int64())
    return values.cast(pa.string()).dictionary_encode()
