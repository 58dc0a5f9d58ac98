"""Where a build keeps things: a page with other settings never overwrites another page's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.cohorts import task_path
from dfe.config import (
    TASKS,
    Profile,
    build_folder,
    kept_path,
    load_profile,
    output_folder,
    override,
)
from dfe.config.kept import BASIS, CORPUS, DATABASE, FEATURES, MODEL, OUTPUT, VARIANT, cohort
from dfe.runs import model_folder, variant_folder

PARTS = {
    "features": FEATURES,
    "corpus": CORPUS,
    "model": MODEL,
    "variant": VARIANT,
    "database": DATABASE,
    "basis": BASIS,
    **{f"cohort {task}": cohort(task) for task in TASKS},
}
LEARNED = {"model", "variant", "database"}
READ = {"corpus", "basis", *LEARNED}
OVERRIDES: dict[str, list[Any]] = {
    "training.steps": [1, 2],
    "model.layers": [1, 3],
    "cohorts.stress.effect": [0.25, 0.5],
    "utility.penalties": [[1.0], [1.0, 2.0]],
    "pages.accuracy.observers": [{"a": "x.csv"}, {"a": "y.csv"}, {"b": "x.csv"}],
    "own.psi": ["smirk"],
}
CHANGES = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in OVERRIDES.items()}
)
QUICK = load_profile("quick")


@pytest.fixture
def profile(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """The small checkout's profile."""
    monkeypatch.delenv(OUTPUT, raising=False)
    return load_profile("smoke")


@pytest.mark.parametrize(
    ("setting", "value", "aside"),
    [
        ("cohorts.stress.effect", 0.5, {"cohort stress"}),
        ("cohorts.people.style", 0.0, {f"cohort {task}" for task in TASKS}),
        ("cohorts.observers.coder_error", 0.0, {f"cohort {task}" for task in TASKS}),
        ("data.limit", 3, {"features", *READ}),
        ("corpus.simulated", 500, READ),
        ("model.layers", 3, LEARNED),
        ("loss.l1_weight", 0.0, LEARNED),
        ("training.steps", 3, LEARNED),
        ("train", "pretrained", LEARNED),
        ("checkpoint", "a.safetensors", LEARNED),
        ("variants.steps", 3, {"variant"}),
        ("variants.initialization_share", 0.1, {"variant"}),
        ("variants.seeds", [3], set()),  # it says which runs there are, and changes none
        ("database.simulated", 300, {"database"}),
        ("utility.basis_rows", 50, {"basis"}),
        ("utility.bootstrap", 50, set()),
        (
            "utility.tasks",
            {"smiles": {"clips": "c.csv", "psi": "p.parquet"}},
            {"cohort smiles"},
        ),
        ("own.psi", "smirk", READ | {f"cohort {task}" for task in TASKS}),
        ("own.frames", "aff-wild2", {f"cohort {task}" for task in TASKS}),
        ("pages.smiles.tokens", 5, set()),
        ("announcement", "hello", set()),
        ("notebook_hours", 1, set()),
    ],
)
def test_a_tweak_moves_what_depends_on_it(
    profile: Profile, setting: str, value: Any, aside: set[str]
) -> None:
    tweaked = override(profile, {setting: value})
    plain = {n: kept_path(profile, "x", depends) for n, depends in PARTS.items()}
    assert set(plain.values()) == {build_folder(profile) / "x"}
    moved = {n for n, depends in PARTS.items() if kept_path(tweaked, "x", depends) != plain[n]}
    assert moved == aside
    assert output_folder(tweaked) != build_folder(profile) == output_folder(profile)


def test_a_page_of_another_cohort_shares_the_model(profile: Profile, checkout: Path) -> None:
    tweaked = override(profile, {"cohorts.stress.effect": 0.5})
    assert model_folder(tweaked) == model_folder(profile) == checkout / "build/smoke/model"
    assert variant_folder(tweaked, "k16", 0) == checkout / "build/smoke/variants/k16/seed-0"
    assert task_path(tweaked, "smiles") == checkout / "build/smoke/cohorts/smiles.safetensors"
    path = task_path(tweaked, "stress").relative_to(checkout / "build/smoke")
    folder, hashed, *rest = path.parts
    assert (folder, len(hashed), rest) == ("tweaked", 10, ["cohorts", "stress.safetensors"])


def test_what_else_is_changed_does_not_matter(profile: Profile) -> None:
    """Two pages that agree about a cohort share it, whatever else they change."""
    one = override(profile, {"cohorts.stress.effect": 0.5, "training.steps": 3})
    other = override(profile, {"cohorts.stress.effect": 0.5, "pages.smiles.tokens": 5})
    assert task_path(one, "stress") == task_path(other, "stress")
    assert output_folder(one) != output_folder(other)


def test_a_table_that_came_with_a_tweak_moves_what_depends_on_a_part(profile: Profile) -> None:
    tasks = {"utility.tasks": {"smiles": {"clips": "c.csv", "psi": "p.parquet"}}}
    tweaked = override(profile, tasks)
    assert list(tweaked.tweaks()) == ["utility.tasks.smiles"]
    part = ("utility.tasks.smiles.clips",)
    assert kept_path(tweaked, "x", part) != build_folder(profile) / "x"


def test_a_name_is_no_prefix_of_another(profile: Profile) -> None:
    tweaked = override(profile, {"own.training": "aff-wild2", "train": "scratch"})
    assert list(tweaked.tweaks()) == ["own.training"]
    assert kept_path(tweaked, "x", ("train", "own.train")) == build_folder(profile) / "x"
    assert kept_path(tweaked, "x", ("own",)) != build_folder(profile) / "x"


@given(CHANGES, CHANGES)
def test_equal_tweaks_alone_share_a_folder(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = override(QUICK, one), override(QUICK, dict(reversed(other.items())))
    everything = tuple(Profile.model_fields)
    same = kept_path(first, "x", everything) == kept_path(second, "x", everything)
    assert same == (one == other) == (first.tweaks() == second.tweaks())


@given(CHANGES)
def test_an_override_back_is_none(changes: dict[str, Any]) -> None:
    before = QUICK.model_dump(mode="json")
    back = {}
    for dotted in changes:
        group, *rest = dotted.split(".")
        value = before[group]
        for part in rest:
            value = value[part]
        back[dotted] = value
    restored = override(override(QUICK, changes), back)
    assert restored == QUICK and restored.tweaks() == {}
    assert output_folder(restored) == build_folder(QUICK)


def test_the_file_s_own_value_is_no_tweak(checkout: Path) -> None:
    (checkout / "profiles" / "mine.yaml").write_text("cohorts: {stress: {effect: 0.5}}\n")
    assert load_profile("mine", {"cohorts.stress.effect": 0.5}).tweaks() == {}
    assert load_profile("mine", {"cohorts.stress.effect": 1}).tweaks() == {
        "cohorts.stress.effect": 1.0
    }


def test_a_build_says_where_a_page_s_results_go(
    profile: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OUTPUT, str(checkout / "elsewhere"))
    tweaked = override(profile, {"training.steps": 3})
    assert output_folder(profile) == output_folder(tweaked) == checkout / "elsewhere"
    assert kept_path(tweaked, "x", MODEL).parent.parent.name == "tweaked", "shared things stay"
    assert OUTPUT == "DFE_OUTPUT"
