"""Residual k-means: against a loop written out, and its two forms against each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.vq import vq

from dfe.baselines import ResidualKMeans
from dfe.metrics import explained_variance

RNG = np.random.default_rng(0)
PSI = (RNG.normal(size=(600, 6)) * np.array([3, 2, 1, 1, 0.5, 0.5])).astype(np.float32)


@pytest.mark.parametrize("shared", [True, False])
def test_codes_are_greedy_nearest_centers_by_scipy(shared: bool) -> None:
    coder = ResidualKMeans(n_codes=8, n_stages=3, shared=shared, max_iter=10).fit(PSI)
    residual = PSI.astype(np.float64)
    for stage, column in enumerate(coder.encode(PSI).T):
        expected, _ = vq(residual, coder.codebooks_[stage].astype(np.float64))
        np.testing.assert_array_equal(column, expected)
        residual = residual - coder.codebooks_[stage][expected]


@pytest.mark.parametrize("shared", [True, False])
def test_decoding_sums_the_centers_of_the_first_stages(shared: bool) -> None:
    coder = ResidualKMeans(n_codes=8, n_stages=3, shared=shared, max_iter=10).fit(PSI)
    codes = coder.encode(PSI)
    by_hand = sum(coder.codebooks_[stage][codes[:, stage]] for stage in range(2))
    np.testing.assert_allclose(coder.decode(codes[:, :2]), by_hand, rtol=1e-6)
    np.testing.assert_array_equal(coder.transform(PSI), coder.decode(codes))


def test_one_stage_of_separate_codebooks_is_plain_kmeans() -> None:
    clusters = np.repeat(np.eye(4, 6, dtype=np.float32) * 10, 50, axis=0)
    coder = ResidualKMeans(n_codes=4, n_stages=1, shared=False).fit(clusters)
    np.testing.assert_allclose(coder.transform(clusters), clusters, atol=1e-5)


def test_shared_stages_hold_one_codebook_and_separate_stages_reconstruct_better() -> None:
    one = ResidualKMeans(n_codes=8, n_stages=3, shared=True).fit(PSI)
    four = ResidualKMeans(n_codes=8, n_stages=3, shared=False).fit(PSI)
    assert np.array_equal(one.codebooks_[0], one.codebooks_[2])
    assert not np.array_equal(four.codebooks_[0], four.codebooks_[2])
    floor, reach = (explained_variance(PSI, c.transform(PSI)) for c in (one, four))
    assert 0 < floor < reach < 1


def test_the_same_seed_gives_the_same_codes() -> None:
    fits = [ResidualKMeans(n_codes=8, n_stages=2, random_state=s).fit(PSI) for s in (1, 1, 2)]
    assert np.array_equal(fits[0].codebooks_, fits[1].codebooks_)
    assert not np.array_equal(fits[0].codebooks_, fits[2].codebooks_)


def test_more_starts_of_the_shared_codebook_never_fit_worse() -> None:
    errors = [
        np.square(PSI - ResidualKMeans(8, 3, n_init=n).fit(PSI).transform(PSI)).sum()
        for n in (1, 2, 12)
    ]
    assert errors[0] >= errors[1] >= errors[2]
    others = [ResidualKMeans(8, 3, n_init=1, random_state=s).fit(PSI) for s in range(1, 4)]
    assert len({float(c.codebooks_.sum()) for c in others}) > 1  # starts do differ
