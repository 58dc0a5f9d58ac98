"""Checks of what comes from outside, shared by the face models and the encoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_rows(values: ArrayLike, width: int, name: str) -> NDArray[np.float32]:
    """Check a batch of vectors and return it as (N, width) float32.

    Parameters
    ----------
    values
        (N, width) or (width,), floating point; one vector becomes a batch of one.
    width
        Expected length of a vector.
    name
        How the caller calls the vectors; used in messages.

    Raises
    ------
    TypeError
        The values are not floating point.
    ValueError
        The shape is wrong, or a value is NaN, infinite or beyond the range of float32.
    """
    rows = np.asarray(values)
    if not np.issubdtype(rows.dtype, np.floating):
        raise TypeError(f"{name}: expected floating point values, got dtype {rows.dtype}")
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != width:
        shape = np.shape(values)
        raise ValueError(f"{name}: expected shape (N, {width}) or ({width},), got {shape}")
    with np.errstate(over="ignore"):  # 1e300 becomes infinite here, and is refused below
        rows = np.require(rows, np.float32, ["C", "W"])  # what torch.from_numpy can share
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        raise ValueError(
            f"{name}: expected finite values, but {bad.size} of {len(rows)} rows hold NaN or "
            f"infinity (first: row {bad[0]}); drop or repair those rows"
        )
    return rows


def check_codes(codes: ArrayLike, codebook_size: int, stages: int) -> NDArray[np.int64]:
    """Return codes as an int64 array (N, L') with 1 <= L' <= stages, or say what is wrong.

    Raises
    ------
    TypeError
        If the values are not integers.
    ValueError
        If the shape is not (N, 1 .. stages) or a code lies outside 0 .. codebook_size - 1.
    """
    array = np.asarray(codes)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"codes must be integers, got dtype {array.dtype}")
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or not 1 <= array.shape[1] <= stages:
        raise ValueError(f"codes must have shape (N, 1 .. {stages}), got {np.shape(codes)}")
    if array.size and not (0 <= array.min() and array.max() < codebook_size):
        raise ValueError(
            f"codes must lie in 0 .. {codebook_size - 1}, got {array.min()} .. {array.max()}"
        )
    return np.require(array, np.int64, ["C", "W"])  # what torch.from_numpy can share
