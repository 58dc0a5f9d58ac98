"""The training corpus: simulated design frames mixed with real training frames."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dfe.data.features import FeatureTable, UnitFace
from dfe.data.simulate import sample_units, stream_seed
from dfe.data.splits import split_by_subject

_TRAIN, _HELD_OUT, _REPEATS, _FRESH = range(4)  # random streams that never share a draw


@dataclass(frozen=True, eq=False)
class Corpus:
    """Expression vectors to train on and to judge by.

    Attributes
    ----------
    train : (N, 50) float32; the simulated rows come first, then the real ones.
    held_out : origin ("simulated", "real", "gated") -> (M, 50) float32 that training never sees;
        "real" only where a table was given, and with no row where each data set has a single
        subject. A corpus of the reader's own frames has these alone, "real" or "gated".
    counts : rows of `train` by origin, "<origin> frames" among them that differ (not of the
        simulated ones), and "held out/<origin>".
    hashes : "train" and "held out/<origin>" -> SHA-256 of the array.
    """

    train: NDArray[np.float32]  # (N, 50)
    held_out: Mapping[str, NDArray[np.float32]]  # origin -> (M, 50)
    counts: Mapping[str, int]
    hashes: Mapping[str, str]


def sha256_array(array: np.ndarray) -> str:
    """SHA-256 of the type, shape and bytes (C order) of an array."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def build_corpus(
    real: FeatureTable | None,
    face: UnitFace,
    n_simulated: int,
    n_held_out: int,
    seed: int,
    real_share: float,
    held_out_share: float = 0.2,
) -> Corpus:
    """Mix the training set and set the held-out sets apart.

    There are far fewer real frames than simulated ones. Real training frames are therefore
    repeated, all of them equally often up to one, until they make up `real_share` of the training
    rows; where fewer rows are wanted than there are frames, a random part of them is used. The
    held-out real frames are each used once.

    Parameters
    ----------
    real
        Feature table of real frames, split by subject here; None gives a simulated corpus.
    face
        Turns unit weights into psi.
    n_simulated, n_held_out
        Rows of simulated training and held-out frames, from different random streams.
    seed
        Seed of the simulation, the split and the repetition.
    real_share
        Share of real rows in the training set, 0 <= real_share < 1; 0 or no table leaves them out.
    held_out_share
        Share of each real data set to hold out; see `split_by_subject`.

    Raises
    ------
    ValueError
        If a count or share is out of range, or the table is of another face or not of real frames.
    """
    _check(real, face, n_simulated, n_held_out, real_share)
    parts = [_simulate(face, n_simulated, seed, _TRAIN)]
    held_out = {"simulated": _simulate(face, n_held_out, seed, _HELD_OUT)}
    frames = 0
    if real is not None:
        in_train, in_held_out = split_by_subject(real, held_out_share, seed)
        held_out["real"] = real.psi[in_held_out]
        n_real = round(n_simulated * real_share / (1 - real_share))
        parts.append(_repeat(real.psi[in_train], n_real, seed))
        frames = min(n_real, int(in_train.sum()))
    train = np.concatenate(parts)  # (N, 50)
    arrays = {"train": train} | {f"held out/{k}": v for k, v in held_out.items()}
    counts = {"simulated": n_simulated, "real": len(train) - n_simulated, "real frames": frames}
    return Corpus(
        train=train,
        held_out=held_out,
        counts=counts | {k: len(v) for k, v in arrays.items() if k != "train"},
        hashes={k: sha256_array(v) for k, v in arrays.items()},
    )


def own_corpus(table: FeatureTable, rows: int, seed: int, held_out_share: float = 0.2) -> Corpus:
    """A corpus of the frames of one table and nothing else, as the paper's is.

    Parameters
    ----------
    table
        Frames of the reader's own data.
    rows
        At most so many training frames are used, a random part where there are more.
    seed, held_out_share
        As for `build_corpus`.

    Raises
    ------
    ValueError
        If all frames are of one subject, so that none can be held out.
    """
    in_train, in_held_out = split_by_subject(table, held_out_share, seed)
    if not in_held_out.any():
        names = ", ".join(np.unique(table.dataset))
        raise ValueError(f"{names}: a single subject, so no frame can be held out")
    origin = str(table.metadata.origin)
    train = _repeat(table.psi[in_train], min(rows, int(in_train.sum())), seed)
    held_out = {origin: table.psi[in_held_out]}
    counts = {origin: len(train), f"{origin} frames": len(train)}
    return Corpus(
        train=train,
        held_out=held_out,
        counts=counts | {f"held out/{origin}": len(held_out[origin])},
        hashes={"train": sha256_array(train), f"held out/{origin}": sha256_array(held_out[origin])},
    )


def corpus_rows(counts: Mapping[str, int]) -> str:
    """The training rows in words, such as ``3,000 simulated + 3,000 real (40 distinct)``."""
    origins = [name for name in counts if f"held out/{name}" in counts]
    parts = []
    for origin in origins:
        distinct = counts.get(f"{origin} frames")
        repeated = f" ({distinct:,} distinct)" if distinct not in (None, counts[origin]) else ""
        parts.append(f"{counts[origin]:,} {origin}{repeated}")
    return " + ".join(parts)


def fresh_units(n: int, seed: int) -> NDArray[np.float32]:
    """Unit weights (n, 86) of simulated frames that no corpus holds, trained on or held out.

    Raises
    ------
    ValueError
        If `n` is negative.
    """
    return sample_units(n, stream_seed(seed, _FRESH))


def _check(
    real: FeatureTable | None, face: UnitFace, n_simulated: int, n_held_out: int, share: float
) -> None:
    if n_simulated < 1 or n_held_out < 1:
        raise ValueError(f"need at least one simulated row, got {n_simulated} and {n_held_out}")
    if not 0 <= share < 1:
        raise ValueError(f"real_share must lie in [0, 1), got {share}")
    if real is None:
        return
    if not len(real):
        raise ValueError("the table of real frames is empty")
    if real.metadata.origin == "simulated":
        raise ValueError("the table of real frames holds simulated frames")
    if real.metadata.face != face.name:
        raise ValueError(f"the table is of face {real.metadata.face!r}, not {face.name!r}")


def _simulate(face: UnitFace, n: int, seed: int, stream: int) -> NDArray[np.float32]:
    return np.asarray(face.units_to_psi(sample_units(n, stream_seed(seed, stream))), np.float32)


def _repeat(psi: NDArray[np.float32], n: int, seed: int) -> NDArray[np.float32]:
    """Return `n` rows of `psi`, each row floor(n / len) or one more times."""
    order = np.random.default_rng(stream_seed(seed, _REPEATS)).permutation(len(psi))
    return psi[np.resize(order, n)]
