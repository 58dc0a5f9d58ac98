"""Tables that other programs wrote as text: columns by name, and nothing that is silently mended.

A line with too few or too many fields, a blank line between frames, or a column name that comes
twice makes a file an error, because row numbers and columns could then be those of other frames.
A last line that lost digits but no field cannot be told from a whole one.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.data.adapters.base import AdapterError

Rename = Callable[[str], str]

_ENCODING = "utf-8-sig"  # utf-8, with a byte order mark or without
#: How C++ programs on Windows write NaN; pandas knows the other spellings.
_NAN = ("-nan(ind)", "nan(ind)", "nan(snan)")
_AGAIN = "let the program write the file again, or copy it again from where it is whole"
_SHOWN = 12  # columns that a message lists; OpenFace has 714


def header(path: Path, rename: Rename = str) -> tuple[str, ...]:
    """Column names of a file, without the spaces around them.

    Parameters
    ----------
    rename
        Applied to each name, for programs that spell one name in several ways.

    Raises
    ------
    AdapterError
        If the file is missing, empty or no text, or a name comes twice.
    """
    with _readable(path), path.open(encoding=_ENCODING, newline="") as stream:
        row = next(csv.reader(stream, delimiter=_separator(path), skipinitialspace=True), [])
    names = [rename(name.strip()) for name in row]
    if not any(names):
        raise AdapterError(f"{path}: no column names in the first line; {_AGAIN}")
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise AdapterError(f"{path}: column {twice[0]!r} comes {names.count(twice[0])} times")
    # A program that wrote the index of its rows gave that column no name.
    return tuple(name or f"column {i}" for i, name in enumerate(names))


def read_table(
    path: Path,
    needed: Sequence[str],
    optional: Collection[str] = (),
    rename: Rename = str,
) -> pd.DataFrame:
    """Read some columns of a table with a header line, separated by commas or semicolons.

    Parameters
    ----------
    needed
        Names of columns that must be there, after `rename`.
    optional
        Names of columns that are read where they are there.
    rename
        As in `header`.

    Returns
    -------
    One row for each line below the header, at least one; columns in the order of the file.

    Raises
    ------
    AdapterError
        As `header`; also if a column is missing, a line has another number of fields than the
        header, a blank line stands between others, or there is no line below the header.
    """
    names, separator = header(path, rename), _separator(path)
    need_columns(path, names, needed)
    _check_lines(path, separator, len(names))
    with _readable(path):
        return pd.read_csv(
            path,
            sep=separator,
            header=0,
            names=list(names),
            usecols=[name for name in names if name in {*needed, *optional}],
            index_col=False,
            skipinitialspace=True,
            encoding=_ENCODING,
            na_values=_NAN,
            low_memory=False,  # one type for each column
        )


def need_columns(path: Path, names: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a file that lacks a column.

    Raises
    ------
    AdapterError
        Naming what is missing and what is there.
    """
    if missing := [name for name in needed if name not in names]:
        rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise AdapterError(
            f"{path}: no column {', '.join(missing)}; there are {', '.join(names[:_SHOWN])}{rest}"
        )


def numbers(path: Path, table: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """Columns as numbers, (N, len(names)); empty cells are NaN.

    Raises
    ------
    AdapterError
        If a cell holds other text; the message names line and column.
    """
    cells = table[list(names)]
    values = cells.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)  # (N, D)
    wrong = np.isnan(values) & cells.notna().to_numpy()
    need_values(path, names, cells.to_numpy(object), ~wrong, "a number")
    return values


def whole_numbers(path: Path, table: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """A column of whole numbers, such as those of frames, (N,).

    Raises
    ------
    AdapterError
        If a cell is empty or no whole number.
    """
    values = numbers(path, table, [name])  # (N, 1)
    whole = np.isfinite(values) & (np.floor(values) == values)
    need_values(path, [name], values, whole, "a whole number")
    return values[:, 0].astype(np.int64)


def row_numbers(table: pd.DataFrame) -> NDArray[np.int64]:
    """Numbers from 0 for files that do not number their frames, (N,)."""
    return np.arange(len(table), dtype=np.int64)


def need_values(
    path: Path, names: Sequence[str], values: NDArray[Any], valid: NDArray[np.bool_], what: str
) -> None:
    """Refuse a table in which a cell is not valid.

    Parameters
    ----------
    values, valid
        (N, D) cells of a table, and True where one may stand.
    what
        What a cell has to be, for the message.

    Raises
    ------
    AdapterError
        Naming line and column of the first such cell.
    """
    if len(wrong := np.argwhere(~valid)):
        row, column = wrong[0]
        raise AdapterError(
            f"{path}: {values[row, column]} in line {row + 2}, column {names[column]} is not {what}"
        )


def need_labels(
    path: Path, names: Sequence[str], values: NDArray[np.float64], labels: Collection[int] = (0, 1)
) -> None:
    """Refuse values (N, D) that are neither one of the labels nor NaN.

    Raises
    ------
    AdapterError
        As `need_values`.
    """
    valid = np.isin(values, list(labels)) | np.isnan(values)
    need_values(path, names, values, valid, " or ".join(map(str, labels)))


def need_unique(path: Path, frame: NDArray[np.int64]) -> None:
    """Refuse frame numbers (N,) that come more than once.

    Raises
    ------
    AdapterError
        Naming the file and the first of them.
    """
    found, times = np.unique(frame, return_counts=True)
    if (twice := times > 1).any():
        raise AdapterError(
            f"{path}: frame {found[twice][0]} comes {times[twice][0]} times; "
            "the file may hold two recordings or two faces"
        )


def _separator(path: Path) -> str:
    with _readable(path), path.open(encoding=_ENCODING) as stream:
        line = stream.readline()
    return ";" if line.count(";") > line.count(",") else ","


def _check_lines(path: Path, separator: str, width: int) -> None:
    with _readable(path), path.open(encoding=_ENCODING, newline="") as stream:
        lines = _lines(csv.reader(stream, delimiter=separator, skipinitialspace=True))
        rows = blank = 0
        for number, fields in lines:
            if not fields:
                blank = blank or number
                continue
            if blank:
                raise AdapterError(f"{path}: line {blank} is blank, line {number} is not; {_AGAIN}")
            if fields != width:
                raise AdapterError(
                    f"{path}: line {number} has {fields} fields, the header {width}; {_AGAIN}"
                )
            rows += 1
    if rows < 2:
        raise AdapterError(f"{path}: no line below the column names; {_AGAIN}")


def _lines(reader: Any) -> Iterator[tuple[int, int]]:
    """Line numbers from 1, and the number of fields in each; 0 for a blank line."""
    return ((reader.line_num, len(row)) for row in reader)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Errors of reading a file as text, as `AdapterError`."""
    try:
        yield
    except OSError as error:
        raise AdapterError(f"{path}: cannot be read ({error})") from error
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError) as error:
        raise AdapterError(f"{path}: not a table in UTF-8 text ({error}); {_AGAIN}") from error
