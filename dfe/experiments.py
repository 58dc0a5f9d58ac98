"""What the pages on cohorts and on their size try out: no effect at all, and more people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from dfe.config import TASKS, Profile, TaskName, vary
from dfe.data.cohorts.simulate import simulate_task
from dfe.data.task import TRUE_STATE, Task
from dfe.metrics import ACCURACY, BALANCED_ACCURACY, CCC, score
from dfe.model import DFE
from dfe.tasks import sized_cohort, standard_methods
from dfe.utility import (
    Method,
    classify,
    grouped_folds,
    learning_curve,
    official_dev,
    official_split,
    regress,
)

#: Task -> the label that stands for it, its measure, and the value of a method that knows nothing.
_LABELS: dict[TaskName, tuple[str, float]] = {
    "smiles": ("smile", 1 / 3),
    "personality": ("extraversion", 0.0),
    "depression": ("phq", 0.0),
    "stress": ("binary", 1 / 2),
}


def null_scores(profile: Profile, model: DFE) -> pd.DataFrame:
    """Score all methods on cohorts without any tie between labels and behavior.

    Balanced accuracy of smiles and of stress (grouped folds), CCC of extraversion and of PHQ-8
    (official split). The true state is left out: there is none.

    Returns
    -------
    One row for each method, one column for each task; then the rows ``chance`` and
    ``standard error``, of a method at chance if clips were independent.
    """
    found = {}
    for name in TASKS:
        cohort = getattr(profile.cohorts, name)
        cohorts = vary(profile.cohorts, **{name: cohort.null().model_dump()})
        task = simulate_task(name, cohorts)
        methods = standard_methods(profile, task, model, "null")
        values = {m.name: _scored(profile, task, m) for m in methods if m.name != TRUE_STATE}
        chance, n = _LABELS[name][1], _n_scored(task)
        error = np.sqrt(chance * (1 - chance) / n) if chance else 1 / np.sqrt(n)
        found[name] = values | {"chance": chance, "standard error": float(error)}
    return pd.DataFrame(found).rename_axis("method")


def _n_scored(task: Task) -> int:
    test = (task.clips["split"] == "test").sum()
    return int(test) or len(task.clips)


def _scored(profile: Profile, task: Task, method: Method) -> float:
    """Value of one method on one task, by the measure of `null_scores`."""
    clips, rules = task.clips, profile.utility
    label = _LABELS[task.name][0]  # type: ignore[index]
    if task.name in ("smiles", "stress"):
        truth, who = clips[label].to_numpy(), clips["subject"].to_numpy(str)
        model: Literal["logistic", "svm"] = "logistic" if task.name == "smiles" else "svm"
        folds = grouped_folds(who, rules.stress_folds)
        made = classify(method, truth, folds, rules, groups=who, model=model)
        return score(BALANCED_ACCURACY, truth, made.predicted)
    split, truth = clips["split"].to_numpy(str), clips[label].to_numpy(float)
    made = regress(method, truth, official_split(split), rules, inner=official_dev(split))
    return score(CCC, truth[split == "test"], made.predicted)


def cohort_curve(profile: Profile, name: Literal["smiles", "stress"], model: DFE) -> pd.DataFrame:
    """Learning curves of all methods on large cohorts like the profile's.

    Methods learn from more and more people of one cohort and are scored on all people of another
    one: accuracy of the three smiles (logistic regression), balanced accuracy of binary stress
    (support vector machine). Sizes, repeats and seed are those of `profile.pages.power`.

    Returns
    -------
    One row for each method, size and draw: ``method``, ``role``, ``size``, ``value``.
    """
    page = profile.pages.power
    smiles = name == "smiles"
    sizes: Sequence[int] = page.actors if smiles else page.subjects
    test = sized_cohort(
        profile, name, page.test_actors if smiles else page.test_subjects, page.seed + 1
    )
    train = sized_cohort(profile, name, max(sizes), page.seed)
    measure, label = (ACCURACY if smiles else BALANCED_ACCURACY), _LABELS[name][0]
    how: dict[str, Any] = {"model": "logistic" if smiles else "svm", "repeats": page.repeats}
    found = []
    for to_train, to_test in zip(
        standard_methods(profile, train, model, "learn"),
        standard_methods(profile, test, model, "test"),
        strict=True,
    ):
        curve = learning_curve(
            to_train,
            train.clips[label].to_numpy(),
            train.clips["subject"].to_numpy(str),
            to_test,
            test.clips[label].to_numpy(),
            sizes,
            profile.utility,
            [measure],
            seed=page.seed,
            **how,
        )
        curve = curve.rename(columns={measure.name: "value"})[["size", "value"]]
        found.append(curve.assign(method=to_train.name, role=to_train.role))
    return pd.concat(found, ignore_index=True)[["method", "role", "size", "value"]]
