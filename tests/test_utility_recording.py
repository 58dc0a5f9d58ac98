"""Task tables as measured values of the paper's cells: which cells, in which unit, from what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dfe import metrics
from dfe.claims import book_claims
from dfe.config import UtilityConfig
from dfe.data.own import OBSERVERS
from dfe.data.task import AUTOMATIC_UNITS, TRUE_DISPLAYS
from dfe.results import Recorder, ResultsError
from dfe.utility import (
    DFE_TOKENS,
    FACIAL_BASIS,
    PSI_STATISTICS,
    Comparison,
    Predictions,
    UtilityError,
    compare,
    record_comparison,
)
from dfe.utility.features import PRETRAINED, PUBLISHED_BASIS
from dfe.utility.recording import FEATURES

RULES = UtilityConfig(bootstrap=2000, permutations=50, seed=3)
TRUTH = np.array([0, 1, 0, 1, 0, 1])
GROUPS = np.array(["1", "1", "2", "2", "3", "3"])
RIGHT = {  # of six clips; only the tokens and the Facial Basis give scores too
    "majority": [1, 0, 1, 0, 1, 0],
    AUTOMATIC_UNITS: [1, 0, 1, 0, 0, 0],
    FACIAL_BASIS: [1, 1, 1, 1, 1, 0],
    "my own": [0, 1, 1, 1, 1, 1],
    DFE_TOKENS: [1, 1, 1, 1, 0, 0],
    PSI_STATISTICS: [1, 1, 1, 1, 1, 1],
    TRUE_DISPLAYS: [1, 1, 1, 1, 1, 1],
}
SCORES = {
    FACIAL_BASIS: [0.1, 0.9, 0.2, 0.8, 0.3, 0.25],  # 8 of 9 pairs in order
    DFE_TOKENS: [0.1, 0.9, 0.2, 0.8, 0.5, 0.4],  # the same
}
COLUMNS = {"accuracy": "Acc", "AUC": "AUC"}
HUNDRED = dict.fromkeys(COLUMNS, 100.0)
OURS, BASIS, UNITS = (f"table-5.{row}" for row in ("ours-vq-vae", "facial-basis", "au-libreface"))


def made(right: list[int], scores: list[float] | None) -> Predictions:
    predicted = np.where(np.array(right) == 1, TRUTH, 1 - TRUTH)
    return Predictions(np.arange(6), predicted, None if scores is None else np.array(scores), [])


def comparison(**more: list[int]) -> Comparison:
    """Accuracy and AUC of made-up methods; `more` are right about these clips."""
    right = RIGHT | more
    roles = dict.fromkeys(right, "baseline") | {DFE_TOKENS: "dfe"}
    predictions = {name: made(each, SCORES.get(name)) for name, each in right.items()}
    measures = [metrics.ACCURACY, metrics.AUC]
    return compare(TRUTH, GROUPS, measures, predictions, roles, RULES)


def record(found: Comparison, table: int = 5, **changes: Any) -> Recorder:
    recorder = Recorder("page")
    columns, scale = changes.pop("columns", COLUMNS), changes.pop("scale", HUNDRED)
    how: dict[str, Any] = {"seeds": (7,), "origin": "simulated", "of": "interviews"} | changes
    record_comparison(recorder, found, table, columns, scale, **how)
    return recorder


# Values


def test_methods_with_a_row_fill_their_cells_in_the_unit_of_the_paper() -> None:
    results = record(comparison()).results
    values = {claim: result.value for claim, result in results.items()}
    assert values == pytest.approx(
        {
            f"{UNITS}.acc": 100 * 2 / 6,
            f"{BASIS}.acc": 100 * 5 / 6,
            f"{BASIS}.auc": 100 * 8 / 9,
            f"{OURS}.acc": 100 * 4 / 6,
            f"{OURS}.auc": 100 * 8 / 9,
        }
    ), "no row for floors, controls, ceilings and own observers, and no AUC without scores"
    one = results[f"{OURS}.acc"]
    assert (one.n, one.of, one.seeds, one.origin) == (6, "interviews", (7,), "simulated")
    assert (one.unit, one.sd) == ("", None)


def test_intervals_are_those_of_the_table() -> None:
    found = comparison()
    shown, results = found.values(), record(found).results
    for cell, method, measure in (
        (f"{BASIS}.acc", FACIAL_BASIS, "accuracy"),
        (f"{OURS}.auc", DFE_TOKENS, "AUC"),
    ):
        expected = shown.loc[method, measure].scaled(100)
        assert results[cell].interval() == pytest.approx(expected)
        assert expected.low < expected.high


def test_a_measure_without_a_factor_keeps_its_unit() -> None:
    truth = np.arange(6.0)
    predictions = {
        name: Predictions(np.arange(6), truth + error, None, [])
        for name, error in {FACIAL_BASIS: 0.5, DFE_TOKENS: np.array([2.0, 1, 2, 1, 2, 1])}.items()
    }
    roles = {FACIAL_BASIS: "baseline", DFE_TOKENS: "dfe"}
    found = compare(truth, GROUPS, [metrics.RMSE, metrics.CCC], predictions, roles, RULES)
    recorder = record(found, columns={"RMSE": "RMSE"}, scale={"CCC": 100.0})
    values = {claim: result.value for claim, result in recorder.results.items()}
    root = np.sqrt(2.5)
    assert values == pytest.approx({f"{BASIS}.rmse": 0.5, f"{OURS}.rmse": root})
    (apart,) = recorder.differences.values()
    assert apart.value == pytest.approx(root - 0.5), "not turned round where low is good"


# Differences


def test_differences_are_tokens_minus_the_other_method() -> None:
    differences = record(comparison()).differences
    values = {pair: difference.value for pair, difference in differences.items()}
    assert values == pytest.approx(
        {
            (f"{OURS}.acc", f"{UNITS}.acc"): 100 * 2 / 6,
            (f"{OURS}.acc", f"{BASIS}.acc"): -100 / 6,
            (f"{OURS}.auc", f"{BASIS}.auc"): 0.0,
        }
    )
    one = differences[f"{OURS}.acc", f"{UNITS}.acc"]
    assert (one.n, one.of, one.seeds, one.origin) == (6, "interviews", (7,), "simulated")


def test_intervals_of_differences_are_paired() -> None:
    found = comparison()
    a, b = (found.predictions[name].predicted for name in (DFE_TOKENS, FACIAL_BASIS))
    expected = metrics.paired(metrics.ACCURACY, TRUTH, a, b, GROUPS, 2000, 50, seed=3).difference
    differences = record(found).differences
    one = differences[f"{OURS}.acc", f"{BASIS}.acc"]
    assert one.interval() == pytest.approx(expected.scaled(100))
    # They differ in a clip of group 3: all three draws are of it in 1 of 27 resamples, none in 8.
    assert one.low == pytest.approx(-50) and one.high == pytest.approx(0)
    # Units lose one clip in groups 1 and 2 each: at most three in a draw of groups, more in clips.
    units = differences[f"{OURS}.acc", f"{UNITS}.acc"]
    assert units.low == pytest.approx(0) and units.high == pytest.approx(50)


# What is behind the numbers


def test_automatic_units_stand_for_libreface_and_say_so() -> None:
    results = record(comparison(), used=["avec2019-dds"]).results
    units = results[f"{UNITS}.acc"]
    assert units.using == "simulated automatic action units instead of LibreFace"
    assert units.used == ("avec2019-dds",)
    assert {results[f"{row}.acc"].using for row in (OURS, BASIS)} == {""}
    gated = record(comparison(), origin="gated").results[f"{UNITS}.acc"]
    assert gated.using == "automatic action units instead of LibreFace"


def test_libreface_takes_the_place_of_the_stand_in() -> None:
    recorder = record(comparison(LibreFace=[0, 0, 0, 0, 0, 1]), used=["avec2019-dds"])
    units = recorder.results[f"{UNITS}.acc"]
    assert units.value == pytest.approx(100 / 6)
    assert (units.using, units.used) == ("", ("avec2019-dds", "libreface"))
    assert recorder.differences[f"{OURS}.acc", f"{UNITS}.acc"].value == pytest.approx(50)


def test_what_the_model_learned_from_counts_for_the_tokens_only() -> None:
    results = record(comparison(), used=["a", ""], model_data=["affectnet", "emoca"]).results
    assert results[f"{OURS}.acc"].used == ("a", "affectnet", "emoca")
    assert results[f"{BASIS}.acc"].used == ("a",)
    plain = record(comparison(), used=[""]).results
    assert all(result.used == () for result in plain.values()), "simulated tasks have no data set"


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (3, ["AUC", "Accuracy"]),
        (4, ["Openness Acc", "Neuroticism CCC"]),
        (5, ["Acc", "AUC"]),
        (6, ["Binary F1", "Multiclass BAcc"]),
    ],
)
def test_with_everything_given_each_row_is_filled_and_has_what_it_needs(
    table: int, columns: list[str]
) -> None:
    claims = book_claims()
    right = RIGHT | {name: [0, 1, 0, 0, 1, 1] for name in PRETRAINED}
    predictions = {name: made(each, [0.1, 0.9, 0.2, 0.8, 0.5, 0.4]) for name, each in right.items()}
    roles = dict.fromkeys(right, "baseline")
    measures = [metrics.ACCURACY, metrics.AUC]
    found = compare(TRUTH, GROUPS, measures, predictions, roles, RULES)
    recorder = record(
        found,
        table,
        columns=dict(zip(("accuracy", "AUC"), columns, strict=True)),
        used=claims.table(table).needs,
        model_data=("affectnet", "emoca"),
    )
    cells = {
        id: cell
        for id, cell in claims.cells.items()
        if cell.table == table and cell.column in columns
    }
    assert set(recorder.results) == set(cells)
    for id, cell in cells.items():
        # the dictionary of this book is not the published one, so its row can only show a direction
        assert set(recorder.results[id].used) == cell.needs - {"facial-basis"}, id
    rivals = {(cell.reference, id) for id, cell in cells.items() if not cell.own}
    assert set(recorder.differences) == rivals


def test_each_known_observer_has_the_name_that_the_pages_know() -> None:
    assert dict(OBSERVERS) == {
        "libreface": "LibreFace",
        "mae-face": "MAE-Face",
        "marlin": "MARLIN",
        "videomae": "VideoMAE",
        "smirk": "SMIRK",
        "facial-basis": PUBLISHED_BASIS,
    }
    assert {*PRETRAINED, PUBLISHED_BASIS} <= set(OBSERVERS.values())


def test_each_method_of_a_readers_own_files_has_an_id() -> None:
    assert tuple(FEATURES) == (*PRETRAINED, PUBLISHED_BASIS)


@pytest.mark.parametrize(
    ("method", "row", "id"),
    [
        ("LibreFace", "au-libreface", "libreface"),
        ("MAE-Face", "facemae", "mae-face"),
        ("MARLIN", "marlin", "marlin"),
        ("VideoMAE", "videomae", "videomae"),
        (PUBLISHED_BASIS, "facial-basis", "facial-basis"),
    ],
)
def test_a_method_rests_on_its_features(method: str, row: str, id: str) -> None:
    right = {name: each for name, each in RIGHT.items() if name in (DFE_TOKENS, PSI_STATISTICS)}
    predictions = {name: made(each, None) for name, each in right.items()}
    predictions[method] = made([1, 1, 1, 0, 0, 0], None)
    roles = dict.fromkeys(predictions, "baseline")
    found = compare(TRUTH, GROUPS, [metrics.ACCURACY], predictions, roles, RULES)
    columns = {"accuracy": "Acc"}
    recorder = record(found, columns=columns, used=["avec2019-dds"], origin="gated")
    one = recorder.results[f"table-5.{row}.acc"]
    assert (one.value, one.used, one.using) == (50, ("avec2019-dds", id), "")
    assert set(one.used) == book_claims().cells[f"table-5.{row}.acc"].needs
    assert (f"{OURS}.acc", f"table-5.{row}.acc") in recorder.differences


# What is refused


def test_what_cannot_be_recorded_is_named() -> None:
    found = comparison()
    with pytest.raises(UtilityError, match=r"no measure 'F1'; it has \['accuracy', 'AUC'\]"):
        record(found, columns={"F1": "Acc"})
    with pytest.raises(UtilityError, match="DFE tokens .*no row in Table 1"):
        record(found, 1)
    with pytest.raises(ResultsError, match="has no number 'table-5.facial-basis.f1'"):
        record(found, columns={"accuracy": "F1"}, used=[])
    others = {name: found.predictions[name] for name in (FACIAL_BASIS, "my own")}
    roles = dict.fromkeys(others, "baseline")
    without = compare(TRUTH, GROUPS, [metrics.ACCURACY], others, roles, RULES)
    with pytest.raises(UtilityError, match="DFE tokens are not in the comparison"):
        record(without, columns={"accuracy": "Acc"})
