"""Controls: sizes and usage kept, counts of cells met, cells compact, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, ward
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from dfe import controls
from dfe.controls import intensity_cells, kmeans_cells, random_cells, shuffled_codes

RNG = np.random.default_rng(0)
PSI = (RNG.normal(size=(400, 6)) * np.array([3, 2, 1, 1, 0.5, 0.5])).astype(np.float32)


@pytest.fixture
def two_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small data take the path of many rows and many cells."""
    monkeypatch.setattr(controls, "_FEW", 1)
    monkeypatch.setattr(controls, "_PART", 60)
    monkeypatch.setattr(controls, "_LARGEST", 120)


@pytest.fixture(params=["plain", "sampled start", "two levels"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way that the rows may be cut."""
    if request.param == "two levels":
        request.getfixturevalue("two_levels")
    elif request.param == "sampled start":
        monkeypatch.setattr(controls, "_SAMPLE", 150)


def scatter(rows: NDArray[np.float32], cells: NDArray[np.int64]) -> float:
    """Sum of squares within cells."""
    return sum(
        float(np.square(rows[cells == cell] - rows[cells == cell].mean(0, np.float64)).sum())
        for cell in np.unique(cells)
    )


def sizes(cells: NDArray[np.int64]) -> list[int]:
    return sorted(np.bincount(cells).tolist())


def assert_labels_in_order(cells: NDArray[np.int64], n_rows: int) -> None:
    assert cells.shape == (n_rows,)
    assert cells.dtype == np.int64
    _, first = np.unique(cells, return_index=True)
    assert np.array_equal(np.unique(cells), np.arange(len(first)))
    assert np.array_equal(first, np.sort(first))


# --- random cells and shuffled codes ---


@given(st.lists(st.integers(-3, 9), max_size=40), st.integers(0, 99))
def test_random_cells_keep_the_sizes(labels: list[int], seed: int) -> None:
    drawn = random_cells(np.array(labels, np.int64), seed)
    assert_labels_in_order(drawn, len(labels))
    assert sizes(drawn) == sorted(np.unique(labels, return_counts=True)[1].tolist())


def test_random_cells_are_unlike_the_cells_and_unlike_those_of_another_seed() -> None:
    cells = np.repeat(np.arange(40), 25)
    one, again, other = (random_cells(cells, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert abs(adjusted_rand_score(one, other)) < 0.02
    assert abs(adjusted_rand_score(one, cells)) < 0.02


def test_shuffled_codes_keep_each_stage_and_lose_what_occurs_together() -> None:
    codes = np.repeat(RNG.integers(0, 8, size=(2000, 1)), 3, axis=1) + [0, 8, 16]
    before = codes.copy()
    mixed = shuffled_codes(codes, 0)
    assert np.array_equal(np.sort(mixed, axis=0), np.sort(codes, axis=0))
    assert np.array_equal(codes, before)
    assert mixed.dtype == np.int64
    together = [np.mean(mixed[:, a] + 8 == mixed[:, b]) for a, b in ((0, 1), (1, 2))]
    np.testing.assert_allclose(together, 1 / 8, atol=0.03)
    assert np.array_equal(mixed, shuffled_codes(codes, 0))
    assert not np.array_equal(mixed, shuffled_codes(codes, 1))


def test_one_frame_and_no_frame_are_left_as_they_are() -> None:
    assert random_cells(np.array([7]), 0).tolist() == [0]
    assert random_cells(np.array([], np.int64), 0).shape == (0,)
    assert shuffled_codes(np.array([[3, 1]]), 0).tolist() == [[3, 1]]
    assert shuffled_codes(np.zeros((0, 4), np.int64), 0).shape == (0, 4)


# --- k-means ---


@pytest.mark.usefixtures("path")
def test_kmeans_finds_planted_clusters() -> None:
    planted = RNG.permutation(np.repeat(np.arange(20), 45))
    centers = 50 * RNG.permutation(np.eye(20, dtype=np.float32))
    rows = centers[planted] + RNG.normal(size=(900, 20)).astype(np.float32)
    cells = kmeans_cells(rows, 20)
    assert_labels_in_order(cells, 900)
    assert adjusted_rand_score(planted, cells) == 1


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("n_cells", [1, 2, 30, 200, 360, 399, 400])
def test_kmeans_occupies_as_many_cells_as_asked_for(n_cells: int) -> None:
    cells = kmeans_cells(PSI, n_cells)
    assert_labels_in_order(cells, 400)
    assert cells.max() + 1 == n_cells


@pytest.mark.usefixtures("path")
def test_cells_get_tighter_with_their_number_and_are_far_tighter_than_random_ones() -> None:
    spread = []
    for n_cells in (10, 30, 100, 300):
        cells = kmeans_cells(PSI, n_cells)
        spread.append(scatter(PSI, cells))
        assert spread[-1] < 0.4 * scatter(PSI, random_cells(cells, 0))
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.05 * spread[0]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("n_cells", [20, 180])
def test_cells_are_about_as_tight_as_those_of_the_best_of_three_kmeans(n_cells: int) -> None:
    best = KMeans(n_cells, n_init=3, random_state=0).fit(PSI).inertia_
    assert scatter(PSI, kmeans_cells(PSI, n_cells)) < 1.25 * best


@pytest.mark.usefixtures("two_levels")
def test_parts_share_the_cells_by_need_and_not_by_size() -> None:
    tight = RNG.normal(size=(450, 6)) * 1e-3
    wide = RNG.normal(size=(450, 6)) + 100
    cells = kmeans_cells(np.concatenate([tight, wide]), 300)
    assert len(np.unique(cells[450:])) > 280


@pytest.mark.usefixtures("path")
def test_the_same_seed_gives_the_same_cells() -> None:
    one, again, other = (kmeans_cells(PSI, 50, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_more_iterations_make_tighter_cells() -> None:
    few, many = (scatter(PSI, kmeans_cells(PSI, 50, max_iter=n)) for n in (1, 30))
    assert many < few


@pytest.mark.usefixtures("two_levels")
def test_kmeans_goes_on_from_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "_LARGEST", 400)
    tree = fcluster(ward(PSI), 30, "maxclust")
    centers = np.stack([PSI[tree == cell].mean(0) for cell in np.unique(tree)])
    expected = KMeans(30, init=centers, n_init=1, max_iter=10).fit_predict(PSI)
    found = kmeans_cells(PSI, 30)
    assert adjusted_rand_score(expected, found) == 1
    assert scatter(PSI, found) < scatter(PSI, tree)


@pytest.mark.usefixtures("path")
def test_equal_rows_share_a_cell_and_limit_the_number_of_cells() -> None:
    rows = np.concatenate([PSI[:200], PSI[:200], PSI[:100]])
    for n_cells, achieved in ((70, 70), (200, 200), (450, 200)):
        cells = kmeans_cells(rows, n_cells)
        assert cells.max() + 1 == achieved
        assert np.array_equal(cells[:200], cells[200:400])
        assert np.array_equal(cells[:100], cells[400:])


def test_kmeans_counts_equal_rows_as_often_as_they_occur() -> None:
    # Three places on a line. By weight, 10 and 0 are apart; as bare points, 21 would be.
    rows = np.repeat(np.float32([[0], [10], [21]]), [500, 500, 1], axis=0)
    assert kmeans_cells(rows, 2)[[0, 500, 1000]].tolist() == [0, 1, 1]


@pytest.mark.usefixtures("path")
def test_a_single_frame_and_equal_frames_are_one_cell() -> None:
    assert kmeans_cells(PSI[:1], 1).tolist() == [0]
    assert kmeans_cells(np.ones((5, 3)), 4).tolist() == [0] * 5


@pytest.mark.usefixtures("path")
def test_rows_too_alike_for_the_arithmetic_of_kmeans_still_fill_the_cells() -> None:
    # Beside a row at 1e6, float32 cannot tell the distances of the others from each other.
    rows = np.append(1e-6 * np.arange(300), 1e6).astype(np.float32)[:, None]
    assert kmeans_cells(rows, 20).max() + 1 == 20


@pytest.mark.usefixtures("two_levels")
def test_more_parts_than_cells_fall_back_to_one_kmeans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "_LARGEST", 10)
    monkeypatch.setattr(controls, "_PART", 5)
    cells = kmeans_cells(PSI, 12)
    assert cells.max() + 1 == 12
    assert scatter(PSI, cells) < 1.25 * KMeans(12, n_init=3, random_state=0).fit(PSI).inertia_


def test_parts_hold_each_row_once_and_few_enough_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "_PART", 60)
    monkeypatch.setattr(controls, "_LARGEST", 120)
    crowded = PSI * np.where(np.arange(400) < 50, 1, 1e-3)[:, None].astype(np.float32)
    for rows in (PSI, crowded, np.zeros_like(PSI)):  # the last cannot be told apart
        parts = controls._parts(rows, np.arange(400), np.random.default_rng(0))
        assert sorted(np.concatenate(parts).tolist()) == list(range(400))
        assert max(map(len, parts)) <= 120


def test_the_cheapest_joins_of_two_trees_by_hand() -> None:
    near, far = ward(np.array([[0.0], [1.0], [10.0]])), ward(np.array([[0.0], [4.0]]))
    # Ward's costs are 1 and 10.97 in the first tree and 4 in the second.
    assert [controls._cheapest([near, far], n) for n in range(4)] == [
        [0, 0],
        [1, 0],
        [1, 1],
        [2, 1],
    ]


@given(st.integers(1, 25), st.integers(0, 2**20), st.data())
@settings(max_examples=40, deadline=None)
def test_the_first_joins_of_a_tree_are_made_even_where_costs_are_equal(
    n_rows: int, seed: int, data: st.DataObject
) -> None:
    rows = np.random.default_rng(seed).integers(0, 3, (n_rows, 2)).astype(float)
    tree = ward(rows) if n_rows > 1 else np.empty((0, 4))
    joins = data.draw(st.integers(0, n_rows - 1))
    members: list[set[int]] = [{row} for row in range(n_rows)]
    for one, other in tree[:joins, :2].astype(int):
        members.append(members[one] | members[other])
        members[one] = members[other] = set()
    found = controls._joined(tree, joins)
    assert len(np.unique(found)) == found.max() + 1 == n_rows - joins
    groups = {frozenset(np.flatnonzero(found == cell)) for cell in range(n_rows - joins)}
    assert groups == {frozenset(group) for group in members if group}


def test_missing_cells_take_the_rows_farthest_from_their_centers() -> None:
    rows = np.float32([[0], [1], [7], [50], [51], [53], [90]])
    labels = np.array([0, 0, 0, 3, 3, 3, 5])
    # Means are 2.67, 51.3 and 90: row 2 is farthest of all, row 5 of its own cell.
    weight = np.ones(7, np.int64)
    assert controls._occupied(rows, weight, labels, 4).tolist() == [0, 0, 3, 1, 1, 1, 2]
    assert controls._occupied(rows, weight, labels, 5).tolist() == [0, 0, 3, 1, 1, 4, 2]
    # Two at once: 59 is farther from 53.3 than 7 from 2.67.
    rows_of_two, two = np.float32([[0], [1], [7], [50], [51], [59]]), np.repeat([0, 1], 3)
    assert controls._occupied(rows_of_two, weight[:6], two, 4).tolist() == [0, 0, 3, 1, 1, 2]
    full = controls._occupied(rows, weight, labels, 7)
    assert sorted(full.tolist()) == list(range(7))


def test_means_are_weighted() -> None:
    means = controls._means(np.float32([[0], [4], [7]]), np.array([3, 1, 2]), np.array([0, 0, 1]))
    assert means.tolist() == [[1], [7]]


# --- intensities ---


def test_intensities_are_rounded_to_the_step_by_hand() -> None:
    intensity = np.array([[0.0, 0.0], [0.1, 0.0], [0.4, 0.0], [0.0, 0.9]], np.float32)
    found = intensity_cells(intensity, 3)
    # 0.1 joins 0 while 0.1 < step / 2; 0.4 leaves 0 from step = 0.8.
    assert 0.2 < found.step <= 0.8
    assert found.cells.tolist() == [0, 0, 1, 2]
    assert intensity_cells(intensity, 4).cells.tolist() == [0, 1, 2, 3]
    assert intensity_cells(intensity, 4).step <= 0.2
    assert intensity_cells(intensity, 1).cells.tolist() == [0, 0, 0, 0]


@given(st.floats(2**-11, 1, width=32))
def test_the_coarsest_of_equally_near_steps_is_taken(value: float) -> None:
    found = intensity_cells(np.array([[0.0], [value]]), 2)
    assert found.cells.tolist() == [0, 1]
    coarsest = controls._STEPS[np.rint(value / controls._STEPS) > 0].max()
    assert found.step == coarsest
    assert value <= coarsest < 2 * value


@given(st.integers(1, 200), st.integers(0, 2**20))
@settings(max_examples=25, deadline=None)
def test_the_number_of_intensity_cells_is_nearest_to_the_one_asked_for(
    n_cells: int, seed: int
) -> None:
    rows = np.random.default_rng(seed).beta(0.4, 3, size=(200, 4)).astype(np.float32)
    found = intensity_cells(rows, n_cells)
    assert_labels_in_order(found.cells, 200)
    rounded = [len(np.unique(np.rint(rows / step), axis=0)) for step in controls._STEPS[::8]]
    nearest = min(abs(count - n_cells) for count in rounded)
    assert abs(found.cells.max() + 1 - n_cells) <= nearest + 2  # counts do not grow strictly
    again = np.unique(np.rint(rows / found.step), axis=0)
    assert len(again) == found.cells.max() + 1


def test_the_finest_step_is_taken_where_even_it_gives_too_few_cells() -> None:
    binary = np.array([[0.0], [1.0], [0.0], [1.0]], np.float32)
    found = intensity_cells(binary, 3)
    assert found.cells.tolist() == [0, 1, 0, 1]
    assert found.step == 2**-12
    assert intensity_cells(np.full((4, 2), 0.5), 1).cells.tolist() == [0, 0, 0, 0]
    assert intensity_cells(np.array([[0.3]]), 1).cells.tolist() == [0]


# --- errors ---


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: kmeans_cells(PSI, 0), ValueError, r"n_cells must lie in 1 \.\. 400"),
        (lambda: kmeans_cells(PSI, 401), ValueError, r"n_cells must lie in 1 \.\. 400"),
        (lambda: kmeans_cells(PSI[0], 1), ValueError, r"psi must have shape"),
        (lambda: kmeans_cells(PSI[:, :0], 1), ValueError, r"psi must have shape"),
        (lambda: kmeans_cells(PSI[:0], 1), ValueError, r"n_cells must lie in 1 \.\. 0"),
        (lambda: kmeans_cells(PSI, 3, max_iter=0), ValueError, "max_iter must be 1"),
        (lambda: kmeans_cells(np.full((4, 2), np.nan), 2), ValueError, "psi: expected finite"),
        (lambda: kmeans_cells(np.ones((4, 2), int), 2), TypeError, "psi: expected floating"),
        (lambda: intensity_cells(np.ones((4, 2)), 0), ValueError, "n_cells must lie"),
        (lambda: intensity_cells(np.ones((4, 2)), 5), ValueError, "n_cells must lie"),
        (lambda: intensity_cells(np.ones(4), 1), ValueError, "intensity must have shape"),
        (lambda: intensity_cells(np.ones((4, 2)) * 1.5, 1), ValueError, r"in 0 \.\. 1, got 1.5"),
        (lambda: intensity_cells(-np.ones((4, 2)), 1), ValueError, r"in 0 \.\. 1, got -1"),
        (lambda: intensity_cells(np.full((4, 2), np.nan), 1), ValueError, "intensity: expected"),
        (lambda: intensity_cells(np.ones((4, 2), bool), 1), TypeError, "intensity: expected"),
        (lambda: random_cells(np.ones((4, 2), int), 0), ValueError, r"shape \(N,\)"),
        (lambda: random_cells(np.array([0.0, np.nan]), 0), TypeError, "integer labels"),
        (lambda: shuffled_codes(np.ones(4, int), 0), ValueError, r"shape \(N, L\)"),
        (lambda: shuffled_codes(np.ones((4, 0), int), 0), ValueError, "codes must have shape"),
        (lambda: shuffled_codes(np.ones((4, 2)), 0), TypeError, "integers"),
        (lambda: shuffled_codes(np.array([[1, -1]]), 0), ValueError, "must lie in"),
    ],
)
def test_bad_input_is_named(call: object, error: type[Exception], message: str) -> None:
    assert callable(call)
    with pytest.raises(error, match=message):
        call()
