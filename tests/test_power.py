"""Power and sample sizes, against simulations of the tests and by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy.stats import binomtest, norm, pearsonr

from dfe.metrics import power
from dfe.metrics.power import (
    auc_difference_power,
    auc_difference_sample_size,
    auc_variance,
    ccc_difference_power,
    ccc_difference_sample_size,
    mcnemar_power,
    mcnemar_sample_size,
    rmse_difference_power,
    rmse_difference_sample_size,
    wilson,
)
from dfe.metrics.scores import AUC, CCC, score

pytestmark = pytest.mark.filterwarnings("error")


@cache
def p_of(k: int, n: int) -> float:
    return float(binomtest(k, n).pvalue) if n else 1.0


# Share


def test_wilson_by_hand() -> None:
    z2 = norm.isf(0.05) ** 2  # level 0.9
    middle, half = (0.3 + z2 / 20) / (1 + z2 / 10), np.sqrt(z2 * (0.021 + z2 / 400)) / (1 + z2 / 10)
    assert wilson(3, 10, 0.9) == pytest.approx((0.3, middle - half, middle + half))
    assert wilson(0, 5)[:2] == pytest.approx((0, 0))
    assert wilson(5, 5).low == pytest.approx(5 / (5 + norm.isf(0.025) ** 2))


@pytest.mark.parametrize(("k", "n", "level"), [(-1, 5, 0.9), (6, 5, 0.9), (0, 0, 0.9), (1, 2, 95)])
def test_what_is_no_share_is_refused(k: int, n: int, level: float) -> None:
    with pytest.raises(ValueError, match="k <= n|level"):
        wilson(k, n, level)


# McNemar


@pytest.mark.parametrize(
    ("n", "p_a", "p_b", "agreement", "alpha"),
    [
        (43, 0.581, 0.512, 0.0, 0.05),
        (40, 0.8, 0.5, 0.5, 0.05),
        (40, 0.5, 0.8, 0.9, 0.01),
        (25, 0.9, 0.4, 1.0, 0.05),
        (30, 0.7, 0.7, 0.2, 0.3),
    ],
)
def test_mcnemar_power_agrees_with_drawing_rows(
    n: int, p_a: float, p_b: float, agreement: float, alpha: float
) -> None:
    apart = (1 - agreement) * (p_a * (1 - p_b) + p_b * (1 - p_a)) + agreement * abs(p_a - p_b)
    only_a, only_b = (apart + p_a - p_b) / 2, (apart - p_a + p_b) / 2
    rng = np.random.default_rng(0)
    draws = rng.multinomial(n, [only_a, max(0.0, only_b), 1 - apart], size=20_000)
    found = np.mean([p_of(a, a + b) <= alpha for a, b, _ in draws.tolist()])
    assert mcnemar_power(n, p_a, p_b, agreement, alpha) == pytest.approx(found, abs=0.011)


def test_mcnemar_power_by_hand() -> None:
    # Six rows on which only a is right reject (2 / 64); of n = 6 all must be so, or all for b.
    assert mcnemar_power(6, 1, 0, 0) == pytest.approx(1)
    assert mcnemar_power(5, 1, 0, 0) == 0
    assert mcnemar_power(6, 0.5, 0, 0) == pytest.approx(0.5**6)
    assert mcnemar_power(7, 0.5, 0, 1) == pytest.approx(8 * 0.5**7)
    assert mcnemar_power(6, 0.5, 0.5, 0) == pytest.approx(2 * 0.25**6)
    assert mcnemar_power(100, 0.7, 0.7, 1) == 0  # the same rows are right: nothing to see
    # p is exactly 1 / 4 for 3 : 0, and that rejects at 1 / 4.
    assert mcnemar_power(3, 1, 0, 0, alpha=0.25) == pytest.approx(1)
    assert mcnemar_power(3, 1, 0, 0, alpha=0.2499) == 0


def test_full_agreement_bears_rounding_and_either_order() -> None:
    for p_a, p_b in np.random.default_rng(0).random((200, 2)).round(2):
        found = mcnemar_power(30, p_a, p_b, 1)
        assert 0 <= found <= 1
        assert mcnemar_power(30, p_b, p_a, 1) == pytest.approx(found)


@pytest.mark.parametrize("n", [1, 30, 500])
def test_an_exact_test_keeps_its_level(n: int) -> None:
    for agreement in (0, 0.5, 0.9):
        assert mcnemar_power(n, 0.6, 0.6, agreement) <= 0.05


def test_mcnemar_power_of_many_rows_is_that_of_the_normal_test() -> None:
    n, apart = 20_000, 0.733 * 0.278 + 0.722 * 0.267
    shift = 0.011 * np.sqrt(n)
    expected = norm.sf((1.96 * np.sqrt(apart) - shift) / np.sqrt(apart - 0.011**2))
    assert mcnemar_power(n, 0.733, 0.722, 0) == pytest.approx(expected, abs=0.01)
    assert mcnemar_power(n, 0.733, 0.722, 0.9) > 0.99


@pytest.mark.parametrize(
    ("p_a", "p_b", "agreement", "target"),
    [(1, 0.4, 0, 0.8), (0.8, 0.5, 0.5, 0.8), (0.5, 0.8, 0.9, 0.9), (0.9, 0.4, 1, 0.5)],
)
def test_mcnemar_sample_size_is_the_first_that_stays_enough(
    p_a: float, p_b: float, agreement: float, target: float
) -> None:
    enough = [mcnemar_power(n, p_a, p_b, agreement) >= target for n in range(1, 200)]
    last = max(i for i, is_enough in enumerate(enough) if not is_enough) + 1  # n of the last one
    assert mcnemar_sample_size(p_a, p_b, agreement, target) == last + 1


def test_a_saw_is_passed_to_its_last_tooth(monkeypatch: pytest.MonkeyPatch) -> None:
    def saw(n: int) -> float:  # falls below one half at 5, 40 and 60
        return 0.0 if n < 3 or n in (5, 40, 60) else 0.5

    assert power._smallest(saw, 0.5, 1, window=50) == 61
    assert power._smallest(saw, 0.5, 1, window=30) == 6
    assert power._smallest(saw, 0.5, 1, window=2) == 6
    assert power._smallest(saw, 0.5, 1, window=1) == power._smallest(saw, 0.5, 1) == 3
    assert power._smallest(lambda n: n / 1000, 0.777, 1) == 777
    assert power._smallest(lambda n: 1.0, 0.5, 4) == 4
    monkeypatch.setattr(power, "mcnemar_power", lambda n, *settings: saw(n))
    assert mcnemar_sample_size(0.6, 0.5, 0, power=0.5) == 61


def test_smaller_differences_and_less_agreement_need_more_rows() -> None:
    sizes = [mcnemar_sample_size(0.581, 0.512, agreement) for agreement in (0, 0.5, 0.9)]
    assert sizes[0] > sizes[1] > sizes[2] > 43
    assert mcnemar_sample_size(0.6, 0.5, 0.5) < mcnemar_sample_size(0.57, 0.5, 0.5)
    assert mcnemar_sample_size(0.6, 0.5, 0.5, alpha=0.01) > mcnemar_sample_size(0.6, 0.5, 0.5)


# AUC


def test_variance_of_an_auc_by_hand() -> None:
    # AUC 3/4: q1 = 3/5, q2 = 9/14, AUC^2 = 9/16; (3/16 + 3/80 + 2 * 9/112) / 6 = 9/140.
    assert auc_variance(0.75, 2, 3) == pytest.approx(9 / 140)
    assert auc_variance(0.25, 2, 3) != auc_variance(0.75, 2, 3)
    assert auc_variance(0.3, 1, 1) == pytest.approx(0.3 * 0.7)


def test_variance_of_an_auc_is_that_of_exponential_scores() -> None:
    rng, theta = np.random.default_rng(0), 3.0  # AUC = theta / (1 + theta)
    positive, negative = theta * rng.exponential(size=(4000, 12)), rng.exponential(size=(4000, 20))
    areas = (positive[:, :, None] > negative[:, None]).mean((1, 2))
    assert areas.mean() == pytest.approx(0.75, abs=0.005)
    assert areas.var() == pytest.approx(auc_variance(0.75, 12, 20), rel=0.07)


def test_auc_power_by_hand() -> None:
    # One pair: variances 0.8 * 0.2 and 0.5 * 0.5, so 0.16 + 0.25 - 2 * 0.5 * 0.4 * 0.5 = 0.21.
    effect = 0.3 / np.sqrt(0.21)
    expected = norm.sf(norm.isf(0.025) - effect) + norm.cdf(-norm.isf(0.025) - effect)
    assert auc_difference_power(1, 1, 0.8, 0.5, 0.5) == pytest.approx(expected)
    assert auc_difference_power(1, 1, 0.5, 0.8, 0.5) == pytest.approx(expected)
    assert auc_difference_power(9, 9, 0.7, 0.7, 0.3, alpha=0.1) == pytest.approx(0.1)


def test_auc_power_agrees_with_drawing_cohorts() -> None:
    rng, z, differences = np.random.default_rng(0), [], []
    for _ in range(400):  # two methods that err independently within the classes
        truth = np.repeat([1, 0], [40, 60])
        areas = []
        for theta in (5.0, 2.0):
            each = rng.exponential(size=100) * np.where(truth == 1, theta, 1.0)
            areas.append(score(AUC, truth, each))
        error = np.sqrt(sum(auc_variance(area, 40, 60) for area in areas))
        differences.append(areas[0] - areas[1])
        z.append(differences[-1] / error)
    expected = auc_difference_power(40, 60, 5 / 6, 2 / 3, 0)
    assert np.mean(differences) == pytest.approx(1 / 6, abs=0.01)
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(expected, abs=0.06)


def test_auc_sample_size_is_the_first_with_enough_power() -> None:
    n = auc_difference_sample_size(0.75, 0.65, 0.5, 0.3, power=0.9)
    enough, short = (auc_difference_power(0.3 * m, 0.7 * m, 0.75, 0.65, 0.5) for m in (n, n - 1))
    assert short < 0.9 <= enough
    assert n < auc_difference_sample_size(0.75, 0.65, 0.3, 0.3, power=0.9)
    assert n < auc_difference_sample_size(0.75, 0.65, 0.5, 0.1, power=0.9)
    assert n < auc_difference_sample_size(0.75, 0.65, 0.5, 0.3, power=0.9, alpha=0.01)
    assert auc_difference_sample_size(0.99, 0.01, 0.5, 0.05, power=0.5) == 20  # one positive
    assert auc_difference_sample_size(0.99, 0.01, 0.5, 1 / 161, power=0.5) == 161  # 161 / 161 < 1


# CCC


def normal_cccs(
    n: int, ccc_a: float, ccc_b: float, partial: float, draws: int, seed: int
) -> np.ndarray:
    """Differences of sample CCCs, from rows: predictions = share of the truth + rest."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        truth, rest, own = rng.normal(size=(3, n))
        other = partial * rest + np.sqrt(1 - partial**2) * own
        a = ccc_a * truth + np.sqrt(1 - ccc_a**2) * rest
        b = ccc_b * truth + np.sqrt(1 - ccc_b**2) * other
        found.append(score(CCC, truth, a) - score(CCC, truth, b))
    return np.array(found)


@pytest.mark.parametrize(
    ("n", "a", "b", "partial"), [(30, 0.7, 0.3, 0.0), (56, 0.45, 0.2, 0.6), (8, 0.9, 0.2, -0.4)]
)
def test_ccc_power_agrees_with_drawing_subjects(n: int, a: float, b: float, partial: float) -> None:
    alike = normal_cccs(n, (a + b) / 2, (a + b) / 2, partial, 3000, seed=1)
    apart = normal_cccs(n, a, b, partial, 3000, seed=2)
    for alpha in (0.05, 0.3):
        expected = (np.abs(apart) > np.quantile(np.abs(alike), 1 - alpha)).mean()
        found = ccc_difference_power(n, a, b, partial, alpha=alpha)
        assert found == pytest.approx(expected, abs=0.05)
        assert 0.1 < found < 0.99


def test_ccc_power_without_a_difference_is_the_level() -> None:
    assert ccc_difference_power(40, 0.3, 0.3, 0.5) == pytest.approx(0.05, abs=0.01)
    assert ccc_difference_power(40, 0.3, 0.3, 0.5, alpha=0.2) == pytest.approx(0.2, abs=0.02)


def test_ccc_power_depends_on_the_seed_only_a_little() -> None:
    one, other = (ccc_difference_power(56, 0.5, 0.2, 0.5, seed=seed) for seed in (0, 1))
    assert one != other
    assert one == pytest.approx(other, abs=0.03)
    assert one == ccc_difference_power(56, 0.5, 0.2, 0.5, seed=0)
    rough = ccc_difference_power(56, 0.5, 0.2, 0.5, draws=100)
    assert 100 * rough == pytest.approx(round(100 * rough))


def test_ccc_sample_size_has_the_power() -> None:
    n = ccc_difference_sample_size(0.6, 0.3, 0.5, draws=2000)
    assert ccc_difference_power(n, 0.6, 0.3, 0.5, draws=40_000) == pytest.approx(0.8, abs=0.04)
    assert n > ccc_difference_sample_size(0.6, 0.3, 0.9, draws=2000)
    assert n > ccc_difference_sample_size(0.6, 0.3, 0.5, power=0.6, draws=2000)
    assert n < ccc_difference_sample_size(0.6, 0.3, 0.5, draws=2000, alpha=0.01)


# RMSE


@pytest.mark.parametrize(
    ("n", "a", "b", "correlation"), [(56, 7.2, 9.0, 0.0), (40, 3.0, 2.0, 0.5), (56, 7.2, 7.5, 0.95)]
)
def test_rmse_power_agrees_with_drawing_errors(
    n: int, a: float, b: float, correlation: float
) -> None:
    rng = np.random.default_rng(0)
    first, own = rng.normal(size=(2, 3000, n))
    second = correlation * first + np.sqrt(1 - correlation**2) * own
    r = pearsonr(a * first + b * second, a * first - b * second, axis=1)
    for alpha in (0.05, 0.2):
        found = rmse_difference_power(n, a, b, correlation, alpha)
        assert found == pytest.approx((r.pvalue <= alpha).mean(), abs=0.03)
        assert found == pytest.approx(rmse_difference_power(n, b, a, correlation, alpha))


def test_rmse_power_by_hand() -> None:
    # Independent errors of sizes 1 and 2: correlation (1 - 4) / 5, and z = atanh(0.6) = log 2.
    effect = np.log(2) * np.sqrt(13)
    expected = norm.sf(norm.isf(0.025) - effect) + norm.cdf(-norm.isf(0.025) - effect)
    assert rmse_difference_power(16, 1, 2, 0) == pytest.approx(expected)
    assert rmse_difference_power(16, 10, 20, 0) == pytest.approx(expected)
    assert rmse_difference_power(99, 3, 3, 0.5, alpha=0.2) == pytest.approx(0.2)


def test_rmse_sample_size_is_the_first_with_enough_power() -> None:
    n = rmse_difference_sample_size(7.2, 7.5, 0.9, power=0.7, alpha=0.1)
    short, enough = (rmse_difference_power(m, 7.2, 7.5, 0.9, alpha=0.1) for m in (n - 1, n))
    assert short < 0.7 <= enough
    assert n < rmse_difference_sample_size(7.2, 7.5, 0.5, power=0.7, alpha=0.1)


# Refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar_power(0, 0.5, 0.6, 0), "n must be at least 1"),
        (lambda: mcnemar_power(9, 58, 0.6, 0), "p_a must lie in 0"),
        (lambda: mcnemar_power(9, 0.5, -0.1, 0), "p_b must lie in 0"),
        (lambda: mcnemar_power(9, 0.5, 0.6, 1.1), "agreement must lie in"),
        (lambda: mcnemar_power(9, 0.5, 0.6, 0, alpha=0), "alpha must lie between"),
        (lambda: mcnemar_sample_size(0.5, 0.5, 0), "no size"),
        (lambda: mcnemar_sample_size(0.5, 0.6, 0, power=0.05), "power must lie between"),
        (lambda: mcnemar_sample_size(0.5, 0.5 + 1e-9, 0), "too small"),
        (lambda: auc_variance(1, 5, 5), "auc must lie between"),
        (lambda: auc_variance(0.5, 0, 5), "n_pos must lie in"),
        (lambda: auc_difference_power(5, 0, 0.6, 0.5, 0), "n_neg must lie in"),
        (lambda: auc_difference_power(5, 5, 0.6, 0.5, 1), "correlation must lie between"),
        (lambda: auc_difference_power(5, 5, 0.6, 0.5, 0, alpha=1), "alpha must lie between"),
        (lambda: auc_difference_sample_size(0.6, 0.6, 0, 0.3), "no size"),
        (lambda: auc_difference_sample_size(0.6, 0.5, 0, 1), "positive_share must lie between"),
        (lambda: ccc_difference_power(4, 0.2, 0.1, 0), "n must be at least 5"),
        (lambda: ccc_difference_power(9, 1, 0.1, 0), "ccc_a must lie between"),
        (lambda: ccc_difference_power(9, 0.2, 0.1, -1), "correlation must lie between"),
        (lambda: ccc_difference_power(9, 0.2, 0.1, 0, draws=99), "draws must lie in"),
        (lambda: ccc_difference_power(9, 0.2, 0.1, 0, alpha=2), "alpha must lie between"),
        (lambda: ccc_difference_sample_size(0.2, 0.2, 0), "no size"),
        (lambda: rmse_difference_power(3, 7, 8, 0), "n must be at least 4"),
        (lambda: rmse_difference_power(9, 0, 8, 0), "rmse_a must lie between"),
        (lambda: rmse_difference_power(9, 7, 8, 1), "correlation must lie between"),
        (lambda: rmse_difference_sample_size(7, 7, 0), "no size"),
    ],
)
def test_what_has_no_power_is_refused(call: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
