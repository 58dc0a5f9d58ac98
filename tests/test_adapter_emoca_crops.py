"""EMOCA on pictures cut from videos: what it says of each is a frame of the video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emoca_support import MODEL, codes, exp, image, write

from dfe.data.adapters import AdapterError, Recording
from dfe.data.adapters.base import OTHER_FACE
from dfe.data.adapters.emoca import EMOCA, EMOCA_WITH_JAW


def crop(out: Path, clip: str, number: int, face: int = 0, model: str = MODEL) -> Path:
    """What `save_codes` writes for a face of a picture `%05d.jpg`, in a folder for its video."""
    folder = image(out / clip / model, f"{number:05d}", number, face)
    (folder / "inputs.png").touch()
    return folder


def read_crops(out: Path, clip: str) -> Recording:
    return EMOCA.read(clip, EMOCA.recordings(out, crops=True)[clip])


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Two people of one video and another video; two faces in one picture of the latter."""
    for clip, number, face in (
        *(("46-30_left", number, 0) for number in (100, 1, 2)),
        *(("46-30_right", number, 0) for number in (3, 10)),
        *(("7-60-1920", number, face) for number, face in ((4, 1), (4, 0), (2, 0), (9, 2))),
    ):
        crop(tmp_path, clip, number, face)
    return tmp_path


def test_crops_of_a_video_are_its_frames(crops: Path) -> None:
    files = EMOCA.recordings(crops, crops=True)
    assert files == {
        clip: (crops / clip / MODEL,) for clip in ("46-30_left", "46-30_right", "7-60-1920")
    }
    for clip, numbers in (("46-30_left", (1, 2, 100)), ("46-30_right", (3, 10))):
        found = EMOCA.read(clip, files[clip])
        assert (found.clip, found.skipped) == (clip, {})
        assert found.frame.tolist() == [number - 1 for number in numbers]
        np.testing.assert_array_equal(found.values, exp(*numbers))
    inputs = list(EMOCA.inputs(files["46-30_right"]))
    assert inputs == [files["46-30_right"][0] / n / "exp.npy" for n in ("0000300", "0001000")]


def test_other_faces_of_a_crop_are_counted(crops: Path) -> None:
    found = read_crops(crops, "7-60-1920")
    assert found.frame.tolist() == [1, 3] and found.skipped == {OTHER_FACE: 2}
    np.testing.assert_array_equal(found.values, exp(2, 4))


def test_crops_with_the_jaw(crops: Path) -> None:
    files = EMOCA_WITH_JAW.recordings(crops, crops=True)["46-30_right"]
    assert {path.name for path in EMOCA_WITH_JAW.inputs(files)} == {"exp.npy", "pose.npy"}
    found = EMOCA_WITH_JAW.read("46-30_right", files)
    jaws = [codes(number, 0)["pose"][3:] for number in (3, 10)]
    np.testing.assert_array_equal(found.values, np.hstack([exp(3, 10), jaws]))


def test_the_same_folders_as_images_are_clips_of_one_frame(crops: Path) -> None:
    files = EMOCA.recordings(crops)
    lefts = ["46-30_left/00001", "46-30_left/00002", "46-30_left/00100"]
    assert list(files)[:3] == lefts and len(files) == 8
    assert EMOCA.read(lefts[2], files[lefts[2]]).frame.tolist() == [0]


def test_clips_of_crops_are_sorted_paths(tmp_path: Path) -> None:
    for clip in ("b", "a/x", "a-b", "results_1/v"):
        crop(tmp_path, clip, 1)
    assert list(EMOCA.recordings(tmp_path, crops=True)) == ["a-b", "a/x", "b", "results_1/v"]


def test_crops_of_two_models(crops: Path) -> None:
    crop(crops, "7-60-1920", 4, model="DECA")
    message = f": 7-60-1920 lies in DECA and in {MODEL}, as if two models"
    with pytest.raises(AdapterError, match=message):
        EMOCA.recordings(crops, crops=True)


def test_crops_without_a_folder_for_their_video(crops: Path) -> None:
    above = crops / "7-60-1920"
    for folder in (above, above / MODEL):  # the folder of one video, or of the model
        with pytest.raises(AdapterError, match=f"{MODEL}: pictures without a folder for their rec"):
            EMOCA.recordings(folder, crops=True)
    image(crops / MODEL, "00001", 1)  # beside those that have one
    with pytest.raises(AdapterError, match=f"{crops.name}/{MODEL}: pictures without a folder"):
        EMOCA.recordings(crops, crops=True)


def test_videos_are_found_as_such_where_there_are_results(tmp_path: Path) -> None:
    for number in (1, 2, 5):
        write(tmp_path / "smile" / "results", number)
    files = EMOCA.recordings(tmp_path, crops=True)
    assert (
        files == EMOCA.recordings(tmp_path) == {"smile": (tmp_path / "smile" / "results" / MODEL,)}
    )
    assert EMOCA.read("smile", files["smile"]).frame.tolist() == [0, 1, 4]


def test_crops_and_video_give_a_frame_the_same_number(tmp_path: Path) -> None:
    for number in (1, 2, 5):
        crop(tmp_path / "crops", "smile", number)
        write(tmp_path / "videos" / "smile" / "results", number)
    ours, theirs = (read_crops(tmp_path / kind, "smile") for kind in ("crops", "videos"))
    np.testing.assert_array_equal(ours.frame, theirs.frame)
    np.testing.assert_array_equal(ours.values, theirs.values)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0000000", rf"{MODEL}: frame 0, but this program calls the first frame 1"),
        ("smile00", "smile00: no frame number at the end of 'smile'"),
        ("00001_a", "00001_a: not named <image><two digits>"),
        ("000001_000", "000001_000: named as a frame of a video; read the folder above"),
        ("1000", rf"{MODEL}: frame 10 comes 2 times"),
    ],
)
def test_crops_whose_names_are_no_numbers_of_pictures(crops: Path, name: str, message: str) -> None:
    folder = crop(crops, "46-30_right", 7)
    folder.rename(folder.with_name(name))
    with pytest.raises(AdapterError, match=message):
        read_crops(crops, "46-30_right")


def test_pictures_beside_videos_are_refused(crops: Path) -> None:
    write(crops / "film" / "results", 1)
    with pytest.raises(AdapterError, match="pictures beside the `results` of videos"):
        EMOCA.recordings(crops, crops=True)
