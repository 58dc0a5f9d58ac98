"""Codings that the tests of diversity measure."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from dfe.metrics.presence import presence

Bools = NDArray[np.bool_]

RNG = np.random.default_rng(0)
ZIPF = 1 / np.arange(1, 17) / np.sum(1 / np.arange(1, 17))
TOKENS = presence(RNG.choice(16, (900, 4), p=ZIPF), 16)  # four of 16 units, rare and common ones
CLIPS = np.repeat([f"clip {i}" for i in range(30)], 30)
SCATTERED = RNG.choice(12, 900, p=np.arange(1, 13) / 78)  # groups of several sizes, not in order
STRUCTURED = np.column_stack([TOKENS, TOKENS[:, 0] & TOKENS[:, 1], ~TOKENS[:, 3], TOKENS[:, 2]])

# Counts 2, 1, 1, 0 and 4 of four rows.
SMALL = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 1], [0, 0, 1, 0, 1], [0, 0, 0, 0, 1]], bool)

MATRICES = npst.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 6)))
