"""What comes from outside is checked once, with messages that say what was expected."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import dfe
from dfe.checks import as_rows, check_codes

PACKAGE = Path(dfe.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


# Rows


def test_one_vector_becomes_a_batch() -> None:
    assert as_rows([1.0, 2.0], 2, "x").tolist() == [[1, 2]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "longdouble"])
def test_floats_become_float32(dtype: str) -> None:
    rows = as_rows(np.ones((3, 2), dtype), 2, "x")
    assert rows.dtype == np.float32 and rows.tolist() == [[1, 1]] * 3


def test_float32_is_not_copied() -> None:
    values = np.ones((3, 2), np.float32)
    assert as_rows(values, 2, "x") is values


def test_no_rows_are_fine() -> None:
    assert as_rows(np.zeros((0, 2)), 2, "x").shape == (0, 2)


@given(npst.arrays(np.float64, (4, 3), elements=st.floats(-1e30, 1e30)))
def test_values_survive_in_any_layout(values: np.ndarray) -> None:
    frozen = values.copy()
    frozen.flags.writeable = False
    layouts = [values[::-1][::-1], np.asfortranarray(values), frozen, values.repeat(2, 0)[::2]]
    for layout in [*layouts, values[:, ::-1][:, ::-1]]:
        rows = as_rows(layout, 3, "x")
        np.testing.assert_array_equal(rows, values.astype(np.float32))
        assert torch.from_numpy(rows).shape == (4, 3)


@pytest.mark.parametrize(
    "values",
    [
        np.ones((2, 3), int),
        np.ones((2, 3), bool),
        np.ones((2, 3), complex),
        np.full((2, 3), "1.0"),
        np.full((2, 3), 1.0, object),
        [[1, 2, 3]],
        [[1.0, None, 2.0]],
        None,
    ],
    ids=["int", "bool", "complex", "str", "object", "list of int", "None inside", "None"],
)
def test_other_types_are_refused(values: Any) -> None:
    with pytest.raises(TypeError, match="x: expected floating point values, got dtype"):
        as_rows(values, 3, "x")


@pytest.mark.parametrize("shape", [(), (2,), (4,), (2, 4), (2, 1), (0,), (1, 2, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"x: expected shape \(N, 3\) or \(3,\), got \("):
        as_rows(np.ones(shape), 3, "x")


def test_ragged_rows_are_refused() -> None:
    with pytest.raises(ValueError):
        as_rows([[1.0, 2.0], [1.0]], 2, "x")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e39])
def test_values_that_are_not_finite_in_float32(bad: float) -> None:
    values = np.zeros((5, 3))
    values[2, 1] = values[4, 0] = bad
    with pytest.raises(ValueError, match=r"2 of 5 rows hold NaN or infinity \(first: row 2\)"):
        as_rows(values, 3, "x")


# Codes


def test_codes_become_int64() -> None:
    codes = check_codes(np.array([[0, 3], [63, 1]], np.uint8), 64, 4)
    assert codes.dtype == np.int64 and codes.tolist() == [[0, 3], [63, 1]]
    assert check_codes([5, 6], 64, 4).tolist() == [[5, 6]]
    assert check_codes(np.zeros((0, 4), int), 64, 4).shape == (0, 4)


def test_codes_in_any_layout() -> None:
    codes = np.arange(8).reshape(2, 4)[:, ::-1]
    assert torch.from_numpy(check_codes(codes, 64, 4)).tolist() == [[3, 2, 1, 0], [7, 6, 5, 4]]


@pytest.mark.parametrize("codes", [[[0.0, 1.0]], [[True, False]], [["0"]], None])
def test_codes_of_other_types(codes: Any) -> None:
    with pytest.raises(TypeError, match="codes must be integers, got dtype"):
        check_codes(codes, 64, 4)


@pytest.mark.parametrize("shape", [(2, 0), (2, 5), (1, 2, 3)])
def test_codes_of_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(N, 1 .. 4\), got \("):
        check_codes(np.zeros(shape, int), 64, 4)


@pytest.mark.parametrize("bad", [-1, 64, 2**62])
def test_codes_out_of_range(bad: int) -> None:
    with pytest.raises(ValueError, match=r"codes must lie in 0 .. 63, got"):
        check_codes([[0, bad]], 64, 4)


# Examples in docstrings


def test_some_docstring_has_an_example() -> None:
    assert "dfe.model" in WITH_EXAMPLES


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0 and result.failed == 0
