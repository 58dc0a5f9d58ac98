"""All that `book/claims.yml` holds: numbers, sentences and public facts about the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import yaml
from pydantic import Field, ValidationError

from dfe.claims.statements import Pair, Statement
from dfe.claims.tables import Cell, PaperTable
from dfe.config import ConfigError, Settings, describe_errors, project_root

# The loader in C where PyYAML has it: the file is long, and every notebook reads it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Fact(Settings):
    """Something public about the data or the paper that an audit uses.

    Attributes
    ----------
    id
        Such as ``"avec-test-people"``.
    values
        One number, or one for each class or part.
    what
        What the numbers are.
    source
        Where they come from.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    values: tuple[float, ...] = Field(min_length=1)
    what: str
    source: str


@dataclass(frozen=True, eq=False)
class Claims:
    """Tables by number, sentences and facts by id."""

    tables: Mapping[int, PaperTable]
    statements: Mapping[str, Statement]
    facts: Mapping[str, Fact]

    @cached_property
    def cells(self) -> Mapping[str, Cell]:
        """Every number of every table, by id, in the paper's order."""
        found = [cell for table in self.tables.values() for cell in table.cells()]
        return MappingProxyType({cell.id: cell for cell in found})

    @cached_property
    def pairs(self) -> Mapping[str, tuple[Pair, ...]]:
        """Id of a statement -> the pairs of cells it rests on."""
        return {id: s.pairs(self.tables) for id, s in self.statements.items()}

    def table(self, number: int) -> PaperTable:
        """Return one table.

        Raises
        ------
        ConfigError
            If there is none with this number.
        """
        if number not in self.tables:
            raise ConfigError(f"no Table {number} in book/claims.yml; there are {[*self.tables]}")
        return self.tables[number]

    def fact(self, id: str) -> tuple[float, ...]:
        """Return the numbers of one fact.

        Raises
        ------
        ConfigError
            If there is no such fact.
        """
        if id not in self.facts:
            raise ConfigError(f"no fact {id!r} in book/claims.yml; there are {sorted(self.facts)}")
        return self.facts[id].values


class _File(Settings):
    tables: tuple[PaperTable, ...]
    statements: tuple[Statement, ...] = ()
    facts: tuple[Fact, ...] = ()


@cache
def read_claims(path: Path) -> Claims:
    """Read and check a file of claims.

    Raises
    ------
    ConfigError
        If the file is not what its schema says, a number or id comes twice, two cells have one
        name, or a statement compares what no table holds.
    """
    try:
        file = _File.model_validate(yaml.load(path.read_text(encoding="utf-8"), _LOADER))
    except ValidationError as error:
        raise ConfigError(f"{path}:\n{describe_errors(error)}") from error
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not a file of claims: {error!r}") from error
    claims = Claims(
        _unique(path, "number", file.tables),
        _unique(path, "id", file.statements),
        _unique(path, "id", file.facts),
    )
    _check(path, claims)
    return claims


def _unique(path: Path, name: str, entries: tuple[Any, ...]) -> Mapping[Any, Any]:
    keys = [getattr(entry, name) for entry in entries]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise ConfigError(f"{path}: {name} {twice[0]} comes twice")
    return MappingProxyType(dict(zip(keys, entries, strict=True)))


def _check(path: Path, claims: Claims) -> None:
    n = sum(len(t.rows) * len(t.columns) for t in claims.tables.values())
    if len(claims.cells) < n:
        raise ConfigError(f"{path}: two cells have one name; change a label")
    for statement in claims.statements.values():
        if unknown := [c.table for c in statement.compares if c.table not in claims.tables]:
            raise ConfigError(f"{path}: {statement.id} names Table {unknown[0]}")
    try:
        claims.pairs  # noqa: B018 (the first look checks every row and column)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def book_claims() -> Claims:
    """The claims of this book, `book/claims.yml`."""
    return read_claims(project_root() / "book" / "claims.yml")


def paper_table(number: int) -> pd.DataFrame:
    """Return a table of the paper by its number, as `PaperTable.frame` does.

    Raises
    ------
    ConfigError
        If the table is not in `book/claims.yml`.
    """
    return book_claims().table(number).frame()
