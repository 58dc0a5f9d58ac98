"""Fit one classifier or regressor: scale, choose hyper-parameters on inner splits, refit.

It does what `GridSearchCV` over a pipeline does, and computes the steps before the classifier once
per inner split instead of once per split and candidate.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from dfe.config import UtilityConfig
from dfe.metrics import Measure, score
from dfe.utility.methods import Method, UtilityError
from dfe.utility.splits import Rows, Split

Model = Literal["svm", "logistic"]
Inner: TypeAlias = Literal["grouped", "stratified"] | PredefinedSplit
Choice = dict[str, float | str | int]
Candidate = tuple[Choice, Any]  # hyper-parameters, estimator that has them

_ITERATIONS = 10_000  # far more than standardized features need
_DUAL_TOLERANCE = 0.01  # decision values on 400 clips then agree with the exact ones to 5 digits
_EPSILON = 0.1  # of the standard deviation of the training values: errors within cost nothing


@dataclass(frozen=True, eq=False)
class Recipe:
    """What all outer folds of one method share.

    Parameters
    ----------
    method
        N clips.
    y
        (N,) class numbers 0 .. C - 1, int64, or values, float64.
    n_classes
        C; 0 for values.
    candidates
        The first of equals is chosen.
    select
        Measure by which candidates are compared: the mean over the inner splits.
    inner
        "grouped", "stratified", or a split of all N clips of which the training clips are taken.
    groups
        (N,) labels; None if `inner` is not "grouped".
    """

    method: Method
    y: NDArray[Any]  # (N,)
    n_classes: int
    candidates: Sequence[Candidate]
    select: Measure
    inner: Inner
    groups: NDArray[Any] | None
    settings: UtilityConfig

    def fit(self, rows: Rows) -> Fitted:
        """Choose among the candidates and fit on `rows`; no other row has any influence."""
        if self.n_classes and len(np.unique(self.y[rows])) < 2:
            raise UtilityError(
                f"{self.method.name}: all {len(rows)} training clips are of one class: use other "
                "outer folds, or more clips"
            )
        (choice, estimator), folds = self._choose(rows)
        prepare, features = _prepare(self.method, self.y, rows)
        if _is_linear(choice) and (turn := _rotation(features)):
            prepare = Pipeline([*prepare.steps, ("rotate", turn)])
            features = turn.transform(features)
        fitted = _for_shape(estimator, features).fit(features, self.y[rows])
        return Fitted(prepare, fitted, choice | {"inner_folds": folds}, self.n_classes)

    def _choose(self, rows: Rows) -> tuple[Candidate, int]:
        """Best candidate, and by how many inner splits; 0 if there was no choice."""
        if len(self.candidates) == 1:
            return self.candidates[0], 0
        splits = [pair for pair in self._splits(rows) if self._is_usable(*pair)]
        if not splits:
            raise UtilityError(
                f"{self.method.name}: no usable inner split of {len(rows)} training clips; both "
                "parts need clips, and of two classes if there are classes: give one candidate "
                "only, another inner, or more clips"
            )
        sign = 1 if self.select.better == "higher" else -1
        values = np.mean([self._values(*pair) for pair in splits], axis=0)  # (candidates,)
        return self.candidates[int(np.argmax(sign * values))], len(splits)

    def _is_usable(self, fit: Rows, judge: Rows) -> bool:
        two = len(np.unique(self.y[fit])) > 1 or not self.n_classes
        ranked = self.select.needs != "score" or len(np.unique(self.y[judge])) > 1
        return bool(len(fit) and len(judge) and two and ranked)

    def _values(self, fit: Rows, judge: Rows) -> list[float]:
        """The measure of each candidate that is fitted on some rows and judged on others."""
        prepare, features = _prepare(self.method, self.y, fit)
        judged = prepare.transform(self.method.features[judge])
        pair = turned = (features, judged)
        if any(_is_linear(choice) for choice, _ in self.candidates) and (
            turn := _rotation(features)
        ):
            turned = (turn.transform(features), turn.transform(judged))
        found = []
        for choice, estimator in self.candidates:
            learned, asked = turned if _is_linear(choice) else pair
            fitted = _for_shape(estimator, learned).fit(learned, self.y[fit])
            guess = self._guess(Fitted(prepare, fitted, choice, self.n_classes), asked, judge)
            found.append(score(self.select, self.y[judge], guess))
        return found

    def _guess(self, fitted: Fitted, prepared: Any, judge: Rows) -> NDArray[Any]:
        """What `select` needs; of several classes, scores of those only that occur in `judge`."""
        if self.select.needs != "score":
            return fitted.estimator.predict(prepared)
        scores = fitted.score(prepared)
        return scores if scores.ndim == 1 else scores[:, np.unique(self.y[judge])]

    def _splits(self, rows: Rows) -> list[Split]:
        """Inner splits of the training rows, as rows of the whole table."""
        if isinstance(self.inner, PredefinedSplit):
            pairs = PredefinedSplit(self.inner.test_fold[rows]).split()
        elif self.n_classes:
            pairs = self._class_splits(rows)
        else:
            pairs = self._value_splits(rows)
        return [(rows[fit], rows[judge]) for fit, judge in pairs]

    def _class_splits(self, rows: Rows) -> list[Split]:
        y, kept = self.y[rows], self._kept(rows)
        rarest = min(len(np.unique(kept[y == label])) for label in np.unique(y))
        folds = self._folds(min(rarest, self.settings.inner_folds), kept)
        if np.bincount(y).max() < folds:  # scikit-learn's limit; each class has one clip
            return []
        with warnings.catch_warnings():  # of a class that is not in every fold, which is allowed
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            if self.inner == "grouped":
                return list(StratifiedGroupKFold(folds).split(y, y, kept))
            mixed = StratifiedKFold(folds, shuffle=True, random_state=self.settings.seed)
            return list(mixed.split(y, y))

    def _value_splits(self, rows: Rows) -> list[Split]:
        kept = self._kept(rows)
        folds = self._folds(self.settings.inner_folds, kept)
        if self.inner == "grouped":
            return list(GroupKFold(folds).split(rows, groups=kept))
        return list(KFold(folds, shuffle=True, random_state=self.settings.seed).split(rows))

    def _kept(self, rows: Rows) -> NDArray[Any]:
        """Whatever an inner fold keeps whole, (n,): groups, or each clip by itself."""
        return rows if self.groups is None else self.groups[rows]

    def _folds(self, wanted: int, kept: NDArray[Any]) -> int:
        """Between two and as many as there are groups."""
        if (found := len(np.unique(kept))) < 2:
            raise UtilityError(
                f"{self.method.name}: hyper-parameters cannot be chosen on clips of one group: "
                "give one candidate only, inner='stratified', or more groups"
            )
        return min(max(wanted, 2), found)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted pipeline and the hyper-parameters chosen for it."""

    prepare: Pipeline
    estimator: Any
    choice: Choice
    n_classes: int

    def score(self, prepared: Any) -> NDArray[np.float64]:
        """(M,) of the last of two classes, or (M, C), of features that `prepare` made.

        See `dfe.utility.Predictions`.
        """
        logistic = isinstance(self.estimator, LogisticRegression)
        if logistic:
            raw = self.estimator.predict_proba(prepared)  # (M, classes of the training clips)
        else:
            raw = self.estimator.decision_function(prepared)
        if self.n_classes == 2:
            return raw[:, 1] if logistic else raw
        if raw.ndim == 1:  # two of more classes
            raw = np.column_stack([-raw, raw])
        unseen = 0.0 if logistic else raw.min() - 1.0  # below every class that was trained on
        full = np.full((len(raw), self.n_classes), unseen)
        full[:, self.estimator.classes_] = raw
        return full

    def coefficients(self) -> NDArray[np.float64]:
        """Weights of a linear model, (C, D) or (1, D), of the D scaled features."""
        steps, weights = self.prepare.named_steps, self.estimator.coef_
        return weights @ steps["rotate"].components_ if "rotate" in steps else weights

    def feature_names(self) -> list[Any]:
        """Names of the D scaled features: from the step before the scaler, else numbers."""
        own = list(self.prepare.named_steps).index("dense")  # number of the method's own steps
        last: Any = self.prepare.steps[own - 1][1]
        if own and hasattr(last, "get_feature_names_out"):
            return list(last.get_feature_names_out())
        return list(range(self.prepare.named_steps["scale"].n_features_in_))


def classifiers(
    settings: UtilityConfig, model: Model, class_weight: Literal["balanced"] | None
) -> list[Candidate]:
    """Candidates for labels; of equals, the smallest C and then the first kernel are chosen.

    The linear SVM is liblinear's: squared hinge loss, one class against the rest. For 400 clips of
    64 features that do not separate, libsvm takes a second where C is 10, and liblinear 2 ms.
    """
    shared = {"class_weight": class_weight}
    if model == "logistic":
        return [
            ({"C": c}, LogisticRegression(C=c, max_iter=_ITERATIONS, **shared))
            for c in settings.penalties
        ]
    if model != "svm":
        raise UtilityError(f"model must be svm or logistic, not {model!r}")
    linear = LinearSVC(dual=False, max_iter=_ITERATIONS, random_state=settings.seed, **shared)
    return _by_kernel(settings, linear, SVC(**shared))


def regressors(settings: UtilityConfig) -> list[Candidate]:
    """Candidates for values, which are standardized with mean and sd of the training clips.

    So epsilon and C are relative to their sd: errors below a tenth of it cost nothing.
    """
    linear = LinearSVR(
        epsilon=_EPSILON,
        loss="squared_epsilon_insensitive",
        dual=False,
        max_iter=_ITERATIONS,
    )
    return [
        (
            choice,
            TransformedTargetRegressor(model, transformer=StandardScaler(), check_inverse=False),
        )
        for choice, model in _by_kernel(settings, linear, SVR(epsilon=_EPSILON))
    ]


def _by_kernel(settings: UtilityConfig, linear: Any, rbf: Any) -> list[Candidate]:
    made = {"linear": linear, "rbf": rbf}
    return [
        ({"C": c, "kernel": kernel}, clone(made[kernel]).set_params(C=c))
        for c in settings.penalties
        for kernel in settings.kernels
    ]


def _rotation(features: NDArray[np.float64]) -> PCA | None:
    """Rotate features (n, D) with D > n into the space of the n clips; None if D <= n.

    A linear model with a quadratic penalty has no weights outside of that space and is the same
    model after a rotation, but found faster: Hastie and Tibshirani (2004), Biostatistics 5:329.
    """
    return PCA(svd_solver="full").fit(features) if features.shape[1] > len(features) else None


def _for_shape(estimator: Any, features: NDArray[np.float64]) -> Any:
    """Return a fresh copy, whose linear SVM solves the dual problem for D >= n features.

    Both problems have one solution. Where n clips separate, the dual one finds it in some hundred
    steps, and the primal one takes longer and stops early; where they do not, it is the reverse.
    """
    fresh = clone(estimator)
    n, d = features.shape
    if isinstance(fresh, LinearSVC) and d >= n:
        return fresh.set_params(dual=True, tol=_DUAL_TOLERANCE)
    return fresh


def _is_linear(choice: Choice) -> bool:
    return choice.get("kernel") != "rbf"


def _dense(features: Any) -> NDArray[np.float64]:
    return np.asarray(features.toarray() if sparse.issparse(features) else features, np.float64)


def _prepare(method: Method, y: NDArray[Any], rows: Rows) -> tuple[Pipeline, NDArray[np.float64]]:
    """The steps of a method and a scaler, fitted on `rows`, and the features (n, D) they make.

    Sparse features, such as bags of pairs of tokens, become dense, so that they are centered like
    all others. 10,000 clips of 4160 features take a third of a gigabyte.
    """
    steps = [(name, clone(step)) for name, step in method.steps]
    dense = FunctionTransformer(_dense, accept_sparse=True)
    prepare = Pipeline([*steps, ("dense", dense), ("scale", StandardScaler())])
    return prepare, prepare.fit_transform(method.features[rows], y[rows])
