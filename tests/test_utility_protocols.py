"""Protocols: the same as a loop over scikit-learn, and no look at the clips that are scored."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
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

from dfe.bags import BagOfTokens
from dfe.config import UtilityConfig
from dfe.metrics import ACCURACY, AUC, CCC, F1_WEIGHTED, ONE_MINUS_MAE, RMSE, score
from dfe.utility import (
    Method,
    Predictions,
    UtilityError,
    chance_level,
    classify,
    grouped_folds,
    learning_curve,
    leave_one_group_out,
    leave_one_out,
    logistic_coefficients,
    majority,
    mean_value,
    official_dev,
    official_split,
    regress,
    regress_each,
    ungrouped_folds,
)
from dfe.utility.search import classifiers, regressors

GRID = UtilityConfig(penalties=(0.1, 3.0), inner_folds=3, seed=4)
ONE = UtilityConfig(penalties=(1.0,), kernels=("linear",))
Floats = NDArray[np.float64]


def method(features: Any, *steps: tuple[str, Any]) -> Method:
    array = np.asarray(features)
    return Method("x", array, np.array([f"c{row}" for row in range(len(array))]), steps)


def cohort(
    n_groups: int = 10, size: int = 4, width: int = 6, n_classes: int = 2, seed: int = 0
) -> tuple[Floats, NDArray[np.str_], NDArray[np.int64]]:
    """Noisy features that tell the class, labels and groups; each group has all classes."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), size)
    codes = np.tile(np.arange(size) % n_classes, n_groups)
    features = rng.normal(size=(len(codes), width)) * rng.uniform(0.1, 10, width)
    features[:, :2] += 1.2 * np.eye(max(n_classes, 2))[codes][:, :2] * features[:, :2].std(0)
    return features, np.array(["angry", "calm", "sad"])[codes], groups


# Splits


def test_outer_splits_of_a_hand_case() -> None:
    assert [pair[1].tolist() for pair in leave_one_out(3)] == [[0], [1], [2]]
    by_group = leave_one_group_out(["b", "a", "b"])
    assert [(a.tolist(), b.tolist()) for a, b in by_group] == [([0, 2], [1]), ([1], [0, 2])]
    [(train, test)] = official_split(["test", "dev", "train", "test"])
    assert (train.tolist(), test.tolist()) == ([1, 2], [0, 3])
    assert official_dev(["test", "dev", "train"]).test_fold.tolist() == [-1, 0, -1]


@given(
    groups=st.lists(st.sampled_from("abcdefg"), min_size=4, max_size=40).filter(
        lambda names: len(set(names)) > 2
    ),
    seed=st.none() | st.integers(0, 9),
)
def test_groups_stay_whole_and_all_rows_are_scored(groups: list[str], seed: int | None) -> None:
    names = np.array(groups)
    for outer in (leave_one_group_out(names), grouped_folds(names, 3, seed)):
        assert sorted(np.concatenate([test for _, test in outer])) == list(range(len(names)))
        for train, test in outer:
            assert not set(names[train]) & set(names[test])
            assert len(train) + len(test) == len(names)


def test_official_folds_by_subject_are_those_of_scikit_learn() -> None:
    groups = np.repeat(np.arange(9), [3, 5, 1, 2, 2, 4, 1, 7, 2])
    expected = GroupKFold(4).split(groups, groups=groups)
    for ours, theirs in zip(grouped_folds(groups, 4), expected, strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])
    drawn = [pair[1].tolist() for pair in grouped_folds(groups, 4, seed=1)]
    assert drawn != [pair[1].tolist() for pair in grouped_folds(groups, 4, seed=2)]
    assert drawn == [pair[1].tolist() for pair in grouped_folds(groups, 4, seed=1)]


def test_ungrouped_folds_have_like_shares() -> None:
    y = np.repeat(["a", "b"], [20, 40])
    outer = ungrouped_folds(y, 4, seed=0)
    assert [(y[test] == "a").sum() for _, test in outer] == [5, 5, 5, 5]
    assert np.diff(outer[0][1]).max() > 1  # shuffled
    assert any(
        a[1].tolist() != b[1].tolist()
        for a, b in zip(outer, ungrouped_folds(y, 4, seed=1), strict=True)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: leave_one_out(1), "2 folds need as many clips, and there are 1"),
        (lambda: leave_one_group_out(["a", "a"]), "as many groups, and there are 1"),
        (lambda: grouped_folds(["a", "b"], 3), "3 folds need as many groups, and there are 2"),
        (lambda: grouped_folds(["a", None], 2), "1 of 2 groups are missing"),
        (lambda: ungrouped_folds([0, 0, 1], 3, 0), "3 folds need .* there are 2: use fewer"),
        (lambda: official_split(["train", "test", "val"]), "1 clips are in none.*row 2 has 'val'"),
        (lambda: official_split(["train", "dev"]), r"needs clips in \['test'\]"),
        (lambda: official_split(["test"]), "nothing to train on"),
        (lambda: official_dev(["train", "test"]), r"needs clips in \['dev'\]"),
        (lambda: official_dev(["dev", "test"]), r"needs clips in \['train'\]"),
    ],
)
def test_splits_refuse(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UtilityError, match=message):
        make()


@pytest.mark.parametrize(
    ("outer", "message"),
    [
        ([], "no outer split"),
        ([([0, 1], [])], "trains on 2 clips, tests 0"),
        ([([], [1])], "trains on 0"),
        ([([0, 1], [4])], "rows 0 .. 4 of 4"),
        ([([0, -1], [2])], "rows -1 .. 2 of 4"),
        ([([0, 1, 2], [3]), ([0, 1, 2], [2, 3])], r"outer fold 1 trains on rows it tests: \[2\]"),
        ([([0, 1], [2, 3]), ([0, 1], [3])], r"scored in several folds: \[3\]"),
    ],
)
def test_wrong_outer_splits_are_refused(outer: Any, message: str) -> None:
    pairs = [(np.array(a, np.intp), np.array(b, np.intp)) for a, b in outer]
    for run in (
        lambda: classify(method(np.eye(4)), [0, 1, 0, 1], pairs, ONE, inner="stratified"),
        lambda: mean_value([0.0, 1, 2, 3], pairs),
        lambda: majority([0, 1, 1, 1], pairs),
    ):
        with pytest.raises(UtilityError, match=message):
            run()


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


def weighted_f1(truth: Any, guess: Any) -> float:
    return f1_score(truth, guess, average="weighted")


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


class Spy(TransformerMixin, BaseEstimator):
    """Remember the rows of each fit; the first feature is the number of the row."""

    fits: ClassVar[list[set[int]]] = []

    def fit(self, X: Floats, y: object = None) -> Spy:
        Spy.fits.append(set(X[:, 0].astype(int)))
        return self

    def transform(self, X: Floats) -> Floats:
        return X[:, 1:]


def spied(features: Floats) -> Method:
    Spy.fits.clear()
    return method(np.column_stack([np.arange(len(features)), features]), ("spy", Spy()))


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


# Labels, scores and choices


@pytest.mark.parametrize("labels", [(False, True), (3, 7), ("no", "yes")])
@pytest.mark.parametrize("model", ["svm", "logistic"])
def test_a_high_score_means_the_label_that_sorts_last(labels: Any, model: Any) -> None:
    features, y, groups = cohort(10, 4)
    named = np.array(labels)[(y == "calm").astype(int)]
    outer = grouped_folds(groups, 5)
    found = classify(method(features), named, outer, ONE, groups=groups, model=model)
    assert found.score is not None and found.score.shape == (40,)
    border = 0.5 if model == "logistic" else 0.0
    np.testing.assert_array_equal(found.predicted == labels[1], found.score > border)
    assert found.predicted.dtype == named.dtype
    assert score(AUC, named, found.score) > 0.7


@pytest.mark.parametrize("kernel", ["linear", "rbf", None])
def test_a_class_without_training_clips_is_never_predicted(kernel: Any) -> None:
    features, y, groups = cohort(6, 4, n_classes=2)
    y[groups == 1] = "bored"  # the second of three classes; only this group has it
    settings = UtilityConfig(penalties=(1.0,), kernels=(kernel or "linear",))
    found = classify(
        method(features),
        y,
        leave_one_group_out(groups),
        settings,
        groups=groups,
        model="svm" if kernel else "logistic",
    )
    assert found.score is not None and found.score.shape == (24, 3)
    alone, others = found.score[groups == 1, 1], found.score[groups == 1][:, [0, 2]]
    assert (alone < others.min()).all()
    names = np.array(["angry", "calm"])
    np.testing.assert_array_equal(names[others.argmax(1)], found.predicted[groups == 1])


def test_one_candidate_needs_no_inner_search() -> None:
    features, y, groups = cohort(4, 3)
    found = classify(spied(features), y, leave_one_group_out(groups), ONE, groups=groups)
    assert len(Spy.fits) == 4
    assert found.chosen == [{"C": 1.0, "kernel": "linear", "inner_folds": 0}] * 4


def test_rare_classes_make_fewer_inner_folds() -> None:
    features, y, groups = cohort(10, 4)
    y[:] = "calm"
    y[[0, 4, 8, 12]] = "angry"  # in four groups, of which two are outside of the fold
    outer = [(np.flatnonzero(groups > 1), np.flatnonzero(groups < 2))]
    settings = UtilityConfig(penalties=(0.1, 1.0), inner_folds=4)
    found = classify(method(features), y, outer, settings, groups=groups)
    assert found.chosen[0]["inner_folds"] == 2
    y[16] = "angry"
    found = classify(method(features), y, outer, settings, groups=groups)
    assert found.chosen[0]["inner_folds"] == 3
    found = classify(method(features), y, outer, settings, inner="stratified")
    assert found.chosen[0]["inner_folds"] == 3
    y[8:16] = "angry"  # three more clips in the same groups
    y[16] = "calm"
    found = classify(method(features), y, outer, settings, groups=groups)
    assert found.chosen[0]["inner_folds"] == 2


def test_a_class_of_one_clip_does_not_stop_the_search() -> None:
    features, y, _ = cohort(6, 4)
    y[0] = "sad"
    half = np.arange(24) < 12
    outer = [(np.flatnonzero(part), np.flatnonzero(~part)) for part in (half, ~half)]
    found = classify(method(features), y, outer, GRID, inner="stratified")
    assert [choice["inner_folds"] for choice in found.chosen] == [2, 3]


def test_constant_features_do_no_harm() -> None:
    features, y, groups = cohort(10, 4)
    outer = grouped_folds(groups, 4)
    wide = np.column_stack([features, np.full(len(y), 1e6 + 0.1), np.zeros(len(y))])
    linear = UtilityConfig(kernels=("linear",))
    a, b = (classify(method(x), y, outer, linear, groups=groups) for x in (features, wide))
    np.testing.assert_array_equal(a.predicted, b.predicted)
    for run, labels in ((classify, y), (regress, features[:, 0])):
        nothing = run(method(np.ones((40, 3))), labels, outer, GRID, groups=groups)
        assert all(len(set(nothing.predicted[test])) == 1 for _, test in outer)
        assert nothing.rows.size == 40


def test_the_unit_of_features_and_values_does_not_matter() -> None:
    features, _, groups = cohort(10, 4)
    values = features[:, 0] + 0.1 * features[:, 1]
    outer = grouped_folds(groups, 4)
    a = regress(method(features), values, outer, GRID, groups=groups)
    b = regress(method(features * 1e3 + 5), values * 1e-3 + 7, outer, GRID, groups=groups)
    np.testing.assert_allclose(b.predicted, a.predicted * 1e-3 + 7, rtol=1e-5)
    assert a.chosen == b.chosen


def test_balanced_weights_find_more_of_the_rare_class() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [160, 40])
    features = rng.normal(size=(200, 3)) + 0.5 * y[:, None]
    outer = ungrouped_folds(y, 4, 0)
    for kernel in ("linear", "rbf"):
        settings = UtilityConfig(penalties=(1.0,), kernels=(kernel,))
        plain, weighted = (
            classify(method(features), y, outer, settings, inner="stratified", class_weight=weight)
            for weight in (None, "balanced")
        )
        assert plain.predicted.sum() < 20 < 40 < weighted.predicted.sum()


@pytest.mark.parametrize("model", ["svm", "logistic"])
def test_auc_may_choose_where_a_class_has_no_inner_test_clip(model: Any) -> None:
    features, y, _ = cohort(10, 6, n_classes=3)
    split = np.repeat(["train", "dev", "test"], 20)
    y[split == "dev"] = np.resize(["angry", "sad"], 20)
    features[split == "dev", 1] += 5 * (y[split == "dev"] == "sad")
    found = classify(
        method(features),
        y,
        official_split(split),
        GRID,
        inner=official_dev(split),
        model=model,
        select=AUC,
    )
    assert found.chosen[0]["inner_folds"] == 1


@pytest.mark.parametrize(("part", "select"), [("train", F1_WEIGHTED), ("dev", AUC)])
def test_inner_parts_of_one_class_are_of_no_use(part: str, select: Any) -> None:
    features, y, _ = cohort(15, 4)
    split = np.repeat(["train", "dev", "test"], 20)
    y[split == part] = "calm"
    run = partial(
        classify, method(features), y, official_split(split), GRID, inner=official_dev(split)
    )
    with pytest.raises(UtilityError, match="no usable inner split of 40"):
        run(select=select)
    if part == "dev":
        assert run().chosen[0]["inner_folds"] == 1


def test_candidates_come_by_penalty_first() -> None:
    settings = UtilityConfig(penalties=(2.0, 1.0), kernels=("rbf", "linear"))
    order = [(2.0, "rbf"), (2.0, "linear"), (1.0, "rbf"), (1.0, "linear")]
    for candidates in (classifiers(settings, "svm", None), regressors(settings)):
        assert [(choice["C"], choice["kernel"]) for choice, _ in candidates] == order
    assert [choice for choice, _ in classifiers(settings, "logistic", None)] == [
        {"C": 2.0},
        {"C": 1.0},
    ]


def test_bags_of_pairs_give_what_their_dense_rows_give() -> None:
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 15)
    codes = np.where(rng.random((30, 12)) < 0.7, y[:, None], rng.integers(0, 4, (30, 12)))
    bag = BagOfTokens(n_codes=4, n_stages=2, ngrams=2)
    outer = ungrouped_folds(y, 3, 0)
    a = classify(method(codes, ("bag", bag)), y, outer, GRID, inner="stratified")
    rows = bag.fit(codes).transform(codes).toarray()
    b = classify(method(rows), y, outer, GRID, inner="stratified")
    np.testing.assert_allclose(a.score, b.score)
    assert score(ACCURACY, y, a.predicted) > 0.8


def test_the_same_settings_give_the_same_numbers() -> None:
    features, y, _ = cohort(10, 4)
    outer = ungrouped_folds(y, 3, 0)
    noisy = UtilityConfig(penalties=(0.01, 0.1, 1, 10), inner_folds=3)
    runs = [classify(method(features), y, outer, noisy, inner="stratified") for _ in range(2)]
    np.testing.assert_array_equal(runs[0].score, runs[1].score)
    assert runs[0].chosen == runs[1].chosen


def test_each_trait_is_a_regression_of_its_own() -> None:
    features, _, groups = cohort(6, 4)
    outer = grouped_folds(groups, 2)
    targets = pd.DataFrame({"openness": features[:, 0], "extraversion": features[:, 2] ** 2})
    found = regress_each(
        method(features), targets, outer, GRID, groups=groups, select=ONE_MINUS_MAE
    )
    assert list(found) == ["openness", "extraversion"]
    for trait, one in found.items():
        alone = regress(
            method(features), targets[trait], outer, GRID, groups=groups, select=ONE_MINUS_MAE
        )
        np.testing.assert_array_equal(one.predicted, alone.predicted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": None}, "grouped inner folds need groups"),
        ({"groups": [0, 1]}, r"groups must have shape \(12,\)"),
        ({"groups": [None] * 12}, "12 of 12 groups are missing"),
        ({"inner": "random"}, "not 'random'"),
        ({"inner": official_dev(["train", "dev"])}, r"12 clips, but an inner split of \(2,\)"),
        ({"inner": official_dev(["train"] * 11 + ["dev"])}, "no usable inner split of 8"),
        ({"y": [0] * 11}, r"labels must have shape \(12,\)"),
        ({"y": [0] * 12}, "all 12 labels are .*0"),
        ({"y": [0] * 11 + [None]}, "1 of 12 labels are missing"),
        ({"y": [0] * 8 + [1] * 4}, "x: all 8 training clips are of one class"),
        ({"y": [0] * 7 + [1] * 5, "groups": [0] * 12}, "chosen on clips of one group"),
        ({"select": CCC}, "select: CCC needs a value"),
        ({"model": "forest"}, "not 'forest'"),
    ],
)
def test_classify_refuses(options: dict[str, Any], message: str) -> None:
    features, y, groups = cohort(3, 4)
    good: dict[str, Any] = {"y": y, "groups": groups}
    outer = [(np.arange(8), np.arange(8, 12))]
    classify(method(features), **good, outer=outer, settings=GRID)
    with pytest.raises(UtilityError, match=message):
        classify(method(features), **(good | options), outer=outer, settings=GRID)


def test_no_search_where_each_class_has_one_clip() -> None:
    outer = [(np.array([0, 1]), np.array([2]))]
    with pytest.raises(UtilityError, match="no usable inner split of 2"):
        classify(method(np.eye(3)), [0, 1, 1], outer, GRID, inner="stratified")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": np.zeros(3)}, r"12 clips, but values \(3,\)"),
        ({"y": [np.nan] * 12}, "12 of 12 values are NaN"),
        ({"select": F1_WEIGHTED}, "needs a label"),
        ({"select": AUC}, "needs a score"),
    ],
)
def test_regress_refuses(options: dict[str, Any], message: str) -> None:
    features, _, groups = cohort(3, 4)
    good: dict[str, Any] = {"y": features[:, 0]}
    with pytest.raises(UtilityError, match=message):
        regress(
            method(features),
            **(good | options),
            outer=grouped_folds(groups, 3),
            settings=GRID,
            groups=groups,
        )


# Floors


def test_the_majority_of_the_others_is_always_wrong() -> None:
    y = np.resize(["r", "a", "d"], 45)
    found = majority(y, leave_one_out(45))
    assert score(ACCURACY, y, found.predicted) == 0
    assert chance_level(y) == pytest.approx(1 / 3)
    assert score(AUC, y, found.score) == 0.5


def test_the_majority_of_the_training_clips() -> None:
    y = np.array([1, 1, 0, 1, 0, 0, 0, 0])
    [split] = official_split(["train"] * 4 + ["test"] * 4)
    found = majority(y, [split])
    np.testing.assert_array_equal(found.rows, [4, 5, 6, 7])
    np.testing.assert_array_equal(found.predicted, [1, 1, 1, 1])
    assert found.score is not None and found.score.shape == (4,)
    assert found.chosen == [{}]


def test_the_mean_of_the_training_values() -> None:
    y = np.array([1.0, 3.0, 8.0])
    assert mean_value(y, leave_one_out(3)).predicted.tolist() == [5.5, 4.5, 2.0]
    assert score(CCC, y, mean_value(y, leave_one_out(3)).predicted) < 0
    one = mean_value(y, official_split(["test", "dev", "train"]))
    assert (one.rows.tolist(), one.predicted.tolist(), one.score) == ([0], [5.5], None)


# Coefficients


@pytest.mark.parametrize("width", [4, 60])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_coefficients_are_those_of_scaled_features(width: int, n_classes: int) -> None:
    features, y, _ = cohort(10, 3, width, n_classes)
    table = logistic_coefficients(method(features), y, GRID, C=0.3)
    scaled = StandardScaler().fit_transform(features)
    coef = LogisticRegression(C=0.3, tol=1e-8, max_iter=9999).fit(scaled, y).coef_
    expected = np.vstack([-coef, coef]) if n_classes == 2 else coef
    np.testing.assert_allclose(table.to_numpy(), expected, atol=2e-3)
    np.testing.assert_allclose(table.sum(), 0, atol=1e-9)
    assert list(table.index) == sorted(set(y))
    assert list(table.columns) == list(range(width))
    assert table.attrs["C"] == 0.3


def test_coefficients_bear_the_names_of_tokens_and_find_c_themselves() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 10)
    codes = np.where(rng.random((30, 8)) < 0.3, y[:, None] == "b", rng.integers(0, 5, (30, 8)))
    bag = method(codes.astype(int), ("bag", BagOfTokens(n_codes=5, n_stages=2)))
    groups = np.tile(np.arange(10), 3)
    settings = UtilityConfig(penalties=(0.001, 0.03, 1.0), inner_folds=3)
    table = logistic_coefficients(bag, y, settings, groups=groups)
    assert list(table.columns) == [f"token {code}" for code in range(5)]
    assert table["token 1"].idxmax() == "b"
    search = GridSearchCV(
        Pipeline([*bag.steps, ("scale", StandardScaler()), ("model", LogisticRegression())]),
        {"model__C": list(settings.penalties)},
        cv=StratifiedGroupKFold(3),
        scoring=make_scorer(weighted_f1),
    ).fit(codes, y, groups=groups)
    assert table.attrs["C"] == search.best_params_["model__C"] != 0.001
    again = logistic_coefficients(bag, y, settings, C=table.attrs["C"])
    pd.testing.assert_frame_equal(table, again)


# Learning curves


def test_a_learning_curve_fits_whole_groups_and_scores_the_test_cohort() -> None:
    features, y, groups = cohort(8, 3)
    other, truth, _ = cohort(5, 3, seed=1)
    test = method(np.column_stack([np.zeros(15), other]))
    curve = learning_curve(
        spied(features), y, groups, test, truth, [2, 5], ONE, [ACCURACY, AUC], repeats=3
    )
    assert list(curve["size"]) == [2, 2, 2, 5, 5, 5]
    assert list(curve["repeat"]) == [0, 1, 2] * 2
    assert list(curve["clips"]) == [6] * 3 + [15] * 3
    drawn = [set(groups[sorted(rows)]) for rows in Spy.fits]
    assert [len(names) for names in drawn] == [2, 2, 2, 5, 5, 5]
    assert all(small < large for small, large in zip(drawn[:3], drawn[3:], strict=True))
    assert len({frozenset(names) for names in drawn[:3]}) > 1
    for row, rows in zip(curve.to_dict("records"), Spy.fits, strict=True):
        scale = StandardScaler().fit(features[sorted(rows)])
        model = LinearSVC(dual=False, tol=1e-6)
        model.fit(scale.transform(features[sorted(rows)]), y[sorted(rows)])
        seen = scale.transform(other)
        assert row["accuracy"] == pytest.approx(model.score(seen, truth))
        assert row["AUC"] == pytest.approx(score(AUC, truth, model.decision_function(seen)))


def test_a_learning_curve_is_drawn_by_its_seed_and_searches() -> None:
    features, y, groups = cohort(12, 3, n_classes=3)
    other, truth, _ = cohort(4, 3, n_classes=3, seed=1)
    a, b, c = (
        learning_curve(method(features), y, groups, method(other), truth, [6], GRID, [AUC],
                       model="logistic", repeats=2, seed=seed)
        for seed in (0, 0, 1)
    )  # fmt: skip
    pd.testing.assert_frame_equal(a, b)
    assert not a["AUC"].equals(c["AUC"])
    assert set(a["inner_folds"]) == {3} and set(a["C"]) <= {0.1, 3.0} and "kernel" not in a


def test_a_learning_curve_may_test_fewer_classes_than_it_learns() -> None:
    features, y, groups = cohort(8, 3, n_classes=3)
    other, truth, _ = cohort(5, 2, n_classes=2, seed=1)
    [found] = learning_curve(
        method(features), y, groups, method(other), truth, [8], ONE, [AUC, ACCURACY]
    ).to_dict("records")
    assert 0 <= found["AUC"] <= 1 and 0 < found["accuracy"] <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [9]}, "cannot draw 9 groups of 8"),
        ({"sizes": [0]}, "cannot draw 0 groups of 8"),
        ({"y_test": ["calm"]}, r"24 and 15 clips, but labels \(24,\) and \(1,\)"),
        ({"groups_train": [1]}, r"groups must have shape \(24,\)"),
        ({"y_train": ["calm"] * 24}, "all 24 training clips are of one class"),
        ({"select": CCC}, "select: CCC needs a value"),
    ],
)
def test_a_learning_curve_refuses(change: dict[str, Any], message: str) -> None:
    features, y, groups = cohort(8, 3)
    other, truth, _ = cohort(5, 3, seed=1)
    good: dict[str, Any] = {
        "train": method(features),
        "y_train": y,
        "groups_train": groups,
        "test": method(other),
        "y_test": truth,
        "sizes": [8],
        "settings": ONE,
        "measures": [ACCURACY],
    }
    assert len(learning_curve(**good)) == 1
    with pytest.raises(UtilityError, match=message):
        learning_curve(**(good | change))


def test_predictions_are_named() -> None:
    assert Predictions._fields == ("rows", "predicted", "score", "chosen")
