"""Text tables of labels: what is read, and which damage is refused with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.data.labels.base import (
    LabelError,
    count_differences,
    need_unique,
    numbers,
    read_cells,
    read_header,
    single,
    write_clips,
)
from dfe.data.task_store import read_clips


def file(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(text.encode())
    return path


def test_needed_columns_come_as_stripped_texts_with_their_lines(tmp_path: Path) -> None:
    text = '\ufeffa, b ,c\r\n 007,"x, y",2\r\n\r\n,nan,3\r\n'
    cells = read_cells(file(tmp_path, text), ("b", "a"))
    assert cells.to_dict("split") == {
        "index": [2, 4],
        "columns": ["b", "a"],
        "data": [["x, y", "007"], ["nan", ""]],
    }
    assert read_header(tmp_path / "labels.csv") == ["a", "b", "c"]
    assert read_cells(file(tmp_path, "a;b\n1;2,5\n"), ("b",), ";")["b"].tolist() == ["2,5"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "labels.csv: the file is empty"),
        ("\n\n", "labels.csv: the file is empty"),
        ("a,b\n", "labels.csv: a header and no rows"),
        ("a,c\n1,2\n", r"lacks the columns \['b'\]; it has \['a', 'c'\]"),
        ("a,b,a\n1,2,3\n", r"the columns \['a'\] come twice"),
        ("a,b\n1,2\n3\n", "line 3: 1 cells under a header of 2; is the file whole"),
        ("a,b\n1,2,3\n", "line 2: 3 cells"),
        ('a,b\n1,"2\n', "not a readable table"),
    ],
)
def test_damage_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_cells(file(tmp_path, text), ("a", "b"))


def test_files_that_are_no_text_or_absent(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="nowhere.csv: no such file"):
        read_header(tmp_path / "nowhere.csv")
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(LabelError, match="x.csv: not a readable table"):
        read_cells(tmp_path / "x.csv", ("a", "b"))
    with pytest.raises(LabelError, match="not a readable table"):
        read_header(tmp_path)


def column(*cells: str) -> pd.Series:
    return pd.Series(cells, pd.RangeIndex(2, len(cells) + 2), name="score", dtype=str)


@given(st.lists(st.floats(-3, 7), min_size=1))
def test_numbers_keep_their_values(values: list[float]) -> None:
    found = numbers(column(*map(repr, values)), Path("x.csv"), -3, 7)
    assert found.tolist() == values and found.dtype == np.float64


def test_gaps_are_nan_where_they_are_allowed() -> None:
    cells = column("1", "", "nan", "NA", "2.0")
    found = numbers(cells, Path("x.csv"), 0, 2, whole=True, gaps=True)
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, np.nan, 2])
    for blank in ("", "NA"):
        with pytest.raises(LabelError, match=f"x.csv, line 3, column 'score': '{blank}' is not"):
            numbers(column("1", blank), Path("x.csv"), 0, 2)


@pytest.mark.parametrize("cell", ["-0.01", "2.01", "two", "inf", "1,5", "True"])
def test_wrong_numbers_are_named(cell: str) -> None:
    with pytest.raises(
        LabelError, match=f"line 4, column 'score': '{cell}' is not a number from 0"
    ):
        numbers(column("0", "2", cell), Path("x.csv"), 0, 2, gaps=True)


def test_whole_numbers() -> None:
    assert numbers(column("1.5"), Path("x.csv"), 0, 2).tolist() == [1.5]
    with pytest.raises(LabelError, match="'1.5' is not a whole number from 0 to 2"):
        numbers(column("1.5"), Path("x.csv"), 0, 2, whole=True)
    named = column("9").rename_axis("subject")
    with pytest.raises(LabelError, match="subject 2, column"):
        numbers(named, Path("x.csv"), 0, 2)


def test_one_number() -> None:
    assert [single(value, 0, 1, "x") for value in (0.0, 1.0)] == [0, 1]
    for value in (-1e-9, 1 + 1e-9, float("nan")):
        with pytest.raises(LabelError, match="x: .* is not a number from 0 to 1"):
            single(value, 0, 1, "x")


def test_names_are_unique() -> None:
    need_unique(column("a", "b"), "here")
    with pytest.raises(LabelError, match="here: 'a' comes twice"):
        need_unique(column("a", "b", "a"), "here")
    with pytest.raises(LabelError, match="here: a row without a name in column 'score'"):
        need_unique(column("a", ""), "here")


def test_counts_in_words() -> None:
    assert count_differences({"a": 1, "b": 2}, {"a": 1, "b": 2}) == []
    assert count_differences({"a": 1}, {"a": 3, "b": 2}) == [
        "a: 1 instead of 3",
        "b: 0 instead of 2",
    ]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_clips_is_read_back(tmp_path: Path, suffix: str) -> None:
    clips = pd.DataFrame(
        {"clip": ["007", "None"], "subject": ["1e5", "NA"], "split": "", "score": [0.1, 1 / 3]},
        index=[5, 3],  # as a selection of rows has
    )
    path = tmp_path / "new" / f"clips.{suffix}"
    write_clips(path, clips)
    pd.testing.assert_frame_equal(
        read_clips(path).reset_index(), clips.reset_index(drop=True), rtol=1e-15
    )
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_tables_that_cannot_be_clips_are_not_written(tmp_path: Path) -> None:
    good = pd.DataFrame({"clip": ["a", "b"], "subject": "", "split": "", "x": [1.0, 2.0]})
    for wrong, message in (
        (good.drop(columns="split"), r"lacks the columns \['split'\]"),
        (good.assign(clip="a"), "'a' comes twice"),
        (good.assign(x=[1, np.nan]), "column 'x' has gaps"),
        (good[:0], "no rows"),
    ):
        with pytest.raises(LabelError, match=message):
            write_clips(tmp_path / "clips.csv", wrong)
    assert not list(tmp_path.iterdir())
