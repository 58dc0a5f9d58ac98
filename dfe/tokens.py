"""Tokens of many frames: encoded once, and kept with the hashes of the model and of the frames."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.data.corpus import sha256_array
from dfe.model import DFE

FORMAT = "dfe-tokens/1"


def model_sha256(model: DFE) -> str:
    """SHA-256 over the names and values of all weights of a model."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}:{sha256_array(tensor.cpu().numpy())}\n".encode())
    return digest.hexdigest()


def encode_once(model: DFE, psi: NDArray[np.float32], path: Path) -> NDArray[np.int64]:
    """Return `model.encode(psi)`, read from `path` if it holds just that, else written there.

    Parameters
    ----------
    psi
        (N, P) float32.
    path
        A safetensors file. One of another model or of other frames, or a damaged one, is replaced.

    Returns
    -------
    (N, L) int64 codes

    Raises
    ------
    TypeError, ValueError
        As `DFE.encode`.
    """
    wanted = {"format": FORMAT, "model": model_sha256(model), "psi": sha256_array(psi)}
    codes = computed_once(path, "codes", wanted, lambda: model.encode(psi).astype(np.int32))
    return codes.astype(np.int64)


def computed_once(
    path: Path, name: str, wanted: dict[str, str], compute: Callable[[], NDArray[Any]]
) -> NDArray[Any]:
    """Return the array `name` of a file with just the metadata `wanted`, else make that file.

    Parameters
    ----------
    path
        A safetensors file. One with other metadata, or a damaged one, is replaced.
    wanted
        "format", and the hashes of all that the array depends on.
    """
    try:
        tensors, found = read_checkpoint(path, wanted["format"])
    except CheckpointError:  # missing, damaged, or something else
        found = {}
    if found == wanted:
        return tensors[name].numpy()
    array = compute()
    write_checkpoint(path, {name: torch.from_numpy(array)}, wanted)
    return array
