"""Checkpoints in safetensors: tensors plus text metadata, nothing that could execute."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dfe.files import atomic


class CheckpointError(ValueError):
    """A checkpoint is missing, truncated, or of another format; the message says which."""


def write_checkpoint(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and metadata; `metadata["format"]` names what kind of file it is."""
    contiguous = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    with atomic(path) as temporary:
        save_file(contiguous, temporary, metadata=metadata)


def read_checkpoint(path: Path, expected: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file whose `format` is `expected`.

    Raises
    ------
    CheckpointError
        If the file is missing, cannot be read, or has another format.
    """
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from error
    if metadata.get("format") != expected:
        raise CheckpointError(f"{path} has format {metadata.get('format')!r}, not {expected!r}")
    return tensors, metadata
