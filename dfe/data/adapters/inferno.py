"""INFERNO, the successor of EMOCA: FLAME coefficients of a video in one HDF5 file.

Layout, unverified (from github.com/radekd91/inferno, `datasets/IO.py`, and from public code that
reads such files, not from a file): `<video>/shape_pose_cam.hdf5` with `exp`, `jaw`, `shape`,
`global_pose` and `cam`, each with a leading dimension of size 1: `exp` (1, M, 50) or, with models
such as EMICA-MEAD_flame2020, (1, M, 100), and `jaw` (1, M, 3), axis times angle in radians. Files
without the leading dimension are read as well.

Of 100 coefficients the first 50 are kept. They belong to the same components of FLAME, but a fit
that has 100 does not give the first 50 the values that a fit with 50 would.

Frames are the rows, from 0. What a row holds where no face was found is not known to us.

HDF5 needs the package h5py, which this project does not install: `pip install h5py`.
"""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfe.data.adapters.arrays import need_numbers
from dfe.data.adapters.base import Adapter, AdapterError, Files, Recording, recording
from dfe.data.adapters.emoca import EXPRESSION, JAW
from dfe.data.adapters.tables import need_columns
from dfe.face import Flame

_FILE = "shape_pose_cam.hdf5"
_WIDTHS = {"exp": (50, 100), "jaw": (3,)}


def read_inferno(clip: str, files: Files, jaw: bool = False) -> Recording:
    """Read one video: (M, 50) expression coefficients, or (M, 53) with the jaw after them.

    Raises
    ------
    AdapterError
        If h5py is not installed, the file is damaged, lacks an array, or one has another shape.
    """
    (path,) = files
    arrays = _arrays(path, ("exp", "jaw") if jaw else ("exp",))
    rows = {name: _rows(path, name, values) for name, values in arrays.items()}
    if len({len(values) for values in rows.values()}) > 1:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in rows.items())
        raise AdapterError(f"{path}: arrays for different numbers of frames: {shapes}")
    rows["exp"] = rows["exp"][:, : len(EXPRESSION)]  # (M, 50)
    values = np.hstack(list(rows.values()))  # (M, 50) or (M, 53)
    return recording(clip, np.arange(len(values)), values)


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as stream:
            need_columns(path, list(stream), names)
            return {name: need_numbers(path, stream[name][()]) for name in names}
    except AdapterError:
        raise
    except Exception as error:  # h5py raises many kinds for files that are cut or overwritten
        raise AdapterError(
            f"{path}: not a whole HDF5 file ({error}); write or copy it again"
        ) from error


def _rows(path: Path, name: str, values: NDArray[Any]) -> NDArray[Any]:
    """(M, D) of (1, M, D) or (M, D)."""
    rows = values[0] if values.ndim == 3 and len(values) == 1 else values
    if rows.ndim != 2 or rows.shape[1] not in _WIDTHS[name] or not len(rows):
        widths = " or ".join(map(str, _WIDTHS[name]))
        raise AdapterError(f"{path}: {name} must be (1, M, {widths}), got shape {values.shape}")
    return rows


def _h5py() -> Any:
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        raise AdapterError(
            f"files of INFERNO need the package h5py ({error}): pip install h5py"
        ) from error


def _find(folder: Path) -> dict[str, Files]:
    paths = sorted(folder.glob(f"**/{_FILE}"))
    own = folder.resolve().name
    return {
        path.parent.relative_to(folder).as_posix() if path.parent != folder else own: (path,)
        for path in paths
    }


def _adapter(name: str, title: str, jaw: bool) -> Adapter:
    return Adapter(
        name=name,
        title=title,
        kind="psi",
        face=Flame.name,
        columns=EXPRESSION + JAW if jaw else EXPRESSION,
        find=_find,
        read=partial(read_inferno, jaw=jaw),
        layout=f"<video>/{_FILE} below reconstructions/<model>/",
    )


INFERNO = _adapter("inferno", "INFERNO", jaw=False)
INFERNO_WITH_JAW = _adapter("inferno-jaw", "INFERNO with the jaw", jaw=True)
