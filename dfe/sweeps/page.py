"""Text of the page that compares the points of a sweep."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dfe.claims import Claims, book_claims
from dfe.config import Profile
from dfe.own_pages.markdown import bullets, code, codes, plain, table
from dfe.sweeps.committed import meanings, page_title
from dfe.sweeps.figures import Chart, kind_of
from dfe.sweeps.numbers import NOTHING, Group, claim_groups, groups_of
from dfe.sweeps.points import Grid, Point, Sweep, read_sweep, value_text
from dfe.sweeps.saved import Label, Saved, saved_tables

CHARTS = 12  # figures of a page
ITEMS = 5  # numbers in a line of a table, before it goes on in another one
LINES = 60  # of a saved table
COLUMNS = 6  # of a saved table
COMPARISON = "comparison.csv"

_DOTS = {
    "lines": "A dot is a measured number, a bar its 95 % interval.",
    "points": "A dot is a measured number, a bar its 95 % interval.",
    "heat": "Measured numbers without their intervals, which stand in the table.",
}


class Part(NamedTuple):
    """A section of the page: numbers of claims, or one saved table, with figures."""

    title: str
    charts: list[Chart]
    group: Group | None = None
    saved: Saved | None = None


def sweep_page(profile: Profile, notebook: str, grid: Grid) -> str:
    """Text of the page that compares the points of a grid, as MyST Markdown.

    It is `sweeps/<notebook>.md` of the book's source; its links lead to the pages of the points and
    to its figures, which `write_sweeps` puts in `sweeps/<notebook>/`.

    Parameters
    ----------
    grid
        Name of a point -> its parameters.

    Raises
    ------
    dfe.sweeps.SweepError
        If a point is missing, damaged, or of another run.
    """
    sweep = read_sweep(profile, notebook, grid)
    return page_text(profile, sweep, parts(sweep, book_claims()))


def parts(sweep: Sweep, claims: Claims) -> list[Part]:
    """The sections of the page. Where claims were measured, saved tables have no figures."""
    number = itertools.count(1)

    def charts(groups: Sequence[Group]) -> list[Chart]:
        ids = ((group, next(number)) for group in groups)
        return [Chart(group, f"figure-{at}.png") for group, at in ids if at <= CHARTS]

    measured = claim_groups(sweep, claims)
    found = [Part(group.title, charts([group]), group=group) for group in measured]
    for saved in saved_tables(sweep):
        drawn = [] if measured else charts(list(groups_of(saved))[:COLUMNS])
        found.append(Part(saved.name, drawn, saved=saved))
    return found


def page_text(profile: Profile, sweep: Sweep, sections: Sequence[Part]) -> str:
    """The page with its sections."""
    blocks = [
        f"# Sweep of {codes(sweep.swept)}: {plain(page_title(sweep.notebook))}",
        *_about(profile, sweep),
        *_points(sweep),
        *_measured(sweep, [part for part in sections if part.group]),
        *_tables(sweep, sections),
    ]
    return "\n\n".join(blocks) + "\n"


def _about(profile: Profile, sweep: Sweep) -> Iterator[str]:
    title = f"[{plain(page_title(sweep.notebook))}](../notebooks/{sweep.notebook}.ipynb)"
    yield (
        f"The page {title} ran {len(sweep.points)} times, each time with other parameters. "
        "This page puts the numbers of these runs side by side."
    )
    told = meanings(sweep.notebook)
    rows = [
        [code(n), plain(told.get(n, "")), ", ".join(plain(value_text(v)) for v in sweep.values(n))]
        for n in sweep.swept
    ]
    yield table(["What was varied", "What it is", "Values"], rows)
    same = f"All other settings are the same in all runs: those of the profile {code(profile.name)}"
    if sweep.kept:
        changes = (f"{name} = {value_text(value)}" for name, value in sweep.kept.items())
        same += f", with {codes(changes)}"
    yield f"{same}. The table at the end of each run's page lists them."
    yield (
        "```{note}\nAn interval is the 95 % interval that the page of the run measured, of this "
        "number in this run. It is no test of a difference between two runs, and this page makes "
        "none. A figure shows what was measured, and its lines only join the dots.\n```"
    )


def _points(sweep: Sweep) -> Iterator[str]:
    yield "## The runs"
    rows = [
        [*_given(sweep, p), f"[{plain(sweep.title(p))}]({_href(sweep, p)})"] for p in sweep.points
    ]
    yield table([*map(code, sweep.swept), "Page of the run"], rows)
    yield (
        f"All numbers of this page as one file: {{download}}`{COMPARISON} "
        f"<{sweep.notebook}/{COMPARISON}>`."
    )


def _href(sweep: Sweep, point: Point) -> str:
    return f"<{sweep.notebook}/{point.name}.ipynb>"


def _given(sweep: Sweep, point: Point) -> list[str]:
    return [plain(value_text(point.parameters[name])) for name in sweep.swept]


def _measured(sweep: Sweep, sections: Sequence[Part]) -> Iterator[str]:
    if not sections:
        return
    yield "## Numbers for the claims of the paper"
    yield "Rows and columns have the names that the paper gives them; *Ours* is its own model."
    for part in sections:
        assert part.group is not None
        yield f"### {plain(part.title)}"
        yield from _figures(sweep, part, _behind(part.group))
        yield from _claim_tables(sweep, part.group)


def _claim_tables(sweep: Sweep, group: Group) -> Iterator[str]:
    told = "; ".join(text for text in (group.axis, group.better) if text)
    yield f"{plain(told)}, with 95 % intervals:"
    items = list(group.items)
    for some in (items[at : at + ITEMS] for at in range(0, len(items), ITEMS)):
        rows = [
            [
                *_given(sweep, point),
                *(group.text(item, point.name) for item in some),
                *_joined(group, point),
            ]
            for point in sweep.points
        ]
        heads = [*map(code, sweep.swept), *map(plain, some), "N", "data"]
        yield table(heads, rows)
    if group.using:
        told = "; ".join(f"{text} ({', '.join(names)})" for text, names in group.using.items())
        yield f"Not what the paper used: {plain(told)}."


def _joined(group: Group, point: Point) -> list[str]:
    """N and origin behind the numbers of a point, each one once."""
    pairs = group.behind.get(point.name, [])
    return [plain(", ".join(dict.fromkeys(pair[at] for pair in pairs))) or "–" for at in (0, 1)]


def _behind(group: Group) -> str:
    """Such as ``"N = 88 videos, simulated."``, for all points together."""
    pairs = [pair for kept in group.behind.values() for pair in kept]
    if not pairs:
        return "The pages of the runs say what the data are."
    sizes, origins = (", ".join(dict.fromkeys(pair[at] for pair in pairs)) for at in (0, 1))
    return f"N = {sizes}; data: {origins}."


def _figures(sweep: Sweep, part: Part, behind: str) -> Iterator[str]:
    for chart in part.charts:
        drawn, items = chart.drawn(sweep), list(chart.group.items)
        text = f"{chart.group.axis} of {len(drawn)} of {len(items)}" if drawn != items else ""
        left = f" Without a panel: {', '.join(items[len(drawn) :])}." if text else ""
        caption = f"{chart.group.title}. {_DOTS[kind_of(sweep)]} {behind}{left}"
        path = f"{sweep.notebook}/{chart.path}"
        yield f"```{{figure}} {path}\n:alt: {alt_text(sweep, chart)}\n\n{plain(caption)}\n```"


def alt_text(sweep: Sweep, chart: Chart) -> str:
    """What a figure shows, for those who cannot see it; the numbers stand in the table below."""
    what = {"lines": "Lines with intervals", "points": "Dots with intervals", "heat": "Heatmaps"}
    over = " and ".join(
        f"{n} ({', '.join(value_text(v) for v in sweep.values(n))})" for n in sweep.swept
    )
    panels = f"one panel each for {', '.join(chart.drawn(sweep))}"
    text = f"{what[kind_of(sweep)]}: {chart.group.title} over {over}; {panels}. "
    return " ".join(f"{text}The table below has the numbers.".split())


def _tables(sweep: Sweep, sections: Sequence[Part]) -> Iterator[str]:
    saved = [part for part in sections if part.saved]
    if not saved:
        if not sections:
            yield "The page measures no numbers for claims and saves no tables."
        return
    yield "## Tables that the page saves"
    folder = f"build/…/sweeps/{sweep.notebook}/<run>/results/"
    yield (
        "One line for each row of a table and each run that has this row. "
        "A dash stands where a run has no number. "
        f"The files lie in {code(folder)}, with all digits and columns."
    )
    folded = len(saved) < len(sections)
    for part in saved:
        assert part.saved is not None
        body = "\n\n".join(_saved_body(sweep, part, part.saved))
        if folded:
            yield f"````{{dropdown}} {plain(part.title)}\n{body}\n````"
        else:
            yield f"### {plain(part.title)}\n\n{body}"


def _saved_body(sweep: Sweep, part: Part, saved: Saved) -> Iterator[str]:
    if not saved.columns:
        yield "This table holds no numbers to compare."
        return
    yield from _figures(sweep, part, _behind(Group("", "")))
    labels = list(saved.rows)[: max(1, LINES // len(sweep.points))]
    columns = saved.columns[:COLUMNS]
    heads = [*map(plain, saved.heads or ("row",)), *map(code, sweep.swept), *map(plain, columns)]
    lines = [
        _saved_line(sweep, saved, label, columns, point)
        for label in labels
        for point in sweep.points
        if point.name in saved.rows[label]
    ]
    yield table(heads, lines)
    if left := list(_left_out(saved, len(labels))):
        yield bullets(left)


def _saved_line(
    sweep: Sweep, saved: Saved, label: Label, columns: Sequence[str], point: Point
) -> list[str]:
    found = Group("", "")
    for column in columns:
        found.add(column, point.name, saved.rows[label][point.name].get(column, NOTHING))
    cells = [found.text(column, point.name) for column in columns]
    return [*map(plain, label), *_given(sweep, point), *cells]


def _left_out(saved: Saved, n: int) -> Iterator[str]:
    if (rows := len(saved.rows)) > n:
        yield f"Left out here: {rows - n} of {rows} rows."
    if columns := saved.columns[COLUMNS:]:
        yield f"Left out here: the columns {codes(columns)}."
    if saved.texts:
        yield f"Left out here, for they hold words: the columns {codes(saved.texts)}."
