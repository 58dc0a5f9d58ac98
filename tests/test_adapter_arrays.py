"""Arrays of other programs: numbers of any precision, never objects, nothing half read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from dfe.data.adapters import AdapterError
from dfe.data.adapters.arrays import frame_number, load_archive, load_array, load_vector


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def save(path: Path, values: object, **kwargs: bool) -> Path:
    np.save(path, np.asarray(values), **kwargs)
    return path


@pytest.mark.parametrize("kind", ["float16", "float32", ">f8", "int64", "uint8"])
def test_numbers_of_any_precision(tmp_path: Path, kind: str) -> None:
    values = np.arange(6).reshape(2, 3).astype(kind)
    found = load_array(save(tmp_path / "a.npy", values))
    np.testing.assert_array_equal(found, values)
    columns = load_array(save(tmp_path / "f.npy", np.asfortranarray(values)))
    np.testing.assert_array_equal(columns, values)


@pytest.mark.parametrize("values", [np.array([True]), np.array([1j]), np.array(["a"])])
def test_what_is_no_number(tmp_path: Path, values: np.ndarray) -> None:
    path = save(tmp_path / "a.npy", values)
    with pytest.raises(AdapterError, match=r"a\.npy: expected real numbers, got"):
        load_array(path)
    np.savez(tmp_path / "a.npz", x=values)
    with pytest.raises(AdapterError, match=r"a\.npz: expected real numbers, got"):
        load_archive(tmp_path / "a.npz", ["x"])


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    objects = np.array([Touch(mark)], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Touch(mark)))
    for name in ("a.npy", "b.npy"):
        with pytest.raises(
            AdapterError, match=f"{name}: cut off, no file from numpy, or one with Python"
        ):
            load_array(tmp_path / name)
    with pytest.raises(
        AdapterError, match=r"a\.npz: cut off, no file from numpy, or one with Python"
    ):
        load_archive(tmp_path / "a.npz", ["x"])
    assert not mark.exists()
    np.load(tmp_path / "a.npy", allow_pickle=True)  # the trap would have sprung
    assert mark.exists()


def test_every_cut_of_an_array_is_an_error(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.npy", np.ones((2, 3), np.float32)).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.npy").write_bytes(whole[:length])
        with pytest.raises(AdapterError, match=r"cut\.npy: "):
            load_array(tmp_path / "cut.npy")


@pytest.mark.parametrize("save_archive", [np.savez, np.savez_compressed])
def test_every_cut_of_an_archive_is_an_error(tmp_path: Path, save_archive: object) -> None:
    save_archive(tmp_path / "a.npz", x=np.ones(3), y=np.arange(3))  # type: ignore[operator]
    whole = (tmp_path / "a.npz").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(AdapterError, match=r"cut\.npz: "):
            load_archive(tmp_path / "cut.npz", ["x", "y"])


def test_any_byte_of_an_archive_that_was_overwritten(tmp_path: Path) -> None:
    values = np.arange(30.0)
    np.savez_compressed(tmp_path / "a.npz", x=values)
    whole, refused = (tmp_path / "a.npz").read_bytes(), 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "a.npz").write_bytes(damaged)
        try:
            found = load_archive(tmp_path / "a.npz", ["x"])
        except AdapterError as error:
            assert "a.npz: " in str(error)
            refused += 1
        else:  # a byte that means nothing, such as that of a date
            np.testing.assert_array_equal(found["x"], values)
    assert refused > len(whole) / 2


def test_arrays_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=[1.0], y=[2], z=[3], other=np.array(["text"]))
    found = load_archive(tmp_path / "a.npz", ["y", "x"], ["z", "not there"])
    assert {name: values.tolist() for name, values in found.items()} == {
        "x": [1],
        "y": [2],
        "z": [3],
    }
    with pytest.raises(AdapterError, match=r"a\.npz: no column v; there are x, y, z, other"):
        load_archive(tmp_path / "a.npz", ["x", "v"])


def test_one_array_is_no_archive_and_an_archive_is_not_one_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=[1.0])
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(AdapterError, match=r"a\.npy: an archive of several arrays"):
        load_array(tmp_path / "a.npy")
    path = save(tmp_path / "b.npy", [1.0]).rename(tmp_path / "b.npz")
    with pytest.raises(AdapterError, match=r"b\.npz: one array, not an archive"):
        load_archive(path, ["x"])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"gone\.npy: cannot be read"):
        load_array(tmp_path / "gone.npy")


def test_one_vector(tmp_path: Path) -> None:
    for shape in ((3,), (1, 3)):
        found = load_vector(save(tmp_path / "a.npy", np.arange(3.0).reshape(shape)), 3)
        assert found.tolist() == [0, 1, 2]
    for shape in ((4,), (3, 1), (2, 3), (1, 1, 3), ()):
        path = save(tmp_path / "a.npy", np.zeros(shape))
        with pytest.raises(AdapterError, match=r"a\.npy: expected 3 numbers, got shape"):
            load_vector(path, 3)


@pytest.mark.parametrize(
    ("name", "number"), [("000123", 123), ("7", 7), ("clip_frame0012", 12), ("2024-01_5", 5)]
)
def test_digits_at_the_end_of_a_name(name: str, number: int) -> None:
    assert frame_number(Path("x"), name) == number


@pytest.mark.parametrize("name", ["smile", "12a", "", "12 "])
def test_a_name_without_a_number(name: str) -> None:
    with pytest.raises(AdapterError, match=f"some/file: no frame number at the end of '{name}'"):
        frame_number(Path("some/file"), name)
