"""The expression basis against plain principal component analysis and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from dfe.face import load_face, variance_kept
from dfe.face.base import N_PSI
from dfe.face.basis import expression_basis
from dfe.face.design import DesignDistribution

SMALL = DesignDistribution(n_units=6, max_active=3)


@pytest.fixture
def units():
    return np.random.default_rng(0).normal(size=(6, 30))


def test_directions_are_the_eigenvectors_of_the_second_moment(units):
    basis = expression_basis(units, SMALL, n_psi=4)
    values, vectors = np.linalg.eigh(units.T @ SMALL.second_moment() @ units)  # (30, 30)
    directions = basis.to_units @ units  # (4, 30)
    cosine = np.einsum("pv,vp->p", directions, vectors[:, ::-1][:, :4])
    np.testing.assert_allclose(np.abs(cosine), np.linalg.norm(directions, axis=1), rtol=1e-5)
    assert basis.explained == pytest.approx(values[::-1][:4].sum() / values.sum(), rel=1e-9)


def test_to_psi_is_the_orthogonal_projection(units):
    basis = expression_basis(units, SMALL, n_psi=3)
    directions = basis.to_units @ units
    weights = SMALL.sample(20, seed=0).astype(np.float64)
    expected = np.linalg.lstsq(directions.T, (weights @ units).T, rcond=None)[0].T
    np.testing.assert_allclose(weights @ basis.to_psi, expected, atol=1e-4)


def test_all_directions_together_lose_nothing(units):
    basis = expression_basis(units, SMALL, n_psi=6)
    np.testing.assert_allclose(basis.to_psi @ basis.to_units, np.eye(6), atol=1e-4)
    assert basis.explained == pytest.approx(1)


def test_one_unit_by_hand():
    # One unit, always active: E[w] = 1/2 and Var[w] = 1/12, so psi = w sqrt(12).
    design = DesignDistribution(n_units=1, max_active=1, alpha=1.0, beta=1.0)
    basis = expression_basis(np.array([[3.0, 4.0]]), design, n_psi=1)
    np.testing.assert_allclose(basis.to_psi, [[12**0.5]], atol=1e-6)
    np.testing.assert_allclose(basis.to_units, [[12**-0.5]], atol=1e-6)


def test_signs_do_not_depend_on_the_solver(units):
    basis = expression_basis(units, SMALL, n_psi=4)
    strongest = np.abs(basis.to_psi).argmax(axis=0)
    assert np.all(basis.to_psi[strongest, np.arange(4)] > 0)


def test_packaged_coefficients_have_unit_deviation_on_the_design():
    face = load_face()
    eye = np.eye(86, dtype=np.float32)
    to_psi = face.units_to_psi(eye).astype(np.float64)
    exact = np.einsum("ap,ab,bp->p", to_psi, DesignDistribution().covariance(), to_psi) ** 0.5
    np.testing.assert_allclose(exact, 1, atol=1e-5)
    sampled = face.units_to_psi(DesignDistribution().sample(50_000, seed=5)).std(axis=0)
    np.testing.assert_allclose(sampled, 1, atol=0.05)


def test_packaged_basis_describes_the_packaged_units():
    face = load_face()
    units = face.unit_displacements.reshape(86, -1).astype(np.float64)
    basis = expression_basis(units, DesignDistribution(), N_PSI)
    eye = np.eye(86, dtype=np.float32)
    np.testing.assert_allclose(face.units_to_psi(eye), basis.to_psi, rtol=1e-5, atol=1e-5)
    assert face.provenance["explained_on_design"] == pytest.approx(basis.explained, abs=1e-6)


def test_fifty_coefficients_keep_99_percent_on_the_design():
    face = load_face()
    share = variance_kept(face)
    assert share >= 0.99
    assert share == pytest.approx(face.provenance["explained_on_design"], abs=1e-5)


def test_variance_kept_of_given_weights_by_brute_force():
    face = load_face()
    weights = np.random.default_rng(2).uniform(0, 1, size=(7, 86)).astype(np.float32)
    moved = np.tensordot(weights, face.unit_displacements, axes=1)
    lost = moved - face.displacements(face.units_to_psi(weights))
    expected = 1 - np.sum(lost.astype(float) ** 2) / np.sum(moved.astype(float) ** 2)
    assert variance_kept(face, weights) == pytest.approx(expected, abs=1e-5)


def test_weights_that_move_nothing_have_no_share():
    with pytest.raises(ValueError, match="no unit is active"):
        variance_kept(load_face(), np.zeros((3, 86), np.float32))
