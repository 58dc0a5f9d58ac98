"""What the readers of labels share: strict text tables, numbers with a range, tables of clips."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from dfe.data.task import KEYS
from dfe.files import atomic

GAPS = ("", "nan", "NaN", "NA")  # how a cell without a value is written


class LabelError(ValueError):
    """A file of labels is not what its owners distribute; the message names place and remedy."""


def read_cells(path: Path, needed: Sequence[str], separator: str = ",") -> pd.DataFrame:
    """Read the columns `needed` of a text table with a header, as stripped texts.

    Returns
    -------
    DataFrame
        The index holds the numbers of the lines in the file, for messages.

    Raises
    ------
    LabelError
        If the file is missing, empty, or not such a table, or a row has another number of cells
        than the header, as at the end of a file that was cut off.
    """
    with _opened(path, separator) as rows:
        header = _header(path, rows, needed)
        at = [header.index(name) for name in needed]
        lines, table = [], []
        for line, row in rows:
            if len(row) != len(header):
                raise LabelError(
                    f"{path}, line {line}: {len(row)} cells under a header of {len(header)}; "
                    "is the file whole? Copy it again"
                )
            lines.append(line)
            table.append([row[i].strip() for i in at])
    if not table:
        raise LabelError(f"{path}: a header and no rows; copy the file again")
    return pd.DataFrame(table, pd.Index(lines), list(needed), dtype=str)


def read_header(path: Path, separator: str = ",") -> list[str]:
    """Names of the columns of a text table.

    Raises
    ------
    LabelError
        If the file is missing or empty, or a name comes twice.
    """
    with _opened(path, separator) as rows:
        return _header(path, rows, ())


@contextmanager
def _opened(path: Path, separator: str) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Lines with their numbers, from 1, without blank ones; errors of reading name the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            yield ((reader.line_num, row) for row in reader if any(map(str.strip, row)))
    except FileNotFoundError as error:
        raise LabelError(f"{path}: no such file; name the folder that holds it") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path}: not a readable table ({error}); copy it again") from error


def _header(path: Path, rows: Iterator[tuple[int, list[str]]], needed: Sequence[str]) -> list[str]:
    _, row = next(rows, (0, []))
    if not row:
        raise LabelError(f"{path}: the file is empty; copy it again")
    header = [name.strip() for name in row]
    if missing := [name for name in needed if name not in header]:
        raise LabelError(f"{path} lacks the columns {missing}; it has {header}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise LabelError(f"{path}: the columns {twice} come twice")
    return header


def numbers(
    cells: pd.Series,
    path: Path,
    low: float,
    high: float,
    *,
    whole: bool = False,
    gaps: bool = False,
) -> pd.Series:
    """Numbers of a column of `read_cells`, float64; NaN for gaps where they are allowed.

    Parameters
    ----------
    low, high
        Allowed range, both ends with it.
    whole
        Whole numbers only ("3" or "3.0").
    gaps
        Cells without a value are allowed.

    Raises
    ------
    LabelError
        Naming the file, line (or what the index is named after), column and cell of the first
        wrong value.
    """
    blank = cells.isin(GAPS)
    values = pd.to_numeric(cells.mask(blank), errors="coerce").astype(float)
    wrong = ~values.between(low, high)
    if whole:
        wrong |= values % 1 != 0
    if gaps:
        wrong &= ~blank
    if wrong.any():
        line, place = wrong.idxmax(), cells.index.name or "line"
        kind = "a whole number" if whole else "a number"
        raise LabelError(
            f"{path}, {place} {line}, column {cells.name!r}: {cells[line]!r} is not {kind} "
            f"from {low:g} to {high:g}"
        )
    return values


def need_unique(names: pd.Series, where: object) -> None:
    """Refuse names that are empty or come twice.

    Raises
    ------
    LabelError
        Naming the first one.
    """
    if (names.isin(GAPS)).any():
        raise LabelError(f"{where}: a row without a name in column {names.name!r}")
    if (twice := names.duplicated()).any():
        raise LabelError(f"{where}: {names[twice].iloc[0]!r} comes twice")


def count_differences(found: Mapping[str, int], expected: Mapping[str, int]) -> list[str]:
    """In words, every count that is not the published one."""
    return [
        f"{what}: {found.get(what, 0)} instead of {count}"
        for what, count in expected.items()
        if found.get(what, 0) != count
    ]


def write_clips(path: Path, clips: pd.DataFrame) -> None:
    """Write a table of clips (CSV, or Parquet by the suffix) that a profile can name.

    Raises
    ------
    LabelError
        If a column of the keys is missing, a clip has no name or comes twice, or a label has a
        gap; rows without a label have to be left out.
    """
    if missing := [name for name in ("clip", *KEYS) if name not in clips]:
        raise LabelError(f"the table of clips lacks the columns {missing}; it has {list(clips)}")
    if clips.empty:
        raise LabelError("the table of clips has no rows")
    need_unique(clips["clip"], "table of clips")
    if (gap := clips.isna().any()).any():
        raise LabelError(f"column {gap.idxmax()!r} has gaps; leave out clips without this label")
    with atomic(path) as unfinished:
        if path.suffix == ".parquet":
            clips.to_parquet(unfinished, index=False)
        else:
            clips.to_csv(unfinished, index=False)


def single(value: float, low: float, high: float, where: object) -> float:
    """Return a number in a range.

    Raises
    ------
    LabelError
        If it is outside, or NaN.
    """
    if not low <= value <= high:  # NaN too
        raise LabelError(f"{where}: {value!r} is not a number from {low:g} to {high:g}")
    return value
