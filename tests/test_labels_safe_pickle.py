"""Pickles of labels: plain data are read, everything else is refused and never run."""

from __future__ import annotations

import os
import pickle
import re
import struct
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.data.labels.base import LabelError
from dfe.data.labels.safe_pickle import load_plain

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)


def stored(folder: Path, data: bytes) -> Path:
    path = folder / "labels.pkl"
    path.write_bytes(data)
    return path


@given(value=PLAIN, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_are_read(
    tmp_path_factory: pytest.TempPathFactory, value: object, protocol: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert load_plain(stored(folder, pickle.dumps(value, protocol))) == value


def test_strings_of_python_2_are_latin_1(tmp_path: Path) -> None:
    assert load_plain(stored(tmp_path, b"(dp0\nS'caf\\xe9'\np1\nF0.5\ns.")) == {"caf\xe9": 0.5}
    assert load_plain(stored(tmp_path, b"\x80\x02}U\x04caf\xe9K\x01s.")) == {"caf\xe9": 1}


class Calls:
    """An object whose pickle calls a function with arguments when it is read."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", ["system", "eval", "exec", "open"])
def test_calls_are_refused_and_never_run(tmp_path: Path, protocol: int, name: str) -> None:
    sentinel = tmp_path / "sentinel"
    python = f"open({str(sentinel)!r}, 'w').close()"
    attacks: dict[str, Calls] = {
        "system": Calls(os.system, f"touch {sentinel}"),
        "eval": Calls(eval, python),
        "exec": Calls(exec, python),
        "open": Calls(open, str(sentinel), "w"),
    }
    data = pickle.dumps({"openness": {"a.000.mp4": attacks[name]}}, protocol)
    with pytest.raises(LabelError, match=rf"labels.pkl: refused: it names \w+\.{name}"):
        load_plain(stored(tmp_path, data))
    assert not sentinel.exists()
    pickle.loads(data)
    assert sentinel.exists(), "the attack works on an ordinary reader"


OBJECTS = {
    "numpy": np.zeros(2),
    "scalar": np.float64(0.5),
    "_codecs.encode": b"\xff",
    "Decimal": Decimal(1),
    "OrderedDict": OrderedDict(a=1),
}


@pytest.mark.parametrize("name", list(OBJECTS))
def test_objects_are_refused_with_their_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabelError, match=f"it names .*{name}"):
        load_plain(stored(tmp_path, pickle.dumps(OBJECTS[name], 2)))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'true'\no.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "os.system"),
        (
            b"ccopy_reg\n_reconstructor\n(c__main__\nX\nc__builtin__\nobject\nNtR.",
            "copy_reg._reconstructor",
        ),
        (b"c__builtin__\nset\n((lp0\ntR.", "__builtin__.set"),
        (b"cdfe.data.labels.safe_pickle\nload_plain\n.", "dfe.data.labels"),
        (b"Pabc\n.", "outside the file, 'abc'"),
        (b"S'abc'\nQ.", "outside the file, 'abc'"),
    ],
)
def test_every_way_to_name_is_refused(tmp_path: Path, data: bytes, named: str) -> None:
    with pytest.raises(LabelError, match=re.escape(named)):
        load_plain(stored(tmp_path, data))


def test_damaged_pickles_name_the_file(tmp_path: Path) -> None:
    whole = pickle.dumps({"openness": {"a.000.mp4": 0.5}}, 2)
    for data in (b"", whole[:-1], whole[: len(whole) // 2], b"not a pickle", struct.pack("<Q", 7)):
        with pytest.raises(LabelError, match="labels.pkl: not a whole pickle .* copy it again"):
            load_plain(stored(tmp_path, data))
    with pytest.raises(LabelError, match="absent.pkl: no such file"):
        load_plain(tmp_path / "absent.pkl")
