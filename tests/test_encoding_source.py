"""What can be encoded, and the message of everything that cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from encoding_support import FACE, encode, plain, small_model, vectors, write

from dfe.config import ModelConfig
from dfe.data.features import write_features
from dfe.data.observations import Observation, ObservationMetadata, write_observation
from dfe.data.table import FeatureTable, Metadata, Source
from dfe.encoding import EncodingError, read_tokens
from dfe.encoding.source import read_rows, source_files

WIDE = small_model(config=ModelConfig(layers=1, width=8, feedforward=8))  # reads 50 values
PSI = vectors(7, width=50)
CLIP = np.array(["a", "a", "a", "b", "b", "b", "b"])
FRAME = np.array([5, 6, 9, 0, 1, 2, 3])


def feature_table(face: str = FACE) -> FeatureTable:
    source = Source(manifest="d", extractor="e", extractor_version="1", inputs_sha256="0" * 64)
    return FeatureTable(
        dataset=np.full(7, "d"),
        clip=CLIP,
        subject=CLIP,
        frame=FRAME,
        timestamp=np.full(7, np.nan),
        psi=PSI,
        scores=np.zeros((7, 52), np.float32),
        landmarks=None,
        metadata=Metadata(origin="real", face=face, face_sha256="0" * 64, sources=(source,)),
    )


def observation(face: str = FACE, **changes: Any) -> Observation:
    settings = {"name": "o", "kind": "features", "origin": "real", "face": face}
    metadata = ObservationMetadata(**settings | changes, extractor="e", extractor_version="1")
    return Observation(np.full(7, "d"), CLIP, FRAME, np.abs(PSI), metadata)


def test_a_feature_table_is_encoded_with_its_keys(tmp_path: Path) -> None:
    write_features(tmp_path / "in" / "x.parquet", feature_table())
    encode(tmp_path / "in", tmp_path / "out", WIDE, unnamed=None)
    table = read_tokens(tmp_path / "out").dataset.to_table()
    assert table.column_names == ["dataset", "clip", "frame", *(f"token_{i}" for i in (1, 2, 3, 4))]
    assert table["dataset"].to_pylist() == ["d"] * 7
    assert table["clip"].to_pylist() == CLIP.tolist()
    assert table["frame"].to_pylist() == FRAME.tolist()
    codes = np.stack([table[f"token_{i}"].to_numpy() for i in (1, 2, 3, 4)], 1)
    np.testing.assert_array_equal(codes, WIDE.encode(PSI))
    assert codes.dtype == np.uint8, "64 codes need no more"


def test_an_observation_of_expression_vectors_is_encoded(tmp_path: Path) -> None:
    write_observation(tmp_path / "o.parquet", observation())
    encode(tmp_path / "o.parquet", tmp_path / "out", WIDE, unnamed=None)
    np.testing.assert_array_equal(read_tokens(tmp_path / "out").codes(), WIDE.encode(np.abs(PSI)))


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float32(), 6),
        pa.list_(pa.float64()),
        pa.large_list(pa.float32()),
        pa.list_(pa.float16(), 6),
    ],
    ids=str,
)
def test_any_list_of_floats_will_do(tmp_path: Path, kind: pa.DataType) -> None:
    psi = vectors(9).astype(np.float16).astype(np.float32)
    keys = {
        "clip": pa.array(list("aabbccdde"), pa.large_string()).dictionary_encode(),
        "frame": pa.array(range(9), pa.uint16()),
    }
    write(tmp_path / "x.parquet", plain(psi, kind, **keys, more=pa.array(range(9))))
    encode(tmp_path / "x.parquet", tmp_path / "out")
    tokens = read_tokens(tmp_path / "out")
    np.testing.assert_array_equal(tokens.codes(), small_model().encode(psi))
    table = tokens.dataset.to_table()
    assert table["clip"].to_pylist() == list("aabbccdde")
    assert table["frame"].to_pylist() == list(range(9)) and "more" not in table.column_names


def altered(row: int, value: object) -> pa.Table:
    """Ten rows of which one is replaced."""
    psi: list[Any] = vectors(10).tolist()
    psi[row] = value
    return plain(psi)


def key(name: str, row: int) -> pa.Table:
    values: list[Any] = plain(vectors(10))[name].to_pylist()
    values[row] = None
    return plain(vectors(10), **{name: pa.array(values)})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (altered(7, [0, 1, np.nan, 3, 4, 5]), r"x\.parquet: psi holds NaN.* in row 7 \(from 0\)"),
        (altered(9, [0, 1, 2, 3, 4, np.inf]), r"psi holds NaN, infinity.* in row 9 \(from 0\)"),
        (altered(4, [1] * 5), r"psi has not the 6 values of the model in row 4 "),
        (altered(6, []), r"psi has not the 6 values of the model in row 6 "),
        (altered(8, None), r"psi is missing in row 8 "),
        (key("dataset", 3), r"dataset is missing in row 3 "),
        (key("clip", 8), r"clip is missing in row 8 "),
        (key("frame", 5), r"frame is missing in row 5 "),
        (plain(vectors(10), psi=None), r"0 columns are called 'psi'; .* there are dataset, clip"),
        (plain(vectors(10), frame=None), r"0 columns are called 'frame'"),
        (plain(vectors(10), frame=pa.array([0.5] * 10)), r"'frame' is double, not integers"),
        (plain(vectors(10), clip=pa.array(range(10))), r"'clip' is int64, not text"),
        (plain(vectors(10), psi=pa.array([[1] * 6] * 10)),
         r"'psi' is list<.*int64.*>, not lists of floating"),
        (plain(vectors(10, width=5), pa.list_(pa.float32(), 5)),
         r"5 values a row in 'psi', but the model reads 6"),
        (plain([]), r"x\.parquet: the file has no rows"),
    ],
)  # fmt: skip
def test_bad_input_is_named(tmp_path: Path, table: pa.Table, message: str) -> None:
    write(tmp_path / "in" / "x.parquet", table)
    with pytest.raises(EncodingError, match=message):
        encode(tmp_path / "in", tmp_path / "out", rows_per_batch=2)
    assert list((tmp_path / "out").rglob("*.parquet")) == []


def test_missing_elements_and_values_beyond_float32_are_refused(tmp_path: Path) -> None:
    psi = vectors(6).astype(np.float64).tolist()
    psi[4][2] = 1e300
    path = write(tmp_path / "x.parquet", plain(psi, pa.list_(pa.float64())))
    with pytest.raises(EncodingError, match="row 4 "):
        encode(path, tmp_path / "out")
    values = pa.array([[1.0] * 6, [1.0, None, 1.0, 1.0, 1.0, 1.0]], pa.list_(pa.float32(), 6))
    write(path, plain(vectors(2), psi=values))
    with pytest.raises(EncodingError, match="row 1 "):
        encode(path, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_what_is_no_parquet_is_named_before_any_work(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "a.parquet", plain(vectors(3)))
    (tmp_path / "b.parquet").write_bytes(content)
    with pytest.raises(EncodingError, match=r"b\.parquet is damaged or not Parquet"):
        encode(tmp_path, tmp_path.with_name("out"))
    assert not tmp_path.with_name("out").exists()


def test_damage_behind_the_footer_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", plain(vectors(3000)), per_group=1000)
    place = pq.ParquetFile(path).metadata.row_group(1).column(3)
    assert place.path_in_schema.startswith("psi")
    data = bytearray(path.read_bytes())
    start = place.dictionary_page_offset or place.data_page_offset
    data[start : start + place.total_compressed_size] = bytes(place.total_compressed_size)
    path.write_bytes(data)
    with pytest.raises(EncodingError, match=r"damaged at or after row \d+"):
        encode(path, tmp_path / "out", rows_per_batch=500)
    assert list((tmp_path / "out").rglob("*.parquet")) == []


def test_nothing_to_encode_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match="nowhere: no such file"):
        encode(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(EncodingError, match=r"no file \*\.parquet"):
        encode(tmp_path, tmp_path / "out")
    with pytest.raises(EncodingError, match="at least 1"):
        encode(write(tmp_path / "x.parquet", plain(PSI[:, :6])), tmp_path / "out", rows_per_batch=0)


def test_another_face_is_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "f.parquet", tmp_path / "o.parquet"]
    write_features(paths[0], feature_table("flame"))
    write_observation(paths[1], observation("flame"))
    for path in paths:
        with pytest.raises(EncodingError, match=f"{path.name}: expression vectors of flame, but"):
            encode(path, tmp_path / "out", WIDE, unnamed=FACE)


def test_a_face_that_is_not_named_has_to_be_asserted(tmp_path: Path) -> None:
    plain_file = write(tmp_path / "p.parquet", plain(vectors(3)))
    unnamed = tmp_path / "o.parquet"
    write_observation(unnamed, observation(""))
    for path, model in ((plain_file, small_model()), (unnamed, WIDE)):
        with pytest.raises(EncodingError, match="does not name the face .* `--face open-head`"):
            encode(path, tmp_path / "out", model, unnamed=None)
        with pytest.raises(EncodingError, match="vectors of flame, but the model reads"):
            encode(path, tmp_path / "out", model, unnamed="flame")
        assert encode(path, tmp_path / "out", model, unnamed=FACE)


def test_action_units_and_broken_provenance_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    units = tuple(f"AU{i}" for i in range(50))
    write_observation(path, observation("", kind="action_units", columns=units))
    with pytest.raises(EncodingError, match="action_units, not expression vectors"):
        encode(path, tmp_path / "out", WIDE)
    write(path, plain(vectors(3)).replace_schema_metadata({b"dfe": b'{"face": 3}'}))
    with pytest.raises(EncodingError, match="x.parquet: its metadata"):
        encode(path, tmp_path / "out")


def test_files_come_by_name_and_hidden_ones_do_not(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a/c", "_old/x", ".tmp", "a/_x"):
        write(tmp_path / f"{name}.parquet", plain(vectors(3)))
    (tmp_path / "notes.csv").write_text("no parquet")
    found = [file.name for file in source_files(tmp_path, 6, FACE, FACE)]
    assert found == ["a/c.parquet", "a/z.parquet", "b.parquet"]


def test_a_row_group_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    rows, width = 200_000, 50
    flat = np.random.default_rng(0).standard_normal(rows * width, np.float32)
    table = pa.table(
        {
            "dataset": pa.array(np.full(rows, "d")),
            "clip": pa.array(np.full(rows, "c")),
            "frame": pa.array(np.arange(rows)),
            "psi": pa.FixedSizeListArray.from_arrays(pa.array(flat), width),
        }
    )
    path = write(tmp_path / "x.parquet", table, per_group=rows)
    del table, flat
    (file,) = source_files(path, width, FACE, FACE)
    assert file.groups == (rows,)
    before, seen, most = pa.total_allocated_bytes(), 0, 0
    for batch in read_rows(file, [0], 0, width, 1000):
        seen += len(batch.psi)
        most = max(most, pa.total_allocated_bytes() - before)
        assert len(batch.psi) <= 1000
    assert seen == rows
    assert most < rows * width * 4 / 4, "a quarter of the column, which is 40 MB"
