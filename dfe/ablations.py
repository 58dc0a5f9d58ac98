"""What is measured of each run in the chapters on ablations and losses (appendix A)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from dfe.data.table import FeatureTable
from dfe.face import FaceModel
from dfe.metrics import (
    ClipLeakage,
    SubjectLeakage,
    asymmetry,
    average_nmi,
    clip_from_half,
    clip_means,
    explained_variance,
    halves,
    locality,
    mirror_vertices,
    pair_similarity,
    percentile_interval,
    presence,
    resampled_means,
    subject_from_frame,
    unit_entropy,
)
from dfe.model import DFE

SQUARE_METERS = 1e-6  # per mm^2: the paper's face model is in meters


def code_measures(
    model: DFE,
    held_out: Mapping[str, NDArray[np.float32]],
    encoded: Mapping[str, NDArray[np.int64]] | None = None,
) -> dict[str, float]:
    """Rate, distortion and use of the codes on held-out frames.

    Parameters
    ----------
    held_out
        Origin -> (N, 50) psi; an origin with fewer than two frames is left out.
    encoded
        Origin -> (N, L) tokens that the model gives these frames; None to encode them here.

    Returns
    -------
    ``bits`` of a face, and per origin ``R² <origin>``, ``entropy <origin>`` (divided by log2 K),
    ``NMI <origin>`` (equation 9) and ``dead <origin>`` (codes that no frame uses).
    """
    k = model.config.codebook_size
    found = {"bits": float(model.config.stages * np.log2(k))}
    for origin, psi in held_out.items():
        if len(psi) < 2:
            continue
        codes = model.encode(psi) if encoded is None else encoded[origin]  # (N, L)
        active = presence(codes, k)
        found[f"R² {origin}"] = explained_variance(psi, model.decode(codes))
        usage = unit_entropy(active)
        found[f"entropy {origin}"] = usage.normalized
        found[f"NMI {origin}"] = average_nmi(active).value
        found[f"dead {origin}"] = usage.dead
    return found


def template_measures(moved: NDArray[np.float32], face: FaceModel) -> dict[str, float]:
    """Table 8 in both readings, locality and asymmetry of tokens.

    Parameters
    ----------
    moved
        (K, V, 3) displacement of each token, millimeters.

    Returns
    -------
    ``dot`` (m², summed over vertices) and ``cosine`` of the vertices' distances; ``dot (vectors)``
    and ``cosine (vectors)`` of their displacement vectors; ``locality``: mean share of a token's
    energy in its top region; ``asymmetry``: mean share in its antisymmetric part.
    """
    distance, vector = (pair_similarity(moved, reading) for reading in ("distance", "vector"))
    share = locality(moved, face.regions, len(face.region_names)).share
    return {
        "dot": distance.dot * SQUARE_METERS,
        "cosine": distance.cosine,
        "dot (vectors)": vector.dot * SQUARE_METERS,
        "cosine (vectors)": vector.cosine,
        "locality": float(share.mean()),
        "asymmetry": float(np.nanmean(asymmetry(moved, face_mirror(face)))),
    }


def face_mirror(face: FaceModel) -> NDArray[np.int64]:
    """Index of each vertex' mirror image, (V,), on a face that may be only nearly symmetric.

    The open head is symmetric to the bit. On a face that was made of scans a partner may lie up
    to three times the median distance of neighboring vertices away; a movement of the skin hardly
    changes over so little. A template that is off its center is still refused.

    Raises
    ------
    ValueError
        As `dfe.metrics.mirror_vertices`.
    """
    spacing = KDTree(face.template).query(face.template, k=2)[0][:, 1]  # (V,) mm
    return mirror_vertices(face.template, max(1.0, 3 * float(np.median(spacing))))


def subject_leakage(features: NDArray[np.generic], table: FeatureTable) -> SubjectLeakage:
    """How well the subject of a frame can be told from (N, D) features of a table's frames."""
    return subject_from_frame(features, table.subject, table.clip_id)


def clip_leakage(features: NDArray[np.generic], table: FeatureTable) -> ClipLeakage:
    """How well the first half of a clip finds its second, by mean features (N, D) >= 0.

    For token presence the means are frequencies, and their square roots are compared.
    """
    clips = table.clip_id
    first, second = (
        np.sqrt(clip_means(np.asarray(features, float)[half], clips[half]).means)
        for half in halves(clips, table.frame)
    )
    return clip_from_half(first, second)


def leakage_table(
    features: Mapping[str, NDArray[np.generic]], table: FeatureTable, resamples: int
) -> pd.DataFrame:
    """How much of a person and of a clip features tell, as text with intervals over clips.

    Parameters
    ----------
    features
        Name -> (N, D) features of the table's frames; only token presence, which is bool, has
        frequencies that find the other half of a clip.
    resamples
        Of the bootstrap.

    Returns
    -------
    A row for each name; columns ``subject of a frame``, ``shuffled`` and ``chance``, where two
    subjects have two clips or more, and ``clip from its other half`` with its chance.
    """
    clips_of = pd.Series(table.clip_id).groupby(table.subject).nunique()
    named, rows = (clips_of > 1).sum() > 1, {}
    for name, values in features.items():
        row = _subject_row(values, table, resamples) if named else {}
        if values.dtype == bool:
            row |= _clip_row(values, table, resamples)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").fillna("–")


def _subject_row(
    features: NDArray[np.generic], table: FeatureTable, resamples: int
) -> dict[str, str]:
    found = subject_leakage(features, table)
    draws = resampled_means(found.balanced_hits[:, None], table.clip_id, resamples)
    return {
        "subject of a frame": str(percentile_interval(draws[:, 0])),
        "shuffled": f"{found.shuffled:.3f}",
        "chance": f"{found.chance:.3f}",
    }


def _clip_row(features: NDArray[np.generic], table: FeatureTable, resamples: int) -> dict[str, str]:
    found = clip_leakage(features, table)
    draws = resampled_means(found.hits[:, None], np.arange(len(found.hits)), resamples)
    return {
        "clip from its other half": str(percentile_interval(draws[:, 0])),
        "chance (clip)": f"{found.chance:.4f}",
    }


def over_seeds(runs: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """Mean of each measure over seeds as text, with its standard deviation where there are several.

    Parameters
    ----------
    runs
        One row per run, indexed by (label, seed), one column per measure.
    digits
        Digits after the point; a measure of whole numbers is a count and gets one digit for a mean
        over seeds, and none for a single value.

    Returns
    -------
    One row per label, in order of first appearance; "–" where no run has the measure.
    """
    labels = runs.index.get_level_values(0)
    return pd.DataFrame(
        {
            label: {name: _spread(part[name].dropna(), digits) for name in runs}
            for label, part in runs.groupby(labels, sort=False)
        }
    ).T.rename_axis(runs.index.names[0])


def _spread(values: pd.Series, digits: int) -> str:
    if not len(values):
        return "–"
    if (values % 1 == 0).all():
        digits = min(len(values) - 1, 1)
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"
