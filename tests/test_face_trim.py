"""Cutting a mesh along a plane: conservation of area, closed planar rims, interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from dfe.face.trim import Plane, cut_above, largest_components, snap_to_plane


def sphere(seed: int, n: int = 80):
    """A closed convex mesh with its corners on the unit sphere, wound outward."""
    points = np.random.default_rng(seed).normal(size=(n, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    triangles = ConvexHull(points).simplices.astype(np.int64)
    a, b, c = points[triangles].swapaxes(0, 1)
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return points, triangles


def area(points, triangles):
    a, b, c = points[triangles].swapaxes(0, 1)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def boundary(triangles):
    """Directed edges whose reverse belongs to no triangle."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed = set(map(tuple, edges.tolist()))
    assert len(directed) == len(edges)  # one winding all over
    return [(a, b) for a, b in directed if (b, a) not in directed]


def loops(edges):
    """Number of closed loops that the edges form; each corner has one edge out."""
    following = dict(edges)
    assert len(following) == len(edges)
    count = 0
    while following:
        start, at = following.popitem()
        while at != start:
            at = following.pop(at)
        count += 1
    return count


def upper(points, triangles, plane):
    cut = cut_above(plane.height(points), triangles, np.zeros(len(triangles), np.int64))
    return cut, cut.interpolate(points)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), offset=st.floats(-0.8, 0.8))
def test_both_halves_make_the_whole(seed, offset):
    points, triangles = sphere(seed)
    normal = np.random.default_rng(seed + 1).normal(size=3)
    normal /= np.linalg.norm(normal)
    total = 0.0
    for side in (1.0, -1.0):
        plane = Plane(offset * normal, side * normal)
        cut, kept = upper(points, triangles, plane)
        assert plane.height(kept).min() > -1e-9
        rim = boundary(cut.triangles)
        assert loops(rim) == 1
        assert np.abs(plane.height(kept[np.unique(rim)])).max() < 1e-9
        assert np.array_equal(np.unique(cut.triangles), np.arange(len(kept)))
        total += area(kept, cut.triangles)
    assert total == pytest.approx(area(points, triangles), rel=1e-9)


def test_one_triangle_by_hand():
    points = np.array([[0.0, -1, 0], [2, -1, 0], [0, 1, 0]])
    plane = Plane(np.zeros(3), np.array([0.0, 1, 0]))
    cut = cut_above(plane.height(points), np.array([[0, 1, 2]]), np.array([7]))
    assert sorted(cut.interpolate(points).tolist()) == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert cut.labels.tolist() == [7]
    moved = np.array([[[0.0, 0, 0], [0, 0, 8], [0, 0, 4]]])  # displacements go along
    assert sorted(cut.interpolate(moved)[0, :, 2]) == [2, 4, 6]


def test_vertices_on_the_plane_are_kept_as_they_are():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0]])
    triangles = np.array([[0, 1, 2], [1, 0, 3]])
    cut, kept = upper(points, triangles, Plane(np.zeros(3), np.array([0.0, 1, 0])))
    assert len(cut.triangles) == 1
    assert sorted(kept.tolist()) == sorted(points[:3].tolist())


def test_snapping_moves_only_what_is_near():
    plane = Plane(np.array([0.0, 1, 0]), np.array([0.0, 1, 0]))
    points = np.array([[3.0, 1.05, 2], [3, 0.95, 2], [3, 1.2, 2]])
    snapped = snap_to_plane(points, plane, tolerance=0.1)
    np.testing.assert_allclose(snapped, [[3, 1, 2], [3, 1, 2], [3, 1.2, 2]])


def test_small_pieces_are_dropped_label_by_label():
    triangles = np.array([[0, 1, 2], [1, 2, 3], [4, 5, 6], [7, 8, 9]])
    keep = largest_components(triangles, np.array([0, 0, 0, 1]), n_vertices=10)
    assert keep.tolist() == [True, True, False, True]
