"""Stream a data set through a model, part by part; what is already there is not made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from glob import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from dfe.data.fetch import sha256_file
from dfe.encoding.plan import Part, PartMetadata, Plan, Shard, parts_of, share, write_plan
from dfe.encoding.source import (
    EncodingError,
    Rows,
    SourceFile,
    open_parquet,
    read_rows,
    source_files,
)
from dfe.files import atomic
from dfe.model import DFE
from dfe.tokens import model_sha256

ROWS_PER_BATCH = 1 << 15
#: Rows that the model sees at once are filled up to a multiple of this; see `encode_rows`.
BLOCK = 64
PART_KEY, SOURCE_KEY, MADE_KEY = b"dfe-encoding", b"dfe-encoding-source", b"dfe-encoding-made-by"


class Done(NamedTuple):
    """One part that is whole."""

    part: Part
    made: bool  # False: it was there


def encode_dataset(
    model: DFE,
    source: str | Path,
    output: str | Path,
    face: str,
    *,
    unnamed: str | None = None,
    shard: Shard | None = None,
    rows_per_batch: int = ROWS_PER_BATCH,
    error: bool = False,
    progress: Callable[[Done], None] | None = None,
) -> list[Done]:
    """Write the tokens of every row of a Parquet data set, in the same order.

    Memory grows with `rows_per_batch`, not with files or row groups. Each part becomes one file,
    whole or absent. One that is there is kept if this model made it from a file with the same
    SHA-256, else it is made again. That no key comes twice is not checked: it needs all keys.

    Parameters
    ----------
    model
        Where it is decides where the work is done.
    source
        A Parquet file or a folder of them: feature tables, observations of expression vectors, or
        any file with `dataset`, `clip` (text), `frame` (integers) and `psi` (lists of P floats).
    output
        Folder for `plan.json` and the tokens: columns dataset, clip, frame, token_1 … token_L
        and, if asked for, `error`.
    face
        Name of the face model whose expression vectors the model reads (`dfe.runs.model_face`).
    unnamed
        Face of the vectors in files that name none; None refuses such files.
    shard
        The share of this job; None for all. Two jobs must not have the same share at a time.
    error
        Add the root mean square of psi - decode(tokens) over the P coefficients, float32, in the
        unit of psi.
    progress
        Called after each part.

    Returns
    -------
    The parts of this job

    Raises
    ------
    EncodingError
        If the data set is not as described, or the output is among the input.
    """
    output = Path(output)
    files = {file.name: file for file in source_files(source, model.config.psi_dim, face, unnamed)}
    _check_output(Path(source), output)
    plan = _plan(model, face, list(files.values()), error)
    write_plan(output, plan)
    done, parts = [], share(plan.parts, shard or Shard())
    for one in _encode_parts(model, files, plan, parts, output, rows_per_batch):
        done.append(one)
        if progress:
            progress(one)
    return done


def _encode_parts(
    model: DFE,
    files: dict[str, SourceFile],
    plan: Plan,
    parts: list[Part],
    output: Path,
    rows_per_batch: int,
) -> Iterator[Done]:
    identify = cache(_identify)  # a file of several parts is hashed once
    for part in parts:
        file = files[part.file]
        state, sha256 = identify(file.path)
        wanted = PartMetadata(
            model=plan.model, face=plan.face, error=plan.error, input_sha256=sha256, part=part
        )
        made = not _is_made(output / part.output, wanted)
        if made:
            _encode_part(model, file, state, wanted, output, rows_per_batch)
        yield Done(part, made)


def _check_output(source: Path, output: Path) -> None:
    """The next run must not take tokens for input."""
    folder = source if source.is_dir() else source.parent
    inner, outer = output.resolve(), folder.resolve()
    below = source.is_dir() and inner.is_relative_to(outer)
    if below or outer.is_relative_to(inner):
        raise EncodingError(f"{output} is among the files to encode; choose a folder elsewhere")
    if output.exists() and not output.is_dir():
        raise EncodingError(f"{output} is a file; choose a folder for the tokens")


def _plan(model: DFE, face: str, files: list[SourceFile], error: bool) -> Plan:
    return Plan(
        model=model_sha256(model),
        face=face,
        codebook_size=model.config.codebook_size,
        stages=model.config.stages,
        error=error,
        parts=tuple(part for file in files for part in parts_of(file)),
    )


State = tuple[int, int]  # size, and time of the last change in nanoseconds


def _state(path: Path) -> State:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _identify(path: Path) -> tuple[State, str]:
    """State and SHA-256 of a file; whoever changes it during the work is found out by the state."""
    return _state(path), sha256_file(path)


def _is_made(path: Path, wanted: PartMetadata) -> bool:
    """Whether a file holds just this part, by what it says about itself."""
    if not path.is_file():
        return False
    try:
        return part_metadata(path) == wanted
    except EncodingError:  # damaged, or something else: it is replaced
        return False


def part_metadata(path: Path) -> PartMetadata:
    """What a file of tokens says about itself.

    Raises
    ------
    EncodingError
        If it is no file of tokens, or has not as many rows as it says.
    """
    with open_parquet(path) as file:
        text, rows = (file.schema_arrow.metadata or {}).get(PART_KEY), file.metadata.num_rows
    if text is None:
        raise EncodingError(f"{path} is no file of tokens; take it away")
    try:
        found = PartMetadata.model_validate_json(text)
    except ValidationError as error:
        raise EncodingError(f"{path} is no file of tokens of this version: {error}") from error
    if rows != found.part.rows:
        raise EncodingError(f"{path} has {rows} rows, not {found.part.rows}; delete it")
    return found


def token_schema(codebook_size: int, stages: int, error: bool) -> pa.Schema:
    """Columns of a file of tokens."""
    text = pa.dictionary(pa.int32(), pa.string())
    code = pa.from_numpy_dtype(np.min_scalar_type(codebook_size - 1))
    fields = [("dataset", text), ("clip", text), ("frame", pa.int64())]
    fields += [(f"token_{stage}", code) for stage in range(1, stages + 1)]
    return pa.schema(fields + ([("error", pa.float32())] if error else []))


def _encode_part(
    model: DFE,
    file: SourceFile,
    state: State,
    wanted: PartMetadata,
    output: Path,
    rows_per_batch: int,
) -> None:
    part, path = wanted.part, output / wanted.part.output
    for left in path.parent.glob(f".{escape(path.stem)}-????????{path.suffix}"):
        left.unlink()  # by a job that was killed in the middle of this part
    schema = token_schema(model.config.codebook_size, model.config.stages, wanted.error)
    described = {
        PART_KEY: wanted.model_dump_json(),
        SOURCE_KEY: file.provenance,
        MADE_KEY: json.dumps(_made_by(model, rows_per_batch)),
    }
    with atomic(path) as temporary:
        with pq.ParquetWriter(
            temporary, schema.with_metadata(described), compression="zstd"
        ) as writer:
            width = model.config.psi_dim
            for rows in read_rows(file, part.row_groups, part.first_row, width, rows_per_batch):
                writer.write_table(_tokens(model, rows, schema))
        if _state(file.path) != state:
            raise EncodingError(f"{file.path} changed while it was read; encode again")


def _made_by(model: DFE, rows_per_batch: int) -> dict[str, str | int]:
    """For people; tokens of other values here are not made again."""
    return {
        "torch": torch.__version__,
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "rows_per_batch": rows_per_batch,
    }


def _tokens(model: DFE, rows: Rows, schema: pa.Schema) -> pa.Table:
    codes = encode_rows(model, rows.psi)  # (n, L)
    columns = {**rows.keys}
    for stage, column in enumerate(codes.T, 1):
        name = f"token_{stage}"
        columns[name] = pa.array(column.astype(schema.field(name).type.to_pandas_dtype()))
    if "error" in schema.names:
        gap = np.square(rows.psi - model.decode(codes), dtype=np.float64)  # (n, P)
        columns["error"] = pa.array(np.sqrt(gap.mean(axis=1)).astype(np.float32))
    return pa.table(columns, schema=schema)


def encode_rows(model: DFE, psi: NDArray[np.float32]) -> NDArray[np.int64]:
    """Tokens of (n, P) rows, (n, L), whose value does not depend on n.

    The last bits of a matrix product may depend on how many rows it has: on the CPU that we
    looked at, those of the last row of an odd number did. A near tie between two codes could then
    fall differently in another batch. So the rows are filled up with copies of the last one.
    """
    filler = np.repeat(psi[-1:], -len(psi) % BLOCK, axis=0)
    return model.encode(np.concatenate([psi, filler]))[: len(psi)]
