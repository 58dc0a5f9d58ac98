"""Where tokens move the face, and how much they repeat each other (section 3.3, Appendix A)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Locality(NamedTuple):
    """Top region of each displacement field."""

    region: NDArray[np.int64]  # (K,) index of the region that holds most of the energy
    share: NDArray[np.float64]  # (K,) its share of the energy, 0 for a field that does not move


def region_energy(
    displacements: ArrayLike, regions: ArrayLike, n_regions: int
) -> NDArray[np.float64]:
    """Squared displacement summed over each region: (K, V, 3), (V,) int -> (K, R), in unit^2."""
    energy = np.square(np.asarray(displacements, np.float64)).sum(-1)  # (K, V)
    member = np.eye(n_regions)[np.asarray(regions)]  # (V, R)
    return energy @ member  # (K, R)


def locality(displacements: ArrayLike, regions: ArrayLike, n_regions: int) -> Locality:
    """Region in which each token moves the face most, and its share of the token's energy.

    Parameters
    ----------
    displacements
        (K, V, 3) float.
    regions
        (V,) int, region of each vertex.

    Returns
    -------
    Locality; 1 / (regions that move) for a token spread evenly, 1 for one that stays in a region.
    """
    energy = region_energy(displacements, regions, n_regions)  # (K, R)
    total = energy.sum(1)
    share = np.divide(energy.max(1), total, out=np.zeros_like(total), where=total > 0)
    return Locality(energy.argmax(1), share)


def mean_overlap(displacements: ArrayLike) -> float:
    """Mean cosine of per-vertex displacement magnitudes over all pairs of different tokens.

    0 when no two tokens move the same vertices, 1 when all move the same ones in the same
    proportions. Tokens that do not move at all are left out.

    Raises
    ------
    ValueError
        If fewer than two tokens move.
    """
    size = np.linalg.norm(np.asarray(displacements, np.float64), axis=-1)  # (K, V)
    norm = np.linalg.norm(size, axis=1)
    size = size[norm > 0] / norm[norm > 0, None]
    if len(size) < 2:
        raise ValueError(f"overlap needs two tokens that move the face, got {len(size)}")
    gram = size @ size.T
    return float((gram.sum() - np.trace(gram)) / (len(size) * (len(size) - 1)))
