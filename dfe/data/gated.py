"""Manifests of data that readers must ask for: one YAML file each in `data_manifests/gated/`.

Such a manifest says who may have the data and how, which files and columns a reader then holds,
what the labels mean, and which tables of the paper need them. It holds no data. What could not be
verified stands in `unverified` and nowhere else as a fact. `dfe.data.verify` compares a folder
with a manifest, `dfe.data.croissant` writes one for other tools.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from dfe.config import Settings
from dfe.data.manifest import (
    Identifier,
    RelativePath,
    Text,
    known_path,
    manifest_folder,
    manifest_ids,
    read_yaml,
)

Role = Literal["images", "recordings", "face-model"]
Route = Literal["agreement", "registration", "public"]
Permission = Literal["allowed", "forbidden", "unverified"]
Dtype = Literal["text", "integer", "number", "category"]
Format = Literal["text", "pickle", "numpy"]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
#: What has to be computed from the media, or coded by people: ids as in `needs` of claims.yml.
Feature = Literal[
    "emoca",
    "smirk",
    "libreface",
    "mae-face",
    "marlin",
    "videomae",
    "human-action-units",
    "facial-basis",
]

_PLACE = re.compile(r"\{([^{}]+)\}")  # {column} in a path that a row names


class Access(Settings):
    """How a reader gets the data."""

    route: Route
    sign: Text = Field(description="who must sign, or that nobody must")
    ask: Text = Field(description="where and how to ask")


class Redistribution(Settings):
    """What a reader may pass on to others."""

    media: Permission
    labels: Permission
    features: Permission = Field(description="numbers computed from the media")
    note: Text


class ExpectedFiles(Settings):
    """One file or a group of files, by patterns below the reader's folder."""

    id: Identifier
    patterns: tuple[RelativePath, ...] = Field(min_length=1, description="any of these globs")
    what: Text
    required: bool = True
    least: int = Field(1, ge=1, description="fewest files, if the data are complete")
    most: int | None = Field(None, description="most files; null: not known or not limited")
    why: Text = Field(description="what the files are needed for, or where their number is from")
    edition: Identifier | None = Field(None, description="the release that has them; null: all")

    @model_validator(mode="after")
    def _ordered(self) -> ExpectedFiles:
        _need_order(f"files {self.id}", self.least, self.most)
        return self


class Column(Settings):
    """One column of a table, or a group of columns whose names follow a pattern."""

    name: Text | None = None
    pattern: Text | None = Field(None, description="regular expression for the whole name")
    count: int | None = Field(None, ge=1, description="columns that a pattern matches")
    dtype: Dtype
    values: tuple[str, ...] = Field((), description="all values that may stand in a cell")
    least: float | None = None
    most: float | None = None
    missing: tuple[str, ...] = Field((), description="how a cell says that its value is not known")
    unique: bool = Field(False, description="no value comes twice")
    required: bool = True
    meaning: Text

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if bool(self.name) == bool(self.pattern):
            raise ValueError("a column has a name or a pattern, and not both")
        if self.count is not None and not self.pattern:
            raise ValueError(f"{self.label}: a count needs a pattern")
        if self.dtype == "category" and not self.values:
            raise ValueError(f"{self.label}: a category lists its values")
        if self.dtype in ("text", "category") and (self.least, self.most) != (None, None):
            raise ValueError(f"{self.label}: a range needs numbers")
        _need_order(self.label, self.least, self.most)
        _need_regex(self.pattern)
        return self

    @property
    def label(self) -> str:
        """The name, or the pattern between slashes."""
        return self.name or f"/{self.pattern}/"

    def matches(self, name: str) -> bool:
        """Say whether a column of this name is meant."""
        if self.pattern:
            return re.fullmatch(self.pattern, name) is not None
        return name == self.name


class Table(Settings):
    """Files of labels or numbers with one layout."""

    id: Identifier
    files: tuple[Identifier, ...] = Field(min_length=1, description="ids of `files`")
    format: Format = Field("text", description="only text is opened by `verify`")
    separator: Literal[",", ";", "\t"] = ","
    columns: tuple[Column, ...] = Field(min_length=1)
    other_columns: bool = Field(False, description="columns that are not listed are no surprise")
    rows: int | None = Field(None, ge=1, description="rows in all files together")
    classes: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="column -> value -> rows in all files together"
    )
    row_files: tuple[RelativePath, ...] = Field(
        (), description="files that each row names: a path with {column} in it"
    )
    check: Literal["rows", "header"] = Field(
        "rows", description="header: too long to read whole; its reader checks the values"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Table:
        names = [column.label for column in self.columns]
        _refuse_repeats(f"table {self.id} column", names)
        places = (place for path in self.row_files for place in _PLACE.findall(path))
        _need_known(f"table {self.id} column", (*self.classes, *places), names)
        listed = [column.label for column in self.columns if column.values]
        _need_known(f"table {self.id}: column with values", self.classes, listed)
        if self.check == "header" and (self.rows or self.classes or self.row_files):
            raise ValueError(f"table {self.id}: rows are counted only where they are read")
        return self


class Split(Settings):
    """One part of an official split."""

    name: Identifier
    count: int = Field(ge=1)
    unit: Text = Field(description="what is counted: clips, people")
    files: Identifier | None = Field(
        None, description="id of `files`: their rows are the members; null: no file lists them"
    )
    classes: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="column -> value -> members"
    )


class Rule(Settings):
    """How a label follows from what was measured, one for each version in use."""

    id: Identifier
    labels: dict[str, Text] = Field(min_length=1, description="label -> when it is given")
    counts: dict[str, int] = Field(default_factory=dict, description="label -> rows, as published")
    source: Text

    @model_validator(mode="after")
    def _known(self) -> Rule:
        _need_known(f"rule {self.id} label", self.counts, self.labels)
        return self


class Metric(Settings):
    """How results are scored by those who made the data."""

    name: Text
    definition: Text


class Uses(Settings):
    """Where the paper needs the data."""

    sections: tuple[Text, ...] = Field(min_length=1)
    tables: tuple[int, ...] = ()
    statements: tuple[Identifier, ...] = Field((), description="ids of claims.yml, if no table")


class ClipNames(Settings):
    """How the label files name a clip, and whose it is."""

    pattern: Text = Field(
        description="regular expression, searched in the name that an extractor's file gives "
        "(a path without its suffix); group 1 is the clip"
    )
    subject: Text = Field(
        description="regular expression, matched from the start of the clip; group 1 is the "
        "person, or what a split has to keep together"
    )

    @model_validator(mode="after")
    def _one_group_each(self) -> ClipNames:
        for pattern in (self.pattern, self.subject):
            _need_regex(pattern)
            if re.compile(pattern).groups < 1:
                raise ValueError(f"{pattern!r} has no group")
        return self

    def clip(self, name: str) -> str | None:
        """The clip that a file's name stands for; None if it stands for none."""
        found = re.search(self.pattern, name)
        return found[1] if found else None

    def owner(self, clip: str) -> str | None:
        """The subject of a clip; None if its name does not tell."""
        found = re.match(self.subject, clip)
        return found[1] if found else None


class Archive(Settings):
    """One zip file that holds the data, where anyone may download them."""

    url: Url
    filename: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.zip$")]
    bytes: int | None = Field(None, ge=1, description="its size; null: not known")
    hash: Annotated[
        str | None, StringConstraints(pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")
    ] = Field(None, description="null: not known; that of the first download is then kept")
    unpack: Identifier = Field(description="id of `files`: members with such names are unpacked")
    most_unpacked: int = Field(ge=1, description="bytes; members that sum to more are refused")


class GatedManifest(Settings):
    """A data set or model that the reader brings."""

    id: Identifier = Field(description="as in `needs` of book/claims.yml")
    title: Text
    role: Role
    page: Url = Field(description="source page, never a download")
    licence: Text
    access: Access
    citation: Text
    redistribution: Redistribution
    requires_nonpublic_video: bool = Field(
        description="the paper's features need media that no reader can get"
    )
    used_in: Uses | None = Field(description="null: the paper does not use it")
    features: dict[int, tuple[Feature, ...]] = Field(
        default_factory=dict, description="table of the paper -> what to compute or code"
    )
    files: tuple[ExpectedFiles, ...] = Field(min_length=1)
    archive: Archive | None = Field(None, description="null: nobody can download it just like that")
    clips: ClipNames | None = Field(None, description="null: it has no recordings")
    tables: tuple[Table, ...] = ()
    splits: tuple[Split, ...] = ()
    rules: tuple[Rule, ...] = ()
    metrics: tuple[Metric, ...] = ()
    traps: tuple[Text, ...] = Field(min_length=1)
    unverified: tuple[Text, ...] = Field((), description="statements that nobody here has checked")

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> GatedManifest:
        _refuse_repeats("files id", [group.id for group in self.files])
        _refuse_repeats("table id", [table.id for table in self.tables])
        _refuse_repeats("split", [split.name for split in self.splits])
        _refuse_repeats("rule", [rule.id for rule in self.rules])
        files = [group.id for group in self.files]
        _need_known("files", (id for table in self.tables for id in table.files), files)
        if self.archive:
            _need_known("archive: files", [self.archive.unpack], files)
        read = [i for t in self.tables if t.format == "text" and t.check == "rows" for i in t.files]
        _refuse_repeats("files of a table", [id for table in self.tables for id in table.files])
        _need_known("files with rows", (s.files for s in self.splits if s.files), read)
        for split in self.splits:
            columns = [c for t in self.tables if split.files in t.files for c in t.columns]
            listed = [column.label for column in columns if column.values]
            _need_known(f"split {split.name}: column with values", split.classes, listed)
        return self

    @model_validator(mode="after")
    def _says_what_is_unknown(self) -> GatedManifest:
        tables = self.used_in.tables if self.used_in else ()
        if set(self.features) != set(tables):
            raise ValueError(f"features name tables {sorted(self.features)}, used_in {[*tables]}")
        rights = self.redistribution
        if "unverified" in (rights.media, rights.labels, rights.features) and not self.unverified:
            raise ValueError("a right that is not verified needs a line in `unverified`")
        if self.archive and self.access.route != "public":
            raise ValueError(f"an archive is for public data, not for route {self.access.route!r}")
        return self

    @property
    def editions(self) -> tuple[str, ...]:
        """Releases with files of their own, of which a reader needs one; in the file's order."""
        return tuple(dict.fromkeys(group.edition for group in self.files if group.edition))

    def group(self, id: str) -> ExpectedFiles:
        """Return the group of files called `id`.

        Raises
        ------
        KeyError
            If there is none.
        """
        return {group.id: group for group in self.files}[id]


def row_file(path: str, row: dict[str, str]) -> str:
    """Fill the columns of a row (column -> cell) into a path such as ``"{id}_P/{id}.csv"``."""
    return _PLACE.sub(lambda place: row[place[1]], path)


def _need_order(what: str, least: float | None, most: float | None) -> None:
    if least is not None and most is not None and least > most:
        raise ValueError(f"{what}: least {least:g} is more than most {most:g}")


def _need_regex(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


def _refuse_repeats(what: str, values: list[str]) -> None:
    if repeated := [value for value, count in Counter(values).items() if count > 1]:
        raise ValueError(f"{what} {repeated[0]!r} comes twice")


def _need_known(what: str, used: Iterable[str], known: Collection[str]) -> None:
    if missing := [value for value in used if value not in known]:
        raise ValueError(f"{what} {missing[0]!r} is not among {', '.join(known)}")


def gated_folder() -> Path:
    """Return `data_manifests/gated/`, found as `dfe.data.manifest.manifest_folder` finds its own.

    Raises
    ------
    ManifestError
        If there is none.
    """
    return manifest_folder() / "gated"


def gated_ids(folder: Path | None = None) -> tuple[str, ...]:
    """Sorted identifiers of all manifests of gated data in `folder` (default: the project's)."""
    return manifest_ids(folder or gated_folder())


def read_gated(path: Path) -> GatedManifest:
    """Read and validate one manifest of gated data; errors as `dfe.data.manifest.read_yaml`."""
    return read_yaml(path, GatedManifest.model_validate, "the schema of gated data")


def load_gated(id: str, folder: Path | None = None) -> GatedManifest:
    """Load the manifest called `id` (such as ``"stressid"``).

    Raises
    ------
    ManifestError
        If no manifest has this name (the message lists those that exist), or it is not valid.
    """
    return read_gated(known_path(id, folder or gated_folder()))


def gated_schema_text() -> str:
    """JSON schema of a manifest, as committed in `data_manifests/gated/schema.json`."""
    return json.dumps(GatedManifest.model_json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(gated_schema_text(), end="")
