"""Embeddings: rows or windows of an array, or a file for each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dfe.data.adapters import Adapter, AdapterError
from dfe.data.adapters.base import NOT_FINITE
from dfe.data.adapters.embeddings import MAE_FACE, MARLIN, VIDEOMAE

WINDOWS = (MARLIN, VIDEOMAE)
ALL = (MAE_FACE, *WINDOWS)


def vectors(n: int, kind: str = "float32") -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 768)).astype(kind)


def save(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)
    return path


@pytest.mark.parametrize("adapter", ALL, ids=lambda a: a.name)
@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_rows_of_an_array(tmp_path: Path, adapter: Adapter, kind: str) -> None:
    values = vectors(3, kind)
    save(tmp_path / "a" / "v.npy", values)
    files = adapter.recordings(tmp_path)
    assert list(files) == ["a/v"] and (adapter.kind, adapter.columns) == ("features", ())
    found = adapter.read("a/v", files["a/v"])
    assert found.frame.tolist() == ([0, 1, 2] if adapter is MAE_FACE else [0, 16, 32])
    assert found.values.dtype == np.float32 and found.skipped == {}
    np.testing.assert_array_equal(found.values, values.astype(np.float32))


@pytest.mark.parametrize("adapter", ALL, ids=lambda a: a.name)
def test_vectors_that_are_not_finite_are_dropped(tmp_path: Path, adapter: Adapter) -> None:
    values = vectors(4, "float16")
    values[1, 5], values[2, 0] = np.inf, np.nan
    found = adapter.read("v", (save(tmp_path / "v.npy", values),))
    assert found.frame.tolist() == ([0, 3] if adapter is MAE_FACE else [0, 48])
    assert found.skipped == {NOT_FINITE: 2}


@pytest.mark.parametrize("adapter", ALL, ids=lambda a: a.name)
@pytest.mark.parametrize("shape", [(2, 767), (1, 2, 768), (2, 1568, 768)])
def test_another_shape(tmp_path: Path, adapter: Adapter, shape: tuple[int, ...]) -> None:
    path = save(tmp_path / "v.npy", np.zeros(shape))
    with pytest.raises(AdapterError, match=r"v\.npy \(v\): expected 768 numbers .* got shape"):
        adapter.read("v", (path,))


@pytest.mark.parametrize("adapter", WINDOWS, ids=lambda a: a.name)
def test_a_video_reduced_to_one_vector_has_no_windows(tmp_path: Path, adapter: Adapter) -> None:
    path = save(tmp_path / "v.npy", np.zeros(768))
    with pytest.raises(AdapterError, match=r"v\.npy .*got shape \(768,\)"):
        adapter.read("v", (path,))


@pytest.mark.parametrize("adapter", ALL, ids=lambda a: a.name)
def test_damaged_files(tmp_path: Path, adapter: Adapter) -> None:
    path = save(tmp_path / "v.npy", np.zeros((0, 768), np.float32))
    with pytest.raises(AdapterError, match=r"v\.npy: no rows; .*run it again"):
        adapter.read("v", (path,))
    whole = save(path, vectors(2)).read_bytes()
    for length in (0, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(AdapterError, match=r"v\.npy: .*; let the program write"):
            adapter.read("v", (path,))
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(
        AdapterError, match=r"v\.npy: cut off, no file from numpy, or one with Python obj"
    ):
        adapter.read("v", (path,))


def test_a_file_for_each_frame(tmp_path: Path) -> None:
    values = vectors(3, "float16")
    for name, row in zip(("v/frame_2", "v/frame_10", "v/frame_1"), values, strict=True):
        save(tmp_path / f"{name}.npy", row)
    save(tmp_path / "w" / "1.npy", values[:1])  # (1, 768)
    save(tmp_path / "s" / "x" / "7.npy", values[0])
    files = MAE_FACE.recordings(tmp_path)
    assert files == {
        "s/x": (tmp_path / "s" / "x",),
        "v": (tmp_path / "v",),
        "w/1": (tmp_path / "w" / "1.npy",),
    }
    assert [len(list(MAE_FACE.inputs(found))) for found in files.values()] == [1, 3, 1]
    found = MAE_FACE.read("v", files["v"])
    assert found.frame.tolist() == [0, 1, 9]
    np.testing.assert_array_equal(found.values, values[[2, 0, 1]].astype(np.float32))
    one = MAE_FACE.read("s/x", files["s/x"])
    assert one.frame.tolist() == [6] and one.values.shape == (1, 768)
    assert list(MAE_FACE.recordings(tmp_path / "v")) == ["v"]  # the folder of the clip itself


def test_files_of_frames_that_cannot_be_used(tmp_path: Path) -> None:
    save(tmp_path / "v" / "1.npy", vectors(1)[0])
    other = save(tmp_path / "v" / "01.npy", vectors(1)[0])
    with pytest.raises(AdapterError, match=r"/v: frame 1 comes 2 times"):
        MAE_FACE.read("v", MAE_FACE.recordings(tmp_path)["v"])
    other.rename(other.with_name("smile.npy"))
    with pytest.raises(AdapterError, match=r"smile\.npy: no frame number at the end of 'smile'"):
        MAE_FACE.read("v", MAE_FACE.recordings(tmp_path)["v"])
    other.with_name("smile.npy").unlink()
    save(tmp_path / "v" / "2.npy", vectors(3))
    with pytest.raises(AdapterError, match=r"2\.npy: expected 768 numbers, got shape \(3, 768\)"):
        MAE_FACE.read("v", MAE_FACE.recordings(tmp_path)["v"])


def test_rows_of_one_beside_vectors(tmp_path: Path) -> None:
    values = vectors(2)
    files = (save(tmp_path / "1.npy", values[:1]), save(tmp_path / "2.npy", values[1]))
    found = MAE_FACE.read("v", files)
    np.testing.assert_array_equal(found.values, values)
    assert found.frame.tolist() == [0, 1]


def test_pictures_that_count_from_0_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "v" / f"{number:05d}.npy", vectors(1)[0])
    with pytest.raises(AdapterError, match=r"/v: frame 0, but this program calls .* frame 1"):
        MAE_FACE.read("v", MAE_FACE.recordings(tmp_path)["v"])


def test_nan_drops_the_frame_of_a_file(tmp_path: Path) -> None:
    save(tmp_path / "v" / "4.npy", vectors(1)[0])
    save(tmp_path / "v" / "5.npy", np.full(768, np.nan))
    found = MAE_FACE.read("v", MAE_FACE.recordings(tmp_path)["v"])
    assert found.frame.tolist() == [3] and found.skipped == {NOT_FINITE: 1}


def test_names_with_a_dot(tmp_path: Path) -> None:
    save(tmp_path / "-x_Y.003" / "1.npy", vectors(1)[0])
    save(tmp_path / "z" / "-x_Y.004.npy", vectors(2))
    assert list(MAE_FACE.recordings(tmp_path)) == ["-x_Y.003", "z/-x_Y.004"]


def test_a_clip_as_a_folder_and_as_a_file(tmp_path: Path) -> None:
    save(tmp_path / "v" / "1.npy", vectors(1)[0])
    save(tmp_path / "v.npy", vectors(2))
    with pytest.raises(AdapterError, match=r"/v: also v\.npy is here; leave only one"):
        MAE_FACE.recordings(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "v.npz").touch()
    for adapter in ALL:
        with pytest.raises(AdapterError, match=f"nothing of {adapter.title} here; it writes what"):
            adapter.recordings(tmp_path)
