"""The schedule of a training run: how many steps, at which rate, on which rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from dfe.config import TrainingConfig


def total_steps(config: TrainingConfig, n_rows: int) -> int:
    """Optimiser steps of a run: `steps` if set, else `epochs` passes over `n_rows` rows."""
    if config.steps is not None:
        return config.steps
    return max(1, round(config.epochs * n_rows / min(config.batch_size, n_rows)))


def in_first_part(step: int, total: int, config: TrainingConfig) -> bool:
    """Whether a step, counted from 0, imitates the dictionary; the others follow equation 7."""
    return step < config.initialization_share * total


def learning_rate(step: int, total: int, config: TrainingConfig) -> float:
    """Rate at a step: linear warm-up, then constant or half a cosine down to zero."""
    warmup = max(1, round(config.warmup * total))
    rate = config.learning_rate * min(1.0, (step + 1) / warmup)
    if config.schedule == "cosine":
        rate *= 0.5 * (1.0 + math.cos(math.pi * step / total))
    return rate


def batches(n_rows: int, batch_size: int, seed: int, first: int = 0) -> Iterator[Tensor]:
    """Endless batches of row indices, from batch number `first` on.

    Each epoch is a permutation drawn from `seed` and the epoch's number alone, so that a resumed
    run needs no generator state. Each batch is (batch_size,) int64; a last partial one is left out.
    """
    batch_size = min(batch_size, n_rows)
    per_epoch = n_rows // batch_size
    epoch, place = divmod(first, per_epoch)
    while True:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = torch.randperm(n_rows, generator=generator)
        for start in range(place, per_epoch):
            yield order[start * batch_size : (start + 1) * batch_size]
        epoch, place = epoch + 1, 0
