"""How much of the expression survives a code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
    if (truth == truth[:1]).all():  # a rounded mean can leave equal rows a tiny variance
        raise ValueError(f"R^2 is undefined: the {len(truth)} rows of psi do not vary")
    total = np.square(truth - truth.mean(0)).sum()
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


def explained_variance_by_stage(
    psi: ArrayLike, codes: NDArray[np.int64], decode: Callable[[NDArray[np.int64]], ArrayLike]
) -> NDArray[np.float64]:
    """R^2 when only the first 1, 2, ..., L codes of each face are decoded.

    Parameters
    ----------
    psi
        (N, P) float.
    codes
        (N, L) int64 in stage order.
    decode
        Maps codes (N, l) to (N, P) for any l from 1 to L.

    Returns
    -------
    (L,) float64; stage l costs l log2 K bits a face
    """
    lengths = range(1, codes.shape[1] + 1)
    return np.array([explained_variance(psi, decode(codes[:, :length])) for length in lengths])
