"""The canonical face of MediaPipe: 468 fixed points in millimetres.

`assets/canonical_face.csv` was written by ``python -m dfe.data.extract.canonical MODEL CSV`` from
the geometry metadata inside `face_landmarker_v2.task` (The MediaPipe Authors, Apache License 2.0;
centimetres there). x points to the subject's left, y up, z out of the face. The landmarker's ten
iris points, 468 to 477, have no place in it.
"""

from __future__ import annotations

import sys
import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

N_CANONICAL = 468
_METADATA = "geometry_pipeline_metadata_landmarks.binarypb"
_VERTEX_WIDTH = 5  # x, y, z, u, v
_MESH_START = b"\x08\x00\x10\x00"  # Mesh3d: vertex_type = 0, primitive_type = 0
_VERTEX_FIELD = np.dtype([("tag", "u1"), ("value", "<f4")])  # field 3, wire type 5: tag 0x1d
_VERTEX_TAG = 0x1D


@cache
def canonical_face() -> np.ndarray:
    """(468, 3) float64 canonical points, millimetres, read-only."""
    asset = files("dfe.data.extract") / "assets" / "canonical_face.csv"
    points = np.loadtxt(asset.read_text(encoding="utf-8").splitlines(), delimiter=",")
    points.setflags(write=False)
    return points


def read_canonical_face(model: Path) -> np.ndarray:
    """Read the (468, 3) float64 canonical points, millimetres, out of a face landmarker model.

    The protocol buffer stores them as one run of unpacked 32-bit floats, so no schema is needed.

    Raises
    ------
    ValueError
        If the model holds no such run.
    """
    with zipfile.ZipFile(model) as archive:
        data = archive.read(_METADATA)
    start = data.find(_MESH_START) + len(_MESH_START)
    fields = np.frombuffer(data, _VERTEX_FIELD, N_CANONICAL * _VERTEX_WIDTH, start)
    if start < len(_MESH_START) or (fields["tag"] != _VERTEX_TAG).any():
        raise ValueError(f"{model}: {_METADATA} does not start with a mesh of 468 vertices")
    vertices = fields["value"].reshape(N_CANONICAL, _VERTEX_WIDTH)  # (468, 5)
    return vertices[:, :3].astype(np.float64) * 10  # centimetres to millimetres


if __name__ == "__main__":
    np.savetxt(
        sys.argv[2],
        read_canonical_face(Path(sys.argv[1])),
        fmt="%.5f",
        delimiter=",",
        header="MediaPipe canonical face model, (c) The MediaPipe Authors, Apache License 2.0\n"
        "row = landmark index; columns = x (subject's left), y (up), z (out of the face), mm",
    )
