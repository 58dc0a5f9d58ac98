"""Without effects every method falls to chance; with them the truth is far above it.

The whole chain is run: scripts, people, displays, psi, observers, tokens, Facial Basis, protocols.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from dfe import metrics
from dfe.config import CohortsConfig, TaskName, UtilityConfig, vary
from dfe.data.cohorts.simulate import simulate_task
from dfe.data.simulate import sample_units
from dfe.data.task import TRUE_DISPLAYS, TRUE_STATE, Task
from dfe.face import OpenHead
from dfe.facial_basis import FacialBasis
from dfe.model import DFE
from dfe.utility import (
    Method,
    classify,
    grouped_folds,
    official_dev,
    official_split,
    regress,
    task_methods,
    ungrouped_folds,
)

RULES = UtilityConfig(penalties=(0.1,), kernels=("linear",))  # one candidate: no inner search
COHORTS = CohortsConfig.model_validate(
    {
        "smiles": {"actors": 40, "frames": 8},
        "stress": {"subjects": 40, "frames": 8, "subject_share": 0.8, "task_share": 0.2},
        "depression": {"train": 150, "dev": 50, "test": 200, "frames": 10},
        "personality": {"train": 250, "dev": 50, "test": 200, "frames": 8},
    }
)


@cache
def basis() -> FacialBasis:
    return FacialBasis(rows=200, max_iter=5).fit(OpenHead().units_to_psi(sample_units(200, seed=0)))


@cache
def made(name: TaskName, null: bool) -> tuple[Task, list[Method]]:
    """A cohort and its methods; the state of a null cohort is no state and left out."""
    cohort = getattr(COHORTS, name)
    cohorts = vary(COHORTS, **{name: (cohort.null() if null else cohort).model_dump()})
    task, model = simulate_task(name, cohorts), DFE.from_pretrained("open")
    psi = task.frames["psi"].values
    methods = task_methods(
        task, model.encode(psi), model.config.codebook_size, basis().transform(psi)
    )
    return task, [m for m in methods if not (null and m.name == TRUE_STATE)]


def far_from(chance: float, found: dict[str, float], error: float) -> dict[str, float]:
    """Methods whose value lies more than 3.5 standard errors from chance."""
    return {name: value for name, value in found.items() if abs(value - chance) > 3.5 * error}


def smile_accuracies(null: bool) -> dict[str, float]:
    task, methods = made("smiles", null)
    types, actor = task.clips["smile"].to_numpy(str), task.clips["subject"].to_numpy(str)
    outer = grouped_folds(actor, 5)
    return {
        m.name: metrics.score(
            metrics.ACCURACY,
            types,
            classify(m, types, outer, RULES, groups=actor, model="logistic").predicted,
        )
        for m in methods
    }


def test_smiles() -> None:
    assert far_from(1 / 3, smile_accuracies(null=True), np.sqrt(2 / 9 / 120)) == {}
    assert smile_accuracies(null=False)[TRUE_DISPLAYS] > 0.6


def stress_accuracies(null: bool, grouped: bool) -> dict[str, float]:
    task, methods = made("stress", null)
    truth, person = task.clips["binary"].to_numpy(int), task.clips["subject"].to_numpy(str)
    outer = grouped_folds(person, 4) if grouped else ungrouped_folds(truth, 4, seed=0)
    how: dict[str, Any] = {"groups": person} if grouped else {"inner": "stratified"}
    return {
        m.name: metrics.score(
            metrics.BALANCED_ACCURACY, truth, classify(m, truth, outer, RULES, **how).predicted
        )
        for m in methods
    }


def test_stress_by_subject() -> None:
    # Labels of a subject go together, so the 440 clips are worth far fewer independent ones.
    assert far_from(1 / 2, stress_accuracies(null=True, grouped=True), 0.5 / np.sqrt(120)) == {}
    assert stress_accuracies(null=False, grouped=True)[TRUE_DISPLAYS] > 0.6


def test_without_groups_identity_alone_beats_chance() -> None:
    found = stress_accuracies(null=True, grouped=False)
    assert found["holistic embedding"] > 0.6, "this is leakage, and no effect"


def test_depression() -> None:
    def concordance(null: bool) -> dict[str, float]:
        task, methods = made("depression", null)
        phq, split = task.clips["phq"].to_numpy(float), task.clips["split"].to_numpy(str)
        outer, inner, truth = official_split(split), official_dev(split), phq[split == "test"]
        return {
            m.name: metrics.score(
                metrics.CCC, truth, regress(m, phq, outer, RULES, inner=inner).predicted
            )
            for m in methods
        }

    assert far_from(0, concordance(null=True), 1 / np.sqrt(200)) == {}
    assert concordance(null=False)[TRUE_STATE] > 0.5


@pytest.mark.parametrize("trait", ["extraversion", "neuroticism"])
def test_personality(trait: str) -> None:
    def concordance(null: bool) -> dict[str, float]:
        task, methods = made("personality", null)
        value, split = task.clips[trait].to_numpy(float), task.clips["split"].to_numpy(str)
        outer, inner, truth = official_split(split), official_dev(split), value[split == "test"]
        return {
            m.name: metrics.score(
                metrics.CCC, truth, regress(m, value, outer, RULES, inner=inner).predicted
            )
            for m in methods
        }

    assert far_from(0, concordance(null=True), 1 / np.sqrt(200)) == {}
    assert concordance(null=False)[TRUE_STATE] > 0.5
