"""The numbers that the paper prints, read from `book/claims.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import Field, ValidationError, model_validator

from dfe.config import ConfigError, Settings, describe_errors, project_root


class Column(Settings):
    """One measure of a table."""

    better: Literal["higher", "lower"]
    unit: str


class Row(Settings):
    """One line of a table: its label, a part for each name of the index, and its numbers."""

    label: tuple[str, ...] = Field(min_length=1)
    values: tuple[float, ...]


class PaperTable(Settings):
    """One table of the paper.

    Attributes
    ----------
    number, title, section
        Which table it is, what it shows (in our words), and where the paper discusses it.
    data
        What it was measured on.
    index
        Names of the parts of a row's label.
    columns, rows
        Measures, and lines in the paper's order.
    note
        What is uncertain about the numbers or about how we read them; empty where nothing is.
    """

    number: int = Field(ge=1)
    title: str
    section: str
    data: str
    index: tuple[str, ...]
    columns: dict[str, Column]
    rows: tuple[Row, ...]
    note: str = ""

    @model_validator(mode="after")
    def _rectangular(self) -> PaperTable:
        for row in self.rows:
            if len(row.label) != len(self.index) or len(row.values) != len(self.columns):
                raise ValueError(f"row {row.label} does not fit the index and columns")
        if len({row.label for row in self.rows}) < len(self.rows):
            raise ValueError("two rows have the same label")
        return self

    def frame(self) -> pd.DataFrame:
        """Return the numbers, indexed by row label, with the paper's columns."""
        labels = [row.label for row in self.rows]
        index: pd.Index = pd.MultiIndex.from_tuples(labels, names=self.index)
        if len(self.index) == 1:
            index = pd.Index([label[0] for label in labels], name=self.index[0])
        return pd.DataFrame([row.values for row in self.rows], index, list(self.columns))


@cache
def read_tables(path: Path) -> dict[int, PaperTable]:
    """Read and check a file of tables: number -> table.

    Raises
    ------
    ConfigError
        If the file is not what its schema says, or a number comes twice.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["tables"]
        tables = [PaperTable.model_validate(entry) for entry in entries]
    except ValidationError as error:
        raise ConfigError(f"{path}:\n{describe_errors(error)}") from error
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not a file of tables: {error!r}") from error
    if len(found := {table.number: table for table in tables}) < len(tables):
        raise ConfigError(f"{path}: a table number comes twice")
    return found


def paper_table(number: int) -> pd.DataFrame:
    """Return a table of the paper by its number, as `PaperTable.frame` does.

    Raises
    ------
    ConfigError
        If the table is not in `book/claims.yml`.
    """
    tables = read_tables(project_root() / "book" / "claims.yml")
    if number not in tables:
        raise ConfigError(f"no Table {number} in book/claims.yml; there are {sorted(tables)}")
    return tables[number].frame()
