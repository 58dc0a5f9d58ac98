"""Coefficients of the logistic regression, and learning curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from utility_support import GRID, ONE, Spy, cohort, method, spied, weighted_f1

from dfe.bags import BagOfTokens
from dfe.config import UtilityConfig
from dfe.metrics import ACCURACY, AUC, CCC, score
from dfe.utility import Predictions, UtilityError, learning_curve, logistic_coefficients


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
