"""Saved tables of a sweep, joined by the labels of their rows, whatever they hold."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from dfe.metrics import Interval
from dfe.sweeps.points import Point, Sweep

Label = tuple[str, ...]
_EMPTY = frozenset({"", "–", "nan"})
_NUMBER = r"[+-]?(?:\d[\d,]*)?\.?\d+(?:e[+-]?\d+)?"
_END = rf"(nan|{_NUMBER})"
_INTERVAL = re.compile(rf"({_NUMBER})(?: \[{_END}, {_END}\])?", re.IGNORECASE)
_ENDS = re.compile(
    r"(.*) (?:low|high)"
)  # columns of an interval's ends, as `save_table` names them
_UNNAMED = re.compile(r"Unnamed: \d+")  # pandas' name for the column of an index without one


@dataclass
class Saved:
    """One saved table at all points.

    Attributes
    ----------
    name
        Of the table, without the notebook's.
    heads
        Names of the columns that label a row.
    columns
        Names of the columns with numbers.
    texts
        Names of the columns that hold something else; they are not compared.
    rows
        Label of a row -> name of a point -> column -> the number. A point without the row is not
        there, nor a column without a number.
    """

    name: str
    heads: Label
    columns: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    rows: dict[Label, dict[str, dict[str, Interval]]] = field(default_factory=dict)


def saved_tables(sweep: Sweep) -> list[Saved]:
    """Every table that a point saved, in the order of names."""
    names = sorted({name for point in sweep.points for name in point.tables})
    return [_joined(name, sweep.points) for name in names]


def _joined(name: str, points: Sequence[Point]) -> Saved:
    frames = {p.name: _without_index(p.tables[name]) for p in points if name in p.tables}
    everything = pd.concat(frames.values(), ignore_index=True).fillna("")
    numeric = [column for column in everything if _is_numeric(everything[column])]
    heads = _label_columns(list(frames.values()), numeric)
    rest = [column for column in everything if column not in heads]
    ends = {c for c in rest if (found := _ENDS.fullmatch(c)) and found[1] in rest}
    saved = Saved(name, tuple("" if _UNNAMED.fullmatch(h) else h for h in heads))
    saved.columns = [c for c in rest if c in numeric and c not in ends]
    saved.texts = [c for c in rest if c not in numeric and c not in ends]
    for point, frame in frames.items():
        for at, row in enumerate(frame.to_dict("records")):
            label = tuple(row[head] for head in heads) if heads else (str(at + 1),)
            numbers = {c: one for c in saved.columns if (one := _number(row, c)) is not None}
            saved.rows.setdefault(label, {})[point] = numbers
    saved.rows = {label: saved.rows[label] for label in _together(list(saved.rows))}
    return saved


def _together(labels: Sequence[Label]) -> list[Label]:
    """Order labels by where each of their first parts came first: equal parts stand together."""
    parts = [label[:n] for label in labels for n in range(1, len(label) + 1)]
    rank = {part: at for at, part in reversed(list(enumerate(parts)))}
    return sorted(labels, key=lambda label: [rank[label[:n]] for n in range(1, len(label) + 1)])


def _without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop a first column that only counts the rows."""
    counted = [str(at) for at in range(len(frame))]
    first = str(frame.columns[0])
    if _UNNAMED.fullmatch(first) and frame[first].tolist() == counted:
        return frame.drop(columns=first)
    return frame


def _label_columns(frames: Sequence[pd.DataFrame], numeric: Sequence[str]) -> list[str]:
    """The first column and texts after it; then more, until no two rows have the same label.

    Empty if no number of columns can tell the rows apart: they are counted then.
    """
    columns = list(frames[0].columns)
    n = 1
    while n < len(columns) and columns[n] not in numeric:
        n += 1
    shared = [c for c in columns if all(c in frame for frame in frames)]
    for heads in (columns[:count] for count in range(n, len(columns))):
        if set(heads) <= set(shared) and not any(f.duplicated(heads).any() for f in frames):
            return heads
    return []


def _is_numeric(column: pd.Series) -> bool:
    """Whether most cells are numbers; words such as "needs labels" may stand among them."""
    texts = [text for text in map(_plain, column) if text not in _EMPTY]
    return 2 * sum(bool(_INTERVAL.fullmatch(text)) for text in texts) > len(texts)


def _plain(text: str) -> str:
    return text.strip().replace("\N{MINUS SIGN}", "-")


def _number(row: dict[str, str], column: str) -> Interval | None:
    found = _INTERVAL.fullmatch(_plain(row.get(column, "")))
    if found is None:
        return None
    low, high = (row.get(f"{column} {end}") or found[at] for end, at in (("low", 2), ("high", 3)))
    return Interval(_float(found[1]), _float(low), _float(high))


def _float(text: str | None) -> float:
    try:
        return math.nan if text is None else float(_plain(text).replace(",", ""))
    except ValueError:
        return math.nan
