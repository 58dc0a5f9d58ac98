"""How large a cohort must be before a difference between two methods can be told from noise.

Two methods are scored on the same subjects, and the tables do not say how alike their predictions
are. That similarity decides much, so each function takes it as an argument: look at a range of
it. All functions treat subjects as independent and the true values as those given; a difference
that was reported because it was the largest of several is likely smaller in truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dfe.metrics.intervals import Interval

Floats = NDArray[np.float64]

_TAIL = 1e-12  # probability left out at each end of the number of discordant pairs
_TEETH = 50  # sizes above the answer that are looked at too: exact power may fall as n grows
_TOO_LARGE = 1 << 22  # rows; no cohort of the field comes near, and the sums grow slow


def wilson(k: int, n: int, level: float = 0.95) -> Interval:
    """Share of `k` in `n` independent trials, with the interval of Wilson (1927, JASA 22:209).

    Raises
    ------
    ValueError
        If not 0 <= k <= n with n >= 1, or the level is not between 0 and 1.
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError(f"a share needs 0 <= k <= n and n >= 1, got k = {k}, n = {n}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    low, high = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    return Interval(k / n, float(low), float(high))


# Accuracy


def mcnemar_power(n: int, p_a: float, p_b: float, agreement: float, alpha: float = 0.05) -> float:
    """Chance that the exact McNemar test tells two accuracies apart on the same `n` rows.

    Exact: the sum over the number of rows on which one classifier is right and the other wrong
    (the discordant ones), and over how they split.

    Parameters
    ----------
    n
        Rows, at least 1.
    p_a, p_b
        True accuracies, 0 to 1.
    agreement
        Places the share of discordant rows, which the accuracies leave open: 0 for classifiers
        that err independently, p_a (1 - p_b) + p_b (1 - p_a); 1 for the least possible share,
        |p_a - p_b|, where the worse one is never right alone.
    alpha
        Level of the two-sided test.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_size(n, 1)
    _check(0, 1, p_a=p_a, p_b=p_b, agreement=agreement)
    _check_open(0, 1, alpha=alpha)
    apart = p_a + p_b - 2 * p_a * p_b
    apart += agreement * (abs(p_a - p_b) - apart)  # share of discordant rows
    if apart <= 0:
        return 0.0
    low, high = stats.binom.ppf(_TAIL, n, apart), stats.binom.isf(_TAIL, n, apart)
    m = np.arange(low, high + 1)  # numbers of discordant rows worth looking at
    edge = _rejects_up_to(m, alpha)
    # Share of them that only a names right; rounding may take it past 0 or 1.
    for_a = min(1.0, max(0.0, (apart + p_a - p_b) / (2 * apart)))
    found = stats.binom.cdf(edge, m, for_a) + stats.binom.sf(m - edge - 1, m, for_a)
    return float(min(1.0, stats.binom.pmf(m, n, apart) @ found))


def mcnemar_sample_size(
    p_a: float, p_b: float, agreement: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Rows that `mcnemar_power` needs for a power.

    The power of an exact test may fall when a row is added (here hardly: by less than 1e-5 in 250
    random settings up to 200 rows). The answer is a size that is enough, whose predecessor is
    not, and after which the next 50 sizes are all enough.

    Raises
    ------
    ValueError
        As `mcnemar_power`, and if the accuracies are equal or the power is not between `alpha`
        and 1.
    """
    _check_target(p_a, p_b, power, alpha)
    return _smallest(lambda n: mcnemar_power(n, p_a, p_b, agreement, alpha), power, 1, _TEETH)


def _rejects_up_to(m: Floats, alpha: float) -> Floats:
    """Largest count in the lower tail of `m` fair coins that the test rejects; -1 for none."""
    edge = stats.binom.ppf(alpha / 2, m, 0.5)
    enough = stats.binom.cdf(edge, m, 0.5) <= alpha / 2 * (1 + 1e-9)
    return np.where(enough, edge, edge - 1)


# AUC


def auc_variance(auc: float, n_pos: float, n_neg: float) -> float:
    """Variance of an AUC by Hanley and McNeil (1982, Radiology 143:29).

    The chances that one negative lies below two positives (`q1`), and two negatives below one
    positive (`q2`), are those of exponential scores.
    """
    _check_open(0, 1, auc=auc)
    _check(1, math.inf, n_pos=n_pos, n_neg=n_neg)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    own = auc * (1 - auc)
    shared = (n_pos - 1) * (q1 - auc**2) + (n_neg - 1) * (q2 - auc**2)
    return (own + shared) / (n_pos * n_neg)


def auc_difference_power(
    n_pos: float,
    n_neg: float,
    auc_a: float,
    auc_b: float,
    correlation: float,
    alpha: float = 0.05,
) -> float:
    """Chance that the z test of Hanley and McNeil (1983, Radiology 148:839) tells two AUCs apart.

    Parameters
    ----------
    n_pos, n_neg
        Positive and negative rows, both scored by both methods; at least 1.
    auc_a, auc_b
        True AUCs, between 0 and 1.
    correlation
        Of the two AUCs over cohorts; a little below that of the scores within the classes (their
        Table I).
    alpha
        Level of the two-sided test.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_open(-1, 1, correlation=correlation)
    a, b = (auc_variance(auc, n_pos, n_neg) for auc in (auc_a, auc_b))
    return _normal_power(
        auc_a - auc_b, math.sqrt(a + b - 2 * correlation * math.sqrt(a * b)), alpha
    )


def auc_difference_sample_size(
    auc_a: float,
    auc_b: float,
    correlation: float,
    positive_share: float,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Rows that `auc_difference_power` needs for a power, at a share of positives.

    The number of positives is not rounded to whole rows.

    Raises
    ------
    ValueError
        As `auc_difference_power`, and if the AUCs are equal, the share is not between 0 and 1, or
        the power is not between `alpha` and 1.
    """
    _check_target(auc_a, auc_b, power, alpha)
    _check_open(0, 1, positive_share=positive_share)

    def power_of(n: int) -> float:
        n_pos, n_neg = (max(1.0, n * share) for share in (positive_share, 1 - positive_share))
        return auc_difference_power(n_pos, n_neg, auc_a, auc_b, correlation, alpha)

    return _smallest(power_of, power, math.ceil(1 / min(positive_share, 1 - positive_share)))


# CCC


def ccc_difference_power(
    n: int,
    ccc_a: float,
    ccc_b: float,
    correlation: float,
    draws: int = 10_000,
    seed: int = 0,
    alpha: float = 0.05,
) -> float:
    """Chance that a test of level `alpha` tells two CCCs apart on the same `n` subjects.

    Truth and both predictions are normal with equal means and variances, so the CCC of each
    prediction is its correlation with the truth. The test knows how the difference of two sample
    CCCs varies where both methods have the mean of the two given CCCs, and rejects beyond the
    1 - alpha quantile of its size. Both distributions are drawn; moments of normal samples have a
    known distribution (Wishart), so a draw costs the same at any `n`.

    Parameters
    ----------
    n
        Subjects, at least 5.
    ccc_a, ccc_b
        True CCCs, between -1 and 1.
    correlation
        Of the two predictions among subjects of one true value (partial correlation given the
        truth), between -1 and 1.
    draws
        At least 100. The standard error of a power near 0.8 is about 0.7 / sqrt(draws), with that
        of the quantile.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_size(n, 5)
    _check_open(-1, 1, ccc_a=ccc_a, ccc_b=ccc_b, correlation=correlation)
    _check(100, math.inf, draws=draws)
    _check_open(0, 1, alpha=alpha)
    rng, mean = np.random.default_rng(seed), (ccc_a + ccc_b) / 2
    alike = _ccc_differences(n, mean, mean, correlation, draws, rng)  # (draws,)
    apart = _ccc_differences(n, ccc_a, ccc_b, correlation, draws, rng)  # (draws,)
    return float((np.abs(apart) > np.quantile(np.abs(alike), 1 - alpha)).mean())


def ccc_difference_sample_size(
    ccc_a: float,
    ccc_b: float,
    correlation: float,
    power: float = 0.8,
    draws: int = 10_000,
    seed: int = 0,
    alpha: float = 0.05,
) -> int:
    """Subjects that `ccc_difference_power` needs for a power, to about 2 % (by the draws).

    Raises
    ------
    ValueError
        As `ccc_difference_power`, and if the CCCs are equal or the power is not between `alpha`
        and 1.
    """
    _check_target(ccc_a, ccc_b, power, alpha)

    def power_of(n: int) -> float:
        return ccc_difference_power(n, ccc_a, ccc_b, correlation, draws, seed, alpha)

    return _smallest(power_of, power, 5)


def _ccc_differences(
    n: int, ccc_a: float, ccc_b: float, correlation: float, draws: int, rng: np.random.Generator
) -> Floats:
    """CCC of a minus CCC of b in samples of `n` normal (truth, a, b): (draws,)."""
    rest = math.sqrt((1 - ccc_a**2) * (1 - ccc_b**2))
    a_b = ccc_a * ccc_b + correlation * rest
    covariance = np.array([[1, ccc_a, ccc_b], [ccc_a, 1, a_b], [ccc_b, a_b, 1]])
    scatter = stats.wishart(n - 1, covariance).rvs(draws, random_state=rng)  # (draws, 3, 3)
    means = rng.multivariate_normal(np.zeros(3), covariance / n, draws, method="cholesky")
    own = np.diagonal(scatter, axis1=1, axis2=2) / n  # (draws, 3) variances
    shift = np.square(means[:, 1:] - means[:, :1])  # (draws, 2)
    ccc = 2 * scatter[:, 0, 1:] / n / (own[:, :1] + own[:, 1:] + shift)  # (draws, 2)
    return ccc[:, 0] - ccc[:, 1]


# RMSE


def rmse_difference_power(
    n: int, rmse_a: float, rmse_b: float, correlation: float, alpha: float = 0.05
) -> float:
    """Chance that the test of Pitman (1939) and Morgan (1939) tells two RMSEs apart.

    Errors are normal with mean zero. Their sum and their difference are correlated just when
    their sizes differ; the power is that of the test of this correlation, by Fisher's z.

    Parameters
    ----------
    n
        Subjects, at least 4.
    rmse_a, rmse_b
        True root mean square errors, above 0, in one unit.
    correlation
        Of the two errors of a subject, between -1 and 1. Where both methods predict little, the
        errors are mostly the truth itself and nearly alike: expect a high one.
    alpha
        Level of the two-sided test.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_size(n, 4)
    _check_open(0, math.inf, rmse_a=rmse_a, rmse_b=rmse_b)
    _check_open(-1, 1, correlation=correlation)
    a, b = rmse_a**2, rmse_b**2
    rho = (a - b) / math.sqrt((a + b) ** 2 - 4 * correlation**2 * a * b)
    return _normal_power(math.atanh(rho), 1 / math.sqrt(n - 3), alpha)


def rmse_difference_sample_size(
    rmse_a: float, rmse_b: float, correlation: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Subjects that `rmse_difference_power` needs for a power.

    Raises
    ------
    ValueError
        As `rmse_difference_power`, and if the errors are equal or the power is not between
        `alpha` and 1.
    """
    _check_target(rmse_a, rmse_b, power, alpha)
    return _smallest(
        lambda n: rmse_difference_power(n, rmse_a, rmse_b, correlation, alpha), power, 4
    )


# What all of them share


def _normal_power(difference: float, error: float, alpha: float) -> float:
    """Chance that a normal estimate with this standard error is called different from zero."""
    _check_open(0, 1, alpha=alpha)
    edge, effect = stats.norm.isf(alpha / 2), difference / error
    return float(stats.norm.sf(edge - effect) + stats.norm.cdf(-edge - effect))


def _smallest(power_of: Callable[[int], float], target: float, least: int, window: int = 0) -> int:
    """Smallest size with enough power, by doubling and bisection.

    With a window, sizes that fall short among the next `window` ones move the answer past them.
    """
    low = high = least
    while power_of(high) < target:
        low, high = high, 2 * high
        if high > _TOO_LARGE:
            raise ValueError(f"not even {_TOO_LARGE} rows would do: the difference is too small")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= target else (middle, high)
    ahead = high
    while ahead < high + window:
        ahead += 1
        if power_of(ahead) < target:
            high = ahead + 1
    return high


def _check_target(a: float, b: float, power: float, alpha: float) -> None:
    if a == b:
        raise ValueError(f"both methods have the value {a}: no size tells them apart")
    _check_open(0, 1, alpha=alpha)
    _check_open(alpha, 1, power=power)


def _check_size(n: int, least: int) -> None:
    if n < least:
        raise ValueError(f"n must be at least {least}, got {n}")


def _check(low: float, high: float, **values: float) -> None:
    for name, value in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must lie in {low} .. {high}, got {value}")


def _check_open(low: float, high: float, **values: float) -> None:
    for name, value in values.items():
        if not low < value < high:
            raise ValueError(f"{name} must lie between {low} and {high}, got {value}")
