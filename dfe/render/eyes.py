"""Eyeballs with iris and pupil, placed by the motion of the mesh's own plain eyeballs.

A head whose eyes are blank spheres looks blind, and its gaze cannot be read. The eyeballs of a
head mesh are too coarse to carry an iris as vertex colours (72 vertices each on the open head),
so they are replaced by finer spheres for drawing. Nothing about the geometry changes: centre and
radius are fitted to the mesh's eyeball, and its rotation follows the vertices of that eyeball.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

EYEBALL_RADII = (9.0, 18.0)  # mm; adult globes measure about 12, stylised heads have larger ones
SPHERICITY = 0.05  # largest deviation from the fitted sphere, as a share of its radius

# Angles from the gaze axis, as shares of the iris's angle: a pair of rings on each side of a
# border keeps it crisp, because the colour changes only between the two.
PUPIL, LIMBUS = 0.40, 0.88  # where the pupil ends, where the dark rim of the iris begins
IRIS_RADIUS = 0.40  # of the eyeball's radius
SEGMENTS = 48  # vertices per ring
SCLERA_COLOUR = (1.0, 1.0, 1.0)
IRIS_COLOUR = (0.40, 0.33, 0.28)
LIMBUS_COLOUR = (0.20, 0.17, 0.15)
PUPIL_COLOUR = (0.06, 0.05, 0.05)


@dataclass(frozen=True)
class Eyeball:
    """One eyeball of a head mesh, and the fine sphere drawn in its place.

    Attributes
    ----------
    members
        (M,) indices of the mesh vertices that form it.
    centre, radius
        Fitted sphere on the neutral face, mm.
    points
        (P, 3) vertices of the fine sphere on the neutral face, mm.
    triangles
        (T, 3) indices into `points`.
    paint
        (P, 3) colour factors in [0, 1]: 1 on the white of the eye, dark on iris and pupil.
    """

    members: Ints
    centre: Floats
    radius: float
    points: Floats
    triangles: NDArray[np.int32]
    paint: Floats

    def pose(self, neutral: Floats, deformed: Floats) -> Floats:
        """Move the fine sphere as the mesh moved its eyeball: best rotation and translation.

        Parameters
        ----------
        neutral, deformed
            (V, 3) vertices of the whole face, mm.

        Returns
        -------
        ndarray
            (P, 3) float32 mm.
        """
        before, after = neutral[self.members], deformed[self.members]  # (M, 3)
        middle, shifted = before.mean(0), after.mean(0)
        if np.array_equal(before, after):
            return self.points
        rotation, _ = Rotation.align_vectors(after - shifted, before - middle)  # Kabsch
        return (rotation.apply(self.points - middle) + shifted).astype(np.float32)


def mesh_parts(triangles: NDArray[np.int32], n_vertices: int) -> list[Ints]:
    """Vertex indices of each connected part of a mesh, the largest part first."""
    starts, ends = triangles.ravel(), np.roll(triangles, -1, axis=1).ravel()
    graph = coo_array((np.ones(len(starts)), (starts, ends)), shape=(n_vertices, n_vertices))
    count, label = connected_components(graph, directed=False)
    parts = [np.flatnonzero(label == part) for part in range(count)]
    return sorted(parts, key=len, reverse=True)


def fit_sphere(points: Floats) -> tuple[Floats, float, float]:
    """Least-squares sphere through (M, 3) points: centre, radius, largest deviation."""
    points = points.astype(np.float64)
    system = np.column_stack([2 * points, np.ones(len(points))])  # (M, 4)
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    radius = float(np.sqrt(max(solution[3] + centre @ centre, 0.0)))
    deviation = float(np.abs(np.linalg.norm(points - centre, axis=1) - radius).max())
    return centre.astype(np.float32), radius, deviation


def find_eyeballs(template: Floats, triangles: NDArray[np.int32]) -> list[Eyeball]:
    """Find the separate parts of a head mesh that are spheres of an eyeball's size.

    Parameters
    ----------
    template
        (V, 3) neutral vertices, mm; the face looks along +z.
    triangles
        (F, 3) vertex indices.

    Returns
    -------
    list of Eyeball
        Empty when the mesh has none; then the head is drawn as it is.
    """
    eyeballs = []
    for members in mesh_parts(triangles, len(template))[1:]:  # the largest part is the skin
        if len(members) < 8:
            continue
        centre, radius, deviation = fit_sphere(template[members])
        if EYEBALL_RADII[0] <= radius <= EYEBALL_RADII[1] and deviation <= SPHERICITY * radius:
            eyeballs.append(_fine_eyeball(members, centre, radius))
    return eyeballs


def _fine_eyeball(members: Ints, centre: Floats, radius: float) -> Eyeball:
    iris = np.arcsin(IRIS_RADIUS)  # angle between gaze axis and rim of the iris
    gap = 0.04 * iris
    inner = [0.0, 0.2, PUPIL, PUPIL + 0.04, 0.6, 0.75, LIMBUS, LIMBUS + 0.04, 1.0]
    angles = np.concatenate([np.array(inner) * iris, np.linspace(iris + gap, 0.62 * np.pi, 14)])
    colours = np.array(
        [PUPIL_COLOUR] * 3 + [IRIS_COLOUR] * 4 + [LIMBUS_COLOUR] * 2 + [SCLERA_COLOUR] * 14
    )
    turn = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn), np.zeros(SEGMENTS)], axis=1)  # (S, 3)
    axis = np.array([0.0, 0.0, 1.0])
    sphere = np.sin(angles)[:, None, None] * ring + np.cos(angles)[:, None, None] * axis
    return Eyeball(
        members=members,
        centre=centre,
        radius=radius,
        points=(centre + radius * sphere.reshape(-1, 3)).astype(np.float32),  # (R * S, 3)
        triangles=_strip_triangles(len(angles), SEGMENTS),
        paint=np.repeat(colours, SEGMENTS, axis=0).astype(np.float32),
    )


def _strip_triangles(rings: int, segments: int) -> NDArray[np.int32]:
    """Triangles between consecutive rings of vertices, counter-clockwise seen from outside."""
    first = np.arange((rings - 1) * segments).reshape(rings - 1, segments)
    right = np.roll(first, -1, axis=1)
    below, below_right = first + segments, right + segments
    upper = np.stack([first, below, right], axis=-1).reshape(-1, 3)
    lower = np.stack([right, below, below_right], axis=-1).reshape(-1, 3)
    return np.concatenate([upper, lower]).astype(np.int32)
