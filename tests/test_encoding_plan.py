"""A data set is cut into parts, and every part falls to one job."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dfe.encoding.plan
from dfe.encoding import EncodingError, Part, Shard
from dfe.encoding.plan import parts_of, share
from dfe.encoding.source import SourceFile


def file_of(*groups: int) -> SourceFile:
    return SourceFile(Path("x.y.parquet"), "f/x.y.parquet", "psi", groups, b"")


def test_parts_end_with_the_row_group_that_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dfe.encoding.plan, "ROWS_PER_PART", 10)
    parts = parts_of(file_of(4, 0, 4, 4, 30, 1, 0, 2, 0))
    assert [(part.row_groups, part.first_row, part.rows) for part in parts] == [
        ((0, 2, 3), 0, 12),
        ((4,), 12, 30),
        ((5, 7), 42, 3),
    ]
    assert [part.output for part in parts] == [f"f/x.y-0000{i}.parquet" for i in range(3)]
    assert {part.file for part in parts} == {"f/x.y.parquet"}


@given(
    rows=st.lists(st.integers(1, 1000), min_size=1, max_size=60),
    count=st.integers(1, 20),
)
def test_shares_are_disjoint_complete_in_order_and_balanced(rows: list[int], count: int) -> None:
    parts = [
        Part(file="f", output=str(i), row_groups=(i,), first_row=0, rows=n)
        for i, n in enumerate(rows)
    ]
    shares = [share(parts, Shard(index, count)) for index in range(1, count + 1)]
    assert [part for one in shares for part in one] == parts
    for one in shares:
        off = abs(sum(part.rows for part in one) - sum(rows) / count)
        assert off <= max(rows) + 1e-9


def test_a_share_by_hand() -> None:
    parts = [
        Part(file="f", output=str(i), row_groups=(i,), first_row=0, rows=n)
        for i, n in enumerate([5, 1, 1, 1])
    ]  # middle rows 2.5, 5.5, 6.5, 7.5 of 8
    assert [part.output for part in share(parts, Shard(1, 2))] == ["0"]
    assert [part.output for part in share(parts, Shard(2, 2))] == ["1", "2", "3"]


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "-1/2", "1/2/3", "a/b", "1 / 2", ""])
def test_a_wrong_shard_is_refused(text: str) -> None:
    with pytest.raises(EncodingError, match="I/N"):
        Shard.parse(text)
    assert Shard.parse("3/8") == Shard(3, 8) and str(Shard(3, 8)) == "3/8"
