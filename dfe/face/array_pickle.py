"""Pickles of arrays, read as a tree of names and data; nothing that they name is run.

A pickle is a small program that may call any function. Here each name becomes a `Node`, which
keeps its arguments and its state and does nothing with them. `as_array` then makes arrays of the
nodes that describe one: numpy arrays of plain numbers, sparse matrices of scipy, and the arrays
in objects of chumpy, a library that old face and body models are stored with and that need not be
installed. Pickles of Python 2 are read too; their strings hold bytes, hence latin-1.
"""

from __future__ import annotations

import math
import pickle
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

_OLD_AND_NEW = ("numpy.core.", "numpy._core.")  # before and after numpy 2
_RECONSTRUCT = frozenset(core + "multiarray._reconstruct" for core in _OLD_AND_NEW)
_FROMBUFFER = frozenset(core + "numeric._frombuffer" for core in _OLD_AND_NEW)  # protocol 5
_SPARSE = frozenset({"scipy.sparse.csc.csc_matrix", "scipy.sparse._csc.csc_matrix"})
_NEW_OBJECT = frozenset({"copy_reg._reconstructor", "copyreg._reconstructor"})  # protocols 0 and 1
_NO_BYTES = frozenset({"__builtin__.bytes", "builtins.bytes"})  # b"" in the older protocols
_ALLOWED = (
    _RECONSTRUCT
    | _FROMBUFFER
    | _SPARSE
    | _NEW_OBJECT
    | _NO_BYTES
    | {core + "multiarray.scalar" for core in _OLD_AND_NEW}
    | {"numpy.ndarray", "numpy.dtype", "_codecs.encode"}
    | {f"{module}.{name}" for module in ("__builtin__", "builtins") for name in ("object", "set")}
)
_NUMBERS = frozenset("b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split())
_MOST_AXES = 3


class PickleRefused(ValueError):
    """A pickle is damaged, or holds something else than arrays; the message names it."""


class Node:
    """What a pickle wanted to make, and was not given: a name, arguments and a state.

    Attributes
    ----------
    path
        Module and name.
    args, state
        As they stand in the pickle.
    """

    __slots__ = ("args", "state")
    path: ClassVar[str] = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Node:
        """Keep the arguments; a pickle may come here with or without a call."""
        node = super().__new__(cls)
        node.args, node.state = args, None
        return node

    def __setstate__(self, state: Any) -> None:
        """Keep the state."""
        self.state = state

    @property
    def kind(self) -> str:
        """Name of the class that the pickle wanted an object of."""
        if self.path in _NEW_OBJECT and self.args:
            return name_of(self.args[0])
        return self.path


def name_of(value: object) -> str:
    """How messages call a value from a pickle: the class that it is, or was to become."""
    if isinstance(value, Node):
        return value.kind
    if isinstance(value, type) and issubclass(value, Node):
        return value.path
    return type(value).__name__


class _Inert(pickle.Unpickler):
    """An unpickler for which every known name is a kind of `Node` and every other an error."""

    def find_class(self, module: str, name: str, /) -> type[Node]:
        path = f"{module}.{name}"
        if path in _ALLOWED or path.startswith("chumpy."):
            # A class of its own for each name and each pickle: nothing carries over to the next.
            return type("Node", (Node,), {"__slots__": (), "path": path})
        raise PickleRefused(f"it names {path}, which has no place in a file of arrays")


def load_inert(file: BinaryIO) -> object:
    """Read a pickle of any protocol; objects in it become `Node`, and nothing is run.

    Raises
    ------
    PickleRefused
        The pickle is damaged, or names something that is not known to belong to arrays.
    """
    try:
        return _Inert(file, encoding="latin1").load()
    except PickleRefused:
        raise
    except Exception as error:  # the documentation leaves open which ones a damaged pickle raises
        raise PickleRefused(f"not a readable pickle ({type(error).__name__}: {error})") from error


def as_array(value: object) -> NDArray[Any] | csc_matrix:
    """Return the array that a value of `load_inert` describes, in the byte order of this machine.

    Raises
    ------
    PickleRefused
        It is no array, or not one of plain numbers with up to three axes, or it is inconsistent.
    """
    kind, state = name_of(value), getattr(value, "state", None)
    if kind in _SPARSE:
        return _sparse(state)
    if kind == "chumpy.ch.Ch":
        if not isinstance(state, dict) or "x" not in state:
            raise PickleRefused("a chumpy.ch.Ch without a value")
        return _plain(state["x"])
    return _plain(value)


def _plain(value: object) -> NDArray[Any]:
    """Return the numpy array that a node describes."""
    if isinstance(value, Node):
        if value.path in _RECONSTRUCT:
            return _reconstructed(value)
        if value.path in _FROMBUFFER and len(value.args) == 4:
            data, dtype, shape, order = value.args
            return _filled(shape, dtype, order == "F", data)
    raise PickleRefused(f"a {name_of(value)} instead of an array")


def _reconstructed(node: Node) -> NDArray[Any]:
    made = name_of(node.args[0]) if node.args else "nothing"
    if made != "numpy.ndarray":
        raise PickleRefused(f"an array of class {made} instead of numpy.ndarray")
    match node.state:
        case (int(), shape, dtype, fortran, data):
            return _filled(shape, dtype, bool(fortran), data)
    raise PickleRefused("an array without shape, dtype and data")


def _filled(shape: object, dtype: object, fortran: bool, data: object) -> NDArray[Any]:
    """Return an array from its raw parts."""
    number = _number(dtype)
    raw = _raw(data)
    if not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
        raise PickleRefused(f"an array of shape {shape!r}")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise PickleRefused(f"an array of shape {shape!r}")
    if math.prod(shape) * number.itemsize != len(raw):
        raise PickleRefused(f"{len(raw)} bytes for an array of shape {shape} and dtype {number}")
    array = np.frombuffer(raw, number).reshape(shape, order="F" if fortran else "C")
    return array.astype(number.newbyteorder("="))


def _number(dtype: object) -> np.dtype[Any]:
    """Return a dtype of plain numbers; objects, texts and records are refused."""
    spec = dtype.args[0] if isinstance(dtype, Node) and dtype.args else None
    if name_of(dtype) != "numpy.dtype" or spec not in _NUMBERS:
        raise PickleRefused(f"an array of dtype {spec!r} instead of plain numbers")
    match dtype.state:  # type: ignore[attr-defined]
        case (int(), "<" | ">" | "|" | "=" as order, None, None, None, *_):
            return np.dtype(order + spec)
    raise PickleRefused(f"an array of dtype {spec!r} in a form that is not known")


def _raw(data: object) -> bytes:
    """Return the bytes of an array, which Python 2 and the older protocols keep as a text."""
    match data:
        case Node(path="_codecs.encode", args=(str() as text, "latin1")):
            return text.encode("latin1")
        case Node(args=()) if data.path in _NO_BYTES:
            return b""
        case str():
            return data.encode("latin1")  # what the text was decoded with
        case bytes() | bytearray():
            return bytes(data)
    raise PickleRefused(f"an array whose data are a {name_of(data)}")


def _sparse(state: object) -> csc_matrix:
    """Return a sparse matrix from the state of a pickled one; indices are checked."""
    if not isinstance(state, dict) or not {"data", "indices", "indptr"} <= state.keys():
        raise PickleRefused("a sparse matrix without data, indices and indptr")
    parts = tuple(_plain(state[name]) for name in ("data", "indices", "indptr"))
    shape = state.get("_shape", state.get("shape"))
    try:
        matrix = csc_matrix(parts, shape=shape)
        matrix.check_format(full_check=True)  # a wrong index would read or write foreign memory
    except (TypeError, ValueError) as error:
        raise PickleRefused(f"a sparse matrix that is inconsistent: {error}") from error
    return matrix
