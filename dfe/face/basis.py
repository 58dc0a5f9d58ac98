"""A linear expression basis about the neutral face: units <-> psi <-> vertices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dfe.face.design import DesignDistribution

DECIMALS = 6  # far above the error of float64 linear algebra, far below any use of the numbers


class ExpressionBasis(NamedTuple):
    """Matrices of the basis, for A units and P coefficients.

    to_psi : (A, P); psi = weights @ to_psi.
    to_units : (P, A); weights = psi @ to_units, and to_units @ to_psi is the identity.
    explained : share of the second moment about neutral that the P directions keep.
    """

    to_psi: NDArray[np.float64]
    to_units: NDArray[np.float64]
    explained: float


def expression_basis(
    units: NDArray[np.float64], design: DesignDistribution, n_psi: int
) -> ExpressionBasis:
    """Principal directions of the designed faces about the neutral face.

    A face is x = w U with U the units, (A, 3V). Its second moment about neutral is Uᵀ C U with
    C = E[w wᵀ], a matrix of rank A at most; with C = L Lᵀ its eigenvectors follow from the small
    problem Lᵀ (U Uᵀ) L a = λ a: the direction is aᵀ Lᵀ U / √λ. Each coefficient is divided by its
    standard deviation (about its mean) on the design. Directions are signed so that the
    coefficient of the unit that drives them most is positive.

    Parameters
    ----------
    units
        (A, 3V) displacement of each unit at weight 1, millimetres.
    design
        Distribution of the weights.
    n_psi
        Number of directions to keep.
    """
    root = np.linalg.cholesky(design.second_moment())  # (A, A), lower
    gram = units @ units.T  # (A, A)
    values, vectors = np.linalg.eigh(root.T @ gram @ root)  # ascending
    keep = np.argsort(values)[::-1][:n_psi]
    scale = np.sqrt(values[keep])  # (P,)
    to_psi = np.linalg.solve(root.T, vectors[:, keep]) * scale  # (A, P)
    to_units = (root @ vectors[:, keep] / scale).T  # (P, A)
    sd = np.sqrt(np.einsum("ap,ab,bp->p", to_psi, design.covariance(), to_psi))
    sign = np.sign(to_psi[np.abs(to_psi).argmax(axis=0), np.arange(n_psi)])
    return ExpressionBasis(
        to_psi=np.round(to_psi * sign / sd, DECIMALS),
        to_units=np.round(to_units * (sign * sd)[:, None], DECIMALS),
        explained=float(values[keep].sum() / values.sum()),
    )
