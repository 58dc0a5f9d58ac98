"""One build at a time, and no jobs left over from one that was killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from build_support import save_record

from dfe.building import lock
from dfe.building.lock import BuildLockError, build_lock, lock_path, stop_left_over
from dfe.config import Profile, load_profile

HOLD = """
from dfe.building.lock import build_lock
from dfe.config import load_profile
with build_lock(load_profile("smoke")):
    print("held", flush=True)
    input()
"""
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def profile(checkout: Path) -> Profile:
    """The small checkout's profile."""
    return load_profile("smoke")


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python with some code, and wait until it has printed a line; it never stays."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: str) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, "-c", code, *arguments]
        started.append(subprocess.Popen(command, text=True, **pipes))
        assert started[-1].stdout and started[-1].stdout.readline()
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_the_lock_is_free_again_after_a_build(profile: Profile, checkout: Path) -> None:
    for _ in range(2):
        with build_lock(profile):
            about = json.loads(lock_path().read_text())
            assert (about["profile"], about["pid"]) == ("smoke", os.getpid())
        assert lock_path().read_text() == ""
    with pytest.raises(KeyError), build_lock(profile):
        raise KeyError
    with build_lock(profile):
        pass
    assert lock_path() == checkout / "build" / ".lock"


def test_a_second_build_is_refused_until_the_first_is_gone(profile: Profile, start: Start) -> None:
    first = start(HOLD)
    for _ in range(2):  # the refusal changes nothing
        with pytest.raises(BuildLockError) as caught, build_lock(profile):
            pass
        host = socket.gethostname()
        assert f"(profile smoke, pid {first.pid}, host {host}, since " in str(caught.value)
    first.send_signal(signal.SIGKILL)
    first.wait()
    with build_lock(profile):
        assert json.loads(lock_path().read_text())["pid"] == os.getpid()


def test_a_lock_that_says_nothing(profile: Profile) -> None:
    with build_lock(profile):
        lock_path().write_text("{")
        with pytest.raises(BuildLockError, match=r"\(unknown\)"), build_lock(profile):
            pass


# Jobs left over


def left(profile: Profile, job: str, process: subprocess.Popen[str], **more: Any) -> None:
    record = {"state": "running", "pid": process.pid, "host": socket.gethostname()}
    save_record(profile, job, **{**record, "started": datetime.now(UTC), **more})


def test_running_jobs_of_a_killed_build_are_stopped(profile: Profile, start: Start) -> None:
    one, two = start(SLEEP, "-m", "dfe.cli"), start(SLEEP, "/bin/dfe")
    left(profile, "notebook-page", one)
    left(profile, "cohort-stress", two)
    assert stop_left_over(profile) == ["cohort-stress", "notebook-page"]
    assert not psutil.pid_exists(one.pid) and not psutil.pid_exists(two.pid)
    assert stop_left_over(profile) == []


def test_a_job_that_does_not_listen_is_killed(
    profile: Profile, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT", 0.1)
    process = start(DEAF, "dfe")
    left(profile, "a", process)
    assert stop_left_over(profile) == ["a"]
    assert process.wait(60) is not None


def test_other_processes_are_left_alone(profile: Profile, start: Start) -> None:
    ours, other = start(SLEEP, "dfe"), start(SLEEP, "another program")
    left(profile, "foreign", other)
    left(profile, "done", ours, state="done")
    left(profile, "elsewhere", ours, host="elsewhere")
    left(profile, "number given anew", ours, started=datetime.now(UTC) - timedelta(hours=1))
    save_record(profile, "me", state="running", pid=os.getpid(), host=socket.gethostname())
    left(profile, "myself", ours, pid=os.getpid())
    assert stop_left_over(profile) == []
    assert ours.poll() is None and other.poll() is None
