"""Records of jobs: written at each step, and read whatever state they are in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from dfe import jobs
from dfe.config import Profile, load_profile
from dfe.jobs import Job, JobRecord, job_name, jobs_folder, read_jobs, running_job

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def profile(checkout: Path) -> Profile:
    """The small checkout's profile."""
    return load_profile("smoke")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the clock of `dfe.jobs` shows, to be set by a test."""
    shown = [100.0]
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: shown[0]))
    monkeypatch.setattr(jobs, "Job", lambda *fields: Job(*fields, clock=shown[0]))
    return shown


def written(profile: Profile, name: str) -> JobRecord:
    """What the file says, whoever runs."""
    return JobRecord.model_validate_json((jobs_folder(profile) / f"{name}.json").read_bytes())


def save(profile: Profile, record: JobRecord) -> None:
    path = jobs_folder(profile) / f"{record.job}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record.model_dump_json())


def gone() -> int:
    """Number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_names() -> None:
    assert job_name("html") == "html"
    assert job_name("variant", "k16", "0") == "variant-k16-0"


def test_a_run_that_ends_well(profile: Profile, checkout: Path, clock: list[float]) -> None:
    assert read_jobs(profile) == {}
    before = datetime.now(UTC)
    with running_job(profile, "notebook-page") as job:
        assert written(profile, "notebook-page").state == "running"
        clock[0] += 1.2504
        job.at_cell(2, 5, "\n  \n# first line" + "x" * 100 + "\nsecond")
        running = read_jobs(profile)["notebook-page"]
        clock[0] += 2
    assert (running.state, running.seconds, running.last_seconds) == ("running", 1.25, None)
    assert (running.cell, running.cells) == (2, 5)
    assert running.line == "# first line" + "x" * 88
    assert (running.host, running.pid) == (socket.gethostname(), os.getpid())
    assert before <= running.started <= datetime.now(UTC)
    (done,) = read_jobs(profile).values()
    assert (done.state, done.seconds, done.last_seconds, done.error) == ("done", 3.25, 3.25, "")
    assert [path.name for path in (checkout / "build/smoke/jobs").iterdir()] == [
        "notebook-page.json"
    ]


def test_a_cell_without_text_has_no_line(profile: Profile) -> None:
    with running_job(profile, "a") as job:
        job.at_cell(1, 1, "\n \n")
    assert read_jobs(profile)["a"].line == ""


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (ValueError("line one\nline two"), "failed", "line one\nline two"),
        (ValueError(), "failed", "ValueError"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
        (SystemExit("stop"), "interrupted", "stop"),
    ],
)
def test_a_run_that_fails_keeps_the_last_good_duration(
    profile: Profile, clock: list[float], error: BaseException, state: str, text: str
) -> None:
    with running_job(profile, "a"):
        clock[0] += 5
    with pytest.raises(type(error)), running_job(profile, "a"):
        clock[0] += 3
        raise error
    found = read_jobs(profile)["a"]
    assert (found.state, found.error, found.seconds) == (state, text, 3)
    assert found.last_seconds == 5
    with running_job(profile, "a"):
        assert read_jobs(profile)["a"].last_seconds == 5
        assert read_jobs(profile)["a"].error == ""


def test_a_job_whose_process_is_gone_was_interrupted(profile: Profile) -> None:
    host, pid = socket.gethostname(), gone()
    record = JobRecord(job="a", state="running", started=NOW, host=host, pid=pid, cell=3)
    save(profile, record)
    save(profile, record.model_copy(update={"job": "elsewhere", "host": f"not-{host}"}))
    save(profile, record.model_copy(update={"job": "here", "pid": os.getpid()}))
    save(profile, record.model_copy(update={"job": "over", "state": "done"}))
    states = {name: found.state for name, found in read_jobs(profile).items()}
    assert states == {"a": "interrupted", "elsewhere": "running", "here": "running", "over": "done"}
    assert read_jobs(profile)["a"].cell == 3


def test_what_is_no_record_is_passed_over(profile: Profile) -> None:
    good = JobRecord(job="good", state="done", started=NOW)
    save(profile, good)
    other = json.loads(good.model_dump_json()) | {"of another version": 1}
    for name, text in {"other": json.dumps(other), "half": '{"job": "h', "empty": ""}.items():
        (jobs_folder(profile) / f"{name}.json").write_text(text)
    (jobs_folder(profile) / "folder.json").mkdir()
    (jobs_folder(profile) / "vanished.json").symlink_to("nowhere")
    assert read_jobs(profile) == {"good": good}


def test_builds_have_records_of_their_own(profile: Profile, checkout: Path) -> None:
    with running_job(profile, "a"):
        pass
    (checkout / "profiles" / "other.yaml").write_text("")
    assert read_jobs(load_profile("other")) == {}


def test_times_have_a_zone(profile: Profile) -> None:
    with running_job(profile, "a"):
        pass
    assert read_jobs(profile)["a"].started.utcoffset() == timedelta(0)
