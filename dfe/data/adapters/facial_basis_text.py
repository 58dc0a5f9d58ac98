"""Facial Basis: a text file of numbers for each video, without a header.

Layout (github.com/sariyanidi/FacialBasis, `compute_local_exp_coefficients.py`; Sariyanidi et al.
2025, arXiv 2505.24679): `<clip>.local_expressions`, a line for each frame with 50 numbers and
spaces between them, as `np.savetxt` writes them. Files with commas are read as well. Frames are the
lines, from 0. Checked against the program's code, not against a file that it wrote.

The program fills in what the fit left missing, so no frame is missing and which ones were filled in
cannot be told from the file.

A file that does not end in a line break is an error, because its last number may be cut off.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dfe.data.adapters.base import Adapter, AdapterError, Files, Recording, by_stem, recording

WIDTH = 50
_SUFFIX = "local_expressions"
_AGAIN = "let the program write the file again, or copy it again from where it is whole"


def read_facial_basis(clip: str, files: Files) -> Recording:
    """Read one recording: (M, 50) coefficients.

    Raises
    ------
    AdapterError
        If the file is empty, cut off or no text, or a line has not 50 numbers.
    """
    (path,) = files
    text = _text(path)
    if not text.strip():
        raise AdapterError(f"{path}: empty; {_AGAIN}")
    if not text.endswith("\n"):
        raise AdapterError(f"{path}: the last line does not end and may be cut off; {_AGAIN}")
    lines = text.rstrip().split("\n")  # blank lines at the end hold no frame
    values = np.array([_numbers(path, i, line) for i, line in enumerate(lines, 1)])  # (M, 50)
    return recording(clip, np.arange(len(values)), values)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise AdapterError(f"{path}: cannot be read ({error})") from error
    except UnicodeDecodeError as error:
        raise AdapterError(f"{path}: not text ({error}); {_AGAIN}") from error


def _numbers(path: Path, number: int, line: str) -> list[float]:
    cells = line.replace(",", " ").split()
    if len(cells) != WIDTH:
        raise AdapterError(f"{path}: {len(cells)} numbers in line {number}, not {WIDTH}; {_AGAIN}")
    try:
        return [float(cell) for cell in cells]
    except ValueError as error:
        raise AdapterError(f"{path}: line {number}: {error}; {_AGAIN}") from error


FACIAL_BASIS = Adapter(
    name="facial-basis",
    title="Facial Basis",
    kind="features",
    columns=(),
    find=lambda folder: by_stem(folder, f"**/*.{_SUFFIX}"),
    read=read_facial_basis,
    layout=f"one <clip>.{_SUFFIX} for each video",
)
