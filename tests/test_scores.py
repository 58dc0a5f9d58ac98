"""Measures of the task tables, against scikit-learn and by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

from dfe.metrics import scores
from dfe.metrics.scores import (
    ACCURACY,
    AUC,
    BALANCED_ACCURACY,
    CCC,
    F1_MACRO,
    F1_WEIGHTED,
    MAE,
    ONE_MINUS_MAE,
    RMSE,
    Measure,
    encode_labels,
    score,
)

pytestmark = pytest.mark.filterwarnings("error")  # such as a division by zero

LABEL_MEASURES = [ACCURACY, F1_WEIGHTED, F1_MACRO, BALANCED_ACCURACY]
VALUE_MEASURES = [MAE, ONE_MINUS_MAE, RMSE, CCC]
RNG = np.random.default_rng(0)
N = 60
TRUTH = RNG.choice(["calm", "stress", "other"], N, p=[0.6, 0.3, 0.1])
GUESS = np.where(RNG.random(N) < 0.5, TRUTH, RNG.choice(["calm", "stress", "unseen"], N))
SCORES = RNG.normal(size=(N, 3)).round(1)  # with ties
X = RNG.normal(size=N)
Y = 0.5 * X + 0.3 + RNG.normal(size=N)
COUNTS = RNG.integers(0, 4, (20, N))  # (B, N)


def f1(average: str) -> Callable:
    return lambda t, g: f1_score(t, g, average=average, zero_division=0)


def balanced(truth: np.ndarray, guess: np.ndarray, **options: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        return float(balanced_accuracy_score(truth, guess, **options))


def one_vs_rest(truth: np.ndarray, each: np.ndarray) -> float:
    classes = ["calm", "other", "stress"]  # sorted, as the columns are
    return float(
        np.mean(
            [roc_auc_score(truth == c, each[:, i]) for i, c in enumerate(classes) if c in truth]
        )
    )


def lin(truth: np.ndarray, guess: np.ndarray) -> float:
    """1 minus squared distance of the pairs over that of independent pairs."""
    return 1 - np.square(truth - guess).mean() / np.square(truth[:, None] - guess).mean()


ORACLES = [
    (ACCURACY, TRUTH, GUESS, accuracy_score),
    (F1_WEIGHTED, TRUTH, GUESS, f1("weighted")),
    (F1_MACRO, TRUTH, GUESS, f1("macro")),
    (BALANCED_ACCURACY, TRUTH, GUESS, balanced),
    (AUC, TRUTH == "calm", SCORES[:, 0], roc_auc_score),
    (AUC, TRUTH, SCORES, one_vs_rest),
    (MAE, X, Y, mean_absolute_error),
    (ONE_MINUS_MAE, X, Y, lambda t, g: 1 - mean_absolute_error(t, g)),
    (RMSE, X, Y, root_mean_squared_error),
    (CCC, X, Y, lin),
]


@pytest.mark.parametrize(("measure", "truth", "guess", "oracle"), ORACLES)
def test_a_row_of_counts_is_the_measure_of_repeated_rows(
    measure: Measure, truth: np.ndarray, guess: np.ndarray, oracle: Callable
) -> None:
    expected = []
    for counts in COUNTS:
        rows = np.repeat(np.arange(N), counts)
        expected.append(oracle(truth[rows], guess[rows]))
    found = measure(truth, guess, COUNTS)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert score(measure, truth, guess) == pytest.approx(oracle(truth, guess), rel=1e-10)


def test_fractional_weights_agree_with_scikit_learn() -> None:
    weights = RNG.random((5, N))
    probability = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
    for w, *found in zip(
        weights,
        F1_WEIGHTED(TRUTH, GUESS, weights),
        F1_MACRO(TRUTH, GUESS, weights),
        BALANCED_ACCURACY(TRUTH, GUESS, weights),
        AUC(TRUTH, SCORES, weights),
        AUC(TRUTH, probability, weights),
        RMSE(X, Y, weights),
        strict=True,
    ):
        ovr = [
            roc_auc_score(TRUTH == c, SCORES[:, i], sample_weight=w)
            for i, c in enumerate(["calm", "other", "stress"])
        ]
        np.testing.assert_allclose(
            found,
            [
                f1_score(TRUTH, GUESS, average="weighted", zero_division=0, sample_weight=w),
                f1_score(TRUTH, GUESS, average="macro", zero_division=0, sample_weight=w),
                balanced(TRUTH, GUESS, sample_weight=w),
                np.mean(ovr),
                roc_auc_score(TRUTH, probability, multi_class="ovr", sample_weight=w),
                root_mean_squared_error(X, Y, sample_weight=w),
            ],
            rtol=1e-10,
        )


def test_few_weights_in_flight_do_not_change_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [m(t, g, COUNTS) for m, t, g, _ in ORACLES]
    monkeypatch.setattr(scores, "_WEIGHTS", 3 * N)
    for (measure, truth, guess, _), expected in zip(ORACLES, whole, strict=True):
        np.testing.assert_allclose(measure(truth, guess, COUNTS), expected, rtol=1e-12)
    assert ACCURACY(TRUTH, GUESS, np.empty((0, N))).shape == (0,)


@pytest.mark.parametrize("measure", [*LABEL_MEASURES, *VALUE_MEASURES, AUC])
def test_a_perfect_prediction_is_the_best_value(measure: Measure) -> None:
    truth = X if measure.needs == "value" else TRUTH
    perfect = np.array([[c == t for c in np.unique(TRUTH)] for t in TRUTH], float)
    best = score(measure, truth, perfect if measure.needs == "score" else truth)
    assert best == pytest.approx(1 if measure.better == "higher" else 0, abs=1e-12)


# By hand


def test_labels_by_hand() -> None:
    truth, guess = list("aaab"), list("aabc")  # a: 2 of 3 found, b: missed, c: never true
    assert score(ACCURACY, truth, guess) == 0.5
    assert score(F1_WEIGHTED, truth, guess) == pytest.approx(0.75 * 0.8)
    assert score(F1_MACRO, truth, guess) == pytest.approx(0.8 / 3)
    assert score(BALANCED_ACCURACY, truth, guess) == pytest.approx(1 / 3)


def test_a_class_without_weight_does_not_count() -> None:
    weights = [[1, 1, 1, 0]]
    assert BALANCED_ACCURACY(list("aaab"), list("aabc"), weights) == pytest.approx([2 / 3])
    assert F1_MACRO(list("aaab"), list("aabc"), weights) == pytest.approx([0.8 / 2])


def test_auc_by_hand_counts_ties_half_and_takes_the_last_label_for_positive() -> None:
    # Pairs (positive, negative): 3 > 1, 3 > 2, 2 > 1, 2 = 2.
    assert score(AUC, ["no", "no", "yes", "yes"], [1, 2, 3, 2]) == 3.5 / 4
    assert score(AUC, [1, 1, 0, 0], [1, 2, 3, 2]) == 0.5 / 4
    assert score(AUC, [0, 0, 1, 1], [7, 7, 7, 7]) == 0.5
    weighted = AUC([0, 0, 1, 1], [1, 2, 3, 2], [[1, 3, 1, 1], [1, 0, 0, 2]])
    np.testing.assert_allclose(weighted, [(1 + 3 + 1 + 1.5) / 8, 1])


def test_auc_leaves_out_classes_that_were_not_drawn() -> None:
    weights = np.array([TRUTH != "other", TRUTH == "calm"], float)
    both, one = AUC(TRUTH, SCORES, weights)
    kept = weights[0] > 0
    assert both == pytest.approx(one_vs_rest(TRUTH[kept], SCORES[kept]), rel=1e-12)
    assert np.isnan(one)
    assert np.isnan(AUC(TRUTH == "calm", SCORES[:, 0], weights)[1])


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30))
@settings(max_examples=50, deadline=None)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, int]]) -> None:
    truth, each = [True, False, *(t for t, _ in rows)], [0, 0, *(s for _, s in rows)]
    pairs = [
        (p > n) + (p == n) / 2
        for p, is_p in zip(each, truth, strict=True)
        for n, is_n in zip(each, truth, strict=True)
        if is_p and not is_n
    ]
    assert score(AUC, truth, each) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert score(AUC, truth, np.exp(each)) == score(AUC, truth, each)


def test_values_by_hand() -> None:
    truth, guess = [1, 2, 3], [1, 2, 6]  # variances 2/3 and 14/3, covariance 5/3, shift 1
    assert score(CCC, truth, guess) == pytest.approx(10 / 19)
    assert score(MAE, truth, guess) == 1
    assert score(RMSE, truth, guess) == pytest.approx(np.sqrt(3))
    assert score(ONE_MINUS_MAE, [0.5, 0.25], [0.25, 0.25]) == 0.875
    assert score(CCC, truth, [3, 2, 1]) == pytest.approx(-1)


def test_ccc_is_the_correlation_times_the_bias_correction() -> None:
    a, b = X.std(), Y.std()
    bias = 2 * a * b / (a * a + b * b + (X.mean() - Y.mean()) ** 2)
    assert score(CCC, X, Y) == pytest.approx(pearsonr(X, Y).statistic * bias, rel=1e-12)


@given(st.floats(-1e6, 1e6), st.floats(0.01, 100))
@settings(max_examples=50, deadline=None)
def test_ccc_does_not_depend_on_the_unit(shift: float, scale: float) -> None:
    moved = CCC(shift + scale * X, shift + scale * Y, COUNTS)
    np.testing.assert_allclose(moved, CCC(X, Y, COUNTS), atol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9 / 3])
def test_ccc_of_a_constant_is_zero(constant: float) -> None:
    flat = np.full(N, constant)
    assert not CCC(X, flat, COUNTS).any()
    assert not CCC(flat, X, COUNTS).any()
    assert not CCC(flat, flat, COUNTS).any()
    steps = np.repeat([0.1, 0.7, 0.3], 20)  # constant where one third is drawn
    drawn = np.repeat(np.eye(3), 20, axis=1)
    assert not CCC(X, steps, drawn).any()


# Refusals


def test_labels_are_numbered_alike() -> None:
    truth, guess = encode_labels(["b", "a"], ["c", "b"])
    assert truth.tolist() == [1, 0] and guess.tolist() == [2, 1]
    assert score(ACCURACY, np.array(["b", "a"], object), np.array(["b", "b"])) == 0.5
    assert score(ACCURACY, [True, False], [1, 1]) == 0.5


@pytest.mark.parametrize(
    ("measure", "truth", "guess", "weights", "message"),
    [
        (ACCURACY, [[1]], [[1]], [[1]], "truth must be"),
        (ACCURACY, [], [], np.empty((1, 0)), "truth must be"),
        (ACCURACY, [1, 2], [1], [[1, 1]], "one shape"),
        (ACCURACY, ["a", None], ["a", "b"], [[1, 1]], "missing"),
        (AUC, ["a", None], [1, 2], [[1, 1]], "missing"),
        (ACCURACY, [1, 2], [1, 2], [1, 1], "weights must have shape"),
        (ACCURACY, [1, 2], [1, 2], [[1, 1, 1]], "weights must have shape"),
        (ACCURACY, [1, 2], [1, 2], [[1, 1], [0, 0]], "needs a positive"),
        (ACCURACY, [1, 2], [1, 2], [[2, -1]], "not be negative"),
        (ACCURACY, [1, 2], [1, 2], [[2, np.nan]], "not be negative"),
        (AUC, [0, 1], [1, 2, 3], [[1, 1]], "2 true rows"),
        (AUC, [0, 1], [[[1]], [[2]]], [[1, 1]], "2 true rows"),
        (AUC, [0, 1], [1, np.nan], [[1, 1]], "1 values of predicted"),
        (AUC, [0, 1, 2], [1, 2, 3], [[1, 1, 1]], "two classes in the truth, got 3"),
        (AUC, [0, 1], [[1, 2, 3], [1, 2, 3]], [[1, 1]], "2 classes in the truth"),
        (AUC, [1, 1], [[1], [2]], [[1, 1]], "at least two"),
        (CCC, [0, 1], [[0], [1]], [[1, 1]], "2 true rows"),
        (CCC, [0, np.inf], [0, 1], [[1, 1]], "1 values of truth"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    measure: Measure, truth: list, guess: list, weights: list, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        measure(truth, guess, weights)


def test_text_and_numbers_are_never_compared() -> None:
    with pytest.raises(TypeError, match="all text or all numbers"):
        score(ACCURACY, ["1", "2"], [1, 2])
