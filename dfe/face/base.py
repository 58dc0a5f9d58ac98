"""What the rest of the project may expect of a face model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

N_PSI = 50  # length of an expression vector (paper, section 4.3)


@runtime_checkable
class FaceModel(Protocol):
    """A triangle mesh driven by an expression vector; psi = 0 is the neutral face.

    Attributes
    ----------
    name
        The name under which `load_face` finds the model.
    n_psi
        Length of the expression vector.
    template
        (V, 3) float32, millimetres, the neutral face; x to the subject's left, y up,
        z forward.
    triangles
        (F, 3) int32, vertex indices, counter-clockwise seen from outside.
    region_names
        Names of the face regions.
    regions
        (V,) integer, index into `region_names`.
    """

    name: str
    n_psi: int
    template: NDArray[np.float32]
    triangles: NDArray[np.int32]
    region_names: tuple[str, ...]
    regions: NDArray[np.uint8]

    def displacements(self, psi: ArrayLike) -> NDArray[np.float32]:
        """Return (N, V, 3) float32 offsets from the neutral face, millimetres."""
        ...

    def vertices(self, psi: ArrayLike) -> NDArray[np.float32]:
        """Return (N, V, 3) float32 vertex positions, millimetres."""
        ...
