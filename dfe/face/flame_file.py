"""Read a model file of FLAME, the head model that the paper draws its tokens on.

FLAME (Li et al., 2017, ACM Transactions on Graphics 36:194) comes in several releases with one
content: 2020, 2023 and 2023 Open, as a pickle of Python 2 or as an npz archive. The reader gets it
from https://flame.is.tue.mpg.de and agrees to its terms there. Pickles are read without running
them (`dfe.face.array_pickle`).
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfe.face.array_pickle import PickleRefused, as_array, load_inert

N_SHAPE, N_EXPRESSION = 300, 100  # identity comes first in `shapedirs`, then expression
ROOT, NECK, JAW, EYE_LEFT, EYE_RIGHT = range(5)
_PARENTS = (ROOT, NECK, NECK, NECK)  # of all joints but the root, which has none
# Lengths of the axes; V vertices and F triangles are read off the first array that has them.
_SHAPES: Mapping[str, tuple[int | str, ...]] = {
    "v_template": ("V", 3),
    "f": ("F", 3),
    "shapedirs": ("V", 3, N_SHAPE + N_EXPRESSION),
    "posedirs": ("V", 3, 9 * len(_PARENTS)),
    "J_regressor": (1 + len(_PARENTS), "V"),
    "weights": ("V", 1 + len(_PARENTS)),
    "kintree_table": (2, 1 + len(_PARENTS)),
}
_WHOLE = frozenset({"f", "kintree_table"})  # arrays of integers; the others are floating point
# Weights further from a sum of 1 would move a vertex by 0.02 mm when no joint turns.
_WEIGHT_TOLERANCE = 1e-4


class FlameError(ValueError):
    """A file is not a FLAME model; the message names the file, the key and what was expected."""


@dataclass(frozen=True, eq=False)
class FlameFile:
    """The parts of a FLAME model that expressions and the jaw need; lengths in meters.

    template : (V, 3) float64; x to the subject's left, y up, z forward.
    triangles : (F, 3) int32.
    expression : (V, 3, 100) float64, displacement by each expression coefficient at 1.
    correctives : (V, 3, 36) float64, displacement by each entry of R - I of the rotations R of
    neck, jaw, left and right eye, row by row.
    regressor : (5, V) float64, joints as weighted means of vertices.
    skinning : (V, 5) float64, share of each joint in the motion of a vertex.
    sha256 : of the file.
    """

    template: NDArray[np.float64]
    triangles: NDArray[np.int32]
    expression: NDArray[np.float64]
    correctives: NDArray[np.float64]
    regressor: NDArray[np.float64]
    skinning: NDArray[np.float64]
    sha256: str


def read_flame(path: str | Path) -> FlameFile:
    """Read a FLAME model, a pickle or an npz archive; which one is seen from the content.

    Parameters
    ----------
    path
        Such as ``generic_model.pkl`` or ``flame2023_Open.pkl``. Any number of vertices is read.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    FlameError
        The file is damaged, names something that arrays do not need (nothing of it is run), or an
        array is missing or has a wrong shape, dtype or value.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; FLAME is to be had from https://flame.is.tue.mpg.de"
        )
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        is_archive = file.read(4) == b"PK\x03\x04"
    arrays = _checked_shapes(path, _read_archive(path) if is_archive else _read_pickle(path))
    _check_values(path, arrays)
    return FlameFile(
        template=arrays["v_template"],
        triangles=arrays["f"].astype(np.int32),
        expression=arrays["shapedirs"][:, :, N_SHAPE:].copy(),  # the rest is freed
        correctives=arrays["posedirs"],
        regressor=arrays["J_regressor"],
        skinning=arrays["weights"],
        sha256=sha256,
    )


def _read_pickle(path: Path) -> dict[str, Any]:
    """Return the arrays, dense or sparse, that are wanted of a pickled model."""
    try:
        with path.open("rb") as file:
            model = load_inert(file)
    except PickleRefused as error:
        raise FlameError(f"{path}: {error}; nothing was run. Get the file anew") from error
    if not isinstance(model, dict):
        raise FlameError(f"{path}: holds a {type(model).__name__}, expected a dict of arrays")
    return _gathered(path, model, lambda key: as_array(model[key]))


def _read_archive(path: Path) -> dict[str, Any]:
    """Return the arrays that are wanted of an npz archive."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return _gathered(path, archive, archive.__getitem__)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise FlameError(f"{path}: not a readable npz archive ({error})") from error


def _gathered(
    path: Path, model: Mapping[str, Any], get: Callable[[str], Any]
) -> dict[str, NDArray[Any]]:
    missing = [key for key in _SHAPES if key not in model]
    if missing:
        raise FlameError(f"{path}: has no {', '.join(map(repr, missing))}; is it a FLAME model?")
    arrays = {}
    for key in _SHAPES:
        try:
            arrays[key] = get(key)
        except ValueError as error:  # refused by us, or by numpy, which reads no objects either
            raise FlameError(f"{path}: {key!r} is not an array of numbers: {error}") from error
    return arrays


def _checked_shapes(path: Path, arrays: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the arrays dense, integers as int64 and others as float64; all sizes must agree."""
    sizes: dict[int | str, int] = {}
    checked = {}
    for key, axes in _SHAPES.items():
        array = arrays[key]
        fits = len(axes) == len(array.shape) and 0 not in array.shape
        wanted = [sizes.setdefault(a, n) if isinstance(a, str) else a
                  for a, n in zip(axes, array.shape, strict=False)] if fits else []  # fmt: skip
        if not fits or list(array.shape) != wanted:
            known = "".join(f" with {a} = {sizes[a]}" for a in axes if a in sizes and fits)
            expected = f"({', '.join(map(str, axes))}){known}"
            raise FlameError(f"{path}: {key!r} has shape {array.shape}, expected {expected}")
        dense = array if isinstance(array, np.ndarray) else array.toarray()
        kinds, word = ("iu", "integers") if key in _WHOLE else ("f", "floating point")
        if dense.dtype.kind not in kinds:
            raise FlameError(f"{path}: {key!r} has dtype {dense.dtype}, expected {word}")
        checked[key] = dense.astype(np.int64 if key in _WHOLE else np.float64)
    return checked


def _check_values(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse values that cannot be those of a FLAME model."""
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise FlameError(f"{path}: {key!r} holds NaN or infinity")
    n_vertices, triangles = len(arrays["v_template"]), arrays["f"]
    if triangles.min() < 0 or triangles.max() >= n_vertices:
        raise FlameError(
            f"{path}: 'f' names vertices {triangles.min()} to {triangles.max()}, expected 0 to "
            f"{n_vertices - 1}"
        )
    parents, joints = arrays["kintree_table"]
    if tuple(parents[1:]) != _PARENTS or tuple(joints) != tuple(range(len(joints))):
        raise FlameError(
            f"{path}: 'kintree_table' is {arrays['kintree_table'].tolist()}, expected the tree of "
            f"FLAME: root, neck, and jaw, left eye and right eye on the neck"
        )
    off = np.abs(arrays["weights"].sum(axis=1) - 1).max()
    if off > _WEIGHT_TOLERANCE:
        raise FlameError(f"{path}: 'weights' of a vertex add up to 1 only within {off:.2g}")
