"""What is to be encoded: parts of a data set, and the share of them that falls to one job."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dfe.config import describe_errors
from dfe.data.manifest import Sha256, Text
from dfe.encoding.source import SUFFIX, EncodingError, SourceFile
from dfe.files import atomic

PLAN = "plan.json"
#: A part ends with the row group that reaches this. A killed job loses one part at most.
ROWS_PER_PART = 1 << 18


class Part(BaseModel):
    """Consecutive row groups of one file, whose tokens are one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Text  # below the folder of the data set
    output: Text  # below the folder of the tokens
    row_groups: tuple[int, ...]
    first_row: int  # of the file
    rows: int


class Plan(BaseModel):
    """All parts of a data set, in its order, and the model that encodes them.

    It depends on neither the number of jobs nor the size of a batch, so that what one job has
    made counts for every other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["dfe-encoding/1"] = "dfe-encoding/1"
    model: Sha256
    face: Text
    codebook_size: int  # K
    stages: int  # L
    error: bool  # whether there is a column with the reconstruction error
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Rows of the data set."""
        return sum(part.rows for part in self.parts)


class PartMetadata(BaseModel):
    """What a file of tokens says about itself. If any of it differs, the part is made again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["dfe-encoding/1"] = "dfe-encoding/1"
    model: Sha256
    face: Text
    error: bool
    input_sha256: Sha256  # of the whole file that the part is of
    part: Part


@dataclass(frozen=True)
class Shard:
    """Job `index` of `count`, counted from 1.

    Raises
    ------
    EncodingError
        If there is no such job.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise EncodingError(f"shard {self}: write I/N with 1 <= I <= N, such as 3/8")

    def __str__(self) -> str:
        """Text that `parse` reads."""
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read I/N.

        Raises
        ------
        EncodingError
            If the text is something else.
        """
        if not (found := re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)):
            raise EncodingError(f"shard {text!r}: write I/N with 1 <= I <= N, such as 3/8")
        return cls(int(found[1]), int(found[2]))


def parts_of(file: SourceFile) -> list[Part]:
    """Cut a file into parts between its row groups; only the file decides where."""
    starts = list(itertools.accumulate(file.groups, initial=0))
    filled = [group for group, rows in enumerate(file.groups) if rows]
    cut = itertools.groupby(filled, key=lambda group: starts[group] // ROWS_PER_PART)
    stem = PurePosixPath(file.name).with_suffix("")
    parts = []
    for number, (_, members) in enumerate(cut):
        groups = tuple(members)
        parts.append(
            Part(
                file=file.name,
                output=f"{stem}-{number:05d}{SUFFIX}",
                row_groups=groups,
                first_row=starts[groups[0]],
                rows=sum(file.groups[group] for group in groups),
            )
        )
    return parts


def share(parts: Sequence[Part], shard: Shard) -> list[Part]:
    """The parts of one job: those whose middle row lies in its N-th of all rows.

    Every part falls to one job. Jobs get consecutive parts, so that few of them read the same
    file. The rows of a job differ from an N-th of all rows by at most those of the largest part.
    """
    total, before, mine = sum(part.rows for part in parts), 0, []
    for part in parts:
        middle = 2 * before + part.rows  # in half rows
        if middle * shard.count // (2 * total) == shard.index - 1:
            mine.append(part)
        before += part.rows
    return mine


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the plan of a folder of tokens, unless it stands there; all jobs write the same."""
    path, text = folder / PLAN, plan.model_dump_json(indent=1) + "\n"
    if not (path.is_file() and path.read_text(encoding="utf-8") == text):
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def read_plan(folder: Path) -> Plan:
    """Read the plan of a folder of tokens.

    Raises
    ------
    EncodingError
        If there is none, or it is damaged.
    """
    path = folder / PLAN
    if not path.is_file():
        raise EncodingError(f"{path} is missing; write tokens with: dfe encode … --output {folder}")
    try:
        return Plan.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise EncodingError(
            f"{path} is damaged:\n{describe_errors(error)}\nencode once more to replace it"
        ) from error
