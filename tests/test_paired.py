"""Intervals and paired tests of two methods on the same rows."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, rankdata

from dfe.metrics.intervals import Interval, percentile_interval
from dfe.metrics.paired_tests import PairedDifference, holm, interval, mcnemar, paired
from dfe.metrics.scores import (
    ACCURACY,
    AUC,
    BALANCED_ACCURACY,
    CCC,
    F1_WEIGHTED,
    MAE,
    RMSE,
    Measure,
    score,
)

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(0)
N = 120
GROUPS = np.repeat(np.arange(30), 4)
TRUTH = RNG.integers(0, 3, N)
GOOD = np.where(RNG.random(N) < 0.8, TRUTH, RNG.integers(0, 3, N))
POOR = np.where(RNG.random(N) < 0.3, TRUTH, RNG.integers(0, 3, N))
X = RNG.normal(size=N)
NEAR, FAR = X + 0.5 * RNG.normal(size=N), X + 2 * RNG.normal(size=N)
Z = X + 0.6 * np.random.default_rng(1).normal(size=N)  # hardly worse than NEAR
CASES = [
    (ACCURACY, TRUTH, GOOD, POOR),
    (F1_WEIGHTED, TRUTH, GOOD, POOR),
    (BALANCED_ACCURACY, TRUTH, GOOD, POOR),
    (AUC, X > 0, NEAR, FAR),
    (AUC, TRUTH, *(np.eye(3)[TRUTH] + sd * RNG.normal(size=(N, 3)) for sd in (0.5, 2))),
    (RMSE, X, NEAR, FAR),
    (CCC, X, NEAR, FAR),
]
FEW = {"resamples": 200, "permutations": 199}


# Interval


@pytest.mark.parametrize(("measure", "truth", "a", "b"), CASES)
def test_interval_agrees_with_drawing_groups_one_at_a_time(
    measure: Measure, truth: np.ndarray, a: np.ndarray, b: np.ndarray
) -> None:
    rng, draws = np.random.default_rng(1), [score(measure, truth, a)]
    for _ in range(600):
        rows = (4 * rng.integers(0, 30, 30)[:, None] + np.arange(4)).ravel()
        draws.append(score(measure, truth[rows], a[rows]))
    found = interval(measure, truth, a, GROUPS, resamples=2000)
    expected = percentile_interval(draws)
    assert found.value == expected.value
    np.testing.assert_allclose(found, expected, atol=0.15 * (expected.high - expected.low))


def test_rows_that_repeat_inside_a_group_do_not_narrow_the_interval() -> None:
    rows = np.repeat(np.arange(N), 5)
    wide = interval(CCC, X[rows], NEAR[rows], rows, resamples=300)
    np.testing.assert_allclose(wide, interval(CCC, X, NEAR, np.arange(N), resamples=300))


def test_narrower_level_gives_narrower_interval_and_the_seed_decides() -> None:
    wide = interval(ACCURACY, TRUTH, GOOD, GROUPS)
    narrow = interval(ACCURACY, TRUTH, GOOD, GROUPS, level=0.5)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert wide == interval(ACCURACY, TRUTH, GOOD, GROUPS)
    assert wide != interval(ACCURACY, TRUTH, GOOD, GROUPS, seed=1)


def test_names_and_order_of_groups_do_not_matter() -> None:
    turned = RNG.permutation(N)
    names = np.array([f"s{g:02d}" for g in GROUPS])
    plain = paired(CCC, X, NEAR, FAR, GROUPS, **FEW)
    found = paired(CCC, X[turned], NEAR[turned], FAR[turned], names[turned], **FEW)
    np.testing.assert_allclose(found.difference, plain.difference)
    assert found.p == plain.p


# Paired


@pytest.mark.parametrize(("measure", "truth", "a", "b"), CASES)
def test_a_strong_difference_is_found_in_both_directions(
    measure: Measure, truth: np.ndarray, a: np.ndarray, b: np.ndarray
) -> None:
    found = paired(measure, truth, a, b, GROUPS, **FEW)
    plain = score(measure, truth, a) - score(measure, truth, b)
    assert found.difference.value == plain
    assert found.p == 1 / 200
    assert (plain > 0) == (measure.better == "higher")
    assert found.difference.low < plain < found.difference.high
    assert not found.difference.low < 0 < found.difference.high
    back = paired(measure, truth, b, a, GROUPS, **FEW)
    np.testing.assert_allclose(back.difference.low, -found.difference.high)
    assert back.p == found.p


def test_interval_of_the_difference_is_paired() -> None:
    ours, theirs = NEAR, NEAR + 0.05 * RNG.normal(size=N)
    both = paired(RMSE, X, ours, theirs, GROUPS, **FEW).difference
    alone = interval(RMSE, X, ours, GROUPS, resamples=200)
    assert both.high - both.low < 0.3 * (alone.high - alone.low)


def test_level_of_the_difference() -> None:
    wide, narrow = (paired(MAE, X, NEAR, FAR, GROUPS, **FEW, level=level) for level in (0.9, 0.5))
    assert wide.difference.low < narrow.difference.low < narrow.difference.high
    assert wide.p == narrow.p


@pytest.mark.parametrize(("measure", "truth", "a", "b"), CASES)
def test_equal_methods_do_not_differ(
    measure: Measure, truth: np.ndarray, a: np.ndarray, b: np.ndarray
) -> None:
    assert paired(measure, truth, a, a, GROUPS, **FEW) == PairedDifference(Interval(0, 0, 0), 1)


def test_p_of_few_groups_agrees_with_all_swaps() -> None:
    # 5 groups have 32 swaps; the measure is F1, which is not a mean over rows.
    rng, truth = np.random.default_rng(3), TRUTH[:20]
    a, b = (np.where(rng.random(20) < right, truth, rng.integers(0, 3, 20)) for right in (0.7, 0.4))
    swaps = np.repeat(list(product([False, True], repeat=5)), 4, axis=1)  # (32, 20)
    differences = np.array(
        [
            score(F1_WEIGHTED, truth, np.where(s, b, a))
            - score(F1_WEIGHTED, truth, np.where(s, a, b))
            for s in swaps
        ]
    )
    exact = (np.abs(differences) >= abs(differences[0]) - 1e-12).mean()
    assert 0.1 < exact < 0.9
    found = paired(F1_WEIGHTED, truth, a, b, GROUPS[:20], resamples=1, permutations=20_000)
    assert found.p == pytest.approx(exact, abs=0.012)


def test_p_by_hand_counts_ties_and_the_data() -> None:
    # Two groups, `a` right and `b` wrong in both: swaps give 1, 0, 0, -1; half are as large.
    found = paired(ACCURACY, [0, 0], [0, 0], [1, 1], [0, 1], resamples=1, permutations=9_999)
    assert found.p == pytest.approx(0.5, abs=0.02)
    one = paired(ACCURACY, TRUTH, GOOD, POOR, GROUPS, resamples=1, permutations=1)
    assert one.p in (0.5, 1)


def test_groups_are_swapped_as_a_whole() -> None:
    rows = np.repeat(np.arange(N), 5)
    plain = paired(CCC, X, NEAR, Z, np.arange(N), **FEW)
    found = paired(CCC, X[rows], NEAR[rows], Z[rows], rows, **FEW)
    assert found.p == plain.p
    assert plain.p > 0.05 > paired(CCC, X[rows], NEAR[rows], Z[rows], np.arange(5 * N), **FEW).p


def test_few_weights_in_flight_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = paired(AUC, X > 0, NEAR, FAR, GROUPS, **FEW)
    close = paired(AUC, X > 0, FAR, FAR + RNG.normal(size=N), GROUPS, **FEW)
    module = sys.modules["dfe.metrics.paired_tests"]  # the package's name `paired` is the function
    monkeypatch.setattr(module, "_WEIGHTS", 7 * N)
    found = paired(AUC, X > 0, NEAR, FAR, GROUPS, **FEW)
    np.testing.assert_allclose(found.difference, whole.difference)
    assert 0 < close.p <= 1 and found.p == whole.p


def test_scales_of_scores_do_not_matter() -> None:
    # Raw scores of the second method swamp those of the first one when they are swapped.
    a, b = X + RNG.normal(size=N), X + 1.3 * RNG.normal(size=N)
    plain = paired(AUC, X > 0, a, b, GROUPS, **FEW)
    for other in (1e6 * b, b + 100, np.exp(b), rankdata(b)):
        found = paired(AUC, X > 0, a, other, GROUPS, **FEW)
        np.testing.assert_allclose(found.difference, plain.difference)
        assert found.p == plain.p


def test_scales_of_columns_do_not_matter() -> None:
    a, b = np.eye(3)[TRUTH] + np.random.default_rng(0).normal(size=(2, N, 3)) * [[[1.5]], [[2]]]
    plain = paired(AUC, TRUTH, a, b, GROUPS, **FEW)
    found = paired(AUC, TRUTH, a, b * [1, 10, 100] + [5, 0, -5], GROUPS, **FEW)
    assert 0.02 < found.p == plain.p


def test_differences_that_are_equal_but_for_rounding_are_ties() -> None:
    # `a` is better in each of three groups: of the eight swaps, none and all are as large.
    groups, error = np.arange(999) % 3, np.random.default_rng(0).random((2, 999))
    a, b = error[0], 0.3 + error[1]
    found = paired(MAE, np.zeros(999), a, b, groups, resamples=1, permutations=4000)
    assert found.p == pytest.approx(0.25, abs=0.03)


def test_an_undefined_measure_has_no_p() -> None:
    truth = np.repeat([0, 1, 2], 40)
    only = Measure("AUC of no class", "higher", "score", lambda t, s, w: np.full(len(w), np.nan))
    found = paired(only, truth, NEAR, FAR, GROUPS, **FEW)
    assert np.isnan(found.difference).all() and np.isnan(found.p)


@pytest.mark.parametrize("kind", ["accuracy", "AUC", "CCC"])
def test_where_methods_are_alike_p_is_uniform_and_intervals_cover(kind: str) -> None:
    rng, p, covered = np.random.default_rng(7), [], []
    for _ in range(200):
        person = np.repeat(rng.normal(size=40), 3)  # rows of a person are alike
        truth = person + rng.normal(size=120)
        a, b = (truth + person + rng.normal(size=120) for _ in range(2))
        if kind == "accuracy":
            measure, true, ours, theirs = ACCURACY, truth > 0, a > 0, b > 0
        elif kind == "AUC":  # scales of the scores differ
            measure, true, ours, theirs = AUC, truth > 0, a, np.exp(b)
        else:
            measure, true, ours, theirs = CCC, truth, a, b
        groups = np.repeat(np.arange(40), 3)
        found = paired(measure, true, ours, theirs, groups, resamples=200, permutations=99)
        p.append(found.p)
        covered.append(found.difference.low <= 0 <= found.difference.high)
    if kind != "accuracy":  # which has many ties
        assert kstest(p, "uniform").pvalue > 0.01
    for alpha in (0.1, 0.3):
        assert np.mean(np.array(p) <= alpha) == pytest.approx(alpha, abs=0.07)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.045)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b": POOR[1:]}, "differ in shape"),
        ({"groups": GROUPS[1:]}, "groups must have shape"),
        ({"groups": np.zeros(N)}, "at least two"),
        ({"groups": np.where(GROUPS == 3, np.nan, GROUPS)}, "groups are missing"),
        ({"resamples": 0}, "at least one resample"),
        ({"permutations": 0}, "at least one permutation"),
        ({"level": 95}, "level"),
        ({"a": GOOD[:, None], "b": POOR[:, None]}, "one shape"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes: dict, message: str) -> None:
    arguments = {"truth": TRUTH, "a": GOOD, "b": POOR, "groups": GROUPS, **FEW} | changes
    with pytest.raises(ValueError, match=message):
        paired(ACCURACY, **arguments)


def test_an_interval_needs_two_groups() -> None:
    with pytest.raises(ValueError, match="at least two"):
        interval(ACCURACY, TRUTH, GOOD, np.zeros(N))
    with pytest.raises(ValueError, match="N >= 1"):
        interval(ACCURACY, [], [], [])


# McNemar


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [(0, 0, 1), (1, 0, 1), (3, 0, 0.25), (1, 5, 14 / 64), (6, 0, 2 / 64), (4, 4, 1)],
)
def test_mcnemar_by_hand(only_a: int, only_b: int, p: float) -> None:
    # Rows: only a right, only b right, both right, both wrong.
    a = ["x"] * only_a + ["y"] * only_b + ["x", "z"]
    b = ["z"] * only_a + ["x"] * only_b + ["x", "y"]
    assert mcnemar(["x"] * len(a), a, b) == (only_a, only_b, pytest.approx(p))


def test_mcnemar_agrees_with_the_randomization_test_of_the_accuracy() -> None:
    close = np.where(np.arange(N) < 10, POOR, GOOD)
    found = paired(ACCURACY, TRUTH, GOOD, close, np.arange(N), resamples=1, permutations=20_000)
    exact = mcnemar(TRUTH, GOOD, close)
    assert 0.01 < exact.p < 0.9
    assert found.p == pytest.approx(exact.p, abs=0.012)
    assert found.difference.value == pytest.approx((exact.only_a - exact.only_b) / N)


# Holm


def test_holm_by_hand() -> None:
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, and none below the one before.
    found = holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(found, [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    assert holm([0.3]).tolist() == [0.3] and holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_holm_is_the_largest_of_what_stands_before(p: list[float]) -> None:
    # Formula of the adjusted value: max over j with p_j <= p_i of (number of p >= p_j) p_j.
    expected = [min(1.0, max(sum(r >= q for r in p) * q for q in p if q <= each)) for each in p]
    np.testing.assert_allclose(holm(p), expected)


@pytest.mark.parametrize("p", [[[0.1]], [0.1, np.nan], [1.2], [-0.1]])
def test_what_is_no_p_value_is_refused(p: list) -> None:
    with pytest.raises(ValueError, match="p values"):
        holm(p)
