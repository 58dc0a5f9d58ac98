"""A page runs again when a setting that it reads changes, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from dfe.config import PAGE_TASKS, TASKS, Profile, TaskFiles, override, page_settings, task_settings
from dfe.config.pages import Pages
from dfe.config.scope import CLIP_PAGES, NO_FRAMES, NO_MODEL, PAGE_READS

BASE = Profile(name="mine")
NOTEBOOKS = (
    "01_data 02_training 03_templates 04_decomposition 05_accuracy 06_diversity 07_smiles "
    "08_personality 09_depression 10_stress 11_ablations 12_losses 13_cohorts 14_power "
    "15_audit 16_scoreboard 17_emotions"
).split()


def concerned(changes: dict[str, Any]) -> set[str]:
    """Pages that a change of settings runs again."""
    other = override(BASE, changes)
    return {n for n in NOTEBOOKS if page_settings(BASE, n) != page_settings(other, n)}


@pytest.mark.parametrize(
    ("setting", "value", "pages"),
    [
        ("cohorts.stress.effect", 0.5, {"10_stress", "11_ablations", "13_cohorts", "14_power"}),
        ("cohorts.smiles.effect", 0.5, {"07_smiles", "13_cohorts", "14_power"}),
        ("cohorts.depression.interviewer_shift", 0, {"09_depression", "13_cohorts"}),
        ("cohorts.personality.seed", 1, {"08_personality", "13_cohorts"}),
        ("cohorts.people.style", 0.0, set(PAGE_TASKS)),
        ("cohorts.observers.coder_error", 0.0, set(PAGE_TASKS)),
        ("utility.penalties", [1.0], {*PAGE_TASKS, *CLIP_PAGES}),
        ("pages.emotions.every", 2, {"17_emotions"}),
        ("pages.smiles.tokens", 5, {"07_smiles"}),
        ("pages.power.repeats", 2, {"14_power"}),
        ("pages.accuracy.minimum_matches", 4, {"05_accuracy"}),
        ("announcement", "hello", set()),
        ("description", "hello", set()),
        ("model.stages", 3, {"02_training", "11_ablations", "12_losses"}),  # and the model's pages
        ("variants.steps", 3, {"11_ablations", "12_losses"}),
        ("database.simulated", 300, {"05_accuracy", "06_diversity"}),
        ("train", "pretrained", set(NOTEBOOKS) - set(NO_MODEL)),
        ("notebook_hours", 1, set()),
        ("pages.audit.largest", 90, {"15_audit"}),
        ("corpus.simulated", 3, set(NOTEBOOKS) - set(NO_FRAMES)),
        ("own.psi", "smirk", set(NOTEBOOKS) - set(NO_FRAMES)),
        ("own.frames", "aff-wild2", {"05_accuracy", "06_diversity", "11_ablations"}),
        ("own.tasks", {"depression": "avec2019-dds"}, {"09_depression"}),
    ],
)
def test_a_change_concerns(setting: str, value: Any, pages: set[str]) -> None:
    assert concerned({setting: value}) == pages


def test_own_files_concern_the_pages_of_their_task() -> None:
    own = {"utility.tasks": {"smiles": {"clips": "c.csv", "psi": "p.parquet"}}}
    assert concerned(own) == {"07_smiles"}, "the pages on the cohorts always simulate theirs"


@pytest.mark.parametrize("name", ["13_cohorts", "14_power"])
def test_simulated_pages_follow_their_cohorts_whatever_is_the_readers_own(name: str) -> None:
    own = override(BASE, {"own.tasks": {"stress": "stressid"}})
    other = override(own, {"cohorts.stress.effect": 0.5})
    assert page_settings(own, name) != page_settings(other, name)
    assert page_settings(own, "10_stress") == page_settings(other, "10_stress")


def test_what_models_learn_from_concerns_every_page() -> None:
    trees = [
        {"train": "scratch"},
        {"train": "scratch", "own": {"training": "affectnet"}},
        {"train": "scratch", "own": {"training": "affectnet", "face": "flame.npz"}},
    ]
    base, open_head, flame = (Profile.model_validate({"name": "mine"} | tree) for tree in trees)
    for page in set(NOTEBOOKS) - set(NO_MODEL):
        first, second, third = (page_settings(one, page) for one in (base, open_head, flame))
        assert first != second != third, page
    other = override(open_head, {"own.training": "aff-wild2"})
    assert page_settings(open_head, "10_stress") != page_settings(other, "10_stress")


def test_a_data_set_stands_for_the_cohort_and_single_files_for_both() -> None:
    own = override(BASE, {"own.tasks": {"smiles": "smilestimuli"}})
    assert task_settings(own, "smiles") == {"own": "smilestimuli"}
    assert task_settings(own, "stress") == task_settings(BASE, "stress")
    files = TaskFiles(clips="c.csv", psi="p.parquet")
    both = override(own, {"utility.tasks": {"smiles": files.model_dump()}})
    assert task_settings(both, "smiles") == files.model_dump(mode="json")


def test_own_files_stand_for_the_cohort() -> None:
    files = TaskFiles(clips="c.csv", psi="p.parquet")
    other = override(BASE, {"utility.tasks": {"smiles": files.model_dump()}})
    assert task_settings(other, "smiles") == files.model_dump(mode="json")
    assert set(task_settings(BASE, "smiles")) == {"people", "observers", "smiles"}


def test_every_page_with_settings_is_a_notebook_and_every_task_has_a_page() -> None:
    stems = {name.partition("_")[2] for name in NOTEBOOKS}
    assert set(Pages.model_fields) <= stems
    assert set(PAGE_TASKS) <= set(NOTEBOOKS) == set(PAGE_READS)
    assert {task for tasks in PAGE_TASKS.values() for task in tasks} == set(TASKS)
