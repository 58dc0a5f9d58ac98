"""Small labelled cohorts, settings and a spy for the tests of the protocols."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import f1_score

from dfe.config import UtilityConfig
from dfe.utility import Method

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


def weighted_f1(truth: Any, guess: Any) -> float:
    return f1_score(truth, guess, average="weighted")


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
