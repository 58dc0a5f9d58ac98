"""Binary presence of units, and the cells of frames that share it (sections 5.1 and 5.2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dfe.checks import check_codes


def presence(codes: ArrayLike, n_units: int) -> NDArray[np.bool_]:
    """Which units occur in each coded sequence; their order and multiplicity are dropped.

    Parameters
    ----------
    codes
        (N, L) int in 0 .. n_units - 1.
    n_units
        Size K of the vocabulary.

    Returns
    -------
    (N, K) bool

    Raises
    ------
    TypeError
        If the codes are not integers.
    ValueError
        If the shape is not (N, L) with L >= 1, or a code lies outside the vocabulary.
    """
    array = np.asarray(codes)
    if array.ndim != 2:
        raise ValueError(f"codes must have shape (N, L), got {array.shape}")
    array = check_codes(array, n_units, array.shape[1])
    active = np.zeros((len(array), n_units), bool)  # (N, K)
    np.put_along_axis(active, array, True, axis=1)
    return active


def cells(active: ArrayLike) -> NDArray[np.int64]:
    """Label rows of equal presence; a cell is what section 5.1 retrieves for each of its rows.

    Parameters
    ----------
    active
        (N, K) bool, such as the result of `presence` or thresholded action units.

    Returns
    -------
    (N,) int64 labels 0, 1, 2, ... in order of first appearance

    Raises
    ------
    TypeError
        If the values are not bool: a score must be thresholded first.
    ValueError
        If the shape is not (N, K) with K >= 1.
    """
    array = check_presence(active)
    words = np.zeros((len(array), -(-array.shape[1] // 64) * 8), np.uint8)  # (N, 8 words)
    packed = np.packbits(array, axis=1)
    words[:, : packed.shape[1]] = packed
    return label_rows(words.view(np.int64))


def check_presence(active: ArrayLike) -> NDArray[np.bool_]:
    """Return presence as an array (N, K), or say what is wrong; errors are those of `cells`."""
    array = np.asarray(active)
    if array.dtype != np.bool_:
        raise TypeError(f"presence must be bool, got dtype {array.dtype}: threshold scores first")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"presence must have shape (N, K) with K >= 1, got {array.shape}")
    return array


def label_rows(rows: NDArray[np.generic]) -> NDArray[np.int64]:
    """Label equal rows of (N, W) values 0, 1, 2, ... in order of first appearance: (N,) int64.

    NaN equals NaN.
    """
    labels = np.zeros(len(rows), np.int64)
    for column in rows.T:
        codes, values = pd.factorize(column, use_na_sentinel=False)
        labels, _ = pd.factorize(labels * len(values) + codes)  # below N^2: no overflow
    return labels.astype(np.int64, copy=False)


def number_labels(values: ArrayLike, n: int, name: str, sort: bool = False) -> NDArray[np.int64]:
    """Number labels of any kind 0, 1, 2, ...: (n,) int64.

    Parameters
    ----------
    values
        (n,) labels.
    name
        How the caller calls them; used in messages.
    sort
        Number them in sorted order, and not in order of first appearance, which makes results
        independent of how labels are called.

    Raises
    ------
    ValueError
        If the shape is not (n,), or a label is missing.
    """
    array = np.asarray(values)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {array.shape}")
    if missing := int(pd.isna(array).sum()):
        raise ValueError(f"{missing} of {n} {name} are missing: name them or drop their rows")
    return pd.factorize(array, sort=sort)[0].astype(np.int64, copy=False)
