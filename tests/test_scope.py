"""A page runs again when a setting that it reads changes, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from dfe.config import PAGE_TASKS, TASKS, Profile, TaskFiles, override, page_settings, task_settings
from dfe.config.pages import Pages

BASE = Profile(name="mine")
NOTEBOOKS = (
    "01_data 02_training 03_templates 04_decomposition 05_accuracy 06_diversity 07_smiles "
    "08_personality 09_depression 10_stress 11_ablations 12_losses 13_cohorts 14_power"
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
        ("utility.penalties", [1.0], set(PAGE_TASKS)),
        ("pages.smiles.tokens", 5, {"07_smiles"}),
        ("pages.power.repeats", 2, {"14_power"}),
        ("pages.accuracy.minimum_matches", 4, {"05_accuracy"}),
        ("announcement", "hello", set()),
        ("description", "hello", set()),
        ("model.stages", 3, set(NOTEBOOKS)),
        ("corpus.simulated", 3, set(NOTEBOOKS)),
    ],
)
def test_a_change_concerns(setting: str, value: Any, pages: set[str]) -> None:
    assert concerned({setting: value}) == pages


def test_own_files_concern_the_pages_of_their_task() -> None:
    own = {"utility.tasks": {"smiles": {"clips": "c.csv", "psi": "p.parquet"}}}
    assert concerned(own) == {"07_smiles", "13_cohorts", "14_power"}


def test_own_files_stand_for_the_cohort() -> None:
    files = TaskFiles(clips="c.csv", psi="p.parquet")
    other = override(BASE, {"utility.tasks": {"smiles": files.model_dump()}})
    assert task_settings(other, "smiles") == files.model_dump(mode="json")
    assert set(task_settings(BASE, "smiles")) == {"people", "observers", "smiles"}


def test_every_page_with_settings_is_a_notebook_and_every_task_has_a_page() -> None:
    stems = {name.partition("_")[2] for name in NOTEBOOKS}
    assert set(Pages.model_fields) <= stems
    assert set(PAGE_TASKS) <= set(NOTEBOOKS)
    assert {task for tasks in PAGE_TASKS.values() for task in tasks} == set(TASKS)
