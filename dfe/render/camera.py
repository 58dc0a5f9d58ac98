"""Cameras: one scale for all views, framed on the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Azimuth in degrees; positive turns the camera towards the subject's left.
VIEWS = {
    "front": 0.0,
    "three-quarter": 38.0,
    "three-quarter-left": 38.0,
    "three-quarter-right": -38.0,
}
FIELD_OF_VIEW = 16.0  # degrees, vertical: a portrait lens, so that the nose does not loom
MARGIN = 1.04
JAW_ROOM = 0.12  # of the head's height, kept free below the chin for an open jaw


@dataclass(frozen=True)
class Camera:
    """Position and focal point of a camera, mm; up is +y."""

    position: tuple[float, float, float]
    focal_point: tuple[float, float, float]


def view_azimuth(view: str) -> float:
    """Azimuth of a named view in degrees; an unknown name is a ValueError that lists the names."""
    if view not in VIEWS:
        raise ValueError(f"unknown view {view!r}; known: {', '.join(VIEWS)}")
    return VIEWS[view]


def frame_bottom(template: Floats, labelled: NDArray[np.bool_]) -> float:
    """Height (mm) where the picture may cut the neck: below the chin, with room for the jaw.

    Parameters
    ----------
    template
        (V, 3) neutral vertices, mm.
    labelled
        (V,) whether a vertex belongs to a named facial region; none or all of them means that the
        face cannot be told from the neck, and the whole mesh is framed.
    """
    lowest, top = float(template[:, 1].min()), float(template[:, 1].max())
    if labelled.all() or not labelled.any():
        return lowest
    chin = float(template[labelled, 1].min())
    return max(lowest, chin - JAW_ROOM * (top - chin))


def frame_camera(template: Floats, bottom: float, view: str, aspect: float) -> Camera:
    """Place a camera so that the head above `bottom` fills the picture.

    The distance is the same for every view, so a front and a three-quarter picture of one head
    have the same scale.

    Parameters
    ----------
    template
        (V, 3) neutral vertices, mm.
    bottom
        Lowest height to show, mm.
    view
        A name in `VIEWS`.
    aspect
        Width of the picture over its height.
    """
    azimuth = view_azimuth(view)
    head = template[template[:, 1] >= bottom]
    half_height = (float(head[:, 1].max()) - bottom) / 2
    half_width = max(np.ptp(head @ _right(angle)) / 2 for angle in VIEWS.values())
    half = MARGIN * max(half_height, half_width / aspect)
    towards = np.cross(_right(azimuth), [0.0, 1.0, 0.0])
    depth = head @ towards
    across = head @ _right(azimuth)
    # The silhouette lies near the middle of the head's depth: the scale is set there.
    focus = (across.max() + across.min()) / 2 * _right(azimuth) + np.median(depth) * towards
    focus[1] = bottom + half_height
    position = focus + half / np.tan(np.radians(FIELD_OF_VIEW / 2)) * towards
    return Camera(_triple(position), _triple(focus))


def _right(azimuth: float) -> NDArray[np.float64]:
    """Unit vector to the right of the picture for a camera at this azimuth."""
    angle = np.radians(azimuth)
    return np.array([np.cos(angle), 0.0, -np.sin(angle)])


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
