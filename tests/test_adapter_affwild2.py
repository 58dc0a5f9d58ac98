"""Aff-Wild2: line i below the header is frame i; frames without annotation are dropped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dfe.data.adapters import AdapterError
from dfe.data.adapters.affwild2 import AFFWILD2
from dfe.data.adapters.base import NOT_ANNOTATED

HEADER = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"
NOBODY = [-1] * 12


def line(active: int) -> list[int]:
    """Only one unit active."""
    return [int(i == active) for i in range(12)]


def write(path: Path, rows: Sequence[Sequence[object]], head: str = HEADER) -> tuple[Path, ...]:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [head, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return (path,)


def test_columns_are_those_of_the_file() -> None:
    assert ",".join(AFFWILD2.columns) == HEADER and AFFWILD2.kind == "action_units"


def test_the_first_line_below_the_header_is_frame_0(tmp_path: Path) -> None:
    part = [-1, *line(3)[1:]]  # one unit of the frame is not annotated
    files = write(tmp_path / "v.txt", [line(2), NOBODY, line(0), line(6), part, line(11), NOBODY])
    found = AFFWILD2.read("v", files)
    assert found.frame.tolist() == [0, 2, 3, 5]
    assert found.skipped == {NOT_ANNOTATED: 3}
    np.testing.assert_array_equal(found.values, [line(2), line(0), line(6), line(11)])


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    files = write(tmp_path / "v.txt", [line(0)[::-1]], ",".join(HEADER.split(",")[::-1]))
    np.testing.assert_array_equal(AFFWILD2.read("v", files).values, [line(0)])


def test_a_video_without_annotation_is_an_empty_recording(tmp_path: Path) -> None:
    found = AFFWILD2.read("v", write(tmp_path / "v.txt", [NOBODY, NOBODY]))
    assert found.values.shape == (0, 12) and found.skipped == {NOT_ANNOTATED: 2}


@pytest.mark.parametrize("value", [2, -2, 0.5, "x"])
def test_a_value_that_is_no_label(tmp_path: Path, value: object) -> None:
    files = write(tmp_path / "v.txt", [line(0), [*line(0)[:-1], value]])
    with pytest.raises(AdapterError, match=f"v.txt: {value}.* in line 3, column AU26 is not "):
        AFFWILD2.read("v", files)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column names"),
        (HEADER + "\n", "no line below"),
        (HEADER + "\n" + "0," * 11 + "0\n0,0,0", "line 3 has 3 fields, the header 12"),
        (HEADER + "\n" + "0," * 11 + "0\n\n" + "0," * 11 + "0\n", "line 3 is blank"),
        ("valence,arousal\n0.1,0.2\n", "no column AU1, AU2, .*there are valence, arousal"),
        ("AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n" + "0," * 7 + "0\n", "no column AU7, AU10, AU23"),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "v.txt"
    path.write_text(text)
    with pytest.raises(AdapterError, match=rf"v\.txt: {message}"):
        AFFWILD2.read("v", (path,))


def test_videos_of_two_people_and_other_challenges(tmp_path: Path) -> None:
    units = tmp_path / "AU_Detection_Challenge"
    for name in ("Train_Set/7-60_left", "Train_Set/7-60_right", "Validation_Set/1-30"):
        write(units / f"{name}.txt", [line(0)])
    write(tmp_path / "VA_Estimation_Challenge" / "Train_Set" / "1-30.txt", [[0.1]], "valence")
    (tmp_path / "readme.txt").touch()
    names = ["Train_Set/7-60_left", "Train_Set/7-60_right", "Validation_Set/1-30"]
    assert list(AFFWILD2.recordings(units)) == names
    assert list(AFFWILD2.recordings(tmp_path)) == [f"{units.name}/{name}" for name in names]
