"""A recorded ARKit performance in a binary glTF file: the weights of its morph targets over time.

Reads just what such a track needs of glTF 2.0 (Khronos Group, 2021) and of the extension
EXT_meshopt_compression. The mesh itself stays unread.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dfe.data.extract.arkit import to_arkit_order
from dfe.data.extract.errors import ExtractionError
from dfe.data.extract.frames import Frames
from dfe.data.extract.meshopt import MeshoptError, decode_attributes

_MAGIC, _VERSION = b"glTF", 2
_JSON, _BINARY = 0x4E4F534A, 0x004E4942  # chunk types
_MESHOPT = "EXT_meshopt_compression"
_COMPONENTS = {5121: "<u1", 5123: "<u2", 5126: "<f4"}  # glTF component types of such tracks


class Glb(NamedTuple):
    """The two chunks of a binary glTF file."""

    document: dict[str, Any]
    binary: bytes


def glb_frames(path: Path) -> Frames:
    """Extract the keyframes of the morph-target animation of a `.glb` file.

    Keyframe times are the timestamps. There are no landmarks.

    Raises
    ------
    ExtractionError
        If the file is missing, damaged, uses an encoding that is not read here, or its morph
        targets are not the 52 ARKit shapes.
    """
    glb = read_glb(path)
    try:
        sampler, names = _weight_track(glb.document)
        times = read_accessor(glb, sampler["input"]).astype(np.float64)  # (N,)
        weights = read_accessor(glb, sampler["output"]).reshape(len(times), len(names))
        scores = to_arkit_order(names, weights)
    except (ExtractionError, MeshoptError, LookupError, TypeError, ValueError) as error:
        raise ExtractionError(f"{path}: no readable ARKit weight track ({error})") from error
    return Frames(np.arange(len(times), dtype=np.int64), times, scores, None, Counter())


def read_glb(path: Path) -> Glb:
    """Split a binary glTF file into its JSON document and its binary chunk.

    Raises
    ------
    ExtractionError
        If the file is missing, is not binary glTF 2, or is shorter than its header says.
    """
    if not path.is_file():
        raise ExtractionError(f"{path}: no such file; fetch its data set again")
    data = path.read_bytes()
    try:
        magic, version, length = struct.unpack_from("<4sII", data)
        if (magic, version) != (_MAGIC, _VERSION) or length > len(data):
            raise ValueError(f"{len(data)} bytes of {length}, version {version}, magic {magic!r}")
        chunks = _chunks(data[12:length])
        return Glb(json.loads(chunks[_JSON]), chunks[_BINARY])
    except (struct.error, KeyError, ValueError) as error:
        raise ExtractionError(f"{path}: not a whole binary glTF 2 file ({error})") from error


def _chunks(data: bytes) -> dict[int, bytes]:
    chunks, start = {}, 0
    while start < len(data):
        length, kind = struct.unpack_from("<II", data, start)
        chunks[kind] = data[start + 8 : start + 8 + length]
        start += 8 + length
    return chunks


def _weight_track(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Find the sampler that drives morph-target weights, and the names of its targets."""
    for animation in document["animations"]:
        for channel in animation["channels"]:
            if channel["target"]["path"] == "weights":
                sampler = animation["samplers"][channel["sampler"]]
                if sampler.get("interpolation", "LINEAR") == "CUBICSPLINE":
                    raise ExtractionError("cubic spline keyframes are not read")
                node = document["nodes"][channel["target"]["node"]]
                return sampler, document["meshes"][node["mesh"]]["extras"]["targetNames"]
    raise ExtractionError("no animation drives morph-target weights")


def read_accessor(glb: Glb, index: int) -> np.ndarray:
    """Read a scalar accessor: (count,) float32, scaled to [0, 1] where it says `normalized`.

    Raises
    ------
    ExtractionError
        If it is not a list of scalars of a known type, or its bytes are not all there.
    """
    accessor = glb.document["accessors"][index]
    if accessor["type"] != "SCALAR" or accessor["componentType"] not in _COMPONENTS:
        raise ExtractionError(f"accessor {index}: type {accessor['type']} is not read")
    dtype = np.dtype(_COMPONENTS[accessor["componentType"]])
    view = _view_bytes(glb, accessor["bufferView"])
    start, count = accessor.get("byteOffset", 0), accessor["count"]
    if start + count * dtype.itemsize > len(view):
        raise ExtractionError(f"accessor {index}: {count} values do not fit its buffer view")
    values = np.frombuffer(view, dtype, count, start).astype(np.float32)
    return values / np.iinfo(dtype).max if accessor.get("normalized") else values


def _view_bytes(glb: Glb, index: int) -> bytes:
    view = glb.document["bufferViews"][index]
    compressed = view.get("extensions", {}).get(_MESHOPT)
    stored = compressed or view
    if stored["buffer"] != 0:
        raise ExtractionError(f"buffer view {index} lies in another file")
    start = stored.get("byteOffset", 0)
    data = glb.binary[start : start + stored["byteLength"]]
    if not compressed:
        return data
    if compressed["mode"] != "ATTRIBUTES" or compressed.get("filter", "NONE") != "NONE":
        raise ExtractionError(
            f"buffer view {index}: mode {compressed['mode']} with filter "
            f"{compressed.get('filter')} is not read"
        )
    return decode_attributes(data, compressed["count"], compressed["byteStride"]).tobytes()
