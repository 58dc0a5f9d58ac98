"""Compare a folder that a reader brings with the manifest of its data, and name each difference.

Only tables of text are opened, line by line; media, arrays and pickles are looked for and not
opened (`unread` says which tables that leaves out). Nothing is changed and nothing is repaired.

Numbers of files, rows, columns and classes are differences of their own kind, "count": a part of
a data set on which someone tries things out differs in these and in nothing else.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from dfe.data.gated import Column, ExpectedFiles, GatedManifest, Table, row_file
from dfe.data.gated_cells import SHOWN, accepts, allowed, either, span, whole
from dfe.data.manifest import RelativePath

Kind = Literal["file", "count", "table", "column", "value"]
Row = Mapping[str, str]  # column -> cell
Classes = Mapping[str, Mapping[str, int]]  # column -> value -> rows

_KEPT = 10_000  # answers that a check of cells remembers
_SAFE: TypeAdapter[str] = TypeAdapter(RelativePath)


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the manifest says.

    Parameters
    ----------
    kind
        "file" is missing; "count" of files, rows, columns or classes; "table" cannot be read as
        one; "column" is missing or not expected; "value" is none that a column may hold.
    file
        Path or pattern below the reader's folder.
    place
        Line and column, or what was counted; empty for a file as a whole.
    expected, found
        In words.
    """

    kind: Kind
    file: str
    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        """One line for a report."""
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: expected {self.expected}, found {self.found}"


def verify(manifest: GatedManifest, folder: Path) -> tuple[Difference, ...]:
    """Differences between a folder and what its manifest expects; empty if there are none.

    Where a data set has editions, those of which anything is there are compared.

    Parameters
    ----------
    folder
        The reader's copy; the patterns of the manifest start here.
    """
    if not folder.is_dir():
        return (Difference("file", str(folder), "", f"a folder with {manifest.title}", "none"),)
    tables = {id for table in manifest.tables if table.format == "text" for id in table.files}
    found = {g.id: _find(folder, g.patterns, g.id in tables) for g in manifest.files}
    groups = _present(manifest, found)
    if not groups:
        patterns = either(p for g in manifest.files for p in g.patterns)
        editions = f"files of one of {either(manifest.editions)}"
        return (Difference("file", patterns, "", editions, "nothing"),)
    differences = [d for g in groups for d in _file_differences(g, found[g.id].count)]
    for table in manifest.tables:
        here = {g.id: found[g.id].paths for g in groups if g.id in table.files}
        if table.format == "text" and here:
            differences += _table_differences(manifest, table, here, folder)
    return tuple(differences)


def unread(manifest: GatedManifest) -> tuple[str, ...]:
    """In words, the tables of which `verify` sees less than every row."""
    whys = {
        "pickle": "not opened, its reader checks it",
        "numpy": "not opened, its reader checks it",
        "header": "names of columns only, its reader checks the rows",
    }
    seen = {t.id: t.check if t.format == "text" else t.format for t in manifest.tables}
    return tuple(f"{id}: {whys[how]}" for id, how in seen.items() if how in whys)


# Files


@dataclass(frozen=True)
class _Found:
    count: int
    paths: tuple[Path, ...]  # empty unless they are going to be read


def _find(folder: Path, patterns: Sequence[str], keep: bool) -> _Found:
    """Files of any pattern; `keep` lists them, which a million images would not be worth."""
    files = (p for pattern in patterns for p in folder.glob(pattern) if p.is_file())
    if not keep and len(patterns) == 1:
        return _Found(sum(1 for _ in files), ())
    paths = sorted(set(files))
    return _Found(len(paths), tuple(paths) if keep else ())


def _present(manifest: GatedManifest, found: Mapping[str, _Found]) -> tuple[ExpectedFiles, ...]:
    """Groups of the editions that are there, and those of all editions."""
    here = {g.edition for g in manifest.files if g.edition and found[g.id].count}
    if manifest.editions and not here:
        return ()
    return tuple(g for g in manifest.files if g.edition is None or g.edition in here)


def _file_differences(group: ExpectedFiles, count: int) -> Iterator[Difference]:
    patterns = either(group.patterns)
    if not count:
        if group.required:
            yield Difference("file", patterns, "", group.what, "nothing")
    elif count < group.least or (group.most is not None and count > group.most):
        expected = span(group.least, group.most)
        yield Difference("count", patterns, "number of files", expected, str(count))


# Tables


@dataclass
class _Tally:
    """What was counted in the rows of some files."""

    rows: int = 0
    classes: dict[str, Counter[str]] = field(default_factory=dict)  # columns that were there

    def __add__(self, other: _Tally) -> _Tally:
        names = {**self.classes, **other.classes}
        none: Counter[str] = Counter()
        classes = {n: self.classes.get(n, none) + other.classes.get(n, none) for n in names}
        return _Tally(self.rows + other.rows, classes)


@dataclass
class _Scan:
    """The state of reading all files of a table."""

    table: Table
    folder: Path
    differences: list[Difference] = field(default_factory=list)
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # unique columns

    def note(self, kind: Kind, path: Path, place: str, expected: str, found: str) -> None:
        name = path.relative_to(self.folder).as_posix()
        self.differences.append(Difference(kind, name, place, expected, found))


def _table_differences(
    manifest: GatedManifest, table: Table, files: Mapping[str, tuple[Path, ...]], folder: Path
) -> list[Difference]:
    """Differences of all files of a table: id of the group -> its files."""
    scan = _Scan(table, folder)
    tallies = {
        id: sum((_read(scan, path) for path in paths), _Tally()) for id, paths in files.items()
    }
    if table.check == "header" or not any(files.values()):
        return scan.differences
    where = either(p for id in files for p in manifest.group(id).patterns)
    total = sum(tallies.values(), _Tally())
    scan.differences += _count_differences(where, total, table.rows, "rows", table.classes)
    for split in manifest.splits:
        if (id := split.files) and files.get(id):
            group, what = either(manifest.group(id).patterns), f"{split.unit} of {split.name}"
            scan.differences += _count_differences(
                group, tallies[id], split.count, what, split.classes
            )
    return scan.differences


def _count_differences(
    file: str, tally: _Tally, rows: int | None, what: str, classes: Classes
) -> Iterator[Difference]:
    if rows is not None and tally.rows != rows:
        yield Difference("count", file, f"number of {what}", str(rows), str(tally.rows))
    for column, counts in classes.items():
        found = tally.classes.get(column)
        for value, count in counts.items() if found is not None else ():
            if found is not None and found[value] != count:
                place = f"{what} with {column} = {value}"
                yield Difference("count", file, place, str(count), str(found[value]))


def _read(scan: _Scan, path: Path) -> _Tally:
    """Read one file; what is wrong goes into the scan."""
    tally = _Tally()
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=scan.table.separator, skipinitialspace=True)
            names = [name.strip() for name in next(reader, [])]
            if not any(names):
                scan.note("table", path, "line 1", "names of columns", "nothing")
                return tally
            checks = _checks(scan, path, names)
            if scan.table.check == "rows":
                tally = _read_rows(scan, path, names, checks, reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        scan.note("table", path, "", "a table in UTF-8 text", f"{type(error).__name__}: {error}")
    return tally


def _read_rows(
    scan: _Scan, path: Path, names: list[str], checks: list[_Check], reader: Any
) -> _Tally:
    classed = {check.name: check for check in checks if _is_classed(scan, check.name)}
    tally = _Tally(classes={name: Counter() for name in classed})
    torn = _Torn(len(names))
    for fields in reader:
        if not torn.whole(reader.line_num, fields):
            continue
        tally.rows += 1
        row = dict(zip(names, (cell.strip() for cell in fields), strict=True))
        for check in checks:
            check.see(reader.line_num, row[check.name])
        for name, check in classed.items():
            tally.classes[name][check.normal(row[name])] += 1
        _check_row_files(scan, path, reader.line_num, row)
    if torn.count:
        scan.note("table", path, f"line {torn.line}", *torn.words())
    if not tally.rows:
        scan.note("table", path, "", "rows below the names of columns", "none")
    for check in checks:
        check.report(scan, path)
    return tally


def _is_classed(scan: _Scan, name: str) -> bool:
    """Whether values of a column may be counted: few of them are possible."""
    return any(column.name == name and column.values for column in scan.table.columns)


@dataclass
class _Torn:
    """Rows with another number of fields than the header; blank lines count if a row follows."""

    width: int
    line: int = 0
    fields: int = 0
    count: int = 0
    _blank: int = 0

    def whole(self, line: int, fields: list[str]) -> bool:
        if not fields:
            self._blank = self._blank or line
            return False
        if self._blank:
            self._note(self._blank, 0)
            self._blank = 0
        if len(fields) != self.width:
            self._note(line, len(fields))
            return False
        return True

    def _note(self, line: int, fields: int) -> None:
        if not self.count:
            self.line, self.fields = line, fields
        self.count += 1

    def words(self) -> tuple[str, str]:
        others = f" (and {self.count - 1} more such lines)" if self.count > 1 else ""
        return f"{self.width} fields", f"{self.fields}{others}"


# Columns and cells


def _checks(scan: _Scan, path: Path, names: list[str]) -> list[_Check]:
    """One check for each column that the manifest describes; others become differences."""
    times = Counter(names)
    for name in times:
        if times[name] > 1:
            scan.note("column", path, f"column {name}", "it once", f"it {times[name]} times")
    meant = {name: _meant(scan.table, name) for name in times}
    for column in scan.table.columns:
        matched = [name for name in times if meant[name] is column]
        _check_presence(scan, path, column, matched, names)
    for name, match in meant.items():
        if match is None and not scan.table.other_columns:
            scan.note("column", path, f"column {name}", "no such column", "it")
    unique = scan.seen
    return [
        _Check(name, match, unique[match.label] if match.unique else None)
        for name, match in meant.items()
        if match
    ]


def _meant(table: Table, name: str) -> Column | None:
    """The column of the manifest with this name, else the first whose pattern fits."""
    fitting = [column for column in table.columns if column.matches(name)]
    return next((c for c in fitting if c.name), fitting[0] if fitting else None)


def _check_presence(
    scan: _Scan, path: Path, column: Column, matched: list[str], names: list[str]
) -> None:
    place = f"column {column.label}"
    if not matched:
        if column.required:
            rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            scan.note("column", path, place, "it", ", ".join(names[:SHOWN]) + rest)
    elif column.count is not None and len(matched) != column.count:
        scan.note("count", path, f"columns {column.label}", str(column.count), str(len(matched)))


class _Check:
    """The cells of one column of one file."""

    def __init__(self, name: str, column: Column, seen: set[str] | None) -> None:
        self.name, self.column, self.seen = name, column, seen
        self._known: dict[str, bool] = {}
        self._wrong: dict[str, tuple[int, str]] = {}  # what is expected -> first line and cell
        self._count: Counter[str] = Counter()

    def see(self, line: int, cell: str) -> None:
        if (right := self._known.get(cell)) is None:
            right = accepts(self.column, cell)
            if len(self._known) < _KEPT:
                self._known[cell] = right
        if not right:
            self._note(line, cell, allowed(self.column))
        if self.seen is not None:
            if cell in self.seen:
                self._note(line, cell, "each value once")
            self.seen.add(cell)

    def _note(self, line: int, cell: str, expected: str) -> None:
        self._wrong.setdefault(expected, (line, cell))
        self._count[expected] += 1

    def normal(self, cell: str) -> str:
        return whole(cell) if self.column.dtype == "integer" else cell

    def report(self, scan: _Scan, path: Path) -> None:
        for expected, (line, cell) in self._wrong.items():
            more = self._count[expected] - 1
            others = f" (and {more} more such cells)" if more else ""
            place = f"line {line}, column {self.name}"
            scan.note("value", path, place, expected, f"{cell!r}{others}")


def _check_row_files(scan: _Scan, path: Path, line: int, row: Row) -> None:
    """Look for the files that a row names; rows that lack one of the columns name none."""
    source = path.relative_to(scan.folder).as_posix()
    for pattern in scan.table.row_files:
        try:
            named = _SAFE.validate_python(row_file(pattern, dict(row)))
        except KeyError:
            continue  # the missing column is a difference already
        except ValidationError:
            scan.note("value", path, f"line {line}", f"a row that names {pattern}", repr(dict(row)))
            continue
        if not (scan.folder / named).is_file():
            expected = f"a file, because line {line} of {source} names it"
            scan.differences.append(Difference("file", named, "", expected, "nothing"))
