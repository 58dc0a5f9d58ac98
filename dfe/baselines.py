"""Codes that need no network: what a learned code of the same length has to clear."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin


class ResidualKMeans(TransformerMixin, BaseEstimator):
    """Residual k-means: L stages of K centers on psi itself, same bits as the model's tokens.

    Parameters
    ----------
    n_codes, n_stages
        K and L.
    shared
        One codebook for all stages, as the paper has it (the floor), or one codebook per stage
        (the reach: the same bits, but four times the parameters).
    max_iter
        Iterations of k-means per stage, or of the shared codebook.
    n_init
        Starts of the shared codebook. Its iterations need not improve the sum of all stages, and
        starts differ much, so the best codebook met on the training rows is kept.
    random_state
        Seed.

    Attributes
    ----------
    codebooks_
        (L, K, P) float32; equal along the first axis when `shared`.

    Examples
    --------
    >>> psi = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    >>> ResidualKMeans(n_codes=4, n_stages=2).fit(psi).encode(psi).shape
    (100, 2)
    """

    def __init__(
        self,
        n_codes: int = 64,
        n_stages: int = 4,
        shared: bool = True,
        max_iter: int = 40,
        n_init: int = 4,
        random_state: int = 0,
    ) -> None:
        self.n_codes = n_codes
        self.n_stages = n_stages
        self.shared = shared
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, psi: NDArray[np.float32], y: None = None) -> Self:
        """Fit to psi (N, P) float32, N >= n_codes."""
        psi = np.ascontiguousarray(psi, np.float32)
        self.codebooks_ = self._fit_shared(psi) if self.shared else self._fit_separate(psi)
        return self

    def _kmeans(self, init: str | NDArray[np.float32], max_iter: int) -> KMeans:
        return KMeans(
            self.n_codes, init=init, n_init=1, max_iter=max_iter, random_state=self.random_state
        )

    def _fit_separate(self, psi: NDArray[np.float32]) -> NDArray[np.float32]:
        residual, codebooks = psi, []
        for _ in range(self.n_stages):
            kmeans = self._kmeans("k-means++", self.max_iter).fit(residual)
            residual = residual - kmeans.cluster_centers_[kmeans.labels_]
            codebooks.append(kmeans.cluster_centers_)
        return np.stack(codebooks)  # (L, K, P)

    def _fit_shared(self, psi: NDArray[np.float32]) -> NDArray[np.float32]:
        """Iterate k-means over the residuals of all stages, each seen by the same codebook."""
        rng = np.random.default_rng(self.random_state)
        best, least = psi[: self.n_codes], np.inf
        for _ in range(self.n_init):
            codebook = self._start_shared(psi[rng.permutation(len(psi))])  # (K, P)
            for _ in range(self.max_iter):
                coded = _assign(psi, np.stack([codebook] * self.n_stages))
                error = float(np.square(coded.rest).sum())
                if error < least:
                    best, least = codebook, error
                pooled = np.concatenate(coded.seen)  # (L N, P)
                codebook = self._kmeans(codebook, 1).fit(pooled).cluster_centers_
        return np.stack([best] * self.n_stages)

    def _start_shared(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Half of the centers on faces, half on what a first stage leaves over.

        Started on faces alone, the codebook would have no short codes for the later stages.
        """
        half = self.n_codes // 2
        first = self._kmeans("k-means++", self.max_iter).fit(rows).cluster_centers_
        left = _assign(rows, first[None]).rest
        return np.concatenate([rows[:half], left[half : self.n_codes]])  # (K, P)

    def encode(self, psi: NDArray[np.float32]) -> NDArray[np.int64]:
        """Codes of psi (N, P): (N, L) int64."""
        return _assign(np.asarray(psi, np.float32), self.codebooks_).codes

    def decode(self, codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Sum of the chosen centers: (N, L') int64 with L' <= L -> (N, P) float32."""
        stages = np.arange(codes.shape[1])
        return self.codebooks_[stages, codes].sum(1)  # (N, L', P) -> (N, P)

    def transform(self, psi: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reconstruct psi (N, P) from its codes."""
        return self.decode(self.encode(psi))


class _Coded(NamedTuple):
    codes: NDArray[np.int64]  # (N, L)
    seen: list[NDArray[np.float32]]  # L times (N, P), the residual that each stage saw
    rest: NDArray[np.float32]  # (N, P) what the last stage leaves


def _assign(psi: NDArray[np.float32], codebooks: NDArray[np.float32]) -> _Coded:
    """Greedy residual codes: (N, P) with codebooks (L, K, P)."""
    residual, codes, seen = psi, [], []
    for codebook in codebooks:
        k = pairwise_distances_argmin(residual, codebook)  # (N,)
        codes.append(k)
        seen.append(residual)
        residual = residual - codebook[k]
    return _Coded(np.stack(codes, axis=1), seen, residual)
