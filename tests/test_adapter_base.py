"""What adapters share: frames in order, defects counted or refused, recordings found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.data.adapters import Adapter, AdapterError, Recording, recording
from dfe.data.adapters.base import NOT_FINITE, by_stem, need_width


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


def test_recordings_are_named_by_their_path(tmp_path: Path) -> None:
    for name in ("b.csv", "sub/b.csv", "a.csv", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    found = by_stem(tmp_path, "**/*.csv")
    assert list(found) == ["a", "b", "sub/b"] and found["sub/b"] == (tmp_path / "sub" / "b.csv",)


def test_an_empty_or_missing_folder_is_an_error(tmp_path: Path) -> None:
    adapter = Adapter(
        name="prog",
        title="Prog 2",
        kind="features",
        columns=(),
        find=lambda folder: by_stem(folder, "*.csv"),
        read=lambda clip, files: recording(clip, [0], [[1.0]]),
        layout="one <clip>.csv for each video",
    )
    with pytest.raises(AdapterError, match=r"nothing of Prog 2 here; it writes one <clip>\.csv"):
        adapter.recordings(tmp_path)
    with pytest.raises(AdapterError, match="no such folder"):
        adapter.recordings(tmp_path / "absent")
    (tmp_path / "v.csv").touch()
    assert list(adapter.recordings(tmp_path)) == ["v"]


def test_a_wrong_width_names_file_and_widths(tmp_path: Path) -> None:
    need_width("v", tmp_path, np.zeros((4, 50)), 50)
    with pytest.raises(AdapterError, match=r"expected 50 numbers for each frame, got shape \(4, 3"):
        need_width("v", tmp_path / "f.npy", np.zeros((4, 3)), 50)
