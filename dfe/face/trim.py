"""Cut a mesh along a plane, with a clean planar rim."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


class Plane(NamedTuple):
    """A plane through `point` (3,); the unit `normal` (3,) points to the side that is kept."""

    point: NDArray[np.float64]
    normal: NDArray[np.float64]

    def height(self, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed distance (V,) of vertices (V, 3); positive on the kept side."""
        return (vertices - self.point) @ self.normal


class Cut(NamedTuple):
    """A mesh above a plane, and where its vertices come from.

    triangles : (F', 3) int64, into the new vertices.
    labels : (F',) the labels of the triangles they were cut from.
    ends : (V', 2) int64, source vertices a and b of each new vertex.
    share : (V',) float64; new vertex = (1 - share) a + share b, for positions and displacements.
    """

    triangles: NDArray[np.int64]
    labels: NDArray[np.int64]
    ends: NDArray[np.int64]
    share: NDArray[np.float64]

    def interpolate(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carry values (..., V, 3) of the source vertices over to the new ones, (..., V', 3)."""
        start, end = values[..., self.ends[:, 0], :], values[..., self.ends[:, 1], :]
        return start + self.share[:, None] * (end - start)


def snap_to_plane(
    vertices: NDArray[np.float64], plane: Plane, tolerance: float
) -> NDArray[np.float64]:
    """Move vertices closer to the plane than `tolerance` onto it: the cut leaves no slivers."""
    height = plane.height(vertices)
    near = np.abs(height) < tolerance
    return vertices - np.where(near, height, 0.0)[:, None] * plane.normal


def cut_above(
    height: NDArray[np.float64],
    triangles: NDArray[np.int64],
    labels: NDArray[np.int64],
    tolerance: float = 1e-6,
) -> Cut:
    """Keep the part of a mesh with height >= 0; vertices at height 0 lie on the rim.

    A triangle that crosses the plane becomes one or two triangles; the new vertices on an edge
    are shared by its two triangles, so that a closed surface gets a closed rim.

    Parameters
    ----------
    height
        (V,) signed distance to the plane.
    triangles
        (F, 3) vertex indices.
    labels
        (F,) carried over to the pieces.
    tolerance
        Heights smaller than this count as 0.
    """
    height = np.where(np.abs(height) < tolerance, 0.0, height)
    seam: dict[tuple[int, int], int] = {}
    pieces: list[tuple[int, int, int]] = []
    piece_labels: list[int] = []
    for corners, label in zip(triangles.tolist(), labels.tolist(), strict=True):
        polygon = _clip(corners, height, seam, len(height))
        for i in range(1, len(polygon) - 1):
            pieces.append((polygon[0], polygon[i], polygon[i + 1]))
            piece_labels.append(label)
    old = np.arange(len(height))
    ends = np.concatenate(
        [np.stack([old, old], axis=1), np.array([*seam], np.int64).reshape(-1, 2)]
    )
    a, b = height[ends[:, 0]], height[ends[:, 1]]
    share = np.divide(a, a - b, out=np.zeros_like(a), where=a != b)
    used, flat = np.unique(np.array(pieces, np.int64), return_inverse=True)
    return Cut(flat.reshape(-1, 3), np.array(piece_labels), ends[used], share[used])


def _clip(
    corners: list[int], height: NDArray[np.float64], seam: dict[tuple[int, int], int], first: int
) -> list[int]:
    """Return the polygon of one triangle above the plane; empty if none of its area is.

    New vertices are numbered from `first` on, in `seam` by the edge that they lie on.
    """
    if not any(height[corner] > 0 for corner in corners):
        return []
    polygon = []
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        if height[a] >= 0:
            polygon.append(a)
        if height[a] * height[b] < 0:
            edge = (min(a, b), max(a, b))
            polygon.append(seam.setdefault(edge, first + len(seam)))
    return polygon


def largest_components(
    triangles: NDArray[np.int64], labels: NDArray[np.int64], n_vertices: int
) -> NDArray[np.bool_]:
    """Mark (F,) the triangles in the largest connected piece of each label."""
    component = mesh_components(triangles, n_vertices)[triangles[:, 0]]  # (F,)
    keep = np.zeros(len(triangles), bool)
    for label in np.unique(labels):
        sizes = np.bincount(component[labels == label])
        keep |= (labels == label) & (component == sizes.argmax())
    return keep


def mesh_components(triangles: NDArray[np.int64], n_vertices: int) -> NDArray[np.int32]:
    """Number (V,) the connected piece that each vertex belongs to."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(n_vertices, n_vertices))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)
