"""Similarity alignment against known transforms and an independent solution."""

from __future__ import annotations

import numpy as np
import pytest
from extract_support import landmarker_model
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.transform import Rotation

from dfe.data.extract.align import RIGID_POINTS, align_landmarks, similarity_transform
from dfe.data.extract.canonical import canonical_face, read_canonical_face


def _face(seed: int = 0, noise: float = 0.0) -> np.ndarray:
    """Canonical face with irises between the eye corners, and noise in millimetres: (478, 3)."""
    face = canonical_face()
    irises = np.repeat([(face[33] + face[133]) / 2, (face[263] + face[362]) / 2], 5, axis=0)
    points = np.concatenate([face, irises])
    return points + noise * np.random.default_rng(seed).standard_normal(points.shape)


rotations = st.integers(0, 2**32 - 1).map(lambda seed: Rotation.random(rng=seed).as_matrix())
shifts = st.tuples(*[st.floats(-1e3, 1e3)] * 3).map(np.array)
scales = st.floats(1e-2, 1e2)


@settings(deadline=None)
@given(rotations, shifts, scales)
def test_any_similarity_of_the_canonical_face_is_undone(rotation, shift, scale):
    moved = scale * _face() @ rotation.T + shift
    np.testing.assert_allclose(align_landmarks(moved[None])[0], _face(), atol=1e-3)


@settings(deadline=None)
@given(rotations, shifts, scales)
def test_alignment_does_not_see_pose_position_or_size(rotation, shift, scale):
    face = _face(seed=1, noise=4.0)
    moved = scale * face @ rotation.T + shift
    still, turned = align_landmarks(np.stack([face, moved]))
    np.testing.assert_allclose(turned, still, atol=1e-3)


def test_agrees_with_orthogonal_procrustes():
    rng = np.random.default_rng(2)
    source, target = rng.standard_normal((2, 40, 3))
    target = target + 3 * source @ Rotation.random(rng=3).as_matrix()  # a proper rotation fits
    fitted = similarity_transform(source[None], source[None], target)[0]
    a, b = source - source.mean(0), target - target.mean(0)
    rotation, singular_sum = orthogonal_procrustes(a, b)
    assert np.linalg.det(rotation) > 0
    np.testing.assert_allclose(fitted, a @ rotation * singular_sum / (a**2).sum() + target.mean(0))


def test_a_mirrored_face_stays_mirrored():
    mirrored = _face() * [-1, 1, 1]
    aligned = align_landmarks(mirrored[None])[0].astype(np.float64)
    triple = [np.linalg.det(points[[33, 263, 10]] - points[6]) for points in (aligned, mirrored)]
    assert np.sign(triple[0]) == np.sign(triple[1])


def test_expression_does_not_leak_into_pose():
    face, smiling = _face(), _face()
    moved = np.setdiff1d(np.arange(478), RIGID_POINTS)
    smiling[moved] += np.random.default_rng(4).standard_normal((len(moved), 3)) * 5
    aligned = align_landmarks(smiling[None])[0]
    np.testing.assert_allclose(aligned[list(RIGID_POINTS)], face[list(RIGID_POINTS)], atol=1e-3)
    np.testing.assert_allclose(aligned, smiling, atol=1e-3)


def test_rigid_points_are_symmetric_about_the_midline():
    points = canonical_face()[list(RIGID_POINTS)]
    mirrored = points * [-1, 1, 1]
    nearest = np.linalg.norm(mirrored[:, None] - points, axis=2).min(1)
    assert len(set(RIGID_POINTS)) == 30 and nearest.max() < 0.01


def test_type_shape_and_no_frames():
    assert align_landmarks(np.zeros((0, 478, 3))).shape == (0, 478, 3)
    assert align_landmarks(_face()[None]).dtype == np.float32


def test_bad_landmarks_are_refused():
    with pytest.raises(ValueError, match=r"\(N, 478, 3\), not \(1, 468, 3\)"):
        align_landmarks(np.zeros((1, 468, 3)))
    with pytest.raises(ValueError, match="row 1 coincide"):
        align_landmarks(np.stack([_face(), np.ones((478, 3))]))
    broken = np.stack([_face()] * 3)
    broken[2, 7, 1] = np.nan
    with pytest.raises(ValueError, match="row 2 are not finite"):
        align_landmarks(broken)


def test_canonical_face_is_the_one_in_the_model():
    np.testing.assert_allclose(canonical_face(), read_canonical_face(landmarker_model()), atol=1e-4)
