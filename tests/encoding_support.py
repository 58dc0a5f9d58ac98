"""Parquet data sets and a small model for the tests of bulk encoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from dfe.config import ModelConfig
from dfe.encoding import Done, encode_dataset
from dfe.model import DFE

FACE = "open-head"
SMALL = ModelConfig(
    psi_dim=6,
    sequence_length=2,
    layers=1,
    width=8,
    heads=2,
    feedforward=8,
    codebook_size=300,
    code_dim=5,
    stages=3,
)


def small_model(seed: int = 0, config: ModelConfig = SMALL) -> DFE:
    """A model with random weights whose codes are spread over the whole codebook."""
    torch.manual_seed(seed)
    model = DFE(config).eval()
    with torch.no_grad():
        model.quantizer.codebook.normal_()
    return model


def vectors(rows: int, seed: int = 0, width: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def plain(vectors_: Any, kind: pa.DataType | None = None, **columns: Any) -> pa.Table:
    """A table that names no face: clips of three rows, frames counted in each clip."""
    rows = np.arange(len(vectors_))
    values = [row if row is None else list(map(float, row)) for row in vectors_]
    found = {
        "dataset": pa.array(["d"] * len(rows)),
        "clip": pa.array([f"c{row // 3}" for row in rows]),
        "frame": pa.array(rows % 3),
        "psi": pa.array(values, kind or pa.list_(pa.float32())),
    }
    return pa.table({name: one for name, one in (found | columns).items() if one is not None})


def write(path: Path, table: pa.Table, per_group: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=per_group)
    return path


def encode(source: Path, output: Path, model: DFE | None = None, **options: Any) -> list[Done]:
    settings: dict[str, Any] = {"unnamed": FACE, "rows_per_batch": 5} | options
    return encode_dataset(model or small_model(), source, output, FACE, **settings)


def names(done: list[Done], made: bool = True) -> list[str]:
    """Files of tokens that a call made, or that it found."""
    return [one.part.output for one in done if one.made == made]
