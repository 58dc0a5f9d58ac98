"""What a build shows: times, an estimate, one line an event, and a table on a terminal."""

from __future__ import annotations

import io
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from build_support import START, save_record
from rich.console import Console

from dfe.building import progress as module
from dfe.building.graph import PlannedJob
from dfe.building.progress import Progress, minutes, time_left
from dfe.config import Profile, load_profile
from dfe.jobs import JobRecord


def planned(*names: str, threads: int = 1) -> list[PlannedJob]:
    return [PlannedJob(name, (), (), threads, "") for name in names]


def record(job: str, state: str = "done", last: float | None = None, seconds: float = 0) -> Any:
    return JobRecord.model_validate(
        {"job": job, "state": state, "started": START, "last_seconds": last, "seconds": seconds}
    )


def records(*found: JobRecord) -> dict[str, JobRecord]:
    return {one.job: one for one in found}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.4, "0:59"),
        (59.6, "1:00"),
        (61, "1:01"),
        (3599.6, "1:00:00"),
        (36061, "10:01:01"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


WAITING = [record(name, "interrupted", last) for name, last in (("a", 30), ("b", 10), ("c", 20))]


@pytest.mark.parametrize(
    ("cores", "threads", "left"),
    [
        (1, 1, 60),  # one after another
        (2, 1, 30),
        (60, 1, 30),  # never less than the longest
        (2, 2, 60),  # each takes both cores
        (1, 2, 60),  # Snakemake gives a job no more than there are
        (3, 2, 40),
    ],
)
def test_an_estimate_of_work_over_cores(cores: int, threads: int, left: float) -> None:
    jobs = planned("a", "b", "c", threads=threads)
    assert time_left(jobs, records(*WAITING), cores) == (left, 0)


def test_what_is_over_takes_no_time_and_what_is_unknown_is_counted() -> None:
    jobs = planned("done", "failed", "running", "late", "new", "untimed")
    found = records(
        record("done", "done", 100),
        record("failed", "failed", 100),
        record("running", "running", 20, seconds=5),
        record("late", "running", 20, seconds=50),  # longer than last time: no time left, not less
        record("untimed", "running"),
        record("of no concern", "interrupted", 1000),
    )
    assert time_left(jobs, found, 1) == (15, 2)
    assert time_left([], found, 1) == (0, 0)


@pytest.fixture
def profile(checkout: Path) -> Profile:
    """The small checkout's profile."""
    return load_profile("smoke")


def now(profile: Profile, job: str, state: str = "done", **more: Any) -> None:
    """Record something of this build."""
    host = socket.gethostname() + "-other"  # whose processes nobody looks for
    save_record(profile, job, state=state, started=datetime.now(UTC), host=host, **more)


def shown(profile: Profile, *names: str, terminal: bool = False, cores: int = 1) -> Progress:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    return Progress(profile, planned(*names), cores, console)


def text(progress: Progress) -> str:
    file = progress.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_records_of_an_earlier_build_are_durations_alone(profile: Profile) -> None:
    save_record(profile, "a", state="failed", seconds=3, last_seconds=2, error="old")
    save_record(profile, "not planned")
    progress = shown(profile, "a", "b")
    now(profile, "b", "running", seconds=1)
    found = progress.records()
    assert found.keys() == {"a", "b"} and progress.done() == 0
    assert (found["a"].state, found["a"].seconds) == ("interrupted", 0)
    assert (found["b"].state, found["b"].seconds) == ("running", 1)
    now(profile, "b", seconds=4)
    assert progress.done() == 1


def test_each_event_is_one_line(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)
    save_record(profile, "old", state="failed")
    with shown(profile, "a", "b", "c", "old") as progress:
        now(profile, "a", "running")
        now(profile, "b", "failed", seconds=1.25, error="[bold]why")
        while "b" not in text(progress):
            assert progress._thread.is_alive()
        now(profile, "a", seconds=62)
    assert text(progress).splitlines() == [
        "failed   b  1.2 s  (1 of 4)",
        "done     a  62.0 s  (2 of 4)",
    ], "also the last event, and none twice"
    assert not progress._thread.is_alive()


def test_an_error_ends_the_display_and_passes(profile: Profile) -> None:
    with pytest.raises(KeyError), shown(profile, "a") as progress:
        raise KeyError
    assert not progress._thread.is_alive()


def drawn(progress: Progress) -> list[str]:
    progress.console.print(progress.table())
    return [line.rstrip() for line in text(progress).splitlines()]


def test_the_table_of_a_terminal(profile: Profile) -> None:
    save_record(profile, "d", last_seconds=600)
    save_record(profile, "e", state="running", host="elsewhere")  # of an earlier build
    progress = shown(profile, "a", "b", "c", "d", "e")
    now(profile, "a")
    now(profile, "b", "running", cell=2, cells=5, line="[red]x = 1" + "y" * 60, last_seconds=61)
    now(profile, "c", "running")
    head, b, c = drawn(progress)
    assert head == "1 of 5 jobs, 0:00, about 11:01 left and 2 jobs that were never timed"
    assert b.split("  ")[:2] == ["b", "cell 2 of 5"] and b.endswith("0:00 of about 1:01")
    assert f"[red]x = 1{'y' * 50} " in b, "no markup, and not too long"
    assert c.split() == ["c", "0:00"]


def test_a_terminal_is_redrawn(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)
    with shown(profile, "a", terminal=True) as progress:
        now(profile, "a", "running", cell=1, cells=7)
        while "cell 1 of 7" not in text(progress):
            assert progress._thread.is_alive()
