"""Weight tracks in binary glTF, made by hand and the real one."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from extract_support import member_paths, write_glb

from dfe.data.extract.arkit import ARKIT_NAMES
from dfe.data.extract.errors import ExtractionError
from dfe.data.extract.facecap import glb_frames, read_glb

TIMES = np.array([0.0, 0.5, 0.75], np.float32)
WEIGHTS = np.arange(3 * 52, dtype=np.uint8).reshape(3, 52)
BINARY = TIMES.tobytes() + WEIGHTS.tobytes()
DOCUMENT = {
    "animations": [
        {
            "channels": [{"sampler": 0, "target": {"node": 0, "path": "weights"}}],
            "samplers": [{"input": 0, "output": 1}],
        }
    ],
    "nodes": [{"mesh": 0}],
    "meshes": [{"extras": {"targetNames": list(reversed(ARKIT_NAMES))}}],
    "accessors": [
        {"bufferView": 0, "componentType": 5126, "count": 3, "type": "SCALAR"},
        {
            **{"bufferView": 1, "componentType": 5121, "count": 156, "type": "SCALAR"},
            "normalized": True,
        },
    ],
    "bufferViews": [
        {"buffer": 0, "byteOffset": 0, "byteLength": 12},
        {"buffer": 0, "byteOffset": 12, "byteLength": 156},
    ],
}


def test_keyframes_become_frames(tmp_path):
    frames = glb_frames(write_glb(tmp_path / "a.glb", DOCUMENT, BINARY))
    np.testing.assert_array_equal(frames.frame, [0, 1, 2])
    np.testing.assert_array_equal(frames.timestamp, TIMES)
    np.testing.assert_allclose(frames.scores, WEIGHTS[:, ::-1] / 255, rtol=1e-6)
    assert frames.landmarks is None and not frames.skipped


def _changed(keys: list, value: object) -> dict:
    document = copy.deepcopy(DOCUMENT)
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return document


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (_changed(["animations"], []), "no animation drives"),
        (_changed(["animations", 0, "samplers", 0, "interpolation"], "CUBICSPLINE"), "cubic"),
        (_changed(["meshes", 0, "extras", "targetNames", 0], "smirk"), "smirk"),
        (_changed(["meshes", 0, "extras"], {}), "targetNames"),
        (_changed(["accessors", 1, "count"], 104), "reshape"),
        (_changed(["bufferViews", 1, "byteLength"], 100), "do not fit"),
        (_changed(["bufferViews", 0, "buffer"], 1), "another file"),
        (_changed(["accessors", 0, "type"], "VEC3"), "VEC3 is not read"),
    ],
)
def test_other_documents_are_refused_by_name(tmp_path, document, complaint):
    with pytest.raises(ExtractionError, match=f"a.glb.*{complaint}"):
        glb_frames(write_glb(tmp_path / "a.glb", document, BINARY))


def test_filters_are_refused(tmp_path):
    extension = {"buffer": 0, "byteLength": 12, "byteStride": 4, "count": 3, "mode": "ATTRIBUTES"}
    extension["filter"] = "EXPONENTIAL"
    document = _changed(["bufferViews", 0, "extensions"], {"EXT_meshopt_compression": extension})
    with pytest.raises(ExtractionError, match="EXPONENTIAL is not read"):
        glb_frames(write_glb(tmp_path / "a.glb", document, BINARY))


def test_damaged_and_missing_files_are_refused(tmp_path):
    path = write_glb(tmp_path / "a.glb", DOCUMENT, BINARY)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:8], b"", b"GLTF" + whole[4:]):
        path.write_bytes(damaged)
        with pytest.raises(ExtractionError, match="a.glb: not a whole binary glTF 2 file"):
            read_glb(path)
    with pytest.raises(ExtractionError, match="b.glb: no such file"):
        glb_frames(tmp_path / "b.glb")


def test_real_track():
    (path,) = member_paths("facecap", "glb")
    frames = glb_frames(path)
    assert frames.scores.shape == (335, 52)
    assert frames.scores.min() == 0 and frames.scores.max() <= 1
    # The file states the ends of its compressed time axis in the clear; the steps are 1/30 s.
    bounds = read_glb(path).document["accessors"][120]
    ends = [bounds["min"][0], bounds["max"][0]]
    np.testing.assert_allclose(frames.timestamp[[0, -1]], ends, rtol=1e-7)
    np.testing.assert_allclose(np.diff(frames.timestamp), 1 / 30, atol=1e-5)
    for pair in ("mouthSmile", "eyeWide"):  # both sides of a smile move together
        left, right = (frames.scores[:, ARKIT_NAMES.index(pair + s)] for s in ("Left", "Right"))
        assert np.corrcoef(left, right)[0, 1] > 0.95
