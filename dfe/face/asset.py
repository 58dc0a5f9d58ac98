"""The packaged face asset: one safetensors file with quantised, sparse units."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dfe.files import atomic

STEP_MM = 0.002  # one count of a stored displacement; int16 then reaches 65 mm


@dataclass(frozen=True)
class FaceAsset:
    """Everything that a packaged face model holds, for V vertices, F triangles, A units.

    template : (V, 3) float32, millimetres.
    triangles : (F, 3) int32.
    regions, parts : (V,) uint8, index into the names of the same kind.
    units : (A, V, 3) float32, millimetres, a multiple of `STEP_MM`.
    to_psi : (A, P) float32; to_units : (P, A) float32: see `dfe.face.basis.ExpressionBasis`.
    region_names, part_names, unit_names : names, in order.
    provenance : where the data come from, and under which terms.
    """

    template: NDArray[np.float32]
    triangles: NDArray[np.int32]
    regions: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    units: NDArray[np.float32]
    to_psi: NDArray[np.float32]
    to_units: NDArray[np.float32]
    region_names: tuple[str, ...]
    part_names: tuple[str, ...]
    unit_names: tuple[str, ...]
    provenance: dict[str, Any]


_DENSE = ("template", "triangles", "regions", "parts", "to_psi", "to_units")
_NAMES = ("region_names", "part_names", "unit_names", "provenance")


def quantise(units: NDArray[np.float64]) -> NDArray[np.int16]:
    """Round displacements (A, V, 3) in millimetres to int16 counts of `STEP_MM`."""
    counts = np.round(units / STEP_MM)
    limit = np.iinfo(np.int16).max
    if np.abs(counts).max(initial=0) > limit:
        raise ValueError(
            f"a unit moves a vertex by {np.abs(units).max():.1f} mm; the asset format holds at "
            f"most {limit * STEP_MM:.1f} mm"
        )
    return counts.astype(np.int16)


def dequantise(counts: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return displacements (A, V, 3) float32 in millimetres."""
    return (counts * np.float64(STEP_MM)).astype(np.float32)


def write_asset(asset: FaceAsset, path: Path) -> None:
    """Write a `FaceAsset`; the same content gives the same bytes."""
    counts = quantise(asset.units.astype(np.float64))
    moved = counts.any(axis=2)  # (A, V)
    tensors = {name: getattr(asset, name) for name in _DENSE}
    tensors["unit_counts"] = counts[moved]  # (nnz, 3) int16, unit by unit
    tensors["unit_vertices"] = np.nonzero(moved)[1].astype(np.uint16)  # (nnz,)
    tensors["unit_sizes"] = moved.sum(axis=1).astype(np.int32)  # (A,)
    # One entry only: safetensors does not promise an order among several.
    header = json.dumps({name: getattr(asset, name) for name in _NAMES}, sort_keys=True)
    data = save({k: np.ascontiguousarray(v) for k, v in tensors.items()}, {"face": header})
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def read_asset(path: Path) -> FaceAsset:
    """Read a `FaceAsset` and expand its units.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is damaged or is not a face asset.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the face asset is missing; see dfe.face.build_open_head")
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads(file.metadata()["face"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        names = {name: header[name] for name in _NAMES}
        dense = {name: tensors[name] for name in _DENSE}
        units = _expand(tensors, len(dense["template"]))
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: not a readable face asset ({error})") from error
    names = {k: tuple(v) if isinstance(v, list) else v for k, v in names.items()}
    return FaceAsset(units=units, **dense, **names)


def _expand(tensors: dict[str, NDArray[Any]], n_vertices: int) -> NDArray[np.float32]:
    """Return the sparse units as a dense array, (A, V, 3) float32 millimetres."""
    sizes = tensors["unit_sizes"]
    counts = np.zeros((len(sizes), n_vertices, 3), np.int16)
    unit = np.repeat(np.arange(len(sizes)), sizes)
    counts[unit, tensors["unit_vertices"]] = tensors["unit_counts"]
    return dequantise(counts)
