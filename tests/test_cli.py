"""The command line hands its options on, and a foreseen error is one message."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import dfe.book
import dfe.cli
import dfe.database
import dfe.runs
from dfe.book import Edition
from dfe.config import ConfigError, Profile, load_profile
from dfe.database import Database
from dfe.jobs import Job, JobRecord, read_jobs

ZERO = np.zeros((5, 4))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dfe.cli.app, list(arguments))


Trained = list[tuple[Profile, Path, bool, str | None]]


def recorded(name: str) -> JobRecord:
    """What a job of the small checkout left behind; it is the only one."""
    (record,) = read_jobs(load_profile("smoke")).values()
    assert record.job == name
    return record


@pytest.fixture
def trained(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    calls: Trained = []

    def record(profile: Profile, folder: Path, resume: bool, code: str | None) -> Path:
        calls.append((profile, folder, resume, code))
        return folder / "model.safetensors"

    monkeypatch.setattr(dfe.runs, "run_training", record)
    return calls


def test_train_uses_the_profile(trained: Trained, checkout: Path) -> None:
    result = run("train", "--profile", "smoke")
    assert result.exit_code == 0 and result.stdout.strip().endswith("model.safetensors")
    ((profile, *rest),) = trained
    assert profile == load_profile("smoke")
    assert rest == [checkout / "build" / "smoke" / "model", False, None]
    assert recorded("model").state == "done"


def test_train_runs_one_variant(trained: Trained, checkout: Path) -> None:
    run("train", "--profile", "smoke", "--variant", "k16", "--seed", "4", "--resume")
    ((profile, folder, resume, _),) = trained
    assert (profile.model.codebook_size, profile.training.seed, resume) == (16, 4, True)
    assert folder == checkout / "build" / "smoke" / "variants" / "k16" / "seed-4"
    assert recorded("variant-k16-4").state == "done"


def test_train_with_another_seed_leaves_the_model_of_the_build(
    trained: Trained, checkout: Path
) -> None:
    run("train", "--profile", "smoke", "--seed", "4", "--code", "0f0f")
    ((profile, folder, _, code),) = trained
    assert (profile.training.seed, code) == (4, "0f0f")
    assert folder.is_relative_to(checkout / "build" / "smoke" / "tweaked")


def test_train_writes_where_it_is_told(trained: Trained) -> None:
    run("train", "--profile", "smoke", "--variant", "full", "--output", "here")
    assert trained[0][1] == Path("here") and trained[0][0].training.seed == 0
    assert read_jobs(load_profile("smoke")) == {}, "it is no job of the build"


def test_an_unknown_variant_is_one_message(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["dfe", "train", "--profile", "smoke", "--variant", "k17"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        dfe.cli.main()
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith("error: no variant 'k17'; known: full, k256")


@pytest.mark.parametrize(
    ("arguments", "job", "file", "module", "function"),
    [
        (["appearance"], "appearance", "features/appearance.parquet", "appearance", "appearance"),
        (["cohort", "stress"], "cohort-stress", "cohorts/stress.safetensors", "cohorts", "task"),
        (["facial-basis"], "facial_basis", "facial_basis/basis.safetensors", "basis", None),
    ],
)
def test_a_step_makes_its_file_anew(
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    job: str,
    file: str,
    module: str,
    function: str | None,
) -> None:
    path = checkout / "build" / "smoke" / file
    path.parent.mkdir(parents=True)
    path.write_text("old")
    calls: list[tuple[Any, ...]] = []

    def load(profile: Profile, *rest: str) -> None:
        assert not path.exists() and recorded(job).state == "running"
        calls.append((profile.name, *rest))

    monkeypatch.setattr(f"dfe.{module}.load_{function or job}", load)
    result = run(*arguments, "--profile", "smoke")
    assert result.stdout.strip() == str(path), result.output
    assert calls == [("smoke", *arguments[1:])] and recorded(job).state == "done"


def test_features_are_built(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(profile: Profile, path: Path) -> Path:
        assert recorded("features").state == "running"
        return path

    monkeypatch.setattr("dfe.data.real_features.build_real_features", build)
    path = checkout / "build" / "smoke" / "features" / "real.parquet"
    assert run("features", "--profile", "smoke").stdout.strip() == str(path)


def test_database_says_how_many_frames(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[str] = []
    made = Database(ZERO, ZERO, ZERO)

    def load(profile: Profile, model: str) -> Database:
        models.append(model)
        return made

    monkeypatch.setattr(dfe.runs, "load_model", lambda profile, face: f"model of {face}")
    monkeypatch.setattr(dfe.database, "load_database", load)
    result = run("database", "--profile", "smoke")
    assert result.stdout.startswith("5 simulated frames in")
    assert models == ["model of open-head"], "the frames are of no other face"
    assert recorded("database").state == "done"


# Pages


@pytest.fixture
def executed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What notebooks were executed with; the one of the checkout has a parameter `steps`."""
    cells = ["profile = 'quick'\nsteps = None", "load_profile(profile, {'training.steps': steps})"]
    found = [{"cell_type": "code", "source": cell} for cell in cells]
    (checkout / "notebooks" / "page.ipynb").write_text(json.dumps({"cells": found}))
    calls: list[tuple[Any, ...]] = []

    def execute(name: str, profile: Profile, given: Any, folder: Path, job: Job) -> Path:
        calls.append((name, profile.name, given, folder, job.record.job))
        return folder / "notebooks" / f"{name}.ipynb"

    monkeypatch.setattr("dfe.notebooks.execute", execute)
    return calls


def test_a_notebook_is_executed(executed: list[tuple[Any, ...]], checkout: Path) -> None:
    folder, given = checkout / "build" / "smoke", {"steps": 3}
    result = run("notebook", "page", "--profile", "smoke", "--given", json.dumps(given))
    assert result.stdout.strip() == str(folder / "notebooks" / "page.ipynb")
    assert executed == [("page", "smoke", given, folder, "notebook-page")]
    assert recorded("notebook-page").state == "done"


def test_a_point_of_a_grid_has_a_folder_of_its_own(
    executed: list[tuple[Any, ...]], checkout: Path
) -> None:
    run("notebook", "page", "--profile", "smoke", "--given", '{"steps": 3}', "--point", "steps=3")
    folder = checkout / "build" / "smoke" / "sweeps" / "page" / "steps=3"
    assert executed == [("page", "smoke", {"steps": 3}, folder, "sweep-page-steps=3")]
    assert recorded("sweep-page-steps=3").state == "done"


def test_a_wrong_parameter_is_refused_before_anything_runs(
    executed: list[tuple[Any, ...]], checkout: Path
) -> None:
    result = run("notebook", "page", "--profile", "smoke", "--given", '{"stpes": 3}')
    assert isinstance(result.exception, ConfigError) and "stpes" in str(result.exception)
    assert executed == [] and read_jobs(load_profile("smoke")) == {}


def test_a_failing_step_is_recorded(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(profile: Profile, path: Path) -> Path:
        raise FileNotFoundError("no network")

    monkeypatch.setattr("dfe.data.real_features.build_real_features", build)
    assert run("features", "--profile", "smoke").exit_code == 1
    assert (recorded("features").state, recorded("features").error) == ("failed", "no network")


def test_the_book_is_told_what_was_given(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editions: list[Edition] = []

    def build(profile: Profile, edition: Edition) -> Path:
        editions.append(edition)
        return Path("made")

    monkeypatch.setattr(dfe.book, "build_html", build)
    given, sweeps = {"page": {"steps": 3}}, {"page": {"steps=4": {"steps": 4}}}
    told = ["--given", json.dumps(given), "--sweeps", json.dumps(sweeps)]
    assert run("book", "--profile", "smoke", *told).stdout.strip() == "made/index.html"
    run("book", "--profile", "smoke")
    assert editions == [Edition(given, sweeps), Edition({}, {})]
    assert recorded("html").state == "done"
