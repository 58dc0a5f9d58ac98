"""Measured numbers of a page, each tied to a claim of the paper, and the files that hold them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, ValidationError

from dfe.claims import Claims, book_claims
from dfe.config import describe_errors
from dfe.files import atomic
from dfe.metrics import Interval

#: Where the data behind a number come from. Only gated data are those of the paper.
Origin = Literal["real", "simulated", "real and simulated", "gated"]
SUFFIX = ".results.json"


class ResultsError(ValueError):
    """A measured number or a file of them is not what it should be; the message says which."""


class _Measured(BaseModel):
    """A value with its interval, and what is behind it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: FiniteFloat
    low: FiniteFloat | None  # ends of the 95 % interval; None where it has none
    high: FiniteFloat | None
    n: int = Field(ge=1)
    of: str = Field(min_length=1)  # what is counted by n, such as "videos"
    seeds: tuple[int, ...] = Field(min_length=1)  # of the models behind the number
    origin: Origin
    cell: int | None = None  # execution count of the notebook cell that recorded it

    def interval(self) -> Interval:
        """The value with its interval, whose ends are NaN where it has none."""
        ends = (math.nan if end is None else end for end in (self.low, self.high))
        return Interval(self.value, *ends)


class Result(_Measured):
    """What a page measured for one claim.

    Attributes
    ----------
    claim
        Id of a cell, or of a statement that is measured by a number of its own.
    sd
        Standard deviation over the seeds; None with a single seed.
    unit
        Empty where the value is in the paper's unit. Otherwise its unit, and then the distance
        from the paper's value means nothing.
    using
        What stands here for what the paper used; empty where it is the same.
    used
        Ids of the data sets, features and labels behind the number, as in `needs` of the claims.
    """

    claim: str
    sd: FiniteFloat | None = None
    unit: str = ""
    using: str = ""
    used: tuple[str, ...] = ()


class Difference(_Measured):
    """Value of one cell minus that of another one, measured on the same rows or resamples."""

    first: str
    second: str


class PageResults(BaseModel):
    """All that one execution of a page measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    page: str
    profile: str
    parameters: dict[str, JsonValue] = {}  # those that were given; the rest is the profile's
    results: tuple[Result, ...] = ()
    differences: tuple[Difference, ...] = ()


@dataclass
class Recorder:
    """Collects the numbers of one page.

    Parameters
    ----------
    page
        Name of the notebook, without its suffix.
    claims
        What can be recorded.
    """

    page: str
    claims: Claims = field(default_factory=book_claims, repr=False)
    results: dict[str, Result] = field(default_factory=dict)
    differences: dict[tuple[str, str], Difference] = field(default_factory=dict)

    def record(
        self,
        claim: str,
        value: Interval | float,
        *,
        n: int,
        of: str,
        seeds: Sequence[int],
        origin: Origin,
        **more: Any,
    ) -> None:
        """Record what was measured for one claim.

        Parameters
        ----------
        claim
            Id of a cell (`dfe.claims.cell_id`) or of a statement with a `measure`.
        value
            In the unit of the claim, mean over the seeds, unless `unit` says otherwise.
        n, of
            How many of what were scored, such as 605 "videos".
        seeds
            Of the models behind the number.
        origin
            Where the data come from.
        more
            `sd`, `unit`, `using` and `used` of `Result`.

        Raises
        ------
        ResultsError
            If the id is unknown, the claim was recorded before, or something is missing or not
            finite.
        """
        known = self.claims.cells.keys() | {
            id for id, statement in self.claims.statements.items() if statement.measure
        }
        if claim not in known:
            raise ResultsError(f"{self.page}: book/claims.yml has no number {claim!r}")
        if claim in self.results:
            raise ResultsError(
                f"{self.page}: {claim} was recorded before; to run a cell again, run the cell "
                f"with start_run first"
            )
        entry = {"claim": claim, "n": n, "of": of, "seeds": tuple(seeds), "origin": origin} | more
        self.results[claim] = self._made(Result, claim, entry, value)

    def record_difference(
        self,
        first: str,
        second: str,
        value: Interval,
        *,
        n: int,
        of: str,
        seeds: Sequence[int],
        origin: Origin,
    ) -> None:
        """Record a paired difference: the value of cell `first` minus that of cell `second`.

        Raises
        ------
        ResultsError
            As `record`; also if a cell has no value yet, or the cells are of two columns.
        """
        key, where = (first, second), f"{first} minus {second}"
        if absent := [claim for claim in key if claim not in self.results]:
            raise ResultsError(f"{self.page}: {where}: record {absent[0]} first")
        if len({(self.claims.cells[c].table, self.claims.cells[c].column) for c in key}) > 1:
            raise ResultsError(f"{self.page}: {where}: these are two columns")
        if key in self.differences or key[::-1] in self.differences:
            raise ResultsError(f"{self.page}: {where} was recorded before")
        entry = {"first": first, "second": second, "n": n, "of": of}
        entry |= {"seeds": tuple(seeds), "origin": origin}
        self.differences[key] = self._made(Difference, where, entry, value)

    def _made(self, kind: Any, what: str, entry: dict[str, Any], value: Interval | float) -> Any:
        number, *ends = value if isinstance(value, Interval) else (value, math.nan, math.nan)
        low, high = (None if math.isnan(end) else float(end) for end in ends)
        try:
            return kind.model_validate(
                entry | {"value": float(number), "low": low, "high": high, "cell": _cell()}
            )
        except ValidationError as error:
            raise ResultsError(f"{self.page}: {what}:\n{describe_errors(error)}") from error

    def page_results(self, profile: str, parameters: Mapping[str, Any]) -> PageResults:
        """All that was recorded, with the parameters that were given."""
        return PageResults(
            page=self.page,
            profile=profile,
            parameters={name: value for name, value in parameters.items() if value is not None},
            results=tuple(self.results.values()),
            differences=tuple(self.differences.values()),
        )


def _cell() -> int | None:
    """Execution count of the notebook cell that runs; None outside of one."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # type: ignore[attr-defined]

    shell = get_ipython()
    return None if shell is None else int(shell.execution_count)


def write_results(results: PageResults, folder: Path) -> Path:
    """Write `folder/<page>.results.json`, whole or not at all."""
    path = folder / f"{results.page}{SUFFIX}"
    with atomic(path) as partial:
        partial.write_text(results.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def read_results(folder: Path) -> dict[str, PageResults]:
    """Read what all pages of a build measured: page -> its results, in the order of names.

    Raises
    ------
    ResultsError
        If a file is damaged, is named for another page, or two pages measured the same claim.
    """
    found = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            page = PageResults.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ResultsError(f"{path}:\n{describe_errors(error)}") from error
        if path.name != f"{page.page}{SUFFIX}":
            raise ResultsError(f"{path} holds the results of {page.page}")
        found[page.page] = page
    _check_unique(folder, found.values())
    return found


def _check_unique(folder: Path, pages: Iterable[PageResults]) -> None:
    seen: dict[str, str] = {}
    for page in pages:
        for claim in [result.claim for result in page.results]:
            if claim in seen:
                raise ResultsError(f"{folder}: {seen[claim]} and {page.page} both hold {claim}")
            seen[claim] = page.page
