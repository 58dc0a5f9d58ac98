"""Task columns of the variants as measured values of Table 7, and all pairs that are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dfe import metrics
from dfe.claims import book_claims
from dfe.config import UtilityConfig
from dfe.recording import asked_pairs, record_variant_tasks
from dfe.results import Recorder, ResultsError
from dfe.utility import Comparison, Predictions, UtilityError, compare
from dfe.variants import ABLATIONS, VARIANTS

RULES = UtilityConfig(bootstrap=300, permutations=20, seed=3)
MEASURES = [metrics.F1_WEIGHTED, metrics.BALANCED_ACCURACY]
TRUTH = np.array([0, 1, 0, 1, 0, 1, 1, 1])
GROUPS = np.repeat(["1", "2", "3", "4"], 2)
LABELS = [variant.label for variant in ABLATIONS]
OURS, ONE, K16 = (
    f"table-7.{row}"
    for row in ("ours", "ours-w-single-quantizer-vq-vae", "ours-w-codebook-size-16")
)


def predictions(seed: int, labels: list[str] = LABELS) -> dict[str, Predictions]:
    rng = np.random.default_rng(seed)
    return {
        label: Predictions(np.arange(8), np.where(rng.random(8) < 0.7, TRUTH, 1 - TRUTH), None, [])
        for label in labels
    }


def task(seed: int, labels: list[str] = LABELS, measures: list[Any] = MEASURES) -> Comparison:
    made = predictions(seed, labels)
    return compare(TRUTH, GROUPS, measures, made, dict.fromkeys(made, "dfe"), RULES)


def recorded(comparisons: dict[str, Comparison], **more: Any) -> Recorder:
    recorder = Recorder("page")
    how: dict[str, Any] = {"seeds": (5,), "origin": "simulated"} | more
    record_variant_tasks(recorder, comparisons, **how)
    return recorder


BOTH = {"Binary": task(0), "Multiclass": task(1)}


def balanced(comparison: Comparison, label: str) -> float:
    """Balanced accuracy x 100 by hand: mean share of right ones over the two classes."""
    right = comparison.predictions[label].predicted == TRUTH
    return 50 * (right[TRUTH == 0].mean() + right[TRUTH == 1].mean())


def test_all_of_table_7_is_filled() -> None:
    recorder = recorded(BOTH, using="300 steps per run on open data")
    cells = {id for id, cell in book_claims().cells.items() if cell.table == 7}
    assert set(recorder.results) == cells and len(cells) == 28
    one = recorder.results[f"{OURS}.binary-bacc"]
    assert (one.n, one.of, one.seeds, one.origin) == (8, "videos", (5,), "simulated")
    assert (one.unit, one.using, one.used) == ("", "300 steps per run on open data", ())


def test_values_are_times_100_and_of_their_task_and_variant() -> None:
    results = recorded(BOTH).results
    for variant in ABLATIONS:
        row = variant.paper[0].lower().replace("(", "").replace(")", "")
        row = row.replace("w/o", "w-o").replace("w/", "w").replace(" ", "-")
        for title, comparison in BOTH.items():
            cell = f"table-7.{row}.{title.lower()}-bacc"
            assert results[cell].value == pytest.approx(balanced(comparison, variant.label)), cell
    full = VARIANTS["full"].label
    shown = BOTH["Multiclass"].value(full, metrics.F1_WEIGHTED).scaled(100)
    assert results[f"{OURS}.multiclass-f1"].interval() == pytest.approx(shown)


def test_every_pair_that_is_asked_for_is_recorded_once() -> None:
    differences = recorded(BOTH).differences
    asked = asked_pairs(book_claims(), 7)
    assert list(differences) == asked and len(asked) == 44
    assert len({frozenset(pair) for pair in asked}) == 44
    # Full model minus six variants in four columns; one quantizer minus the five others.
    assert sum(first.startswith(f"{OURS}.") for first, _ in asked) == 24
    assert sum(first.startswith(ONE) for first, _ in asked) == 20
    said = {
        frozenset(pair[:2])
        for pairs in book_claims().pairs.values()
        for pair in pairs
        if pair.first.startswith("table-7.")
    }
    assert said <= {frozenset(pair) for pair in asked}


def test_differences_are_first_minus_second_on_the_same_draws() -> None:
    differences = recorded(BOTH).differences
    binary = BOTH["Binary"]
    full, one, small = (VARIANTS[name].label for name in ("full", "one-quantizer", "k16"))
    for pair, labels in (
        ((f"{OURS}.binary-bacc", f"{K16}.binary-bacc"), (full, small)),
        ((f"{ONE}.binary-bacc", f"{K16}.binary-bacc"), (one, small)),
    ):
        found = differences[pair]
        first, second = (balanced(binary, label) for label in labels)
        assert found.value == pytest.approx(first - second)
        expected = binary.difference(*labels, metrics.BALANCED_ACCURACY).scaled(100)
        assert found.interval() == pytest.approx(expected)
        assert (found.n, found.of, found.seeds, found.origin) == (8, "videos", (5,), "simulated")


def test_what_is_behind_the_videos_and_the_runs_is_named() -> None:
    results = recorded(BOTH, used=["stressid", ""], model_data=["affectnet", "emoca"]).results
    needs = {cell.needs for cell in book_claims().cells.values() if cell.table == 7}
    assert {frozenset(result.used) for result in results.values()} == needs
    assert {result.used for result in recorded(BOTH, used=[""]).results.values()} == {()}


def test_variants_that_did_not_run_leave_their_pairs_out() -> None:
    full, small = (VARIANTS[name].label for name in ("full", "k16"))
    recorder = recorded({"Binary": task(0, [small, full])})
    assert set(recorder.results) == {
        f"{row}.binary-{measure}" for row in (OURS, K16) for measure in ("f1", "bacc")
    }
    assert set(recorder.differences) == {
        (f"{OURS}.binary-{measure}", f"{K16}.binary-{measure}") for measure in ("f1", "bacc")
    }


def test_what_cannot_be_recorded_is_named() -> None:
    with pytest.raises(UtilityError, match=r"Binary: no measure 'balanced accuracy'; .*F1"):
        recorded({"Binary": task(0, measures=[metrics.F1_WEIGHTED])})
    with pytest.raises(ResultsError, match=r"has no number 'table-7\.\S+\.ternary-f1'"):
        recorded({"Ternary": task(0)})
    made = {label: one._replace(rows=np.arange(6)) for label, one in predictions(0).items()}
    made = {label: one._replace(predicted=one.predicted[:6]) for label, one in made.items()}
    fewer = compare(TRUTH, GROUPS, MEASURES, made, dict.fromkeys(made, "dfe"), RULES)
    with pytest.raises(UtilityError, match="the same videos, got .*8.*6"):
        recorded({"Binary": task(0), "Multiclass": fewer})


@pytest.mark.parametrize(("table", "count"), [(1, 6), (2, 4), (3, 3), (8, 6)])
def test_elsewhere_only_the_paper_s_own_model_is_compared(table: int, count: int) -> None:
    pairs, cells = asked_pairs(book_claims(), table), book_claims().cells
    assert len(pairs) == count
    assert all(cells[second].reference == first != second for first, second in pairs)
