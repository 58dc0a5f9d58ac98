"""From landmarks to psi: axes, what is taken out, an oracle of the algebra, faces found again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from dfe.data.corpus import fresh_units
from dfe.data.landmark_fit import (
    NOISE,
    STABLE,
    LandmarkError,
    fit_psi,
    identified,
    inner_landmarks,
    neutral_shape,
    to_head_axes,
)
from dfe.data.landmark_recovery import NEUTRAL_FRAMES, recovery, simulate_person
from dfe.face import OpenHead
from dfe.face.landmarks import (
    LANDMARK_REGIONS,
    LANDMARKS,
    MIRROR,
    landmark_basis,
    landmark_displacements,
)

HEAD = OpenHead()
POINTS = HEAD.template[list(LANDMARKS)].astype(np.float64)  # (51, 3)
PSI = HEAD.units_to_psi(fresh_units(120, 5))  # (120, 50)
TRUTH = landmark_displacements(HEAD, PSI)  # (120, 51, 3)


def turned(points: np.ndarray, angles: tuple[float, float, float], size: float = 1.0) -> np.ndarray:
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return size * points @ turn.T + (12.0, -30.0, -500.0)


def share(truth: np.ndarray, found: np.ndarray) -> float:
    return 1 - np.square(found - truth).sum() / np.square(truth).sum()


# Axes and shapes


def test_axes_of_a_face_made_by_hand() -> None:
    # A picture: x to the right, y down, z away from the camera, half a meter off. The face looks
    # into the camera: its tip of the nose is nearest, its left eye is at the right.
    right_eye, left_eye, nose, mouth = np.array(
        [[-30.0, -20.0, 510.0], [30.0, -20.0, 510.0], [0.0, 15.0, 480.0], [0.0, 45.0, 500.0]]
    )
    right, left, tip, lips = to_head_axes([right_eye, left_eye, nose, mouth])
    assert left[0] - right[0] == 60, "x to the subject's left"
    assert left[1] - tip[1] == 35 and tip[1] - lips[1] == 30, "y up"
    assert tip[2] - left[2] == 30, "z out of the face"
    head_side = np.cross(left - right, left - lips)
    assert head_side[2] > 0, "a turn, not a mirror image"


def test_a_camera_of_openface_sees_the_open_head() -> None:
    seen = np.concatenate([np.zeros((17, 3)), POINTS])[None] * (1, -1, -1) + (0, 0, 500)
    np.testing.assert_allclose(neutral_shape(to_head_axes(seen)), POINTS, atol=1e-9)


def test_the_outline_is_left_out() -> None:
    points = np.arange(68.0 * 3).reshape(1, 68, 3)
    np.testing.assert_array_equal(inner_landmarks(points), points[:, 17:])
    np.testing.assert_array_equal(inner_landmarks(points[:, 17:]), points[:, 17:])


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((2, 50, 3)), r"\(N, 68, 3\) or \(N, 51, 3\), not \(2, 50, 3\)"),
        (np.zeros((51, 3)), r"not \(51, 3\)"),
        (np.zeros((2, 51, 2)), r"not \(2, 51, 2\)"),
        (np.zeros((0, 51, 3)), "no frame"),
        (np.zeros((2, 51, 3)), "row 0 coincide"),
        (np.stack([POINTS, POINTS * np.nan]), "frame 1 are not finite"),
    ],
)
def test_landmarks_that_cannot_be_fitted(points: np.ndarray, message: str) -> None:
    with pytest.raises(LandmarkError, match=message):
        fit_psi(points, POINTS)


def test_parameters_that_cannot_be() -> None:
    for noise in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(LandmarkError, match="noise must be a positive length"):
            fit_psi(POINTS[None], POINTS, noise)
    with pytest.raises(LandmarkError, match=r"must be \(51, 3\)"):
        fit_psi(POINTS[None], POINTS[:50])


def test_stable_points_are_those_of_the_nose_and_corners_of_the_eyes() -> None:
    nose = range(LANDMARK_REGIONS["nose"].start, LANDMARK_REGIONS["nose"].stop)
    assert set(nose) <= set(STABLE)
    corners = sorted(set(STABLE) - set(nose))
    eyes = {name: POINTS[LANDMARK_REGIONS[name], 0] for name in ("eye_right", "eye_left")}
    outermost = [19 + k for k in (eyes["eye_right"].argmin(), eyes["eye_right"].argmax())]
    outermost += [25 + k for k in (eyes["eye_left"].argmin(), eyes["eye_left"].argmax())]
    assert corners == sorted(outermost)
    assert {MIRROR[k] for k in STABLE} == set(STABLE)


# What is found


def test_almost_all_is_found_without_noise() -> None:
    found = fit_psi(POINTS + TRUTH, POINTS, noise=0.001)
    assert share(TRUTH, found.displacements) > 0.999
    assert share(TRUTH, landmark_displacements(HEAD, found.psi)) > 0.999
    assert found.residual.max() < 0.05
    assert (found.psi.shape, found.psi.dtype) == ((120, 50), np.float32)


def test_a_neutral_face_has_no_expression_whatever_its_pose() -> None:
    views = np.stack([turned(POINTS, (a, 2 * a, -a), 1 + a / 50) for a in (-15.0, 0.0, 20.0)])
    found = fit_psi(views, neutral_shape(views))
    assert np.abs(found.psi).max() < 1e-4
    assert found.residual.max() < 1e-6


@given(
    st.tuples(*[st.floats(-60, 60)] * 3),
    st.floats(0.3, 3),
    st.integers(0, len(PSI) - 1),
)
def test_pose_and_size_change_nothing(
    angles: tuple[float, float, float], size: float, row: int
) -> None:
    plain = fit_psi((POINTS + TRUTH[row])[None], POINTS)
    posed = fit_psi(turned(POINTS + TRUTH[row], angles, size)[None], POINTS)
    np.testing.assert_allclose(posed.psi, plain.psi, atol=1e-4)
    np.testing.assert_allclose(posed.displacements, plain.displacements, atol=1e-5)
    np.testing.assert_allclose(posed.residual, plain.residual, atol=1e-6)


def test_frames_do_not_see_each_other() -> None:
    frames = POINTS + TRUTH[:6]
    together = fit_psi(frames, POINTS)
    for k in range(6):
        alone = fit_psi(frames[[k]], POINTS)
        np.testing.assert_allclose(alone.psi[0], together.psi[k], atol=1e-5)


def test_the_fit_is_the_most_probable_one() -> None:
    """Oracle: minimize |d - B psi - M a|^2 / noise^2 + |psi|^2 over psi and a numerically."""
    noise = 0.7
    # Nothing moves but the brows, so that alignment by stable points leaves the frame in its place.
    frame = POINTS.copy()
    frame[LANDMARK_REGIONS["brow_left"]] += (0.3, 2.0, 0.5)
    basis = landmark_basis(HEAD).reshape(50, -1).T  # (153, 50)
    x, y, z = (POINTS - POINTS.mean(0)).T
    o, i = np.zeros(51), np.ones(51)
    columns = [(i, o, o), (o, i, o), (o, o, i), (o, -z, y), (z, o, -x), (-y, x, o), (x, y, z)]
    pose = np.stack([np.stack(c, 1).ravel() for c in columns], 1)  # (153, 7)

    def errors(unknown: np.ndarray) -> np.ndarray:
        rest = (frame - POINTS).ravel() - basis @ unknown[:50] - pose @ unknown[50:]
        return np.concatenate([rest / noise, unknown[:50]])

    best = least_squares(errors, np.zeros(57), xtol=1e-14, ftol=1e-14, gtol=1e-12).x
    found = fit_psi(frame[None], POINTS, noise)
    np.testing.assert_allclose(found.psi[0], best[:50], atol=1e-4)
    rest = (frame - POINTS).ravel() - basis @ best[:50] - pose @ best[50:]
    np.testing.assert_allclose(found.residual[0], np.linalg.norm(rest) / np.sqrt(51), rtol=1e-4)
    whole = (frame - POINTS).ravel() - pose @ best[50:]
    np.testing.assert_allclose(found.displacements[0].ravel(), whole, atol=1e-4)


def test_more_noise_gives_a_weaker_face() -> None:
    sizes = [
        np.linalg.norm(fit_psi(POINTS + TRUTH, POINTS, noise).psi) for noise in (0.1, 1.0, 5.0)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_without_a_neutral_shape_the_median_of_the_frames_is_identity() -> None:
    lasting = POINTS + TRUTH[:1].repeat(9, 0)
    assert np.abs(fit_psi(lasting).psi).max() < 1e-3
    assert np.abs(fit_psi(lasting, POINTS).psi).max() > 0.3


def test_a_few_expressions_do_not_move_the_neutral_shape() -> None:
    frames = np.concatenate([np.repeat(POINTS[None], 7, 0), POINTS + TRUTH[:3]])
    assert np.abs(neutral_shape(frames) - POINTS).max() < 0.2


def test_identity_is_not_taken_for_expression() -> None:
    rng = np.random.default_rng(0)
    person = simulate_person(np.zeros((5, 50), np.float32), rng, 0.0)
    own, other = neutral_shape(person.neutral), POINTS
    assert np.abs(fit_psi(person.frames, own).psi).max() < 0.05
    assert np.abs(fit_psi(person.frames, other).psi).max() > 0.5


# Simulated people


def test_simulated_people_differ_in_identity_size_and_view() -> None:
    rng = np.random.default_rng(2)
    first, second = (simulate_person(PSI[:4], rng, 0.0) for _ in range(2))
    assert first.frames.shape == (4, 51, 3) and first.neutral.shape == (NEUTRAL_FRAMES, 51, 3)
    shapes = [neutral_shape(one.neutral) for one in (first, second)]
    apart = np.linalg.norm(shapes[0] - shapes[1], axis=1)
    assert 1 < apart.mean() < 10, "millimeters"
    spans = np.linalg.norm(first.neutral[:, 19] - first.neutral[:, 28], axis=1)
    np.testing.assert_allclose(spans, spans[0], err_msg="one size for one person")
    assert np.ptp(first.neutral[:, 13, 0]) > 20, "in other places"


def test_the_expression_of_a_person_grows_with_the_head() -> None:
    rng = np.random.default_rng(5)
    for person in (simulate_person(PSI[:40], rng, 0.0) for _ in range(6)):
        found = fit_psi(person.frames, neutral_shape(person.neutral), 0.001).displacements
        slope = (found * TRUTH[:40]).sum() / np.square(TRUTH[:40]).sum()
        assert slope == pytest.approx(1, abs=0.04), "on the scale of the open head"


def test_noise_is_that_of_each_coordinate() -> None:
    rest = np.zeros((400, 50), np.float32)
    noisy = simulate_person(rest, np.random.default_rng(1), 0.8).neutral
    span = np.linalg.norm(noisy[:, 19] - noisy[:, 28], axis=1)
    assert span.std() == pytest.approx(0.8 * np.sqrt(2), rel=0.35)


def test_the_motion_of_landmarks_is_recovered_and_psi_is_not() -> None:
    found = recovery(PSI, people=4, noise=0.5, seed=1)
    assert list(found.index) == [*LANDMARK_REGIONS, "all"]
    assert found.loc["all", "fitted"] > 0.94
    assert (found["fitted"] > 0.6).all()
    assert found.loc["mouth", "fitted"] > 0.95
    assert (found["fitted"] > found["measured"]).all(), "the penalty takes noise out"
    assert 0.2 < found.attrs["psi"] < 0.7, "51 points do not tell all of psi"
    np.testing.assert_allclose(
        found.loc["all", "motion"], np.sqrt(np.square(TRUTH).sum(-1).mean()), rtol=1e-6
    )
    assert 0.5 < found.loc["all", "residual"] < 1.2, "about that of the noise, 0.5 mm x sqrt(3)"


def test_recovery_gets_worse_with_noise_and_is_reproducible() -> None:
    shares = [recovery(PSI, 2, noise).loc["all", "fitted"] for noise in (0.1, 0.5, 2.0)]
    assert shares == sorted(shares, reverse=True)
    assert recovery(PSI, 2, 0.5, seed=3).equals(recovery(PSI, 2, 0.5, seed=3))
    assert not recovery(PSI, 2, 0.5, seed=3).equals(recovery(PSI, 2, 0.5, seed=4))


def test_the_joint_step_finds_more_than_alignment_alone() -> None:
    """Why pose is part of the regression: the choice that the text of the file reports."""
    from sklearn.linear_model import Ridge

    from dfe.data.extract.align import similarity_transform

    person = simulate_person(PSI, np.random.default_rng(7), 0.5)
    shape, stable = neutral_shape(person.neutral), list(STABLE)
    joint = landmark_displacements(HEAD, fit_psi(person.frames, shape).psi)
    aligned = similarity_transform(person.frames, person.frames[:, stable], shape[stable]) - shape
    basis = landmark_basis(HEAD).reshape(50, -1)
    alone = Ridge(alpha=NOISE**2, fit_intercept=False).fit(basis.T, aligned.reshape(120, -1).T)
    plain = landmark_displacements(HEAD, alone.coef_.astype(np.float32))
    assert 1 - share(TRUTH, plain) > 1.3 * (1 - share(TRUTH, joint))


def test_the_rank_is_full_and_the_effective_rank_is_not() -> None:
    rank, effective = identified(1.0)
    assert rank == 50 and 10 < effective < 30
    assert identified(0.1)[1] > effective > identified(3.0)[1]
    assert identified(1e-6)[1] == pytest.approx(50, abs=1e-3)
