"""Intervals of entropy and average NMI, and of their differences: against a row-wise bootstrap."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest
from diversity_support import CLIPS, MATRICES, RNG, SCATTERED, STRUCTURED, TOKENS, Bools
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dfe.metrics import Interval, average_nmi, unit_entropy
from dfe.metrics.diversity_intervals import diversity, diversity_difference

MEASURES = import_module("dfe.metrics.diversity")  # the package exports a function of that name
MODULE = import_module("dfe.metrics.diversity_intervals")


def values_of(active: Bools) -> tuple[float, float, float, float]:
    """The first four fields of Diversity for one draw; NaN where nothing is active."""
    if not active.any():
        return (math.nan,) * 4
    usage = unit_entropy(active)
    return usage.normalized, usage.printed, usage.perplexity, average_nmi(active).value


def draws_row_by_row(
    active: Bools, groups: NDArray[np.generic], resamples: int, seed: int
) -> NDArray[np.float64]:
    """All rows of each drawn group put together, one resample at a time: (B, 4)."""
    labels = np.unique(groups)
    even = np.full(len(labels), 1 / len(labels))
    table = []
    for weights in np.random.default_rng(seed).multinomial(len(labels), even, size=resamples):
        drawn = np.repeat(labels, weights)
        rows = np.concatenate([np.flatnonzero(groups == label) for label in drawn])
        table.append(values_of(active[rows]))
    return np.array(table)


def assert_bootstrap_is_row_by_row(active: Bools, groups: NDArray[np.generic]) -> None:
    found = diversity(active, groups, resamples=60, level=0.9, seed=3)
    draws = draws_row_by_row(active, groups, resamples=60, seed=3)
    low, high = np.nanpercentile(draws, [5, 95], axis=0)
    expected = np.column_stack([values_of(active), low, high])
    np.testing.assert_allclose(found[:4], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("groups", [CLIPS, SCATTERED], ids=["clips", "scattered"])
def test_bootstrap_is_that_of_drawing_rows(groups: NDArray[np.generic]) -> None:
    assert_bootstrap_is_row_by_row(STRUCTURED, groups)


@pytest.mark.parametrize("cells", [1, 61 * 19 * 3, 19 * 19 * 7])
def test_bootstrap_in_small_blocks_gives_the_same(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "_CELLS", cells)
    monkeypatch.setattr(MEASURES, "_ROWS", 11)
    assert_bootstrap_is_row_by_row(STRUCTURED, CLIPS)


def test_units_that_a_resample_lacks_leave_its_average() -> None:
    active, clips = TOKENS.copy(), np.arange(900) // 90
    active[:, 5] = False
    active[clips == 4, 5] = RNG.random(90) < 0.3  # alive in one clip only: absent from many draws
    assert_bootstrap_is_row_by_row(active, clips)


def test_resamples_without_any_activation_are_left_out() -> None:
    active = np.zeros((40, 3), bool)
    active[:10] = RNG.random((10, 3)) < 0.5
    assert_bootstrap_is_row_by_row(active, np.arange(40) // 10)


def test_dead_units_and_defined_pairs_are_those_of_the_data() -> None:
    active = np.column_stack([STRUCTURED, np.zeros(900, bool), np.ones(900, bool)])
    active[30:, 0] = False  # alive in the first of 30 clips only: a third of the draws lack it
    found = [diversity(active, CLIPS, 1, seed=seed) for seed in range(10)]
    assert {(one.dead, one.pairs) for one in found} == {(1, 19 * 18 // 2)}


def test_groups_that_are_all_alike_leave_no_doubt() -> None:
    found = diversity(np.tile(TOKENS[:30], (6, 1)), np.repeat(np.arange(6), 30), 50)
    for interval in found[:4]:
        assert interval == pytest.approx([interval.value] * 3, abs=1e-9)


def test_seed_and_level_matter() -> None:
    one = diversity(TOKENS, CLIPS, 100)
    assert one == diversity(TOKENS, CLIPS, 100, seed=0) != diversity(TOKENS, CLIPS, 100, seed=1)
    narrow = diversity(TOKENS, CLIPS, 100, level=0.5)
    assert one.normalized.low < narrow.normalized.low < narrow.normalized.high
    assert narrow.nmi.high < one.nmi.high


def test_a_single_unit_has_perplexity_but_neither_evenness_nor_pairs() -> None:
    found = diversity(RNG.random((60, 1)) < 0.5, np.arange(60) // 10, 20)
    assert found.perplexity == Interval(1, 1, 1) and found.printed == Interval(0, 0, 0)
    assert np.isnan(found.normalized).all() and np.isnan(found.nmi).all()
    assert (found.dead, found.pairs) == (0, 0)


@settings(max_examples=20, deadline=None)
@given(MATRICES.filter(lambda a: len(a) > 1 and a.any()))
def test_any_coding_with_two_groups_has_a_result(active: Bools) -> None:
    found = diversity(active, np.arange(len(active)) % 2, resamples=10)
    assert found.perplexity.low <= found.perplexity.high <= active.shape[1] + 1e-9
    assert math.isnan(found.nmi.value) == (found.pairs == 0)


@pytest.mark.parametrize(
    ("groups", "resamples", "message"),
    [
        (np.zeros(900), 10, "at least two"),
        (np.arange(899), 10, "900 rows need one group label each"),
        (CLIPS[:, None], 10, "900 rows need one group label each"),
        (CLIPS, 0, "at least one resample"),
    ],
)
def test_an_impossible_bootstrap_is_refused(
    groups: NDArray[np.generic], resamples: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        diversity(TOKENS, groups, resamples)


def test_the_bootstrap_refuses_what_the_measures_refuse() -> None:
    with pytest.raises(TypeError, match="threshold"):
        diversity(TOKENS.astype(int), CLIPS)
    with pytest.raises(ValueError, match="no unit is active"):
        diversity(np.zeros((4, 2), bool), [0, 0, 1, 1])


# Differences


def differences_row_by_row(
    active: Bools, other: Bools, groups: NDArray[np.generic], resamples: int, seed: int
) -> NDArray[np.float64]:
    """Values of one coding minus those of the other one, both put together row by row: (B, 2)."""
    one, two = (draws_row_by_row(on, groups, resamples, seed) for on in (active, other))
    return (one - two)[:, [0, 3]]


@pytest.mark.parametrize("groups", [CLIPS, SCATTERED], ids=["clips", "scattered"])
def test_differences_are_those_of_drawing_rows_for_both(groups: NDArray[np.generic]) -> None:
    found = diversity_difference(TOKENS, STRUCTURED, groups, resamples=60, level=0.9, seed=3)
    draws = differences_row_by_row(TOKENS, STRUCTURED, groups, resamples=60, seed=3)
    value = np.subtract(values_of(TOKENS), values_of(STRUCTURED))[[0, 3]]
    low, high = np.nanpercentile(draws, [5, 95], axis=0)
    np.testing.assert_allclose(found, np.column_stack([value, low, high]), rtol=0, atol=1e-10)


def test_a_coding_does_not_differ_from_itself_in_any_draw() -> None:
    assert diversity_difference(TOKENS, TOKENS, CLIPS, 50) == ((0, 0, 0), (0, 0, 0))
    moved = TOKENS[:, ::-1]  # the same coding under other names
    for interval in diversity_difference(TOKENS, moved, CLIPS, 50):
        assert interval == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_difference_by_hand() -> None:
    # Two units as frequent as each other, against one that is three times as frequent.
    even = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], bool)
    uneven = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], bool)
    bits = 2 - 0.75 * math.log2(3)
    found = diversity_difference(even, uneven, [0, 0, 1, 1], 20)
    assert found.normalized.value == pytest.approx(1 - bits)
    assert found.nmi.value == pytest.approx(0), "each unit says all of the other one"
    assert found == diversity_difference(even, uneven, ["a", "a", "b", "b"], 20)


@settings(max_examples=20, deadline=None)
@given(MATRICES.filter(lambda a: len(a) > 1 and a.any()), st.integers(0, 2**16))
def test_turning_a_difference_round_changes_its_sign(active: Bools, seed: int) -> None:
    groups = np.arange(len(active)) % 2
    other = np.column_stack([active, ~active])
    forth = diversity_difference(active, other, groups, 10, seed=seed)
    back = diversity_difference(other, active, groups, 10, seed=seed)
    for one, two in zip(forth, back, strict=True):
        np.testing.assert_allclose(one, (-two.value, -two.high, -two.low), atol=1e-12)


def test_the_seed_and_level_of_a_difference_matter() -> None:
    one, same, other = (
        diversity_difference(TOKENS, STRUCTURED, CLIPS, 50, seed=s) for s in (0, 0, 1)
    )
    assert one == same != other
    narrow = diversity_difference(TOKENS, STRUCTURED, CLIPS, 50, level=0.5)
    assert one.nmi.low < narrow.nmi.low < narrow.nmi.high < one.nmi.high


def test_without_a_value_there_is_no_difference() -> None:
    single = RNG.random((900, 1)) < 0.5  # neither evenness nor pairs
    for ours, theirs in ((single, TOKENS), (TOKENS, single)):
        assert np.isnan(diversity_difference(ours, theirs, CLIPS, 10)).all()


@pytest.mark.parametrize("turned", [False, True])
def test_an_impossible_difference_is_refused(turned: bool) -> None:
    def refused(wrong: Bools, kind: type[Exception], message: str) -> None:
        pair = (TOKENS, wrong) if turned else (wrong, TOKENS)
        with pytest.raises(kind, match=message):
            diversity_difference(*pair, CLIPS, 10)

    refused(TOKENS.astype(int), TypeError, "threshold")
    refused(np.zeros((900, 2), bool), ValueError, "no unit is active")
    refused(TOKENS[:899], ValueError, "899 rows need one group label each")
