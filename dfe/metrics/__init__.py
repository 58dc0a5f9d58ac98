"""Metrics: pure functions, arrays in, numbers out."""

from dfe.metrics.reconstruction import explained_variance

__all__ = ["explained_variance"]
