"""Arithmetic of printed numbers: by hand, by brute force, and against SciPy and scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from dfe.metrics import unit_entropy
from dfe.metrics.audit import (
    LastDigits,
    auc_interval,
    ccc_interval,
    even_code_nmi,
    grim,
    grim_sizes,
    implied_squared_norm,
    majority_scores,
    mcnemar_smallest_p,
    rmse_interval,
    shared_last_digit,
)
from dfe.metrics.diversity import average_nmi, nmi_of_counts

pytestmark = pytest.mark.filterwarnings("error")

Floats = NDArray[np.float64]
Z95 = 1.959963984540054

ROWS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


# Printed shares


def test_grim_by_hand() -> None:
    assert grim(58.1, 43) == (25,)  # 58.139...
    assert grim(58.2, 43) == grim(58.0, 43) == ()
    assert grim(51.2, 43) == (22,)
    assert grim(0.5, 43, digits=2, scale=1) == ()  # 21.5 rows; 21 and 22 give 0.49 and 0.51
    assert grim(0.49, 43, digits=2, scale=1) == (21,)
    assert grim(33, 3, digits=0) == (1,)
    assert grim(0, 7) == grim("-0.0", 7) == (0,)
    assert grim(100, 7) == (7,)


def test_grim_gives_all_counts_of_many_rows() -> None:
    assert grim(50, 1000, digits=0) == tuple(range(495, 506))  # 49.5 and 50.5 are ties
    assert grim(0, 1000, digits=0) == tuple(range(6))
    assert grim(100, 1000, digits=0) == tuple(range(995, 1001))


@pytest.mark.parametrize(
    ("k", "n", "digits", "neighbours"),
    [
        (1, 8, 0, (12, 13)),  # 12.5
        (3, 8, 0, (37, 38)),  # 37.5: up and to even agree
        (1, 16, 1, (6.2, 6.3)),  # 6.25 is exact in binary
        (23, 2000, 1, (1.1, 1.2)),  # 1.15 is not: Python prints 1.1, by hand it is 1.2
        (1, 32, 2, (3.12, 3.13)),  # 3.125
    ],
)
def test_a_tie_counts_for_both_neighbours(
    k: int, n: int, digits: int, neighbours: tuple[float, float]
) -> None:
    for value in neighbours:
        assert k in grim(value, n, digits)
    ulp = 10.0**-digits
    for value in (neighbours[0] - ulp, neighbours[1] + ulp):
        assert k not in grim(round(value, digits), n, digits)


def test_grim_is_exact_where_floats_are_not() -> None:
    n = 2 * 10**17  # a row is worth 5e-16 percent, and floats near 50 are 7e-15 apart
    assert grim("50.0000000000000000", n, digits=16) == (n // 2,)
    assert grim("50.0000000000000001", n, digits=16) == ()
    assert grim("50.0000000000000005", n, digits=16) == (n // 2 + 1,)


@given(ROWS, st.integers(0, 3), st.sampled_from([1, 100]))
def test_grim_finds_the_count_behind_each_way_of_rounding(
    share: tuple[int, int], digits: int, scale: int
) -> None:
    k, n = share
    ulp, exact = Decimal(1).scaleb(-digits), Decimal(scale * k) / Decimal(n)
    printed = [exact.quantize(ulp, way) for way in (ROUND_HALF_UP, ROUND_HALF_DOWN)]
    for value in (*printed, round(scale * k / n, digits), f"{scale * k / n:.{digits}f}"):
        assert k in grim(value, n, digits, scale)


@given(ROWS, st.integers(0, 1000))
def test_grim_agrees_with_trying_all_counts(share: tuple[int, int], tenths: int) -> None:
    _, n = share
    value = Decimal(tenths).scaleb(-1)
    near = [k for k in range(n + 1) if abs(2000 * k - 2 * tenths * n) <= n]
    assert list(grim(value, n)) == list(grim(tenths / 10, n)) == near


@given(st.integers(1, 400), st.one_of(st.integers(-9999, -1), st.integers(1001, 9999)))
def test_grim_is_empty_out_of_range(n: int, tenths: int) -> None:
    assert grim(tenths / 10, n) == ()


@given(st.lists(st.integers(0, 1000).map(lambda x: x / 10), min_size=1, max_size=4))
def test_sizes_are_those_that_fit_each_value(values: list[float]) -> None:
    fits = [{n for n in range(5, 61) if grim(value, n)} for value in values]
    assert grim_sizes(values, 60, 5) == tuple(sorted(set.intersection(*fits)))


def test_sizes_by_hand() -> None:
    assert grim_sizes([33.3, 50.0], 20) == (6, 12, 18)
    assert grim_sizes([33.3, 50.0], 18, 12) == (12, 18)
    assert grim_sizes(["33", "50"], 6, digits=0) == (6,)
    assert grim_sizes([0.25], 8, digits=2, scale=1) == (4, 8)
    assert grim_sizes([101.0], 50) == ()
    assert grim_sizes([58.1, 12.3], 1010, 1000) == tuple(range(1000, 1011))  # nothing is left out


def test_last_digits_by_hand() -> None:
    assert shared_last_digit([0.3, 0.25, "0.10", -0.7], 2)[:2] == (3, 4)
    assert shared_last_digit([0.3, 0.3], 2).p == pytest.approx(0.01)
    assert shared_last_digit([0.3, 0.31], 2).p == pytest.approx(1 - 0.81)
    assert shared_last_digit([0.31, 0.32], 2) == LastDigits(0, 2, 1.0)
    assert shared_last_digit([-0.35, 0.45, 0.5], 2, digit=5)[:2] == (2, 3)
    assert shared_last_digit([-1.3, -2.3], 1, digit=3).matches == 2  # not 7, as -13 modulo 10
    tail = sum(math.comb(60, k) * 9 ** (60 - k) for k in range(8, 61)) / 10**60
    assert shared_last_digit([0.1] * 52 + [1.0] * 8, 1) == (8, 60, pytest.approx(tail))
    assert shared_last_digit([10, 25, 0], 0).matches == 2
    assert shared_last_digit([1.1, 2.2], 1, digit=9).matches == 0


# What chance alone does


@pytest.mark.parametrize("n", [1, 5, 9])
def test_smallest_mcnemar_p_over_all_overlaps(n: int) -> None:
    for first in range(n + 1):
        for second in range(n + 1):
            possible = range(max(0, first + second - n), min(first, second) + 1)  # both right
            apart = [(first - both, second - both) for both in possible]
            best = min(binomtest(a, a + b).pvalue if a + b else 1.0 for a, b in apart)
            assert mcnemar_smallest_p(first, second) == pytest.approx(best)


def test_smallest_mcnemar_p_by_hand() -> None:
    assert mcnemar_smallest_p(25, 22) == mcnemar_smallest_p(22, 25) == 0.25
    assert mcnemar_smallest_p(7, 7) == mcnemar_smallest_p(7, 6) == 1
    assert mcnemar_smallest_p(6, 0) == 2 / 64
    assert mcnemar_smallest_p(np.uint8(3), np.uint8(6)) == 0.25


def test_rmse_interval_by_hand() -> None:
    # Chi-squared with 10 degrees of freedom: 3.246973 and 20.483177.
    expected = (2, 2 * math.sqrt(10 / 20.483177), 2 * math.sqrt(10 / 3.246973))
    assert rmse_interval(2, 10) == pytest.approx(expected, rel=1e-6)
    # With two, the quantile of probability p is -2 log(1 - p).
    expected = (1, 1 / math.sqrt(-math.log(0.25)), 1 / math.sqrt(-math.log(0.75)))
    assert rmse_interval(1, 2, level=0.5) == pytest.approx(expected)


def test_rmse_interval_covers_the_truth() -> None:
    errors = np.random.default_rng(0).normal(scale=3, size=(2000, 8))
    found = [rmse_interval(x, 8, 0.9) for x in np.sqrt(np.square(errors).mean(1)).tolist()]
    assert np.mean([low < 3 for _, low, _ in found]) == pytest.approx(0.95, abs=0.015)
    assert np.mean([3 < high for _, _, high in found]) == pytest.approx(0.95, abs=0.015)


def cccs(n: int, r: float, spread: float, offset: float, draws: int = 4000) -> Floats:
    """CCC of normal predictions with truth of variance 1, in many samples of n: (draws,)."""
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, draws, n))
    y = spread * (r * x + math.sqrt(1 - r**2) * noise) + offset
    both = (x * y).mean(1) - x.mean(1) * y.mean(1)
    return np.asarray(2 * both / (x.var(1) + y.var(1) + np.square(x.mean(1) - y.mean(1))))


def test_ccc_interval_by_hand() -> None:
    # Standard error 1 / 5 at 27 rows, and atanh(1 / 2) = log(3) / 2.
    middle = math.log(3) / 2
    low, high = math.tanh(middle - Z95 / 5), math.tanh(middle + Z95 / 5)
    assert ccc_interval(0.5, 27) == pytest.approx((0.5, low, high))
    assert ccc_interval(0, 3, level=0.5).high == pytest.approx(math.tanh(0.6744898))


@pytest.mark.parametrize(("n", "ccc"), [(30, 0.4), (60, 0.0), (60, 0.8)])
def test_ccc_interval_covers_the_truth(n: int, ccc: float) -> None:
    found = [ccc_interval(x, n) for x in cccs(n, ccc, 1, 0).tolist()]
    covered = np.mean([low < ccc < high for _, low, high in found])
    assert covered == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("ccc", [0.1, 0.3, 0.6])
def test_ccc_of_a_wrong_spread_or_offset_varies_less(ccc: float) -> None:
    n, r = 50, (1 + ccc) / 2
    loss = ccc / r  # 2 / (spread + 1 / spread + offset^2 / spread)
    spread = (1 + math.sqrt(1 - loss**2)) / loss
    offset = math.sqrt(2 / loss - 2)
    for values in (cccs(n, r, spread, 0), cccs(n, r, 1, offset)):
        assert np.median(values) == pytest.approx(ccc, abs=0.03)
        assert np.arctanh(values).std() < 0.97 / math.sqrt(n - 2)
    assert np.arctanh(cccs(n, ccc, 1, 0)).std() == pytest.approx(1 / math.sqrt(n - 2), rel=0.06)


def test_auc_interval_by_hand() -> None:
    # Variance 9 / 140 at two positives and three negatives (tests/test_power.py).
    half = 0.6744898 * math.sqrt(9 / 140)
    assert auc_interval(0.75, 2, 3, level=0.5) == pytest.approx((0.75, 0.75 - half, 0.75 + half))
    assert auc_interval(0.75, 3, 2, level=0.5).low != pytest.approx(0.75 - half, abs=1e-4)
    assert auc_interval(0.75, 2, 3).high == 1
    assert auc_interval(0.1, 2, 3).low == 0
    assert auc_interval(0.75, 2, 3).low == pytest.approx(0.75 - Z95 * math.sqrt(9 / 140))


# What follows from other numbers


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(any))
def test_majority_scores_are_those_of_scikit_learn(counts: list[int]) -> None:
    truth = np.repeat(np.arange(len(counts)), counts)
    named = np.full(len(truth), np.argmax(counts))
    expected = (
        accuracy_score(truth, named),
        np.mean([x == np.argmax(counts) for x in range(len(counts)) if counts[x]]),
        f1_score(truth, named, average="weighted", zero_division=0),
        f1_score(truth, named, average="macro", zero_division=0),
    )
    assert majority_scores(counts) == pytest.approx(expected)
    assert majority_scores(counts[::-1]) == pytest.approx(expected)


def test_majority_scores_by_hand() -> None:
    found = majority_scores([10, 30])  # F1 of the named class: 2 * 30 / (30 + 40) = 6 / 7
    assert found.accuracy == 0.75
    assert found.balanced_accuracy == 0.5
    assert found.f1_weighted == pytest.approx(0.75 * 6 / 7)
    assert found.f1_macro == pytest.approx(3 / 7)
    truth = np.repeat([0, 1, 2], [5, 9, 2])
    assert majority_scores([5, 9, 2]).balanced_accuracy == pytest.approx(
        balanced_accuracy_score(truth, np.full(16, 1))
    )


@pytest.mark.parametrize(("k", "active"), [(6, 2), (6, 1), (6, 5), (7, 3), (2, 1), (5, 4)])
def test_nmi_of_an_even_code_is_that_of_all_subsets(k: int, active: int) -> None:
    subsets = np.array([np.isin(np.arange(k), x) for x in combinations(range(k), active)])
    assert even_code_nmi(k, active) == pytest.approx(average_nmi(subsets).value)
    assert even_code_nmi(k, active) == pytest.approx(even_code_nmi(k, k - active))


def test_nmi_of_an_even_code_by_hand() -> None:
    # One of three: entropy log2 3 - 2/3 each, together log2 3.
    own = math.log2(3) - 2 / 3
    assert even_code_nmi(3, 1) == pytest.approx((2 * own - math.log2(3)) / own)
    assert even_code_nmi(2, 1) == pytest.approx(1)
    assert even_code_nmi(1000, 4) < even_code_nmi(100, 4) < even_code_nmi(10, 4)


@given(st.integers(0, 10**6))
def test_no_code_of_equally_frequent_units_shares_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(6) for _ in range(rng.integers(1, 8))])  # (M, 6)
    shifts = (orders[:, None, :2] + np.arange(6)[:, None]) % 6  # (M, 6, 2) each unit as often
    code = np.eye(6, dtype=bool)[shifts.reshape(-1, 2)].any(1)  # (6 M, 6)
    assert (code.sum(1) == 2).all() and len(set(code.sum(0).tolist())) == 1
    assert average_nmi(code).value >= even_code_nmi(6, 2) - 1e-12


def test_a_code_of_rare_units_can_share_less() -> None:
    chance = np.where(np.arange(12) < 5, 1e-4, 1.0)  # odds of five units that are nearly dead
    subsets = np.array([np.isin(np.arange(12), x) for x in combinations(range(12), 3)])
    weight = np.where(subsets, chance, 1).prod(1)  # (220,)
    joint = (subsets * weight[:, None]).T @ subsets  # (12, 12)
    i, j = np.triu_indices(12, 1)
    single = np.diag(joint)
    nmi = nmi_of_counts(joint[i, j], single[i], single[j], np.asarray(weight.sum()))
    assert nmi.mean() < even_code_nmi(12, 3)


@given(st.floats(0.1, 10), st.integers(0, 10**6))
def test_squared_norm_of_vectors_of_one_length(norm: float, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(5, 3)) + [2, 0, 0]  # cosines above 0 mostly
    vectors *= norm / np.linalg.norm(vectors, axis=1, keepdims=True)
    dots = (vectors @ vectors.T)[np.triu_indices(5, 1)]
    assume(abs(dots.mean() / norm**2) > 0.01)
    found = implied_squared_norm(float(dots.mean()), float(dots.mean() / norm**2))
    assert found == pytest.approx(norm**2)


def test_squared_norm_by_hand() -> None:
    assert implied_squared_norm(3, 0.25) == 12
    assert implied_squared_norm(-3, -1) == 3


def test_the_largest_entropies_come_from_all_units_once() -> None:
    found = unit_entropy(np.eye(8, dtype=bool))  # what the module's text says
    assert (found.printed, found.normalized) == pytest.approx((3 / 8, 1))


# Errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: grim(58.1, 0), "n must be a whole number, 1 or more, got 0"),
        (lambda: grim(58.1, 4.5), "n must be a whole number"),
        (lambda: grim(58.12, 43), "58.12 has more than 1 decimals"),
        (lambda: grim(0.1 + 0.2, 43), "has more than 1 decimals"),
        (lambda: grim(50, 43, digits=-1), "digits must be a whole number, 0"),
        (lambda: grim("many", 43), "'many' is not a number"),
        (lambda: grim(math.nan, 43), "must be finite, got nan"),
        (lambda: grim(math.inf, 43), "must be finite, got inf"),
        (lambda: grim(50, 43, scale=0), "scale must be above 0, got 0"),
        (lambda: grim_sizes([], 9), "no printed values"),
        (lambda: grim_sizes([50], 9, 10), "largest must be a whole number, 10 or more, got 9"),
        (lambda: grim_sizes([50], 9, 0), "smallest must be a whole number, 1 or more"),
        (lambda: shared_last_digit([], 1), "no printed values"),
        (lambda: shared_last_digit([0.1], 1, 10), "digit must be one of 0 .. 9, got 10"),
        (lambda: shared_last_digit([0.11], 1), "more than 1 decimals"),
        (lambda: mcnemar_smallest_p(-1, 3), "first must be a whole number, 0"),
        (lambda: mcnemar_smallest_p(3, 0.5), "second must be a whole number, 0"),
        (lambda: rmse_interval(0, 9), "rmse must lie between 0 and inf, got 0"),
        (lambda: rmse_interval(1, 0), "n must be a whole number, 1"),
        (lambda: rmse_interval(1, 9, 95), "level must lie between 0 and 1, got 95"),
        (lambda: ccc_interval(1, 9), "ccc must lie between -1 and 1, got 1"),
        (lambda: ccc_interval(0.5, 2), "n must be a whole number, 3 or more, got 2"),
        (lambda: ccc_interval(0.5, 9, 0), "level must lie"),
        (lambda: auc_interval(1, 9, 9), "auc must lie between 0 and 1, got 1"),
        (lambda: auc_interval(0.5, 0, 9), "positives must be a whole number, 1"),
        (lambda: auc_interval(0.5, 9, 0), "negatives must be a whole number, 1"),
        (lambda: auc_interval(0.5, 9, 9, 1), "level must lie"),
        (lambda: majority_scores([]), r"counts must be \(C,\)"),
        (lambda: majority_scores([0, 0]), "not all 0"),
        (lambda: majority_scores([3, -1]), "0 or more"),
        (lambda: majority_scores([3, math.nan]), "0 or more"),
        (lambda: majority_scores([[3, 4]]), r"counts must be \(C,\)"),
        (lambda: majority_scores([0.4, 0.6]), "whole numbers of rows, not shares"),
        (lambda: even_code_nmi(1, 1), "k must be a whole number, 2 or more, got 1"),
        (lambda: even_code_nmi(4, 0), "active must be a whole number, 1"),
        (lambda: even_code_nmi(4, 4), "active must be below k = 4, got 4"),
        (lambda: implied_squared_norm(1, 0), "not be 0, got 0"),
        (lambda: implied_squared_norm(1, 1.5), "cosine must lie in -1 .. 1"),
        (lambda: implied_squared_norm(-1, 0.5), "no common norm gives a dot product of -1"),
        (lambda: implied_squared_norm(0, 0.5), "no common norm"),
        (lambda: implied_squared_norm(math.nan, 0.5), "no common norm"),
    ],
)
def test_what_cannot_be_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
