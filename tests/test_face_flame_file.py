"""FLAME's files: every form gives the same arrays; what is wrong is named; nothing is run."""

from __future__ import annotations

import builtins
import copyreg
import hashlib
import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flame_support import (
    FORMS,
    Ch,
    MatVecMult,
    as_stored,
    chumpy,
    made_up,
    python2_bytes,
    python3_bytes,
    write_model,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csc_matrix, csr_matrix

from dfe.face import FlameError
from dfe.face.array_pickle import Node, PickleRefused, as_array, load_inert
from dfe.face.flame_file import read_flame

MODEL = made_up()


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def stored(tmp_path: Path, value: Any, protocol: int = 2) -> Path:
    """Write a model with one more key that nobody asks for."""
    with chumpy():
        data = pickle.dumps(as_stored(MODEL) | {"extra": value}, protocol)
    (tmp_path / "flame.pkl").write_bytes(data)
    return tmp_path / "flame.pkl"


def inert(data: bytes, tmp_path: Path) -> object:
    (tmp_path / "x.pkl").write_bytes(data)
    with (tmp_path / "x.pkl").open("rb") as file:
        return load_inert(file)


# What is read


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_arrays(tmp_path: Path, form: str) -> None:
    path = write_model(tmp_path / "model", MODEL, form)
    assert "chumpy" not in sys.modules
    file = read_flame(path)
    np.testing.assert_array_equal(file.template, MODEL["v_template"])
    np.testing.assert_array_equal(file.triangles, MODEL["f"])
    np.testing.assert_array_equal(file.expression, MODEL["shapedirs"][:, :, 300:])
    np.testing.assert_array_equal(file.correctives, MODEL["posedirs"])
    np.testing.assert_array_equal(file.regressor, MODEL["J_regressor"])
    np.testing.assert_array_equal(file.skinning, MODEL["weights"])
    assert file.triangles.dtype == np.int32 and file.template.dtype == np.float64
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("form", ["python 2, protocol 2", "python 3, protocol 5", "npz"])
def test_other_dtypes_orders_and_roots_are_read(tmp_path: Path, form: str) -> None:
    kintree = MODEL["kintree_table"].astype(np.uint32)  # the root's parent becomes 2 ** 32 - 1
    other = MODEL | {
        "v_template": MODEL["v_template"].astype(">f4"),
        "shapedirs": np.asfortranarray(MODEL["shapedirs"]),
        "f": MODEL["f"].astype(np.int16),
        "kintree_table": kintree,
    }
    file = read_flame(write_model(tmp_path / "model", other, form))
    assert kintree[0, 0] == 2**32 - 1
    np.testing.assert_array_equal(file.template, MODEL["v_template"].astype(np.float32))
    np.testing.assert_array_equal(file.expression, MODEL["shapedirs"][:, :, 300:])
    np.testing.assert_array_equal(file.triangles, MODEL["f"])


NUMBERS = st.sampled_from("b1 i1 >i2 <i4 i8 u1 >u2 u4 u8 f2 <f4 >f8".split())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(NUMBERS, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)), st.data())
def test_arrays_come_back(tmp_path: Path, array: np.ndarray, data: st.DataObject) -> None:
    array = np.asfortranarray(array) if data.draw(st.booleans()) else array
    value = inert(pickle.dumps(array, data.draw(st.integers(0, 5))), tmp_path)
    found = as_array(value)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=") and found.flags.writeable


@pytest.mark.parametrize("protocol", range(6))
def test_sparse_matrices_come_back(tmp_path: Path, protocol: int) -> None:
    matrix = csc_matrix(np.random.default_rng(0).poisson(0.4, (4, 7)).astype(float))
    found = as_array(inert(pickle.dumps(matrix, protocol), tmp_path))
    assert isinstance(found, csc_matrix) and found.shape == (4, 7)
    np.testing.assert_array_equal(found.toarray(), matrix.toarray())


# What is wrong with a model


@pytest.mark.parametrize("form", ["python 2, protocol 2", "npz"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shapedirs": MODEL["shapedirs"][:, :, :150]},
         r"'shapedirs' has shape \(40, 3, 150\), expected \(V, 3, 400\) with V = 40"),
        ({"weights": MODEL["weights"][:39]}, r"'weights' has shape \(39, 5\).* with V = 40"),
        ({"posedirs": MODEL["posedirs"][:, :, :27]}, r"'posedirs'.*\(V, 3, 36\)"),
        ({"J_regressor": MODEL["J_regressor"].T}, r"'J_regressor' has shape \(40, 5\)"),
        ({"f": MODEL["f"].ravel()}, r"'f' has shape \(180,\), expected \(F, 3\)"),
        ({"f": MODEL["f"][:0]}, r"'f' has shape \(0, 3\)"),
        ({"f": MODEL["f"].astype(float)}, "'f' has dtype float64, expected integers"),
        ({"weights": MODEL["weights"].astype(int)}, "'weights' has dtype int64, expected floating"),
        ({"f": np.where(MODEL["f"] == 7, 40, MODEL["f"]).astype(np.uint32)},
         "'f' names vertices 0 to 40, expected 0 to 39"),
        ({"f": np.where(MODEL["f"] == 7, -1, MODEL["f"].astype(int))}, "'f' names vertices -1 to"),
        ({"kintree_table": np.array([[-1, 0, 1, 2, 2], range(5)])}, "'kintree_table' is.*tree"),
        ({"kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 4, 3]])}, "'kintree_table' is"),
        ({"weights": MODEL["weights"] * 1.001}, "'weights' of a vertex add up to 1 only within"),
        ({"posedirs": np.where(MODEL["posedirs"] > 0.01, np.nan, MODEL["posedirs"])},
         "'posedirs' holds NaN"),
        ({"v_template": MODEL["v_template"].astype(complex)}, "'v_template'"),
    ],
)  # fmt: skip
def test_a_wrong_array_is_named(
    tmp_path: Path, form: str, change: dict[str, np.ndarray], message: str
) -> None:
    path = write_model(tmp_path / "flame.model", MODEL | change, form)
    with pytest.raises(FlameError, match=r"flame\.model: " + message):
        read_flame(path)


@pytest.mark.parametrize("form", ["python 2, protocol 0", "npz"])
def test_missing_keys_are_named(tmp_path: Path, form: str) -> None:
    model = {key: MODEL[key] for key in MODEL if key != "posedirs"}
    with pytest.raises(FlameError, match=r"has no 'posedirs'; is it a FLAME model"):
        read_flame(write_model(tmp_path / "flame", model, form))
    (tmp_path / "masks").write_bytes(pickle.dumps({"face": np.arange(3)}))
    with pytest.raises(FlameError, match="has no 'v_template', 'f', 'shapedirs'"):
        read_flame(tmp_path / "masks")
    (tmp_path / "list").write_bytes(pickle.dumps([1]))
    with pytest.raises(FlameError, match="holds a list, expected a dict"):
        read_flame(tmp_path / "list")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pkl: no such file.*flame\.is\.tue"):
        read_flame(tmp_path / "none.pkl")
    with pytest.raises(FileNotFoundError):
        read_flame(tmp_path)


@pytest.mark.parametrize("form", ["python 2, protocol 0", "python 3, protocol 4", "npz"])
@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.6, 0.999])
def test_a_truncated_file_is_an_error(tmp_path: Path, form: str, share: float) -> None:
    path = write_model(tmp_path / "flame", MODEL, form)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(FlameError, match="flame: (it names|not a readable)"):
        read_flame(path)


def test_damaged_bytes_of_an_archive_are_an_error(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "flame.npz", **MODEL)
    data = bytearray((tmp_path / "flame.npz").read_bytes())
    data[20_000:20_050] = bytes(50)
    (tmp_path / "flame.npz").write_bytes(data)
    with pytest.raises(FlameError, match=r"flame\.npz: not a readable npz archive"):
        read_flame(tmp_path / "flame.npz")


# What is refused, and not run


def attacks(mark: Path) -> dict[str, Call]:
    """Return calls that make the file `mark`, or would hand a pickle the means to."""
    touch = f"open({str(mark)!r}, 'w')"
    return {
        "system": Call(os.system, f"touch {mark}"),
        "Popen": Call(subprocess.Popen, ["touch", str(mark)]),
        "check_call": Call(subprocess.check_call, ["touch", str(mark)]),
        "eval": Call(eval, touch),
        "exec": Call(exec, touch),
        "open": Call(open, str(mark), "w"),
        "getattr": Call(getattr, Call(importlib.import_module, "os"), "system"),
        "__import__": Call(builtins.__import__, "os"),
    }


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", attacks(Path("x")))
@pytest.mark.parametrize("hidden", ["as it is", "in an array", "in chumpy", "python 2"])
def test_nothing_is_run(tmp_path: Path, name: str, hidden: str, protocol: int) -> None:
    mark = tmp_path / "mark"
    attack = attacks(mark)[name]
    value = {"in an array": np.array([attack], object), "in chumpy": Ch(attack)}  # type: ignore[arg-type]
    path = stored(tmp_path, value.get(hidden, attack), protocol)
    if hidden == "python 2":
        path.write_bytes(python2_bytes(MODEL | {"extra": attack}, min(protocol, 2)))
    with pytest.raises(FlameError, match=rf"flame\.pkl: it names \w+\.{name},.*nothing was run"):
        read_flame(path)
    assert not mark.exists()
    if name in ("system", "eval", "open"):  # the attack does work where pickles are trusted
        pickle.loads(pickle.dumps(attack, protocol))
        assert mark.exists()


def test_a_pickle_by_hand_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    text = f"S'touch {mark}'\n".encode()
    for data in (
        b"cos\nsystem\n(" + text + b"tR.",
        b"cposix\nsystem\n(" + text + b"tR.",
        b"(" + text + b"ios\nsystem\n.",  # INST
        b"(cos\nsystem\n" + text + b"o.",  # OBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93(" + text + b"tR.",  # STACK_GLOBAL
        b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.",  # a name inside a known one
        b"c__builtin__\ngetattr\n(cnumpy\nndarray\n" + text + b"tR.",
    ):
        with pytest.raises(PickleRefused, match="it names"):
            inert(data, tmp_path)
    assert not mark.exists()


def test_registered_codes_are_names_too(tmp_path: Path) -> None:
    copyreg.add_extension("posix", "system", 240)
    try:
        with pytest.raises(PickleRefused, match=r"it names posix\.system"):
            inert(b"\x80\x02\x82\xf0(S'true'\ntR.", tmp_path)
    finally:
        copyreg.remove_extension("posix", "system", 240)


@pytest.mark.parametrize(
    "data",
    [
        b"cnumpy\nndarray\n(dS'x'\nI1\nsb.",  # sets a state on a class
        b"cnumpy\nndarray\n(dS'x'\nI1\nsR.",  # a call whose arguments are a dict
        b"\x80\x04cnumpy\nndarray\n)}\x8c\x01xK\x01s\x92.",  # NEWOBJ_EX with a keyword
        b"cnumpy\nndarray\n)R(K\x01e.",  # appends to an object
        b"cnumpy\nndarray\n)R(K\x01K\x02u.",  # puts items into an object
        b"cnumpy\nndarray\n)RS'x'\n)R.",  # calls a text
        b"cnumpy\nndarray\n)R)R.",  # calls an object
        b"Pid\n.",  # a persistent id
        b"",
        b".",
        b"\n",
        b"\x80\x09.",
        b"(lp0\n",
    ],
)
def test_other_programs_of_a_pickle_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(PickleRefused, match="not a readable pickle"):
        inert(data, tmp_path)


def test_what_one_pickle_does_to_a_name_does_not_last(tmp_path: Path) -> None:
    data = b"cchumpy\nCh\n)R(dS'x'\nI1\nsb."
    first, second = inert(data, tmp_path), inert(data, tmp_path)
    assert isinstance(first, Node) and isinstance(second, Node)
    assert type(first) is not type(second) and first.state == {"x": 1}


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_names_are_not_matched_by_their_beginning_alone(tmp_path: Path, protocol: int) -> None:
    for name in (b"cchumpyevil\nCh\n.", b"cnumpy.core\nmultiarray\n.", b"cbuiltins\nsetattr\n."):
        with pytest.raises(PickleRefused, match="it names"):
            inert(name, tmp_path)
    with pytest.raises(FlameError, match=r"it names pathlib\.\w+"):
        read_flame(stored(tmp_path, tmp_path, protocol))


def replaced(tmp_path: Path, value: Any) -> Path:
    """Write a model whose `weights` are something else."""
    (tmp_path / "flame.pkl").write_bytes(python3_bytes(MODEL | {"weights": value}, 2))
    return tmp_path / "flame.pkl"


class Reconstructed:
    """Pickles as numpy does, but with any class, state and dtype."""

    def __init__(self, cls: type, *state: Any) -> None:
        self.parts = (np.zeros(1).__reduce__()[0], (cls, (0,), b"b"), *([state] if state else []))

    def __reduce__(self) -> Any:
        return self.parts


F8 = np.dtype("f8")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([{}], object), "dtype 'O8' instead of plain numbers"),
        (np.array(["text"]), "dtype 'U4' instead"),
        (np.array([b"text"]), "dtype 'S4' instead"),
        (np.zeros(2, "M8[s]"), "dtype 'M8' instead"),
        (np.zeros(2, [("a", "f8")]), "dtype 'V8' instead"),
        (np.zeros((1, 1, 1, 1)), r"an array of shape \(1, 1, 1, 1\)"),
        (np.float64(1), r"a numpy\._core\.multiarray\.scalar instead"),
        ([1.0], "a list instead of an array"),
        ("text", "a str instead"),
        (None, "a NoneType instead"),
        (np.ndarray, r"a numpy\.ndarray instead"),
        (csr_matrix, r"it names scipy\.sparse\._csr\.csr_matrix"),
        (MatVecMult(np.zeros(2)), r"a chumpy\.ch\.MatVecMult instead"),
        (Ch([1.0]), "a list instead"),  # type: ignore[arg-type]
        (Ch(Ch(np.zeros(2))), r"a chumpy\.ch\.Ch instead"),  # type: ignore[arg-type]
        (Reconstructed(Ch, 1, (2,), F8, False, bytes(16)), r"class chumpy\.ch\.Ch instead"),
        (Reconstructed(csc_matrix, 1, (2,), F8, False, bytes(16)), "csc_matrix instead of numpy"),
        (Reconstructed(np.ndarray), "without shape, dtype and data"),
        (Reconstructed(np.ndarray, 1, (2,), F8, False), "without shape"),
        (Reconstructed(np.ndarray, 1, (3,), F8, False, bytes(16)), r"16 bytes for.*\(3,\)"),
        (Reconstructed(np.ndarray, 1, (1,), F8, False, bytes(16)), r"16 bytes for.*\(1,\)"),
        (Reconstructed(np.ndarray, 1, (-2, -1), F8, False, bytes(16)), r"shape \(-2, -1\)"),
        (Reconstructed(np.ndarray, 1, (True, 2), F8, False, bytes(16)), r"shape \(True, 2\)"),
        (Reconstructed(np.ndarray, 1, [2], F8, False, bytes(16)), r"shape \[2\]"),
        (Reconstructed(np.ndarray, 1, (2,), "f8", False, bytes(16)), "dtype None instead"),
        (Reconstructed(np.ndarray, 1, (2,), F8, False, [1.0, 2.0]), "whose data are a list"),
        (Reconstructed(np.ndarray, 1, (2,), F8, False, "\u20ac"), "Latin-1|latin-1"),
    ],
)  # fmt: skip
def test_what_is_no_array_of_numbers_is_refused(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(FlameError, match=r"flame\.pkl: .*" + message):
        read_flame(replaced(tmp_path, value))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("indices", np.array([0, 99, 1], np.int32)),  # beyond the rows
        ("indices", np.array([0, -1, 1], np.int32)),
        ("indptr", np.array([0, 9, 3], np.int32)),
        ("indptr", np.array([0, 3], np.int32)),
        ("data", np.zeros(7)),
        ("data", [1.0]),
        ("_shape", "text"),
        ("_shape", (2, -2)),
    ],
)
def test_a_sparse_matrix_that_points_elsewhere_is_refused(
    tmp_path: Path, part: str, value: Any
) -> None:
    matrix = csc_matrix(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]))
    assert as_array(inert(pickle.dumps(matrix), tmp_path)).nnz == 3
    matrix.__dict__[part] = value
    node = inert(pickle.dumps(matrix), tmp_path)
    with pytest.raises(PickleRefused, match="sparse matrix that is inconsistent|instead of"):
        as_array(node)
    with pytest.raises(PickleRefused, match="without data"):
        as_array(inert(b"cscipy.sparse.csc\ncsc_matrix\n)R.", tmp_path))


def test_objects_in_an_archive_are_refused(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    attack = np.array([Call(os.system, f"touch {mark}")], object)
    np.savez(tmp_path / "flame.npz", **MODEL | {"weights": attack})
    with pytest.raises(FlameError, match=r"'weights' is not an array of numbers: Object arrays"):
        read_flame(tmp_path / "flame.npz")
    assert not mark.exists()
