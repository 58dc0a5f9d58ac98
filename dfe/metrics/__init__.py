"""Metrics: pure functions, arrays in, numbers out."""

from dfe.metrics.diversity import (
    AverageNMI,
    Diversity,
    UnitEntropy,
    average_nmi,
    cooccurrence,
    diversity,
    pairwise_nmi,
    unit_entropy,
)
from dfe.metrics.geometry import (
    Locality,
    PairSimilarity,
    displacement_curve,
    locality,
    pair_similarity,
    pair_similarity_interval,
    region_energy,
)
from dfe.metrics.identity import (
    ClipLeakage,
    SubjectLeakage,
    clip_from_half,
    clip_means,
    halves,
    subject_from_frame,
)
from dfe.metrics.intervals import (
    Interval,
    explained_variance_gain,
    explained_variance_interval,
    percentile_interval,
    resampled_means,
)
from dfe.metrics.presence import cells, presence
from dfe.metrics.reconstruction import (
    explained_variance,
    explained_variance_by_stage,
    vertex_rmse,
)
from dfe.metrics.retrieval import Retrieval, retrieve
from dfe.metrics.symmetry import asymmetry, mirror_vertices

__all__ = [
    "AverageNMI",
    "ClipLeakage",
    "Diversity",
    "Interval",
    "Locality",
    "PairSimilarity",
    "Retrieval",
    "SubjectLeakage",
    "UnitEntropy",
    "asymmetry",
    "average_nmi",
    "cells",
    "clip_from_half",
    "clip_means",
    "cooccurrence",
    "displacement_curve",
    "diversity",
    "explained_variance",
    "explained_variance_by_stage",
    "explained_variance_gain",
    "explained_variance_interval",
    "halves",
    "locality",
    "mirror_vertices",
    "pair_similarity",
    "pair_similarity_interval",
    "pairwise_nmi",
    "percentile_interval",
    "presence",
    "region_energy",
    "resampled_means",
    "retrieve",
    "subject_from_frame",
    "unit_entropy",
    "vertex_rmse",
]
