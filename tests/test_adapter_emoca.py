"""EMOCA: one folder for each face in each frame; the first face is kept, defects are named.

`codes` are told apart by the number in a file's name, from 1; frames are one less.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emoca_support import MODEL, codes, exp, image, write

from dfe.data.adapters import AdapterError
from dfe.data.adapters.base import NOT_FINITE, OTHER_FACE
from dfe.data.adapters.emoca import EMOCA, EMOCA_WITH_JAW


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Pictures 1, 2 and 5 of a video, two faces in picture 2, beside what else EMOCA writes."""
    above = tmp_path / "processed_2022_Jan_15_15-03-37"
    results = above / "smile" / "results"
    for number, face in ((5, 0), (1, 0), (2, 1), (2, 0)):
        write(results, number, face)
    (results / MODEL / "video_geometry_detail.mp4").touch()
    (above / "smile" / "detections").mkdir()
    (above / "metadata.pkl").touch()
    return results


def test_the_first_face_of_each_frame(tmp_path: Path, video: Path) -> None:
    files = EMOCA.recordings(tmp_path)
    assert files == {"smile": (video / MODEL,)}  # a path for a video, not for each frame
    assert list(EMOCA.inputs(files["smile"])) == sorted(video.glob("*/*/exp.npy"))
    found = EMOCA.read("smile", files["smile"])
    assert found.clip == "smile" and found.frame.tolist() == [0, 1, 4]
    assert found.skipped == {OTHER_FACE: 1}
    np.testing.assert_array_equal(found.values, exp(1, 2, 5))


def test_columns() -> None:
    assert EMOCA.kind == EMOCA_WITH_JAW.kind == "psi"
    assert EMOCA.columns == tuple(f"exp_{i:02d}" for i in range(50))
    assert EMOCA_WITH_JAW.columns == (*EMOCA.columns, "jaw_0", "jaw_1", "jaw_2")


def test_the_jaw_follows_the_expression(tmp_path: Path, video: Path) -> None:
    files = EMOCA_WITH_JAW.recordings(tmp_path)["smile"]
    inputs = list(EMOCA_WITH_JAW.inputs(files))
    assert len(inputs) == 8 and inputs == sorted(inputs)
    assert {path.name for path in inputs} == {"exp.npy", "pose.npy"}
    found = EMOCA_WITH_JAW.read("smile", files)
    np.testing.assert_array_equal(found.values[:, :50], exp(1, 2, 5))
    jaws = [codes(number, 0)["pose"][3:] for number in (1, 2, 5)]
    np.testing.assert_array_equal(found.values[:, 50:], jaws)


def test_a_frame_in_which_only_another_face_was_saved_is_a_gap(tmp_path: Path, video: Path) -> None:
    write(video, 7, 2)
    found = EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])
    assert found.frame.tolist() == [0, 1, 4] and found.skipped == {OTHER_FACE: 2}


def test_a_video_without_first_faces_has_no_frame(tmp_path: Path) -> None:
    write(tmp_path / "v" / "results", 7, 1)
    found = EMOCA.read("v", EMOCA.recordings(tmp_path)["v"])
    assert found.values.shape == (0, 50) and found.skipped == {OTHER_FACE: 1}


def test_files_of_other_faces_are_not_opened(tmp_path: Path, video: Path) -> None:
    (video / MODEL / "000002_001" / "exp.npy").write_bytes(b"")
    found = EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])
    assert found.frame.tolist() == [0, 1, 4] and found.skipped == {OTHER_FACE: 1}


def test_frames_that_do_not_sort_as_text(tmp_path: Path, video: Path) -> None:
    write(video, 10_000_000)
    write(video, 600_000)
    found = EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])
    assert found.frame.tolist() == [0, 1, 4, 599_999, 9_999_999]
    np.testing.assert_array_equal(found.values, exp(1, 2, 5, 600_000, 10_000_000))


def test_pictures_with_a_name_and_a_number(tmp_path: Path) -> None:
    for name, number in (("my_clip_frame0012_000", 12), ("my_clip_frame0003_000", 3)):
        write(tmp_path / "v" / "results", number, name=name)
    found = EMOCA.read("v", EMOCA.recordings(tmp_path)["v"])
    assert found.frame.tolist() == [2, 11]
    np.testing.assert_array_equal(found.values, exp(3, 12))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smile_000", "smile_000: no frame number at the end of 'smile'"),
        ("_000", "no frame number at the end of ''"),
        ("00012300", "00012300: not named <frame>_<face>"),
        ("000123_a", "000123_a: not named <frame>_<face>"),
    ],
)
def test_names_without_a_number(tmp_path: Path, name: str, message: str) -> None:
    write(tmp_path / "v" / "results", 1, name=name)
    with pytest.raises(AdapterError, match=message):
        EMOCA.read("v", EMOCA.recordings(tmp_path)["v"])


def test_a_frame_that_comes_twice(tmp_path: Path, video: Path) -> None:
    write(video, 5, name="5_000")
    with pytest.raises(AdapterError, match=rf"{MODEL}: frame 5 comes 2 times"):
        EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])


def test_a_video_that_counts_from_0_is_refused(tmp_path: Path, video: Path) -> None:
    write(video, 0, 1)  # a face that is not kept says the same of all numbers
    with pytest.raises(AdapterError, match=rf"{MODEL}: frame 0, but this program .* frame 1"):
        EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])


def test_nan_drops_the_frame(tmp_path: Path, video: Path) -> None:
    np.save(video / MODEL / "000002_000" / "exp.npy", np.full(50, np.nan, np.float32))
    pose = np.zeros(6)
    pose[0] = np.nan  # of the head: not one of ours
    np.save(video / MODEL / "000001_000" / "pose.npy", pose)
    np.save(video / MODEL / "000002_001" / "exp.npy", np.full(50, np.inf))  # another face
    found = EMOCA_WITH_JAW.read("smile", EMOCA_WITH_JAW.recordings(tmp_path)["smile"])
    assert found.frame.tolist() == [0, 4] and found.skipped == {OTHER_FACE: 1, NOT_FINITE: 1}


@pytest.mark.parametrize("shape", [(100,), (49,), (2, 50), (50, 1)])
def test_another_width(tmp_path: Path, video: Path, shape: tuple[int, ...]) -> None:
    np.save(video / MODEL / "000005_000" / "exp.npy", np.zeros(shape))
    with pytest.raises(AdapterError, match=r"000005_000/exp\.npy: expected 50 numbers, got shape"):
        EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])


def test_a_pose_without_the_jaw(tmp_path: Path, video: Path) -> None:
    np.save(video / MODEL / "000005_000" / "pose.npy", np.zeros(3))
    files = EMOCA_WITH_JAW.recordings(tmp_path)["smile"]
    with pytest.raises(AdapterError, match=r"000005_000/pose\.npy: expected 6 numbers"):
        EMOCA_WITH_JAW.read("smile", files)
    (video / MODEL / "000005_000" / "pose.npy").unlink()
    with pytest.raises(AdapterError, match=r"000005_000/pose\.npy: cannot be read"):
        EMOCA_WITH_JAW.read("smile", EMOCA_WITH_JAW.recordings(tmp_path)["smile"])
    assert len(EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])) == 3


@pytest.mark.parametrize("length", [0, 5, 200])
def test_empty_and_cut_files(tmp_path: Path, video: Path, length: int) -> None:
    path = video / MODEL / "000002_000" / "exp.npy"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(AdapterError, match=r"000002_000/exp\.npy: .*; (let the program )?write"):
        EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])


def test_two_models_of_one_video(tmp_path: Path, video: Path) -> None:
    (video / "DECA" / "000001_000").mkdir(parents=True)
    with pytest.raises(AdapterError, match=f"results: results of 2 models, DECA, {MODEL}; leave"):
        EMOCA.recordings(tmp_path)


def test_a_video_that_was_processed_twice(tmp_path: Path, video: Path) -> None:
    write(tmp_path / "processed_2022_Feb_01_10-00-00" / "smile" / "results", 1)
    with pytest.raises(
        AdapterError,
        match="twice, in [^ ]*37/smile and in [^ ]*00/smile;"
        "|twice, in [^ ]*00/smile and in [^ ]*37/smile;",
    ):
        EMOCA.recordings(tmp_path)


def test_a_run_that_saved_no_codes(tmp_path: Path, video: Path) -> None:
    for path in video.glob("*/*/*.npy"):
        path.unlink()
    with pytest.raises(AdapterError, match=rf"{MODEL}: no exp\.npy .* --save_codes True"):
        EMOCA.recordings(tmp_path)


def test_clips_are_named_by_their_path(tmp_path: Path) -> None:
    for name in ("b/processed_x/v", "a/v", "a/processed_v", "w"):
        write(tmp_path / name / "results", 1)
    (tmp_path / "unrelated" / "results").mkdir(parents=True)
    found = EMOCA.recordings(tmp_path)
    assert list(found) == ["a/processed_v", "a/v", "b/v", "w"]
    assert list(EMOCA.recordings(tmp_path / "w")) == ["w"]
    assert found["a/v"] == (tmp_path / "a/v/results" / MODEL,)


def test_a_run_whose_codes_are_gone(tmp_path: Path, video: Path) -> None:
    files = EMOCA.recordings(tmp_path)["smile"]
    for path in video.glob("*/*/exp.npy"):
        path.unlink()
    with pytest.raises(AdapterError, match=rf"{MODEL}: no exp\.npy below it; run"):
        EMOCA.read("smile", files)


# Images


def test_each_image_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    for name, number, face in (("b", 2, 0), ("a_1", 1, 1), ("a_1", 1, 0), ("12", 3, 0)):
        image(tmp_path / "7" / MODEL, name, number, face)
    (tmp_path / "7" / MODEL / "b00" / "inputs.png").touch()
    files = EMOCA.recordings(tmp_path)
    assert list(files) == ["7/12", "7/a_1", "7/b"] and len(files["7/a_1"]) == 2
    for clip, number, skipped in (("7/12", 3, {}), ("7/a_1", 1, {OTHER_FACE: 1}), ("7/b", 2, {})):
        found = EMOCA.read(clip, files[clip])
        assert (found.clip, found.frame.tolist(), found.skipped) == (clip, [0], skipped)
        np.testing.assert_array_equal(found.values, exp(number))
    assert [path.parent.name for path in EMOCA.inputs(files["7/a_1"])] == ["a_100", "a_101"]


def test_the_folder_of_the_model_is_no_part_of_an_image_name(tmp_path: Path) -> None:
    image(tmp_path / "out" / MODEL, "a", 1)
    for folder in (tmp_path / "out", tmp_path / "out" / MODEL):
        assert list(EMOCA.recordings(folder)) == ["a"]
    assert list(EMOCA.recordings(tmp_path)) == ["out/a"]


def test_images_with_the_jaw(tmp_path: Path) -> None:
    folder = image(tmp_path / MODEL, "a", 1)
    image(tmp_path / MODEL, "a", 1, 1)
    files = EMOCA_WITH_JAW.recordings(tmp_path)["a"]
    assert len(list(EMOCA_WITH_JAW.inputs(files))) == 4
    found = EMOCA_WITH_JAW.read("a", files)
    np.testing.assert_array_equal(found.values, [[*codes(1, 0)["exp"], *codes(1, 0)["pose"][3:]]])
    (folder / "pose.npy").unlink()
    with pytest.raises(AdapterError, match=r"a00/pose\.npy: cannot be read"):
        EMOCA_WITH_JAW.read("a", files)


def test_an_image_of_which_only_another_face_is_left(tmp_path: Path) -> None:
    image(tmp_path / MODEL, "a", 1, 1)
    found = EMOCA.read("a", EMOCA.recordings(tmp_path)["a"])
    assert found.values.shape == (0, 50) and found.skipped == {OTHER_FACE: 1}


def test_codes_of_an_image_that_cannot_be_used(tmp_path: Path) -> None:
    path = image(tmp_path / MODEL, "a", 1) / "exp.npy"
    np.save(path, np.full(50, np.nan))
    files = EMOCA.recordings(tmp_path)["a"]
    assert EMOCA.read("a", files).skipped == {NOT_FINITE: 1}
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(AdapterError, match=r"a00/exp\.npy: .*; let the program write"):
        EMOCA.read("a", files)


def test_images_of_two_models(tmp_path: Path) -> None:
    for model in ("DECA", MODEL):
        image(tmp_path / model, "a", 1)
    with pytest.raises(AdapterError, match=f": a lies in DECA and in {MODEL}, as if two models"):
        EMOCA.recordings(tmp_path)


def test_names_that_are_not_those_of_images(tmp_path: Path) -> None:
    image(tmp_path / MODEL, "a", 1).rename(tmp_path / MODEL / "a_x")
    with pytest.raises(AdapterError, match="a_x: not named <image><two digits>"):
        EMOCA.recordings(tmp_path)


def test_frames_of_a_video_are_no_images(tmp_path: Path, video: Path) -> None:
    for folder in (video, video / MODEL):
        with pytest.raises(AdapterError, match="000001_000: named as a frame of a video; read the"):
            EMOCA.recordings(folder)


def test_images_in_a_folder_called_results(tmp_path: Path) -> None:
    image(tmp_path / "results" / MODEL, "a", 1)
    files = EMOCA.recordings(tmp_path)
    with pytest.raises(AdapterError, match="a folder of images must not be called results"):
        EMOCA.read("v", next(iter(files.values())))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="nothing of EMOCA v2 here"):
        EMOCA.recordings(tmp_path, crops=True)
    with pytest.raises(AdapterError, match="nothing of EMOCA v2 here; .*--save_codes True"):
        EMOCA.recordings(tmp_path)
