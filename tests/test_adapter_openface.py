"""OpenFace 2: real variants of its files, several faces, frames that it does not trust."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dfe.data.adapters import AdapterError, Recording
from dfe.data.adapters.base import LOW_CONFIDENCE, NOT_FINITE, OTHER_FACE
from dfe.data.adapters.openface import COLUMNS, EDAIC_OPENFACE, INTENSITIES, OCCURRENCES, OPENFACE

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "openface_ravdess"
Row = tuple[int, int, float, int]  # frame, face_id, confidence, success


def units(frame: int, face: int) -> list[float]:
    """Values that tell frame, face and column apart: 17 intensities, 18 labels."""
    rated = [round((frame * 0.1 + face + i * 0.01) % 5, 2) for i in range(17)]
    return [*rated, *(float((frame + i) % 2) for i in range(18))]


def write(path: Path, rows: Sequence[Row], between: str = ", ", without: str = "") -> Path:
    """A file as `RecorderCSV` writes it, with some of its other columns."""
    names = ["frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x", "pose_Tx"]
    lines = [[*names, *COLUMNS]]
    for frame, face, confidence, success in rows:
        start = [frame, face, f"{frame / 30:.3f}", f"{confidence:.2f}", success, 0.1, -20.5]
        lines.append([*map(str, start), *(f"{value:.2f}" for value in units(frame, face))])
    keep = [i for i, name in enumerate(lines[0]) if name != without]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(between.join(line[i] for i in keep) + "\n" for line in lines))
    return path


def read(path: Path) -> Recording:
    return OPENFACE.read("clip", (path,))


def test_columns_are_in_the_order_of_the_program() -> None:
    assert (len(INTENSITIES), len(OCCURRENCES), len(set(COLUMNS))) == (17, 18, 35)
    assert (COLUMNS[0], COLUMNS[16], COLUMNS[17], COLUMNS[34]) == (
        "AU01_r",
        "AU45_r",
        "AU01_c",
        "AU45_c",
    )
    assert {name[:4] for name in OCCURRENCES} - {name[:4] for name in INTENSITIES} == {"AU28"}


@pytest.mark.parametrize("between", [", ", ",", ";"])
def test_the_first_frame_becomes_0_and_gaps_stay(tmp_path: Path, between: str) -> None:
    rows = [(1, 0, 0.98, 1), (2, 0, 0.8, 1), (3, 0, 0.79, 1), (4, 0, 0.98, 0), (9, 0, 0.9, 1)]
    found = read(write(tmp_path / "v.csv", rows, between))
    assert found.frame.tolist() == [0, 1, 8]
    assert found.skipped == {LOW_CONFIDENCE: 2}
    np.testing.assert_allclose(found.values, [units(n, 0) for n in (1, 2, 9)], rtol=1e-6)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", [(1, 0, 0.98, 1), (2, 0, 0.98, 1)])
    table = pd.read_csv(path, skipinitialspace=True)
    table[list(reversed(table.columns))].to_csv(path, index=False)
    np.testing.assert_allclose(read(path).values, [units(1, 0), units(2, 0)], rtol=1e-6)


def test_the_face_that_is_surest_over_all_frames_is_kept(tmp_path: Path) -> None:
    # Face 0 is surer in frame 1 and has more rows; face 1 has the higher sum, 1.82 against 1.25.
    rows = [(1, 0, 0.95, 1), (1, 1, 0.9, 1), (2, 1, 0.9, 1), (3, 0, 0.1, 0), (4, 0, 0.1, 0)]
    path = write(tmp_path / "v.csv", [*rows, (4, 1, 0.02, 0), (5, 0, 0.1, 0)])
    for confidence in ("0.10", "nan"):  # in the last row, of face 0
        path.write_text(path.read_text().replace("5, 0, 0.167, 0.10", f"5, 0, 0.167, {confidence}"))
        found = read(path)
        assert found.frame.tolist() == [0, 1]
        np.testing.assert_allclose(found.values, [units(1, 1), units(2, 1)], rtol=1e-6)
        assert found.skipped == {OTHER_FACE: 4, LOW_CONFIDENCE: 1}
    assert ", nan, 0," in path.read_text()


def test_equal_faces_give_the_lower_id(tmp_path: Path) -> None:
    found = read(write(tmp_path / "v.csv", [(1, 5, 0.9, 1), (1, 2, 0.9, 1)]))
    np.testing.assert_allclose(found.values, [units(1, 2)], rtol=1e-6)


@pytest.mark.parametrize("second", [(3, 0, 0.98, 1), (3, 0, 0.1, 0)])
def test_a_frame_of_one_face_that_comes_twice(tmp_path: Path, second: Row) -> None:
    path = write(tmp_path / "v.csv", [(3, 0, 0.98, 1), second])
    with pytest.raises(AdapterError, match="v.csv: frame 3 comes 2 times"):
        read(path)


def test_a_file_that_counts_from_0_is_refused(tmp_path: Path) -> None:
    """Even if the frame would be dropped: its neighbours would have the wrong numbers."""
    for confidence in (0.98, 0.1):
        path = write(tmp_path / "v.csv", [(0, 0, confidence, 1), (1, 0, 0.98, 1)])
        with pytest.raises(AdapterError, match=r"v\.csv: frame 0, but this program .* frame 1"):
            read(path)


def test_files_of_units_alone(tmp_path: Path) -> None:
    path = tmp_path / "01-01-03-02-01-02-02.csv"
    lines = [COLUMNS, *(map(str, units(n, 0)) for n in (1, 2, 3))]
    path.write_text("".join(";".join(line) + "\n" for line in lines))
    found = read(path)
    assert found.frame.tolist() == [0, 1, 2] and found.skipped == {}
    np.testing.assert_allclose(found.values, [units(n, 0) for n in (1, 2, 3)], rtol=1e-6)


@pytest.mark.parametrize("missing", ["frame", "confidence", "success", "AU28_c", "AU45_r"])
def test_a_missing_column(tmp_path: Path, missing: str) -> None:
    path = write(tmp_path / "v.csv", [(1, 0, 0.98, 1)], without=missing)
    with pytest.raises(AdapterError, match=rf"v\.csv: no column {missing}; there are .*more"):
        read(path)


def test_tables_of_single_pictures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.csv"
    lines = [("face", "confidence", *COLUMNS), ("0", "0.975", *map(str, units(1, 0)))]
    path.write_text("".join(", ".join(line) + "\n" for line in lines))
    with pytest.raises(AdapterError, match="no column frame, success; there are face, confidence"):
        read(path)


def replaced(path: Path, name: str, cell: str) -> Path:
    """The same file with another text in the second row of a column."""
    lines = [line.split(", ") for line in path.read_text().splitlines()]
    lines[2][lines[0].index(name)] = cell
    path.write_text("".join(", ".join(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("name", "cell", "reason"),
    [
        ("AU12_r", "-nan(ind)", NOT_FINITE),
        ("AU12_c", "nan", NOT_FINITE),
        ("confidence", "nan", LOW_CONFIDENCE),
        ("success", "", LOW_CONFIDENCE),
    ],
)
def test_nan_drops_the_frame(tmp_path: Path, name: str, cell: str, reason: str) -> None:
    path = write(tmp_path / "v.csv", [(1, 0, 0.98, 1), (2, 0, 0.98, 1), (3, 0, 0.98, 1)])
    found = read(replaced(path, name, cell))
    assert found.frame.tolist() == [0, 2] and found.skipped == {reason: 1}


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("AU12_r", "5.01", "5.01 in line 3, column AU12_r is not from 0 to 5"),
        ("AU12_r", "-0.1", "is not from 0 to 5"),
        ("AU28_c", "2", "2.0 in line 3, column AU28_c is not 0 or 1"),
        ("AU12_r", "x", "x in line 3, column AU12_r is not a number"),
        ("frame", "1.5", "column frame is not a whole number"),
        ("face_id", "", "column face_id is not a whole number"),
    ],
)
def test_wrong_values(tmp_path: Path, name: str, cell: str, message: str) -> None:
    path = write(tmp_path / "v.csv", [(1, 0, 0.98, 1), (2, 0, 0.98, 1)])
    with pytest.raises(AdapterError, match=message):
        read(replaced(path, name, cell))


def test_empty_and_cut_files(tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", [(1, 0, 0.98, 1), (2, 0, 0.98, 1)])
    text = path.read_text()
    path.write_text(text[: text.rindex(",")])
    with pytest.raises(AdapterError, match="v.csv: line 3 has 41 fields, the header 42"):
        read(path)
    path.write_text("")
    with pytest.raises(AdapterError, match="v.csv: no column names"):
        read(path)


def test_clips_are_named_by_their_path(tmp_path: Path) -> None:
    write(tmp_path / "Actor_01" / "a.csv", [(1, 0, 0.98, 1)])
    (tmp_path / "Actor_01" / "a_of_details.txt").touch()
    assert list(OPENFACE.recordings(tmp_path)) == ["Actor_01/a"]


def test_edaic_is_found_by_participant(tmp_path: Path) -> None:
    for pid in ("600", "302"):
        name = f"{pid}_P/features/{pid}_OpenFace2.1.0_Pose_gaze_AUs.csv"
        write(tmp_path / name, [(1, 0, 0.98, 1), (2, 0, 0.03, 0)], ",", without="face_id")
        (tmp_path / name).with_name(f"{pid}_BoAW_openSMILE_2.3.0_eGeMAPS.csv").touch()
    (tmp_path / "700_P" / "features").mkdir(parents=True)
    found = EDAIC_OPENFACE.recordings(tmp_path)
    assert list(found) == ["302", "600"]
    one = EDAIC_OPENFACE.read("302", found["302"])
    assert one.clip == "302" and one.frame.tolist() == [0] and one.skipped == {LOW_CONFIDENCE: 1}
    np.testing.assert_allclose(one.values, [units(1, 0)], rtol=1e-6)


def test_real_files() -> None:
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not there: real OpenFace files of RAVDESS clips, see its README")
    files = OPENFACE.recordings(REAL)
    assert len(files) == 120
    for clip in list(files)[::20]:
        found = OPENFACE.read(clip, files[clip])
        oracle = pd.read_csv(files[clip][0], sep=";")
        assert list(oracle.columns) == list(COLUMNS) and found.skipped == {}
        assert found.frame.tolist() == list(range(len(oracle)))
        np.testing.assert_array_equal(found.values, oracle.to_numpy(np.float32))
