"""Observations: checks, the Parquet file, and joining them to a feature table by frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from test_data_features import make_table

from dfe.data.features import write_features
from dfe.data.observations import (
    OBSERVATION_KEY,
    Observation,
    ObservationError,
    ObservationMetadata,
    join,
    read_observation,
    write_observation,
)
from dfe.data.table import FeatureTable


def make_metadata(**changes: Any) -> ObservationMetadata:
    values: dict[str, Any] = {
        "name": "seen",
        "kind": "features",
        "origin": "real",
        "extractor": "a camera",
        "extractor_version": "1.0",
    }
    return ObservationMetadata(**(values | changes))


def observe(table: FeatureTable, rows: list[int], width: int = 2, **changes: Any) -> Observation:
    """Observe some rows of a table: value j of row i is i + j / 10."""
    return Observation(
        dataset=table.dataset[rows],
        clip=table.clip[rows],
        frame=table.frame[rows],
        values=(np.array(rows)[:, None] + np.arange(width) / 10).astype(np.float32),
        metadata=make_metadata(**changes),
    )


def units(**changes: Any) -> Observation:
    return observe(make_table(), [0, 1], kind="action_units", columns=("AU1", "AU2"), **changes)


# Joining


@given(st.permutations(range(6)), st.integers(1, 6))
def test_values_find_their_frames_in_any_order(order: list[int], n: int) -> None:
    table = make_table()
    joined = join(table, observe(table, order[:n]))
    assert joined.shape == (6, 2) and joined.dtype == np.float32
    for row in range(6):
        expected = [row, row + 0.1] if row in order[:n] else [np.nan, np.nan]
        np.testing.assert_allclose(joined[row], expected, rtol=1e-6)


def test_the_same_frame_number_of_another_clip_or_data_set_is_another_frame() -> None:
    table = replace(
        make_table(),
        frame=np.zeros(6, np.int64),
        clip=np.array(list("abcdef")),
        subject=np.array(list("abcdef")),
    )
    seen = replace(observe(table, [1, 4]), dataset=np.array(["made-up", "other"]))
    assert np.isfinite(join(table, seen)).all(1).tolist() == [False, True] + [False] * 4


def test_observed_frames_that_the_table_lacks_are_passed_over() -> None:
    table = make_table()
    joined = join(table.rows(np.array([4, 0])), observe(table, [1, 3, 4]))
    assert joined[0].tolist() == pytest.approx([4, 4.1]) and np.isnan(joined[1]).all()


def test_an_observation_of_other_frames_is_an_error_that_names_keys_of_both() -> None:
    table = make_table()
    seen = replace(observe(table, [1]), clip=np.array(["clip-1.mp4"]))
    with pytest.raises(ObservationError, match="'seen' and the table share no frame") as caught:
        join(table, seen)
    assert "made-up/clip-1.mp4 frame 1" in str(caught.value)
    assert "made-up/clip-0 frame 0" in str(caught.value)
    with pytest.raises(ObservationError, match="0, the table is empty"):
        join(table.rows(np.zeros(6, bool)), observe(table, [1]))


# What an observation may be


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("values", np.zeros((2, 0), np.float32), r"values must be \(N, D\).*not \(2, 0\)"),
        ("values", np.zeros(2, np.float32), r"not \(2,\)"),
        ("values", np.array([[0.0, 1], [np.nan, 1]]), "values: expected finite.*first: row 1"),
        ("values", np.zeros((2, 2), int), "values: expected floating point"),
        ("values", np.zeros((3, 2), np.float32), r"dataset must be str \(3,\), not <U7 \(2,\)"),
        ("dataset", np.array([b"made-up"] * 2), r"dataset must be str \(2,\), not \|S7"),
        ("clip", np.array(["a", ""]), "row 1 has an empty name or a frame below 0"),
        ("dataset", np.array(["", "a"]), "row 0 has an empty name"),
        ("frame", np.array([0.0, 1.0]), r"frame must be int64 \(2,\), not float64"),
        ("frame", np.array([0, 1], np.int32), "not int32"),
        ("frame", np.array([[0, 1]]), r"not int64 \(1, 2\)"),
        ("frame", np.array([0, -1]), "row 1 has an empty name or a frame below 0"),
    ],
)
def test_a_wrong_observation_is_refused(field: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(ObservationError, match=f"observation 'seen': .*{message}"):
        replace(observe(make_table(), [0, 3]), **{field: value})


def test_an_observation_without_frames_is_refused() -> None:
    table = make_table()
    none = np.zeros((0, 2), np.float32)
    with pytest.raises(ObservationError, match=r"at least one frame.*not \(0, 2\)"):
        Observation(table.dataset[:0], table.clip[:0], table.frame[:0], none, make_metadata())


def test_a_frame_that_comes_twice_is_named() -> None:
    table = make_table()
    with pytest.raises(ObservationError, match="made-up/clip-2 frame 5 comes more than once"):
        observe(table, [1, 5, 2, 5])
    observe(table, [0, 3])  # two frames of one clip


def test_width_and_names_have_to_agree() -> None:
    assert units().metadata.columns == ("AU1", "AU2")
    with pytest.raises(ObservationError, match="3 columns but 2 values per frame"):
        observe(make_table(), [0], columns=("a", "b", "c"))
    with pytest.raises(ValidationError, match="action units need the names"):
        make_metadata(kind="action_units")
    with pytest.raises(ValidationError, match="columns repeat the name 'a'"):
        make_metadata(columns=("a", "b", "a"))


def test_a_unit_that_was_not_coded_is_not_inactive() -> None:
    values = np.array([[0, 1], [0.5, -1]], np.float32)
    with pytest.raises(ObservationError, match="an action unit is negative in row 1; leave"):
        replace(units(), values=values)
    assert replace(observe(make_table(), [0, 1]), values=values).values[1, 1] == -1


# The file


@pytest.mark.parametrize("seen", [observe(make_table(), [4, 0, 3], width=5), units()])
def test_what_is_written_is_read(tmp_path: Path, seen: Observation) -> None:
    path = tmp_path / "deep" / "seen.parquet"
    write_observation(path, seen)
    read = read_observation(path)
    for name in ("dataset", "clip", "frame", "values"):
        np.testing.assert_array_equal(getattr(read, name), getattr(seen, name))
        assert getattr(read, name).dtype == getattr(seen, name).dtype
    assert read.metadata == seen.metadata
    assert [p.name for p in path.parent.iterdir()] == ["seen.parquet"]


def test_all_of_the_metadata_survive_the_file(tmp_path: Path) -> None:
    seen = units(origin="gated", inputs_sha256="a" * 64)
    write_observation(tmp_path / "o", seen)
    assert read_observation(tmp_path / "o").metadata == seen.metadata
    assert seen.metadata.inputs_sha256 == "a" * 64


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "o.parquet"
    write_observation(path, units())
    before = path.read_bytes()

    def half(_: pa.Table, name: str, **__: Any) -> None:
        Path(name).write_bytes(before[:50])
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(OSError, match="disk full"):
        write_observation(path, observe(make_table(), [2]))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("keep", [0, 3, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "o.parquet"
    write_observation(path, units())
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(ObservationError, match="o.parquet is damaged or not Parquet"):
        read_observation(path)


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="none.parquet does not exist"):
        read_observation(tmp_path / "none.parquet")
    (tmp_path / "text").write_text("dataset,clip,frame\n" * 9)
    with pytest.raises(ObservationError, match="text is damaged or not Parquet"):
        read_observation(tmp_path / "text")
    write_features(tmp_path / "f.parquet", make_table())
    with pytest.raises(ObservationError, match="f.parquet: not an observation file"):
        read_observation(tmp_path / "f.parquet")


def with_column(arrow: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return arrow.set_column(arrow.column_names.index(name), name, column)


def with_metadata(arrow: pa.Table, old: bytes, new: bytes) -> pa.Table:
    text = arrow.schema.metadata[OBSERVATION_KEY]
    assert old in text
    return arrow.replace_schema_metadata({OBSERVATION_KEY: text.replace(old, new)})


def lists(values: list[Any], width: int, kind: pa.DataType | None = None) -> pa.Array:
    return pa.array(values, pa.list_(kind or pa.float32(), width))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.replace_schema_metadata({}), "not an observation file: .*'dfe-observation'"),
        (lambda a: with_metadata(a, b'version":1', b'version":2'), "schema_version: .*got 2"),
        (lambda a: with_metadata(a, b'"real"', b'"dreamt"'), "origin: .*got 'dreamt'"),
        (lambda a: with_metadata(a, b'"origin"', b'"source"'), "origin: Field required"),
        (lambda a: with_metadata(a, b"{", b""), "Invalid JSON"),
        (lambda a: a.drop_columns(["frame"]), r"its columns are \['dataset', 'clip', 'values'\]"),
        (lambda a: a.append_column("extra", a["frame"]), "its columns are .*'extra'"),
        (lambda a: a.append_column("frame", a["frame"]), "its columns are .*'frame', 'values', 'f"),
        (lambda a: with_column(a, "clip", a["clip"].cast(pa.string())), "'clip' is string, not d"),
        (lambda a: with_column(a, "frame", a["frame"].cast(pa.int32())), "'frame' is int32, not"),
        (lambda a: with_column(a, "values", a["frame"]), "'values' is int64, not a fixed-size"),
        (
            lambda a: with_column(a, "values", lists([[1.0, 2], [3, 4]], 2, pa.float64())),
            "'values' is .*double.*, not a fixed-size list of float32",
        ),
        (lambda a: with_column(a, "values", lists([[1.0]] * 2, 1)), "2 columns but 1 values"),
        (lambda a: with_column(a, "values", lists([None, [1.0, 2]], 2)), "'values' holds nulls"),
        (lambda a: with_column(a, "frame", pa.array([None, 1])), "'frame' holds nulls"),
        (
            lambda a: with_column(a, "clip", pa.array(["a", None]).dictionary_encode()),
            "'clip' holds nulls",
        ),
        (
            lambda a: with_column(a, "values", lists([[1.0, None], [1, 2]], 2)),
            "values: expected finite",
        ),
        (lambda a: pa.concat_tables([a, a]), "frame 0 comes more than once"),
        (lambda a: a.slice(0, 0), "at least one frame"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "o.parquet"
    write_observation(path, units())
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(ObservationError, match=rf"(?s)o\.parquet: .*{message}"):
        read_observation(path)
