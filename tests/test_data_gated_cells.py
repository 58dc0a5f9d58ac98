from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.data.gated import Column
from dfe.data.gated_cells import accepts, allowed


def column(**settings: object) -> Column:
    return Column.model_validate({"name": "x", "meaning": "made up", **settings})


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(-10, 10), st.floats(0, 10))
def test_numbers_are_accepted_within_their_range(number: float, least: float, width: float) -> None:
    bounded = column(dtype="number", least=least, most=least + width)
    assert accepts(bounded, repr(number)) == (least <= number <= least + width)


@given(st.integers(), st.integers(-5, 5))
def test_whole_numbers_may_be_written_as_decimals(number: int, least: int) -> None:
    bounded = column(dtype="integer", least=least)
    if abs(number) < 2**53:  # larger ones are not exact as decimals
        assert accepts(bounded, str(number)) == accepts(bounded, f"{number}.0") == (number >= least)
    assert not accepts(bounded, f"{least + 1}.5")


@given(st.text(), st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_categories_are_those_that_are_listed(cell: str, values: list[str]) -> None:
    assert accepts(column(dtype="category", values=values), cell) == (cell in values)


@pytest.mark.parametrize(
    ("settings", "cell", "accepted"),
    [
        ({"dtype": "text"}, "", False),
        ({"dtype": "text", "missing": [""]}, "", True),
        ({"dtype": "number", "missing": ["-2"], "least": -1}, "-2.000", True),
        ({"dtype": "number", "least": -1}, "-2", False),
        ({"dtype": "integer", "values": ["0", "1"]}, "1.0", True),
        ({"dtype": "integer", "values": ["0", "1"]}, "2", False),
        ({"dtype": "number"}, "inf", False),
        ({"dtype": "number"}, "", False),
    ],
)
def test_cells(settings: dict[str, object], cell: str, accepted: bool) -> None:
    assert accepts(column(**settings), cell) is accepted


def test_what_may_stand_in_a_cell_is_said() -> None:
    assert allowed(column(dtype="number", least=0)) == "a number of at least 0"
    assert allowed(column(dtype="integer", most=3)) == "a whole number of at most 3"
    assert allowed(column(dtype="text")) == "a text"
    assert allowed(column(dtype="category", values=["a", "b"])) == "one of a, b"
