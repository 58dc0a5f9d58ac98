"""How well the fit of landmarks finds simulated faces again.

The faces have what the fit has to take out: a head pose, a distance from the camera, the size and
the identity of a person, and noise of the tracker. Identities are no statistics of real people:
they stretch and shear the face of the open head by a few percent and bend it smoothly by a few
millimeters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dfe.data.landmark_fit import NOISE, LandmarkFit, fit_psi, neutral_shape
from dfe.face import OpenHead
from dfe.face.landmarks import LANDMARK_REGIONS, LANDMARKS, landmark_displacements

Floats = NDArray[np.float64]

NEUTRAL_FRAMES = 60  # of each person
_STRETCH, _BEND, _SIZE = 0.05, 1.2, 0.08  # standard deviations: shares, millimeters, share
_WAVES, _WAVELENGTH = 4, 45.0  # how many bend a face; millimeters per radian
_TURN = (10.0, 20.0, 5.0)  # degrees: nod, turn and tilt
_PLACE, _DISTANCE = 30.0, 600.0  # millimeters


class Person(NamedTuple):
    """Landmarks of one simulated person as a camera sees them, in the axes of the head."""

    frames: Floats  # (N, 51, 3) millimeters
    neutral: Floats  # (60, 51, 3), frames of the neutral face


def simulate_person(psi: NDArray[np.float32], rng: np.random.Generator, noise: float) -> Person:
    """Landmarks of a person with a new identity, who shows psi (N, 50) from changing views.

    Parameters
    ----------
    noise
        Standard deviation of each coordinate, millimeters.
    """
    shape, size = _identity(rng), 1 + _SIZE * rng.standard_normal()
    rest = np.zeros((NEUTRAL_FRAMES, psi.shape[1]), np.float32)
    seen = [
        _posed(size * (shape + landmark_displacements(OpenHead(), shown)), rng, noise)
        for shown in (psi, rest)
    ]
    return Person(*seen)


def _identity(rng: np.random.Generator) -> Floats:
    """Neutral landmarks (51, 3) of somebody else, as large as the open head."""
    own = OpenHead().template[list(LANDMARKS)].astype(np.float64)
    bent = own + own @ rng.normal(0, _STRETCH, (3, 3))
    for _ in range(_WAVES):
        phase = own @ rng.normal(0, 1.5, 3) / _WAVELENGTH + rng.uniform(0, 2 * np.pi)  # (51,)
        bent += np.cos(phase)[:, None] * rng.normal(0, _BEND, 3)
    centered = bent - bent.mean(0)
    return centered * np.linalg.norm(own - own.mean(0)) / np.linalg.norm(centered)


def _posed(points: Floats, rng: np.random.Generator, noise: float) -> Floats:
    angles = rng.normal(0, _TURN, (len(points), 3))
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()  # (N, 3, 3)
    place = rng.normal(0, _PLACE, (len(points), 1, 3)) - (0, 0, _DISTANCE)
    seen = points @ np.swapaxes(turn, 1, 2) + place
    return seen + rng.normal(0, noise, seen.shape)


def recovery(
    psi: NDArray[np.float32],
    people: int = 4,
    noise: float = 0.5,
    fit_noise: float = NOISE,
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate people who share the frames of psi (N, 50) out, fit them, and compare.

    Parameters
    ----------
    people
        How many; each shows N / people of the frames, and has a neutral shape of its own.
    noise
        Of the tracker, millimeters.
    fit_noise
        What the fit reckons with.

    Returns
    -------
    A row for each region of the face and one for ``all``. ``motion`` and ``residual``: root mean
    square distance of a landmark from its neutral place, and between measurement and fit,
    millimeters. ``measured`` and ``fitted``: share of the squared motion that is found by the
    displacements and by those of the fitted psi. The attribute ``psi`` of the table holds the
    share of the squared coefficients that is found.
    """
    rng = np.random.default_rng(seed)
    fits = []
    for part in np.array_split(psi, people):
        seen = simulate_person(part, rng, noise)
        fits.append(fit_psi(seen.frames, neutral_shape(seen.neutral), fit_noise))
    return _compared(psi, fits)


def _compared(psi: NDArray[np.float32], fits: list[LandmarkFit]) -> pd.DataFrame:
    found = np.concatenate([fit.psi for fit in fits])
    measured = np.concatenate([fit.displacements for fit in fits])  # (N, 51, 3)
    truth, fitted = (landmark_displacements(OpenHead(), each) for each in (psi, found))
    places = dict(LANDMARK_REGIONS) | {"all": slice(None)}
    rows = {
        name: {
            "motion": _distance(truth[:, part]),
            "residual": _distance((measured - fitted)[:, part]),
            "measured": _share(truth[:, part], measured[:, part]),
            "fitted": _share(truth[:, part], fitted[:, part]),
        }
        for name, part in places.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("region")
    table.attrs["psi"] = _share(psi.astype(np.float64), found.astype(np.float64))
    return table


def _distance(offsets: Floats) -> float:
    """Root mean square length of vectors (N, L, 3)."""
    return float(np.sqrt(np.square(offsets).sum(-1).mean()))


def _share(truth: Floats, found: Floats) -> float:
    """Share of the sum of squares that is found; negative where the errors are larger."""
    return 1 - float(np.square(found - truth).sum() / np.square(truth).sum())
