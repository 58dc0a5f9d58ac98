"""SMIRK: the archive that its adapter describes, with every array checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dfe.data.adapters import AdapterError
from dfe.data.adapters.base import NOT_FINITE
from dfe.data.adapters.smirk import SMIRK

Arrays = dict[str, np.ndarray]


def encoder(seed: int) -> Arrays:
    """What SMIRK's encoder gives for one picture, as arrays: (1, width) each."""
    rng = np.random.default_rng(seed)
    widths = {"pose": 3, "shape": 300, "expression": 50, "eyelid": 2, "jaw": 3}
    found = {f"{name}_params": rng.normal(size=(1, width)) for name, width in widths.items()}
    return {
        name: values.astype(np.float32)
        for name, values in {**found, "cam": found["pose_params"]}.items()
    }


def archive(numbers: list[int]) -> Arrays:
    """What the recipe of the adapter saves."""
    codes = []
    for i in numbers:
        outputs = encoder(i)
        codes.append({name: outputs[name][0] for name in outputs})
    names = ("expression_params", "jaw_params", "eyelid_params")
    return {
        "frame": np.array(numbers),
        **{name: np.stack([code[name] for code in codes]) for name in names},
    }


def save(tmp_path: Path, arrays: Arrays) -> tuple[Path, ...]:
    np.savez(tmp_path / "v.npz", **arrays)
    return SMIRK.recordings(tmp_path)["v"]


def test_expression_of_each_frame(tmp_path: Path) -> None:
    found = SMIRK.read("v", save(tmp_path, archive([0, 3, 4])))
    assert SMIRK.kind == "psi" and SMIRK.columns[49] == "exp_49" and len(SMIRK.columns) == 50
    assert found.frame.tolist() == [0, 3, 4] and found.skipped == {}
    np.testing.assert_array_equal(
        found.values, [encoder(i)["expression_params"][0] for i in (0, 3, 4)]
    )


def test_frames_in_any_order_and_arrays_that_are_not_ours(tmp_path: Path) -> None:
    arrays = archive([4, 2]) | {"note": np.array("text"), "cam": np.zeros((7, 3))}
    del arrays["jaw_params"], arrays["eyelid_params"]
    found = SMIRK.read("v", save(tmp_path, arrays))
    assert found.frame.tolist() == [2, 4]
    np.testing.assert_array_equal(found.values[0], encoder(2)["expression_params"][0])


def test_nan_drops_the_frame(tmp_path: Path) -> None:
    arrays = archive([1, 2, 3])
    arrays["expression_params"][1, 7] = np.nan
    arrays["jaw_params"][0] = np.nan  # not one of ours
    found = SMIRK.read("v", save(tmp_path, arrays))
    assert found.frame.tolist() == [1, 3] and found.skipped == {NOT_FINITE: 1}


@pytest.mark.parametrize("name", ["frame", "expression_params"])
def test_a_missing_array(tmp_path: Path, name: str) -> None:
    arrays = archive([1, 2])
    del arrays[name]
    with pytest.raises(AdapterError, match=rf"v\.npz: no column {name}; there are .*jaw_params"):
        SMIRK.read("v", save(tmp_path, arrays))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("expression_params", (2, 49)),
        ("expression_params", (3, 50)),
        ("expression_params", (2, 1, 50)),
        ("expression_params", (2,)),
        ("jaw_params", (2, 6)),
        ("jaw_params", (1, 3)),
        ("eyelid_params", (2, 3)),
    ],
)
def test_another_shape(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    arrays = archive([1, 2]) | {name: np.zeros(shape)}
    with pytest.raises(AdapterError, match=rf"v\.npz: {name} must be \(2, \d+\), .* got shape"):
        SMIRK.read("v", save(tmp_path, arrays))


@pytest.mark.parametrize("frame", [np.array([1.0, 2.0]), np.array([[1, 2]]), np.array(2)])
def test_frames_that_are_no_list_of_whole_numbers(tmp_path: Path, frame: np.ndarray) -> None:
    with pytest.raises(AdapterError, match=r"v\.npz: frame must be whole numbers of shape \(M,\)"):
        SMIRK.read("v", save(tmp_path, archive([1, 2]) | {"frame": frame}))


def test_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"v\.npz: frame 1 comes 2 times"):
        SMIRK.read("v", save(tmp_path, archive([1, 1])))
    nothing = {"frame": np.zeros(0, int), "expression_params": np.zeros((0, 50))}
    with pytest.raises(AdapterError, match=r"v\.npz: no frame in it; leave out"):
        SMIRK.read("v", save(tmp_path, nothing))
    files = save(tmp_path, archive([1, 2]))
    whole = files[0].read_bytes()
    for length in (0, 100, len(whole) - 30):
        files[0].write_bytes(whole[:length])
        with pytest.raises(AdapterError, match=r"v\.npz: .*; let the program write"):
            SMIRK.read("v", files)


def test_clips_are_named_by_their_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    save(tmp_path / "a", archive([1]))
    (tmp_path / "b.npy").touch()
    assert list(SMIRK.recordings(tmp_path)) == ["a/v"]
    with pytest.raises(AdapterError, match="nothing by itself: write one <clip>.npz"):
        (tmp_path / "empty").mkdir()
        SMIRK.recordings(tmp_path / "empty")
