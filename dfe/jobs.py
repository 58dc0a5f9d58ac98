"""What each job of a build did: running, done or failed, and how long it took.

A record is a small file, `build/<profile>/jobs/<job>.json`, written by the job itself, also where
it runs on another machine of a cluster. Progress, estimates and `dfe status` are read from them.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from dfe.config import Profile, build_folder
from dfe.files import atomic

State = Literal["running", "done", "failed", "interrupted"]


class JobRecord(BaseModel):
    """The last run of a job.

    Attributes
    ----------
    seconds
        How long it ran, up to now where it is running.
    last_seconds
        How long the last run took that ended well; None where none has.
    cell, cells, line
        Of a notebook: number of the cell that runs, of how many, and its first line.
    error
        The whole message of a failure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str
    state: State
    started: datetime  # UTC
    seconds: float = 0.0
    last_seconds: float | None = None
    host: str = ""
    pid: int = 0
    cell: int = 0
    cells: int = 0
    line: str = ""
    error: str = ""


def job_name(rule: str, *wildcards: str) -> str:
    """Name of a job, such as ``"notebook-03_templates"``."""
    return "-".join((rule, *wildcards))


def jobs_folder(profile: Profile) -> Path:
    """Where a build keeps the records of its jobs."""
    return build_folder(profile) / "jobs"


def read_jobs(profile: Profile) -> dict[str, JobRecord]:
    """All records of a build, by name; a file that is no record is passed over.

    A job of this machine whose process is gone is ``"interrupted"``.
    """
    found = {}
    for path in sorted(jobs_folder(profile).glob("*.json")):
        try:
            record = JobRecord.model_validate_json(path.read_bytes())
        except (ValidationError, OSError):  # of another version, or replaced at this moment
            continue
        if record.state == "running" and _is_gone(record):
            record = record.model_copy(update={"state": "interrupted"})
        found[record.job] = record
    return found


def _is_gone(record: JobRecord) -> bool:
    return record.host == socket.gethostname() and not psutil.pid_exists(record.pid)


@dataclass
class Job:
    """A job that is running; it writes its record anew at each step."""

    record: JobRecord
    path: Path
    clock: float = field(default_factory=time.monotonic)

    def write(self, **changes: object) -> None:
        """Change the record and write it."""
        seconds = round(time.monotonic() - self.clock, 3)
        self.record = self.record.model_copy(update={"seconds": seconds} | changes)
        with atomic(self.path) as partial:
            partial.write_text(self.record.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def at_cell(self, cell: int, cells: int, source: str) -> None:
        """Say which cell of how many runs now."""
        line = next((text for text in source.splitlines() if text.strip()), "")
        self.write(cell=cell, cells=cells, line=line[:100])


@contextmanager
def running_job(profile: Profile, name: str) -> Iterator[Job]:
    """Record the block as one run of a job: done where it ends, failed where it raises."""
    path = jobs_folder(profile) / f"{name}.json"
    before = read_jobs(profile).get(name)
    record = JobRecord(
        job=name,
        state="running",
        started=datetime.now(UTC),
        last_seconds=before.last_seconds if before else None,
        host=socket.gethostname(),
        pid=os.getpid(),
    )
    job = Job(record, path)
    job.write()
    try:
        yield job
    except BaseException as error:
        state = "failed" if isinstance(error, Exception) else "interrupted"
        job.write(state=state, error=str(error) or type(error).__name__)
        raise
    job.write(state="done", last_seconds=round(time.monotonic() - job.clock, 3))
