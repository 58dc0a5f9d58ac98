"""The design distribution: closed-form moments against samples and against enumeration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfe.face.design import DesignDistribution


def test_sampled_moments_agree_with_the_closed_form():
    design = DesignDistribution()
    n = 60_000
    weights = design.sample(n, seed=3).astype(np.float64)
    moment = weights.T @ weights / n
    squares = weights**2
    spread = np.sqrt((squares.T @ squares / n - moment**2) / n)  # standard error of each entry
    assert np.all(np.abs(weights.mean(axis=0) - design.mean()) < 5 * weights.std(axis=0) / n**0.5)
    assert np.all(np.abs(moment - design.second_moment()) < 6 * spread + 1e-6)


def test_moments_of_a_small_design_by_enumeration():
    design = DesignDistribution(n_units=4, max_active=3, alpha=1.0, beta=1.0)  # uniform weights
    mean, moment = np.zeros(4), np.zeros((4, 4))
    for m in (1, 2, 3):
        subsets = list(combinations(range(4), m))
        for subset in subsets:
            active = np.isin(np.arange(4), subset)
            share = 1 / (3 * len(subsets))
            mean += share * active / 2
            moment += share * np.where(np.eye(4), active / 3, np.outer(active, active) / 4)
    np.testing.assert_allclose(design.mean(), mean, atol=1e-12)
    np.testing.assert_allclose(design.second_moment(), moment, atol=1e-12)
    np.testing.assert_allclose(design.covariance(), moment - np.outer(mean, mean), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(n_units=st.integers(1, 12), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_samples_stay_inside_the_design(n_units, data, seed):
    max_active = data.draw(st.integers(1, n_units))
    weights = DesignDistribution(n_units, max_active).sample(50, seed)
    active = (weights > 0).sum(axis=1)
    assert weights.shape == (50, n_units)
    assert weights.dtype == np.float32
    assert 0 <= weights.min() and weights.max() <= 1
    assert 1 <= active.min() and active.max() <= max_active


def test_counts_of_active_units_are_uniform():
    active = (DesignDistribution().sample(70_000, seed=1) > 0).sum(axis=1)
    counts = np.bincount(active, minlength=8)
    assert counts[0] == 0
    assert np.all(np.abs(counts[1:] - 10_000) < 500)  # 5 standard deviations


def test_the_seed_decides_the_sample():
    design = DesignDistribution()
    np.testing.assert_array_equal(design.sample(100, seed=7), design.sample(100, seed=7))
    assert not np.array_equal(design.sample(100, seed=7), design.sample(100, seed=8))
    assert design.sample(0, seed=7).shape == (0, 86)


@pytest.mark.parametrize(
    "parameters", [{"max_active": 0}, {"n_units": 3}, {"alpha": 0.0}, {"beta": -1.0}]
)
def test_impossible_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match="must"):
        DesignDistribution(**parameters)
