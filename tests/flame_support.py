"""A made-up model in the format of FLAME, and writers of every form in which FLAME comes."""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csc_matrix

Model = dict[str, Any]
PARENTS = (-1, 0, 1, 1, 1)  # root, neck, jaw, left eye, right eye


def made_up(seed: int = 0, n_vertices: int = 40) -> Model:
    """Return the arrays of a model of a head's size; nothing of it looks like a face."""
    rng = np.random.default_rng(seed)
    regressor = rng.dirichlet(np.ones(n_vertices), size=5)  # (5, V)
    regressor[regressor < 0.02] = 0
    return {
        "v_template": rng.normal(scale=0.08, size=(n_vertices, 3)),
        "f": rng.integers(n_vertices, size=(60, 3)).astype(np.uint32),
        "shapedirs": rng.normal(scale=0.004, size=(n_vertices, 3, 400)),
        "posedirs": rng.normal(scale=0.004, size=(n_vertices, 3, 36)),
        "J_regressor": regressor,
        "weights": rng.dirichlet(np.ones(5), size=n_vertices),
        "kintree_table": np.array([PARENTS, range(5)]),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


class Ch:
    """Stands for `chumpy.ch.Ch`: its array is `x`, among things that only chumpy wants."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self._dirty_vars = {"r"}
        self._itr = None


class MatVecMult(Ch):
    """Stands for an expression of chumpy, which FLAME's file may hold beside what we need."""


@contextlib.contextmanager
def chumpy() -> Iterator[None]:
    """Let pickles name the two classes as those of chumpy, which is not installed."""
    module = types.ModuleType("chumpy.ch")
    for cls in (Ch, MatVecMult):
        cls.__module__ = "chumpy.ch"
        setattr(module, cls.__name__, cls)
    sys.modules |= {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module}
    try:
        yield
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]


class _Python2Pickler(pickle._Pickler):
    """Writes texts and bytes as the byte strings of Python 2."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_string(self, value: str | bytes) -> None:
        raw = value.encode("latin1") if isinstance(value, str) else value
        if self.proto == 0:
            self.write(pickle.STRING + repr(raw)[1:].encode() + b"\n")
        else:
            self.write(pickle.BINSTRING + len(raw).to_bytes(4, "little") + raw)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_string


def as_stored(model: Model) -> Model:
    """Return a model with the objects of the released files: chumpy arrays, a sparse regressor."""
    objects = {key: Ch(model[key]) for key in ("v_template", "shapedirs")}
    objects["J"] = MatVecMult(np.ones((5, 3)))
    return model | objects | {"J_regressor": csc_matrix(model["J_regressor"])}


def python2_bytes(model: Model, protocol: int) -> bytes:
    """Pickle as Python 2 did, with the numpy and scipy of its days."""
    stream = io.BytesIO()
    with chumpy():
        _Python2Pickler(stream, protocol).dump(as_stored(model))
    data = stream.getvalue().replace(b"numpy._core.", b"numpy.core.")
    return data.replace(b"scipy.sparse._csc\n", b"scipy.sparse.csc\n")


def python3_bytes(model: Model, protocol: int) -> bytes:
    with chumpy():
        return pickle.dumps(as_stored(model), protocol)


def plain_bytes(model: Model, protocol: int) -> bytes:
    """Pickle as people do who have taken chumpy out."""
    return pickle.dumps(model, protocol)


def npz_bytes(model: Model, _: int) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **model)
    return stream.getvalue()


FORMS: dict[str, tuple[Callable[[Model, int], bytes], int]] = {
    "python 2, protocol 0": (python2_bytes, 0),
    "python 2, protocol 1": (python2_bytes, 1),
    "python 2, protocol 2": (python2_bytes, 2),
    "python 3, protocol 2": (python3_bytes, 2),
    "python 3, protocol 4": (python3_bytes, 4),
    "python 3, protocol 5": (python3_bytes, 5),
    "plain, protocol 0": (plain_bytes, 0),
    "plain, protocol 4": (plain_bytes, 4),
    "npz": (npz_bytes, 0),
}


def write_model(path: Path, model: Model, form: str = "python 2, protocol 2") -> Path:
    write, protocol = FORMS[form]
    path.write_bytes(write(model, protocol))
    return path
