"""Tokens are encoded once, and never taken for those of another model or of other frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dfe.config import ModelConfig
from dfe.model import DFE
from dfe.tokens import encode_once, model_sha256

PSI = np.random.default_rng(0).normal(size=(20, 50)).astype(np.float32)


@pytest.fixture
def model() -> DFE:
    torch.manual_seed(0)
    return DFE(ModelConfig(layers=1, width=16, feedforward=16, codebook_size=300)).eval()


def refuse(*_: object) -> None:
    raise AssertionError("encoded again")


def test_a_second_call_reads_the_file(
    model: DFE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "tokens.safetensors"
    first = encode_once(model, PSI, path)
    np.testing.assert_array_equal(first, model.encode(PSI))
    assert first.dtype == np.int64
    monkeypatch.setattr(DFE, "encode", refuse)
    second = encode_once(model, PSI, path)
    np.testing.assert_array_equal(second, first)
    assert second.dtype == np.int64


def test_another_model_or_other_frames_are_encoded_anew(model: DFE, tmp_path: Path) -> None:
    path = tmp_path / "tokens.safetensors"
    encode_once(model, PSI, path)
    other = PSI[::-1].copy()
    np.testing.assert_array_equal(encode_once(model, other, path), model.encode(other))
    before = model_sha256(model)
    with torch.no_grad():
        model.quantizer.codebook[0] += 5
    assert model_sha256(model) != before
    np.testing.assert_array_equal(encode_once(model, other, path), model.encode(other))


@pytest.mark.parametrize("content", [b"", b"no tokens"])
def test_a_damaged_file_is_replaced(model: DFE, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokens.safetensors"
    path.write_bytes(content)
    codes = encode_once(model, PSI, path)
    assert path.read_bytes() != content
    np.testing.assert_array_equal(encode_once(model, PSI, path), codes)
