"""Similarity alignment of face landmarks to the canonical face.

Alignment takes head pose, position and size out of landmarks, so that what is left is the shape
of the face: identity and expression. It uses points that expression moves little, because a
fit over all points would turn an opening jaw into a head that nods and grows.
"""

from __future__ import annotations

import numpy as np

from dfe.data.extract.canonical import canonical_face

_MIDLINE = (10, 151, 168, 6)  # top of the forehead, glabella, nasal root and bridge
_RIGHT = (109, 67, 103, 54, 21, 162, 127, 139, 34, 193, 122, 33, 133)  # subject's right
_LEFT = (338, 297, 332, 284, 251, 389, 356, 368, 264, 417, 351, 263, 362)

#: Forehead, temples, nasal root and eye corners. On the real clips they move 1.2 mm (root mean
#: square about each clip's median) after alignment; the median point 1.9 mm, lips and chin 4 mm.
RIGID_POINTS: tuple[int, ...] = (*_MIDLINE, *_RIGHT, *_LEFT)


def align_landmarks(landmarks: np.ndarray) -> np.ndarray:
    """Align landmarks to the canonical face by scale, rotation and translation.

    The transform of each frame is the least-squares fit of `RIGID_POINTS` (Umeyama, 1991,
    equations 40 to 42; no reflection).

    Parameters
    ----------
    landmarks
        (N, 478, 3) in any unit that is the same for the three axes.

    Returns
    -------
    (N, 478, 3) float32, millimetres; x to the subject's left, y up, z out of the face.

    Raises
    ------
    ValueError
        If the shape differs, a number is not finite, or the points of a frame coincide.
    """
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 3 or points.shape[1:] != (478, 3):
        raise ValueError(f"landmarks must have shape (N, 478, 3), not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"landmarks of row {_first_row(~np.isfinite(points))} are not finite")
    target = canonical_face()[list(RIGID_POINTS)]  # (P, 3)
    return similarity_transform(points, points[:, RIGID_POINTS], target).astype(np.float32)


def similarity_transform(points: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Apply to `points` (N, M, 3) the similarity that best maps `source` (N, P, 3) to `target`.

    Raises
    ------
    ValueError
        If the source points of a row coincide, which leaves the scale undefined.
    """
    center = source.mean(1, keepdims=True)  # (N, 1, 3)
    centered = source - center  # (N, P, 3)
    spread = (centered**2).sum((1, 2))  # (N,)
    if not (spread > 0).all():
        raise ValueError(f"the points of row {_first_row(spread <= 0)} coincide: nothing to align")
    covariance = np.swapaxes(centered, 1, 2) @ (target - target.mean(0))  # (N, 3, 3)
    u, singular, vt = np.linalg.svd(covariance)
    sign = np.ones_like(singular)  # (N, 3)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))  # a mirrored fit is no rotation
    rotation = (u * sign[:, None, :]) @ vt  # (N, 3, 3)
    scale = (singular * sign).sum(1) / spread  # (N,)
    return scale[:, None, None] * ((points - center) @ rotation) + target.mean(0)


def _first_row(bad: np.ndarray) -> int:
    return int(np.argwhere(bad)[0][0])
