"""AffectNet: both editions become the same kind of table; what nobody annotated is a gap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from labels_support import check_form

from dfe.data.labels import LabelError, read_affectnet, read_affectnet_npy

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,"
    "expression,valence,arousal"
)
COLUMNS = ["clip", "subject", "split", "expression", "expression_name", "valence", "arousal"]
Row = tuple[str, str, str, str]  # path, expression, valence, arousal
TRAINING: list[Row] = [
    ("689/737db2.jpg", "1", "0.785714", "-0.0551998"),
    ("392/c4db2f.png", "9", "-2", "-2"),
    ("468/21772b.JPG", "0", "-0.017253", "-1.0"),
]
VALIDATION: list[Row] = [("10/29a31e.jpg", "7", "-1", "1"), ("9/00000.jpg", "10", "-2", "-2")]


def csv_edition(folder: Path, training: list[Row] = TRAINING, header: str = HEADER) -> Path:
    (folder / "Manually_Annotated").mkdir(exist_ok=True)
    for name, rows in (("training", training), ("validation", VALIDATION)):
        lines = [f"{p},134,134,899,899,181.6;530.9;188.3;627.2,{e},{v},{a}" for p, e, v, a in rows]
        path = folder / "Manually_Annotated" / f"{name}.csv"
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return folder


def test_the_csv_edition(tmp_path: Path) -> None:
    table = read_affectnet(csv_edition(tmp_path))
    assert list(table) == COLUMNS
    assert table["clip"].tolist() == [
        *("689/737db2", "392/c4db2f", "468/21772b"),
        *("10/29a31e", "9/00000"),
    ]
    assert table["split"].tolist() == ["train"] * 3 + ["dev"] * 2
    assert table["expression"].tolist() == [1, 9, 0, 7, 10]
    names = ["happy", "uncertain", "neutral", "contempt", "no face"]
    assert table["expression_name"].tolist() == names
    np.testing.assert_array_equal(table["valence"], [0.785714, np.nan, -0.017253, -1, np.nan])
    np.testing.assert_array_equal(table["arousal"], [-0.0551998, np.nan, -1, 1, np.nan])
    assert set(table["subject"]) == {""}
    check_form(table.dropna().reset_index(drop=True), tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a.jpg", "11", "0", "0"), "training.csv, line 2, column 'expression': '11'"),
        (("a.jpg", "-1", "0", "0"), "column 'expression': '-1'"),
        (("a.jpg", "1.5", "0", "0"), "'1.5' is not a whole number"),
        (("a.jpg", "1", "1.1", "0"), "column 'valence': '1.1' is not a number from -2 to 1"),
        (("a.jpg", "1", "0", ""), "column 'arousal': ''"),
        (("a.jpg", "1", "-1.5", "0"), "line 2: valence -1.5 lies between -2"),
        (("10/29a31e.jpg", "1", "0", "0"), "'10/29a31e' comes twice"),
    ],
)
def test_wrong_rows_of_the_csv_edition(tmp_path: Path, row: Row, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_affectnet(csv_edition(tmp_path, [row]))


def test_wrong_files_of_the_csv_edition(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="lacks .*'arousal'.*it has .*'excitement'"):
        read_affectnet(csv_edition(tmp_path, header=HEADER.replace("arousal", "excitement")))
    path = csv_edition(tmp_path) / "Manually_Annotated" / "training.csv"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LabelError, match="training.csv, line 4: .* is the file whole"):
        read_affectnet(tmp_path)


def npy_edition(folder: Path) -> Path:
    sets = {
        "train_set": {"10": ("3", 0.25, -0.5), "9": (0, -2.0, -2.0)},
        "val_set": {"9": (7, "-1", "1.0")},
    }
    for part, images in sets.items():
        (folder / part / "annotations").mkdir(parents=True, exist_ok=True)
        for one, (code, valence, arousal) in images.items():
            stem = folder / part / "annotations" / one
            np.save(f"{stem}_exp.npy", np.array(code))
            np.save(f"{stem}_val.npy", np.array(valence))
            np.save(f"{stem}_aro.npy", np.array([arousal]))
            np.save(f"{stem}_lnd.npy", np.zeros(136))
    return folder


def test_the_npy_edition(tmp_path: Path) -> None:
    table = read_affectnet_npy(npy_edition(tmp_path))
    assert list(table) == COLUMNS
    assert table["clip"].tolist() == ["train_set/9", "train_set/10", "val_set/9"]
    assert table["split"].tolist() == ["train", "train", "dev"]
    assert table["expression"].tolist() == [0, 3, 7]
    assert table["expression_name"].tolist() == ["neutral", "surprise", "contempt"]
    np.testing.assert_array_equal(table["valence"], [np.nan, 0.25, -1])
    np.testing.assert_array_equal(table["arousal"], [np.nan, -0.5, 1])
    check_form(table.dropna().reset_index(drop=True), tmp_path)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("exp", 11, "9_exp.npy: 11.0 is not a number from 0 to 10"),
        ("exp", -1, "9_exp.npy: -1.0 is not"),
        ("exp", 1.5, "expression 1.5 is not a whole number"),
        ("exp", "happy", "9_exp.npy: not one number"),
        ("val", 1.01, "9_val.npy: 1.01 is not"),
        ("aro", -1.5, "9_aro.npy: -1.5 is not"),
        ("aro", np.nan, "9_aro.npy: nan is not"),
        ("val", [0.1, 0.2], "9_val.npy: not one number"),
        ("val", None, "9_val.npy: not one number"),
        ("val", [], "9_val.npy: not one number"),
    ],
)
def test_wrong_values_of_the_npy_edition(
    tmp_path: Path, kind: str, value: object, message: str
) -> None:
    path = npy_edition(tmp_path) / "val_set" / "annotations" / f"9_{kind}.npy"
    np.save(path, np.array(value), allow_pickle=True)
    with pytest.raises(LabelError, match=message):
        read_affectnet_npy(tmp_path)


class Calls:
    """An object whose pickle makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_objects_in_arrays_are_refused_and_never_run(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    path = npy_edition(tmp_path) / "val_set" / "annotations" / "9_val.npy"
    np.save(path, np.array([Calls(sentinel)], object), allow_pickle=True)
    with pytest.raises(LabelError, match="9_val.npy: not one number"):
        read_affectnet_npy(tmp_path)
    assert not sentinel.exists()
    np.load(path, allow_pickle=True)
    assert sentinel.exists(), "the attack works on an ordinary reader"


def test_wrong_files_of_the_npy_edition(tmp_path: Path) -> None:
    path = npy_edition(tmp_path) / "val_set" / "annotations" / "9_val.npy"
    for data in (b"", path.read_bytes()[:-3], path.read_bytes()[:40]):
        path.write_bytes(data)
        with pytest.raises(
            LabelError, match="9_val.npy: not one number .* unpack the archive again"
        ):
            read_affectnet_npy(tmp_path)
        npy_edition(tmp_path)
    path.unlink()
    with pytest.raises(LabelError, match="1 images lack their _val.npy, such as 9"):
        read_affectnet_npy(tmp_path)
    npy_edition(tmp_path)
    path.with_name("9_exp.npy").unlink()
    with pytest.raises(LabelError, match="1 images lack their _exp.npy, such as 9"):
        read_affectnet_npy(tmp_path)
    with pytest.raises(LabelError, match="no files <id>_exp.npy"):
        read_affectnet_npy(tmp_path / "nowhere")
