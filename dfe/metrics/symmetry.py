"""How asymmetric a movement of the face is: the energy of its antisymmetric part.

A field of displacements d is the sum of a symmetric part (d + Md) / 2 and an antisymmetric part
(d - Md) / 2, where Md is its mirror image. The two are orthogonal when M is its own inverse, so
their energies add up to that of d.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from dfe.metrics.geometry import as_fields

_FLIP = np.array([-1.0, 1.0, 1.0])  # x points to the subject's left (`dfe.face.FaceModel`)


def mirror_vertices(template: ArrayLike, tolerance: float = 1.0) -> NDArray[np.int64]:
    """Index of each vertex' mirror image: the vertex nearest to (-x, y, z).

    On a template that is exactly symmetric, and has no two vertices at one place, the map is a
    permutation and its own inverse. On any other, a vertex comes back from there and back again
    to a place within twice the tolerance.

    Parameters
    ----------
    template
        (V, 3) float, the neutral face with the plane of symmetry at x = 0.
    tolerance
        Largest distance between a mirrored vertex and its partner, in the unit of the template;
        the default suits millimeters.

    Returns
    -------
    (V,) int64

    Raises
    ------
    ValueError
        If the shape is not (V, 3), a value is not finite, the tolerance is negative, or a vertex
        has no partner within it.
    """
    points = np.asarray(template, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise ValueError(f"template must have shape (V, 3) with V >= 1, got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("template holds NaN or infinity")
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be a distance, got {tolerance}")
    distance, mirror = KDTree(points).query(points * _FLIP)  # (V,), (V,)
    alone = int((distance > tolerance).sum())
    if alone:
        raise ValueError(
            f"{alone} of {len(points)} vertices have no mirror image within {tolerance} (the "
            f"farthest is {distance.max():.3g} away): center the template at x = 0, or leave out "
            f"what exists on one side only"
        )
    return mirror.astype(np.int64, copy=False)


def asymmetry(displacements: ArrayLike, mirror: ArrayLike) -> NDArray[np.float64]:
    """Share of each field's energy that is in its antisymmetric part.

    Parameters
    ----------
    displacements
        (K, V, 3) float.
    mirror
        (V,) int from `mirror_vertices`.

    Returns
    -------
    (K,) float64: 0 for a symmetric movement, 0.5 for one that happens on one side only, 1 for one
    whose sides move in opposite directions; NaN for a field that does not move

    Raises
    ------
    TypeError
        If the mirror indices are not integers.
    ValueError
        If a shape is wrong, an index lies outside 0 .. V - 1, or a displacement is not finite.
    """
    fields = as_fields(displacements)
    image = fields[:, _checked_mirror(mirror, fields.shape[1])] * _FLIP  # (K, V, 3)
    anti, even = (np.square(part).sum((1, 2)) for part in (fields - image, fields + image))
    total = anti + even  # (K,) four times the energy of the field when M is its own inverse
    return np.divide(anti, total, out=np.full(len(total), np.nan), where=total > 0)


def _checked_mirror(mirror: ArrayLike, n_vertices: int) -> NDArray[np.int64]:
    index = np.asarray(mirror)
    if not np.issubdtype(index.dtype, np.integer):
        raise TypeError(f"mirror must hold integers, got dtype {index.dtype}")
    if index.shape != (n_vertices,):
        raise ValueError(f"mirror must have shape ({n_vertices},), got {index.shape}")
    if index.size and not (0 <= index.min() and index.max() < n_vertices):
        raise ValueError(f"mirror must lie in 0 .. {n_vertices - 1}")
    return index
