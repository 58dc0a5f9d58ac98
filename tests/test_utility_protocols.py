"""Protocols: the same as a loop over scikit-learn, and no look at the clips that are scored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR
from utility_support import GRID, ONE, Floats, Spy, cohort, method, spied, weighted_f1

from dfe.config import UtilityConfig
from dfe.metrics import ACCURACY, AUC, CCC, RMSE, score
from dfe.utility import (
    classify,
    grouped_folds,
    leave_one_group_out,
    official_dev,
    official_split,
    regress,
    ungrouped_folds,
)

# The same as a loop over scikit-learn


def by_hand(
    features: Floats,
    y: Any,
    outer: Any,
    estimators: dict[str, Any],
    inner: Any,
    groups: Any,
    measure: Callable[[Any, Any], float],
    prefix: str = "model",
) -> tuple[NDArray[Any], list[Any], list[dict[str, Any]]]:
    """Predictions in the order of the rows, the searches, and their hyper-parameters."""
    grid = [
        {"model": [estimator], f"{prefix}__C": [C]}
        for C in GRID.penalties
        for estimator in estimators.values()
    ]
    names = {repr(estimator): kernel for kernel, estimator in estimators.items()}
    predicted, searches, chosen = np.empty(len(y), np.asarray(y).dtype), [], []
    for train, test in outer:
        pipeline = Pipeline([("scale", StandardScaler()), ("model", None)])
        search = GridSearchCV(pipeline, grid, cv=inner, scoring=make_scorer(measure))
        grouped = isinstance(inner, GroupKFold | StratifiedGroupKFold)
        search.fit(features[train], y[train], groups=groups[train] if grouped else None)
        predicted[test] = search.predict(features[test])
        searches.append(search)
        kernel = names[repr(search.best_params_["model"])]
        chosen.append({"C": search.best_params_[f"{prefix}__C"], "inner_folds": 3})
        chosen[-1] |= {"kernel": kernel} if kernel else {}
    return predicted, searches, chosen


@pytest.mark.parametrize(
    ("model", "n_classes", "width", "grouped"),
    [
        ("svm", 2, 4, True),
        ("svm", 3, 4, False),
        ("svm", 2, 60, False),  # more features than clips: rotated, and the dual problem
        ("svm", 3, 60, True),
        ("logistic", 2, 4, True),
        ("logistic", 3, 60, False),
    ],
)
def test_classify_is_a_nested_grid_search(
    model: Any, n_classes: int, width: int, grouped: bool
) -> None:
    features, y, groups = cohort(12, 3, width, n_classes, seed=width + n_classes)
    outer = grouped_folds(groups, 3) if grouped else ungrouped_folds(y, 3, seed=1)
    inner = StratifiedGroupKFold(3) if grouped else StratifiedKFold(3, shuffle=True, random_state=4)
    linear = LinearSVC(dual=width == 60, max_iter=9999, tol=1e-6, random_state=0)
    estimators = {"linear": linear, "rbf": SVC()}
    if model == "logistic":
        estimators = {"": LogisticRegression(max_iter=1000)}
    predicted, searches, chosen = by_hand(
        features, y, outer, estimators, inner, groups, weighted_f1
    )
    found = classify(
        method(features),
        y,
        outer,
        GRID,
        groups=groups,
        inner="grouped" if grouped else "stratified",
        model=model,
    )
    np.testing.assert_array_equal(found.rows, np.arange(len(y)))
    np.testing.assert_array_equal(found.predicted, predicted)
    assert found.chosen == chosen
    assert found.score is not None
    for search, (_, test) in zip(searches, outer, strict=True):
        kind = "predict_proba" if model == "logistic" else "decision_function"
        theirs = getattr(search, kind)(features[test])
        theirs = theirs[:, 1] if theirs.ndim == 2 and n_classes == 2 else theirs
        np.testing.assert_allclose(found.score[test], theirs, rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    ("inner", "width", "select"),
    [("grouped", 4, CCC), ("stratified", 60, CCC), ("stratified", 4, RMSE), ("grouped", 60, RMSE)],
)
def test_regress_is_a_nested_grid_search(inner: Any, width: int, select: Any) -> None:
    features, y, groups = cohort(12, 3, width)
    values = (y == "calm") * 40 + np.random.default_rng(0).normal(size=len(y))
    outer = grouped_folds(groups, 3)
    sign = 1 if select.better == "higher" else -1
    linear = LinearSVR(epsilon=0.1, loss="squared_epsilon_insensitive", dual=False, max_iter=9999)
    estimators = {
        name: TransformedTargetRegressor(model, transformer=StandardScaler())
        for name, model in (("linear", linear), ("rbf", SVR(epsilon=0.1)))
    }
    predicted, _, chosen = by_hand(
        features,
        values,
        outer,
        estimators,
        GroupKFold(3) if inner == "grouped" else KFold(3, shuffle=True, random_state=4),
        groups,
        lambda truth, guess: sign * score(select, truth, guess),
        "model__regressor",
    )
    found = regress(
        method(features), values, outer, GRID, groups=groups, inner=inner, select=select
    )
    np.testing.assert_allclose(found.predicted, predicted, atol=0.05)
    assert found.score is None
    assert found.chosen == chosen


def test_the_official_protocol_chooses_on_dev_and_refits_on_both() -> None:
    features, y, _ = cohort(20, 3, 5)
    split = np.repeat(["train", "dev", "test"], 20)
    train, dev, test = (np.flatnonzero(split == part) for part in ("train", "dev", "test"))
    both = np.union1d(train, dev)

    def pipeline(C: float) -> Pipeline:
        return Pipeline([("scale", StandardScaler()), ("model", SVC(C=C))])

    grid = (0.01, 0.3, 10.0)
    on_dev = [
        f1_score(y[dev], pipeline(C).fit(features[train], y[train]).predict(features[dev]),
                 average="weighted")
        for C in grid
    ]  # fmt: skip
    best = grid[int(np.argmax(on_dev))]
    settings = UtilityConfig(penalties=grid, kernels=("rbf",))
    found = classify(
        method(features), y, official_split(split), settings, inner=official_dev(split)
    )
    assert found.chosen == [{"C": best, "kernel": "rbf", "inner_folds": 1}]
    np.testing.assert_array_equal(found.rows, test)
    expected = pipeline(best).fit(features[both], y[both])
    np.testing.assert_array_equal(found.predicted, expected.predict(features[test]))
    np.testing.assert_allclose(found.score, expected.decision_function(features[test]))


def test_rows_of_the_result_rise_whatever_the_order_of_folds_is() -> None:
    features, y, groups = cohort()
    outer = grouped_folds(groups, 5)
    a = classify(method(features), y, outer, ONE, groups=groups)
    b = classify(method(features), y, outer[::-1], ONE, groups=groups)
    np.testing.assert_array_equal(b.rows, np.arange(len(y)))
    np.testing.assert_array_equal(a.predicted, b.predicted)
    np.testing.assert_array_equal(a.score, b.score)
    part = classify(method(features), y, outer[1:2], ONE, groups=groups)
    np.testing.assert_array_equal(part.rows, outer[1][1])
    np.testing.assert_array_equal(part.predicted, a.predicted[outer[1][1]])


def test_ties_go_to_the_smallest_c_and_the_first_kernel() -> None:
    y = np.tile([0, 1], 20)
    found = classify(
        method(np.column_stack([y, y]) * 10.0),
        y,
        leave_one_group_out(np.repeat(np.arange(10), 4)),
        UtilityConfig(penalties=(1.0, 5.0), kernels=("rbf", "linear")),
        inner="stratified",
    )
    assert {(choice["C"], choice["kernel"]) for choice in found.chosen} == {(1.0, "rbf")}


# No look at the clips that are scored


def test_each_fit_sees_training_clips_of_whole_groups_only() -> None:
    features, y, groups = cohort(8, 3)
    outer = grouped_folds(groups, 4)
    for fold in outer:
        test = set(fold[1].tolist())
        classify(spied(features), y, [fold], GRID, groups=groups)
        assert len(Spy.fits) == 4  # three inner folds and the refit
        assert not any(rows & test for rows in Spy.fits)
        assert Spy.fits[-1] == set(fold[0].tolist())
        for rows in Spy.fits:
            assert set(np.flatnonzero(np.isin(groups, groups[sorted(rows)]))) == rows


def test_the_official_test_set_is_never_fitted() -> None:
    features, y, _ = cohort(15, 3)
    split = np.resize(["train", "train", "test", "dev"], len(y))
    for run in (classify, regress):
        labels = y if run is classify else features[:, 0]
        run(spied(features), labels, official_split(split), GRID, inner=official_dev(split))
        train = set(np.flatnonzero(split == "train").tolist())
        assert Spy.fits == [train, train | set(np.flatnonzero(split == "dev").tolist())]


@pytest.mark.parametrize("model", ["svm", "logistic"])
def test_other_clips_of_the_test_set_change_nothing(model: Any) -> None:
    features, y, _ = cohort(15, 3)
    split = np.resize(["train", "train", "test", "dev"], len(y))
    test = np.flatnonzero(split == "test")
    strange, wrong = features.copy(), y.copy()
    strange[test[1:]] *= 1e4
    wrong[test] = np.where(y[test] == "calm", "angry", "calm")
    a, b = (
        classify(
            method(x), labels, official_split(split), GRID, inner=official_dev(split), model=model
        )
        for x, labels in ((features, y), (strange, wrong))
    )
    assert a.score is not None and b.score is not None
    assert (a.predicted[0], a.score[0], a.chosen) == (b.predicted[0], b.score[0], b.chosen)
    values = [(features, features[:, 0]), (strange, np.where(split == "test", 9.0, features[:, 0]))]
    c, d = (
        regress(method(x), v, official_split(split), GRID, inner=official_dev(split))
        for x, v in values
    )
    assert (c.predicted[0], c.chosen) == (d.predicted[0], d.chosen)


def test_a_fold_without_its_people_cannot_recognize_them() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 6)
    y = rng.permutation(np.resize([0, 1], 30))[groups]  # a label of the person, at random
    face = rng.normal(size=(30, 12))[groups] + 0.3 * rng.normal(size=(180, 12))
    settings = UtilityConfig(penalties=(10.0,), kernels=("rbf",))
    mixed = classify(method(face), y, ungrouped_folds(y, 5, 0), settings, groups=groups)
    kept = classify(method(face), y, grouped_folds(groups, 5, 0), settings, groups=groups)
    assert score(ACCURACY, y, mixed.predicted) > 0.95
    assert score(ACCURACY, y, kept.predicted) < 0.65


@pytest.mark.parametrize("model", ["svm", "logistic"])
def test_permuted_labels_give_chance(model: Any) -> None:
    features, y, groups = cohort(50, 4)
    outer = grouped_folds(groups, 4)
    shuffled = np.random.default_rng(1).permutation(y)
    found = [
        classify(method(features), labels, outer, GRID, groups=groups, model=model)
        for labels in (y, shuffled)
    ]
    assert score(ACCURACY, y, found[0].predicted) > 0.7
    assert abs(score(ACCURACY, shuffled, found[1].predicted) - 0.5) < 0.1
    assert abs(score(AUC, shuffled, found[1].score) - 0.5) < 0.1
