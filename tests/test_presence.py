"""Presence of units and cells of equal presence: by hand, and against numpy.unique over rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from dfe.metrics.presence import cells, label_rows, number_labels, presence


def unique_row_labels(rows: np.ndarray) -> np.ndarray:
    """Labels of equal rows in order of first appearance, from numpy."""
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.ravel()]


def test_presence_drops_order_and_multiplicity() -> None:
    active = presence([[2, 0, 2], [0, 2, 0], [3, 3, 3]], n_units=4)
    assert active.dtype == bool
    np.testing.assert_array_equal(active, [[1, 0, 1, 0], [1, 0, 1, 0], [0, 0, 0, 1]])


def test_presence_of_no_rows_has_all_columns() -> None:
    assert presence(np.zeros((0, 4), np.int64), 64).shape == (0, 64)


@pytest.mark.parametrize("codes", [[[0, 4]], [[-1, 0]]])
def test_a_code_outside_the_vocabulary_is_refused(codes: list) -> None:
    with pytest.raises(ValueError, match=r"0 \.\. 3"):
        presence(codes, 4)


@pytest.mark.parametrize("codes", [[0, 1], np.zeros((2, 0), int), np.zeros((1, 2, 2), int)])
def test_codes_that_are_no_table_are_refused(codes: object) -> None:
    with pytest.raises(ValueError, match="shape"):
        presence(codes, 4)


def test_codes_that_are_no_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="integers"):
        presence([[0.0, 1.0]], 4)


def test_cells_by_hand_in_order_of_first_appearance() -> None:
    active = presence([[3, 3], [0, 1], [1, 0], [3, 3], [1, 1]], 4)
    np.testing.assert_array_equal(cells(active), [0, 1, 1, 0, 2])


@pytest.mark.parametrize("n_units", [1, 7, 8, 12, 63, 64, 65, 130])
def test_cells_are_the_equal_rows_of_numpy(n_units: int) -> None:
    rng = np.random.default_rng(n_units)
    few = rng.random((20, n_units)) < 0.5
    active = few[rng.integers(0, 20, 300)]
    np.testing.assert_array_equal(cells(active), unique_row_labels(active))


def test_each_single_unit_counts_also_beyond_64() -> None:
    np.testing.assert_array_equal(cells(np.eye(130, dtype=bool)), np.arange(130))


@given(npst.arrays(bool, st.tuples(st.integers(0, 12), st.just(5))), st.permutations(range(5)))
def test_cells_do_not_depend_on_the_order_of_units(active: np.ndarray, order: list[int]) -> None:
    np.testing.assert_array_equal(cells(active), cells(active[:, order]))


@given(
    npst.arrays(
        np.int64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(-2, 2)
    )
)
def test_label_rows_are_the_equal_rows_of_numpy(rows: np.ndarray) -> None:
    np.testing.assert_array_equal(label_rows(rows), unique_row_labels(rows))


def test_rows_with_nan_in_the_same_place_are_equal() -> None:
    rows = np.array([[np.nan, 1.0], [2.0, 1.0], [np.nan, 1.0], [np.nan, 2.0]])
    np.testing.assert_array_equal(label_rows(rows), [0, 1, 0, 2])
    np.testing.assert_array_equal(label_rows(np.array([[0, 5], [1, np.nan]])), [0, 1])


def test_no_rows_have_no_cells() -> None:
    assert cells(np.zeros((0, 3), bool)).shape == (0,)


def test_frames_without_any_unit_share_a_cell() -> None:
    np.testing.assert_array_equal(cells(np.zeros((3, 12), bool)), [0, 0, 0])


def test_scores_must_be_thresholded_first() -> None:
    with pytest.raises(TypeError, match="threshold"):
        cells([[0.2, 0.9]])


@pytest.mark.parametrize("shape", [(3,), (3, 0), (1, 2, 3)])
def test_presence_that_is_no_table_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        cells(np.zeros(shape, bool))


def test_labels_are_numbered_by_appearance_or_in_order() -> None:
    names = np.array(["b", "a", "b", "c"])
    assert number_labels(names, 4, "clips").tolist() == [0, 1, 0, 2]
    assert number_labels(names, 4, "clips", sort=True).tolist() == [1, 0, 1, 2]
    with pytest.raises(ValueError, match=r"clips must have shape \(3,\), got \(4,\)"):
        number_labels(names, 3, "clips")
    with pytest.raises(ValueError, match="1 of 2 clips are missing"):
        number_labels(np.array([1.0, np.nan]), 2, "clips")
