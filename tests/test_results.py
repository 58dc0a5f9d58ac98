"""Measured numbers: what a recorder refuses, and that a file gives back what was recorded."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from claims_support import made_claims

from dfe.metrics import Interval
from dfe.results import (
    PageResults,
    Recorder,
    ResultsError,
    read_results,
    write_results,
)

OURS, AU, BASIS = (f"table-5.{row}.rmse" for row in ("ours", "au", "basis"))
ACC = "table-5.ours.acc"
HOW: dict[str, Any] = {"n": 56, "of": "interviews", "seeds": [0, 1], "origin": "simulated"}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder("09_depression", made_claims())


def both(recorder: Recorder) -> Recorder:
    recorder.record(OURS, 7.0, **HOW)
    recorder.record(AU, Interval(8.0, 7.5, 8.5), **HOW)
    return recorder


# Recording


def test_a_number_is_kept_with_what_is_behind_it(recorder: Recorder) -> None:
    more = {"sd": 0.1, "unit": "mm", "using": "this instead of that", "used": ("avec",)}
    recorder.record(OURS, Interval(7.1, 6.9, 7.4), **HOW, **more)
    result = recorder.results[OURS]
    assert result.interval() == (7.1, 6.9, 7.4) and (result.n, result.of) == (56, "interviews")
    assert (result.seeds, result.origin, result.used) == ((0, 1), "simulated", ("avec",))
    assert (result.sd, result.unit, result.using) == (0.1, "mm", "this instead of that")
    assert result.cell is None  # no notebook runs


def test_a_number_may_have_no_interval(recorder: Recorder) -> None:
    recorder.record(OURS, 7.0, **HOW)
    recorder.record(AU, Interval(8.0, math.nan, math.nan), **HOW)
    assert recorder.results[OURS].low is None and recorder.results[AU].high is None
    value, low, high = recorder.results[AU].interval()
    assert value == 8 and math.isnan(low) and math.isnan(high)


def test_a_sentence_is_recorded_only_if_it_has_a_measure(recorder: Recorder) -> None:
    recorder.record("curve-lowest", 0.2, **HOW)
    with pytest.raises(ResultsError, match="no number 'rmse-best'"):
        recorder.record("rmse-best", 0.2, **HOW)


def test_an_unknown_claim_is_refused(recorder: Recorder) -> None:
    with pytest.raises(ResultsError, match="09_depression: book/claims.yml has no number 'table-5"):
        recorder.record("table-5.ours.f1", 7.0, **HOW)


def test_a_claim_is_recorded_once(recorder: Recorder) -> None:
    recorder.record(OURS, 7.0, **HOW)
    with pytest.raises(ResultsError, match=f"{OURS} was recorded before"):
        recorder.record(OURS, 7.0, **HOW)


@pytest.mark.parametrize("name", HOW)
def test_nothing_is_left_out(recorder: Recorder, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        recorder.record(OURS, 7.0, **{key: HOW[key] for key in HOW if key != name})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0}, "n: .*greater"),
        ({"of": ""}, "of: "),
        ({"seeds": []}, "seeds: "),
        ({"origin": "synthetic"}, "origin: .*'synthetic'"),
        ({"origin": ""}, "origin: "),
        ({"sd": math.nan}, "sd: .*finite"),
        ({"untis": "mm"}, "untis: "),
    ],
)
def test_what_is_not_a_fact_is_refused(
    recorder: Recorder, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ResultsError, match=f"09_depression: {OURS}:\n  {message}"):
        recorder.record(OURS, 7.0, **(HOW | change))
    assert not recorder.results


@pytest.mark.parametrize("value", [math.nan, math.inf, Interval(math.nan, 1, 2)])
def test_a_value_is_finite(recorder: Recorder, value: Interval | float) -> None:
    with pytest.raises(ResultsError, match="value: .*finite"):
        recorder.record(OURS, value, **HOW)
    with pytest.raises(ResultsError, match="high: .*finite"):
        recorder.record(OURS, Interval(1, 0, math.inf), **HOW)


# Differences


def test_a_difference_is_kept_as_it_was_recorded(recorder: Recorder) -> None:
    both(recorder).record_difference(OURS, AU, Interval(-1.0, -1.5, -0.5), **HOW)
    found = recorder.differences[OURS, AU]
    assert (found.first, found.second, found.interval()) == (OURS, AU, (-1.0, -1.5, -0.5))


@pytest.mark.parametrize("absent", [(OURS, BASIS), (BASIS, OURS)])
def test_a_difference_comes_after_its_cells(recorder: Recorder, absent: tuple[str, str]) -> None:
    with pytest.raises(ResultsError, match=f"record {BASIS} first"):
        both(recorder).record_difference(*absent, Interval(0, -1, 1), **HOW)


def test_a_difference_stays_in_its_column(recorder: Recorder) -> None:
    both(recorder).record(ACC, 60.0, **HOW)
    with pytest.raises(ResultsError, match="two columns"):
        recorder.record_difference(ACC, AU, Interval(0, -1, 1), **HOW)
    recorder.record("table-7.ours.f1", 60.0, **HOW)
    with pytest.raises(ResultsError, match="two columns"):
        recorder.record_difference(OURS, "table-7.ours.f1", Interval(0, -1, 1), **HOW)


def test_a_pair_has_one_difference(recorder: Recorder) -> None:
    both(recorder).record_difference(OURS, AU, Interval(-1, -2, 0), **HOW)
    for pair in ((OURS, AU), (AU, OURS)):
        with pytest.raises(ResultsError, match="recorded before"):
            recorder.record_difference(*pair, Interval(1, 0, 2), **HOW)


def test_a_difference_names_its_cells_in_errors(recorder: Recorder) -> None:
    with pytest.raises(ResultsError, match=f"{OURS} minus {AU}:\n  n: "):
        both(recorder).record_difference(OURS, AU, Interval(-1, -2, 0), **(HOW | {"n": 0}))


# Files


def test_a_file_gives_back_what_was_recorded(recorder: Recorder, tmp_path: Path) -> None:
    both(recorder).record_difference(OURS, AU, Interval(-1 / 3, -2, 0), **HOW)
    made = recorder.page_results("smoke", {"utility.seed": 3, "pages.x": None})
    path = write_results(made, tmp_path / "results")
    assert path.name == "09_depression.results.json"
    assert [*path.parent.iterdir()] == [path]
    assert read_results(path.parent) == {"09_depression": made}
    assert made.parameters == {"utility.seed": 3}  # None says: the profile's own
    assert made.differences[0].value == -1 / 3 and made.profile == "smoke"
    assert json.loads(path.read_text())["schema_version"] == 1


def test_a_page_without_numbers_has_a_file_too(tmp_path: Path) -> None:
    write_results(PageResults(page="01_data", profile="smoke"), tmp_path)
    assert [*read_results(tmp_path)] == ["01_data"]
    assert read_results(tmp_path / "nothing") == {}


def test_pages_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("10_b", "02_a"):
        write_results(PageResults(page=name, profile="smoke"), tmp_path)
    assert [*read_results(tmp_path)] == ["02_a", "10_b"]


def test_a_claim_is_measured_by_one_page(recorder: Recorder, tmp_path: Path) -> None:
    made = both(recorder).page_results("smoke", {})
    write_results(made, tmp_path)
    write_results(made.model_copy(update={"page": "10_stress"}), tmp_path)
    with pytest.raises(ResultsError, match=f"09_depression and 10_stress both hold {OURS}"):
        read_results(tmp_path)


def test_a_file_named_for_another_page_is_refused(recorder: Recorder, tmp_path: Path) -> None:
    path = write_results(recorder.page_results("smoke", {}), tmp_path)
    path.rename(tmp_path / "10_stress.results.json")
    with pytest.raises(ResultsError, match="10_stress.results.json holds .* 09_depression"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", "["),
        ('"schema_version": 1', '"schema_version": 2'),
        ('"n": 56', '"n": "many"'),
        ('"value": 7.0', '"value": NaN'),
        ('"value": 7.0', '"valve": 7.0'),
        ('"origin": "simulated"', '"origin": "unknown"'),
    ],
)
def test_a_damaged_file_is_named(recorder: Recorder, tmp_path: Path, old: str, new: str) -> None:
    path = write_results(both(recorder).page_results("smoke", {}), tmp_path)
    damaged = path.read_text().replace(old, new, 1)
    assert damaged != path.read_text()
    path.write_text(damaged)
    with pytest.raises(ResultsError, match="09_depression.results.json"):
        read_results(tmp_path)


def test_a_truncated_file_is_named(recorder: Recorder, tmp_path: Path) -> None:
    path = write_results(both(recorder).page_results("smoke", {}), tmp_path)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ResultsError, match="09_depression.results.json"):
        read_results(tmp_path)


def test_a_failed_write_leaves_the_old_file(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_results(recorder.page_results("smoke", {}), tmp_path)
    old = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="disk full"):
        write_results(both(recorder).page_results("smoke", {}), tmp_path)
    assert path.read_bytes() == old and [*tmp_path.iterdir()] == [path]
