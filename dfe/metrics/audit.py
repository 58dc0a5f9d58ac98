"""Arithmetic of printed numbers: what a reader can check in a table without the data behind it.

The first functions ask which counts and sizes a printed share can come from, the next ones how far
chance alone moves a printed measure, and the last ones what numbers follow from a few others.
Elsewhere in the package: an interval of a share is `dfe.metrics.wilson`, and the largest entropies
of K units are those of `dfe.metrics.unit_entropy(np.eye(K, dtype=bool))`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from dfe.metrics.diversity import nmi_of_counts
from dfe.metrics.intervals import Interval
from dfe.metrics.power import auc_variance
from dfe.metrics.scores import ACCURACY, BALANCED_ACCURACY, F1_MACRO, F1_WEIGHTED

#: A number as it is printed. Text, or a float whose shortest decimal form is the printed one.
Printed = float | str | Decimal


class LastDigits(NamedTuple):
    """How many of n printed values end in one digit."""

    matches: int
    n: int
    p: float  # chance of so many or more, were each of the ten last digits equally likely


class MajorityScores(NamedTuple):
    """What always naming the largest class scores, each in 0 .. 1."""

    accuracy: float
    balanced_accuracy: float
    f1_weighted: float
    f1_macro: float


# Printed shares


def grim(value: Printed, n: int, digits: int = 1, scale: Printed = 100) -> tuple[int, ...]:
    """Counts that a printed share of n rows can come from (GRIM test).

    The test of Brown and Heathers (2017, Social Psychological and Personality Science 8:363), for
    shares: only n + 1 of them exist. The arithmetic is exact. A share half way between two printed
    values counts for both of them, because rounding half up, half to even, and the printing of
    binary floats differ about it.

    Parameters
    ----------
    value
        The printed share, such as 58.1.
    n
        Rows, at least 1.
    digits
        Decimals that are printed.
    scale
        What a share of 1 is printed as: 100 for percent, 1 for fractions.

    Returns
    -------
    all k in 0 .. n, in order, for which scale * k / n is printed as `value`; empty where no count
    gives it

    Raises
    ------
    ValueError
        If an argument is outside its range, or the value is no finite number or has more decimals
        than `digits`.
    """
    _check_whole("n", n, 1)
    unit = _units(value, digits)  # before the scale: a wrong number of digits is found here
    if (full := _fraction(scale)) <= 0:
        raise ValueError(f"scale must be above 0, got {scale}")
    rows = n / (full * 10**digits)  # per unit of the last decimal
    half = Fraction(1, 2)
    first, last = math.ceil((unit - half) * rows), math.floor((unit + half) * rows)
    return tuple(range(max(first, 0), min(last, n) + 1))


def grim_sizes(
    values: Sequence[Printed],
    largest: int,
    smallest: int = 1,
    digits: int = 1,
    scale: Printed = 100,
) -> tuple[int, ...]:
    """Numbers of rows, smallest .. largest, at which all printed shares are possible.

    From n = scale * 10^digits on, each share in range is possible, and the test says nothing.

    Returns
    -------
    the sizes in order; empty where none fits all values

    Raises
    ------
    ValueError
        As `grim`, and if there are no values or `largest` is below `smallest`.
    """
    _check_whole("smallest", smallest, 1)
    _check_whole("largest", largest, smallest)
    if not len(values):
        raise ValueError("there are no printed values: any size is possible")
    sizes = range(smallest, largest + 1)
    return tuple(n for n in sizes if all(grim(value, n, digits, scale) for value in values))


def shared_last_digit(values: Sequence[Printed], digits: int, digit: int = 0) -> LastDigits:
    """Count printed values that end in a digit, and how likely so many are by chance.

    Many zeros say that values were rounded further than they are printed, or come from few rows.
    The chance is binomial, with one in ten for each value; it takes the values as independent,
    and the digit as chosen before they were seen.

    Parameters
    ----------
    values
        Printed numbers; their sign does not matter.
    digits
        Decimals that are printed: 0.3 printed with two of them ends in 0.
    digit
        0 to 9.

    Raises
    ------
    ValueError
        If there are no values, the digit is not in 0 .. 9, or a value is no finite number or has
        more decimals than `digits`.
    """
    if digit not in range(10):
        raise ValueError(f"digit must be one of 0 .. 9, got {digit}")
    if not len(values):
        raise ValueError("there are no printed values: no last digits to count")
    matches = sum(abs(_units(value, digits)) % 10 == digit for value in values)
    test = stats.binomtest(matches, len(values), 0.1, alternative="greater")
    return LastDigits(matches, len(values), float(test.pvalue))


# What chance alone does


def mcnemar_smallest_p(first: int, second: int) -> float:
    """Smallest p that an exact McNemar test (two-sided) can give for two counts of right rows.

    Tables print how often each method is right, and not on which rows. The test needs the rows on
    which only one is right (McNemar 1947, Psychometrika 12:153). The fewest that there can be are
    |first - second|, all in favour of one method; any other overlap adds as many on both sides and
    gives a larger p. If this p is not small, the test finds no difference on any overlap.

    Parameters
    ----------
    first, second
        Rows that each method names right, of the same rows.

    Raises
    ------
    ValueError
        If a count is not a whole number, 0 or more.
    """
    _check_whole("first", first, 0)
    _check_whole("second", second, 0)
    return min(1.0, 2 * 0.5 ** abs(int(first) - int(second)))


def rmse_interval(rmse: float, n: int, level: float = 0.95) -> Interval:
    """Interval of the root mean square error of n independent rows.

    Errors are normal with mean zero, so that n rmse^2 / sigma^2 is chi-squared with n degrees of
    freedom. Errors with heavier tails vary more.

    Parameters
    ----------
    rmse
        Above 0; the interval has its unit.
    n
        Rows, at least 1.
    level
        Between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_between("rmse", rmse, 0, math.inf)
    _check_whole("n", n, 1)
    tail = _tail(level)
    low, high = (rmse * math.sqrt(n / edge(tail, n)) for edge in (stats.chi2.isf, stats.chi2.ppf))
    return Interval(rmse, low, high)


def ccc_interval(ccc: float, n: int, level: float = 0.95) -> Interval:
    """Interval of a concordance correlation coefficient of n independent rows, by Fisher's z.

    Normal values: atanh(CCC) is about normal (Lin 1989, Biometrics 45:255; his variance as
    corrected in 2000, 56:324). The variance also depends on the correlation r and on the offset
    between predictions and truth, which tables do not print. This is the one for r = CCC, with
    neither offset nor difference in spread: 1 / (n - 2). Of all r and offsets that give the same
    CCC of 0 or more, this makes the widest interval: a method that loses agreement by a wrong
    offset or spread has a higher r, and its CCC varies less. For a CCC far below 0 this
    is not so.

    Parameters
    ----------
    ccc
        Between -1 and 1.
    n
        Rows, at least 3.
    level
        Between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_between("ccc", ccc, -1, 1)
    _check_whole("n", n, 3)
    half = float(stats.norm.isf(_tail(level))) / math.sqrt(n - 2)
    z = math.atanh(ccc)
    return Interval(ccc, math.tanh(z - half), math.tanh(z + half))


def auc_interval(auc: float, positives: int, negatives: int, level: float = 0.95) -> Interval:
    """Interval of an area under the ROC curve by Hanley and McNeil (1982, Radiology 143:29).

    The AUC plus and minus its standard error times a normal quantile, cut at 0 and 1. With few
    rows, or an AUC near 0 or 1, the normal approximation is rough.

    Parameters
    ----------
    auc
        Between 0 and 1.
    positives, negatives
        Independent rows of each class, at least 1.
    level
        Between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_between("auc", auc, 0, 1)
    _check_whole("positives", positives, 1)
    _check_whole("negatives", negatives, 1)
    error = math.sqrt(auc_variance(auc, positives, negatives))
    half = float(stats.norm.isf(_tail(level))) * error
    return Interval(auc, max(0.0, auc - half), min(1.0, auc + half))


# What follows from other numbers


def majority_scores(counts: ArrayLike) -> MajorityScores:
    """Scores of always naming the largest class, from the sizes of the classes alone.

    Parameters
    ----------
    counts
        (C,) rows of each class. Which of two largest classes is named does not matter.

    Raises
    ------
    ValueError
        If the shape is not (C,), or the counts are not whole numbers, 0 or more, with one above 0.
    """
    rows = np.asarray(counts, np.float64)
    if rows.ndim != 1 or not (rows > 0).any() or not (np.isfinite(rows) & (rows >= 0)).all():
        raise ValueError(f"counts must be (C,), 0 or more and not all 0, got {rows.tolist()}")
    if (rows != np.rint(rows)).any():
        raise ValueError(f"counts must be whole numbers of rows, not shares, got {rows.tolist()}")
    truth = np.arange(len(rows))  # (C,) one row for each class, counted as often as it has rows
    named = np.full(len(rows), rows.argmax())  # (C,)
    measures = (ACCURACY, BALANCED_ACCURACY, F1_WEIGHTED, F1_MACRO)
    return MajorityScores(*(float(measure(truth, named, rows[None])[0]) for measure in measures))


def even_code_nmi(k: int, active: int) -> float:
    """Average NMI (equation 9) of a code with a fixed number of active units in each row.

    Exactly `active` of `k` units are active in a row, and all such subsets are equally likely. A
    unit is then active with chance a / k and a pair with a (a - 1) / (k (k - 1)). The NMI is not
    0: units that compete for a fixed number of places tell about each other.

    No code with `active` units in each row and equally frequent units has a smaller average: the
    chances of the pairs then have the same mean, and NMI is convex in them. Very unequal units can
    go below, since a unit that is almost never active competes with none.

    Parameters
    ----------
    k
        Units, at least 2.
    active
        1 to k - 1: a unit that is always active has no NMI.

    Returns
    -------
    in 0 .. 1; 1 for two units of which one is active

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_whole("k", k, 2)
    _check_whole("active", active, 1)
    if active >= k:
        raise ValueError(f"active must be below k = {k}, got {active}: a constant unit has no NMI")
    count = np.asarray(active * (k - 1.0))  # of k (k - 1) rows, which keeps all counts whole
    both, rows = np.asarray(active * (active - 1.0)), np.asarray(k * (k - 1.0))
    return float(nmi_of_counts(both, count, count, rows))


def implied_squared_norm(dot: float, cosine: float) -> float:
    """Typical squared norm of vectors, from the means of two similarities over many pairs.

    A dot product is the cosine times both norms, so the ratio of the means is the squared norm
    where all norms are equal. Else it is the mean product of two norms, weighted by the cosines of
    their pairs, and only an order of size.

    Parameters
    ----------
    dot
        Mean dot product of the pairs, in squared units of the vectors.
    cosine
        Mean cosine of the same pairs, in -1 .. 1 and not 0.

    Returns
    -------
    dot / cosine, in the unit of `dot`

    Raises
    ------
    ValueError
        If the cosine is 0 or outside -1 .. 1, or the means have different signs: no one norm
        explains both.
    """
    if not (-1 <= cosine <= 1 and cosine != 0):
        raise ValueError(f"cosine must lie in -1 .. 1 and not be 0, got {cosine}")
    if not (math.isfinite(dot) and dot / cosine > 0):
        raise ValueError(f"no common norm gives a dot product of {dot} and a cosine of {cosine}")
    return dot / cosine


# What all of them share


def _units(value: Printed, digits: int) -> int:
    """A printed number in units of its last decimal."""
    _check_whole("digits", digits, 0)
    units = _fraction(value) * 10**digits
    if units.denominator != 1:
        raise ValueError(f"{value} has more than {digits} decimals: give it as it is printed")
    return units.numerator


def _fraction(value: Printed) -> Fraction:
    """The number as it is written: 0.1 is one tenth, and not the nearest binary float."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number: give its digits, such as 58.1") from None
    if not number.is_finite():
        raise ValueError(f"a printed number must be finite, got {value}")
    return Fraction(number)


def _tail(level: float) -> float:
    _check_between("level", level, 0, 1)
    return (1 - level) / 2


def _check_whole(name: str, value: int, least: int) -> None:
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, got {value}")


def _check_between(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise ValueError(f"{name} must lie between {low} and {high}, got {value}")
