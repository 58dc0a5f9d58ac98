"""One build at a time in a tree, and no jobs left over from a build that was killed."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from dfe.config import Profile, project_root
from dfe.jobs import JobRecord, read_jobs

WAIT = 5.0  # s that a left-over job has to end by itself


class BuildLockError(RuntimeError):
    """Another build runs in this tree; the message says which."""


def lock_path() -> Path:
    """The file that a build holds locked."""
    return project_root() / "build" / ".lock"


@contextmanager
def build_lock(profile: Profile) -> Iterator[None]:
    """Hold the lock of this tree; the system frees it when the process ends, however it ends.

    Raises
    ------
    BuildLockError
        If another process holds it.
    """
    path = lock_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BuildLockError(_taken(path)) from None
        handle.truncate(0)
        handle.write(json.dumps(_about(profile)))
        handle.flush()
        yield
        handle.truncate(0)


def _about(profile: Profile) -> dict[str, str | int]:
    started = datetime.now(UTC).strftime("%H:%M:%S UTC")
    return {
        "profile": profile.name,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": started,
    }


def _taken(path: Path) -> str:
    about = {}
    with suppress(ValueError, OSError):
        about = json.loads(path.read_text(encoding="utf-8"))
    who = ", ".join(f"{name} {value}" for name, value in about.items()) or "unknown"
    return (
        f"another build runs in this tree ({who}); wait for it, or stop it. Two builds at once "
        "would overwrite each other's files"
    )


def stop_left_over(profile: Profile) -> list[str]:
    """End jobs of a build that was killed and did not take them along; return their names.

    Call it while holding the lock: then a job that runs on this machine belongs to no build.
    """
    left = {r.job: p for r in read_jobs(profile).values() if (p := _process(r)) is not None}
    for process in left.values():
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(left.values(), timeout=WAIT)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return sorted(left)


def _process(record: JobRecord) -> psutil.Process | None:
    """The process of a running job of this machine, not one that got its number later."""
    if record.state != "running" or record.host != socket.gethostname():
        return None
    with suppress(psutil.Error):
        process = psutil.Process(record.pid)
        ours = any("dfe" in part for part in process.cmdline())
        older = process.create_time() <= record.started.timestamp() + 1
        if ours and older and process.pid != os.getpid():
            return process
    return None
