"""From tracked landmarks to expression vectors of the open head.

A tracker gives the landmarks of a face in front of a camera: head pose, size, identity and
expression at once. Here they are taken apart in two steps.

1. *Identity* is the neutral shape of the person: the median of frames in which the face is
   neutral, scaled and turned to the open head (Umeyama, 1991). Every frame is then aligned to that
   shape by points that expression moves little.
2. *Expression* and what is left of the *pose* are found together. For the displacement d (153,) of
   the 51 landmarks from the neutral shape, ``d = B psi + M a + e``: B is the linear map of the
   open head (`dfe.face.landmarks`), the seven columns of M are small shifts, turns and a change of
   size, and e is noise. With psi ~ N(0, 1), which is how psi was made, and e ~ N(0, noise^2), the
   most probable psi is a ridge regression with penalty noise^2, in which M costs nothing.

We chose this by how well it finds the faces of `dfe.data.landmark_recovery` again. Of the squared
motion of the landmarks, alignment alone, without M, misses 1.7 times as much as the joint step, and
a joint step after alignment by all points 1.2 times as much; alternating between pose and
expression for ten rounds finds no more (noise of the tracker 0.5 mm, of the fit 1 mm).

The points do not identify psi. All 50 coefficients move some landmark, so the rank of B is full,
but many move them by less than the noise (`identified`): of those psi holds only what comes with
the others. Compare faces by landmarks or tokens, not by single coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import Ridge

from dfe.data.extract.align import similarity_transform
from dfe.face import OpenHead
from dfe.face.landmarks import LANDMARKS, landmark_basis

Floats = NDArray[np.float64]

N_LANDMARKS = len(LANDMARKS)  # 51
#: Bridge and underside of the nose, and the corners of the eyes.
STABLE: tuple[int, ...] = (*range(10, 19), 19, 22, 25, 28)
#: Standard deviation of a coordinate, in millimeters, that the fit reckons with: of the tracker,
#: and of what the open head cannot do. A choice: no tracker states one.
NOISE = 1.0
_ALL, _INNER = 68, 17  # points of the whole scheme, and the first one that is no outline


class LandmarkError(ValueError):
    """Landmarks cannot be fitted; the message says which and why."""


@dataclass(frozen=True, eq=False)
class LandmarkFit:
    """What was found in N frames.

    Attributes
    ----------
    psi
        (N, 50) float32.
    displacements
        (N, 51, 3) float64, offsets of the landmarks from the neutral shape without pose, in
        millimeters on the open head. They hold what psi cannot express, and the noise.
    residual
        (N,) float64, millimeters: root mean square distance over the 51 landmarks between
        `displacements` and those of psi.
    """

    psi: NDArray[np.float32]  # (N, 50)
    displacements: Floats  # (N, 51, 3)
    residual: Floats  # (N,)


def to_head_axes(points: ArrayLike) -> Floats:
    """Points (..., 3) of a camera's axes in the axes of the head.

    The camera of OpenFace looks along z, with x to the right in the picture and y down. The head
    looks along z, with x to the subject's left, which is the right of a picture that is not
    mirrored, and y up.
    """
    return np.asarray(points, np.float64) * (1.0, -1.0, -1.0)


def inner_landmarks(landmarks: ArrayLike) -> Floats:
    """The 51 landmarks (N, 51, 3) of the 68 of the scheme, or of the 51 themselves.

    Raises
    ------
    LandmarkError
        If the shape is another one, or a number is not finite.
    """
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 3 or points.shape[1] not in (_ALL, N_LANDMARKS) or points.shape[2] != 3:
        raise LandmarkError(f"landmarks must be (N, 68, 3) or (N, 51, 3), not {points.shape}")
    if not len(points):
        raise LandmarkError("no frame to fit")
    if (bad := ~np.isfinite(points).all((1, 2))).any():
        raise LandmarkError(f"landmarks of frame {bad.argmax()} are not finite: drop that frame")
    return points[:, -N_LANDMARKS:]


def neutral_shape(landmarks: ArrayLike) -> Floats:
    """The shape of a person's neutral face in the place, turn and size of the open head.

    Parameters
    ----------
    landmarks
        (N, 68, 3) or (N, 51, 3) of frames of one person, in the axes of the head and any unit.
        A median over them is taken, so some other expressions do no harm.

    Returns
    -------
    (51, 3) float64, millimeters

    Raises
    ------
    LandmarkError
        If the landmarks cannot be used, or all points of a frame coincide.
    """
    points = inner_landmarks(landmarks)
    rough = np.median(_aligned(points, _head_landmarks(), range(N_LANDMARKS)), axis=0)
    return np.median(_aligned(points, rough, STABLE), axis=0)  # (51, 3)


def fit_psi(
    landmarks: ArrayLike, neutral: ArrayLike | None = None, noise: float = NOISE
) -> LandmarkFit:
    """Fit the open head to landmarks of one person.

    Parameters
    ----------
    landmarks
        (N, 68, 3) or (N, 51, 3) in the axes of the head, in any unit: the size is taken out.
    neutral
        (51, 3) of `neutral_shape`; None takes the median of these very frames, which moves an
        expression that lasts into the identity.
    noise
        Millimeters; see the text of the file. More of it makes psi smaller.

    Raises
    ------
    LandmarkError
        If the landmarks cannot be used or the noise is not positive.
    """
    if not 0 < noise < np.inf:
        raise LandmarkError(f"noise must be a positive length in millimeters, not {noise}")
    points = inner_landmarks(landmarks)
    shape = neutral_shape(points) if neutral is None else np.asarray(neutral, np.float64)
    if shape.shape != (N_LANDMARKS, 3):
        raise LandmarkError(f"the neutral shape must be (51, 3), not {shape.shape}")
    moved = (_aligned(points, shape, STABLE) - shape).reshape(len(points), -1)  # (N, 153)
    pose, basis = _pose(shape), _basis()  # (153, 7), (50, 153)
    ridge = Ridge(alpha=noise**2, fit_intercept=False)
    ridge.fit(_without(pose, basis).T, _without(pose, moved).T)
    psi = np.atleast_2d(ridge.coef_)  # (N, 50)
    rest = _without(pose, moved - psi @ basis)  # (N, 153)
    squares = np.square(rest).sum(1) / N_LANDMARKS
    whole = (psi @ basis + rest).reshape(-1, N_LANDMARKS, 3)
    return LandmarkFit(psi.astype(np.float32), whole, np.sqrt(squares))


def identified(noise: float = NOISE) -> tuple[int, float]:
    """How much of psi the landmarks of the open head tell when pose is unknown.

    Returns
    -------
    Rank of the map from psi to landmarks, and its effective rank: the sum over its singular values
    s of ``s^2 / (s^2 + noise^2)``, the degrees of freedom of the fit (Hastie, Tibshirani and
    Friedman, 2009, equation 3.50).
    """
    seen = _without(_pose(_head_landmarks()), _basis())  # (50, 153)
    squares = np.square(np.linalg.svd(seen, compute_uv=False))
    return int(np.linalg.matrix_rank(seen)), float((squares / (squares + noise**2)).sum())


def _head_landmarks() -> Floats:
    return OpenHead().template[list(LANDMARKS)].astype(np.float64)  # (51, 3)


def _basis() -> Floats:
    return landmark_basis(OpenHead()).reshape(OpenHead().n_psi, -1)  # (50, 153)


def _aligned(points: Floats, target: Floats, by: range | tuple[int, ...]) -> Floats:
    chosen = list(by)
    try:
        return similarity_transform(points, points[:, chosen], target[chosen])
    except ValueError as error:
        raise LandmarkError(str(error)) from error


def _pose(shape: Floats) -> Floats:
    """Orthonormal columns (153, 7): what small shifts, turns and changes of size do to a shape."""
    centered = shape - shape.mean(0)  # (51, 3)
    shifts = [np.broadcast_to(axis, shape.shape) for axis in np.eye(3)]
    turns = [np.cross(axis, centered) for axis in np.eye(3)]
    modes = np.stack([*shifts, *turns, centered]).reshape(7, -1)
    return np.linalg.qr(modes.T)[0]


def _without(pose: Floats, rows: Floats) -> Floats:
    """Rows (N, 153) without their part along the columns of the pose."""
    return rows - rows @ pose @ pose.T
