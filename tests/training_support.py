"""Small settings, a corpus that they learn, and runs that die: shared by the tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import dfe.training
from dfe.config import ModelConfig, TrainingConfig, vary
from dfe.data.corpus import Corpus, sha256_array
from dfe.model import DFE

TINY = ModelConfig(layers=1, width=16, heads=2, feedforward=16, codebook_size=8, stages=2)
SHORT = TrainingConfig(batch_size=32, steps=30, learning_rate=3e-3, log_every=10, device="cpu")
TWO_PARTS = vary(SHORT, codebook_init="additive", initialization_share=0.5)


def easy_faces(n: int, seed: int) -> np.ndarray:
    """Sums of two of eight orthogonal directions, which eight tokens can say exactly."""
    directions = 3 * np.linalg.qr(np.random.default_rng(0).normal(size=(50, 50)))[0][:8]
    rng = np.random.default_rng(seed)
    return directions[rng.integers(0, 8, (n, 2))].sum(1).astype(np.float32)


def corpus_of(rows: np.ndarray, **held_out: np.ndarray) -> Corpus:
    counts = {"simulated": len(rows), "real": 0, "real frames": 0}
    return Corpus(rows, held_out, counts, {"train": sha256_array(rows)})


CORPUS = corpus_of(easy_faces(200, 1), simulated=easy_faces(60, 2), real=easy_faces(20, 3))


def weights_of(model: DFE) -> dict[str, Tensor]:
    return dict(model.state_dict())


def assert_same_weights(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


class Stopped(Exception):
    """Stands for a killed process."""


def stop_at(monkeypatch: pytest.MonkeyPatch, last: int) -> list[int]:
    """Let training die in step `last`; None of the listed steps ran before the call."""
    original, ran = dfe.training._step, []

    def step(state: Any, *args: Any) -> Any:
        if state.step == last:
            raise Stopped
        ran.append(state.step)
        return original(state, *args)

    monkeypatch.setattr(dfe.training, "_step", step)
    return ran
