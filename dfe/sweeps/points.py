"""The points of a sweep as they lie in a build: parameters, measured numbers, saved tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from dfe.config import Profile, build_folder
from dfe.parameters import parameter_settings
from dfe.results import PageResults, ResultsError, read_results

Grid = Mapping[str, Mapping[str, Any]]  # name of a point -> its parameters


class SweepError(RuntimeError):
    """A point of a sweep is missing, damaged or of another run; the message names it."""


class Point(NamedTuple):
    """What one execution of the notebook left.

    Attributes
    ----------
    name
        Of its folder, such as ``"effect=0.5"``.
    parameters
        All that were given to it.
    results
        What it measured for claims.
    tables
        Name of a saved table -> its cells as texts, the index in the first columns.
    """

    name: str
    parameters: Mapping[str, Any]
    results: PageResults
    tables: dict[str, pd.DataFrame]


class Sweep:
    """One notebook at all points of a grid.

    Parameters
    ----------
    notebook
        Stem of its file.
    points
        In the order of the grid, at least one.
    """

    def __init__(self, notebook: str, points: Sequence[Point]) -> None:
        self.notebook, self.points = notebook, tuple(points)

    @cached_property
    def swept(self) -> tuple[str, ...]:
        """Parameters that differ between points; all of them for a single point."""
        names = list(self.points[0].parameters)
        varied = [n for n in names if len({_key(p.parameters[n]) for p in self.points}) > 1]
        return tuple(varied or names)

    @property
    def kept(self) -> dict[str, Any]:
        """Parameters that are given and the same at all points."""
        first = self.points[0].parameters
        return {name: value for name, value in first.items() if name not in self.swept}

    def values(self, name: str) -> list[Any]:
        """Values of one parameter in the order of the grid, each once."""
        found = {_key(p.parameters[name]): p.parameters[name] for p in self.points}
        return list(found.values())

    def numeric(self, name: str) -> bool:
        """Whether all values of a parameter are numbers; True and False are none."""
        return all(
            isinstance(value, int | float) and not isinstance(value, bool)
            for value in self.values(name)
        )

    def title(self, point: Point) -> str:
        """Such as ``"effect = 0.5, labels = site"``."""
        return ", ".join(f"{n} = {value_text(point.parameters[n])}" for n in self.swept)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def value_text(value: Any) -> str:
    """A value of a parameter as a reader would write it."""
    return value if isinstance(value, str) else json.dumps(value)


def sweep_folder(profile: Profile, notebook: str, point: str) -> Path:
    """Folder of what a point left: `build/<profile>/sweeps/<notebook>/<point>`."""
    return build_folder(profile) / "sweeps" / notebook / point


def read_sweep(profile: Profile, notebook: str, grid: Grid) -> Sweep:
    """Read what the notebook left at each point of a grid.

    Raises
    ------
    SweepError
        If the grid is empty, a point has no results, a file of it is damaged, or its results are
        of another profile or of other parameters.
    """
    if not grid:
        raise SweepError(f"sweep of {notebook}: it has no points")
    return Sweep(notebook, [_read(profile, notebook, n, given) for n, given in grid.items()])


def _read(profile: Profile, notebook: str, name: str, parameters: Mapping[str, Any]) -> Point:
    where = f"sweep of {notebook}, point {name}"
    folder = sweep_folder(profile, notebook, name) / "results"
    try:
        results = read_results(folder).get(notebook)
    except ResultsError as error:
        raise SweepError(f"{where}: {error}") from error
    if results is None:
        raise SweepError(f"{where}: no results in {folder}: run `dfe build` with this sweep")
    settings = parameter_settings(notebook)
    expected = {settings.get(n, n): value for n, value in parameters.items() if value is not None}
    if (results.profile, results.parameters) != (profile.name, expected):
        found = f"{results.profile} with {results.parameters}"
        raise SweepError(
            f"{where}: its results are those of {found}, not of {profile.name} with {expected}: "
            "run `dfe build` with this sweep"
        )
    paths = sorted(folder.glob(f"{notebook}.*.csv"))
    tables = {path.stem.removeprefix(f"{notebook}."): _table(where, path) for path in paths}
    return Point(name, parameters, results, tables)


def _table(where: str, path: Path) -> pd.DataFrame:
    """Cells of a saved table as texts; empty where nothing stands."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeError) as error:  # pandas' own errors of parsing are ValueErrors
        raise SweepError(f"{where}: {path.name} is no table: {error}") from error
