"""INFERNO: HDF5 with a leading dimension, read only where h5py is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dfe.data.adapters import AdapterError
from dfe.data.adapters.base import NOT_FINITE
from dfe.data.adapters.inferno import INFERNO, INFERNO_WITH_JAW

Arrays = dict[str, np.ndarray]
Save = Callable[[Path, Arrays], tuple[Path, ...]]


def codes(n: int, width: int = 100) -> Arrays:
    """What INFERNO writes for a video of n frames."""
    rng = np.random.default_rng(n)
    widths = {"cam": 3, "exp": width, "global_pose": 3, "jaw": 3, "shape": 300}
    return {name: rng.normal(size=(1, n, w)).astype(np.float32) for name, w in widths.items()}


@pytest.fixture(params=["stand-in", "h5py"])
def save(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Save:
    """Writes a file; without h5py, as an archive of numpy that is read in its place."""
    if request.param == "h5py":
        pytest.importorskip("h5py", reason="h5py is not a dependency: pip install h5py")
        return save_hdf5
    monkeypatch.setitem(sys.modules, "h5py", SimpleNamespace(File=lambda path, mode: np.load(path)))
    return save_archive


def save_archive(folder: Path, arrays: Arrays) -> tuple[Path, ...]:
    with (folder / "shape_pose_cam.hdf5").open("wb") as stream:
        np.savez(stream, **arrays)
    return (folder / "shape_pose_cam.hdf5",)


def save_hdf5(folder: Path, arrays: Arrays) -> tuple[Path, ...]:
    h5py = pytest.importorskip("h5py", reason="h5py is not a dependency: pip install h5py")
    with h5py.File(folder / "shape_pose_cam.hdf5", "w") as stream:
        for name, values in arrays.items():
            stream.create_dataset(name, data=values)
    return (folder / "shape_pose_cam.hdf5",)


def test_without_h5py_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(AdapterError, match="need the package h5py .*: pip install h5py"):
        INFERNO.read("v", (tmp_path / "shape_pose_cam.hdf5",))


def test_clips_are_named_by_their_path(tmp_path: Path) -> None:
    for name in ("M003/front/angry", "M003/front/happy", "single"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "shape_pose_cam.hdf5").touch()
        (tmp_path / name / "appearance.hdf5").touch()
    found = INFERNO.recordings(tmp_path)
    assert list(found) == ["M003/front/angry", "M003/front/happy", "single"]
    assert found["single"] == (tmp_path / "single" / "shape_pose_cam.hdf5",)
    assert list(INFERNO.recordings(tmp_path / "single")) == ["single"]
    with pytest.raises(AdapterError, match="nothing of INFERNO here"):
        (tmp_path / "empty").mkdir()
        INFERNO.recordings(tmp_path / "empty")


def test_columns() -> None:
    assert INFERNO.kind == "psi" and len(INFERNO.columns) == 50
    assert INFERNO_WITH_JAW.columns == (*INFERNO.columns, "jaw_0", "jaw_1", "jaw_2")


@pytest.mark.parametrize("width", [50, 100])
@pytest.mark.parametrize("leading", [True, False])
def test_the_first_50_coefficients_of_each_row(
    tmp_path: Path, width: int, leading: bool, save: Save
) -> None:
    arrays = codes(4, width)
    files = save(tmp_path, arrays if leading else {k: v[0] for k, v in arrays.items()})
    found = INFERNO.read("v", files)
    assert found.frame.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(found.values, arrays["exp"][0, :, :50])
    jaw = INFERNO_WITH_JAW.read("v", files).values
    np.testing.assert_array_equal(jaw, np.hstack([arrays["exp"][0, :, :50], arrays["jaw"][0]]))


def test_one_frame(tmp_path: Path, save: Save) -> None:
    found = INFERNO.read("v", save(tmp_path, codes(1)))
    assert found.frame.tolist() == [0] and found.values.shape == (1, 50)


def test_nan_drops_the_frame(tmp_path: Path, save: Save) -> None:
    arrays = codes(3, 100)
    arrays["exp"][0, 1, 3] = np.nan
    arrays["exp"][0, 0, 70] = np.nan  # not one of ours
    arrays["jaw"][0, 2, 1] = np.inf
    files = save(tmp_path, arrays)
    assert INFERNO.read("v", files).frame.tolist() == [0, 2]
    found = INFERNO_WITH_JAW.read("v", files)
    assert found.frame.tolist() == [0] and found.skipped == {NOT_FINITE: 2}


def test_a_missing_array(tmp_path: Path, save: Save) -> None:
    arrays = codes(2)
    del arrays["jaw"]
    files = save(tmp_path, arrays)
    assert len(INFERNO.read("v", files)) == 2
    with pytest.raises(AdapterError, match="hdf5: no column jaw; there are cam, exp, global_pose"):
        INFERNO_WITH_JAW.read("v", files)


@pytest.mark.parametrize("shape", [(2, 3, 50), (1, 3, 49), (3, 20), (50,), (1, 0, 50)])
def test_another_shape(tmp_path: Path, shape: tuple[int, ...], save: Save) -> None:
    files = save(tmp_path, codes(3) | {"exp": np.zeros(shape)})
    with pytest.raises(AdapterError, match=r"hdf5: exp must be \(1, M, 50 or 100\), got shape"):
        INFERNO.read("v", files)


def test_arrays_that_do_not_fit_each_other(tmp_path: Path, save: Save) -> None:
    for jaw, message in (((1, 3, 4), "jaw must be"), ((1, 2, 3), "different numbers of frames")):
        files = save(tmp_path, codes(3) | {"jaw": np.zeros(jaw)})
        with pytest.raises(AdapterError, match=message):
            INFERNO_WITH_JAW.read("v", files)


def test_what_is_no_array_of_numbers(tmp_path: Path) -> None:
    files = save_hdf5(tmp_path, {"exp": np.array(["a", "b"], dtype="S3")})
    with pytest.raises(AdapterError, match="hdf5: expected real numbers, got"):
        INFERNO.read("v", files)
    files = save_hdf5(tmp_path, {"exp/inner": np.zeros((1, 2, 50))})  # a group
    with pytest.raises(AdapterError, match="shape_pose_cam.hdf5: not a whole HDF5 file"):
        INFERNO.read("v", files)


def test_empty_and_cut_files(tmp_path: Path) -> None:
    files = save_hdf5(tmp_path, codes(20))
    whole = files[0].read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        files[0].write_bytes(whole[:length])
        with pytest.raises(AdapterError, match="shape_pose_cam.hdf5: not a whole HDF5 file"):
            INFERNO.read("v", files)
    files[0].unlink()
    with pytest.raises(AdapterError, match="shape_pose_cam.hdf5: not a whole HDF5 file"):
        INFERNO.read("v", files)
