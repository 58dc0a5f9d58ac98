"""Task tables: from a task to methods on the same clips, and the paper beside ours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dfe import metrics
from dfe.claims import paper_table
from dfe.config import UtilityConfig
from dfe.data.task import AUTOMATIC_UNITS, EMBEDDING, TRUE_DISPLAYS, Frames, Task
from dfe.utility import (
    DFE_TOKENS,
    FACIAL_BASIS,
    PSI_STATISTICS,
    PUBLISHED_BASIS,
    Comparison,
    Predictions,
    UtilityError,
    bag_method,
    beside_paper,
    check_same_ids,
    compare,
    paired_table,
    task_methods,
)

RULES = UtilityConfig(bootstrap=50, permutations=50)
CLIPS = pd.DataFrame(
    {"subject": ["a", "a", "b"], "split": ""}, index=pd.Index(["c0", "c1", "c2"], name="clip")
)


def task(**seen: Frames) -> Task:
    psi = np.arange(250, dtype=np.float32).reshape(5, 50)
    frames = {"psi": Frames(np.array([0, 0, 1, 2, 2]), psi)} | seen
    return Task("smiles", "simulated", CLIPS, frames)


CODES = np.array([[0, 1], [0, 2], [3, 3], [1, 2], [1, 2]])


def units() -> Frames:
    values = np.array([[0, 1], [1, 1], [1, 0], [0, 0], [0, 4]], np.float32)
    return Frames(np.array([0, 0, 1, 2, 2]), values, ("AU1", "AU2"))


# Methods of a task


def test_observers_are_pooled_by_mean_and_spread() -> None:
    methods = {m.name: m for m in task_methods(task(**{AUTOMATIC_UNITS: units()}), CODES, 4)}
    assert list(methods) == [AUTOMATIC_UNITS, DFE_TOKENS, PSI_STATISTICS]
    np.testing.assert_allclose(
        methods[AUTOMATIC_UNITS].features, [[0.5, 1, 0.5, 0], [1, 0, 0, 0], [0, 2, 0, 2]]
    )
    assert methods[AUTOMATIC_UNITS].role == "baseline"
    assert methods[PSI_STATISTICS].role == "control"
    assert methods[PSI_STATISTICS].features.shape == (3, 100)
    assert all(m.ids.tolist() == ["c0", "c1", "c2"] for m in methods.values())


def test_one_vector_for_each_clip_has_no_spread() -> None:
    one = Frames(np.arange(3), np.eye(3, dtype=np.float32))
    methods = {m.name: m for m in task_methods(task(**{EMBEDDING: one}), CODES, 4)}
    np.testing.assert_array_equal(methods[EMBEDDING].features, np.eye(3))


def test_the_bag_counts_tokens_of_a_clip() -> None:
    method = bag_method(task(), CODES, 4)
    (_, bag), *_ = method.steps
    np.testing.assert_allclose(
        bag.fit_transform(method.features),
        [[0.5, 0.25, 0.25, 0], [0, 0, 0, 1], [0, 0.5, 0.5, 0]],
    )
    assert (method.name, method.role) == (DFE_TOKENS, "dfe")


def test_order_and_roles_of_the_rows() -> None:
    seen = {
        TRUE_DISPLAYS: units(),
        "my own": units(),
        AUTOMATIC_UNITS: units(),
        "MARLIN": units(),
    }
    basis = np.zeros((5, 50), np.float32)
    methods = task_methods(task(**seen), CODES, 4, basis)
    assert [(m.name, m.role) for m in methods] == [
        (AUTOMATIC_UNITS, "baseline"),
        (FACIAL_BASIS, "baseline"),
        ("MARLIN", "baseline"),
        ("my own", "baseline"),
        (DFE_TOKENS, "dfe"),
        (PSI_STATISTICS, "control"),
        (TRUE_DISPLAYS, "ceiling"),
    ]


def test_the_published_basis_stands_where_the_fitted_one_does() -> None:
    seen = {"my own": units(), "MARLIN": units(), PUBLISHED_BASIS: units()}
    methods = task_methods(task(**seen), CODES, 4, None)
    assert [(m.name, m.role) for m in methods] == [
        (PUBLISHED_BASIS, "baseline"),
        ("MARLIN", "baseline"),
        ("my own", "baseline"),
        (DFE_TOKENS, "dfe"),
        (PSI_STATISTICS, "control"),
    ]


def test_a_method_that_lacks_clips_is_named_with_them() -> None:
    some = Frames(np.array([0, 2]), np.zeros((2, 3), np.float32))
    methods = task_methods(task(MARLIN=some), CODES, 4)
    with pytest.raises(UtilityError, match="(?s)MARLIN.*c1"):
        check_same_ids(methods)


# Comparison


def guesses(labels: list[str], rows: list[int] | None = None) -> Predictions:
    at = np.arange(len(labels)) if rows is None else np.array(rows)
    return Predictions(at, np.array(labels), None, [])


TRUTH = np.array(["x", "y", "x", "y", "x", "y"])
GROUPS = np.array(["1", "1", "2", "2", "3", "3"])
MADE = {
    "majority": guesses(["x"] * 6),
    "good": guesses(["x", "y", "x", "y", "x", "x"]),
    "bad": guesses(["y", "y", "x", "y", "y", "x"]),
    DFE_TOKENS: guesses(["x", "y", "x", "y", "y", "x"]),
    "seer": guesses(["x", "y", "x", "y", "x", "y"]),
}
ROLES = {
    "majority": "floor",
    "good": "baseline",
    "bad": "baseline",
    DFE_TOKENS: "dfe",
    "seer": "ceiling",
}
MEASURES = [metrics.ACCURACY, metrics.AUC]


def comparison() -> Comparison:
    return compare(TRUTH, GROUPS, MEASURES, MADE, ROLES, RULES)


def test_values_of_each_method() -> None:
    values = comparison().values()
    assert list(values.index) == list(MADE)
    found = [interval.value for interval in values["accuracy"]]
    np.testing.assert_allclose(found, [1 / 2, 5 / 6, 1 / 2, 4 / 6, 1])
    assert values.loc["seer", "accuracy"] == metrics.Interval(1, 1, 1)
    assert all(f"{interval}" == "–" for interval in values["AUC"]), "nobody gave scores"


def test_the_rival_is_the_best_baseline_and_neither_floor_nor_ceiling() -> None:
    assert comparison().best_baseline(metrics.ACCURACY) == "good"
    table = paired_table({"part": comparison()}, {"accuracy": 100.0})
    assert list(table.index) == [("part", "accuracy")], "no scores, no difference of AUC"
    row = table.loc[("part", "accuracy")]
    assert row["against"] == "good" and row["difference"].startswith("-16.7 [")
    assert (row["N"], row["groups"]) == ("6", "3")
    assert 0 < float(row["p"]) <= 1 and row["p (Holm)"] == row["p"], "one row needs no correction"


def test_p_is_adjusted_for_the_rows_of_the_table() -> None:
    table = paired_table({"one": comparison(), "two": comparison()}, {}, "seer")
    p, adjusted = table["p"].astype(float), table["p (Holm)"].astype(float)
    np.testing.assert_allclose(adjusted, np.minimum(2 * p, 1), atol=0.0011)


def test_a_small_p_is_not_printed_as_zero() -> None:
    n = 40
    truth = np.arange(n, dtype=float)
    made = {
        name: Predictions(np.arange(n), truth + error, None, [])
        for name, error in {"bad": 9.0, DFE_TOKENS: 0.1}.items()
    }
    rules = RULES.model_copy(update={"permutations": 3000})
    found = compare(truth, np.arange(n), [metrics.RMSE], made, ROLES, rules)
    assert paired_table({"x": found}, {})["p"].tolist() == ["< 0.001"]


def test_no_baseline_is_an_error() -> None:
    with pytest.raises(UtilityError, match="no baseline has a score, which AUC needs"):
        comparison().best_baseline(metrics.AUC)


def test_the_best_is_the_lowest_where_low_is_good() -> None:
    truth = np.arange(6.0)
    made = {
        name: Predictions(np.arange(6), truth + error, None, [])
        for name, error in {"good": 0.1, "bad": 1.0, DFE_TOKENS: 0.5}.items()
    }
    found = compare(truth, GROUPS, [metrics.RMSE], made, ROLES, RULES)
    assert found.best_baseline(metrics.RMSE) == "good"
    name, difference = found.paired()["RMSE"]
    assert name == "good" and difference.difference.value == pytest.approx(0.4)
    assert found.paired("bad")["RMSE"][1].difference.value == pytest.approx(-0.5)


def test_the_difference_of_two_methods_is_that_of_the_test() -> None:
    found = comparison()
    tested = found.paired("good")["accuracy"][1].difference
    assert found.difference(DFE_TOKENS, "good", metrics.ACCURACY) == tested
    assert tested.value == pytest.approx(-1 / 6)
    back = found.difference("good", DFE_TOKENS, metrics.ACCURACY)
    np.testing.assert_allclose(back, (-tested.value, -tested.high, -tested.low), atol=1e-15)
    assert found.difference("bad", "bad", metrics.ACCURACY) == (0, 0, 0), "the same draws"


def test_a_difference_is_nothing_where_a_method_has_no_score() -> None:
    scores = Predictions(np.arange(6), TRUTH, np.arange(6.0), [])
    made = MADE | {"seer": scores}
    found = compare(TRUTH, GROUPS, MEASURES, made, ROLES, RULES)
    assert f"{found.difference('seer', 'good', metrics.AUC)}" == "–"
    assert f"{found.difference('good', 'seer', metrics.AUC)}" == "–"
    assert found.value("seer", metrics.AUC).value == pytest.approx(6 / 9)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(UtilityError, match="no predictions of 'other'; there are .*'majority'"):
        comparison().difference("good", "other", metrics.ACCURACY)
    with pytest.raises(UtilityError, match="no predictions of 'other'"):
        comparison().value("other", metrics.ACCURACY)


def test_only_the_scored_clips_count() -> None:
    made = {name: guesses(["x", "y"], [1, 4]) for name in ("good", DFE_TOKENS)}
    found = compare(TRUTH, GROUPS, [metrics.ACCURACY], made, ROLES, RULES)
    assert found.truth.tolist() == ["y", "x"] and found.groups.tolist() == ["1", "3"]
    assert found.values().loc["good", "accuracy"].value == 0


def test_methods_scored_on_other_clips_are_refused() -> None:
    made = {"good": guesses(["x", "y"], [1, 4]), DFE_TOKENS: guesses(["x", "y"], [1, 5])}
    with pytest.raises(UtilityError, match=r"DFE tokens was scored on other clips: rows \[4, 5\]"):
        compare(TRUTH, GROUPS, [metrics.ACCURACY], made, ROLES, RULES)


def test_the_paper_stands_beside_ours_and_absent_features_are_no_number() -> None:
    scores = pd.DataFrame(
        {"CCC": [metrics.Interval(0.1, 0.0, 0.2), metrics.Interval(0.25, 0.2, 0.3)]},
        ["MARLIN", DFE_TOKENS],
    )
    table = beside_paper(scores, paper_table(5), {"CCC": "CCC"}, {"CCC": 100.0})
    absent = [FACIAL_BASIS, "LibreFace", "MAE-Face", "VideoMAE"]
    assert list(table.index) == ["MARLIN", *absent, DFE_TOKENS]
    assert table["CCC", "here"].tolist() == [
        "10.0 [0.0, 20.0]",
        *["needs features"] * 4,
        "25.0 [20.0, 30.0]",
    ]
    assert table["CCC", "paper"].tolist() == ["19.8", "8.2", "14.1", "6.0", "10.4", "19.8"]


def test_the_published_basis_has_the_row_of_facial_basis() -> None:
    scores = pd.DataFrame(
        {"CCC": [metrics.Interval(0.1, 0.0, 0.2)] * 2}, [PUBLISHED_BASIS, DFE_TOKENS]
    )
    table = beside_paper(scores, paper_table(5), {"CCC": "CCC"}, {"CCC": 100.0})
    assert FACIAL_BASIS not in table.index
    assert table.loc[PUBLISHED_BASIS].tolist() == ["8.2", "10.0 [0.0, 20.0]"]


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_every_row_of_the_paper_finds_its_method(number: int) -> None:
    paper = paper_table(number)
    column = paper.columns[0]
    scores = pd.DataFrame({"m": [metrics.Interval(0, 0, 0)] * 2}, [FACIAL_BASIS, DFE_TOKENS])
    table = beside_paper(scores, paper, {"m": column}, {})
    printed = sorted(text for text in table["m", "paper"] if text != "–")
    assert printed == sorted(f"{value:.1f}" for value in paper[column])
