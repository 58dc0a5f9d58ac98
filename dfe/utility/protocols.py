"""Protocols of sections 5.2 and 5.3: what is fitted on which clips, and scored on which.

The paper names classifiers (logistic regression for smiles, support vector machines elsewhere) and
splits. It does not say how C and the kernel were chosen. Here they are chosen anew in each outer
fold, on its training clips only. Outer splits are made by `dfe.utility.splits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import PredefinedSplit

from dfe.config import UtilityConfig, vary
from dfe.metrics import CCC, F1_WEIGHTED, Measure, score
from dfe.utility.methods import Method, UtilityError
from dfe.utility.search import (
    Candidate,
    Choice,
    Fitted,
    Inner,
    Model,
    Recipe,
    classifiers,
    regressors,
)
from dfe.utility.splits import Rows, Split, check_splits, numbers


class Predictions(NamedTuple):
    """What a method says about the clips that the outer splits score."""

    rows: Rows  # (M,) of the task's table, rising
    predicted: NDArray[Any]  # (M,) labels as given, or float64 values
    #: Of two classes (M,), for the one whose label sorts last; of C classes (M, C) in sorted order.
    #: Probabilities of logistic regression, decision values of an SVM, None for values. A class
    #: without training clips has the lowest score of its fold.
    score: NDArray[np.float64] | None
    #: One for each outer fold: C, kernel (SVM only) and inner_folds, the number of inner splits
    #: that the choice rests on; 0 if there was one candidate only.
    chosen: list[Choice]


def classify(
    method: Method,
    y: ArrayLike,
    outer: Sequence[Split],
    settings: UtilityConfig,
    *,
    groups: ArrayLike | None = None,
    inner: Inner = "grouped",
    model: Model = "svm",
    select: Measure = F1_WEIGHTED,
    class_weight: Literal["balanced"] | None = None,
) -> Predictions:
    """Predict labels by nested cross-validation.

    Parameters
    ----------
    method
        Features of N clips.
    y
        (N,) labels of any kind, at least two different ones.
    outer
        Splits (train, test) of the N clips, from `dfe.utility.splits`.
    settings
        C, kernels, number of inner folds and seed.
    groups
        (N,) subjects or actors, which "grouped" inner folds keep whole.
    inner
        "grouped", as long as the outer folds are; "stratified" for folds that mix groups;
        or what `official_dev` returns. Folds are fewer than `settings.inner_folds` where the
        rarest class is in fewer groups (or clips), but at least two.
    model
        "svm" (linear, or rbf with gamma = 1 / (D variance)) or "logistic" (multinomial, L2).
    select
        Measure that the hyper-parameters are chosen by: the one that the table reports.
    class_weight
        "balanced" weights each class by one over its frequency.

    Raises
    ------
    UtilityError
        If shapes do not fit, a label is missing, an outer split is wrong, groups are missing, the
        training clips of a fold are of one class, or an inner search is not possible.
    """
    classes, codes = _codes(y, len(method))
    candidates = classifiers(settings, model, class_weight)
    _needs(select, "label", "score")
    recipe = _recipe(method, codes, len(classes), candidates, settings, groups, inner, select)
    found = _run(recipe, outer)
    return found._replace(predicted=classes[found.predicted])


def regress(
    method: Method,
    y: ArrayLike,
    outer: Sequence[Split],
    settings: UtilityConfig,
    *,
    groups: ArrayLike | None = None,
    inner: Inner = "grouped",
    select: Measure = CCC,
) -> Predictions:
    """Predict values (N,) by support vector regression; see `classify` for the parameters.

    Values are standardized with the mean and standard deviation of the training clips; errors below
    a tenth of that deviation cost nothing.

    Raises
    ------
    UtilityError
        If shapes do not fit, a value is not finite, an outer split is wrong, groups are missing, or
        an inner search is not possible.
    """
    values = _values(y, len(method))
    _needs(select, "value")
    candidates = regressors(settings)
    return _run(_recipe(method, values, 0, candidates, settings, groups, inner, select), outer)


def majority(y: ArrayLike, outer: Sequence[Split]) -> Predictions:
    """Predict the most frequent class of the training clips, whatever the features are.

    Leaving one clip out of balanced classes makes its class the rarest one of the others, so the
    accuracy is then 0, far below chance. The score is the same for all clips: it ranks
    nothing, and the AUC is 0.5.
    """
    classes, codes = _codes(y, np.size(y))
    found = _constant(DummyClassifier(strategy="most_frequent"), codes, outer)
    shape = len(found.rows) if len(classes) == 2 else (len(found.rows), len(classes))
    return found._replace(predicted=classes[found.predicted], score=np.zeros(shape))


def mean_value(y: ArrayLike, outer: Sequence[Split]) -> Predictions:
    """Predict the mean of the training values (N,), whatever the features are.

    On one test set this has a CCC of 0. Means of several folds vary against the values that they
    predict, and make it negative.
    """
    return _constant(DummyRegressor(), _values(y, np.size(y)), outer)


def logistic_coefficients(
    method: Method,
    y: ArrayLike,
    settings: UtilityConfig,
    C: float | None = None,
    *,
    groups: ArrayLike | None = None,
    inner: Inner = "grouped",
    select: Measure = F1_WEIGHTED,
) -> pd.DataFrame:
    """Coefficients of a logistic regression on all clips, for Figure 6.

    Parameters
    ----------
    C
        None: chosen by cross-validation as in `classify`, whose other parameters these are.

    Returns
    -------
    One row for each class, one column for each feature, named by the last step of the method where
    it can, else numbered. What one standard deviation more adds to the log-odds: of three or more
    classes against their average, of two classes against the other one; columns sum to 0. The C is
    in ``attrs["C"]``.

    Raises
    ------
    UtilityError
        As `classify`.
    """
    classes, codes = _codes(y, len(method))
    _needs(select, "label", "score")
    candidates = classifiers(settings, "logistic", None)
    if C is not None:  # nothing to choose, so no inner folds
        candidates = classifiers(vary(settings, penalties=(C,)), "logistic", None)
        inner = "stratified"
    recipe = _recipe(method, codes, len(classes), candidates, settings, groups, inner, select)
    fitted = recipe.fit(np.arange(len(method)))
    rows = fitted.coefficients()  # (C, D), or (1, D) of two classes
    table = pd.DataFrame(
        np.vstack([-rows, rows]) if len(classes) == 2 else rows,
        pd.Index(classes, name="class"),
        fitted.feature_names(),
    )
    table.attrs["C"] = fitted.choice["C"]
    return table


def learning_curve(
    train: Method,
    y_train: ArrayLike,
    groups_train: ArrayLike,
    test: Method,
    y_test: ArrayLike,
    sizes: Sequence[int],
    settings: UtilityConfig,
    measures: Sequence[Measure],
    *,
    model: Model = "svm",
    repeats: int = 1,
    seed: int = 0,
    select: Measure = F1_WEIGHTED,
) -> pd.DataFrame:
    """Scores on a fixed test cohort after training on more and more people of another one.

    Parameters
    ----------
    train, y_train, groups_train
        Features, labels and groups of the N clips to draw from.
    test, y_test
        Features and labels of the M clips to score; features as wide as those of `train`.
    sizes
        Numbers of groups. In each repeat a smaller draw is part of each larger one.
    measures, model, select
        As for `classify`; hyper-parameters are chosen by grouped inner folds of each draw.

    Returns
    -------
    One row for each size and repeat: ``size``, ``repeat``, ``clips``, what was chosen, measures.

    Raises
    ------
    UtilityError
        If shapes do not fit, there are fewer groups than a size, or as `classify`.
    """
    n, m = len(train), len(test)
    if np.shape(y_train) != (n,) or np.shape(y_test) != (m,):
        raise UtilityError(
            f"{n} and {m} clips, but labels {np.shape(y_train)} and {np.shape(y_test)}"
        )
    classes, codes = _codes(np.concatenate([np.asarray(y_train), np.asarray(y_test)]), n + m)
    _needs(select, "label", "score")
    candidates = classifiers(settings, model, None)
    recipe = _recipe(
        train, codes[:n], len(classes), candidates, settings, groups_train, "grouped", select
    )
    assert recipe.groups is not None
    found = []
    for size in sizes:
        for repeat in range(repeats):
            rows = _drawn(recipe.groups, size, [seed, repeat])
            fitted = recipe.fit(rows)
            found.append(
                {"size": size, "repeat": repeat, "clips": len(rows)}
                | fitted.choice
                | _scored(fitted, test, codes[n:], measures)
            )
    return pd.DataFrame(found)


def _drawn(groups: NDArray[Any], size: int, seed: list[int]) -> Rows:
    """Rows of `size` whole groups; of one seed, a smaller draw is part of a larger one."""
    names = np.unique(groups)
    if not 1 <= size <= len(names):
        raise UtilityError(f"cannot draw {size} groups of {len(names)}")
    order = np.random.default_rng(seed).permutation(names)
    return np.flatnonzero(np.isin(groups, order[:size]))


def _scored(
    fitted: Fitted, test: Method, truth: NDArray[Any], measures: Sequence[Measure]
) -> Choice:
    features = fitted.prepare.transform(test.features)
    labels, scores = fitted.estimator.predict(features), fitted.score(features)
    if scores.ndim > 1:
        scores = scores[:, np.unique(truth)]  # the measure wants the classes that occur
    return {m.name: score(m, truth, scores if m.needs == "score" else labels) for m in measures}


def _recipe(
    method: Method,
    y: NDArray[Any],
    n_classes: int,
    candidates: Sequence[Candidate],
    settings: UtilityConfig,
    groups: ArrayLike | None,
    inner: Inner,
    select: Measure,
) -> Recipe:
    """Check groups and inner splits, and put everything together."""
    n = len(method)
    index = None
    if isinstance(inner, PredefinedSplit):
        if inner.test_fold.shape != (n,):
            raise UtilityError(f"{n} clips, but an inner split of {inner.test_fold.shape}")
    elif inner == "grouped":
        if groups is None:
            raise UtilityError("grouped inner folds need groups: give them, or another inner")
        index = numbers(groups, n, "groups")
    elif inner != "stratified":
        raise UtilityError(f"inner must be grouped, stratified or a PredefinedSplit, not {inner!r}")
    return Recipe(method, y, n_classes, candidates, select, inner, index, settings)


def _run(recipe: Recipe, outer: Sequence[Split]) -> Predictions:
    """Fit and predict in each outer fold; classes are numbers."""
    check_splits(outer, len(recipe.method))
    predicted, scores, chosen = [], [], []
    for train, test in outer:
        fitted = recipe.fit(train)
        features = fitted.prepare.transform(recipe.method.features[test])
        predicted.append(fitted.estimator.predict(features))
        chosen.append(fitted.choice)
        if recipe.n_classes:
            scores.append(fitted.score(features))
    return _sorted(outer, predicted, np.concatenate(scores) if scores else None, chosen)


def _constant(dummy: Any, y: NDArray[Any], outer: Sequence[Split]) -> Predictions:
    """Predict by an estimator that looks at no features."""
    check_splits(outer, len(y))
    nothing = np.zeros((len(y), 1))
    predicted = [dummy.fit(nothing[fit], y[fit]).predict(nothing[test]) for fit, test in outer]
    return _sorted(outer, predicted, None, [{} for _ in outer])


def _sorted(
    outer: Sequence[Split],
    predicted: Sequence[NDArray[Any]],
    scores: NDArray[np.float64] | None,
    chosen: list[Choice],
) -> Predictions:
    """Predictions of all folds in the order of their rows."""
    rows = np.concatenate([test for _, test in outer])
    order = np.argsort(rows)
    ranked = None if scores is None else scores[order]
    return Predictions(rows[order], np.concatenate(predicted)[order], ranked, chosen)


def _codes(y: ArrayLike, n: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Sorted classes (C,), C > 1, and the number of each label's class (N,)."""
    codes = numbers(y, n, "labels")
    classes = np.unique(np.asarray(y))
    if len(classes) < 2:
        raise UtilityError(f"all {n} labels are {classes[0]!r}: nothing to tell apart")
    return classes, codes


def _values(y: ArrayLike, n: int) -> NDArray[np.float64]:
    values = np.asarray(y, np.float64)
    if values.shape != (n,):
        raise UtilityError(f"{n} clips, but values {values.shape}")
    if bad := int((~np.isfinite(values)).sum()):
        raise UtilityError(f"{bad} of {n} values are NaN or infinite: drop those clips")
    return values


def _needs(select: Measure, *allowed: str) -> None:
    if select.needs not in allowed:
        raise UtilityError(f"select: {select.name} needs a {select.needs}, not one of {allowed}")
