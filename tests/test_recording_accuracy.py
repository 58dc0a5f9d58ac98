"""Retrieval as measured values of Table 1: which cells, of which coding, what is behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dfe.accuracy import AU_CODING, DFE_CODING, HUMAN_CODING, Comparison, compare_codings
from dfe.claims import book_claims
from dfe.metrics import retrieve
from dfe.recording import asked_pairs, paper_observers, record_accuracy
from dfe.results import Recorder, ResultsError

# Eight frames on a line, in two clips. The tokens tell the left from the right and drop the last
# pair, which is too small; the action units mix one frame of either side.
FEATURES = np.array([[1.0], [2], [3], [11], [12], [13], [40], [50]])
CLIPS = np.array(["a", "a", "a", "b", "b", "b", "c", "c"])
CODINGS = {
    DFE_CODING: np.array([0, 0, 0, 1, 1, 1, 2, 3]),
    AU_CODING: np.array([0, 0, 1, 0, 1, 1, 2, 2]),
    HUMAN_CODING: np.array([0, 0, 0, 0, 0, 0, 1, 1]),
}


def compared(*names: str, minimum: int = 1) -> Comparison:
    codings = {name: CODINGS[name] for name in names or (DFE_CODING, AU_CODING)}
    return compare_codings(FEATURES, codings, CLIPS, CLIPS, minimum=minimum, resamples=200)


def recorded(found: Comparison, observer: Any = "SMIRK", name: str = "", **more: Any) -> Recorder:
    recorder = Recorder("page")
    how: dict[str, Any] = {"seeds": (3,), "origin": "real"} | more
    record_accuracy(recorder, found, observer, name or "landmark geometry", **how)
    return recorder


def cell(row: str, measure: str, observer: str = "smirk") -> str:
    return f"table-1.{observer}.{row}.{measure}"


def distances(features: NDArray[np.float64], labels: NDArray[np.int64], query: int) -> float:
    others = (labels == labels[query]) & (np.arange(len(labels)) != query)
    return float(np.abs(features[others] - features[query]).mean())


def test_values_are_those_of_the_page_by_hand() -> None:
    results = recorded(compared()).results
    ours = results[cell("ours-vq-vae", "eucdist")]
    # 1 to 2 and 3, 2 to 1 and 3, 3 to 1 and 2: 1.5, 1, 1.5; the same on the right.
    assert ours.value == pytest.approx(4 / 3)
    assert (ours.n, ours.of, ours.seeds, ours.origin) == (6, "queries", (3,), "real")
    units = results[cell("au-based", "eucdist")]
    by_hand = [distances(FEATURES[:, 0], CODINGS[AU_CODING], query) for query in range(8)]
    assert units.value == pytest.approx(np.mean(by_hand)) and units.n == 8
    assert units.low is not None and units.high is not None and units.low < units.high
    std = retrieve(FEATURES, CODINGS[AU_CODING], minimum=1).spread
    assert results[cell("au-based", "std")].value == pytest.approx(np.nanmean(std))
    assert results[cell("au-based", "cossim")].value == pytest.approx(1)


def test_the_difference_is_on_the_queries_that_both_keep() -> None:
    found = compared()
    recorder = recorded(found)
    pair = cell("ours-vq-vae", "eucdist"), cell("au-based", "eucdist")
    one = recorder.differences[pair]
    x = FEATURES[:, 0]
    apart = [
        distances(x, CODINGS[DFE_CODING], query) - distances(x, CODINGS[AU_CODING], query)
        for query in range(6)
    ]
    assert one.value == pytest.approx(np.mean(apart))
    assert (one.n, one.of, one.seeds, one.origin) == (6, "queries", (3,), "real")
    assert one.interval() == pytest.approx(found.gain(DFE_CODING, AU_CODING)["EucDist"])
    values = [recorder.results[claim].value for claim in pair]
    assert one.value != pytest.approx(values[0] - values[1])


def test_units_and_stand_ins_are_named() -> None:
    for observer, name, units in (
        ("SMIRK", "landmark geometry", ["", "mm over all landmarks", "mm per coordinate"]),
        ("MAE-Face", "appearance", ["", "no unit", "no unit"]),
    ):
        results = recorded(compared(), observer, name).results
        rows = ("ours-vq-vae", "au-based")
        for row in rows:
            keys = [cell(row, m, observer.lower()) for m in ("cossim", "eucdist", "std")]
            assert [results[key].unit for key in keys] == units
        ours, theirs = (results[cell(row, "std", observer.lower())] for row in rows)
        assert ours.using == f"{name} instead of {observer}"
        assert theirs.using == f"{ours.using}; automatic action units instead of human ones"
        assert ours.used == theirs.used == ()


def test_human_action_units_and_the_observer_itself_leave_nothing_to_stand_in() -> None:
    found = compared(DFE_CODING, AU_CODING, HUMAN_CODING)
    results = recorded(found, name="SMIRK", used=["aff-wild2"], origin="gated").results
    units, ours = (results[cell(row, "eucdist")] for row in ("au-based", "ours-vq-vae"))
    by_hand = [distances(FEATURES[:, 0], CODINGS[HUMAN_CODING], query) for query in range(8)]
    assert units.value == pytest.approx(np.mean(by_hand))
    assert {result.using for result in results.values()} == {""}
    assert {result.unit for result in results.values()} == {""}, "features of the paper's own"
    assert units.used == ("aff-wild2", "smirk", "human-action-units")
    assert ours.used == ("aff-wild2", "smirk") and ours.origin == "gated"
    apart = recorded(found).differences[ours.claim, units.claim]
    assert apart.interval() == pytest.approx(found.gain(DFE_CODING, HUMAN_CODING)["EucDist"])


@pytest.mark.parametrize("minimum", [3, 5])
def test_a_coding_that_keeps_no_query_is_left_out(minimum: int) -> None:
    recorder = recorded(compared(DFE_CODING, HUMAN_CODING, minimum=minimum))
    assert set(recorder.results) == {cell("au-based", m) for m in ("cossim", "eucdist", "std")}
    assert recorder.differences == {}


def test_with_everything_given_each_cell_of_table_1_is_filled_and_has_what_it_needs() -> None:
    claims, recorder = book_claims(), Recorder("page")
    found = compared(DFE_CODING, AU_CODING, HUMAN_CODING)
    for observer, name in paper_observers(["MAE-Face", "SMIRK", "appearance"]).items():
        record_accuracy(
            recorder,
            found,
            observer,
            name,
            seeds=(0,),
            origin="gated",
            used=["aff-wild2"],
            model_data=["affectnet", "emoca"],
        )
    cells = {id: cell for id, cell in claims.cells.items() if cell.table == 1}
    assert set(recorder.results) == set(cells) and len(cells) == 12
    for id, one in cells.items():
        assert set(recorder.results[id].used) == one.needs, id
    assert set(recorder.differences) == set(asked_pairs(claims, 1))


def test_open_data_fill_all_of_table_1() -> None:
    recorder = Recorder("page")
    for observer, name in paper_observers(["landmark geometry", "appearance", "mine"]).items():
        record_accuracy(recorder, compared(), observer, name, seeds=(0,), origin="real")
    assert len(recorder.results) == 12 and len(recorder.differences) == 6


def test_the_paper_s_own_observer_comes_before_its_stand_in() -> None:
    both = ["landmark geometry", "appearance", "SMIRK", "other"]
    assert paper_observers(both) == {"SMIRK": "SMIRK", "MAE-Face": "appearance"}
    assert paper_observers(["MAE-Face"]) == {"MAE-Face": "MAE-Face"}
    assert paper_observers(["smirk", "true geometry"]) == {}


def test_twice_is_refused() -> None:
    recorder = recorded(compared())
    with pytest.raises(ResultsError, match=r"table-1\.smirk\.au-based\.cossim was recorded"):
        record_accuracy(recorder, compared(), "SMIRK", "SMIRK", seeds=(0,), origin="real")
