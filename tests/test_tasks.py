"""The tasks of a build: simulated, encoded and coded once, and again when settings change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dfe.basis
import dfe.cohorts
from dfe.basis import facial_basis_path, load_facial_basis
from dfe.cohorts import load_task, task_path
from dfe.config import CohortsConfig, ModelConfig, Profile, override
from dfe.data.corpus import Corpus, sha256_array
from dfe.data.observations import Observation, ObservationMetadata, write_observation
from dfe.data.task import TRUE_DISPLAYS, TRUE_STATE, Task
from dfe.model import DFE
from dfe.tasks import sized_cohort, standard_methods, task_basis, task_codes, task_hashes
from dfe.utility import DFE_TOKENS, FACIAL_BASIS

PSI = np.random.default_rng(0).normal(size=(80, 50)).astype(np.float32)
SMALL = {
    "cohorts": {"smiles": {"actors": 3, "frames": 4}, "stress": {"subjects": 3, "frames": 4}},
    "utility": {"basis_rows": 60, "basis_rounds": 2},
}
TINY = ModelConfig(layers=1, width=16, feedforward=16, codebook_size=8)


@pytest.fixture
def profile(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    corpus = Corpus(PSI, {"simulated": PSI[:9]}, {}, {"train": sha256_array(PSI)})
    monkeypatch.setattr(dfe.basis, "load_open_corpus", lambda profile: corpus)
    return Profile.model_validate({"name": "mine"} | SMALL)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the cohorts that were simulated, in order."""
    names, really = [], dfe.cohorts.simulate_task

    def simulate(name: Any, cohorts: CohortsConfig) -> Task:
        names.append(name)
        return really(name, cohorts)

    monkeypatch.setattr(dfe.cohorts, "simulate_task", simulate)
    return names


def test_a_cohort_is_simulated_once_for_its_settings(
    profile: Profile, simulated: list[str], checkout: Path
) -> None:
    first = load_task(profile, "smiles")
    assert task_path(profile, "smiles") == checkout / "build/mine/cohorts/smiles.safetensors"
    again = load_task(profile, "smiles")
    assert simulated == ["smiles"]
    for name, frames in first.frames.items():
        np.testing.assert_array_equal(frames.values, again.frames[name].values)
    load_task(override(profile, {"cohorts.stress.effect": 0.5}), "smiles")  # of another cohort
    assert simulated == ["smiles"]
    other = load_task(override(profile, {"cohorts.smiles.effect": 0.5}), "smiles")
    assert simulated == ["smiles", "smiles"]
    assert not np.array_equal(other.frames["psi"].values, first.frames["psi"].values)
    assert other.clips.equals(first.clips), "an effect changes behavior and no label"


def test_a_damaged_cohort_is_simulated_again(profile: Profile, simulated: list[str]) -> None:
    load_task(profile, "smiles")
    task_path(profile, "smiles").write_bytes(b"no tensors")
    load_task(profile, "smiles")
    assert simulated == ["smiles", "smiles"]


def test_own_files_come_first_and_are_hashed(
    profile: Profile, simulated: list[str], tmp_path: Path
) -> None:
    keys = np.array(["x", "x"]), np.array(["a", "b"]), np.array([0, 0], np.int64)
    metadata = ObservationMetadata(
        name="EMOCA", kind="features", origin="gated", extractor="E", extractor_version="1"
    )
    write_observation(tmp_path / "psi.parquet", Observation(*keys, np.ones((2, 50)), metadata))
    (tmp_path / "clips.csv").write_text("clip,subject,split,smile\na,1,,x\nb,2,,y\n")
    files = {"clips": str(tmp_path / "clips.csv"), "psi": str(tmp_path / "psi.parquet")}
    own = override(profile, {"utility.tasks": {"smiles": files}})
    task = load_task(own, "smiles")
    assert (task.origin, simulated) == ("gated", [])
    assert set(task_hashes(own, "smiles", task)) == {"smiles/clips", "smiles/psi"}
    made = load_task(profile, "smiles")
    assert task_hashes(profile, "smiles", made) == {
        "smiles/psi (simulated)": sha256_array(made.frames["psi"].values)
    }


def test_tokens_and_coefficients_are_kept(profile: Profile, checkout: Path) -> None:
    task, model = load_task(profile, "smiles"), DFE(TINY)
    codes = task_codes(profile, task, model, "run-7")
    np.testing.assert_array_equal(codes, model.encode(task.frames["psi"].values))
    assert (checkout / "build/mine/tokens/smiles-run-7.safetensors").is_file()
    coefficients = task_basis(profile, task)
    basis = load_facial_basis(profile)
    np.testing.assert_array_equal(coefficients, basis.transform(task.frames["psi"].values))
    np.testing.assert_array_equal(coefficients, task_basis(profile, task))
    kept = facial_basis_path(profile).with_name("smiles-model.safetensors")
    before = kept.stat().st_mtime_ns
    task_basis(profile, task)
    assert kept.stat().st_mtime_ns == before, "read, not coded again"
    methods = standard_methods(profile, task, model)
    names = [method.name for method in methods]
    assert {DFE_TOKENS, FACIAL_BASIS, TRUE_DISPLAYS, TRUE_STATE} <= set(names)
    assert all(len(method) == 9 for method in methods)


def test_the_facial_basis_is_fitted_again_for_other_settings(profile: Profile) -> None:
    first = load_facial_basis(profile)
    assert load_facial_basis(profile).sha256() == first.sha256()
    other = load_facial_basis(override(profile, {"utility.basis_rounds": 3}))
    assert other.sha256() != first.sha256()


@pytest.mark.parametrize(("name", "clips"), [("smiles", 3), ("stress", 11)])
def test_a_cohort_of_another_size(profile: Profile, name: Any, clips: int) -> None:
    task = sized_cohort(profile, name, 5, seed=9)
    assert task.clips["subject"].nunique() == 5 and len(task.clips) == 5 * clips
    other = sized_cohort(profile, name, 5, seed=10)
    assert not np.array_equal(task.frames["psi"].values, other.frames["psi"].values)
