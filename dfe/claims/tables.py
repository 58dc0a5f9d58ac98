"""Schema of the tables in `book/claims.yml`: the numbers as the paper prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import pandas as pd
from pydantic import Field, model_validator

from dfe.config import Settings

Better = Literal["higher", "lower"]
Label = tuple[str, ...]  # parts of a row's label


class Column(Settings):
    """One measure of a table.

    Attributes
    ----------
    better
        Direction of the arrow in the column's head.
    unit
        How the paper scales the values.
    digits
        Decimals that it prints.
    tolerance, because
        Distance at which a repetition on the paper's own data still counts as reproduced, in the
        paper's unit, and why this one.
    """

    better: Better
    unit: str = Field(min_length=1)
    digits: int = Field(ge=0)
    tolerance: float = Field(gt=0)
    because: str = Field(min_length=1)


class Row(Settings):
    """One line of a table.

    Attributes
    ----------
    label
        A part for each name of the index.
    values
        Its numbers, in the order of the columns.
    needs
        What this row needs besides the data sets of the table: features or labels.
    """

    label: Label = Field(min_length=1)
    values: tuple[float, ...]
    needs: tuple[str, ...] = ()


class Cell(NamedTuple):
    """One number of the paper."""

    id: str  # such as "table-6.facial-basis.binary-f1"
    table: int
    row: Label
    column: str
    value: float
    measure: Column
    needs: frozenset[str]
    own: bool  # of the paper's own model
    reference: str  # the cell of the paper's own model with which this one is compared

    @property
    def printed(self) -> str:
        """The number with the decimals of the paper."""
        return f"{self.value:.{self.measure.digits}f}"


def cell_id(table: int, row: Label, column: str) -> str:
    """Name of a cell: what stands in its row and column, in lower case, without other signs."""
    parts = [re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in (*row, column)]
    return ".".join([f"table-{table}", *parts])


class PaperTable(Settings):
    """One table of the paper.

    Attributes
    ----------
    number, title, section
        Which table it is, what it shows (in our words), and where the paper discusses it.
    data
        What it was measured on, in words.
    needs
        The data sets that one needs to measure it again.
    index
        Names of the parts of a row's label.
    columns, rows
        Measures, and lines in the paper's order. The paper's own model stands last among the rows
        that share all parts of the label but the last one.
    note
        What is uncertain about the numbers or about how we read them; empty where nothing is.
    """

    number: int = Field(ge=1)
    title: str
    section: str
    data: str
    needs: tuple[str, ...] = Field(min_length=1)
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
        for row in self.rows:
            for column, value in zip(self.columns, row.values, strict=True):
                if round(value, self.columns[column].digits) != value:
                    raise ValueError(f"{row.label}, {column}: {value} has too many decimals")
        return self

    def frame(self) -> pd.DataFrame:
        """Return the numbers, indexed by row label, with the paper's columns."""
        labels = [row.label for row in self.rows]
        index: pd.Index = pd.MultiIndex.from_tuples(labels, names=self.index)
        if len(self.index) == 1:
            index = pd.Index([label[0] for label in labels], name=self.index[0])
        return pd.DataFrame([row.values for row in self.rows], index, list(self.columns))

    def text(self) -> pd.DataFrame:
        """Return the numbers as they are printed, with all their decimals."""
        digits = {name: column.digits for name, column in self.columns.items()}
        return self.frame().apply(lambda column: column.map(f"{{:.{digits[column.name]}f}}".format))

    def own_row(self, label: Label) -> Label:
        """Label of the paper's own model in the group of a row."""
        return [row.label for row in self.rows if row.label[:-1] == label[:-1]][-1]

    def cells(self) -> Iterator[Cell]:
        """Every number of the table, row by row."""
        for row in self.rows:
            own = self.own_row(row.label)
            for (name, column), value in zip(self.columns.items(), row.values, strict=True):
                yield Cell(
                    id=cell_id(self.number, row.label, name),
                    table=self.number,
                    row=row.label,
                    column=name,
                    value=value,
                    measure=column,
                    needs=frozenset((*self.needs, *row.needs)),
                    own=row.label == own,
                    reference=cell_id(self.number, own, name),
                )
