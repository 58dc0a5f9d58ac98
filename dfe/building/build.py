"""A build from beginning to end: check, lock, plan, run, and say what came of it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dfe.book import BookError, Edition, build_html
from dfe.building.given import Given
from dfe.building.graph import Outcome, PlannedJob, arguments, plan, run, targets
from dfe.building.lock import build_lock, stop_left_over
from dfe.building.progress import Progress
from dfe.config import Profile, build_folder, load_profile, project_root
from dfe.jobs import JobRecord, read_jobs

#: Engine -> the extra of this package that installs Snakemake's plugin for it.
EXECUTORS = {"slurm": "cluster", "kubernetes": "kubernetes"}


class BuildError(RuntimeError):
    """A build did not make all that it should; the message names each failure."""


@dataclass(frozen=True)
class How:
    """Where and with what jobs run.

    Attributes
    ----------
    cores
        Processes at once on this machine.
    executor
        One of `EXECUTORS`; None runs the jobs here.
    offline
        Nothing is downloaded: what is missing is an error.
    options
        More options of Snakemake, as on its command line.
    """

    cores: int = 1
    executor: str | None = None
    offline: bool = False
    options: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """Snakemake's options."""
        where = ["--cores", str(self.cores)]
        if self.executor:
            where = ["--workflow-profile", f"profiles/{self.executor}"]
        # Greedy: the default looks for the best order with a solver that few machines have.
        rest = ["--scheduler", "greedy", "--keep-going", "--quiet", "all"]
        return [*where, *rest, *self.options]


def build(
    profile: str, given: Given, pages: Sequence[str], how: How, console: Console
) -> list[PlannedJob]:
    """Make what is not fresh, and return the jobs that ran.

    Parameters
    ----------
    profile
        Name of a profile, or path of a YAML file.
    given
        Parameters of notebooks, and grids of them.
    pages
        Notebooks to execute, with what they need; the whole book where there are none.

    Raises
    ------
    dfe.building.lock.BuildLockError
        If another build runs in this tree.
    BuildError
        If a job failed. All jobs that do not need it ran.
    """
    settings = load_profile(profile)
    if how.executor:
        check_executor(how.executor)
    with build_lock(settings), _environment(how):
        for job in stop_left_over(settings):
            console.print(f"stopped {job}, left over from a build that was killed")
        files = targets(settings, pages)
        planned = plan(profile, given, files)
        if not planned:
            console.print("Nothing to do: everything is fresh.")
            return []
        console.print(f"{len(planned)} jobs: {summary(planned)}")
        if how.executor is None:
            _check_rendering()
        log = build_folder(settings) / "logs" / "snakemake.log"
        with Progress(settings, planned, how.cores, console):
            outcome = run([*how.command(), *arguments(profile, given, files)], log)
        if outcome.stopped:
            raise BuildError("stopped on request; the next build goes on where this one was")
        if not outcome.well:
            told = describe(settings, planned, outcome, log)
            if not pages:
                told += f"\n\n{_book_of_the_rest(settings, given, planned, outcome)}"
            raise BuildError(told)
    return planned


def check_executor(name: str) -> None:
    """Refuse an engine whose plugin is not installed.

    Raises
    ------
    BuildError
        With the command that installs it.
    """
    if importlib.util.find_spec(f"snakemake_executor_plugin_{name}") is None:
        raise BuildError(
            f"Snakemake's plugin for {name} is not installed: "
            f"pip install -c constraints.txt -e '.[{EXECUTORS[name]}]'"
        )


def summary(planned: Sequence[PlannedJob]) -> str:
    """Numbers of jobs by rule, such as ``"2 cohort, 5 notebook, 1 html"``."""
    rules = list(dict.fromkeys(job.rule for job in planned))
    return ", ".join(f"{sum(j.rule == rule for j in planned)} {rule}" for rule in rules)


def _check_rendering() -> None:
    """Refuse a machine that cannot draw before it computes for an hour.

    In a process of its own: a broken driver would take this one down.
    """
    command = [sys.executable, "-m", "dfe.render", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project_root())
    if done.returncode:
        raise BuildError(f"this machine cannot draw heads:\n{done.stdout}{done.stderr}")


@contextmanager
def _environment(how: How) -> Iterator[None]:
    """Variables that jobs inherit."""
    before = dict(os.environ)
    if how.offline:
        os.environ["PIP_NO_INDEX"] = "1"  # data come as wheels, through pip
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def describe(settings: Profile, planned: Sequence[PlannedJob], outcome: Outcome, log: Path) -> str:
    """What failed, with each error whole, and what did not run because of it."""
    records, began = _records(settings, outcome), {job.name for job in outcome.jobs}
    lines = []
    for name in dict.fromkeys(outcome.failed):
        record = records.get(name)
        if record and record.state == "failed":
            lines.append(f"{name} failed: {record.error}")
        else:
            how = "was killed" if record and record.state == "interrupted" else "never began"
            lines.append(f"{name} {how}; see {log}")
    lines += [] if lines else outcome.said or [f"Snakemake stopped; see {log}"]
    if waiting := sorted(job.name for job in planned if job.name not in began):
        lines.append(f"not run, because they need what failed: {', '.join(waiting)}")
    return "\n\n".join(lines)


def _records(settings: Profile, outcome: Outcome) -> dict[str, JobRecord]:
    """Records of this build; an error of an earlier one is no news."""
    return {n: one for n, one in read_jobs(settings).items() if one.started >= outcome.begun}


def _book_of_the_rest(
    settings: Profile, given: Given, planned: Sequence[PlannedJob], outcome: Outcome
) -> str:
    """Build the book with the pages that are there, each other one marked; say what came of it."""
    records, began = _records(settings, outcome), {job.name for job in outcome.jobs}
    lacking = [job for job in planned if job.name in outcome.failed or job.name not in began]
    missing = {}
    for job in lacking:
        if job.rule == "notebook":
            record = records.get(job.name)
            failed = record is not None and record.state == "failed"
            missing[job.wildcards[0]] = (
                record.error if record and failed else "It needs something that failed."
            )
    broken = {job.wildcards[0] for job in lacking if job.rule == "sweep"}
    sweeps = {name: grid for name, grid in given.sweeps.items() if name not in broken}
    try:
        page = build_html(settings, Edition(given.pages, sweeps, missing)) / "index.html"
    except BookError as error:
        return f"the other pages were not made into a book: {error}"
    return f"the other pages: {page}"
