"""Metrics: pure functions, arrays in, numbers out."""

from dfe.metrics.geometry import Locality, locality, mean_overlap, region_energy
from dfe.metrics.intervals import (
    Interval,
    explained_variance_gain,
    explained_variance_interval,
)
from dfe.metrics.reconstruction import (
    explained_variance,
    explained_variance_by_stage,
    vertex_rmse,
)

__all__ = [
    "Interval",
    "Locality",
    "explained_variance",
    "explained_variance_by_stage",
    "explained_variance_gain",
    "explained_variance_interval",
    "locality",
    "mean_overlap",
    "region_energy",
    "vertex_rmse",
]
