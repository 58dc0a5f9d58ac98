"""A folder of foreign files as one observation, and what was left out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dfe.data.adapters import Adapter, AdapterError, Files, Recording, recording
from dfe.data.adapters.base import NOT_FINITE, by_stem
from dfe.data.adapters.collect import observe
from dfe.data.observations import read_observation, write_observation


def read(clip: str, files: Files) -> Recording:
    rows = np.loadtxt(files[0], ndmin=2)
    return recording(clip, rows[:, 0], rows[:, 1:])


def adapter(**more: Any) -> Adapter:
    fields: dict[str, Any] = {
        "name": "prog",
        "title": "Prog",
        "kind": "features",
        "columns": ("a", "b"),
        "find": lambda folder: by_stem(folder, "**/*.txt"),
        "read": read,
        "layout": "<clip>.txt",
    }
    return Adapter(**fields | more)


def folder(path: Path) -> Path:
    (path / "s").mkdir()
    (path / "s" / "x.txt").write_text("3 1 2\n1 5 6\n2 nan 0\n")
    (path / "y.txt").write_text("0 7 8\n")
    (path / "z.txt").write_text("0 nan nan\n")
    return path


WHERE: dict[str, Any] = {"dataset": "set", "origin": "gated", "version": "2"}


def test_all_recordings_become_one_observation(tmp_path: Path) -> None:
    made, report = observe(adapter(), folder(tmp_path), **WHERE)
    assert made.clip.tolist() == ["s/x", "s/x", "y"] and made.frame.tolist() == [1, 3, 0]
    assert made.values.tolist() == [[5, 6], [1, 2], [7, 8]] and set(made.dataset) == {"set"}
    assert report.to_dict("index") == {
        "s/x": {"frames": 2, NOT_FINITE: 1},
        "y": {"frames": 1, NOT_FINITE: 0},
        "z": {"frames": 0, NOT_FINITE: 1},
    }
    assert (made.metadata.name, made.metadata.origin) == ("prog", "gated")
    write_observation(tmp_path / "out.parquet", made)
    assert read_observation(tmp_path / "out.parquet").metadata == made.metadata


def test_expression_vectors_are_features(tmp_path: Path) -> None:
    made, _ = observe(adapter(kind="psi"), folder(tmp_path), **WHERE, name="EMOCA")
    assert made.metadata.name == "EMOCA"
    assert made.metadata.kind == "features" and made.metadata.columns == ("a", "b")


def test_the_hash_follows_names_and_contents(tmp_path: Path) -> None:
    def digest() -> str | None:
        return observe(adapter(), tmp_path, **WHERE)[0].metadata.inputs_sha256

    first = folder(tmp_path) and digest()
    assert digest() == first
    (tmp_path / "y.txt").write_text("0 7 9\n")
    second = digest()
    (tmp_path / "y.txt").rename(tmp_path / "w.txt")
    assert len({first, second, digest()}) == 3


def test_without_a_usable_frame_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "z.txt").write_text("0 nan nan\n")
    with pytest.raises(AdapterError, match=r"no usable frame in 1 recordings \(a value is NaN"):
        observe(adapter(), tmp_path, **WHERE)
    with pytest.raises(AdapterError, match="nothing of Prog here"):
        observe(adapter(find=lambda folder: {}), tmp_path, **WHERE)
