"""How much of the faces a face model's expression space keeps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dfe.checks import as_rows
from dfe.face.design import DesignDistribution
from dfe.face.open_head import OpenHead


def variance_kept(face: OpenHead, weights: ArrayLike | None = None) -> float:
    """Share of the vertices' second moment about neutral that the expression space keeps.

    Parameters
    ----------
    face
        The model.
    weights
        (N, 86) unit weights of real faces. Without them, the exact moments of the design
        distribution are used, and nothing is sampled.

    Returns
    -------
    1 - E|x - x'|² / E|x|², with x the displacement that the units give and x' the one that their
    psi gives.

    Raises
    ------
    TypeError, ValueError
        The weights are not finite floats of this shape, or no unit is active.
    """
    n_units = len(face.unit_names)
    if weights is None:
        moment = DesignDistribution(n_units).second_moment()  # (A, A)
    else:
        rows = as_rows(weights, n_units, "unit weights").astype(np.float64)
        moment = rows.T @ rows / len(rows)
    units = face.unit_displacements.reshape(n_units, -1).astype(np.float64)
    gram = units @ units.T  # (A, A)
    eye = np.eye(n_units, dtype=np.float32)
    lost = eye - face.psi_to_units(face.units_to_psi(eye)).astype(np.float64)  # (A, A)
    total = np.vdot(moment, gram)
    if not total > 0:
        raise ValueError("unit weights: no unit is active, so there is no variance to explain")
    return float(1 - np.vdot(moment, lost @ gram @ lost.T) / total)
