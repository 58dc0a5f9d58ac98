"""Asking Snakemake what has to run, and running it, in this process."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dfe.building.given import NOTHING, Given
from dfe.config import Profile, build_folder, load_profile, project_root
from dfe.jobs import job_name

#: What Snakemake says after Ctrl-C, and after SIGTERM.
STOPPED = ("on user request", "Will exit after finishing currently running jobs")


class GraphError(RuntimeError):
    """Snakemake cannot make sense of the graph; the message is Snakemake's."""


class PlannedJob(NamedTuple):
    """A job that has to run, and why, in Snakemake's words."""

    rule: str
    wildcards: tuple[str, ...]
    outputs: tuple[str, ...]
    threads: int
    reason: str

    @property
    def name(self) -> str:
        """As in `dfe.jobs`."""
        return job_name(self.rule, *self.wildcards)


@dataclass
class Outcome:
    """What Snakemake did: whether all went well, the jobs it named, and all that it said."""

    well: bool = False
    stopped: bool = False  # by Ctrl-C or SIGTERM
    jobs: list[PlannedJob] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # names of jobs
    said: list[str] = field(default_factory=list)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))


class _Listener(logging.Handler):
    """Keeps Snakemake's events. They are documented for its logger plugins."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome
        self.names: dict[int, str] = {}  # Snakemake's number of a job -> our name

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one event."""
        event = str(getattr(record, "event", ""))
        number = getattr(record, "jobid", -1)
        if event == "job_info" and record.rule_name != "book":  # type: ignore[attr-defined]
            self.outcome.jobs.append(_planned(record))
            self.names[number] = _planned(record).name
        elif event == "job_error":  # it does not say which wildcards the job has
            self.outcome.failed.append(self.names.get(number) or _planned(record).name)
        elif any(text in record.getMessage() for text in STOPPED):
            self.outcome.stopped = True
        elif record.levelno >= logging.WARNING or event == "error":
            self.outcome.said.append(record.getMessage())


def _planned(record: Any) -> PlannedJob:
    wildcards = getattr(record, "wildcards", None) or {}
    return PlannedJob(
        record.rule_name,
        tuple(str(value) for value in wildcards.values()),
        tuple(
            str(path).removesuffix(" (update)") for path in getattr(record, "output", None) or ()
        ),
        int(getattr(record, "threads", 1)),
        str(getattr(record, "reason", "")),
    )


def plan(profile: str, given: Given = NOTHING, targets: Sequence[str] = ()) -> list[PlannedJob]:
    """Return the jobs that a build would run, in an order in which they can run.

    Parameters
    ----------
    profile
        Name of a profile or path of a YAML file.
    given
        Parameters of notebooks, and grids of them.
    targets
        Files to make, relative to the project; the whole book where there are none.

    Raises
    ------
    GraphError
        If Snakemake refuses the graph.
    """
    check_memory(load_profile(profile))
    outcome = run(["--cores", "1", "--dry-run", *arguments(profile, given, targets)])
    if not outcome.well:
        raise GraphError("\n".join(outcome.said) or "Snakemake gave no reason")
    return outcome.jobs


def targets(settings: Profile, pages: Sequence[str]) -> list[str]:
    """Files that Snakemake has to make for some notebooks; none for the whole book."""
    folder = build_folder(settings).relative_to(project_root())
    return [f"{folder}/notebooks/{page}.ipynb" for page in pages]


def arguments(profile: str, given: Given = NOTHING, targets: Sequence[str] = ()) -> list[str]:
    """Command line of Snakemake for a build, without what says how and where jobs run."""
    asked = {"set": given.pages, "sweep": given.sweeps}
    # The mark keeps Snakemake from reading the values, which it would turn into strings.
    changes = [f"{name}=@{json.dumps(value)}" for name, value in asked.items() if value]
    config = [f"profile={load_profile(profile).asked}", *changes]
    # Last and after a dash: options that take a list would swallow the files.
    return ["--nolock", "--rerun-incomplete", "--config", *config, "--", *targets]


def check_memory(settings: Profile) -> None:
    """Refuse a build folder of which Snakemake remembers nothing: all would look fresh.

    Raises
    ------
    GraphError
        If there are executed notebooks, and no record of what they were made of.
    """
    made = any((build_folder(settings) / "notebooks").glob("*.ipynb"))
    memory = project_root() / ".snakemake" / "metadata"
    if made and not (memory.is_dir() and any(memory.iterdir())):
        raise GraphError(
            f"{memory} is gone, and with it all knowledge of what {build_folder(settings)} was "
            "made of; remove that folder, and build again"
        )


def run(command: Sequence[str], log: Path | None = None) -> Outcome:
    """Run Snakemake with a command line; what it prints goes to `log`."""
    from snakemake.cli import args_to_api, parse_args  # slow to import

    outcome = Outcome()
    listener = _Listener(outcome)
    logger = logging.getLogger("snakemake")
    logger.addHandler(listener)
    try:
        with _output_to(log), _signals_as_before(), contextlib.chdir(project_root()):
            parser, options = parse_args(list(command))
            outcome.well = bool(args_to_api(options, parser))
    except SystemExit as error:  # a wrong option
        outcome.said.append(f"Snakemake does not take the options {' '.join(command)}: {error}")
    except Exception as error:  # an error in the Snakefile, among others
        outcome.said.append(f"{type(error).__name__}: {error}")
    finally:
        logger.removeHandler(listener)
    return outcome


@contextlib.contextmanager
def _signals_as_before() -> Iterator[None]:
    """Take back Snakemake's handler of SIGTERM, which would keep this process from ending."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _output_to(log: Path | None) -> Iterator[None]:
    """Send what is printed to a file, or nowhere."""
    with contextlib.ExitStack() as stack:
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
        stream = stack.enter_context(log.open("w", encoding="utf-8") if log else io.StringIO())
        stack.enter_context(contextlib.redirect_stdout(stream))
        stack.enter_context(contextlib.redirect_stderr(stream))
        yield
