"""The open head: MakeHuman/MPFB data (CC0) behind a 50-dimensional expression space."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.checks import as_rows
from dfe.face.asset import FaceAsset, read_asset

ASSET = Path(__file__).parent / "assets" / "open_head.safetensors"
_read_once = cache(read_asset)


class OpenHead:
    """A head with eyes, teeth and tongue, driven by 86 units or by 50 coefficients.

    Units are the 52 ARKit shapes and 34 expression units of MakeHuman. The expression vector psi
    holds the coefficients of the principal directions of a designed distribution of unit weights
    about the neutral face (`dfe.face.basis`); each has unit standard deviation on that
    distribution, and psi = 0 is neutral. Every map is a matrix product.

    The arrays are shared between instances and read-only.

    Attributes
    ----------
    template
        (V, 3) float32, millimetres; the origin is midway between the eyeballs.
    triangles
        (F, 3) int32, counter-clockwise seen from outside.
    region_names, regions
        Names of the face regions, and each vertex' index into them, (V,).
    part_names, parts
        Skin, eyes, teeth and tongue, in the same way.
    unit_names
        86 names; the ARKit names come first.
    arkit_names
        The first 52 of them.
    unit_displacements
        (86, V, 3) float32, millimetres, each unit at weight 1.
    provenance
        Source, licence and versions of the data.
    """

    name = "open-head"

    def __init__(self, path: Path = ASSET) -> None:
        """Load the packaged asset, or another one of the same format.

        Raises
        ------
        FileNotFoundError, ValueError
            The asset is missing or damaged.
        """
        asset = _read_once(path)
        for array in vars(asset).values():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
        self._asset: FaceAsset = asset
        self.n_psi = asset.to_units.shape[0]
        self.template = asset.template
        self.triangles = asset.triangles
        self.region_names, self.regions = asset.region_names, asset.regions
        self.part_names, self.parts = asset.part_names, asset.parts
        self.unit_names = asset.unit_names
        self.arkit_names = tuple(n for n in asset.unit_names if not n.startswith("unit/"))
        self.unit_displacements = asset.units
        self.provenance = asset.provenance

    @cached_property
    def basis(self) -> NDArray[np.float32]:
        """Displacement of each coefficient at 1, (50, 3V) float32, millimetres."""
        return self._asset.to_units @ self._flat_units  # (P, A) @ (A, 3V)

    @property
    def _flat_units(self) -> NDArray[np.float32]:
        """Units as rows, (86, 3V), without a copy."""
        return self.unit_displacements.reshape(len(self.unit_names), -1)

    def units_to_psi(self, weights: ArrayLike) -> NDArray[np.float32]:
        """Project unit weights (N, 86) on the expression space; returns (N, 50) float32.

        Raises
        ------
        TypeError, ValueError
            The weights are not finite floats of this shape.
        """
        return as_rows(weights, len(self.unit_names), "unit weights") @ self._asset.to_psi

    def psi_to_units(self, psi: ArrayLike) -> NDArray[np.float32]:
        """Return unit weights (N, 86) float32 that give the same face; they may be negative.

        Raises
        ------
        TypeError, ValueError
            psi is not finite floats of shape (N, 50).
        """
        return as_rows(psi, self.n_psi, "psi") @ self._asset.to_units

    def displacements(self, psi: ArrayLike) -> NDArray[np.float32]:
        """Return (N, V, 3) float32 offsets from the neutral face, millimetres.

        Raises
        ------
        TypeError, ValueError
            psi is not finite floats of shape (N, 50).
        """
        rows = as_rows(psi, self.n_psi, "psi")
        return (rows @ self.basis).reshape(len(rows), *self.template.shape)

    def vertices(self, psi: ArrayLike) -> NDArray[np.float32]:
        """Return (N, V, 3) float32 vertex positions, millimetres.

        Raises
        ------
        TypeError, ValueError
            psi is not finite floats of shape (N, 50).
        """
        return self.template + self.displacements(psi)
