from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dfe.data.track import Track, TrackError


def parts(n: int = 3) -> dict[str, Any]:
    return {
        "dataset": "made-up",
        "clip": "clip-1",
        "subject": "person-1",
        "frame": np.arange(n),
        "timestamp": np.arange(n) / 25,
        "scores": np.full((n, 52), 0.5, np.float32),
        "landmarks": np.zeros((n, 478, 3), np.float32),
        "skipped": {"no face": 2},
    }


def test_a_track_keeps_what_it_is_given() -> None:
    track = Track(**parts())
    assert len(track) == 3 and dict(track.skipped) == {"no face": 2}
    with pytest.raises(TypeError):
        track.skipped["no face"] = 0  # type: ignore[index]


def test_empty_tracks_and_tracks_without_landmarks_are_allowed() -> None:
    assert len(Track(**parts(0))) == 0
    assert Track(**(parts() | {"landmarks": None})).landmarks is None


def bad_row(shape: tuple[int, ...], value: float) -> np.ndarray:
    array = np.zeros(shape, np.float32)
    array[1] = value
    return array


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("scores", np.zeros((3, 51), np.float32), r"float32 \(3, 52\), not float32 \(3, 51\)"),
        ("scores", np.zeros((3, 52)), "not float64"),
        ("scores", bad_row((3, 52), np.nan), "scores is not finite in row 1"),
        ("landmarks", bad_row((3, 478, 3), np.inf), "landmarks is not finite in row 1"),
        ("landmarks", np.zeros((3, 468, 3), np.float32), "478"),
        ("timestamp", np.zeros(2), "timestamp"),
        ("timestamp", np.array([0, np.nan, 1]), "timestamp is not finite in row 1"),
        ("frame", np.arange(3, dtype=np.int32), "int64"),
        ("frame", np.array([0, 2, 2]), "strictly rising"),
        ("frame", np.array([-1, 0, 1]), "non-negative"),
        ("skipped", {"no face": -1}, "counts >= 0"),
        ("skipped", {"": 1}, "named reasons"),
        ("subject", "", "must not be empty"),
    ],
)
def test_a_wrong_track_is_refused(field: str, value: Any, message: str) -> None:
    with pytest.raises(TrackError, match=message) as caught:
        Track(**(parts() | {field: value}))
    assert "made-up/clip-1" in str(caught.value)
