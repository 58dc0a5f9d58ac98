"""Facial Basis: a line of 50 numbers for each frame; a line that lacks some is an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dfe.data.adapters import AdapterError, Recording
from dfe.data.adapters.base import NOT_FINITE
from dfe.data.adapters.facial_basis_text import FACIAL_BASIS

VALUES = np.random.default_rng(0).normal(size=(3, 50))


def save(folder: Path, values: np.ndarray = VALUES, between: str = " ") -> Path:
    path = folder / "elaine.local_expressions"
    np.savetxt(path, values, delimiter=between)
    return path


def read(path: Path) -> Recording:
    return FACIAL_BASIS.read("elaine", (path,))


@pytest.mark.parametrize("between", [" ", ",", ", ", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\n"])
def test_lines_are_frames(tmp_path: Path, between: str, end: str) -> None:
    path = save(tmp_path, between=between)
    line_end = end[:2] if "\r" in end else "\n"
    text = path.read_text().replace("\n", line_end)
    path.write_bytes((text.removesuffix(line_end) + end).encode())
    found = read(path)
    assert found.frame.tolist() == [0, 1, 2] and found.skipped == {}
    np.testing.assert_array_equal(found.values, VALUES.astype(np.float32))


@given(arrays(np.float32, (2, 50), elements=st.floats(-(2.0**99), 2.0**99, width=32)))
def test_values_are_those_that_savetxt_wrote(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray
) -> None:
    path = save(tmp_path_factory.mktemp("t"), values)
    np.testing.assert_array_equal(read(path).values, values)


def test_nan_drops_the_frame(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[0, 3], values[2, 49] = np.nan, -np.inf
    found = read(save(tmp_path, values))
    assert found.frame.tolist() == [1] and found.skipped == {NOT_FINITE: 2}


@pytest.mark.parametrize("width", [49, 51])
def test_another_width(tmp_path: Path, width: int) -> None:
    path = save(tmp_path, np.zeros((2, width)))
    with pytest.raises(AdapterError, match=f"elaine.local_expressions: {width} numbers in line 1"):
        read(path)


def test_every_cut_is_an_error_unless_it_falls_between_two_lines(tmp_path: Path) -> None:
    path = save(tmp_path)
    whole = path.read_text()
    for length in (*range(0, len(whole), 7), *range(len(whole) - 30, len(whole))):
        path.write_text(whole[:length])
        with pytest.raises(AdapterError, match=r"elaine\.local_expressions: .*; let the program"):
            read(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n", "\n\n", "0 numbers in line 2, not 50"),
        ("\n", " 1.0\n", "51 numbers in line 1, not 50"),
        (" ", ",,", "line 1"),
        ("e", "x", "line 1: could not convert"),
    ],
)
def test_lines_that_cannot_be_used(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = save(tmp_path)
    text = path.read_text().replace(old, new, 1)
    if new == ",,":  # an empty cell in place of a number
        cells = path.read_text().replace(" ", ",").split(",")
        text = ",".join(["", *cells[1:]])
    path.write_text(text)
    with pytest.raises(AdapterError, match=message):
        read(path)


def test_a_blank_line_before_the_others(tmp_path: Path) -> None:
    path = save(tmp_path)
    path.write_text("\n" + path.read_text())
    with pytest.raises(AdapterError, match="0 numbers in line 1, not 50"):
        read(path)


def test_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "elaine.local_expressions"
    path.write_bytes(b"\xff\xfe\x00\n")
    with pytest.raises(AdapterError, match=r"elaine\.local_expressions: not text"):
        read(path)
    path.write_text("\n \n")
    with pytest.raises(AdapterError, match=r"elaine\.local_expressions: empty"):
        read(path)
    path.unlink()
    with pytest.raises(AdapterError, match=r"elaine\.local_expressions: cannot be read"):
        read(path)


def test_clips_are_named_by_their_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    save(tmp_path / "a")
    (tmp_path / "a" / "elaine.expressions").touch()
    assert list(FACIAL_BASIS.recordings(tmp_path)) == ["a/elaine"]
    assert (FACIAL_BASIS.kind, FACIAL_BASIS.columns) == ("features", ())
