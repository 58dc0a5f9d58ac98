"""Simulated unit weights: the designed distribution that the expression basis is built on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfe.face.design import DesignDistribution


def stream_seed(seed: int, stream: int) -> int:
    """Return the seed of an independent random stream: equal only for equal (seed, stream)."""
    state = np.random.SeedSequence([seed, stream]).generate_state(2, np.uint32)
    return int(state[0]) << 32 | int(state[1])


def sample_units(n: int, seed: int) -> NDArray[np.float32]:
    """Draw unit weights of `n` faces from the design distribution.

    Returns
    -------
    (n, 86) float32 in [0, 1], the 52 ARKit shapes first. The origin is "simulated": no person
    made these faces.

    Raises
    ------
    ValueError
        If `n` is negative.
    """
    if n < 0:
        raise ValueError(f"n must be >= 0, got {n}")
    return DesignDistribution().sample(n, seed)
