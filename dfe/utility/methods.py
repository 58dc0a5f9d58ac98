"""A column of the task tables: features of every clip, and what is done to them before scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

#: floor: sees no features. baseline: rival of the tokens. dfe: the tokens. control: what the
#: tokens are made of. ceiling: what only a simulation knows. extra: shown, but not compared.
Role = Literal["floor", "baseline", "dfe", "control", "ceiling", "extra"]

#: Stands where a number of LibreFace, MAE-Face, MARLIN or VideoMAE would: they read pictures.
NEEDS_FEATURES = "needs features"


class UtilityError(ValueError):
    """Features, labels or splits do not fit together; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Method:
    """One row of features for each clip of a task.

    Parameters
    ----------
    name
        Row or column of the table.
    features
        (N, D) real numbers, finite.
    ids
        (N,) str, ids of the clips, unique.
    steps
        Named scikit-learn transformers that come before the scaler, such as a bag of words. They
        are cloned for each fit and learn from training clips only.
    role
        What the method is compared as.
    note
        For the reader of the table.

    Raises
    ------
    UtilityError
        If a shape or type is wrong, a feature is not finite, or an id comes twice.
    """

    name: str
    features: NDArray[Any]  # (N, D)
    ids: NDArray[np.str_]  # (N,)
    steps: tuple[tuple[str, Any], ...] = ()
    role: Role = "baseline"
    note: str = ""

    def __post_init__(self) -> None:
        features, ids = np.asarray(self.features), np.asarray(self.ids)
        if features.ndim != 2 or not features.size or features.dtype.kind not in "biuf":
            raise UtilityError(
                f"{self.name}: features must be real numbers (N, D) with N, D > 0, not "
                f"{features.dtype} {features.shape}"
            )
        if ids.shape != features.shape[:1] or ids.dtype.kind != "U":
            raise UtilityError(
                f"{self.name}: ids must be str ({len(features)},), not {ids.dtype} {ids.shape}"
            )
        if (bad := np.argwhere(~np.isfinite(features))).size:
            row, column = bad[0]
            raise UtilityError(
                f"{self.name}: feature {column} of clip {ids[row]} is {features[row, column]}: "
                "drop the clip, or say what stands for a missing value"
            )
        names, counts = np.unique(ids, return_counts=True)
        if (counts > 1).any():
            raise UtilityError(f"{self.name}: clip {names[counts > 1][0]} comes twice")

    def __len__(self) -> int:
        return len(self.features)


def check_same_ids(methods: Sequence[Method]) -> None:
    """Refuse methods that were not computed for the same clips in the same order.

    Scores on different clips cannot be compared: in Table 5 of the paper, 61.1 % and 67.9 % cannot
    both be shares of the 56 test subjects.

    Raises
    ------
    UtilityError
        If ids of a method are not those of the first one. The message names both methods and the
        first clips that differ.
    """
    for method in methods[1:]:
        if not np.array_equal(method.ids, methods[0].ids):
            raise UtilityError(_difference(methods[0], method))


def _difference(first: Method, other: Method) -> str:
    parts = [
        _listed(label, np.setdiff1d(left, right))
        for label, left, right in (
            ("lacks", first.ids, other.ids),
            ("has too many:", other.ids, first.ids),
        )
        if np.setdiff1d(left, right).size
    ]
    if not parts:
        row = int((first.ids != other.ids).argmax())
        return (
            f"{other.name} has the clips of {first.name} in another order: row {row} is "
            f"{other.ids[row]}, not {first.ids[row]}; sort both alike"
        )
    return (
        f"{other.name}, compared with {first.name}, {' and '.join(parts)}. Compute the same clips "
        "for all methods, or keep only those that all have"
    )


def _listed(label: str, ids: NDArray[np.str_]) -> str:
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return f"{label} {len(ids)} clips ({', '.join(ids[:5])}{more})"
