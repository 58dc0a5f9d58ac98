"""Templates as measured values: Table 8, the displacement of Figure 8, and asymmetric tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from dfe.claims import book_claims
from dfe.metrics import (
    mean_displacements,
    pair_similarity,
    pair_similarity_difference,
    pair_similarity_interval,
    percentile_interval,
)
from dfe.recording import (
    asked_pairs,
    record_asymmetry,
    record_displacement,
    record_templates,
)
from dfe.results import Recorder, ResultsError
from dfe.variants import ABLATIONS, VARIANTS

FULL, ONE, NO_L1, NO_ORTHOGONALITY = (
    VARIANTS[name].label for name in ("full", "one-quantizer", "no-l1", "no-orthogonality")
)
ROWS = {
    FULL: "table-8.ours",
    ONE: "table-8.single-quantizer-vq-vae",
    NO_ORTHOGONALITY: "table-8.ours-w-o-orthogonality-loss",
    NO_L1: "table-8.ours-w-o-l1-loss",
}
Fields = NDArray[np.float32]


def fields(seed: int, size: float = 1.0) -> Fields:
    """Six tokens that move four vertices, in mm."""
    moved = np.random.default_rng(seed).normal(size=(6, 4, 3)) + 0.5
    return (size * moved).astype(np.float32)


RUNS = {variant.label: [fields(place)] for place, variant in enumerate(ABLATIONS)}
TWICE = {label: [*runs, fields(50 + place)] for place, (label, runs) in enumerate(RUNS.items())}


def recorded(
    runs: dict[str, list[Fields]], record: Any = record_templates, **more: Any
) -> Recorder:
    recorder = Recorder("page")
    origin = "real and simulated"
    how: dict[str, Any] = {"resamples": 60, "seeds": (5,), "origin": origin} | more
    record(recorder, runs, **how)
    return recorder


# Table 8


def test_all_of_table_8_is_filled_from_the_distances() -> None:
    recorder = recorded(RUNS, using="open head")
    cells = {id for id, cell in book_claims().cells.items() if cell.table == 8}
    assert set(recorder.results) == cells and len(cells) == 8
    for label, row in ROWS.items():
        expected = pair_similarity(RUNS[label][0], "distance")
        dot, cosine = (recorder.results[f"{row}.{c}"] for c in ("dot-product", "cosine"))
        assert dot.value == pytest.approx(expected.dot / 1e6), "mm^2 to m^2"
        assert cosine.value == pytest.approx(expected.cosine)
        assert (dot.unit, cosine.unit) == ("m² on another mesh", "")
        for one in (dot, cosine):
            assert (one.n, one.of, one.seeds, one.sd) == (6, "tokens", (5,), None)
            assert (one.origin, one.using) == ("real and simulated", "open head")


def test_intervals_of_one_run_are_those_that_the_page_shows() -> None:
    results = recorded(RUNS).results
    for label, row in ROWS.items():
        dot, cosine = pair_similarity_interval(RUNS[label][0], "distance", 60)
        assert results[f"{row}.dot-product"].interval() == pytest.approx(dot.scaled(1e-6))
        assert results[f"{row}.cosine"].interval() == pytest.approx(cosine)


def test_several_runs_give_their_mean_and_standard_deviation() -> None:
    results = recorded(TWICE, seeds=(5, 6)).results
    for label, row in ROWS.items():
        one, two = (pair_similarity(run, "distance") for run in TWICE[label])
        dot, cosine = (results[f"{row}.{c}"] for c in ("dot-product", "cosine"))
        assert dot.value == pytest.approx((one.dot + two.dot) / 2e6)
        assert dot.sd == pytest.approx(abs(one.dot - two.dot) / np.sqrt(2) / 1e6)
        assert cosine.value == pytest.approx((one.cosine + two.cosine) / 2)
        assert cosine.sd == pytest.approx(abs(one.cosine - two.cosine) / np.sqrt(2))
        assert cosine.seeds == (5, 6) and cosine.n == 6
        assert cosine.low is not None and cosine.low < cosine.value


def test_differences_are_the_full_model_minus_the_others() -> None:
    for runs, seeds in ((RUNS, (5,)), (TWICE, (5, 6))):
        differences = recorded(runs, seeds=seeds).differences
        assert list(differences) == asked_pairs(book_claims(), 8)
        for label, row in ROWS.items():
            if label == FULL:
                continue
            dot, cosine = pair_similarity_difference(runs[FULL], runs[label], "distance", 60)
            first = differences[f"{ROWS[FULL]}.dot-product", f"{row}.dot-product"]
            second = differences[f"{ROWS[FULL]}.cosine", f"{row}.cosine"]
            assert first.interval() == pytest.approx(dot.scaled(1e-6))
            assert second.interval() == pytest.approx(cosine)
            assert (first.n, first.of, first.seeds) == (6, "tokens", seeds)
            assert first.origin == "real and simulated"


def test_the_difference_of_one_run_by_hand() -> None:
    apart = np.zeros((2, 3, 3), np.float32)
    apart[0, 0], apart[1, 1] = (3000, 0, 0), (0, 4000, 0)  # no vertex in common
    alike = np.zeros((2, 3, 3), np.float32)
    alike[:, 2] = (0, 0, 1000)
    recorder = recorded({FULL: [apart], NO_L1: [alike]})
    pair = [f"{ROWS[label]}.dot-product" for label in (FULL, NO_L1)]
    assert [recorder.results[claim].value for claim in pair] == [0, 1]
    assert recorder.differences[pair[0], pair[1]].value == -1
    assert len(recorder.differences) == 2, "only variants with runs"


def test_the_data_behind_are_named() -> None:
    results = recorded(RUNS, used=["affectnet", "emoca", "flame"]).results
    needs = {cell.needs for cell in book_claims().cells.values() if cell.table == 8}
    assert {frozenset(result.used) for result in results.values()} == needs
    assert {result.unit for result in results.values()} == {""}, "the paper's mesh, in its unit"
    other = recorded(RUNS, used=["affectnet", "emoca", "open-head"]).results
    assert {one.unit for claim, one in other.items() if claim.endswith("dot-product")} == {
        "m² on another mesh"
    }


@pytest.mark.parametrize("record", [record_templates, record_displacement])
def test_the_origin_is_that_of_the_training_data(record: Any) -> None:
    recorder = recorded(RUNS, record, origin="gated")
    found = [*recorder.results.values(), *recorder.differences.values()]
    assert {one.origin for one in found} == {"gated"}


@pytest.mark.parametrize("record", [record_templates, record_displacement])
def test_a_run_is_needed_for_each_seed(record: Any) -> None:
    with pytest.raises(ValueError, match="1 runs for 2 seeds"):
        recorded(RUNS, record, seeds=(5, 6))
    with pytest.raises(ValueError, match="2 runs for 1 seeds"):
        recorded(TWICE, record)


# Figure 8


def size(moved: Fields) -> float:
    """Mean distance of all vertices of all tokens."""
    return float(np.linalg.norm(moved, axis=-1).mean())


@pytest.mark.parametrize(("l1", "orthogonality"), [(2.0, 3.0), (3.0, 2.0), (0.5, 2.0)])
def test_the_variant_that_moves_less_minus_the_full_model(l1: float, orthogonality: float) -> None:
    runs = {FULL: [fields(0)], NO_L1: [fields(1, l1)], NO_ORTHOGONALITY: [fields(2, orthogonality)]}
    recorder = recorded(runs, record_displacement, using="open head", used=["flame"])
    one = recorder.results["displacement-curve-lowest"]
    least = min(size(runs[NO_L1][0]), size(runs[NO_ORTHOGONALITY][0]))
    assert one.value == pytest.approx(least - size(runs[FULL][0]), rel=1e-6)
    assert one.low is not None and one.high is not None and one.low < one.value < one.high
    assert (one.n, one.of, one.seeds, one.unit) == (6, "tokens", (5,), "")
    assert (one.origin, one.using, one.used) == ("real and simulated", "open head", ("flame",))


def test_tokens_of_the_models_are_drawn_independently() -> None:
    runs = {FULL: [fields(0)], NO_L1: [fields(1)], NO_ORTHOGONALITY: [fields(2, 9.0)]}
    found = recorded(runs, record_displacement, resamples=4000).results
    one = found["displacement-curve-lowest"].interval()
    draws = mean_displacements(runs[NO_L1], 4000, seed=10) - mean_displacements(
        runs[FULL], 4000, seed=11
    )
    expected = percentile_interval(draws)
    assert one == pytest.approx(expected, abs=0.05 * (expected.high - expected.low))
    same = recorded(dict.fromkeys(runs, [fields(0)]), record_displacement).results
    assert same["displacement-curve-lowest"].low < 0, "equal models draw other tokens"


def test_each_resample_takes_the_variant_that_moves_less_in_it() -> None:
    runs = dict.fromkeys((FULL, NO_L1, NO_ORTHOGONALITY), [fields(0)])
    one = recorded(runs, record_displacement, resamples=2000).results["displacement-curve-lowest"]
    assert one.low is not None and one.high is not None
    assert one.value == 0 and -one.low > 1.2 * one.high, "the least of two lies lower"


def test_displacement_over_runs_is_that_of_their_means() -> None:
    results = recorded(TWICE, record_displacement, seeds=(5, 6)).results
    means = {label: np.mean([size(run) for run in TWICE[label]]) for label in ROWS}
    expected = min(means[NO_L1], means[NO_ORTHOGONALITY]) - means[FULL]
    assert results["displacement-curve-lowest"].value == pytest.approx(expected, rel=1e-6)


# Asymmetry


def test_the_share_of_asymmetric_tokens_with_the_interval_of_wilson() -> None:
    recorder = Recorder("page")
    each = np.array([0.0, 0.2499, 0.25, 0.5, 1.0, np.nan, 0.1, 0.3])
    record_asymmetry(recorder, each, seeds=(0,), origin="gated", using="open head", used=["flame"])
    one = recorder.results["asymmetric-templates"]
    low, high = binomtest(4, 8).proportion_ci(0.95, "wilson")
    assert one.interval() == pytest.approx((0.5, low, high))
    assert (one.n, one.of, one.seeds) == (8, "tokens", (0,))
    assert (one.origin, one.using, one.used) == ("gated", "open head", ("flame",))


def test_no_asymmetric_token_is_a_share_of_0_and_no_token_is_none() -> None:
    recorder = Recorder("page")
    record_asymmetry(recorder, [0.1, 0.2], seeds=(0,), origin="real")
    assert recorder.results["asymmetric-templates"].value == 0
    with pytest.raises(ResultsError, match="asymmetric-templates was recorded before"):
        record_asymmetry(recorder, [0.1, 0.2], seeds=(0,), origin="real")
    with pytest.raises(ValueError, match="n >= 1"):
        record_asymmetry(Recorder("page"), [], seeds=(0,), origin="real")
