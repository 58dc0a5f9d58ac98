"""Folders as EMOCA writes them, told apart by the numbers in their names: from 1, as in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

MODEL = "EMOCA_v2_lr_mse_20"
Codes = dict[str, np.ndarray]


def codes(number: int, face: int) -> Codes:
    """What `save_codes` writes for one face, told apart by frame and face."""
    rng = np.random.default_rng((number, face))
    widths = {"shape": 100, "exp": 50, "tex": 50, "pose": 6, "detail": 128}
    return {name: rng.normal(size=width).astype(np.float32) for name, width in widths.items()}


def write(results: Path, number: int, face: int = 0, name: str = "") -> Path:
    folder = results / MODEL / (name or f"{number:06d}_{face:03d}")
    folder.mkdir(parents=True)
    for file, values in codes(number, face).items():
        np.save(folder / f"{file}.npy", values)
    (folder / "geometry_coarse.png").touch()
    return folder


def exp(*numbers: int) -> list[np.ndarray]:
    return [codes(number, 0)["exp"] for number in numbers]


def image(parent: Path, name: str, number: int, face: int = 0) -> Path:
    """What `save_codes` writes for a face of an image."""
    folder = parent / f"{name}{face:02d}"
    folder.mkdir(parents=True)
    for file, values in codes(number, face).items():
        np.save(folder / f"{file}.npy", values)
    return folder
