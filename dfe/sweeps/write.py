"""Write the pages of all sweeps of a build into the source of the book."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from dfe.claims import book_claims
from dfe.config import Profile
from dfe.files import atomic
from dfe.results import PageResults
from dfe.sweeps.committed import committed_notebook
from dfe.sweeps.figures import draw
from dfe.sweeps.notebook import as_point
from dfe.sweeps.numbers import Group, groups_of
from dfe.sweeps.page import COMPARISON, Part, page_text, parts
from dfe.sweeps.points import Grid, Sweep, SweepError, read_sweep, sweep_folder, value_text

FOLDER = "sweeps"  # of the book's source, and of its addresses
CAPTION = "Sweeps"  # of their part in the table of contents

#: Checks an executed notebook and makes a page of it: executed, page, results, committed.
Publish = Callable[[Path, Path, PageResults, Path], None]


def sweep_pages(sweeps: Mapping[str, Grid]) -> list[str]:
    """Pages of all sweeps in reading order, as paths without suffix."""
    return [
        page
        for notebook, grid in sweeps.items()
        for page in (f"{FOLDER}/{notebook}", *(f"{FOLDER}/{notebook}/{name}" for name in grid))
    ]


def write_sweeps(
    profile: Profile, sweeps: Mapping[str, Grid], source: Path, publish: Publish
) -> None:
    """Write the pages of all sweeps, with figures and a table, and put them into `_toc.yml`.

    Parameters
    ----------
    sweeps
        Notebook -> name of a point -> its parameters.
    source
        The assembled source of the book, which has its `_toc.yml`.
    publish
        Makes a page of an executed notebook, or raises a `RuntimeError`.

    Raises
    ------
    SweepError
        If a point is missing, damaged, or of another run.
    """
    for notebook, grid in sweeps.items():
        sweep = read_sweep(profile, notebook, grid)
        sections = parts(sweep, book_claims())
        folder = source / FOLDER / notebook
        folder.mkdir(parents=True, exist_ok=True)
        for part in sections:
            for chart in part.charts:
                draw(sweep, chart, folder / chart.path)
        _write(folder / COMPARISON, _comparison(sweep, sections))
        _write(folder.with_name(f"{notebook}.md"), page_text(profile, sweep, sections))
        _write_points(profile, sweep, folder, publish)
    _extend_contents(source / "_toc.yml", sweeps)


def _write(path: Path, text: str) -> None:
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _write_points(profile: Profile, sweep: Sweep, folder: Path, publish: Publish) -> None:
    name = sweep.notebook
    for at, point in enumerate(sweep.points, 1):
        executed = sweep_folder(profile, name, point.name) / "notebooks" / f"{name}.ipynb"
        page = folder / f"{point.name}.ipynb"
        try:
            publish(executed, page, point.results, committed_notebook(name))
        except RuntimeError as error:
            raise SweepError(f"sweep of {name}, point {point.name}: {error}") from error
        as_point(page, f"{name}-{at}", sweep.title(point))


def _extend_contents(path: Path, sweeps: Mapping[str, Grid]) -> None:
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    chapters = [
        {  # with suffixes: Sphinx would take the `.5` of `effect=0.5` for one
            "file": f"{FOLDER}/{notebook}.md",
            "sections": [{"file": f"{FOLDER}/{notebook}/{name}.ipynb"} for name in grid],
        }
        for notebook, grid in sweeps.items()
    ]
    part: dict[str, Any] = {"caption": CAPTION, "chapters": chapters}
    tree.setdefault("parts", []).append(part)
    _write(path, yaml.safe_dump(tree, sort_keys=False))


def _comparison(sweep: Sweep, sections: list[Part]) -> str:
    """Every number of the page as lines of a CSV file, with all digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*sweep.swept, *"number of value low high N data".split()])
    for part in sections:
        groups = [part.group] if part.group else groups_of(part.saved) if part.saved else []
        for group in groups:
            writer.writerows(_lines(sweep, group))
    return text.getvalue()


def _lines(sweep: Sweep, group: Group) -> Iterator[list[Any]]:
    for item, numbers in group.items.items():
        for point in sweep.points:
            if point.name in numbers:
                given = [value_text(point.parameters[name]) for name in sweep.swept]
                ends = ["" if number != number else number for number in numbers[point.name]]
                pairs = group.behind.get(point.name, [])
                behind = [", ".join(dict.fromkeys(pair[at] for pair in pairs)) for at in (0, 1)]
                yield [*given, group.title, item, *ends, *behind]
