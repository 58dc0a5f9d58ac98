"""The designed distribution of unit weights that the expression basis is built on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DesignDistribution:
    """A few random units at random strengths: broad, and with moments in closed form.

    The number of active units is uniform on 1..`max_active`, the active units are distinct and
    equally likely, and each active weight is Beta(`alpha`, `beta`); all other weights are 0.
    Every combination of up to seven units can occur, so no unit and no pair is left out, while a
    Beta weight keeps away from both ends of [0, 1].

    Attributes
    ----------
    n_units
        Number of units.
    max_active
        Largest number of units active at once.
    alpha, beta
        Parameters of the Beta distribution of an active weight.
    """

    n_units: int = 86
    max_active: int = 7
    alpha: float = 2.0
    beta: float = 2.5

    def __post_init__(self) -> None:
        """Refuse parameters for which the distribution does not exist."""
        if not 1 <= self.max_active <= self.n_units:
            raise ValueError(
                f"max_active must lie in 1..{self.n_units} (n_units), got {self.max_active}"
            )
        if self.alpha <= 0 or self.beta <= 0:
            raise ValueError(f"alpha and beta must be > 0, got {self.alpha} and {self.beta}")

    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """Draw n weight vectors, (n, n_units) float32 in [0, 1]; the same seed, the same draw."""
        rng = np.random.default_rng(seed)
        units = self._distinct_units(n, rng)  # (n, max_active)
        n_active = rng.integers(1, self.max_active + 1, size=(n, 1))
        weights = rng.beta(self.alpha, self.beta, size=units.shape)
        weights[np.arange(self.max_active) >= n_active] = 0.0
        out = np.zeros((n, self.n_units), np.float32)
        np.put_along_axis(out, units, weights.astype(np.float32), axis=1)
        return out

    def _distinct_units(self, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Return (n, max_active) distinct units: the first steps of n Fisher-Yates shuffles."""
        deck = np.tile(np.arange(self.n_units), (n, 1))  # (n, n_units)
        rows = np.arange(n)
        for i in range(self.max_active):
            j = rng.integers(i, self.n_units, size=n)
            deck[rows, i], deck[rows, j] = deck[rows, j], deck[rows, i]
        return deck[:, : self.max_active]

    def mean(self) -> NDArray[np.float64]:
        """Exact mean of the weights, (n_units,)."""
        mean_active = (self.max_active + 1) / 2
        return np.full(self.n_units, mean_active / self.n_units * self._beta_moments()[0])

    def second_moment(self) -> NDArray[np.float64]:
        """Exact E[w wᵀ], (n_units, n_units).

        With m units active, a unit is active with probability m / n and an (ordered) pair with
        probability m (m - 1) / (n (n - 1)); active weights are independent.
        """
        n, counts = self.n_units, np.arange(1, self.max_active + 1)
        first, second = self._beta_moments()
        pair = np.mean(counts * (counts - 1)) / (n * (n - 1)) if n > 1 else 0.0
        moment = np.full((n, n), pair * first**2)
        np.fill_diagonal(moment, np.mean(counts) / n * second)
        return moment

    def covariance(self) -> NDArray[np.float64]:
        """Exact covariance of the weights, (n_units, n_units)."""
        mean = self.mean()
        return self.second_moment() - np.outer(mean, mean)

    def _beta_moments(self) -> tuple[float, float]:
        """First and second raw moment of Beta(alpha, beta)."""
        total = self.alpha + self.beta
        first = self.alpha / total
        return first, first * (self.alpha + 1) / (total + 1)
