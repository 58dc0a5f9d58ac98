"""One part of an ingest: some recordings as rows of one file, and beside it what was read for them.

A part is finished when both files are there and carry the same key, which stands for the plan and
for path, size and time of every input file. The rows come last, so a process that is killed leaves
either a finished part or one that is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dfe.data.adapters.base import Adapter, AdapterError, Files, Recording
from dfe.data.features import to_list_array
from dfe.data.fetch import sha256_file
from dfe.files import atomic

#: Why `--every` leaves frames out; it stands among the adapter's own reasons.
THINNED = "not among every N-th, as asked"
KEY = b"dfe-ingest"  # of the metadata in all files of an ingest

_REPORT = b"dfe-ingest-report"
_GROUP = 4 << 20  # bytes of values that are held before they are written

# Path below the folder, bytes, time of the last change in ns, and number in the file system: two
# files of one size and time may have changed their names.
State = tuple[str, int, int, int]
Line = tuple[str, int, dict[str, int]]  # clip, usable frames, reason -> dropped frames


class IngestError(ValueError):
    """An ingest cannot be done as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Source:
    """One recording: the name that its adapter gives, the clip that it is, and its files."""

    name: str
    clip: str
    files: Files


@dataclass(frozen=True)
class Part:
    """Some recordings that are read together.

    Parameters
    ----------
    place
        Where the part is written.
    folder
        Where the files of the recordings lie.
    plan
        Hash of what is made of which files, without their contents.
    every
        Frames whose number it divides are kept.
    """

    number: int
    place: Path
    folder: Path
    plan: str
    every: int
    sources: tuple[Source, ...]

    @property
    def rows(self) -> Path:
        """File with clip, frame and values of each frame."""
        return self.place / f"{self.number:06d}.parquet"

    @property
    def notes(self) -> Path:
        """File with path, size, time and SHA-256 of each input, and the report in its metadata."""
        return self.place / f"{self.number:06d}.inputs.parquet"


@dataclass(frozen=True)
class Made:
    """What is in a finished part, and whether it was finished before."""

    recordings: int
    frames: int
    reused: bool


def make_part(part: Part, adapter: Adapter) -> Made:
    """Read the recordings of a part, unless that was done before and their files are the same.

    Raises
    ------
    AdapterError
        If a file is damaged or changes while it is read, or a recording is not what its adapter
        says. Nothing of this part is written then.
    """
    before = [list(states(adapter, source, part.folder)) for source in part.sources]
    key = key_of(part.plan, (state for one in before for state in one))
    if (frames := _finished(part, key)) is not None:
        return Made(len(part.sources), frames, reused=True)
    lines: list[Line] = []
    hashes: list[str] = []
    with atomic(part.rows) as unfinished:
        with _Rows(unfinished, key) as rows:
            for source, was in zip(part.sources, before, strict=True):
                found = _thinned(_checked(adapter, source), part.every)
                rows.add(source, found)
                lines.append((source.clip, len(found), dict(found.skipped)))
                hashes += _hashes(adapter, source, part.folder, was)
        _write_notes(part, key, [state for one in before for state in one], hashes, lines)
    return Made(len(part.sources), sum(frames for _, frames, _ in lines), reused=False)


def states(adapter: Adapter, source: Source, folder: Path) -> Iterator[State]:
    """Path, size and time of each input file of a recording.

    Raises
    ------
    AdapterError
        If a file is gone.
    """
    for path in adapter.inputs(source.files):
        try:
            found = path.stat()
        except OSError as error:
            raise AdapterError(f"{path}: cannot be read ({error})") from error
        name = path.relative_to(folder).as_posix()
        yield name, found.st_size, found.st_mtime_ns, found.st_ino


def key_of(plan: str, inputs: Iterable[State]) -> str:
    """Hash of a plan and of the states of its input files, in their order."""
    digest = hashlib.sha256(plan.encode())
    for path, size, time, number in inputs:
        digest.update(f"\n{size} {time} {number} {path}".encode())
    return digest.hexdigest()


# Reading back


def report_lines(part: Part) -> Iterator[Line]:
    """Clip, usable frames and dropped frames of each recording of a finished part."""
    yield from json.loads(_metadata(part.notes)[_REPORT])


def input_states(part: Part) -> Iterator[State]:
    """The states of the input files as they were when a finished part was made."""
    yield from zip(*_columns(part.notes, "path", "size", "mtime_ns", "inode"), strict=True)


def input_hashes(part: Part) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of each input file of a finished part."""
    yield from zip(*_columns(part.notes, "path", "sha256"), strict=True)


def row_batches(part: Part) -> Iterator[pa.RecordBatch]:
    """The rows of a finished part, some at a time: clip, frame, values."""
    with pq.ParquetFile(part.rows) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, use_threads=False).to_batches()


def group_rows(width: int) -> int:
    """How many rows of `width` values are held before they are written."""
    return max(1, _GROUP // (4 * width))


def _columns(path: Path, *names: str) -> list[list[Any]]:
    with pq.ParquetFile(path) as file:
        table = file.read(list(names), use_threads=False)
    return [table[name].to_pylist() for name in names]


def _metadata(path: Path) -> dict[bytes, bytes]:
    return dict(pq.read_schema(path).metadata or {})


def _finished(part: Part, key: str) -> int | None:
    """Number of frames of a part that was made of the same inputs; None if there is none."""
    try:
        rows = pq.read_metadata(part.rows)
        found = {(rows.metadata or {}).get(KEY), _metadata(part.notes).get(KEY)}
    except (OSError, pa.ArrowException):  # not there, or cut off by a crash of the machine
        return None
    return rows.num_rows if found == {key.encode()} else None


# Writing


def _checked(adapter: Adapter, source: Source) -> Recording:
    """Read a recording; what no observation may hold is an error that names it."""
    found = adapter.read(source.name, source.files)
    where = f"{source.files[0]} ({source.name})"
    if len(found) and found.frame[0] < 0:
        raise AdapterError(f"{where}: frame {found.frame[0]} is below 0; number them from 0")
    width = found.values.shape[1]
    if adapter.columns and width != len(adapter.columns):
        raise AdapterError(f"{where}: {width} values a frame, not {len(adapter.columns)}")
    if adapter.kind == "action_units" and len(found) and found.values.min() < 0:
        row, column = (int(at[0]) for at in (found.values < 0).nonzero())
        raise AdapterError(
            f"{where}: {adapter.columns[column]} is {found.values[row, column]:g} in frame "
            f"{found.frame[row]}; an action unit is never negative"
        )
    return found


def _thinned(found: Recording, every: int) -> Recording:
    """The frames whose number `every` divides."""
    kept = found.frame % every == 0  # (M,)
    if kept.all():
        return found
    skipped = {**found.skipped, THINNED: int((~kept).sum())}
    return replace(found, frame=found.frame[kept], values=found.values[kept], skipped=skipped)


def _hashes(adapter: Adapter, source: Source, folder: Path, was: list[State]) -> list[str]:
    """SHA-256 of each input file; they must be those that were there before the reading."""
    try:
        hashes = [sha256_file(folder / path) for path, *_ in was]
    except OSError as error:
        raise AdapterError(f"{source.name}: cannot be read ({error})") from error
    if list(states(adapter, source, folder)) != was:
        raise AdapterError(
            f"{source.files[0]} ({source.name}): changed while it was read; run this again when "
            "the program that writes it is done"
        )
    return hashes


def _write_notes(
    part: Part, key: str, inputs: list[State], hashes: list[str], lines: list[Line]
) -> None:
    paths, sizes, times, numbers = zip(*inputs, strict=True)
    columns = {
        "path": pa.array(paths, pa.string()),
        "size": pa.array(sizes, pa.int64()),
        "mtime_ns": pa.array(times, pa.int64()),
        "inode": pa.array(numbers, pa.uint64()),
        "sha256": pa.array(hashes, pa.string()),
    }
    metadata = {KEY: key.encode(), _REPORT: json.dumps(lines).encode()}
    with atomic(part.notes) as unfinished:
        pq.write_table(pa.table(columns, metadata=metadata), unfinished, compression="zstd")


class _Rows:
    """Writes recordings into one file, and holds no more than a group of rows and a recording."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._metadata = path, {KEY: key.encode()}
        self._held: list[pa.RecordBatch] = []
        self._count = 0  # of the rows that are held
        self._width = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _Rows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, source: Source, found: Recording) -> None:
        """Append the rows of a recording."""
        if not len(found):
            return
        width = found.values.shape[1]
        self._width = self._width or width
        if width != self._width:
            raise AdapterError(
                f"{source.files[0]} ({source.name}): {width} values a frame, where recordings "
                f"before have {self._width}; give each kind of output a folder of its own"
            )
        columns = [
            pa.repeat(source.clip, len(found)),
            pa.array(found.frame),
            to_list_array(found.values),
        ]
        schema = rows_schema(width).with_metadata(self._metadata)
        self._held.append(pa.RecordBatch.from_arrays(columns, schema=schema))
        self._count += len(found)
        if self._count >= group_rows(width):
            self._flush()

    def _flush(self) -> None:
        """Write what is held; a part without any row becomes a file without rows."""
        schema = rows_schema(self._width or 1).with_metadata(self._metadata)
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path, schema, compression="zstd", use_dictionary=["clip"]
            )
        table = pa.Table.from_batches(self._held, schema)
        self._writer.write_table(table, row_group_size=group_rows(self._width or 1))
        self._held, self._count = [], 0


def rows_schema(width: int) -> pa.Schema:
    """Columns of the rows of a part."""
    values = pa.list_(pa.float32(), width)
    return pa.schema([("clip", pa.string()), ("frame", pa.int64()), ("values", values)])
