"""How much of the expression survives a code."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def explained_variance(psi: ArrayLike, psi_hat: ArrayLike) -> float:
    """Share of variance explained, R^2 pooled over coefficients (higher is better, at most 1).

    1 - sum ||psi - psi_hat||^2 / sum ||psi - mean psi||^2, which is scikit-learn's `r2_score` with
    ``multioutput="variance_weighted"``.

    Parameters
    ----------
    psi, psi_hat
        (N, P) float, truth and reconstruction.

    Raises
    ------
    ValueError
        If the shapes differ or psi does not vary (R^2 is then undefined).
    """
    truth, guess = np.asarray(psi, np.float64), np.asarray(psi_hat, np.float64)
    if truth.shape != guess.shape:
        raise ValueError(f"psi has shape {truth.shape} but psi_hat {guess.shape}")
    total = np.square(truth - truth.mean(0)).sum() if len(truth) else 0.0
    if total == 0:
        raise ValueError(f"R^2 is undefined: the {len(truth)} rows of psi do not vary")
    return float(1.0 - np.square(truth - guess).sum() / total)


def vertex_rmse(displacements: ArrayLike, other: ArrayLike) -> float:
    """Root mean square distance between two sets of vertex positions, in their unit.

    Parameters
    ----------
    displacements, other
        (N, V, 3) float.

    Raises
    ------
    ValueError
        If the shapes differ or are empty.
    """
    a, b = np.asarray(displacements, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape or a.size == 0:
        raise ValueError(f"need two equal, non-empty shapes (N, V, 3), got {a.shape} and {b.shape}")
    return float(np.sqrt(np.square(a - b).sum(-1).mean()))
