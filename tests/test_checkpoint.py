"""Files are whole or absent, and a checkpoint that cannot be used says why."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.files import atomic

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b/c": torch.tensor([1, 2]), "d": torch.ones(())}


# Atomic files


def test_a_file_appears_when_the_block_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "x.txt"
    with atomic(target) as path:
        assert path.parent == target.parent and path.suffix == ".txt"
        path.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["x.txt"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(error), atomic(target) as path:
        path.write_text("half of the ne")
        raise error
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.txt"]


def test_a_failure_leaves_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic(tmp_path / "x.txt") as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    with atomic(target) as first, atomic(target) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"  # its block ended last
    assert os.listdir(tmp_path) == ["x.txt"]


# Checkpoints


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "x.safetensors"
    write_checkpoint(path, TENSORS, {"format": "one/1", "note": "é"})
    return path


def test_round_trip(written: Path) -> None:
    tensors, metadata = read_checkpoint(written, "one/1")
    assert metadata == {"format": "one/1", "note": "é"}
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(tensors[name], tensor) and tensors[name].dtype == tensor.dtype


def test_views_and_gradients_are_written_by_value(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3).requires_grad_()
    write_checkpoint(tmp_path / "x", {"t": weight.T}, {"format": "one/1"})
    found = read_checkpoint(tmp_path / "x", "one/1")[0]["t"]
    assert torch.equal(found, weight.detach().T)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint at .*nothing.safetensors"):
        read_checkpoint(tmp_path / "nothing.safetensors", "one/1")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read_checkpoint(tmp_path, "one/1")


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 60, -1])
def test_truncated(written: Path, kept: int) -> None:
    written.write_bytes(written.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="x.safetensors is not a whole safetensors file"):
        read_checkpoint(written, "one/1")


def test_not_safetensors(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "x.pt")  # a pickle must not be opened
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read_checkpoint(tmp_path / "x.pt", "one/1")


def test_another_format(written: Path) -> None:
    with pytest.raises(CheckpointError, match="has format 'one/1', not 'two/1'"):
        read_checkpoint(written, "two/1")
    save_file(TENSORS, written)  # a plain file without metadata
    with pytest.raises(CheckpointError, match="has format None, not 'one/1'"):
        read_checkpoint(written, "one/1")


def test_a_failed_write_keeps_the_old_checkpoint(written: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(TypeError):
        write_checkpoint(written, TENSORS, {"format": 1})  # type: ignore[dict-item]
    assert written.read_bytes() == before
    assert os.listdir(written.parent) == ["x.safetensors"]
