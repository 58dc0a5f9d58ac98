"""Locality and overlap of displacement fields, by hand and by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from dfe.metrics import locality, mean_overlap, region_energy

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


def test_overlap_by_hand_and_by_scikit_learn() -> None:
    assert mean_overlap(MOVED) == pytest.approx(5 / np.sqrt(50))  # sizes (5, 0, 5) and (0, 0, 2)
    moved = np.random.default_rng(0).normal(size=(7, 20, 3))
    cosine = cosine_similarity(np.linalg.norm(moved, axis=-1))
    assert mean_overlap(moved) == pytest.approx(cosine[~np.eye(7, dtype=bool)].mean())


def test_overlap_ends() -> None:
    apart = np.zeros((2, 4, 3))
    apart[0, 0], apart[1, 3] = 1, 1
    assert mean_overlap(apart) == 0
    assert mean_overlap(np.stack([apart[0], -2 * apart[0]])) == pytest.approx(1)


def test_overlap_leaves_out_tokens_that_do_not_move() -> None:
    still = np.concatenate([MOVED, np.zeros((1, 3, 3))])
    assert mean_overlap(still) == mean_overlap(MOVED)
    with pytest.raises(ValueError, match="two tokens that move"):
        mean_overlap(still[1:])
