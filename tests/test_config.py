"""Profiles load, settings are validated with clear messages, and `paper` is section 4.3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from dfe.config import (
    PSI_DIM,
    ConfigError,
    LossConfig,
    ModelConfig,
    Profile,
    build_folder,
    load_profile,
    override,
    project_root,
    vary,
)

PROFILES = sorted((Path(__file__).resolve().parents[1] / "profiles").glob("*.yaml"))


@pytest.fixture
def written(tmp_path: Path):
    """Load a profile with the given text."""

    def load(text: str, overrides: dict[str, Any] | None = None) -> Profile:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_profile(path, overrides)

    return load


# Profiles


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_profile_loads_by_name_and_by_path(path: Path) -> None:
    profile = load_profile(path.stem)
    assert profile.name == path.stem and profile.description
    assert load_profile(path) == profile
    assert Profile.model_validate_json(profile.model_dump_json()) == profile


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_setting_of_a_profile_arrives(path: Path) -> None:
    def check(tree: dict[str, Any], settings: Any) -> None:
        for name, value in tree.items():
            found = getattr(settings, name)
            if isinstance(value, dict):
                check(value, found)
            else:
                assert (list(found) if isinstance(found, tuple) else found) == value, name

    check(yaml.safe_load(path.read_text(encoding="utf-8")), load_profile(path))


def test_paper_profile_is_section_4_3() -> None:
    paper = load_profile("paper")
    model, training, loss = paper.model, paper.training, paper.loss
    assert PSI_DIM == model.psi_dim == 50
    assert (model.sequence_length, model.token_dim) == (10, 5)
    assert (model.layers, model.heads, model.width) == (6, 4, 128)
    assert (model.codebook_size, model.code_dim, model.stages) == (64, 50, 4)
    assert model.decoder == "linear"
    assert (loss.commitment_weight, loss.orthogonality_weight, loss.l1_weight) == (0.25, 1.0, 1e-4)
    assert (loss.orthogonality_norm, loss.l1_target) == ("raw", "reconstruction")  # eqs. 6, 7
    assert (training.batch_size, training.epochs, training.learning_rate) == (512, 500, 1e-4)
    assert (training.steps, training.schedule, training.warmup) == (None, "constant", 0)
    assert (training.codebook_init, training.initialization_share) == ("uniform", 0)
    assert paper.corpus.simulated / (1 - paper.corpus.real_share) == 350_000  # rows in all


def test_every_profile_keeps_the_paper_s_loss() -> None:
    for path in PROFILES:
        assert load_profile(path).loss == LossConfig(), path.stem


@pytest.mark.parametrize("name", ["quick", "open", "paper"])
def test_profiles_of_results_keep_the_paper_s_architecture(name: str) -> None:
    assert load_profile(name).model == ModelConfig()


# Overrides


def test_nothing_of_the_reader_s_own_is_taken_unless_asked_for() -> None:
    own = Profile(name="mine").own
    assert own.model_dump() == {
        "psi": "emoca",  # as in section 4.3
        "face": None,
        "training": None,
        "frames": None,
        "tasks": {},
    }


def test_dotted_overrides_replace_single_settings() -> None:
    before = load_profile("quick")
    after = load_profile("quick", {"training.steps": 7, "pages.training.seeds": [5]})
    assert (after.training.steps, after.pages.training.seeds) == (7, (5,))
    assert vary(after.training, steps=before.training.steps) == before.training
    assert after.model == before.model


def test_an_override_of_none_changes_nothing() -> None:
    overrides = {"training.steps": None, "model.layers": None, "corpus.seed": None}
    assert load_profile("quick", overrides) == load_profile("quick")


@pytest.mark.parametrize("text", ["", "training:\n", "description: x\n"])
def test_overrides_need_no_section_in_the_file(written: Any, text: str) -> None:
    assert written(text, {"training.steps": 7}).training.steps == 7


def test_a_loaded_profile_can_be_overridden_again() -> None:
    before = load_profile("smoke")
    after = override(before, {"training.steps": 7, "model.stages": None})
    assert after.training.steps == 7 and after.name == "smoke"
    assert override(after, {"training.steps": before.training.steps}) == before
    with pytest.raises(ConfigError, match="smoke, with overrides:\n  training.stpes"):
        override(before, {"training.stpes": 7})


# Mistakes


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("training.stpes", 5),  # unknown name
        ("trainig.steps", 5),  # unknown group
        ("training.steps", "many"),
        ("training.steps", 2.5),
        ("training.steps", [3]),
        ("training.steps", 0),
        ("training.learning_rate", -1.0),
        ("training.learning_rate", float("nan")),
        ("training.learning_rate", float("inf")),
        ("training.schedule", "linear"),
        ("training.warmup", 1.0),
        ("training.adam_betas", [0.9]),
        ("training.adam_betas", [0.9, 1.5]),
        ("training.seed", -1),
        ("training.seed", 2**70),
        ("model.codebook_size", 1),
        ("model.dropout", 1.0),
        ("loss.commitment_weight", -0.1),
        ("corpus.real_share", 1.0),
        ("pages.training.seeds", ["one"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError) as error:
        load_profile("quick", {setting: value})
    group = setting.split(".")[0]
    leaf = setting if group in Profile.model_fields else group
    assert leaf in str(error.value)
    parts = value if isinstance(value, list) else [value]
    assert any(repr(part) in str(error.value) for part in parts)
    assert "quick.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model.sequence_length": 7}, "sequence_length=7 does not divide psi_dim=50"),
        ({"model.heads": 3}, "heads=3 does not divide width=128"),
        (
            {"training.codebook_init": "uniform", "training.initialization_share": 0.5},
            "initialization_share needs codebook_init",
        ),
    ],
)
def test_settings_that_do_not_fit_together(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_profile("quick", overrides)


def test_all_mistakes_are_listed_at_once() -> None:
    with pytest.raises(ConfigError, match="(?s)training.steps.*model.layers|model.layers.*steps"):
        load_profile("quick", {"training.steps": 0, "model.layers": 0})


@pytest.mark.parametrize("text", ["a: [", "[1, 2]", "just words", "training: 5\nmodel: 3"])
def test_a_file_that_holds_no_settings(written: Any, text: str) -> None:
    with pytest.raises(ConfigError):
        written(text)


def test_a_group_that_is_no_group(written: Any) -> None:
    with pytest.raises(ConfigError, match="training.steps: training is not a group"):
        written("training: 5", {"training.steps": 3})


def test_a_missing_profile_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no profile 'quik'.*paper.*quick.*smoke"):
        load_profile("quik")
    with pytest.raises(ConfigError, match="no profile"):
        load_profile("somewhere/else.yaml")


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_profile("quick").model.layers = 3


def test_vary_validates_anew() -> None:
    assert vary(ModelConfig(), layers=2).layers == 2
    with pytest.raises(ValidationError, match="does not divide"):
        vary(ModelConfig(), heads=3)
    with pytest.raises(ValidationError, match="layer"):
        vary(ModelConfig(), layer=3)


# Folders


def test_builds_go_below_the_project(checkout: Path) -> None:
    assert project_root() == checkout
    (checkout / "book" / "deep").mkdir()
    assert build_folder(load_profile("smoke")) == checkout / "build" / "smoke"


def test_the_project_is_found_from_below(checkout: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(checkout / "notebooks")
    assert project_root() == checkout
