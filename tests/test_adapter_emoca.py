"""EMOCA: one folder for each face in each frame; the first face is kept, defects are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dfe.data.adapters import AdapterError
from dfe.data.adapters.base import NOT_FINITE, OTHER_FACE
from dfe.data.adapters.emoca import EMOCA, EMOCA_WITH_JAW

MODEL = "EMOCA_v2_lr_mse_20"
Codes = dict[str, np.ndarray]


def codes(number: int, face: int) -> Codes:
    """What `save_codes` writes for one face, told apart by frame and face."""
    rng = np.random.default_rng((number, face))
    widths = {"shape": 100, "exp": 50, "tex": 50, "pose": 6, "detail": 128}
    return {name: rng.normal(size=width).astype(np.float32) for name, width in widths.items()}


def write(results: Path, number: int, face: int = 0, name: str = "") -> Path:
    folder = results / MODEL / (name or f"{number:06d}_{face:03d}")
    folder.mkdir(parents=True)
    for file, values in codes(number, face).items():
        np.save(folder / f"{file}.npy", values)
    (folder / "geometry_coarse.png").touch()
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Frames 1, 2 and 5 of a video, two faces in frame 2, beside what else EMOCA writes."""
    above = tmp_path / "processed_2022_Jan_15_15-03-37"
    results = above / "smile" / "results"
    for number, face in ((5, 0), (1, 0), (2, 1), (2, 0)):
        write(results, number, face)
    (results / MODEL / "video_geometry_detail.mp4").touch()
    (above / "smile" / "detections").mkdir()
    (above / "metadata.pkl").touch()
    return results


def exp(*numbers: int) -> list[np.ndarray]:
    return [codes(number, 0)["exp"] for number in numbers]


def test_the_first_face_of_each_frame(tmp_path: Path, video: Path) -> None:
    files = EMOCA.recordings(tmp_path)
    assert list(files) == ["smile"] and {path.name for path in files["smile"]} == {"exp.npy"}
    found = EMOCA.read("smile", files["smile"])
    assert found.clip == "smile" and found.frame.tolist() == [1, 2, 5]
    assert found.skipped == {OTHER_FACE: 1}
    np.testing.assert_array_equal(found.values, exp(1, 2, 5))


def test_columns() -> None:
    assert EMOCA.kind == EMOCA_WITH_JAW.kind == "psi"
    assert EMOCA.columns == tuple(f"exp_{i:02d}" for i in range(50))
    assert EMOCA_WITH_JAW.columns == (*EMOCA.columns, "jaw_0", "jaw_1", "jaw_2")


def test_the_jaw_follows_the_expression(tmp_path: Path, video: Path) -> None:
    files = EMOCA_WITH_JAW.recordings(tmp_path)["smile"]
    assert len(files) == 8 and all(path.is_file() for path in files)
    found = EMOCA_WITH_JAW.read("smile", files)
    np.testing.assert_array_equal(found.values[:, :50], exp(1, 2, 5))
    jaws = [codes(number, 0)["pose"][3:] for number in (1, 2, 5)]
    np.testing.assert_array_equal(found.values[:, 50:], jaws)


def test_a_frame_in_which_only_another_face_was_saved_is_a_gap(tmp_path: Path, video: Path) -> None:
    write(video, 7, 2)
    found = EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])
    assert found.frame.tolist() == [1, 2, 5] and found.skipped == {OTHER_FACE: 2}


def test_a_video_without_first_faces_has_no_frame(tmp_path: Path) -> None:
    write(tmp_path / "v" / "results", 7, 1)
    found = EMOCA.read("v", EMOCA.recordings(tmp_path)["v"])
    assert found.values.shape == (0, 50) and found.skipped == {OTHER_FACE: 1}


def test_files_of_other_faces_are_not_opened(tmp_path: Path, video: Path) -> None:
    (video / MODEL / "000002_001" / "exp.npy").write_bytes(b"")
    found = EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])
    assert found.frame.tolist() == [1, 2, 5] and found.skipped == {OTHER_FACE: 1}


def test_frames_that_do_not_sort_as_text(tmp_path: Path, video: Path) -> None:
    write(video, 10_000_000)
    write(video, 600_000)
    found = EMOCA.read("smile", EMOCA.recordings(tmp_path)["smile"])
    assert found.frame.tolist() == [1, 2, 5, 600_000, 10_000_000]
    np.testing.assert_array_equal(found.values, exp(1, 2, 5, 600_000, 10_000_000))


def test_pictures_with_a_name_and_a_number(tmp_path: Path) -> None:
    for name, number in (("my_clip_frame0012_000", 12), ("my_clip_frame0003_000", 3)):
        write(tmp_path / "v" / "results", number, name=name)
    found = EMOCA.read("v", EMOCA.recordings(tmp_path)["v"])
    assert found.frame.tolist() == [3, 12]
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


def test_nan_drops_the_frame(tmp_path: Path, video: Path) -> None:
    np.save(video / MODEL / "000002_000" / "exp.npy", np.full(50, np.nan, np.float32))
    pose = np.zeros(6)
    pose[0] = np.nan  # of the head: not one of ours
    np.save(video / MODEL / "000001_000" / "pose.npy", pose)
    np.save(video / MODEL / "000002_001" / "exp.npy", np.full(50, np.inf))  # another face
    found = EMOCA_WITH_JAW.read("smile", EMOCA_WITH_JAW.recordings(tmp_path)["smile"])
    assert found.frame.tolist() == [1, 5] and found.skipped == {OTHER_FACE: 1, NOT_FINITE: 1}


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
        AdapterError, match="smile was processed twice, in .*_Feb_.*_Jan_|_Jan_.*_Feb_"
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
    assert found["a/v"] == (tmp_path / "a/v/results" / MODEL / "000001_000" / "exp.npy",)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="nothing of EMOCA v2 here; .*--save_codes True"):
        EMOCA.recordings(tmp_path)
