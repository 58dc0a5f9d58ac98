"""The command line hands its options on, and a foreseen error is one message."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import dfe.cli
import dfe.runs
from dfe.config import Profile
from dfe.runs import Database

ZERO = np.zeros((5, 4))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dfe.cli.app, list(arguments))


@pytest.fixture
def trained(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Profile, Path, bool]]:
    calls: list[tuple[Profile, Path, bool]] = []

    def record(profile: Profile, folder: Path, resume: bool) -> Path:
        calls.append((profile, folder, resume))
        return folder / "model.safetensors"

    monkeypatch.setattr(dfe.runs, "run_training", record)
    return calls


def test_train_uses_the_profile(trained: list[tuple[Profile, Path, bool]], checkout: Path) -> None:
    result = run("train", "--profile", "smoke")
    assert result.exit_code == 0 and result.stdout.strip().endswith("model.safetensors")
    ((profile, folder, resume),) = trained
    assert profile == dfe.cli.load_profile("smoke") and not resume
    assert folder == checkout / "build" / "smoke" / "model"


def test_train_runs_one_variant(trained: list[tuple[Profile, Path, bool]], checkout: Path) -> None:
    run("train", "--profile", "smoke", "--variant", "k16", "--seed", "4", "--resume")
    ((profile, folder, resume),) = trained
    assert (profile.model.codebook_size, profile.training.seed, resume) == (16, 4, True)
    assert folder == checkout / "build" / "smoke" / "variants" / "k16" / "seed-4"


def test_train_writes_where_it_is_told(trained: list[tuple[Profile, Path, bool]]) -> None:
    run("train", "--profile", "smoke", "--variant", "full", "--output", "here")
    assert trained[0][1] == Path("here") and trained[0][0].training.seed == 0


def test_an_unknown_variant_is_one_message(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["dfe", "train", "--profile", "smoke", "--variant", "k17"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        dfe.cli.main()
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith("error: no variant 'k17'; known: full, k256")


def test_appearance_is_described_anew(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkout / "build" / "smoke" / "features" / "appearance.parquet"
    path.parent.mkdir(parents=True)
    path.write_text("old")
    there: list[bool] = []

    def load(profile: Profile) -> Any:
        there.append(path.exists())

    monkeypatch.setattr(dfe.runs, "load_appearance", load)
    assert run("appearance", "--profile", "smoke").stdout.strip() == str(path)
    assert there == [False]


def test_database_says_how_many_frames(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[str] = []
    made = Database(ZERO, ZERO, ZERO)
    monkeypatch.setattr(dfe.runs, "load_model", lambda profile, face: f"model of {face}")
    monkeypatch.setattr(
        dfe.runs, "load_database", lambda profile, model: models.append(model) or made
    )
    result = run("database", "--profile", "smoke")
    assert result.stdout.startswith("5 simulated frames in")
    assert models == ["model of open-head"], "the frames are of no other face"
