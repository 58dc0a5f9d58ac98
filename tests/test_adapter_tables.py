"""Tables of other programs: quirks that are understood, and defects that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.data.adapters import AdapterError
from dfe.data.adapters.tables import (
    header,
    need_labels,
    need_unique,
    numbers,
    read_table,
    row_numbers,
    whole_numbers,
)


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2.5\n3,4\n",
        "a;b\n1;2.5\n3;4\n",
        "a, b\n1, 2.5\n3, 4\n",  # OpenFace
        " a , b\n1,2.5\n3,4",  # no newline at the end
        b"\xef\xbb\xbfa,b\r\n1,2.5\r\n3,4\r\n",  # Windows, with a byte order mark
        'a, "b"\n1, "2.5"\n3, "4"\n\n\n',  # blank lines at the end only
    ],
)
def test_each_form_gives_the_same_numbers(tmp_path: Path, text: str | bytes) -> None:
    path = written(tmp_path, text)
    assert header(path) == ("a", "b")
    table = read_table(path, ["a", "b"])
    np.testing.assert_array_equal(numbers(path, table, ["b", "a"]), [[2.5, 1], [4, 3]])
    assert row_numbers(table).tolist() == [0, 1]


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "x,A,text,B\n9,1,happy,2\n")
    table = read_table(path, ["b"], ["a", "absent"], str.lower)
    assert list(table.columns) == ["a", "b"]
    assert numbers(path, table, ["a", "b"]).tolist() == [[1, 2]]


def test_columns_without_a_name_do_not_clash(tmp_path: Path) -> None:
    path = written(tmp_path, ",a,\n0,5,\n1,6,\n")
    assert numbers(path, read_table(path, ["a"]), ["a"]).tolist() == [[5], [6]]


@pytest.mark.parametrize("nan", ["", "nan", "NaN", "-nan", "-nan(ind)", "nan(ind)", "1.#QNAN"])
def test_nan_as_programs_write_it(tmp_path: Path, nan: str) -> None:
    path = written(tmp_path, f"a,b\n1,{nan}\n2,0.5\n")
    table = read_table(path, ["a", "b"])
    np.testing.assert_array_equal(numbers(path, table, ["b"]), [[np.nan], [0.5]])
    with pytest.raises(AdapterError, match="line 2, column b is not a whole number"):
        whole_numbers(path, table, "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column names in the first line; let the program write"),
        ("\n1,2\n", "no column names"),
        ("a,b\n", "no line below the column names"),
        ("a,b\n\n", "no line below the column names"),
        ("a,b\n1,2\n3\n", "line 3 has 1 fields, the header 2; let the program write"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 fields"),
        ("a,b\n1\n3,4\n", "line 2 has 1 fields"),
        ("a,b\n1,2\n\n3,4\n", "line 3 is blank, line 4 is not"),
        ("a,b, a\n1,2,3\n", "column 'a' comes 2 times"),
        ("a,c\n1,2\n", "no column b; there are a, c"),
        (b"a,b\n\xff\xfe,2\n", "not a table in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\xff", "not a table in UTF-8"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(AdapterError, match=message) as caught:
        read_table(path, ["a", "b"])
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(AdapterError, match="cannot be read"):
            header(path)


def test_a_long_list_of_columns_is_cut(tmp_path: Path) -> None:
    path = written(tmp_path, ",".join(f"c{i}" for i in range(20)) + "\n")
    with pytest.raises(AdapterError, match="no column x, y; there are c0, .*, c11 and 8 more"):
        read_table(path, ["x", "c1", "y"])


def test_text_is_no_number(tmp_path: Path) -> None:
    path = written(tmp_path, "a;b\n1;0.5\n2;0,5\n")  # a decimal comma
    table = read_table(path, ["a", "b"])
    assert numbers(path, table, ["a"]).tolist() == [[1], [2]]
    with pytest.raises(AdapterError, match="0,5 in line 3, column b is not a number"):
        numbers(path, table, ["a", "b"])


@pytest.mark.parametrize("cell", ["1.5", "inf", "x"])
def test_what_is_no_whole_number(tmp_path: Path, cell: str) -> None:
    path = written(tmp_path, f"a,b\n1,0\n{cell},0\n")
    with pytest.raises(AdapterError, match="line 3, column a is not a"):
        whole_numbers(path, read_table(path, ["a"]), "a")


@given(st.lists(st.integers(-(2**52), 2**52), min_size=1, max_size=20))
def test_whole_numbers_are_kept(
    tmp_path_factory: pytest.TempPathFactory, values: list[int]
) -> None:
    lines = "".join(f"{value}.0,x\n" for value in values)
    path = written(tmp_path_factory.mktemp("t"), "a,b\n" + lines)
    found = whole_numbers(path, read_table(path, ["a"]), "a")
    assert found.dtype == np.int64 and found.tolist() == values


def test_labels(tmp_path: Path) -> None:
    values = np.array([[0, 1], [np.nan, 1], [1, -1]])
    need_labels(tmp_path, ["a", "b"], values[:2])
    need_labels(tmp_path, ["a", "b"], values, (-1, 0, 1))
    with pytest.raises(AdapterError, match="-1.0 in line 4, column b is not 0 or 1"):
        need_labels(tmp_path, ["a", "b"], values)


def test_repeated_frames_are_named(tmp_path: Path) -> None:
    need_unique(tmp_path, np.array([3, 1, 2]))
    with pytest.raises(AdapterError, match="frame 7 comes 2 times"):
        need_unique(tmp_path, np.array([9, 7, 1, 7, 9]))
