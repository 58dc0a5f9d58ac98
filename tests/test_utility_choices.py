"""Labels, scores and hyper-parameters of the protocols, also where classes are rare or missing."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from utility_support import GRID, ONE, Spy, cohort, method, spied

from dfe.bags import BagOfTokens
from dfe.config import UtilityConfig
from dfe.metrics import ACCURACY, AUC, CCC, F1_WEIGHTED, score
from dfe.utility import (
    UtilityError,
    classify,
    grouped_folds,
    leave_one_group_out,
    official_dev,
    official_split,
    regress,
    ungrouped_folds,
)
from dfe.utility.search import classifiers, regressors


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
