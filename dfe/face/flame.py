"""FLAME as a face model: the mesh that the paper's equation 1 gives, from the reader's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from dfe.checks import as_rows
from dfe.face.base import N_PSI
from dfe.face.flame_file import EYE_LEFT, EYE_RIGHT, JAW, FlameFile, read_flame

MILLIMETERS = 1000.0  # per meter, the unit of the file
REGION_NAMES = ("eyeball_left", "eyeball_right", "jaw", "upper_left", "upper_right", "rest")
PART_NAMES = ("skin", "eye_left", "eye_right")
# A vertex is at rest when random psi moves it by less than this share of what it moves the most
# mobile one. On the open head this leaves 4 % of the brows at rest, and 94 % of its own rest.
QUIET = 0.02
_JAW_ENTRIES = slice(9 * (JAW - 1), 9 * JAW)  # in the correctives; the root has none


class Flame:
    """FLAME with a neutral shape: M = W(T + B_e(psi), J, theta), theta being the jaw alone.

    The 50 coefficients are the first 50 of the expression block, as DECA and EMOCA use them. The
    jaw is pose, not expression: without `jaw` the mouth stays as psi leaves it, which is what
    tokens of psi show.

    Equation 1 writes the joints as J(beta). The implementations of FLAME take them from the mesh
    with its expression, J(T + B_e(psi)), and so does this one.

    The axes are those of the file: x to the subject's left, y up, z forward. The origin moves to
    the midpoint of the eye joints, as in `OpenHead`, and meters become millimeters.

    Attributes
    ----------
    template
        (V, 3) float32, millimeters, read-only as all arrays here.
    triangles
        (F, 3) int32.
    basis
        (50, 3V) float32, displacement of each coefficient at 1, millimeters.
    origin
        (3,) float64, millimeters: add it to get the coordinates of the file.
    part_names, parts
        Skin and eyeballs; a vertex is of the eyeball whose joint has the largest share in it.
    region_names, regions
        A coarse division that needs no more than the file: the eyeballs; the jaw, whose joint has
        the largest share in a vertex; the rest of the head, which hardly moves with psi; and what
        remains, left and right. The file does not tell brows, nose, cheeks and lips apart.
    provenance
        Name and sha256 of the file.
    """

    name = "flame"
    n_psi = N_PSI
    region_names: tuple[str, ...] = REGION_NAMES
    part_names: tuple[str, ...] = PART_NAMES

    def __init__(self, path: str | Path) -> None:
        """Read a model file; see `dfe.face.flame_file.read_flame`.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        FlameError
            The file is not a FLAME model, or holds more than arrays.
        """
        file = read_flame(path)
        joints = file.regressor @ file.template * MILLIMETERS  # (5, 3)
        expression = file.expression[:, :, :N_PSI].transpose(2, 0, 1) * MILLIMETERS  # (P, V, 3)
        self.origin = joints[[EYE_LEFT, EYE_RIGHT]].mean(axis=0)
        self.template = (file.template * MILLIMETERS - self.origin).astype(np.float32)
        self.triangles = file.triangles
        self.basis = expression.reshape(N_PSI, -1).astype(np.float32)
        self.parts = _parts(file)
        self.regions = _regions(file, self.parts, self.template[:, 0])
        self.provenance = {"file": Path(path).name, "sha256": file.sha256}
        self._hinge = (joints[JAW] - self.origin).astype(np.float32)  # (3,)
        self._hinge_basis = (file.regressor[JAW] @ expression).astype(np.float32)  # (P, 3)
        self._jaw_share = file.skinning[:, JAW].astype(np.float32)  # (V,)
        correctives = file.correctives[:, :, _JAW_ENTRIES].transpose(2, 0, 1) * MILLIMETERS
        self._correctives = correctives.reshape(9, -1).astype(np.float32)  # (9, 3V)
        for array in vars(self).values():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    def displacements(self, psi: ArrayLike, jaw: ArrayLike | None = None) -> NDArray[np.float32]:
        """Offsets from the neutral face.

        Parameters
        ----------
        psi
            (N, 50) or (50,) floating point.
        jaw
            (N, 3) or (3,) floating point, rotation of the jaw in the axis-angle form of FLAME's
            pose, radians; a positive first component opens the mouth. One is used for all psi.

        Returns
        -------
        (N, V, 3) float32, millimeters

        Raises
        ------
        TypeError, ValueError
            An argument is not finite floats of this shape, or the numbers of rows differ.
        """
        rows = as_rows(psi, self.n_psi, "psi")
        moved = (rows @ self.basis).reshape(len(rows), *self.template.shape)
        if jaw is None:
            return moved
        turns = as_rows(jaw, 3, "jaw")
        if len(turns) not in (1, len(rows)):
            raise ValueError(f"jaw: expected 1 or {len(rows)} rows, as many as psi's: {len(turns)}")
        return self._turned(rows, moved, np.broadcast_to(turns, (len(rows), 3)))

    def _turned(
        self, psi: NDArray[np.float32], moved: NDArray[np.float32], turns: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Turn the jaw of displaced faces (N, V, 3): pose correctives, then skinning.

        With all other joints at rest, and weights w that add up to 1, linear blend skinning is
        v + w_jaw (R - I) (v - j), with j the joint of the jaw.
        """
        matrices = Rotation.from_rotvec(turns.astype(np.float64)).as_matrix()
        excess = (matrices - np.eye(3)).astype(np.float32)  # (N, 3, 3), R - I
        moved = moved + (excess.reshape(-1, 9) @ self._correctives).reshape(moved.shape)
        hinge = self._hinge + psi @ self._hinge_basis  # (N, 3)
        arm = self.template + moved - hinge[:, None]  # (N, V, 3)
        arm = arm @ excess.transpose(0, 2, 1)
        return np.asarray(moved + self._jaw_share[:, None] * arm)

    def vertices(self, psi: ArrayLike, jaw: ArrayLike | None = None) -> NDArray[np.float32]:
        """Vertex positions (N, V, 3) float32, millimeters; see `displacements`.

        Raises
        ------
        TypeError, ValueError
            As `displacements`.
        """
        return self.template + self.displacements(psi, jaw)


def _parts(file: FlameFile) -> NDArray[np.uint8]:
    """Return (V,) an index into `PART_NAMES`."""
    leader = file.skinning.argmax(axis=1)  # (V,) the joint with the largest share
    return np.select([leader == EYE_LEFT, leader == EYE_RIGHT], [1, 2], 0).astype(np.uint8)


def _regions(
    file: FlameFile, parts: NDArray[np.uint8], x: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return (V,) an index into `REGION_NAMES`; psi counts as independent with unit variance."""
    spread = np.linalg.norm(file.expression[:, :, :N_PSI], axis=(1, 2))  # (V,)
    conditions = [
        parts == PART_NAMES.index("eye_left"),
        parts == PART_NAMES.index("eye_right"),
        spread < QUIET * spread.max(),
        file.skinning.argmax(axis=1) == JAW,
        x >= 0,
    ]
    names = ("eyeball_left", "eyeball_right", "rest", "jaw", "upper_left")
    labels = [REGION_NAMES.index(name) for name in names]
    return np.select(conditions, labels, REGION_NAMES.index("upper_right")).astype(np.uint8)
