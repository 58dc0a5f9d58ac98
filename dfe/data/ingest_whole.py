"""Finished parts of an ingest become one observation file, one hash and one report.

The parts are read one after another, so the memory does not grow with their number. Groups of rows
are cut anew: the file is the same however the parts were cut.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dfe.data.adapters.base import AdapterError
from dfe.data.ingest_parts import (
    KEY,
    Part,
    group_rows,
    input_hashes,
    input_states,
    key_of,
    report_lines,
    row_batches,
)
from dfe.data.observations import OBSERVATION_KEY, ObservationMetadata

_FEW = 100_000  # input files whose lines are sorted at once; of more, a sixteenth at a time
_FIRST = ("clip", "frames")  # columns of the report before the reasons


def whole_key(parts: Sequence[Part]) -> str:
    """Key of the observation file: the plan, and the inputs as they were when they were read."""
    return key_of(parts[0].plan, (state for part in parts for state in input_states(part)))


def whole_sha256(parts: Sequence[Part]) -> str:
    """`dfe.data.features.files_sha256` of all inputs, without holding all of them.

    The lines that it sorts start with a hash, so those that start alike are sorted by themselves.
    """
    many = sum(pq.read_metadata(part.notes).num_rows for part in parts) > _FEW
    digest = hashlib.sha256()
    for start in "0123456789abcdef" if many else ("",):
        hashes = (one for part in parts for one in input_hashes(part))
        for line in sorted(f"{sha}  {path}\n" for path, sha in hashes if sha.startswith(start)):
            digest.update(line.encode())
    return digest.hexdigest()


def write_whole(
    path: Path, parts: Sequence[Part], dataset: str, metadata: ObservationMetadata
) -> None:
    """Write the rows of all parts as one observation file.

    Raises
    ------
    AdapterError
        If the parts do not have equally many values a frame.
    """
    first = next(batch for part in parts for batch in row_batches(part))
    width = first.schema.field("values").type.list_size
    text = pa.dictionary(pa.int32(), pa.string())
    values = pa.list_(pa.float32(), width)
    schema = pa.schema(
        [("dataset", text), ("clip", text), ("frame", pa.int64()), ("values", values)],
        {OBSERVATION_KEY: metadata.model_dump_json().encode(), KEY: whole_key(parts).encode()},
    )
    names = ["dataset", "clip"]
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=names) as writer:
        for rows in _groups(_batches(parts, width), group_rows(width)):
            columns = [
                pa.repeat(dataset, len(rows)).dictionary_encode(),
                rows["clip"].combine_chunks().dictionary_encode(),
                rows["frame"].combine_chunks(),
                rows["values"].combine_chunks(),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _batches(parts: Sequence[Part], width: int) -> Iterator[pa.RecordBatch]:
    for part in parts:
        for batch in row_batches(part):
            if (found := batch.schema.field("values").type.list_size) != width:
                raise AdapterError(
                    f"{part.folder}: {found} values a frame in {batch['clip'][0]}, where clips "
                    f"before have {width}; give each kind of output a folder of its own"
                )
            yield batch.replace_schema_metadata(None)


def _groups(batches: Iterator[pa.RecordBatch], size: int) -> Iterator[pa.Table]:
    """The same rows in tables of `size`; the last one may be shorter."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += len(batch)
        while count >= size:
            rows = pa.Table.from_batches(held)
            yield rows.slice(0, size)
            held, count = rows.slice(size).to_batches(), count - size
    if count:
        yield pa.Table.from_batches(held)


# The report


@dataclass(frozen=True)
class Summary:
    """A report in a few numbers.

    Parameters
    ----------
    recordings, frames
        How many, and how many usable frames in them.
    dropped
        Reason -> frames.
    empty
        Clips without a usable frame.
    """

    recordings: int
    frames: int
    dropped: Mapping[str, int]
    empty: tuple[str, ...]


def count_dropped(parts: Sequence[Part]) -> Counter[str]:
    """Reason -> dropped frames of all parts, in the order in which the reasons come up."""
    dropped: Counter[str] = Counter()
    for part in parts:
        for _, _, skipped in report_lines(part):
            dropped.update(skipped)
    return dropped


def write_report(path: Path, parts: Sequence[Part]) -> None:
    """Write a CSV with a line for each recording: clip, usable frames, dropped ones by reason."""
    reasons = list(count_dropped(parts))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*_FIRST, *reasons])
        for part in parts:
            for clip, frames, skipped in report_lines(part):
                writer.writerow([clip, frames, *(skipped.get(reason, 0) for reason in reasons)])


def read_report(path: Path) -> Summary:
    """Add up a file of `write_report`."""
    recordings = frames = 0
    dropped: Counter[str] = Counter()
    empty = []
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        reasons = next(reader)[len(_FIRST) :]
        for clip, usable, *counts in reader:
            recordings += 1
            frames += int(usable)
            dropped.update(dict(zip(reasons, map(int, counts), strict=True)))
            if usable == "0":
                empty.append(clip)
    return Summary(recordings, frames, dict(dropped), tuple(empty))
