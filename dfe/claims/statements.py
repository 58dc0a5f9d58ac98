"""Schema of the sentences in `book/claims.yml`: what the paper says its numbers show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from dfe.claims.tables import Better, Label, PaperTable, cell_id
from dfe.config import Settings

#: What is expected of the first row, seen from the second: of which sign its advantage is.
Expected = Literal["better", "worse", "not better"]


class Pair(NamedTuple):
    """Two cells of one column that a sentence compares."""

    first: str  # cell
    second: str  # cell
    expected: Expected  # of the first one
    better: Better  # direction of the column


class Comparison(Settings):
    """Rows of a table that are compared in some of its columns.

    Attributes
    ----------
    row
        Label of the first row.
    against
        Labels of the other rows; empty for all others in the group of `row`.
    columns
        Names of columns; empty for all of them.
    """

    table: int
    row: Label
    expected: Expected = "better"
    against: tuple[Label, ...] = ()
    columns: tuple[str, ...] = ()

    def pairs(self, table: PaperTable) -> Iterator[Pair]:
        """Every pair of cells.

        Raises
        ------
        ValueError
            If the table lacks a row or a column.
        """
        labels = [row.label for row in table.rows]
        against = self.against or tuple(
            label for label in labels if label[:-1] == self.row[:-1] and label != self.row
        )
        columns = self.columns or tuple(table.columns)
        absent = [str(x) for x in (self.row, *against) if x not in labels]
        if absent := absent + [x for x in columns if x not in table.columns]:
            raise ValueError(f"Table {self.table} has no {absent[0]}")
        for label in against:
            for name in columns:
                yield Pair(
                    cell_id(self.table, self.row, name),
                    cell_id(self.table, label, name),
                    self.expected,
                    table.columns[name].better,
                )


class Statement(Settings):
    """One comparative sentence of the paper, in our words.

    Attributes
    ----------
    id
        Such as ``"stress-best"``.
    section
        Where it stands.
    says
        What it claims.
    significant
        Whether the paper says so with the word "significant", although it gives no test.
    compares
        The cells it rests on. A sentence without any is measured by a number of its own.
    measure
        What that number is and what the sentence expects of it: above 0.
    needs
        Data that the number needs, for a sentence with a `measure`.
    note
        What is uncertain about it.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    section: str
    says: str = Field(min_length=1)
    significant: bool = False
    compares: tuple[Comparison, ...] = ()
    measure: str = ""
    needs: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Statement:
        if bool(self.compares) == bool(self.measure):
            raise ValueError(f"statement {self.id}: give either `compares` or `measure`")
        if bool(self.measure) != bool(self.needs):
            raise ValueError(f"statement {self.id}: a measure names what it `needs`, pairs do not")
        return self

    def pairs(self, tables: Mapping[int, PaperTable]) -> tuple[Pair, ...]:
        """Every pair of cells it rests on; none for one that is measured by its own number."""
        return tuple(pair for c in self.compares for pair in c.pairs(tables[c.table]))
