"""Measures of the task tables (3 to 6), for many weightings of the same rows at once.

A bootstrap resample is a row of counts and a permutation is a row of zeros and ones, so each of
them is one row of a matrix of weights, and all of them together are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.metrics.presence import number_labels

Floats = NDArray[np.float64]
Rows = NDArray[Any]  # as checked: int64 labels, or float64
#: (truth (N,), predicted, weights (B, N)) -> (B,)
Function = Callable[[Rows, Rows, Floats], Floats]

_WEIGHTS = 1 << 20  # weights in flight: 8 MB, and a few arrays of that size beside them
_ROUNDING = 1e-12  # a variance below this share of the mean square is rounding: a constant


@dataclass(frozen=True)
class Measure:
    """How well predictions meet the truth; call it with weights, or use `score`.

    Parameters
    ----------
    name
        As it stands in the tables.
    better
        Which direction is good.
    needs
        What `predicted` holds: "label", (N,) labels of any kind; "score", (N,) decision scores of
        two classes (the higher, the more the class whose label sorts last) or (N, C) scores of C
        classes in the sorted order of the labels in the truth; "value", (N,) numbers.
    function
        (truth, predicted, weights) -> (B,) float64; gets checked arrays, a few rows of weights at
        a time.
    """

    name: str
    better: Literal["higher", "lower"]
    needs: Literal["label", "score", "value"]
    function: Function

    def __call__(self, truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike) -> Floats:
        """Value of the measure under each row of weights.

        Parameters
        ----------
        truth
            (N,) labels, or numbers for a measure that needs values.
        predicted
            What the measure needs, N rows.
        weights
            (B, N), not negative; a row of integers means that rows are repeated so often.

        Returns
        -------
        (B,) float64; NaN where a measure is not defined, such as an AUC of one class

        Raises
        ------
        TypeError
            If labels are text on one side and numbers on the other.
        ValueError
            If a shape is wrong, a label is missing, a number is not finite, a weight is negative
            or a row of weights has no positive one.
        """
        true, guess = self._checked(np.asarray(truth), np.asarray(predicted))
        each = _check_weights(np.asarray(weights, np.float64), len(true))
        step = max(1, _WEIGHTS // len(true))
        found = [
            self.function(true, guess, each[first : first + step])
            for first in range(0, len(each), step)
        ]
        return np.concatenate(found) if found else np.empty(0)

    def _checked(self, truth: Rows, predicted: Rows) -> tuple[Rows, Rows]:
        if truth.ndim != 1 or not len(truth):
            raise ValueError(f"{self.name}: truth must be (N,) with N >= 1, got {truth.shape}")
        if self.needs == "label":
            true, guess = encode_labels(truth, predicted)
            return true, guess
        wide = self.needs == "score" and predicted.ndim == 2
        if predicted.shape[:1] != truth.shape or not (predicted.ndim == 1 or wide):
            raise ValueError(
                f"{self.name}: {len(truth)} true rows, but predicted is {predicted.shape}"
            )
        numbers = _finite(predicted, self.name, "predicted")
        if self.needs == "value":
            return _finite(truth, self.name, "truth"), numbers
        return number_labels(truth, len(truth), "true labels", sort=True), numbers


def score(measure: Measure, truth: ArrayLike, predicted: ArrayLike) -> float:
    """Value of a measure with all rows alike; parameters and errors are those of `Measure`."""
    return float(measure(truth, predicted, np.ones((1, np.size(truth))))[0])


def encode_labels(*columns: ArrayLike) -> tuple[NDArray[np.int64], ...]:
    """Number the labels of several columns alike, in sorted order: (N,) each -> (N,) int64 each.

    Raises
    ------
    TypeError
        If one column holds text and another one numbers: they would never be equal.
    ValueError
        If a column is not (N,) with the N of the first one, or a label is missing.
    """
    arrays = [np.asarray(column) for column in columns]
    if apart := [array.shape for array in arrays if array.shape != arrays[0].shape]:
        raise ValueError(f"labels must have one shape, got {arrays[0].shape} and {apart[0]}")
    if len({array.dtype.kind in "OUT" for array in arrays}) > 1:
        kinds = ", ".join(str(array.dtype) for array in arrays)
        raise TypeError(f"labels must be all text or all numbers, got {kinds}: convert one side")
    joined = np.concatenate(arrays)
    codes = number_labels(joined, joined.size, "labels", sort=True)  # refuses what is not (N,)
    return tuple(np.split(codes, len(arrays)))


def _check_weights(weights: Floats, n: int) -> Floats:
    if weights.ndim != 2 or weights.shape[1] != n:
        raise ValueError(f"weights must have shape (B, {n}), got {weights.shape}")
    if not ((weights >= 0).all() and weights.any(1).all()):
        raise ValueError("weights must not be negative, and each row needs a positive one")
    return weights


def _finite(values: Rows, measure: str, name: str) -> Floats:
    array = np.asarray(values, np.float64)
    if bad := int((~np.isfinite(array)).sum()):
        raise ValueError(f"{measure}: {bad} values of {name} are NaN or infinite: drop those rows")
    return array


# Labels


class _Counts(NamedTuple):
    """Weights per class C that is true or predicted somewhere."""

    hit: Floats  # (B, C) true and predicted
    true: Floats  # (B, C)
    predicted: Floats  # (B, C)


def _counts(truth: Rows, predicted: Rows, weights: Floats) -> _Counts:
    one_hot = np.eye(1 + max(truth.max(), predicted.max()))
    true, guess = one_hot[truth], one_hot[predicted]  # (N, C), (N, C)
    return _Counts(*np.split(weights @ np.hstack([true * guess, true, guess]), 3, axis=1))


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Quotient, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def _accuracy(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    return weights @ (truth == predicted) / weights.sum(1)


def _f1(counts: _Counts) -> Floats:
    """F1 of each class, (B, C); 0 for a class that is neither true nor predicted."""
    return _ratio(2 * counts.hit, counts.true + counts.predicted)


def _f1_weighted(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    counts = _counts(truth, predicted, weights)
    return (_f1(counts) * counts.true).sum(1) / weights.sum(1)


def _f1_macro(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    counts = _counts(truth, predicted, weights)
    return _f1(counts).sum(1) / (counts.true + counts.predicted > 0).sum(1)


def _balanced_accuracy(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    counts = _counts(truth, predicted, weights)
    return _ratio(counts.hit, counts.true).sum(1) / (counts.true > 0).sum(1)


# Scores


def _auc(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    classes = np.unique(truth)
    if predicted.ndim == 1 and len(classes) != 2:
        raise ValueError(f"AUC: scores (N,) need two classes in the truth, got {len(classes)}")
    if predicted.ndim == 1:
        return _two_class_auc(truth == classes[1], predicted, weights)
    if predicted.shape[1] != len(classes) or len(classes) < 2:
        raise ValueError(
            f"AUC: scores {predicted.shape}, but {len(classes)} classes in the truth: give one "
            "column for each class that occurs, and at least two"
        )
    each = np.stack(
        [_two_class_auc(truth == c, predicted[:, c], weights) for c in classes]
    )  # (C, B)
    there = ~np.isnan(each)
    count = there.sum(0).astype(np.float64)  # (B,) classes with rows of and beside them
    total = np.where(there, each, 0.0).sum(0)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def _two_class_auc(positive: NDArray[np.bool_], score: Floats, weights: Floats) -> Floats:
    """Share of the pairs (positive, negative) in the right order, ties half: (B,)."""
    order = np.argsort(score)
    is_true, ranked, mass = positive[order], score[order], weights[:, order]  # (N,), (N,), (B, N)
    below = np.zeros((len(mass), len(score) + 1))  # (B, N + 1) negatives before each place
    np.cumsum(mass * ~is_true, axis=1, out=below[:, 1:])
    first = np.searchsorted(ranked, ranked[is_true], "left")  # (P,) where the ties begin
    last = np.searchsorted(ranked, ranked[is_true], "right")  # (P,) and end
    won = np.einsum("bp,bp->b", mass[:, is_true], below[:, first] + below[:, last]) / 2
    pairs = mass[:, is_true].sum(1) * below[:, -1]
    return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)


# Values


def _mae(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    return weights @ np.abs(truth - predicted) / weights.sum(1)


def _one_minus_mae(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    return 1.0 - _mae(truth, predicted, weights)


def _rmse(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    squares = np.square(truth - predicted)
    return np.sqrt(weights @ squares / weights.sum(1))


def _ccc(truth: Rows, predicted: Rows, weights: Floats) -> Floats:
    x, y = truth - truth.mean(), predicted - predicted.mean()  # squares would lose digits else
    shift = truth.mean() - predicted.mean()
    moments = np.column_stack([x, y, x * x, y * y, x * y])  # (N, 5)
    mean_x, mean_y, xx, yy, xy = (weights @ moments / weights.sum(1, keepdims=True)).T
    var_x, var_y = _variance(xx, mean_x), _variance(yy, mean_y)
    both = np.where((var_x > 0) & (var_y > 0), xy - mean_x * mean_y, 0.0)
    return _ratio(2 * both, var_x + var_y + np.square(shift + mean_x - mean_y))


def _variance(mean_square: Floats, mean: Floats) -> Floats:
    variance = mean_square - mean * mean
    return np.where(variance > _ROUNDING * mean_square, variance, 0.0)


#: Share of the rows whose label is right.
ACCURACY = Measure("accuracy", "higher", "label", _accuracy)
#: F1 of each class, weighted by how many rows are truly of the class (StressID).
F1_WEIGHTED = Measure("F1 (weighted)", "higher", "label", _f1_weighted)
#: Mean F1 of the classes that are true or predicted.
F1_MACRO = Measure("F1 (macro)", "higher", "label", _f1_macro)
#: Mean recall of the classes that are true.
BALANCED_ACCURACY = Measure("balanced accuracy", "higher", "label", _balanced_accuracy)
#: Area under the ROC curve, ties counted half; of several classes the mean of each against the
#: rest. A class without rows is left out; NaN where all rows are of one class.
AUC = Measure("AUC", "higher", "score", _auc)
#: Mean absolute error, in the unit of the truth.
MAE = Measure("MAE", "lower", "value", _mae)
#: What ChaLearn First Impressions calls accuracy; the truth lies in 0 .. 1.
ONE_MINUS_MAE = Measure("1 − MAE", "higher", "value", _one_minus_mae)
#: Root mean square error, in the unit of the truth.
RMSE = Measure("RMSE", "lower", "value", _rmse)
#: Concordance correlation coefficient with population moments (Lin 1989, Biometrics 45:255,
#: doi 10.2307/2532051); 0 where the truth or the prediction is constant.
CCC = Measure("CCC", "higher", "value", _ccc)
