"""Video frames with the time of each, through the ffmpeg program that imageio-ffmpeg brings.

Phones record with a varying frame rate. Decoders that fill a constant rate repeat frames (up to
five in six on the clips used here) and ``index / rate`` is then not the time. So frames are
passed through as stored, and their presentation times are read beside them.
"""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dfe.data.extract.errors import ExtractionError, require

_AS_STORED = ("-map", "0:v:0", "-fps_mode", "passthrough")  # first video stream, no repeats


class FrameTimes(NamedTuple):
    """Presentation times of the frames that a video yields."""

    seconds: np.ndarray  # (N,) float64
    lost: int  # frames that the container announces and that cannot be decoded


def frame_times(path: Path) -> FrameTimes:
    """Decode a video once for its times and its damage.

    Warns with the name of the file if it is damaged but yields frames, so that a truncated
    recording keeps what it has and says so.

    Raises
    ------
    ExtractionError
        If the file is missing, holds no video, or not one frame can be decoded.
    """
    if not path.is_file():
        raise ExtractionError(f"{path}: no such file; fetch its data set again")
    command = [_ffmpeg(), "-nostdin", "-v", "error", "-i", str(path.absolute())]
    command += [*_AS_STORED, "-f", "framecrc", "-"]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    seconds = _parse_framecrc(run.stdout)
    complaint = _first_complaint(run.stderr) or f"ffmpeg ended with status {run.returncode}"
    if not len(seconds):
        raise ExtractionError(f"{path}: no video frame can be decoded ({complaint}); replace it")
    if not run.stderr and run.returncode == 0:
        return FrameTimes(seconds, 0)
    lost = max(0, _announced_frames(path) - len(seconds))
    warnings.warn(
        f"{path}: damaged or truncated, {len(seconds)} frames kept, {lost} lost ({complaint})",
        stacklevel=2,
    )
    return FrameTimes(seconds, lost)


def iter_images(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames of a video as (H, W, 3) uint8 RGB, one at a time, rotated upright."""
    frames = require("imageio_ffmpeg").read_frames(
        str(path.absolute()), output_params=list(_AS_STORED)
    )
    try:
        width, height = next(frames)["size"]
        for pixels in frames:
            yield np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    finally:
        frames.close()  # ends the ffmpeg process, also when the caller stops early


def _ffmpeg() -> str:
    return str(require("imageio_ffmpeg").get_ffmpeg_exe())


def _parse_framecrc(text: str) -> np.ndarray:
    """Times (N,) in seconds from ffmpeg's framecrc rows: stream, dts, pts, duration, ..."""
    rows = text.splitlines()
    base = next((Fraction(r.split(": ")[1]) for r in rows if r.startswith("#tb 0")), Fraction(1))
    ticks = [int(row.split(",")[2]) for row in rows if row and not row.startswith("#")]
    return np.array([float(tick * base) for tick in ticks], np.float64)


def _first_complaint(log: str) -> str:
    """First line of ffmpeg's log without the ``[decoder @ address]`` before it."""
    return log.partition("\n")[0].rpartition("] ")[2]


def _announced_frames(path: Path) -> int:
    """Frames that the container's own header promises: duration times mean frame rate."""
    frames = require("imageio_ffmpeg").read_frames(str(path.absolute()))
    try:
        meta = next(frames)
    finally:
        frames.close()
    return round(meta["duration"] * meta["fps"])
