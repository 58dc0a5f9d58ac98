"""E-DAIC: three files of labels become a table, and its known counts are checked in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from labels_support import check_form

from dfe.data.labels import LabelError, read_edaic
from dfe.data.labels.edaic import verify_counts

HEADER = "Participant_ID,Gender,PHQ_Binary,PHQ_Score,PCL-C (PTSD),PTSD Severity"
Rows = dict[str, list[tuple[int, int, int]]]  # split -> id, PHQ_Binary, PHQ_Score
SMALL: Rows = {
    "train": [(302, 0, 4), (303, 1, 9), (304, 0, 10)],
    "dev": [(300, 0, 0)],
    "test": [(600, 1, 24), (601, 0, 11)],
}


def release(folder: Path, rows: Rows = SMALL) -> Path:
    (folder / "labels").mkdir(exist_ok=True)
    for split, people in rows.items():
        lines = [f"{pid},male,{binary},{score},0,25.0" for pid, binary, score in people]
        text = "\n".join([HEADER, *lines, ""])
        (folder / "labels" / f"{split}_split.csv").write_text(text, encoding="utf-8")
    return folder


def test_labels_of_all_splits(tmp_path: Path) -> None:
    clips = read_edaic(release(tmp_path))
    assert list(clips) == ["clip", "subject", "split", "phq", "phq_binary", "score10"]
    assert clips["clip"].tolist() == ["302", "303", "304", "300", "600", "601"]
    assert clips["subject"].equals(clips["clip"].rename("subject"))
    assert clips["split"].tolist() == ["train"] * 3 + ["dev"] + ["test"] * 2
    assert clips["phq"].tolist() == [4, 9, 10, 0, 24, 11]
    assert clips["phq_binary"].tolist() == [0, 1, 0, 0, 1, 0], "as in the file"
    assert clips["score10"].tolist() == [0, 0, 1, 0, 1, 1], "from ten on"
    check_form(clips, tmp_path)


def full() -> Rows:
    """Rows with the counts of the release."""
    train = [(300 + i, 0, 3) for i in range(163)]
    train[:16] = [(300 + i, 0, 12) for i in range(16)]
    dev = [(500 + i, 0, 3) for i in range(56)]
    test = [(600 + i, int(i < 17), 14 if i < 21 else 2) for i in range(56)]
    return {"train": train, "dev": dev, "test": test}


def test_the_counts_of_the_release(tmp_path: Path) -> None:
    assert verify_counts(read_edaic(release(tmp_path, full()))) == []


@pytest.mark.parametrize(
    ("split", "row", "words"),
    [
        ("train", None, "train participants: 162 instead of 163"),
        ("dev", None, "dev participants: 55 instead of 56"),
        ("test", None, "test participants: 55 instead of 56"),
        ("test", (655, 1, 14), "positive by phq_binary in test: 18 instead of 17"),
        ("test", (655, 0, 10), "positive by score10 in test: 22 instead of 21"),
        ("dev", (555, 1, 3), "participants whose phq_binary is not score10: 21 instead of 20"),
        ("test", (599, 0, 2), "test participants with an id below 600: 1 instead of 0"),
    ],
)
def test_what_differs_from_the_release_is_said(
    tmp_path: Path, split: str, row: tuple[int, int, int] | None, words: str
) -> None:
    rows = full()
    rows[split][-1:] = [row] if row else []
    assert words in verify_counts(read_edaic(release(tmp_path, rows)))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((300, 0, 25), "dev_split.csv, line 2, column 'PHQ_Score': '25' is not a whole number"),
        ((300, 0, -1), "'PHQ_Score': '-1'"),
        ((300, 2, 3), "column 'PHQ_Binary': '2'"),
        ((600, 0, 3), "'600' comes twice"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, row: tuple[int, int, int], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_edaic(release(tmp_path, SMALL | {"dev": [row]}))


def test_wrong_files_are_named(tmp_path: Path) -> None:
    path = release(tmp_path) / "labels" / "dev_split.csv"
    for text, message in (
        ("", "dev_split.csv: the file is empty"),
        (HEADER + "\n300,male,0", "line 2: 3 cells"),
        (HEADER.replace("PHQ_Score", "PHQ8_Score") + "\n1,m,0,1,0,0", "lacks .*PHQ_Score.*PHQ8"),
        (HEADER + "\n300,male,,3,0,1", "'PHQ_Binary': '' is not"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(LabelError, match=message):
            read_edaic(tmp_path)
    path.unlink()
    with pytest.raises(LabelError, match="dev_split.csv: no such file"):
        read_edaic(tmp_path)
