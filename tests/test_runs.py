"""Runs of variants, the simulated database and appearance: made once, and for these settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dfe.appearance
import dfe.runs
from dfe.appearance import load_appearance
from dfe.checkpoint import CheckpointError
from dfe.config import CorpusConfig, Profile, TrainingConfig, override
from dfe.data.corpus import Corpus, sha256_array
from dfe.data.observations import Observation, ObservationMetadata
from dfe.database import load_database
from dfe.face import OpenHead
from dfe.model import DFE
from dfe.runs import load_face, load_variant, model_data, model_face, model_seeds, variant_folder
from dfe.variants import variant_profile

PSI = np.random.default_rng(0).normal(size=(80, 50)).astype(np.float32)
CORPUS = Corpus(PSI, {"simulated": PSI[:9]}, {}, {"train": sha256_array(PSI)})


@pytest.fixture
def profile(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setattr(dfe.runs, "load_corpus", lambda profile: CORPUS)
    tiny: dict[str, Any] = {
        "model": {"layers": 1, "width": 16, "feedforward": 16, "codebook_size": 8},
        "training": {"steps": 2, "batch_size": 16, "log_every": 2},
        "database": {"simulated": 100},
        "variants": {"steps": 1},
    }
    return Profile.model_validate({"name": "mine"} | tiny)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders that were trained, in order."""
    folders, really = [], dfe.runs.run_training

    def run(profile: Profile, folder: Path, resume: bool = False) -> Path:
        folders.append("/".join(folder.parts[-2:]))
        return really(profile, folder, resume)

    monkeypatch.setattr(dfe.runs, "run_training", run)
    return folders


def test_a_variant_is_trained_once_into_its_own_folder(
    profile: Profile, trained: list[str], checkout: Path
) -> None:
    model = load_variant(profile, "one-quantizer", 3)
    assert model.config.stages == 1
    assert model.provenance["profile"]["training"]["seed"] == 3
    assert model.provenance["profile"]["training"]["steps"] == 1
    load_variant(profile, "one-quantizer", 3)
    assert trained == ["one-quantizer/seed-3"]
    folder = checkout / "build" / "mine" / "variants" / "one-quantizer" / "seed-3"
    assert variant_folder(profile, "one-quantizer", 3) == folder
    assert (folder / "model.safetensors").is_file()


def test_a_run_with_other_settings_is_not_taken_for_this_one(
    profile: Profile, trained: list[str]
) -> None:
    load_variant(profile, "full", 0)
    longer = override(profile, {"variants.steps": 2})
    assert load_variant(longer, "full", 0).provenance["profile"]["training"]["steps"] == 2
    assert len(trained) == 2
    load_variant(override(longer, {"pages.ablations.tokens": 3}), "full", 0)  # no setting of a run
    assert len(trained) == 2
    load_variant(override(longer, {"corpus.simulated": 17}), "full", 0)
    assert len(trained) == 3


def test_every_part_of_a_run_counts() -> None:
    base = variant_profile(Profile(name="mine"), "full", 0)
    model = DFE()
    model.provenance = {"profile": base.model_dump(mode="json")}
    assert dfe.runs._made_with(base, model)
    for change in (
        {"model.layers": 2},
        {"loss.l1_weight": 0.5},
        {"training.batch_size": 3},
        {"corpus.seed": 4},
    ):
        assert not dfe.runs._made_with(override(base, change), model)
    model.provenance = {}
    assert not dfe.runs._made_with(base, model)
    assert CorpusConfig() == base.corpus and TrainingConfig() == base.training


def test_of_ones_own_data_only_what_a_model_learns_from_counts() -> None:
    own = {"psi": "emoca", "face": "a.npz", "training": "affectnet"}
    base = Profile.model_validate({"name": "mine", "train": "scratch", "own": own})
    model = DFE()
    model.provenance = {"profile": base.model_dump(mode="json")}
    for other in ({"own.psi": "smirk"}, {"own.face": "b.npz"}, {"own.training": "stressid"}):
        assert not dfe.runs._made_with(override(base, other), model), other
    for same in ({"own.frames": "aff-wild2"}, {"own.tasks": {"stress": "stressid"}}):
        assert dfe.runs._made_with(override(base, same), model), same
    plain = Profile(name="mine", train="scratch")
    assert not dfe.runs._made_with(plain, model)
    older = plain.model_dump(mode="json", exclude={"own"})  # of before there was such a setting
    model.provenance = {"profile": older}
    assert dfe.runs._made_with(plain, model) and not dfe.runs._made_with(base, model)
    frames = {"own.psi": "mediapipe-blendshapes-psi", "own.frames": "aff-wild2"}
    assert dfe.runs._made_with(override(plain, frames), model), "it has learned from open data"


def test_a_model_that_does_not_say_so_is_of_the_open_head_and_open_data() -> None:
    model = DFE()
    for provenance in ({}, {"profile": {}}, {"profile": {"own": None}}):
        model.provenance = provenance
        assert model_face(model) == OpenHead.name and model_data(model) == ()
        assert isinstance(load_face(Profile(name="mine"), model), OpenHead)


def test_a_model_knows_the_seed_it_was_trained_with(profile: Profile, trained: list[str]) -> None:
    assert model_seeds(load_variant(profile, "full", 5)) == (5,)
    assert model_seeds(DFE.from_pretrained("open")) == (0,)
    for provenance in ({}, {"profile": {"training": {}}}, {"profile": None}):
        model = DFE(profile.model)
        model.provenance = provenance
        with pytest.raises(CheckpointError, match="with which seed"):
            model_seeds(model)


def test_the_database_is_encoded_once(
    profile: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = DFE(profile.model).eval()
    first = load_database(profile, model)
    assert [len(part) for part in first] == [100, 100, 100]
    np.testing.assert_array_equal(first.psi, OpenHead().units_to_psi(first.units))
    np.testing.assert_array_equal(first.codes, model.encode(first.psi))
    assert (checkout / "build" / "mine" / "tokens" / "simulated.safetensors").is_file()
    other = load_database(override(profile, {"database.seed": 1}), model)
    assert (other.units != first.units).any()


def test_appearance_is_described_once(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def describe(table: object, sources: list) -> Observation:
        calls.append([source.id for source in sources])
        metadata = ObservationMetadata(
            name="appearance", kind="features", origin="real", extractor="x", extractor_version="1"
        )
        strings = np.array(["pyfame"])
        return Observation(strings, strings, np.array([3]), np.ones((1, 2)), metadata)

    monkeypatch.setattr(dfe.appearance, "load_real_features", lambda profile, columns: None)
    monkeypatch.setattr(dfe.appearance, "load_manifest", lambda name: type("M", (), {"id": name}))
    monkeypatch.setattr(dfe.appearance, "appearance", describe)
    first, second = load_appearance(profile), load_appearance(profile)
    assert calls == [list(profile.data.sources)]
    np.testing.assert_array_equal(first.values, second.values)
