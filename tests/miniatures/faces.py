"""A dozen faces that all miniatures show: expression vectors, their action units, their looks.

Whatever a program says of a frame follows from the face that the frame shows, so a test can tell
from the numbers alone which face was read, and a frame that slips by one is seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dfe.action_units import AU_NAMES
from dfe.face.base import N_PSI

Rng = np.random.Generator
Faces = NDArray[np.int64]  # (T,)
Values = NDArray[np.float64]

NOISE = 0.02  # sd of a number of psi between two frames of one face
WIDTH = 768  # of an embedding

#: Movement -> action units that it raises.
MOVEMENTS = (("AU1", "AU2"), ("AU4", "AU7"), ("AU6", "AU12"), ("AU10", "AU15"), ("AU23", "AU24"),
             ("AU25", "AU26"))  # fmt: skip
_PARTS = ((0,), (1,), (2,), (3,), (4,), (5,), (0, 5), (1, 3), (2, 5), (1, 4), (0, 2), (3, 4))
N_FACES = len(_PARTS)

_fixed = np.random.default_rng(20240611)
#: (6, 50) what each movement adds to psi.
DIRECTIONS = 2.5 * np.linalg.qr(_fixed.normal(size=(N_PSI, len(MOVEMENTS))))[0].T
_SMIRK = np.linalg.qr(_fixed.normal(size=(N_PSI, N_PSI)))[0]
_BASIS = np.linalg.qr(_fixed.normal(size=(N_PSI, N_PSI)))[0]
_LOOKS = _fixed.normal(size=(N_PSI, WIDTH)) / 7

#: (12, 50) expression vectors and (12, 12) action units, in the order of `AU_NAMES`.
FACES = np.stack([DIRECTIONS[list(part)].sum(0) for part in _PARTS])
UNITS = np.array(
    [[any(unit in MOVEMENTS[m] for m in part) for unit in AU_NAMES] for part in _PARTS], int
)


#: Extractor -> (12, D) what it says of each face, without noise.
SEEN = {
    "emoca": FACES,
    "smirk": FACES @ _SMIRK,
    "facial-basis": FACES @ _BASIS,
    "mae-face": FACES @ _LOOKS,
}


def psi(faces: Faces, rng: Rng) -> Values:
    """(T, 50) as EMOCA sees the frames."""
    return FACES[faces] + rng.normal(0, NOISE, (len(faces), N_PSI))


def smirk(faces: Faces, rng: Rng) -> Values:
    """(T, 50) of another fit of the same model: the numbers have another meaning."""
    return psi(faces, rng) @ _SMIRK


def local(faces: Faces, rng: Rng) -> Values:
    """(T, 50) coefficients of Facial Basis."""
    return psi(faces, rng) @ _BASIS


def looks(faces: Faces, rng: Rng) -> Values:
    """(T, 768) embeddings."""
    return psi(faces, rng) @ _LOOKS


def draw(rng: Rng, frames: int, favoured: Sequence[int] = ()) -> Faces:
    """Faces of a clip, (T,): three of four frames show a favoured one, and none comes twice in a
    row, so that each frame differs from its neighbours."""
    found: list[int] = []
    for _ in range(frames):
        few = [face for face in favoured if [face] != found[-1:]] if rng.random() < 0.75 else []
        some = few or [face for face in range(N_FACES) if [face] != found[-1:]]
        found.append(int(rng.choice(some)))
    return np.array(found, np.int64)


def recognize(extractor: str, columns: Sequence[str], values: Values) -> Faces:
    """(M,) which face a program saw, by its values (M, D) of single frames."""
    if not (units := _unit_columns(columns)):
        return _nearest(values, SEEN[extractor])
    names = [name for name in AU_NAMES if name in units]
    on = [values[:, units[name]] > (1.5 if "_intensity" in columns[units[name]] else 0.5)
          for name in names]  # fmt: skip
    known = UNITS[:, [AU_NAMES.index(name) for name in names]]  # (12, U)
    return _nearest(np.stack(on, 1).astype(float), known.astype(float))


def _unit_columns(columns: Sequence[str]) -> dict[str, int]:
    """Action unit -> column that says whether it is there, else that with its intensity."""
    found: dict[str, int] = {}
    for place, name in enumerate(columns):
        if name.startswith("AU") and not name.endswith("_r"):
            unit = f"AU{int(name[2:].removesuffix('_c').removesuffix('_intensity'))}"
            found.setdefault(unit, place)
    return found


def _nearest(values: Values, of: Values) -> Faces:
    return np.linalg.norm(values[:, None] - of[None], axis=2).argmin(1)
