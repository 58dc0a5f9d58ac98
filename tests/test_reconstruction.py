"""Reconstruction metrics against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from dfe.metrics import explained_variance, explained_variance_by_stage, vertex_rmse


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 6))
def test_explained_variance_against_scikit_learn(seed: int, n: int, p: int) -> None:
    rng = np.random.default_rng(seed)
    psi = rng.normal(size=(n, p)) * rng.uniform(0.1, 5, p) + 3
    guess = psi + rng.normal(size=(n, p))
    expected = r2_score(psi, guess, multioutput="variance_weighted")
    assert explained_variance(psi, guess) == pytest.approx(expected, rel=1e-9)


def test_explained_variance_at_its_marks() -> None:
    psi = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    assert explained_variance(psi, psi) == 1
    mean = np.broadcast_to(psi.mean(0, dtype=np.float64), psi.shape)
    assert explained_variance(psi, mean) == pytest.approx(0, abs=1e-12)
    assert explained_variance(psi, 10 * psi) < 0


def test_hand_worked_explained_variance() -> None:
    # Squared deviations 1 + 1 + 9 + 9 about the means 1 and 3; squared errors 1 and 4.
    psi, guess = [[0.0, 0.0], [2.0, 6.0]], [[1.0, 0.0], [2.0, 4.0]]
    assert explained_variance(psi, guess) == pytest.approx(1 - 5 / 20)


@pytest.mark.parametrize(
    "psi",
    [np.full((3, 50), 0.1), np.full((7, 2), np.float32(0.3)), np.ones((1, 4)), np.ones((0, 4))],
    ids=["equal float64", "equal float32", "one row", "no row"],
)
def test_rows_that_do_not_vary_have_no_r2(psi: np.ndarray) -> None:
    with pytest.raises(ValueError, match=f"the {len(psi)} rows of psi do not vary"):
        explained_variance(psi, psi + 0.5)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(3, 2\) but psi_hat \(2,\)"):
        explained_variance(np.ones((3, 2)), np.ones(2))
    with pytest.raises(ValueError, match=r"\(1, 2, 3\) and \(1, 1, 3\)"):
        vertex_rmse(np.ones((1, 2, 3)), np.ones((1, 1, 3)))
    with pytest.raises(ValueError, match="non-empty"):
        vertex_rmse(np.ones((0, 2, 3)), np.ones((0, 2, 3)))


def test_explained_variance_by_stage_uses_the_first_codes() -> None:
    # Codes are decimal digits: the first l of them leave 1 - r2 = error of the other digits.
    codes = np.array([[0, 1], [1, 0], [2, 3], [3, 2]])
    scale = np.array([10, 1])

    def decode(part: np.ndarray) -> np.ndarray:
        return (part @ scale[: part.shape[1]])[:, None].astype(float)

    psi = decode(codes)  # 1, 10, 23, 32, mean 16.5
    found = explained_variance_by_stage(psi, codes, decode)
    total = 15.5**2 + 6.5**2 + 6.5**2 + 15.5**2
    np.testing.assert_allclose(found, [1 - (1 + 0 + 9 + 4) / total, 1])


def test_hand_worked_vertex_rmse() -> None:
    a, b = np.zeros((1, 2, 3)), np.zeros((1, 2, 3))
    b[0, 0] = [3, 4, 0]  # distances 5 and 0
    assert vertex_rmse(a, b) == pytest.approx(np.sqrt(25 / 2))
    assert vertex_rmse(b, b) == 0


def test_vertex_rmse_does_not_change_with_the_frame() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 4, 9, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    moved = vertex_rmse(a @ turn + 5, b @ turn + 5)
    assert moved == pytest.approx(vertex_rmse(a, b))
