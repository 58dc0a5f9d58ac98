"""What a running build shows: each running job and where it is, time so far, and an estimate."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dfe.building.graph import PlannedJob
from dfe.config import Profile
from dfe.jobs import JobRecord, read_jobs

EVERY = 0.5  # s between two looks at the records


def minutes(seconds: float) -> str:
    """Seconds as ``"1:02:03"`` or ``"2:03"``."""
    hours, rest = divmod(round(seconds), 3600)
    left, seconds = divmod(rest, 60)
    return f"{hours}:{left:02d}:{seconds:02d}" if hours else f"{left}:{seconds:02d}"


def time_left(
    planned: Sequence[PlannedJob], records: Mapping[str, JobRecord], cores: int
) -> tuple[float, int]:
    """Seconds that the rest of a build takes by the last durations, and jobs never timed before.

    Parameters
    ----------
    records
        Records of this build alone (running, done, failed), and the last durations of others.
    """
    work, longest, unknown = 0.0, 0.0, 0
    for job in planned:
        record = records.get(job.name)
        if record and record.state in ("done", "failed"):
            continue
        if record is None or record.last_seconds is None:
            unknown += 1
            continue
        so_far = record.seconds if record.state == "running" else 0.0
        left = max(record.last_seconds - so_far, 0.0)
        work, longest = work + left * min(job.threads, cores), max(longest, left)
    return max(work / cores, longest), unknown


class Progress:
    """Shows a build while it runs; on a terminal as a table, elsewhere a line for each event."""

    def __init__(
        self, profile: Profile, planned: Sequence[PlannedJob], cores: int, console: Console
    ) -> None:
        self.profile, self.planned, self.cores, self.console = profile, planned, cores, console
        self.begun, self.clock = datetime.now(UTC), time.monotonic()
        self._seen: dict[str, str] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Progress:
        """Begin to show."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show the last state and end."""
        self._end.set()
        self._thread.join()

    def records(self) -> dict[str, JobRecord]:
        """Records of the planned jobs; those of an earlier build keep their duration alone."""
        found = read_jobs(self.profile)
        planned = {job.name for job in self.planned}
        return {
            name: record if record.started >= self.begun else _waiting(record)
            for name, record in found.items()
            if name in planned
        }

    def _watch(self) -> None:
        if not self.console.is_terminal:
            while not self._end.wait(EVERY):
                self._print_events()
            self._print_events()
            return
        with Live(console=self.console, auto_refresh=False, transient=True) as live:
            while not self._end.wait(EVERY):
                live.update(self.table(), refresh=True)

    def _print_events(self) -> None:
        for name, record in self.records().items():
            if record.state != self._seen.get(name) and record.started >= self.begun:
                self._seen[name] = record.state
                if record.state != "running":
                    over = sum(state != "running" for state in self._seen.values())
                    said = f"{record.state:8} {name}  {record.seconds:.1f} s"
                    self.console.print(Text(f"{said}  ({over} of {len(self.planned)})"))

    def done(self) -> int:
        """Number of jobs that are over."""
        over = ("done", "failed")
        return sum(r.state in over and r.started >= self.begun for r in self.records().values())

    def table(self) -> Group:
        """What a terminal shows."""
        records, elapsed = self.records(), time.monotonic() - self.clock
        rows = Table.grid(padding=(0, 2))
        for _ in range(4):
            rows.add_column(no_wrap=True)
        for name, record in sorted(records.items()):
            if record.state == "running" and record.started >= self.begun:
                rows.add_row(*_row(name, record))
        left, unknown = time_left(self.planned, records, self.cores)
        jobs = "a job that was" if unknown == 1 else f"{unknown} jobs that were"
        more = f" and {jobs} never timed" if unknown else ""
        head = f"{self.done()} of {len(self.planned)} jobs, {minutes(elapsed)}"
        return Group(Text(f"{head}, about {minutes(left)} left{more}", style="bold"), rows)


def _waiting(record: JobRecord) -> JobRecord:
    return record.model_copy(update={"state": "interrupted", "seconds": 0.0})


def _row(name: str, record: JobRecord) -> tuple[str, str, Text, str]:
    cell = f"cell {record.cell} of {record.cells}" if record.cells else ""
    so_far = (datetime.now(UTC) - record.started).total_seconds()
    usual = f" of about {minutes(record.last_seconds)}" if record.last_seconds else ""
    return name, cell, Text(record.line[:60]), minutes(so_far) + usual
