"""People: their style and resting face, what leaks into psi, and the noise of the extractor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from dfe.config import PeopleConfig
from dfe.data.cohorts import people as module
from dfe.data.cohorts.displays import CENTRAL, DISPLAYS, to_units
from dfe.data.cohorts.dynamics import perform
from dfe.data.cohorts.people import (
    RESTING,
    RESTING_SHARE,
    STILL,
    People,
    draw_people,
    extracted_psi,
    leak_share,
    styled,
)
from dfe.data.cohorts.script import Plan
from dfe.face import OpenHead

FACE = OpenHead()
A = len(DISPLAYS)
ARKIT = 52
LIVE = ~np.isin(FACE.arkit_names, list(STILL))
CENTRAL_COLUMNS = np.isin(DISPLAYS, list(CENTRAL))
NOTHING = {"style": 0, "lean": 0, "tonic": 0, "identity_leak": 0, "extractor_noise": 0}


class Units(OpenHead):
    """A head whose psi are its unit weights, so that scores can be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.n_psi = len(self.unit_names)

    def units_to_psi(self, weights: ArrayLike) -> NDArray[np.float32]:
        return np.asarray(weights, np.float32)


def config(**values: float) -> PeopleConfig:
    return PeopleConfig(**(NOTHING | values))


def draw(n: int, seed: int = 0, **values: float) -> People:
    return draw_people(n, config(**values), np.random.default_rng(seed))


def some_actions(n: int = 6, frames: int = 10) -> NDArray[np.float32]:
    return np.random.default_rng(5).random((n, frames, A, 2), np.float32) / 2


def extract(
    actions: NDArray[np.float32], someone: People, person: ArrayLike, seed: int = 0, **how: Any
) -> NDArray[np.float32]:
    """Psi at 10 frames a second, or what `how` says."""
    fps, face = how.pop("fps", 10.0), how.pop("face", FACE)
    rng = np.random.default_rng(seed)
    who = np.asarray(person, np.int64)
    return extracted_psi(actions, someone, who, config(**how), fps, face, rng)


def noise(fps: float, memory: float, n: int = 150, frames: int = 60) -> NDArray[np.float32]:
    """(N, T, 86) unit weights of faces that do nothing, with noise of sd 0.5."""
    return extract(
        np.zeros((n, frames, A, 2), np.float32),
        draw(1),
        np.zeros(n),
        fps=fps,
        face=Units(),
        extractor_noise=0.5,
        noise_memory=memory,
    )


def test_the_same_seed_draws_the_same_people() -> None:
    default = PeopleConfig()
    first, again, other = (draw_people(9, default, np.random.default_rng(s)) for s in (1, 1, 2))
    shapes = [(9, A), (9, A), (9, A), (9, ARKIT), (9, 32)]
    assert [part.shape for part in first] == shapes
    for one, two, three in zip(first, again, other, strict=True):
        assert one.tobytes() == two.tobytes() != three.tobytes()


def test_people_without_differences_differ_in_identity_only() -> None:
    nobody = draw(5)
    assert (nobody.gain == 1).all()
    assert not nobody.lean.any() and not nobody.tonic.any() and not nobody.leak.any()
    assert nobody.identity.std() == pytest.approx(1, abs=0.2)


def test_differences_have_the_sizes_of_the_settings() -> None:
    crowd = draw(3000, style=0.4, lean=0.1, tonic=0.08, identity_leak=0.07)
    assert np.log(crowd.gain).std() == pytest.approx(0.4, rel=0.02)
    assert crowd.gain.mean() == pytest.approx(1, rel=0.01)
    assert crowd.lean[:, ~CENTRAL_COLUMNS].std() == pytest.approx(0.1, rel=0.02)
    assert crowd.lean.mean() == pytest.approx(0, abs=0.002)
    assert not crowd.lean[:, CENTRAL_COLUMNS].any()
    resting = np.isin(DISPLAYS, list(RESTING))
    held = crowd.tonic > 0
    assert held[:, resting].mean() == pytest.approx(RESTING_SHARE, abs=0.01)
    assert not held[:, ~resting].any() and not held[:, DISPLAYS.index("AU45")].any()
    assert crowd.tonic[held].mean() == pytest.approx(0.08, rel=0.05)
    assert crowd.leak[:, LIVE].std() == pytest.approx(0.07, rel=0.02)
    assert crowd.leak[:, LIVE].std(0).min() > 0.06
    assert not crowd.leak[:, ~LIVE].any()
    assert np.corrcoef(crowd.identity[:, :5].T) == pytest.approx(np.eye(5), abs=0.08)


def test_people_stay_within_limits_whatever_the_settings() -> None:
    extreme = draw(200, style=3, lean=2, tonic=5)
    assert extreme.gain.min() > 0
    assert -1 == extreme.lean.min() and extreme.lean.max() == 1
    assert 0 == extreme.tonic.min() and extreme.tonic.max() == 1


def test_settings_scale_the_same_people() -> None:
    small, large = (draw(8, identity_leak=s, lean=s, tonic=s) for s in (0.02, 0.04))
    np.testing.assert_allclose(large.leak, 2 * small.leak)
    np.testing.assert_allclose(large.tonic, 2 * small.tonic)
    np.testing.assert_array_equal(large.identity, small.identity)


def test_a_style_changes_strength_lean_and_tonic_level_of_its_clips() -> None:
    plan = Plan(
        rate=np.full((3, A), 7.0),
        strength=np.full((3, A), 0.5),
        tonic=np.full((3, A), 0.2),
        lean=np.full((3, A), 0.6),
        speech=np.array([0.1, 0.2, 0.3]),
    )
    pair = draw(2)._replace(
        gain=np.outer([0.5, 3.0], np.ones(A)),
        lean=np.outer([-0.1, 0.7], np.ones(A)),
        tonic=np.outer([0.3, 0.9], np.ones(A)),
    )
    changed = styled(plan, pair, np.array([1, 0, 1]))
    assert changed.strength[:, 0] == pytest.approx([1.0, 0.25, 1.0])
    assert changed.lean[:, 0] == pytest.approx([1.0, 0.5, 1.0])
    assert changed.tonic[:, 0] == pytest.approx([1.0, 0.5, 1.0])
    np.testing.assert_array_equal(changed.rate, plan.rate)
    np.testing.assert_array_equal(changed.speech, plan.speech)
    same = styled(plan, draw(1), np.zeros(3, np.int64))
    for before, after in zip(plan, same, strict=True):
        np.testing.assert_array_equal(before, after)


def test_without_leak_and_noise_psi_is_that_of_the_displays() -> None:
    actions = some_actions()
    psi = extract(actions, draw(2), [0, 1, 0, 1, 1, 0])
    units = to_units(actions.reshape(-1, A, 2), FACE.unit_names)
    assert psi.shape == (6, 10, 50) and psi.dtype == np.float32
    np.testing.assert_allclose(psi.reshape(-1, 50), FACE.units_to_psi(units), atol=1e-5)


def test_a_leak_moves_all_frames_of_a_person_by_the_same_psi() -> None:
    actions, person = some_actions(), [0, 1, 2, 2, 1, 0]
    crowd = draw(3, identity_leak=0.1)
    moved = extract(actions, crowd, person) - extract(actions, draw(3), person)
    leak = np.zeros((3, len(FACE.unit_names)), np.float32)
    leak[:, :ARKIT] = crowd.leak
    expected = FACE.units_to_psi(leak)[person][:, None]
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), atol=1e-4)


def test_noise_has_its_sd_in_the_scores_that_move() -> None:
    values = noise(fps=10, memory=0.8)
    live = values[..., :ARKIT][..., LIVE]
    assert live.std() == pytest.approx(0.5, rel=0.02)
    assert live[:, 0].std() == pytest.approx(0.5, rel=0.03)  # from the first frame
    assert live[:, -1].std() == pytest.approx(0.5, rel=0.03)
    assert not values[..., :ARKIT][..., ~LIVE].any() and not values[..., ARKIT:].any()
    assert np.corrcoef(live.reshape(-1, live.shape[-1])[::20].T)[0, 1:].max() < 0.2


@pytest.mark.parametrize(("fps", "lag", "tenths"), [(10, 1, 1), (5, 1, 2), (30, 3, 1), (4, 2, 5)])
def test_noise_fades_with_time_and_not_with_frames(fps: float, lag: int, tenths: int) -> None:
    live = noise(fps, 0.8)[..., :ARKIT][..., LIVE] / 0.5
    correlation = (live[:, lag:] * live[:, :-lag]).mean()
    assert correlation == pytest.approx(0.8**tenths, abs=0.02)


def test_noise_without_memory_is_white() -> None:
    live = noise(10, 0.0)[..., :ARKIT][..., LIVE]
    assert (live[:, 1:] * live[:, :-1]).mean() == pytest.approx(0, abs=0.005)


def test_the_same_seed_gives_the_same_psi_however_it_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actions, crowd, person = some_actions(), draw(2, identity_leak=0.1), [0, 1, 0, 1, 1, 0]
    first, again = (extract(actions, crowd, person, extractor_noise=0.1) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    other = extract(actions, crowd, person, seed=1, extractor_noise=0.1)
    assert (other != first).any(-1).all()
    monkeypatch.setattr(module, "_CHUNK_FRAMES", 20)
    parts = extract(actions, crowd, person, extractor_noise=0.1)
    np.testing.assert_allclose(parts, first, atol=1e-5)


def test_people_of_no_or_the_wrong_cohort_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        draw(0)
    actions, pair = some_actions(3), draw(2)
    for person in ([0, 1], [0, 1, 2], [-1, 0, 1]):
        with pytest.raises(ValueError, match="a row of the 2 people for each of 3 clips"):
            extract(actions, pair, person)
    plan = Plan(*(np.zeros((2, A)),) * 4, np.zeros(2))
    with pytest.raises(ValueError, match="a row of the 2 people for each of 2 clips"):
        styled(plan, pair, np.array([0, 2]))
    with pytest.raises(ValueError, match=r"must be \(N, T, A, 2\)"):
        extract(actions[0], pair, [0])
    with pytest.raises(ValueError, match="fps must be positive"):
        extract(actions, pair, [0, 1, 0], fps=0.0)


def test_share_by_hand() -> None:
    # Means 1 and 5; within (4 x 1) / 2 = 2; between people ((2 x 8) / 1 - 2) / 2 = 7.
    assert leak_share([[0.0], [2.0], [4.0], [6.0]], ["a", "a", "b", "b"]) == pytest.approx(7 / 9)
    # A second coefficient without any difference between people: within 2, between -1.
    two = [[0.0, 0.0], [2.0, 2.0], [4.0, 0.0], [6.0, 2.0]]
    assert leak_share(two, [1, 1, 2, 2]) == pytest.approx(6 / 10)
    # Unequal: a has 0, 2, 4, b has 6. Mean 3; spread 3 x 1 + 1 x 9 = 12; within 8 / 2 = 4;
    # frames per person (4 - 10 / 4) / 1 = 1.5; between (12 - 4) / 1.5 = 16 / 3.
    share = leak_share([[0.0], [2.0], [4.0], [6.0]], ["a", "a", "a", "b"])
    assert share == pytest.approx(16 / 3 / (16 / 3 + 4))


def test_share_is_unbiased_for_unequal_people() -> None:
    rng = np.random.default_rng(0)
    frames = np.array([1, 2, 5, 30, 12, 4])
    who = np.repeat(np.arange(6), frames)
    for truth in (0.0, 0.4):
        base = np.sqrt(truth) * rng.standard_normal((6, 4000))[who]
        psi = base + np.sqrt(1 - truth) * rng.standard_normal((len(who), 4000))
        assert leak_share(psi, who) == pytest.approx(truth, abs=0.02)


@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-5, 5))
def test_share_does_not_depend_on_order_names_origin_or_scale(
    seed: int, scale: float, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    who = np.r_[0, 0, 1, 2, 2, rng.integers(0, 4, 20)]
    psi = rng.standard_normal((25, 3)) + who[:, None]
    share = leak_share(psi, who)
    assert share < 1
    order = rng.permutation(25)
    assert leak_share(psi[order], np.array(list("wxyz"))[who[order]]) == pytest.approx(share)
    assert leak_share(scale * psi + shift, who) == pytest.approx(share)


def test_share_needs_people_frames_and_variance() -> None:
    with pytest.raises(ValueError, match="3 frames of 1 people"):
        leak_share(np.ones((3, 2)), [0, 0, 0])
    with pytest.raises(ValueError, match="3 frames of 3 people"):
        leak_share(np.ones((3, 2)), [0, 1, 2])
    with pytest.raises(ValueError, match="does not vary"):
        leak_share(np.ones((4, 2)), [0, 0, 1, 1])
    for psi in (np.ones(3), np.ones((4, 2)), np.full((3, 2), np.nan)):
        with pytest.raises(ValueError, match=r"finite \(N, P\) with one subject a row"):
            leak_share(psi, [0, 0, 1])


def test_a_larger_leak_is_a_larger_share() -> None:
    plan = Plan(
        np.full((24, A), 6.0), np.full((24, A), 0.4), *np.zeros((2, 24, A)), np.full(24, 0.3)
    )
    actions = perform(plan, 40, 5.0, np.random.default_rng(0))
    person, shares = np.arange(24) % 8, []
    for leak in (0.0, 0.05, 0.2):
        psi = extract(actions, draw(8, identity_leak=leak), person)
        shares.append(leak_share(psi.reshape(-1, 50), np.repeat(person, 40)))
    assert shares[0] < 0.1 < shares[1] < shares[2] < 1
