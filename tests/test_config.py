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
    describe_errors,
    did_you_mean,
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


# What differs from the file


def test_tweaks_are_what_differs_from_the_file(written: Any) -> None:
    profile = written("training: {steps: 5}\nutility: {penalties: [1.0]}")
    assert profile.tweaks() == {}
    changed = override(profile, {"training.steps": 7, "utility.penalties": [1.0, 2.0]})
    assert changed.tweaks() == {"training.steps": 7, "utility.penalties": [1.0, 2.0]}
    assert list(changed.tweaks()) == ["training.steps", "utility.penalties"], "in order"
    again = override(changed, {"training.steps": 5, "model.layers": 3})
    assert again.tweaks() == {"model.layers": 3, "utility.penalties": [1.0, 2.0]}
    assert profile.tweaks() == {}, "the first one stays as it was"


def test_tweaks_of_optional_things_and_of_tables(written: Any) -> None:
    own = {"clips": "c.csv", "psi": "p.parquet"}
    tweaks = written("", {"utility.tasks": {"smiles": own}, "own.psi": "smirk"}).tweaks()
    assert tweaks["own.psi"] == "smirk" and tweaks["utility.tasks.smiles"]["clips"] == "c.csv"
    path = {"checkpoint": "a/b.safetensors"}
    assert written("", path).tweaks() == path
    assert written("checkpoint: a/b.safetensors", path).tweaks() == {}


def test_overrides_of_load_profile_are_tweaks_too(written: Any) -> None:
    assert written("", {"training.steps": 7}).tweaks() == {"training.steps": 7}
    assert Profile(name="mine", train="pretrained").tweaks() == {}, "of no file"


def test_profiles_of_the_same_settings_are_equal_whatever_their_file(written: Any) -> None:
    one, other = written("training: {steps: 7}"), written("", {"training.steps": 7})
    assert one == other and one != written("") and one != 3
    assert override(one, {}) is one and override(one, {"training.steps": None}) is one


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
    assert "quick, with overrides" in str(error.value)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("training.stpes", 5, "training.stpes: no such setting (got 5); did you mean 'steps'?"),
        (
            "trainig.steps",
            5,
            "trainig: no such setting (got {'steps': 5}); did you mean 'training'?",
        ),
        ("cohorts.stress.efect", 1, "cohorts.stress.efect: no such setting (got 1); did you mean"),
        ("cohorts.stress.nothing_like_it", 1, "nothing_like_it: no such setting (got 1)\n"),
        (
            "training.steps",
            True,
            "training.steps: a number is wanted, not true or false (got True)",
        ),
        ("variants.steps", True, "variants.steps: a number is wanted"),  # None is allowed, too
        ("training.seed", False, "training.seed: a number is wanted"),
        ("training.learning_rate", True, "training.learning_rate: a number is wanted"),
        ("pages.training.seeds", [True], "pages.training.seeds: no list has true or false in it"),
        ("utility.penalties", (1.0, False), "utility.penalties: no list has true or false in it"),
        ("model.final_norm", 1, "model.final_norm: true or false is wanted (got 1)"),
        ("model.final_norm", "yes", "model.final_norm: true or false is wanted (got 'yes')"),
        ("training.steps.x", 3, "training.steps.x: steps is not a group of settings"),
    ],
)
def test_what_is_wrong_is_said_in_words(setting: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_profile("quick", {setting: value})
    assert message in f"{error.value}\n"


def test_names_in_other_models_are_not_proposed() -> None:
    with pytest.raises(ConfigError) as error:
        load_profile("quick", {"utility.tasks": {"smiles": {"clps": "c", "psi": "p"}}})
    assert "utility.tasks.smiles.clps: no such setting (got 'c')" in str(error.value)
    assert "did you mean" not in str(error.value)


def test_without_its_model_an_error_is_pydantic_s() -> None:
    with pytest.raises(ValidationError) as error:
        ModelConfig.model_validate({"layer": 3, "heads": 3})
    assert describe_errors(error.value) == "  layer: Extra inputs are not permitted (got 3)"
    assert describe_errors(error.value, ModelConfig).endswith("; did you mean 'layers'?")
    with pytest.raises(ValidationError) as error:
        ModelConfig.model_validate({"heads": 3})
    text = describe_errors(error.value, ModelConfig)
    assert text.startswith("  (top level): heads=3 does not divide width=128 (got {'heads': 3")


def test_the_nearest_name_is_proposed() -> None:
    assert did_you_mean("stpes", ["seeds", "steps"]) == "; did you mean 'steps'?"
    assert did_you_mean("stpes", iter(["steps"])) == "; did you mean 'steps'?"
    assert did_you_mean("xyz", ["steps"]) == did_you_mean("steps", []) == ""


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
    with pytest.raises(ConfigError, match="mine.yaml:\n  training: .*dictionary"):
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


def test_a_profile_says_where_it_is_found_again(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert load_profile("smoke").asked == "smoke"
    mine = checkout / "profiles" / "mine.yaml"
    mine.write_text("training: {steps: 3}\n")
    monkeypatch.chdir(checkout / "profiles")
    for name in ("mine.yaml", mine, "profiles/mine.yaml"):  # from here, absolute, from the project
        assert load_profile(name).asked == "profiles/mine.yaml"
    outside = tmp_path_factory.mktemp("elsewhere") / "mine.yaml"
    outside.write_text("name: other\n")
    found = load_profile(outside, {"training.steps": 5})
    assert found.asked == str(outside.resolve()) and load_profile(found.asked).name == "other"
