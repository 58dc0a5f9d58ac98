"""Entropy and average NMI: against SciPy and scikit-learn, and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from random import Random

import numpy as np
import pytest
from diversity_support import MATRICES, RNG, SMALL, STRUCTURED, TOKENS, Bools
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import entropy
from sklearn.metrics import normalized_mutual_info_score

from dfe.metrics.diversity import (
    average_nmi,
    cooccurrence,
    entropy_of_counts,
    nmi_from_cooccurrence,
    pairwise_nmi,
    unit_entropy,
)

MODULE = import_module("dfe.metrics.diversity")  # the package exports a function of that name


def nmi_by_scikit_learn(active: Bools) -> NDArray[np.float64]:
    """Double loop over columns; NaN where a column does not vary."""
    columns = active.T.astype(np.int8)
    table = np.full((len(columns),) * 2, np.nan)
    for i, first in enumerate(columns):
        for j, second in enumerate(columns):
            if 0 < first.mean() < 1 and 0 < second.mean() < 1:
                table[i, j] = normalized_mutual_info_score(
                    first, second, average_method="geometric"
                )
    return table


def test_entropy_by_hand() -> None:
    found = unit_entropy(SMALL[:, :4])  # shares 1/2, 1/4, 1/4 and 0
    assert found == pytest.approx((1.5, 1.5 / 4, 1.5 / 2, 2**1.5, 1))


@pytest.mark.parametrize("active", [TOKENS, STRUCTURED, SMALL])
def test_entropy_is_that_of_scipy(active: Bools) -> None:
    assert unit_entropy(active).bits == pytest.approx(entropy(active.sum(0), base=2), abs=1e-12)


@pytest.mark.parametrize("n_units", [2, 64])
def test_even_use_has_the_largest_entropy_of_each_form(n_units: int) -> None:
    largest = math.log2(n_units)
    found = unit_entropy(np.eye(n_units, dtype=bool))
    assert found == pytest.approx((largest, largest / n_units, 1, n_units, 0))


def test_collapse_to_one_of_several_units_has_no_entropy() -> None:
    active = np.zeros((5, 3), bool)
    active[:, 1] = True
    assert unit_entropy(active) == (0, 0, 0, 1, 2)


def test_evenness_of_a_single_unit_is_undefined() -> None:
    found = unit_entropy(np.ones((5, 1), bool))
    assert math.isnan(found.normalized) and found._replace(normalized=7) == (0, 0, 7, 1, 0)


def test_entropy_without_any_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="no unit is active"):
        unit_entropy(np.zeros((5, 3), bool))


def test_entropy_of_many_counts_at_once() -> None:
    counts = np.array([[[1, 1, 0], [3, 0, 0]], [[0, 0, 0], [1, 1, 2]]])
    with np.errstate(all="raise"):
        np.testing.assert_allclose(entropy_of_counts(counts), [[1, 0], [np.nan, 1.5]])


@pytest.mark.parametrize("counts", [[1, -1], [1, np.nan], [1, np.inf], [], 3, np.zeros((2, 0))])
def test_impossible_counts_are_refused(counts: object) -> None:
    with pytest.raises(ValueError, match="counts must"):
        entropy_of_counts(np.asarray(counts))


def test_cooccurrence_by_hand() -> None:
    expected = [[2, 1, 0, 0, 2], [1, 1, 0, 0, 1], [0, 0, 1, 0, 1], [0] * 5, [2, 1, 1, 0, 4]]
    found = cooccurrence(SMALL)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def test_cooccurrence_is_exact_over_several_chunks_of_rows() -> None:
    active = RNG.random((2 * MODULE._ROWS + 17, 5)) < [0.9, 0.5, 0.1, 0.01, 1]
    whole = active.astype(np.int64)
    weights = RNG.integers(0, 1000, len(active))
    np.testing.assert_array_equal(cooccurrence(active), whole.T @ whole)
    np.testing.assert_array_equal(
        cooccurrence(active, weights), whole.T @ (whole * weights[:, None])
    )


def test_counts_beyond_the_whole_numbers_of_float32_stay_exact() -> None:
    found = cooccurrence(np.ones((3, 1), bool), [2**24, 1, 2**30])
    assert found[0, 0] == 2**30 + 2**24 + 1


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1, 1], "4 rows need as many weights"), ([[1]] * 4, "as many"), (2, "as many")]
    + [([1, 1, bad, 1], "whole numbers") for bad in (-1, 0.5, np.nan, np.inf)],
)
def test_weights_that_count_no_rows_are_refused(weights: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cooccurrence(SMALL, np.asarray(weights))


def test_nmi_by_hand() -> None:
    # Units 0 and 1: the table of four rows is 1 both, 1 only the first, 2 neither.
    h_first, h_second, h_joint = 1, 2 - 0.75 * math.log2(3), 1.5
    expected = (h_first + h_second - h_joint) / math.sqrt(h_first * h_second)
    found = pairwise_nmi(SMALL)
    assert found[0, 1] == found[1, 0] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(np.diag(found), [1, 1, 1, np.nan, np.nan])
    assert np.isnan(found[3:]).all() and np.isnan(found[:, 3:]).all()
    assert not np.isnan(found[:3, :3]).any()


@pytest.mark.parametrize(
    "active",
    [TOKENS, STRUCTURED, SMALL, RNG.random((300, 8)) < RNG.random(8)],
    ids=["tokens", "structured", "small", "independent"],
)
def test_nmi_is_that_of_scikit_learn(active: Bools) -> None:
    expected = nmi_by_scikit_learn(active)
    np.testing.assert_allclose(pairwise_nmi(active), expected, rtol=0, atol=1e-10)
    upper = expected[np.triu_indices(len(expected), 1)]
    found = average_nmi(active)
    assert found.value == pytest.approx(np.nanmean(upper), abs=1e-10)
    assert found.pairs == (~np.isnan(upper)).sum() and found.undefined == np.isnan(upper).sum()


def test_nmi_of_very_rare_units_is_that_of_scikit_learn() -> None:
    active = np.zeros((200_000, 3), bool)
    active[:2, 0] = active[1:2, 1] = active[100:, 2] = True
    np.testing.assert_allclose(
        pairwise_nmi(active), nmi_by_scikit_learn(active), rtol=0, atol=1e-10
    )


def test_average_says_how_many_pairs_it_leaves_out() -> None:
    nmi = pairwise_nmi(SMALL)
    assert average_nmi(SMALL) == (pytest.approx((nmi[0, 1] + nmi[0, 2] + nmi[1, 2]) / 3), 3, 7)


@pytest.mark.parametrize(
    ("active", "undefined"),
    [
        (np.ones((4, 1), bool), 0),
        (np.array([[True], [False]]), 0),
        (np.array([[True, False, True]]), 3),  # one row: nothing varies
        (np.zeros((4, 3), bool), 3),
        (np.array([[True, False], [True, True]]), 1),
    ],
    ids=["one unit", "one unit that varies", "one row", "never active", "one of two varies"],
)
def test_average_without_a_defined_pair_is_nan(active: Bools, undefined: int) -> None:
    found = average_nmi(active)
    assert math.isnan(found.value) and found[1:] == (0, undefined)


def test_nmi_of_stacked_cooccurrences_is_that_of_each() -> None:
    parts = TOKENS[:400], TOKENS[400:]
    joint = np.stack([cooccurrence(part) for part in parts])
    found = nmi_from_cooccurrence(joint[:, None], [[400], [500]])
    assert found.shape == (2, 1, 16, 16)
    np.testing.assert_array_equal(found[:, 0], [pairwise_nmi(part) for part in parts])


@pytest.mark.parametrize(
    "joint",
    [
        [[5, 1], [1, 2]],  # more than n
        [[2, 3], [3, 2]],  # more often together than alone
        [[3, 1], [1, 3]],  # 3 + 3 of 4 rows share at least two
        [[2, -1], [-1, 2]],
        [[2, 1], [0, 2]],  # not symmetric
        [[2, np.nan], [np.nan, 2]],
    ],
)
def test_counts_of_no_binary_matrix_are_refused(joint: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="no binary matrix"):
        nmi_from_cooccurrence(joint, 4)


@pytest.mark.parametrize(
    ("shape", "n", "message"),
    [((2, 2), n, "n must be positive") for n in (0, -1, np.nan, np.inf)]
    + [(shape, 4, "expected joint") for shape in ((2, 3), (2,), (5, 2, 2))]
    + [((2, 2), [4], "expected joint")],
)
def test_no_rows_and_shapes_that_do_not_fit_are_refused(
    shape: tuple[int, ...], n: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        nmi_from_cooccurrence(np.zeros(shape), np.asarray(n))


@pytest.mark.parametrize("measure", [unit_entropy, cooccurrence, pairwise_nmi, average_nmi])
def test_what_is_not_a_binary_matrix_is_refused(measure: Callable[[Bools], object]) -> None:
    with pytest.raises(TypeError, match="threshold scores first"):
        measure(SMALL.astype(float))
    for shape in [(4,), (0, 3), (3, 0), (2, 2, 2)]:
        with pytest.raises(ValueError, match="K >= 1"):
            measure(np.ones(shape, bool))


@given(MATRICES, st.randoms(use_true_random=False))
def test_order_of_rows_and_units_does_not_matter(active: Bools, random: Random) -> None:
    units = random.sample(range(active.shape[1]), active.shape[1])
    rows = random.sample(range(len(active)), len(active))
    moved = active[rows][:, units]
    np.testing.assert_array_equal(pairwise_nmi(moved), pairwise_nmi(active)[units][:, units])
    np.testing.assert_allclose(average_nmi(moved), average_nmi(active), atol=1e-12)
    if active.any():
        np.testing.assert_allclose(unit_entropy(moved), unit_entropy(active), atol=1e-12)


@given(MATRICES)
def test_nmi_is_symmetric_between_0_and_1_and_undefined_just_where_a_unit_is_constant(
    active: Bools,
) -> None:
    nmi = pairwise_nmi(active)
    varies = active.any(0) & ~active.all(0)
    np.testing.assert_allclose(nmi, nmi_by_scikit_learn(active), rtol=0, atol=1e-10)
    np.testing.assert_array_equal(nmi, nmi.T)
    np.testing.assert_array_equal(np.isnan(nmi), ~np.outer(varies, varies))
    defined = nmi[~np.isnan(nmi)]
    assert (defined >= 0).all() and (defined <= 1).all()
    np.testing.assert_allclose(np.diag(nmi)[varies], 1, atol=1e-12)


@given(MATRICES, st.integers(0, 5))
def test_a_copy_or_complement_of_a_unit_shares_all_of_its_information(
    active: Bools, unit: int
) -> None:
    column = active[:, unit % active.shape[1]]
    nmi = pairwise_nmi(np.column_stack([column, column, ~column]))
    expected = 1 if column.any() and not column.all() else np.nan
    np.testing.assert_allclose(nmi, np.full((3, 3), expected), atol=1e-12)


@given(MATRICES, st.integers(0, 5))
def test_complementing_a_unit_leaves_nmi(active: Bools, unit: int) -> None:
    flipped = active.copy()
    flipped[:, unit % active.shape[1]] ^= True
    np.testing.assert_allclose(pairwise_nmi(flipped), pairwise_nmi(active), atol=1e-9)


@given(MATRICES, st.integers(2, 4))
def test_repeating_all_rows_changes_nothing(active: Bools, times: int) -> None:
    repeated = np.tile(active, (times, 1))
    np.testing.assert_allclose(pairwise_nmi(repeated), pairwise_nmi(active), atol=1e-9)
    if active.any():
        np.testing.assert_allclose(unit_entropy(repeated), unit_entropy(active), atol=1e-12)
