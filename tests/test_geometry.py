"""Locality and similarity of displacement fields, by hand and by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from sklearn.metrics.pairwise import cosine_similarity

from dfe.metrics.geometry import (
    Reading,
    displacement_curve,
    locality,
    mean_displacements,
    pair_similarity,
    pair_similarity_difference,
    pair_similarity_interval,
    pair_similarity_over_runs,
    region_energy,
)

# Two tokens on three vertices; vertices 0 and 1 lie in region 0, vertex 2 in region 1.
MOVED = np.array([[[3.0, 4, 0], [0, 0, 0], [0, 0, 5]], [[0, 0, 0], [0, 0, 0], [0, 2, 0]]])
REGIONS = np.array([0, 0, 1])


def test_energy_and_locality_by_hand() -> None:
    np.testing.assert_allclose(region_energy(MOVED, REGIONS, 3), [[25, 25, 0], [0, 4, 0]])
    found = locality(MOVED[:, [1, 2, 0]], np.array([0, 1, 1]), 3)
    np.testing.assert_array_equal(found.region, [1, 1])
    np.testing.assert_allclose(found.share, [1, 1])
    np.testing.assert_allclose(locality(MOVED, REGIONS, 3).share, [0.5, 1])


def test_a_token_that_does_not_move_has_no_locality() -> None:
    assert locality(np.zeros((1, 3, 3)), REGIONS, 2).share == 0


READINGS: list[Reading] = ["distance", "vector"]


def test_similarity_by_hand() -> None:
    distance = pair_similarity(MOVED, "distance")  # sizes (5, 0, 5) and (0, 0, 2)
    assert distance == pytest.approx((10, 10 / (np.sqrt(50) * 2), 1, 0))
    assert pair_similarity(MOVED, "vector") == pytest.approx((0, 0, 1, 0))  # z against y


@pytest.mark.parametrize("reading", READINGS)
def test_similarity_by_scikit_learn(reading: Reading) -> None:
    moved = np.random.default_rng(0).normal(size=(7, 20, 3)).astype(np.float32)
    wide = moved.astype(np.float64)
    fields = np.linalg.norm(wide, axis=-1) if reading == "distance" else wide.reshape(7, 60)
    others = ~np.eye(7, dtype=bool)
    found = pair_similarity(moved, reading)
    assert found.dot == pytest.approx((fields @ fields.T)[others].mean(), rel=1e-9)
    assert found.cosine == pytest.approx(cosine_similarity(fields)[others].mean(), rel=1e-9)
    assert (found.pairs, found.still) == (21, 0)


def test_opposite_tokens_are_alike_as_distances_and_opposite_as_vectors() -> None:
    apart = np.zeros((2, 4, 3))
    apart[0, 0], apart[1, 3] = 1, 1
    opposite = np.stack([apart[0], -2 * apart[0]])
    assert pair_similarity(opposite, "distance") == pytest.approx((6, 1, 1, 0))
    assert pair_similarity(opposite, "vector") == pytest.approx((-6, -1, 1, 0))
    assert all(pair_similarity(apart, reading)[:2] == (0, 0) for reading in READINGS)


@pytest.mark.parametrize("reading", READINGS)
def test_similarity_leaves_out_and_counts_tokens_that_do_not_move(reading: Reading) -> None:
    still = np.concatenate([np.zeros((2, 3, 3)), MOVED, np.zeros((1, 3, 3))])
    expected = pair_similarity(MOVED, reading)._replace(still=3)
    assert pair_similarity(still, reading) == expected
    for few in (still[:3], still[:2], still[:0]):
        with pytest.raises(ValueError, match="two tokens that move"):
            pair_similarity(few, reading)


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100))
def test_scaling_all_tokens_scales_the_dot_product_only(seed: int, scale: float) -> None:
    moved = np.random.default_rng(seed).normal(size=(5, 6, 3))
    for reading in READINGS:
        plain, scaled = pair_similarity(moved, reading), pair_similarity(scale * moved, reading)
        assert scaled.dot == pytest.approx(scale**2 * plain.dot)
        assert scaled.cosine == pytest.approx(plain.cosine)
        assert -1 <= plain.cosine <= 1


def test_the_interval_of_a_similarity_is_that_of_drawing_tokens_one_by_one() -> None:
    rng = np.random.default_rng(0)
    moved = rng.normal(size=(8, 5, 3)) + 0.5
    dot, cosine = pair_similarity_interval(moved, "vector", resamples=4000)
    assert (dot.value, cosine.value) == pytest.approx(pair_similarity(moved, "vector")[:2])
    gram = moved.reshape(8, -1) @ moved.reshape(8, -1).T
    means = []
    for _ in range(4000):
        drawn = rng.integers(0, 8, 8)
        pairs = [gram[i, j] for i in drawn for j in drawn if i != j]
        means.append(np.mean(pairs))
    np.testing.assert_allclose(dot[1:], np.percentile(means, [2.5, 97.5]), rtol=0.05)
    assert cosine.low < cosine.value < cosine.high
    assert pair_similarity_interval(moved, "vector", 50, seed=1)[0] != dot


def test_tokens_that_do_not_move_change_no_interval() -> None:
    moved = np.random.default_rng(0).normal(size=(6, 5, 3))
    more = np.concatenate([moved, np.zeros((2, 5, 3))])
    for reading in ("distance", "vector"):
        found = pair_similarity_interval(moved, reading, 100)
        assert found == pair_similarity_interval(more, reading, 100)
    with pytest.raises(ValueError, match="two tokens that move"):
        pair_similarity_interval(more[5:], "vector")


def test_bad_fields_and_readings_are_refused() -> None:
    with pytest.raises(ValueError, match="distance.*vector.*'angle'"):
        pair_similarity(MOVED, "angle")  # type: ignore[arg-type]
    for wrong in (MOVED[0], MOVED[..., :2]):
        with pytest.raises(ValueError, match=r"\(K, V, 3\)"):
            pair_similarity(wrong, "vector")
    holed = MOVED.copy()
    holed[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="1 tokens, first 1"):
        pair_similarity(holed, "distance")


def test_curve_by_hand_is_strict_and_keeps_the_order_of_the_thresholds() -> None:
    # Distances 5, 0, 5, 0, 0, 2.
    curve = displacement_curve(MOVED.astype(np.float32), [5, 0, -1, 2, 1.9, 4.9])
    np.testing.assert_allclose(curve, np.array([0, 3, 6, 2, 3, 2]) * 100 / 6)
    assert displacement_curve(MOVED, []).shape == (0,)


@given(seed=st.integers(0, 2**32 - 1))
def test_curve_is_the_counted_share_and_falls(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moved, limits = rng.integers(-2, 3, (3, 5, 3)), np.sort(rng.uniform(0, 4, 6))
    size = np.sqrt(np.square(moved).sum(-1))
    curve = displacement_curve(moved, limits)
    np.testing.assert_allclose(curve, [100 * (size > limit).mean() for limit in limits])
    assert (np.diff(curve) <= 0).all()


def test_curve_refuses_what_it_cannot_count() -> None:
    with pytest.raises(ValueError, match="no point"):
        displacement_curve(np.zeros((2, 0, 3)), [1])
    for wrong in ([np.nan], 1.0):
        with pytest.raises(ValueError, match="thresholds"):
            displacement_curve(MOVED, wrong)
    with pytest.raises(ValueError, match="NaN"):
        displacement_curve(MOVED * np.nan, [1])


# Runs of a model, and two models


def fields(seed: int, tokens: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(tokens, 5, 3)) + 0.3


@pytest.mark.parametrize("reading", READINGS)
def test_one_run_has_the_interval_of_its_tokens(reading: Reading) -> None:
    alone = pair_similarity_interval(fields(0), reading, 50, 0.9, seed=4)
    assert pair_similarity_over_runs([fields(0)], reading, 50, 0.9, seed=4) == alone


@pytest.mark.parametrize("reading", READINGS)
def test_several_runs_are_averaged_and_each_draws_its_own_tokens(reading: Reading) -> None:
    runs = [fields(seed) for seed in (1, 2, 3)]
    found = pair_similarity_over_runs(runs, reading, 2000)
    alone = [pair_similarity_interval(run, reading, 2000) for run in runs]
    for place in (0, 1):
        assert found[place].value == pytest.approx(np.mean([one[place].value for one in alone]))
    # Independent draws: the variances of the runs add up, so a mean of equal runs is surer.
    same = pair_similarity_over_runs([fields(1)] * 4, reading, 2000)[0]
    width, one = (i.high - i.low for i in (same, alone[0][0]))
    assert width == pytest.approx(one / 2, rel=0.15)


@pytest.mark.parametrize("reading", READINGS)
def test_the_difference_of_two_models_by_drawing_tokens_one_by_one(reading: Reading) -> None:
    ours, theirs = fields(0, 9), fields(1, 7)
    found = pair_similarity_difference([ours], [theirs], reading, resamples=4000)
    rng, grams, apart = np.random.default_rng(5), [], []
    for moved in (ours, theirs):
        flat = np.linalg.norm(moved, axis=-1) if reading == "distance" else moved.reshape(-1, 15)
        grams.append(np.stack([flat @ flat.T, cosine_similarity(flat)]))  # (2, K, K)
    for _ in range(4000):
        drawn = [rng.integers(0, len(gram[0]), len(gram[0])) for gram in grams]
        means = []
        for gram, rows in zip(grams, drawn, strict=True):
            pairs = [gram[:, i, j] for i in rows for j in rows if i != j]
            means.append(np.mean(pairs, axis=0))
        apart.append(means[0] - means[1])
    low, high = np.percentile(apart, [2.5, 97.5], axis=0)
    one, two = (pair_similarity(moved, reading) for moved in (ours, theirs))
    for place, interval in enumerate(found):
        assert interval.value == pytest.approx(one[place] - two[place])
        width = high[place] - low[place]
        assert interval.low == pytest.approx(low[place], abs=0.08 * width)
        assert interval.high == pytest.approx(high[place], abs=0.08 * width)


def test_equal_models_differ_by_nothing_but_their_draws() -> None:
    runs = [fields(0), fields(1)]
    for interval in pair_similarity_difference(runs, runs, "vector", 200):
        assert interval.value == 0 and interval.low < 0 < interval.high


def test_mean_displacement_by_hand() -> None:
    # Distances 5, 0, 5 and 0, 0, 2: means 10 / 3 and 2 / 3. A draw of two tokens holds either
    # one twice, or both.
    draws = mean_displacements([MOVED], 400)
    assert draws[0] == pytest.approx(2)
    assert set(np.round(draws[1:], 6)) == {round(10 / 3, 6), 2, round(2 / 3, 6)}
    assert np.mean(draws[1:]) == pytest.approx(2, abs=0.2)
    assert mean_displacements([MOVED, 3 * MOVED], 5)[0] == pytest.approx(4), "mean of the runs"


def test_mean_displacement_is_the_area_under_the_curve() -> None:
    moved, limits = fields(3), np.linspace(0, 6, 20_001)
    area = trapezoid(displacement_curve(moved, limits) / 100, limits)
    assert mean_displacements([moved], 1)[0] == pytest.approx(area, rel=1e-4)


def test_each_run_draws_its_own_tokens() -> None:
    one, two = (mean_displacements([MOVED], 300, seed=seed) for seed in (7, 8))
    both = mean_displacements([MOVED, MOVED], 300, seed=7)
    np.testing.assert_allclose(both, (one + two) / 2)
    assert (one != two).any()


def test_no_run_and_a_single_token_are_refused() -> None:
    for measure in (
        lambda: pair_similarity_over_runs([], "vector"),
        lambda: pair_similarity_difference([MOVED], [], "vector"),
        lambda: mean_displacements([]),
    ):
        with pytest.raises(ValueError, match="no run"):
            measure()
    with pytest.raises(ValueError, match="at least two"):
        mean_displacements([MOVED[:1]])
    with pytest.raises(ValueError, match=r"\(K, V, 3\)"):
        mean_displacements([MOVED[0]])
