"""Diversity as measured values of Table 2: which cells, and differences on the same frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dfe.accuracy import AU_CODING, DFE_CODING, HUMAN_CODING
from dfe.claims import book_claims
from dfe.metrics import average_nmi, diversity, diversity_difference, presence, unit_entropy
from dfe.recording import Coding, asked_pairs, record_diversity
from dfe.results import Origin, Recorder

RNG = np.random.default_rng(0)
N = 120
GROUPS = np.repeat([f"clip {i}" for i in range(12)], 10)
TOKENS = presence(RNG.integers(0, 8, (N, 2)), 8)
UNITS = RNG.random((N, 3)) < [0.6, 0.3, 0.1]
CODED = np.flatnonzero(RNG.random(N) < 0.5)  # frames that people have coded
LABELS = RNG.random((len(CODED), 4)) < 0.4
OURS, AUTO, HUMAN = (f"table-2.{row}" for row in ("ours-vq-vae", "au-based-auto", "au-based-human"))


def coding(active: Any, frames: Any, origin: Origin = "real") -> Coding:
    return Coding(active, frames, diversity(active, GROUPS[frames], 50, seed=4), origin)


OPEN = {AU_CODING: coding(UNITS, np.arange(N)), DFE_CODING: coding(TOKENS, np.arange(N))}
ALL = OPEN | {HUMAN_CODING: coding(LABELS, CODED, "gated")}


def recorded(codings: dict[str, Coding], **more: Any) -> Recorder:
    recorder = Recorder("page")
    how: dict[str, Any] = {"resamples": 50, "seed": 4, "seeds": (9,)} | more
    record_diversity(recorder, codings, GROUPS, **how)
    return recorder


def test_values_are_the_normalized_entropy_and_the_average_nmi() -> None:
    results = recorded(ALL).results
    for row, active in ((OURS, TOKENS), (AUTO, UNITS), (HUMAN, LABELS)):
        assert results[f"{row}.entropy"].value == pytest.approx(unit_entropy(active).normalized)
        assert results[f"{row}.nmi"].value == pytest.approx(average_nmi(active).value)
        assert results[f"{row}.entropy"].n == results[f"{row}.nmi"].n == len(active)
    one, measured = results[f"{AUTO}.nmi"], OPEN[AU_CODING].measured
    assert one.interval() == pytest.approx(measured.nmi)
    assert results[f"{AUTO}.entropy"].interval() == pytest.approx(measured.normalized)
    assert (one.of, one.seeds, one.origin, one.unit) == ("frames", (9,), "real", "")
    assert results[f"{HUMAN}.nmi"].origin == "gated"


def test_the_open_default_leaves_out_the_human_row_only() -> None:
    recorder = recorded(OPEN)
    assert set(recorder.results) == {
        f"{row}.{m}" for row in (OURS, AUTO) for m in ("entropy", "nmi")
    }
    assert set(recorder.differences) == {(f"{OURS}.{m}", f"{AUTO}.{m}") for m in ("entropy", "nmi")}
    auto = recorder.results[f"{AUTO}.nmi"]
    assert auto.using == "MediaPipe scores as action units instead of LibreFace"
    assert {result.used for result in recorder.results.values()} == {()}
    assert recorder.results[f"{OURS}.nmi"].using == ""


def test_differences_are_tokens_minus_the_other_coding_with_the_same_draws() -> None:
    differences = recorded(OPEN).differences
    expected = diversity_difference(TOKENS, UNITS, GROUPS, 50, seed=4)
    for measure, interval in zip(("entropy", "nmi"), expected, strict=True):
        one = differences[f"{OURS}.{measure}", f"{AUTO}.{measure}"]
        assert one.interval() == pytest.approx(interval)
        assert (one.n, one.of, one.seeds, one.origin) == (N, "frames", (9,), "real")
    values = recorded(OPEN).results
    apart = values[f"{OURS}.nmi"].value - values[f"{AUTO}.nmi"].value
    assert differences[f"{OURS}.nmi", f"{AUTO}.nmi"].value == pytest.approx(apart)


def test_people_are_compared_with_the_tokens_of_the_frames_that_they_coded() -> None:
    differences = recorded(ALL).differences
    same = unit_entropy(TOKENS[CODED]).normalized
    one = differences[f"{OURS}.entropy", f"{HUMAN}.entropy"]
    assert one.value == pytest.approx(same - unit_entropy(LABELS).normalized)
    assert one.value != pytest.approx(unit_entropy(TOKENS).normalized - same, abs=1e-6)
    assert (one.n, one.origin) == (len(CODED), "gated")
    expected = diversity_difference(TOKENS[CODED], LABELS, GROUPS[CODED], 50, seed=4).nmi
    assert differences[f"{OURS}.nmi", f"{HUMAN}.nmi"].interval() == pytest.approx(expected)


def test_a_measure_that_a_coding_lacks_is_left_out() -> None:
    single = OPEN | {AU_CODING: coding(UNITS[:, :1], np.arange(N))}  # no evenness and no pair
    recorder = recorded(single)
    assert set(recorder.results) == {f"{OURS}.entropy", f"{OURS}.nmi"}
    assert recorder.differences == {}


def test_with_everything_given_each_cell_of_table_2_is_filled_and_says_what_is_behind() -> None:
    claims = book_claims()
    recorder = recorded(ALL, used=["aff-wild2"], model_data=["affectnet", "emoca"])
    cells = {id: cell for id, cell in claims.cells.items() if cell.table == 2}
    assert set(recorder.results) == set(cells) and len(cells) == 6
    for id, cell in cells.items():
        # LibreFace reads pictures, which the page has none of, so its row keeps its stand-in.
        assert set(recorder.results[id].used) == cell.needs - {"libreface"}, id
    assert set(recorder.differences) == set(asked_pairs(claims, 2))


def test_a_coding_without_a_row_is_named() -> None:
    with pytest.raises(KeyError, match="k-means"):
        recorded(OPEN | {"k-means": OPEN[AU_CODING]})


def test_units_of_libreface_are_those_of_the_paper() -> None:
    theirs = replace(OPEN[AU_CODING], feature="libreface", origin="gated")
    found = recorded(OPEN | {AU_CODING: theirs}, used=["aff-wild2"]).results[f"{AUTO}.nmi"]
    assert (found.used, found.using) == (("aff-wild2", "libreface"), "")
    open_units = recorded(OPEN, used=["aff-wild2"]).results[f"{AUTO}.nmi"]
    assert open_units.used == ("aff-wild2",) and "instead of LibreFace" in open_units.using
