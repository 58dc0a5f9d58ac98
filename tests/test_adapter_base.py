"""What adapters share: frames in order, defects counted or refused, recordings found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.data.adapters import Adapter, AdapterError, Recording, recording
from dfe.data.adapters.base import NOT_FINITE, by_stem, from_zero, need_width


def prog() -> Adapter:
    return Adapter(
        name="prog",
        title="Prog 2",
        kind="features",
        columns=(),
        find=lambda folder: by_stem(folder, "*.csv"),
        read=lambda clip, files: recording(clip, [0], [[1.0]]),
        layout="one <clip>.csv for each video",
    )


def test_frames_are_sorted_and_dropped_ones_counted_by_their_first_reason() -> None:
    values = np.array([[3.0], [1.0], [np.nan], [2.0], [np.nan]])
    dropped = {"a": np.array([0, 0, 0, 1, 1], bool), "b": np.array([1, 0, 0, 1, 0], bool)}
    found = recording("x", [7, 5, 6, 9, 8], values, dropped)
    assert found.frame.tolist() == [5] and found.values.tolist() == [[1.0]]
    assert found.skipped == {"a": 2, "b": 1, NOT_FINITE: 1}
    assert found.frame.dtype == np.int64 and found.values.dtype == np.float32


@given(st.lists(st.integers(-50, 50), unique=True, max_size=20))
def test_numbers_keep_their_values(numbers: list[int]) -> None:
    found = recording("x", numbers, np.array(numbers, float).reshape(-1, 1))
    assert found.frame.tolist() == sorted(numbers) == found.values[:, 0].tolist()
    assert found.skipped == {}


@pytest.mark.parametrize(
    ("frame", "values", "message"),
    [
        ([1, 1], [[0.0], [0.0]], "x: frame 1 comes twice"),
        ([1, 2], [[0.0]], "frame numbers for values"),
        ([1], [0.0], "frame numbers for values"),
    ],
)
def test_what_cannot_be_a_recording(frame: list[int], values: object, message: str) -> None:
    with pytest.raises(AdapterError, match=message):
        recording("x", frame, values)


def test_a_recording_checks_itself() -> None:
    frame, values = np.array([1, 2]), np.zeros((2, 3), np.float32)
    assert len(Recording("x", frame, values)) == 2
    with pytest.raises(AdapterError, match="out of order"):
        Recording("x", frame[::-1], values)
    with pytest.raises(AdapterError, match="NaN"):
        Recording("x", frame, np.full((2, 3), np.inf, np.float32))


@given(st.lists(st.integers(1, 2**40), max_size=20))
def test_numbers_from_1_become_numbers_from_0(numbers: list[int]) -> None:
    found = from_zero("x", np.array(numbers, np.int64))
    assert found.dtype == np.int64 and found.tolist() == [number - 1 for number in numbers]


@pytest.mark.parametrize("least", [0, -7])
def test_a_number_below_1_is_refused_where_the_first_is_1(tmp_path: Path, least: int) -> None:
    message = rf"v\.csv: frame {least}, but this program calls the first frame 1"
    with pytest.raises(AdapterError, match=message) as caught:
        from_zero(tmp_path / "v.csv", np.array([3, least, 1], np.int64))
    assert str(caught.value).startswith(str(tmp_path / "v.csv"))


def test_recordings_are_named_by_their_path(tmp_path: Path) -> None:
    for name in ("b.csv", "sub/b.csv", "a.csv", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    found = by_stem(tmp_path, "**/*.csv")
    assert list(found) == ["a", "b", "sub/b"] and found["sub/b"] == (tmp_path / "sub" / "b.csv",)


def test_a_folder_stands_for_the_files_in_it(tmp_path: Path) -> None:
    for name in ("v/2/x", "v/1/x", "v/1/y", "v/x", "w"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    files = (tmp_path / "w", tmp_path / "v", tmp_path / "absent")
    made = replace(prog(), inside=("*/x", "x", "*/[xz]"))
    found = [path.relative_to(tmp_path).as_posix() for path in made.inputs(files)]
    assert found == ["w", "v/1/x", "v/2/x", "v/x", "absent"]
    assert list(prog().inputs(files)) == list(files)


def test_an_empty_or_missing_folder_is_an_error(tmp_path: Path) -> None:
    adapter = prog()
    with pytest.raises(AdapterError, match=r"nothing of Prog 2 here; it writes one <clip>\.csv"):
        adapter.recordings(tmp_path)
    with pytest.raises(AdapterError, match="no such folder"):
        adapter.recordings(tmp_path / "absent")
    (tmp_path / "v.csv").touch()
    assert list(adapter.recordings(tmp_path)) == ["v"]


def test_pictures_cut_from_recordings_are_found_where_they_are_asked_for(tmp_path: Path) -> None:
    crops = {"v": (tmp_path / "crops",)}
    (tmp_path / "one.csv").touch()
    adapter = replace(prog(), find_crops=lambda folder: crops)
    assert adapter.recordings(tmp_path, crops=True) == crops
    assert (
        list(adapter.recordings(tmp_path)) == list(adapter.recordings(tmp_path, False)) == ["one"]
    )
    assert list(prog().recordings(tmp_path, crops=True)) == ["one"]  # it knows no difference
    with pytest.raises(AdapterError, match="nothing of Prog 2 here"):
        replace(prog(), find_crops=lambda folder: {}).recordings(tmp_path, crops=True)


def test_a_wrong_width_names_file_and_widths(tmp_path: Path) -> None:
    need_width("v", tmp_path, np.zeros((4, 50)), 50)
    with pytest.raises(AdapterError, match=r"expected 50 numbers for each frame, got shape \(4, 3"):
        need_width("v", tmp_path / "f.npy", np.zeros((4, 3)), 50)
