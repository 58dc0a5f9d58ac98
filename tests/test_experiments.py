"""Null cohorts and learning curves: which cohorts are made, and what is scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dfe.experiments
from dfe.config import TASKS, CohortsConfig, Profile
from dfe.data.cohorts.shapes import FACTS, cohort_shapes
from dfe.data.cohorts.simulate import simulate_task
from dfe.data.task import PSI, TRUE_DISPLAYS, TRUE_STATE, Task
from dfe.experiments import cohort_curve, null_scores
from dfe.model import DFE
from dfe.utility import DFE_TOKENS, Method, task_methods

PROFILE = Profile.model_validate(
    {
        "name": "mine",
        "cohorts": {
            "smiles": {"actors": 6, "frames": 4},
            "stress": {"subjects": 6, "frames": 4},
            "depression": {"train": 20, "dev": 10, "test": 12, "frames": 4},
            "personality": {"train": 20, "dev": 10, "test": 14, "frames": 4},
        },
        "utility": {"penalties": [1.0], "kernels": ["linear"], "stress_folds": 2},
        "pages": {
            "power": {
                "actors": [3, 6],
                "subjects": [2, 4],
                "test_actors": 5,
                "test_subjects": 3,
                "repeats": 2,
            }
        },
    }
)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Task, str]]:
    """Cohorts whose methods were asked for, with the names of their runs; tokens are made up."""
    seen: list[tuple[Task, str]] = []

    def methods(profile: Profile, task: Task, model: DFE, run: str) -> list[Method]:
        seen.append((task, run))
        n = len(task.frames[PSI])
        return task_methods(task, np.random.default_rng(0).integers(0, 8, (n, 2)), 8)

    monkeypatch.setattr(dfe.experiments, "standard_methods", methods)
    return seen


def test_null_scores_are_those_of_null_cohorts(simulated: list[tuple[Task, str]]) -> None:
    table = null_scores(PROFILE, DFE())
    assert list(table) == list(TASKS) and {DFE_TOKENS, TRUE_DISPLAYS} <= set(table.index)
    assert TRUE_STATE not in table.index
    assert [task.name for task, _ in simulated] == list(TASKS)
    for task, _ in simulated:
        expected: Any = getattr(PROFILE.cohorts, task.name).null()
        cohorts = CohortsConfig(**{task.name: expected})
        again = simulate_task(task.name, cohorts)  # type: ignore[arg-type]
        np.testing.assert_array_equal(again.frames[PSI].values, task.frames[PSI].values)
    assert table.loc["chance"].to_dict() == {
        "smiles": 1 / 3,
        "personality": 0,
        "depression": 0,
        "stress": 1 / 2,
    }
    errors = table.loc["standard error"]
    assert errors["smiles"] == pytest.approx(np.sqrt(2 / 9 / 18))
    assert errors["stress"] == pytest.approx(0.5 / np.sqrt(66))
    assert errors["depression"] == pytest.approx(1 / np.sqrt(12))
    assert errors["personality"] == pytest.approx(1 / np.sqrt(14))


@pytest.mark.parametrize(
    ("name", "people", "sizes"), [("smiles", (6, 5), [3, 6]), ("stress", (4, 3), [2, 4])]
)
def test_curves_learn_from_one_cohort_and_are_scored_on_another(
    simulated: list[tuple[Task, str]], name: Any, people: tuple[int, int], sizes: list[int]
) -> None:
    curve = cohort_curve(PROFILE, name, DFE())
    (train, learn), (test, scored) = simulated
    assert (learn, scored) == ("learn", "test"), "tokens of the two are kept apart"
    assert (train.clips["subject"].nunique(), test.clips["subject"].nunique()) == people
    shared = min(len(train.frames[PSI]), len(test.frames[PSI]))
    assert not np.array_equal(train.frames[PSI].values[:shared], test.frames[PSI].values[:shared])
    assert list(curve) == ["method", "role", "size", "value"]
    assert sorted(curve["size"].unique()) == sizes
    assert (curve.groupby(["method", "size"]).size() == 2).all(), "two repeats"
    assert curve["value"].between(0, 1).all()
    assert set(curve.loc[curve["role"] == "ceiling", "method"]) == {TRUE_DISPLAYS, TRUE_STATE}


def test_shapes_count_the_cohorts() -> None:
    tasks = {name: simulate_task(name, PROFILE.cohorts) for name in TASKS}
    table = cohort_shapes(tasks)
    assert len(table) == len(FACTS)
    found = table["simulated"]
    assert found["smiles", "clips; actors"] == "18; 6"
    assert found["stress", "clips; subjects"] == "66; 6"
    stressed = int(tasks["stress"].clips["binary"].sum())
    assert found["stress", "not stressed/stressed"] == f"{66 - stressed}/{stressed}"
    assert found["depression", "train/dev/test"] == "20/10/12"
    clips = tasks["depression"].clips
    high = int((clips["phq"][clips["split"] == "test"] >= 10).sum())
    assert found["depression", "PHQ-8 of 10 or more in test"] == f"{high} of 12"
    people = tasks["personality"].clips
    train = set(people["subject"][people["split"] != "test"])
    known = [who in train for who in people["subject"][people["split"] == "test"]]
    assert found["personality", "test clips of people seen before"] == f"{np.mean(known):.0%}"
    assert list(cohort_shapes({"smiles": tasks["smiles"]}).index) == [("smiles", "clips; actors")]
