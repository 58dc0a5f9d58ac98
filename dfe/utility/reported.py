"""Which differences of Tables 3 to 6 a cohort of the reported size could tell from noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from dfe.claims import paper_table
from dfe.metrics import (
    auc_difference_power,
    auc_difference_sample_size,
    ccc_difference_power,
    ccc_difference_sample_size,
    mcnemar_power,
    mcnemar_sample_size,
    rmse_difference_power,
    rmse_difference_sample_size,
)

#: How alike the errors of two methods are, which a table does not tell: the case, and what
#: `dfe.metrics.power` calls agreement or correlation.
ALIKE: Mapping[str, float] = MappingProxyType({"independent": 0.0, "half-way": 0.5, "alike": 0.9})
DRAWS = 4000  # behind each power of a difference of CCCs
POSITIVE = 17 / 56  # share of the test people of AVEC 2019 that PHQ_Binary calls depressed


class Difference(NamedTuple):
    """Two numbers of one column of a table of the paper."""

    table: int
    what: str
    column: str
    first: str  # label of the row of the tokens
    second: str  # label of the other row
    kind: str  # "accuracy", "AUC", "CCC" or "RMSE"
    n: int  # size of the test set


_OURS = "Ours (VQ-VAE)"
#: Tokens against action units, or against the best baseline where that is another one.
REPORTED: tuple[Difference, ...] = (
    Difference(3, "smiles, accuracy", "Accuracy", "Ours", "AU-based", "accuracy", 43),
    Difference(4, "openness, CCC", "Openness CCC", _OURS, "AU", "CCC", 2000),
    Difference(4, "extraversion, CCC", "Extraversion CCC", _OURS, "Facial Basis", "CCC", 2000),
    Difference(5, "depression, RMSE", "RMSE", _OURS, "Facial Basis", "RMSE", 56),
    Difference(5, "depression, CCC", "CCC", _OURS, "AU (LibreFace)", "CCC", 56),
    Difference(5, "depression, AUC", "AUC", _OURS, "AU (LibreFace)", "AUC", 56),
    Difference(6, "stress, F1 as accuracy", "Binary F1", _OURS, "VideoMAE", "accuracy", 600),
    Difference(
        6,
        "stress in 3, F1 as accuracy",
        "Multiclass F1",
        _OURS,
        "Facial Basis",
        "accuracy",
        600,
    ),
)


class _Test(NamedTuple):
    power: Callable[[int, float, float, float], float]  # n, first, second, alike
    sample_size: Callable[[float, float, float], int]  # first, second, alike


def _auc_power(n: int, a: float, b: float, alike: float) -> float:
    return auc_difference_power(n * POSITIVE, n * (1 - POSITIVE), a, b, alike)


_TESTS: Mapping[str, _Test] = MappingProxyType(
    {
        "accuracy": _Test(mcnemar_power, mcnemar_sample_size),
        "AUC": _Test(
            _auc_power, lambda a, b, alike: auc_difference_sample_size(a, b, alike, POSITIVE)
        ),
        "CCC": _Test(
            lambda n, a, b, alike: ccc_difference_power(n, a, b, alike, DRAWS),
            lambda a, b, alike: ccc_difference_sample_size(a, b, alike, draws=DRAWS),
        ),
        "RMSE": _Test(rmse_difference_power, rmse_difference_sample_size),
    }
)


def reported_power() -> pd.DataFrame:
    """Power of each difference of `REPORTED` at its own size, and the size for a power of 0.8.

    A weighted F1 is treated as if it were an accuracy, which is a rough guide. Clips of a person
    count as independent, so the true power is lower where people have several clips.

    Returns
    -------
    One row for each difference; for each case of `ALIKE` the columns ``power, <case>`` and
    ``N for 0.8, <case>``.
    """
    return pd.DataFrame([_row(difference) for difference in REPORTED]).set_index(
        ["table", "what", "methods"]
    )


def _row(d: Difference) -> dict[str, object]:
    column = paper_table(d.table)[d.column]
    a, b = column[d.first] / 100, column[d.second] / 100
    test = _TESTS[d.kind]
    row: dict[str, object] = {
        "table": d.table,
        "what": d.what,
        "methods": f"{d.first} / {d.second}",
        "reported": f"{100 * a:.1f} / {100 * b:.1f}",
        "N": d.n,
    }
    for case, alike in ALIKE.items():
        row[f"power, {case}"] = test.power(d.n, a, b, alike)
        row[f"N for 0.8, {case}"] = test.sample_size(a, b, alike)
    return row
