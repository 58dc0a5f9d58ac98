"""Photographs for figures: one frame of a source, cropped to the face, where its terms allow."""

from __future__ import annotations

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from dfe.data.extract import landmarker_model
from dfe.data.extract.errors import ExtractionError
from dfe.data.extract.landmarker import face_detector, read_image
from dfe.data.extract.quiet import native_stderr_silenced
from dfe.data.extract.video import iter_images
from dfe.data.fetch import fetch
from dfe.data.manifest import PICTURE_KINDS, Manifest


class NotShowable(ValueError):
    """The terms of a source do not let the book show its frames."""


def read_frame(manifest: Manifest, clip: str, frame: int = 0) -> NDArray[np.uint8]:
    """Return frame number `frame` of a video clip, or the image itself: (H, W, 3) uint8 RGB.

    Raises
    ------
    NotShowable
        If the manifest's terms do not allow the frame to be shown.
    ExtractionError
        If the clip is unknown, holds no picture, or is shorter than that.
    """
    if not manifest.terms.show_frames:
        raise NotShowable(f"{manifest.id}: its terms do not let frames be shown; leave photos out")
    members = [m for m in manifest.members if m.clip == clip and m.kind in PICTURE_KINDS]
    if not members:
        raise ExtractionError(f"{manifest.id} has no video or image called {clip!r}")
    path = fetch(manifest) / members[0].path
    if members[0].kind == "image":
        return read_image(path)
    image = next(islice(iter_images(path), frame, None), None)
    if image is None:
        raise ExtractionError(f"{path}: has no frame {frame}")
    return image


def crop_face(image: NDArray[np.uint8], margin: float = 0.35) -> NDArray[np.uint8]:
    """Cut the largest square around the face, `margin` of its size wider on each side.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.

    Raises
    ------
    ExtractionError
        If no face is found.
    """
    with native_stderr_silenced(), face_detector(landmarker_model(), video=False) as detect:
        face = detect(image, 0)
    if face is None:
        raise ExtractionError("no face found in the picture")
    low, high = face.landmarks[:, :2].min(0), face.landmarks[:, :2].max(0)  # (x, y) pixels
    half = (0.5 + margin) * float((high - low).max())
    x, y = (low + high) / 2
    height, width = image.shape[:2]
    half = min(half, x, y, width - x, height - y)
    return image[round(y - half) : round(y + half), round(x - half) : round(x + half)]
