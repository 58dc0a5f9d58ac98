"""The 51 inner landmarks of the 68-point scheme as vertices of the open head.

The scheme is that of the 300-W benchmark (Sagonas et al., 2013, ICCV Workshops); points 17 to 67
count from 0 here, so that landmark k is point k + 17. The scheme runs from left to right in the
picture, hence from the subject's right to the subject's left: landmarks 0-4, which some call the
left brow, are the brow at the left of the picture, **the subject's right brow**. All names here
are the subject's sides, as in `OpenHead.region_names` and in the ARKit names.

How the vertices were chosen, on the subject's left side (the right side is the mirror image; the
mesh is exactly symmetric):

- brow: in each of the five columns of the mesh above the eye, the vertex that the brow units move
  most (root of the summed squares of their displacements);
- nose: 10 is level with the inner eye corners, 13 is the foremost point, 11 and 12 divide the
  height between them into thirds; 16 is where the underside of the nose meets the lip, 18 where
  the wing ends, and 17 lies between them;
- eye: on the front edge of the lids; corners where that edge turns, the other points at about one
  and two thirds of the width between them;
- mouth: outer line on the ridge of the upper lip (33 and 35 its peaks) and where the lower lip
  turns down; inner line on the edges at which the closed lips meet; 37 is the outer and 47 the
  inner end of the slit.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.checks import as_rows
from dfe.face.base import FaceModel
from dfe.face.open_head import OpenHead

#: Vertex of each landmark.
LANDMARKS: tuple[int, ...] = (
    *(225, 224, 222, 205, 208),  # right brow, outer to inner end
    *(2390, 2387, 2403, 2405, 2406),  # left brow, inner to outer end
    *(133, 131, 201, 1446),  # bridge of the nose, down to the tip
    *(318, 313, 317, 2483, 2487),  # under the nose, right wing to left wing
    *(24, 0, 54, 66, 47, 41),  # right eye: outer corner, upper lid, inner corner, lower lid
    *(2257, 2245, 2191, 2215, 2232, 2238),  # left eye: inner corner, upper lid, outer corner, ...
    *(422, 1746, 450, 455, 2617, 3832, 2589),  # upper lip, outer line, right to left corner
    *(2573, 2648, 492, 486, 406),  # lower lip, outer line, left to right
    *(429, 470, 474, 2633, 2596),  # upper lip, inner line, right to left
    *(2643, 493, 481),  # lower lip, inner line, left to right
)

#: Landmarks of each region, in the order of the scheme.
LANDMARK_REGIONS: Mapping[str, slice] = MappingProxyType(
    {
        "brow_right": slice(0, 5),
        "brow_left": slice(5, 10),
        "nose": slice(10, 19),
        "eye_right": slice(19, 25),
        "eye_left": slice(25, 31),
        "mouth": slice(31, 51),
    }
)

#: Landmark on the other side of the face; those on the midline are their own.
MIRROR: tuple[int, ...] = (
    *range(9, -1, -1),  # brows
    *(10, 11, 12, 13, 18, 17, 16, 15, 14),  # nose
    *(28, 27, 26, 25, 30, 29),  # right eye
    *(22, 21, 20, 19, 24, 23),  # left eye
    *(37, 36, 35, 34, 33, 32, 31, 42, 41, 40, 39, 38),  # lips, outer line
    *(47, 46, 45, 44, 43, 50, 49, 48),  # lips, inner line
)


def landmark_basis(face: FaceModel) -> NDArray[np.float64]:
    """Displacement of the landmarks by each coefficient at 1.

    Returns
    -------
    (50, 51, 3) float64, millimeters

    Raises
    ------
    ValueError
        The face is not the open head, whose vertices the landmarks are.
    """
    if face.name != OpenHead.name:
        raise ValueError(f"the landmarks are vertices of {OpenHead.name!r}, not of {face.name!r}")
    each = face.displacements(np.eye(face.n_psi, dtype=np.float32))  # (P, V, 3)
    return each[:, LANDMARKS].astype(np.float64)  # (P, 51, 3)


def landmark_displacements(face: FaceModel, psi: ArrayLike) -> NDArray[np.float64]:
    """Offsets of the landmarks from the neutral face.

    Parameters
    ----------
    face
        The open head.
    psi
        (N, 50) floating point.

    Returns
    -------
    (N, 51, 3) float64, millimeters

    Raises
    ------
    TypeError, ValueError
        psi is not finite floats of shape (N, 50), or the face is another one.
    """
    rows = as_rows(psi, face.n_psi, "psi").astype(np.float64)
    basis = landmark_basis(face)  # (P, 51, 3)
    return (rows @ basis.reshape(len(basis), -1)).reshape(len(rows), *basis.shape[1:])
