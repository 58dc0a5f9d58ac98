"""Provenance: what is recorded, how it is shown, and that it is written whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from claims_support import OURS, claims_text

from dfe import evidence
from dfe.config import load_profile
from dfe.evidence import Commit, Provenance, file_hashes, read_commit, save_table, start_run
from dfe.metrics import Interval
from dfe.results import read_results

HASH = "0f" * 32


def git(folder: Path, *arguments: str) -> str:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(checkout: Path) -> Path:
    git(checkout, "init", "-q")
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "first")
    return checkout


def record(**changes: Any) -> Provenance:
    fields: dict[str, Any] = {
        "page": "page",
        "profile": "smoke",
        "parameters": {"training.steps": 5, "training.seed": None},
        "settings": {"name": "smoke"},
        "seeds": (0, 1),
        "commit": Commit(hash="a" * 40, dirty=False),
        "versions": {"python": "3.11"},
        "hardware": {"CPU": "a <fast> | one"},
        "threads": 2,
        "data": {"features": HASH},
        "started": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
        "seconds": 1.25,
    }
    return Provenance(**(fields | changes))


def test_commit_of_a_clean_and_of_a_changed_checkout(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert read_commit() == Commit(hash=head, dirty=False)
    (repository / "book" / "intro.md").write_text("# Changed\n")
    assert read_commit() == Commit(hash=head, dirty=True)


def test_a_file_that_git_does_not_know_is_a_change(repository: Path) -> None:
    (repository / "new.py").touch()
    assert read_commit().dirty is True


def test_commit_is_unknown_outside_git_and_before_the_first_commit(checkout: Path) -> None:
    assert read_commit() == Commit(hash="unknown")
    git(checkout, "init", "-q")
    assert read_commit() == Commit(hash="unknown")


def test_an_export_inside_another_repository_does_not_take_its_commit(repository: Path) -> None:
    inner = repository / "export"
    inner.mkdir()
    assert read_commit(inner) == Commit(hash="unknown")


def test_commit_is_unknown_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository / "nothing"))
    assert read_commit() == Commit(hash="unknown")


def test_the_commit_is_the_one_at_the_start(repository: Path) -> None:
    run = start_run("page", load_profile("smoke"), {})
    (repository / "new.py").touch()
    assert run.provenance().commit == run.commit
    assert run.commit.dirty is False


def test_a_run_is_recorded_and_written(checkout: Path) -> None:
    before = datetime.now(UTC)
    parameters = {"training.steps": 7, "training.seed": None}
    settings = load_profile("smoke", parameters)
    shown = start_run("page", settings, parameters, [3, 4], {"features": HASH}).provenance()
    path = evidence.results_folder(settings) / "page.provenance.json"
    assert path.is_relative_to(checkout / "build" / "smoke" / "tweaked")  # 7 is not the profile's
    assert Provenance.model_validate_json(path.read_text()) == shown
    found = sorted(path.name for path in path.parent.iterdir())  # no temporary file is left
    assert found == ["page.provenance.json", "page.results.json"]
    assert shown.parameters == parameters and shown.seeds == (3, 4)
    assert shown.settings["training"]["steps"] == 7  # type: ignore[index,call-overload]
    assert before <= shown.started <= datetime.now(UTC)
    assert timedelta(0) <= timedelta(seconds=shown.seconds) <= datetime.now(UTC) - before
    assert shown.threads >= 1 and shown.hardware["cores"] != "None"
    assert shown.versions["torch"][0].isdigit()


def test_what_a_run_measured_is_written_with_its_parameters(checkout: Path) -> None:
    (checkout / "book" / "claims.yml").write_text(claims_text())
    run = start_run("page", load_profile("smoke"), {"training.steps": 7, "training.seed": None})
    run.results.record(OURS, 7.1, n=56, of="interviews", seeds=(0,), origin="simulated")
    run.provenance()
    found = read_results(evidence.results_folder(run.profile))["page"]
    assert found.profile == "smoke" and found.parameters == {"training.steps": 7}
    assert [(r.claim, r.value, r.low, r.n) for r in found.results] == [(OURS, 7.1, None, 56)]


def test_a_page_may_end_more_than_once(checkout: Path) -> None:
    run = start_run("page", load_profile("smoke"), {})
    first, second = run.provenance(), run.provenance()
    assert second.seconds >= first.seconds
    written = json.loads(
        (evidence.results_folder(run.profile) / "page.provenance.json").read_text()
    )
    assert written["seconds"] == second.seconds


def test_a_failed_write_leaves_the_old_record(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkout / "results"
    path = evidence.write_json(record(), folder)
    old = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="disk full"):
        evidence.write_json(record(seconds=9.0), folder)
    assert path.read_bytes() == old and list(folder.iterdir()) == [path]


def test_the_html_table_is_escaped_and_holds_every_row() -> None:
    text = record()._repr_html_()
    assert "a &lt;fast&gt; | one" in text and "<fast>" not in text
    assert text.count("<tr>") == len(record().rows())
    for part in ("training.steps = 5", "0, 1", "aaaaaaaaaaaa (clean)", HASH[:12], "1.2 s"):
        assert part in text
    assert "training.seed" not in text  # None says: the profile's own value


def test_the_markdown_table_keeps_its_columns() -> None:
    lines = record()._repr_markdown_().splitlines()
    assert len(lines) == 2 + len(record().rows())
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)


@pytest.mark.parametrize(
    ("commit", "text"),
    [
        (Commit(hash="unknown"), "unknown"),
        (Commit(hash="b" * 40, dirty=True), "bbbbbbbbbbbb (with local changes)"),
        (Commit(hash="b" * 40, dirty=False), "bbbbbbbbbbbb (clean)"),
    ],
)
def test_commit_in_words(commit: Commit, text: str) -> None:
    assert str(commit) == text


def test_nothing_used_is_said_in_words() -> None:
    rows = dict(record(parameters={}, seeds=(), data={}).rows())
    assert rows["parameters"] == "the profile's own"
    assert rows["seeds"] == rows["data (sha256)"] == "none"


@pytest.mark.parametrize("wrong", ["", "abc", "Z" * 64, "0F" * 32])
def test_a_data_hash_must_be_a_sha256(checkout: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match="'features' is not a sha256"):
        start_run("page", load_profile("smoke"), {}, data_hashes={"features": wrong})


def test_a_table_is_kept_at_full_precision(checkout: Path) -> None:
    frame = pd.DataFrame({"a": [1 / 3]}, index=pd.Index(["x"], name="row"))
    path = save_table(frame, load_profile("smoke"), "page.table1")
    assert path == checkout / "build" / "smoke" / "results" / "page.table1.csv"
    assert path.read_text() == f"row,a\nx,{1 / 3!r}\n"


def test_intervals_are_kept_as_three_numbers(checkout: Path) -> None:
    frame = pd.DataFrame(
        {"n": [3, 4], "mean": [Interval(0.5, 0.25, 0.75), Interval(float("nan"), 1 / 3, 2.0)]},
        index=pd.Index(["x", "y"], name="row"),
    )
    path = save_table(frame, load_profile("smoke"), "page.table")
    assert path.read_text() == (
        f"row,n,mean,mean low,mean high\nx,3,0.5,0.25,0.75\ny,4,,{1 / 3!r},2.0\n"
    )


def test_file_hashes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hashes(a=tmp_path / "a") == {"a": hashlib.sha256(b"abc").hexdigest()}


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "PACKAGES", ("no-such-package",))
    assert evidence.versions()["no-such-package"] == "not installed"
