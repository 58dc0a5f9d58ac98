"""Images and videos to scores and landmarks, with MediaPipe's Face Landmarker.

Each frame gives the 51 ARKit scores and 478 landmarks of one face. The networks are described in
Google's model cards "MediaPipe Face Mesh V2" and "MediaPipe Blendshape V2".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dfe.data.extract.align import align_landmarks
from dfe.data.extract.arkit import to_arkit_order
from dfe.data.extract.errors import ExtractionError, require
from dfe.data.extract.frames import Frames
from dfe.data.extract.quiet import native_stderr_silenced
from dfe.data.extract.video import frame_times, iter_images

MIN_CONFIDENCE = 0.3  # of the face detector; its default 0.5 loses turned and half-hidden faces
NO_FACE = "no face"
LOST = "damaged or truncated file"


class Face(NamedTuple):
    """What the landmarker says about one face."""

    names: list[str]  # names of the scores, `_neutral` among them
    scores: np.ndarray  # (52,) float32
    landmarks: np.ndarray  # (478, 3) float32, pixels; y down, z away from the camera


Detect = Callable[[np.ndarray, int], "Face | None"]  # (H, W, 3) uint8 and time in milliseconds


def image_frames(path: Path, model: Path) -> Frames:
    """Extract the face of one image; `model` is the `face_landmarker_v2.task` file.

    Raises
    ------
    ExtractionError
        If the file is missing or is not an image.
    """
    image = read_image(path)
    with native_stderr_silenced(), face_detector(model, video=False) as detect:
        faces = [detect(image, 0)]
    return _collect(faces, np.zeros(1))


def video_frames(path: Path, model: Path) -> Frames:
    """Extract the face of each frame of a video; `model` is the `face_landmarker_v2.task` file.

    Frames without a face are skipped and counted, and so are those that a truncated file lost.

    Raises
    ------
    ExtractionError
        If the file is missing, is not a video, or yields no frame.
    """
    times = frame_times(path)
    clock = milliseconds(times.seconds)
    with native_stderr_silenced(), face_detector(model, video=True) as detect:
        faces = [detect(image, t) for image, t in zip(iter_images(path), clock, strict=False)]
    if len(faces) != len(clock):
        raise ExtractionError(
            f"{path}: {len(clock)} frame times but {len(faces)} images; replace it"
        )
    frames = _collect(faces, times.seconds)
    if times.lost:
        frames.skipped[LOST] += times.lost
    return frames


@contextmanager
def face_detector(model: Path, *, video: bool) -> Iterator[Detect]:
    """Open a detector; in video mode it tracks and smooths, and times must rise.

    Raises
    ------
    ExtractionError
        If MediaPipe, a library that it needs, or the model file is missing.
    """
    if not model.is_file():
        raise ExtractionError(f"{model}: no face landmarker model; fetch it first")
    mediapipe = require("mediapipe")
    tasks = require("mediapipe.tasks.python")
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(model)),
        running_mode=tasks.vision.RunningMode.VIDEO if video else tasks.vision.RunningMode.IMAGE,
        num_faces=1,
        min_face_detection_confidence=MIN_CONFIDENCE,
        output_face_blendshapes=True,
    )
    with tasks.vision.FaceLandmarker.create_from_options(options) as landmarker:

        def detect(image: np.ndarray, time: int) -> Face | None:
            frame = mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
            )
            found = landmarker.detect_for_video(frame, time) if video else landmarker.detect(frame)
            return _first_face(found, *image.shape[:2])

        yield detect


def _first_face(found: Any, height: int, width: int) -> Face | None:
    if not found.face_blendshapes or not found.face_landmarks:
        return None
    shapes, points = found.face_blendshapes[0], found.face_landmarks[0]
    # x and y come as shares of the image, and z in the unit of x
    landmarks = [(p.x * width, p.y * height, p.z * width) for p in points]
    return Face(
        [shape.category_name for shape in shapes],
        np.array([shape.score for shape in shapes], np.float32),
        np.array(landmarks, np.float32),
    )


def _collect(faces: list[Face | None], seconds: np.ndarray) -> Frames:
    kept = [i for i, face in enumerate(faces) if face is not None]
    found = [face for face in faces if face is not None]
    missed = len(faces) - len(kept)
    return Frames(
        frame=np.array(kept, np.int64),
        timestamp=seconds[kept].astype(np.float64),
        scores=_scores(found),
        landmarks=align_landmarks(_stack([face.landmarks for face in found], (478, 3))),
        skipped=Counter({NO_FACE: missed} if missed else {}),
    )


def _scores(faces: list[Face]) -> np.ndarray:
    if not faces:
        return np.zeros((0, 52), np.float32)
    return to_arkit_order(faces[0].names, np.stack([face.scores for face in faces]))


def _stack(arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(arrays) if arrays else np.zeros((0, *shape), np.float32)


def milliseconds(seconds: np.ndarray) -> list[int]:
    """Strictly rising whole milliseconds, as the tracker demands, from (N,) seconds."""
    clock: list[int] = []
    for time in seconds:
        rounded = round(float(time - seconds[0]) * 1000)
        clock.append(max(rounded, clock[-1] + 1) if clock else rounded)
    return clock


def read_image(path: Path) -> np.ndarray:
    """Read the first picture of an image file as (H, W, 3) uint8 RGB, upright by its EXIF tag."""
    iio = require("imageio.v3")
    try:
        image = iio.imread(path, plugin="pillow", index=0, mode="RGB", rotate=True)
    except FileNotFoundError as error:
        raise ExtractionError(f"{path}: no such file; fetch its data set again") from error
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's ways to refuse bytes
        raise ExtractionError(f"{path}: not a readable image ({error}); replace it") from error
    return np.asarray(image, np.uint8)
