"""`dfe build` and `dfe status`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dfe.config import ConfigError, did_you_mean, load_profile
from dfe.options import ProfileName

if TYPE_CHECKING:  # the imports of a build are slow, and every command reads this file
    from dfe.building.status import JobStatus

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PAGE.NAME=VALUE",
        help="parameter of a notebook, such as 10_stress.effect=0.5; a list makes a grid",
    ),
]

WIDTH = 140  # of a table where there is no terminal
COLORS = {
    "fresh": "green",
    "stale": "yellow",
    "failed": "red",
    "never run": "cyan",
    "running": "blue",
    "interrupted": "red",
}


def build(
    context: typer.Context,
    profile: ProfileName = "quick",
    changes: Changes = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="PAGE", help="execute this notebook alone")
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="processes at once")] = os.cpu_count() or 1,
    offline: Annotated[bool, typer.Option(help="download nothing")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would run, and why")] = False,
    executor: Annotated[
        str | None, typer.Option(help="slurm or kubernetes: run the jobs on a cluster")
    ] = None,
) -> None:
    """Build the book: run what is not fresh, and nothing else.

    Options after `--` go to Snakemake as they are.
    """
    from dfe.building.build import EXECUTORS, How
    from dfe.building.build import build as build_book
    from dfe.building.given import parse_given
    from dfe.building.status import build_status

    if executor and executor not in EXECUTORS:
        near = did_you_mean(executor, EXECUTORS)
        raise ConfigError(f"no executor {executor!r}; known: {', '.join(EXECUTORS)}{near}")
    settings = load_profile(profile)
    given = parse_given(settings, changes or [])
    pages = [_known_page(page) for page in only or []]
    console = Console(file=sys.stdout, soft_wrap=True)
    if dry_run:
        _print_plan(build_status(profile, given, pages), console)
        return
    how = How(cores, executor, offline, tuple(context.args))
    build_book(profile, given, pages, how, console)
    for page in pages:
        console.print(f"executed: build/{settings.name}/notebooks/{page}.ipynb")
    if not pages:
        console.print(f"The book: build/{settings.name}/html/index.html")


def _known_page(name: str) -> str:
    from dfe.book import notebook_names

    known = notebook_names()
    if name not in known:
        raise ConfigError(f"--only {name}: known pages: {known}{did_you_mean(name, known)}")
    return name


def _print_plan(found: list[JobStatus], console: Console) -> None:
    """What would run, and why."""
    waiting = [one for one in found if one.standing != "fresh"]
    for one in waiting:
        console.print(f"{one.job}: {one.reason or one.standing}", markup=False, highlight=False)
    console.print(f"{len(waiting)} jobs would run." if waiting else "Nothing would run.")


def status(profile: ProfileName = "quick", changes: Changes = None) -> None:
    """Say how each page stands: fresh, stale and why, failed, or never run."""
    from dfe.book import notebook_names
    from dfe.building.given import parse_given
    from dfe.building.status import JobStatus, build_status, roots

    given = parse_given(load_profile(profile), changes or [])
    found = build_status(profile, given)
    by_job = {one.job: one for one in found}
    pages = [by_job.get(f"notebook-{name}", JobStatus("", "fresh")) for name in notebook_names()]
    table = Table("page", "state", "last run", "why", box=None)
    for name, one in zip(notebook_names(), pages, strict=True):
        _add(table, name, one)
    for group in roots(found):
        name = group.rule if group.number == 1 else f"{group.number} {group.rule}"
        _add(table, name, JobStatus(group.rule, group.standing, group.reason))
    console = Console()
    Console(width=None if console.is_terminal else WIDTH).print(table)


def _add(table: Table, name: str, one: JobStatus) -> None:
    from dfe.building.progress import minutes

    took = "" if one.seconds is None else minutes(one.seconds)
    table.add_row(name, f"[{COLORS[one.standing]}]{one.standing}[/]", took, escape(one.reason))
