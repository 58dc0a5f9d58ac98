"""Retrieval by exact code, against loops over pairs of frames."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.spatial import distance as sp

from dfe.metrics import retrieval
from dfe.metrics.retrieval import Retrieval, retrieve

pytestmark = pytest.mark.filterwarnings("error")  # such as a division by zero

RNG = np.random.default_rng(0)
N = 240
CELLS = RNG.integers(0, 12, N)
CELLS[:7] = [50, 51, 51, 52, 52, 52, 53]  # small ones, and one of a single row
CLIPS = RNG.integers(0, 9, N)
FEATURES = (RNG.normal(size=(N, 19)) + RNG.normal(size=(60, 19))[CELLS]).astype(np.float32)
FEATURES += 3.0


def by_loops(
    features: np.ndarray, cells: Any, clips: Any, exclude: bool, minimum: int, ddof: int
) -> np.ndarray:
    """Matches, cosine, distance and spread of each query, pair by pair: (N, 4)."""
    x = features.astype(np.float64)
    found = np.full((len(x), 4), np.nan)
    for q in range(len(x)):
        same = [i for i in range(len(x)) if i != q and cells[i] == cells[q]]
        if exclude:
            same = [i for i in same if clips[i] != clips[q]]
        found[q, 0] = len(same)
        if len(same) < minimum:
            continue
        if x[q].any() and (directed := [i for i in same if x[i].any()]):
            found[q, 1] = 1 - np.mean([sp.cosine(x[q], x[i]) for i in directed])
        found[q, 2] = np.mean([sp.euclidean(x[q], x[i]) for i in same])
        if len(same) > ddof:
            found[q, 3] = np.std(x[same], axis=0, ddof=ddof).mean()
    return found


def table(result: Retrieval) -> np.ndarray:
    """What `by_loops` gives."""
    return np.column_stack([result.matches, result.cosine, result.distance, result.spread])


def assert_same(one: Retrieval, other: Retrieval, order: Any = slice(None)) -> None:
    for field in fields(Retrieval):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(a[order], b, rtol=1e-9, atol=1e-6, err_msg=field.name)
        else:
            assert a == b


# Against loops


@pytest.mark.parametrize("batched", [0, 256])
@pytest.mark.parametrize("minimum", [1, 5])
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("exclude", [False, True])
def test_agrees_with_loops_over_pairs(
    exclude: bool, ddof: int, minimum: int, batched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "_BATCHED", batched)
    monkeypatch.setattr(retrieval, "_ENTRIES", 500)  # several steps in each cell
    found = retrieve(FEATURES, CELLS, CLIPS, exclude_own_clip=exclude, minimum=minimum, ddof=ddof)
    expected = by_loops(FEATURES, CELLS, CLIPS, exclude, minimum, ddof)
    np.testing.assert_allclose(table(found), expected, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(found.kept, expected[:, 0] >= minimum)
    assert found.kept.any() and not found.kept.all()
    assert not found.sampled.any()
    assert found.occupied == len(set(CELLS.tolist()))
    assert found.kept_share == found.kept.mean()


def test_values_are_accurate_far_from_the_origin() -> None:
    far = FEATURES + np.linspace(0, 1e5, 19, dtype=np.float32)
    expected = by_loops(far, CELLS, CLIPS, False, 5, 0)
    np.testing.assert_allclose(table(retrieve(far, CELLS)), expected, rtol=1e-8)


def test_large_values_of_float32_do_not_overflow() -> None:
    big = FEATURES * np.float32(1e35)
    expected = by_loops(big, CELLS, CLIPS, False, 5, 0)
    np.testing.assert_allclose(table(retrieve(big, CELLS)), expected, rtol=1e-8)


def test_three_frames_by_hand() -> None:
    found = retrieve(np.array([[3.0, 4.0], [3.0, 0.0], [0.0, 4.0]]), [7, 7, 7], minimum=2)
    np.testing.assert_allclose(found.distance, [3.5, 4.5, 4.0], atol=1e-6)
    np.testing.assert_allclose(found.cosine, [0.7, 0.3, 0.4])
    np.testing.assert_allclose(found.spread, [(1.5 + 2) / 2, (1.5 + 0) / 2, (0 + 2) / 2])


def test_a_clip_is_excluded_only_where_that_is_asked_for() -> None:
    plain, given_clips = retrieve(FEATURES, CELLS), retrieve(FEATURES, CELLS, CLIPS)
    np.testing.assert_array_equal(table(plain), table(given_clips))
    assert plain.own_clip is None and given_clips.own_clip is not None


def test_own_clip_by_hand() -> None:
    cells, clips = [0, 0, 0, 0, 1, 1], ["a", "a", "a", "b", "b", "b"]
    x = np.eye(6)
    for exclude in (False, True):
        found = retrieve(x, cells, clips, exclude_own_clip=exclude, minimum=1)
        np.testing.assert_array_equal(found.own_clip, [2, 2, 2, 0, 1, 1])
        np.testing.assert_array_equal(found.others, [3, 3, 3, 3, 1, 1])
        expected = [1, 1, 1, 3, 0, 0] if exclude else [3, 3, 3, 3, 1, 1]
        np.testing.assert_array_equal(found.matches, expected)
        share = (3 * 2 / 3 + 0) / 4 if exclude else (3 * 2 / 3 + 0 + 2 * 1) / 6
        assert found.own_clip_share == pytest.approx(share)


# Degenerate input


@pytest.mark.parametrize("exclude", [False, True])
def test_zero_vectors_have_no_cosine_and_are_left_out_of_others(exclude: bool) -> None:
    x = FEATURES.copy()
    x[np.r_[3:6, 20:50, 100:105]] = 0
    x[CELLS == 2] = 0
    x[np.flatnonzero(CELLS == 2)[0]] = 1  # its matches are all zero
    found = retrieve(x, CELLS, CLIPS, exclude_own_clip=exclude, minimum=2)
    expected = by_loops(x, CELLS, CLIPS, exclude, 2, 0)
    np.testing.assert_allclose(table(found), expected, rtol=1e-9, atol=1e-6)
    assert np.isnan(found.cosine[found.kept & ~x.any(1)]).all()
    assert np.isnan(found.cosine[np.flatnonzero(CELLS == 2)[0]])


def test_a_query_one_below_minimum_is_not_kept() -> None:
    found = retrieve(np.eye(11), [0] * 5 + [1] * 6)
    np.testing.assert_array_equal(found.kept, [False] * 5 + [True] * 6)
    assert np.isnan(table(found)[:5, 1:]).all()
    assert np.isfinite(table(found)[5:]).all()


@pytest.mark.parametrize("n", [8, 400])
def test_a_query_of_a_dominant_clip_is_not_kept_where_its_neighbors_are(n: int) -> None:
    clips = ["large"] * n + ["small"] * 3
    x = RNG.normal(size=(n + 3, 4))
    found = retrieve(x, [0] * (n + 3), clips, exclude_own_clip=True, minimum=4)
    np.testing.assert_array_equal(found.kept, [False] * n + [True] * 3)
    assert np.isnan(table(found)[:n, 1:]).all()
    np.testing.assert_allclose(found.distance[n:], sp.cdist(x[n:], x[:n]).mean(1), atol=1e-6)


def test_spread_needs_more_matches_than_ddof() -> None:
    found = retrieve(np.eye(3), [0, 0, 0], minimum=2, ddof=2)
    assert np.isnan(found.spread).all()
    assert np.isfinite(found.distance).all()


@pytest.mark.parametrize("exclude", [False, True])
def test_one_row_retrieves_nothing(exclude: bool) -> None:
    found = retrieve([[1.0, 2.0]], [3], [0], exclude_own_clip=exclude)
    assert found.matches.tolist() == [0] and not found.kept.any() and found.occupied == 1
    assert found.kept_share == 0
    assert np.isnan(found.own_clip_share)


def test_a_single_clip_leaves_no_matches() -> None:
    found = retrieve(np.eye(9), [0] * 9, ["only"] * 9, exclude_own_clip=True)
    assert not found.matches.any() and not found.kept.any()
    assert np.isnan(table(found)[:, 1:]).all()


def test_equal_frames_have_no_distance_and_no_spread() -> None:
    found = retrieve(np.full((400, 5), 0.1), [0] * 400)
    np.testing.assert_allclose(found.cosine, 1)
    np.testing.assert_allclose(found.distance, 0, atol=1e-12)
    np.testing.assert_allclose(found.spread, 0, atol=1e-12)


# Sampled partners


def one_large_cell(n: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    cells = np.where(rng.random(n) < 0.8, 0, rng.integers(1, 40, n))
    return rng.normal(size=(n, 8)), cells, rng.integers(0, 10, n)


@pytest.mark.parametrize("exclude", [False, True])
def test_sampled_distances_are_as_precise_as_said(exclude: bool) -> None:
    x, cells, clips = one_large_cell()
    exact = retrieve(x, cells, clips, exclude_own_clip=exclude, partners=len(x))
    errors = []
    for seed in range(5):
        found = retrieve(x, cells, clips, exclude_own_clip=exclude, partners=400, seed=seed)
        np.testing.assert_array_equal(found.sampled, cells == 0)
        small = cells > 0
        np.testing.assert_allclose(found.distance[small], exact.distance[small], atol=1e-6)
        np.testing.assert_array_equal(found.cosine, exact.cosine)
        np.testing.assert_array_equal(found.spread, exact.spread)
        errors.append((found.distance - exact.distance)[cells == 0])
    member = x[cells == 0]
    expected = sp.cdist(member[:300], member).std() / np.sqrt(400)
    # Without replacement from 2,400 rows it is a little less than that.
    assert 0.6 * expected < np.std(errors) < 1.1 * expected
    assert np.abs(np.mean(errors)) < expected
    assert not exact.sampled.any()


def test_a_sample_leaves_out_the_query_and_counts_without_it() -> None:
    # All distances are 1, so any mean over the right number of partners is 1.
    x = np.eye(300) / np.sqrt(2)
    found = retrieve(x, [0] * 300, partners=50)
    np.testing.assert_allclose(found.distance, 1, atol=1e-9)
    assert found.sampled.all()


def test_no_partner_is_drawn_twice() -> None:
    # A sample that lacks one row of 300 changes a mean by at most its share.
    x = RNG.normal(size=(300, 4))
    off = retrieve(x, [0] * 300, partners=299).distance - retrieve(x, [0] * 300).distance
    assert 0 < np.abs(off).max() < sp.pdist(x).max() / 298


def test_the_seed_decides_the_sample() -> None:
    x, cells, _ = one_large_cell(600)
    one, same, other = (retrieve(x, cells, partners=64, seed=s).distance for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one[cells == 0], other[cells == 0])


def test_a_cell_of_as_many_rows_as_partners_is_exact_and_one_more_is_sampled() -> None:
    for n in (100, 300):
        x = RNG.normal(size=(n, 4))
        for partners, sampled in [(n, False), (n - 1, True)]:
            assert (retrieve(x, [0] * n, partners=partners).sampled == sampled).all()


@pytest.mark.parametrize("partners", [2, 20, 64, 127])
def test_queries_that_leave_out_only_themselves_share_a_sample(
    partners: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval._Pairs, "_add_group", None)  # not to be called
    assert retrieve(RNG.normal(size=(300, 4)), [0] * 300, partners=partners).sampled.all()


def test_a_dominant_clip_takes_all_its_few_foreign_rows() -> None:
    rng = np.random.default_rng(4)
    x, clips = rng.normal(size=(2000, 4)), np.array([0] * 1960 + [1] * 20 + [2] * 20)
    found = retrieve(x, [0] * 2000, clips, exclude_own_clip=True, partners=500)
    expected = sp.cdist(x[:1960], x[1960:]).mean(1)  # about 10 of them are in the shared sample
    np.testing.assert_allclose(found.distance[:1960], expected, atol=1e-6)
    assert not found.sampled[:1960].any() and found.sampled[1960:].all()


def test_a_clip_whose_few_matches_are_all_in_the_sample_is_not_called_sampled() -> None:
    rng = np.random.default_rng(6)
    x, clips = rng.normal(size=(301, 4)), np.array([0] * 294 + [1] * 7)
    found = retrieve(x, [0] * 301, clips, exclude_own_clip=True, partners=300)
    assert not found.sampled[:294].any()
    np.testing.assert_allclose(found.distance[:294], sp.cdist(x[:294], x[294:]).mean(1), atol=1e-6)


def test_a_dominant_clip_draws_a_sample_of_many_foreign_rows() -> None:
    rng = np.random.default_rng(5)
    x, clips = rng.normal(size=(6000, 4)), np.array([0] * 5600 + [1] * 400)
    found = retrieve(x, [0] * 6000, clips, exclude_own_clip=True, partners=300)
    assert found.sampled.all()
    off = found.distance[:5600] - sp.cdist(x[:5600], x[5600:]).mean(1)
    # 300 of 400 rows; the shared sample holds about 20 foreign ones and is off by five times that.
    deviation = sp.cdist(x[:5600], x[5600:]).std() / np.sqrt(300)
    assert 0 < np.std(off) < deviation


def test_two_partners_are_enough_to_have_a_value() -> None:
    found = retrieve(RNG.normal(size=(40, 3)), [0] * 40, partners=2)
    assert np.isfinite(found.distance).all() and (found.distance > 0).all()


# Properties

small_tables = st.integers(1, 14).flatmap(
    lambda n: st.tuples(
        npst.arrays(np.float32, (n, 3), elements=st.integers(-4, 4)),
        npst.arrays(np.int64, n, elements=st.integers(-1, 2)),
        npst.arrays(np.int64, n, elements=st.integers(0, 2)),
        st.permutations(range(n)),
        st.booleans(),
    )
)


@given(small_tables)
@settings(max_examples=60)
def test_permuted_rows_give_permuted_results(case: tuple) -> None:
    x, cells, clips, order, exclude = case
    plain = retrieve(x, cells, clips, exclude_own_clip=exclude, minimum=1)
    moved = retrieve(x[order], cells[order], clips[order], exclude_own_clip=exclude, minimum=1)
    assert_same(plain, moved, order)


@given(small_tables)
@settings(max_examples=60)
def test_relabeled_cells_and_clips_change_nothing(case: tuple) -> None:
    x, cells, clips, _, exclude = case
    plain = retrieve(x, cells, clips, exclude_own_clip=exclude, minimum=1)
    names = np.array(["c", "a", "b"])[clips]
    other = retrieve(x, 5 - 3 * cells, names, exclude_own_clip=exclude, minimum=1)
    assert_same(plain, other)


@given(small_tables)
@settings(max_examples=60)
def test_features_twice_side_by_side_scale_distances_only(case: tuple) -> None:
    x, cells, clips, _, exclude = case
    plain = retrieve(x, cells, clips, exclude_own_clip=exclude, minimum=1)
    twice = retrieve(np.hstack([x, x]), cells, clips, exclude_own_clip=exclude, minimum=1)
    np.testing.assert_allclose(twice.distance, np.sqrt(2) * plain.distance, atol=1e-6)
    np.testing.assert_allclose(twice.cosine, plain.cosine, atol=1e-9)
    np.testing.assert_allclose(twice.spread, plain.spread, atol=1e-6)


@given(small_tables)
@settings(max_examples=60)
def test_agrees_with_loops_on_small_integer_tables(case: tuple) -> None:
    x, cells, clips, _, exclude = case
    found = retrieve(x, cells, clips, exclude_own_clip=exclude, minimum=1)
    expected = by_loops(x, cells, clips, exclude, 1, 0)
    np.testing.assert_allclose(table(found), expected, atol=1e-6)


# Refusals


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(value: float) -> None:
    x = FEATURES.copy()
    x[17, 2] = value
    with pytest.raises(ValueError, match="row 17"):
        retrieve(x, CELLS)


@pytest.mark.parametrize("x", [np.zeros(N), np.zeros((0, 3)), np.zeros((N, 0))])
def test_features_that_are_no_table_are_refused(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match="features must have shape"):
        retrieve(x, CELLS)


def test_integer_features_and_float_cells_are_refused() -> None:
    with pytest.raises(TypeError, match="features"):
        retrieve(np.ones((N, 2), int), CELLS)
    with pytest.raises(TypeError, match="cells"):
        retrieve(FEATURES, CELLS.astype(float))


@pytest.mark.parametrize(
    ("clips", "settings", "message"),
    [
        (None, {"exclude_own_clip": True}, "give clips"),
        (CLIPS[1:], {}, "clips must have shape"),
        (np.where(CLIPS > 3, CLIPS, np.nan), {}, "clips are missing"),
        (CLIPS, {"minimum": 0}, "minimum must be at least 1"),
        (CLIPS, {"partners": 1}, "partners must be at least 2"),
        (CLIPS, {"ddof": -1}, "ddof must be at least 0"),
    ],
)
def test_wrong_settings_are_refused(clips: Any, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        retrieve(FEATURES, CELLS, clips, **settings)


def test_cells_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="cells must have shape"):
        retrieve(FEATURES, CELLS[1:])


def test_own_clip_share_needs_clips() -> None:
    with pytest.raises(ValueError, match="needs clips"):
        _ = retrieve(FEATURES, CELLS).own_clip_share
