"""Colour factors for what an open mouth shows: a dark hollow, a reddish tongue, light teeth.

A lit mesh has no cast shadows, so an open mouth would be as bright as the lips around it, and
teeth, tongue and back wall could not be told apart.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dfe.render.eyes import mesh_parts

Floats = NDArray[np.float32]

CELL = 4.0  # mm, of the depth maps; well below the size of a mouth
TOLERANCE = 5.0  # mm, how far below the seen surface a vertex still counts as seen
SPACING = 3.0  # mm, between samples of the surface
DIRECTIONS = np.concatenate(  # the faces and the corners of a cube, (14, 3)
    [np.eye(3), -np.eye(3), list(itertools.product((-1.0, 1.0), repeat=3))]
)
CAVITY_COLOUR = (0.42, 0.30, 0.28)  # of the skin inside the mouth
TONGUE_COLOUR = (0.68, 0.47, 0.45)
TONGUE_LEAD = 1.5  # the tongue has so many times the vertices of the next part inside the mouth


def hidden_vertices(vertices: Floats, triangles: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Vertices that no outside viewpoint sees, by depth maps from 14 directions.

    Parameters
    ----------
    vertices
        (V, 3) mm.
    triangles
        (F, 3) vertex indices.

    Returns
    -------
    ndarray
        (V,) bool.
    """
    closed = _with_lids(vertices, triangles)  # (C, 3, 3)
    surface = _surface_samples(closed)  # (S, 3)
    hidden = np.ones(len(vertices), dtype=bool)
    for direction in DIRECTIONS:
        axes = _axes(direction)  # (3, 3) rows: right, up, towards the viewer
        hidden &= ~_seen(vertices @ axes.T, surface @ axes.T)
    return hidden


def cavity_paint(vertices: Floats, triangles: NDArray[np.int32]) -> Floats:
    """Colour factors for skin, tongue and teeth, by which the heat colours are multiplied.

    The mouth, the largest patch of skin that nobody sees on the neutral face, is dark. Of the
    separate parts inside the head, the one with clearly the most vertices is the tongue; teeth
    and eyeballs stay as they are. The result is kept for the last few meshes, because every
    window of a page asks for the same head.

    Parameters
    ----------
    vertices
        (V, 3) neutral vertices, mm.
    triangles
        (F, 3) vertex indices.

    Returns
    -------
    ndarray
        (V, 3) float32 in [0, 1].
    """
    vertices = np.ascontiguousarray(vertices, dtype=np.float32)
    triangles = np.ascontiguousarray(triangles, dtype=np.int32)
    return _cached_paint(vertices.tobytes(), triangles.tobytes()).copy()


@lru_cache(maxsize=4)
def _cached_paint(vertex_bytes: bytes, triangle_bytes: bytes) -> Floats:
    vertices = np.frombuffer(vertex_bytes, dtype=np.float32).reshape(-1, 3)
    triangles = np.frombuffer(triangle_bytes, dtype=np.int32).reshape(-1, 3)
    skin, *others = mesh_parts(triangles, len(vertices))
    hidden = hidden_vertices(vertices, triangles)
    paint = np.ones((len(vertices), 3), dtype=np.float32)
    paint[_largest_hollow(triangles, hidden, skin)] = CAVITY_COLOUR
    inside = [part for part in others if hidden[part].mean() > 0.9]
    if inside and (len(inside) == 1 or len(inside[0]) > TONGUE_LEAD * len(inside[1])):
        paint[inside[0]] = TONGUE_COLOUR
    return paint


def _largest_hollow(
    triangles: NDArray[np.int32], hidden: NDArray[np.bool_], skin: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The mouth: the largest connected patch of hidden skin; eye sockets and ears are smaller."""
    inner = np.zeros(len(hidden), dtype=bool)
    inner[skin] = hidden[skin]
    patch = mesh_parts(triangles[inner[triangles].all(axis=1)], len(hidden))[0]
    return patch[inner[patch]]  # nothing where no skin is hidden


def _with_lids(vertices: Floats, triangles: NDArray[np.int32]) -> Floats:
    """Corners (C, 3, 3) of the triangles and of a fan over each hole, such as the cut neck.

    Otherwise one would look from below through the neck into the mouth.
    """
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    _, first, count = np.unique(
        np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True
    )
    rim = edges[first[count == 1]]  # (R, 2) edges with a triangle on one side only
    graph = coo_array((np.ones(len(rim)), tuple(rim.T)), shape=(len(vertices),) * 2)
    loop = connected_components(graph, directed=False)[1][rim[:, 0]]  # (R,)
    corners = [vertices[triangles]]
    for one in np.unique(loop):
        ends = vertices[rim[loop == one]]  # (r, 2, 3)
        middle = np.broadcast_to(ends.mean((0, 1)), (len(ends), 1, 3))
        corners.append(np.concatenate([ends, middle], axis=1))
    return np.concatenate(corners)


def _surface_samples(corners: Floats) -> Floats:
    """Points on (C, 3, 3) triangles, (S, 3), dense enough that no cell of a depth map is missed."""
    edges = corners - np.roll(corners, 1, axis=1)
    longest = np.linalg.norm(edges, axis=-1).max(axis=1)  # (C,)
    parts = np.maximum(np.ceil(longest / SPACING).astype(int), 1)  # intervals per edge
    samples = []
    for count in np.unique(parts):
        steps = [(i, j, count - i - j) for i in range(count + 1) for j in range(count + 1 - i)]
        weights = np.array(steps, dtype=np.float32) / count  # (n, 3) barycentric
        samples.append(np.einsum("sk,fkx->fsx", weights, corners[parts == count]).reshape(-1, 3))
    return np.concatenate(samples)


def _axes(towards: NDArray[np.float64]) -> Floats:
    """Orthonormal camera axes (3, 3) float32 for a viewing direction (3,)."""
    towards = towards / np.linalg.norm(towards)
    helper = np.eye(3)[np.argmin(np.abs(towards))]
    right = np.cross(helper, towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards]).astype(np.float32)


def _seen(points: Floats, surface: Floats) -> NDArray[np.bool_]:
    """Which points lie on the nearest surface, both in camera axes (third: towards the viewer)."""
    origin = surface[:, :2].min(0)
    columns, rows = ((surface[:, :2] - origin) / CELL).astype(int).T
    nearest = np.full((columns.max() + 2, rows.max() + 2), -np.inf)
    np.maximum.at(nearest, (columns, rows), surface[:, 2])
    column, row = np.maximum((points[:, :2] - origin) / CELL, 0).astype(int).T
    return np.asarray(points[:, 2] >= nearest[column, row] - TOLERANCE)
