"""Dynamics: events come as often, last as long and lean as planned; talk moves the mouth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch
from scipy.stats import norm

from dfe.data.cohorts import dynamics
from dfe.data.cohorts.displays import CENTRAL, DISPLAYS
from dfe.data.cohorts.dynamics import perform
from dfe.data.cohorts.script import Plan

A = len(DISPLAYS)
SMILE, BLINK, JAW = (DISPLAYS.index(name) for name in ("AU12", "AU45", "AU26"))
TALK = {"AU25", "AU26", "AU18", "AU22", "AU16", "AU10", "AU20", "AU24"}
MOUTH = [DISPLAYS.index(name) for name in TALK]
SIDED = [a for a, name in enumerate(DISPLAYS) if name not in CENTRAL]


def plan(n: int = 1, **values: Any) -> Plan:
    """N clips without any movement, except for the given values."""
    fields = {"rate": 0.0, "strength": 0.5, "tonic": 0.0, "lean": 0.0} | values
    speech = np.broadcast_to(np.asarray(fields.pop("speech", 0.0), float), (n,))
    return Plan(*(np.broadcast_to(np.asarray(v, float), (n, A)) for v in fields.values()), speech)


def only(display: int, value: float) -> np.ndarray:
    """(A,) the value for one display, 0 for the others."""
    return np.where(np.arange(A) == display, value, 0.0)


def run(what: Plan, frames: int = 100, fps: float = 10.0, seed: int = 0) -> np.ndarray:
    return perform(what, frames, fps, np.random.default_rng(seed))


def mean_length(display: int) -> float:
    """Expected seconds of an event: medians times the mean of the cut log-normal, by quadrature."""
    z = np.linspace(-8, 8, 20_001)
    factor = np.exp(0.4 * z.clip(-2, 2)) @ norm.pdf(z) * (z[1] - z[0])
    return float(sum(dynamics.TIMING.get(DISPLAYS[display], dynamics.EXPRESSION)) * factor)


def test_the_same_seed_gives_the_same_bits() -> None:
    busy = plan(30, rate=20, tonic=0.1, lean=0.2, speech=0.5)
    first = run(busy)
    assert first.dtype == np.float32 and first.shape == (30, 100, A, 2)
    assert first.tobytes() == run(busy).tobytes()
    assert (first != run(busy, seed=1)).any()


@settings(max_examples=30)
@given(
    st.floats(0, 300),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(-1, 1),
    st.floats(0, 1),
    st.integers(1, 20),
    st.floats(0.5, 60),
)
def test_intensities_stay_in_range_and_above_the_tonic_level(
    rate: float,
    strength: float,
    tonic: float,
    lean: float,
    speech: float,
    frames: int,
    fps: float,
) -> None:
    what = plan(3, rate=rate, strength=strength, tonic=tonic, lean=lean, speech=speech)
    actions = run(what, frames, fps)
    assert np.float32(tonic) <= actions.min() and actions.max() <= 1


def test_without_events_only_the_tonic_level_is_there() -> None:
    tonic = np.linspace(0, 1, A)
    expected = np.broadcast_to(tonic[:, None], (2, 100, A, 2)).astype(np.float32)
    np.testing.assert_array_equal(run(plan(2, tonic=tonic, strength=1, lean=0.5)), expected)
    np.testing.assert_array_equal(run(plan(2, tonic=tonic, strength=0, rate=60)), expected)


def test_the_larger_of_event_and_tonic_level_counts() -> None:
    busy = {"rate": 15, "strength": 0.5, "speech": 0.3}
    without, with_tonic = run(plan(10, **busy)), run(plan(10, tonic=0.3, **busy))
    np.testing.assert_array_equal(with_tonic, np.maximum(without, np.float32(0.3)))


def test_events_come_at_the_planned_rate() -> None:
    n, per_minute = 300, 2.0
    actions = run(plan(n, rate=only(SMILE, per_minute)), 600, 10.0)
    active = actions[:, :, SMILE, 0] > 0
    # Events begin as a Poisson process, seen when they begin while none is under way.
    expected = n * per_minute * np.exp(-per_minute / 60 * mean_length(SMILE))
    onsets = (active[:, 1:] & ~active[:, :-1]).sum()
    assert abs(onsets - expected) < 3 * np.sqrt(expected)
    assert not np.delete(actions, SMILE, axis=2).any()


@pytest.mark.parametrize(("display", "rate"), [(SMILE, 10.0), (BLINK, 30.0)])
def test_a_display_is_there_as_long_as_its_timing_says(display: int, rate: float) -> None:
    """P(some event is under way) = 1 - exp(-rate x mean length), at any time of the clip."""
    actions = run(plan(4000, rate=only(display, rate)), 8, 2.0)
    active = actions[:, :, display, 0] > 1e-6
    expected = 1 - np.exp(-rate / 60 * mean_length(display))
    assert active.mean() == pytest.approx(expected, abs=0.015)
    # Events that began before the clip are there from its first frame.
    assert active[:, 0].mean() == pytest.approx(expected, abs=0.03)
    assert actions[:, 0].mean() == pytest.approx(actions[:, -1].mean(), rel=0.1)


def test_lengths_are_those_of_blinks_and_smiles() -> None:
    """Whole events that stand alone, at 100 frames a second."""
    for display, shortest, longest in ((BLINK, 0.10, 0.57), (SMILE, 0.75, 3.83)):
        actions = run(plan(400, rate=only(display, 3)), 1000, 100.0)[:, :, display, 0]
        alone = [row for row in actions > 0 if np.diff(row).sum() == 2 and not row[[0, -1]].any()]
        seconds = np.array([row.sum() / 100 for row in alone])
        assert len(seconds) > 50
        assert shortest - 0.02 < seconds.min() and seconds.max() < longest
        assert np.median(seconds) == pytest.approx(mean_length(display), rel=0.12)


def test_an_event_rises_stays_and_falls_smoothly() -> None:
    events = dynamics.Events(
        clip=np.array([0]),
        display=np.array([SMILE]),
        start=np.array([1.0]),
        phases=np.array([[0.4, 0.5, 0.8]]),
        peak=np.array([[0.8, 0.2]]),
    )
    actions = np.zeros((1, 40, A, 2), np.float32)
    dynamics._draw(actions, events, 10.0)
    left = actions[0, :, SMILE, 0]
    assert left[[10, 12, 14, 19, 23, 27]] == pytest.approx([0, 0.4, 0.8, 0.8, 0.4, 0], abs=1e-6)
    assert left[11] == pytest.approx(0.8 * (1 - np.cos(np.pi / 4)) / 2)
    assert np.flatnonzero(left > 1e-6).tolist() == list(range(11, 27))
    np.testing.assert_allclose(actions[0, :, SMILE, 1], left / 4, atol=1e-6)


def test_peaks_are_drawn_about_the_strength() -> None:
    for strength in (0.2, 0.7):
        what = plan(3000, rate=only(JAW, 4), strength=strength)
        actions = run(what, 100, 20.0)[:, :, JAW, 0]
        whole = ~(actions[:, 0] > 0) & ~(actions[:, -1] > 0) & (actions.max(1) > 0)
        single = (np.diff((actions > 0).astype(int), axis=1) == 1).sum(1) == 1
        peaks = actions[whole & single].max(1)
        assert len(peaks) > 200
        assert peaks.mean() == pytest.approx(strength, abs=0.04)
        assert peaks.std() == pytest.approx(np.sqrt(strength * (1 - strength) / 9), rel=0.15)
    assert run(plan(200, rate=20, strength=1)).max() == 1


def test_displays_lean_as_planned() -> None:
    for lean in (-0.4, 0.3):
        left, right = np.moveaxis(run(plan(60, rate=6, strength=0.4, lean=lean)), -1, 0)
        seen = ((left + right) > 0.02)[..., SIDED] & (np.maximum(left, right) < 1)[..., SIDED]
        left, right = left[..., SIDED][seen], right[..., SIDED][seen]
        asymmetry = (left - right) / (left + right)
        assert np.median(asymmetry) == pytest.approx(lean, abs=0.03)
        assert 0.05 < asymmetry.std() < 0.2


def test_a_full_lean_leaves_the_other_side_at_rest() -> None:
    busy = {"rate": 30, "tonic": 0.1}
    left, right = np.moveaxis(run(plan(20, lean=1, **busy)), -1, 0)
    assert (right[..., SIDED] == np.float32(0.1)).all() and left[..., SIDED].max() == 1
    left, right = np.moveaxis(run(plan(20, lean=-1, **busy)), -1, 0)
    assert (left[..., SIDED] == np.float32(0.1)).all() and right[..., SIDED].max() == 1


def test_displays_without_sides_do_not_lean() -> None:
    left, right = np.moveaxis(run(plan(20, rate=30, lean=0.8)), -1, 0)
    central = np.isin(DISPLAYS, list(CENTRAL))
    np.testing.assert_array_equal(left[..., central], right[..., central])
    assert (left[..., ~central] != right[..., ~central]).any((0, 1)).all()


@pytest.mark.parametrize(("name", "values"), [("rate", [2, 6, 20]), ("strength", [0.2, 0.5, 0.9])])
def test_more_or_stronger_events_raise_the_mean_of_each_display(
    name: str, values: list[float]
) -> None:
    means = [run(plan(150, **({"rate": 8} | {name: v}))).mean((0, 1, 3)) for v in values]  # (A,)
    assert (np.diff(means, axis=0) > 0).all()


def test_frames_are_points_in_time() -> None:
    """Twice as many frames of the same seconds hold the same movement."""
    busy = plan(20, rate=20, speech=0.5)
    slow, fast = run(busy, 20, 5.0), run(busy, 40, 10.0)
    np.testing.assert_allclose(fast[:, ::2], slow, atol=1e-6)


def test_clips_differ_however_many_there_are() -> None:
    """More clips than are drawn at once: none repeats, and each part has its share of events."""
    n = 3 * dynamics._CHUNK_FRAMES // 40
    actions = run(plan(n, rate=only(SMILE, 12)), 40, 10.0)[:, :, SMILE, 0]
    moving = actions[actions.any(1)]
    assert len(np.unique(moving, axis=0)) == len(moving) > 0.6 * n
    parts = actions.reshape(6, -1).mean(1)
    assert parts.max() < 1.3 * parts.min()


def test_few_events_at_a_time_draw_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    events = dynamics._expressions(plan(20, rate=30), 10.0, np.random.default_rng(0))
    at_once, bit_by_bit = np.zeros((2, 20, 100, A, 2), np.float32)
    dynamics._draw(at_once, events, 10.0)
    monkeypatch.setattr(dynamics, "_CHUNK_FRAMES", 1)
    dynamics._draw(bit_by_bit, events, 10.0)
    assert at_once.any()
    np.testing.assert_array_equal(bit_by_bit, at_once)


def test_talk_moves_all_of_the_mouth_alike_on_both_sides_and_nothing_else() -> None:
    actions = run(plan(20, speech=0.7))
    moving = actions.any((0, 1))  # (A, 2)
    assert {name for name, m in zip(DISPLAYS, moving, strict=True) if m.any()} == TALK
    np.testing.assert_array_equal(actions[..., 0], actions[..., 1])
    assert 0.2 < actions[..., MOUTH, :].max() <= 0.5


def test_people_talk_for_their_share_of_the_time_in_phrases() -> None:
    for share in (0.2, 0.5, 0.9):
        actions = run(plan(200, speech=share), 600, 20.0)  # 100 minutes
        talks = actions[..., 0].max(-1) > 0.02  # (N, T)
        assert talks.mean() == pytest.approx(share, abs=0.03)
        assert talks[:, 0].mean() == pytest.approx(share, abs=0.1)
        if share <= 0.5:  # pauses long enough to be seen between syllables
            phrases = (talks[:, 1:] & ~talks[:, :-1]).sum() / 100  # a minute
            assert phrases == pytest.approx(60 * share / dynamics.PHRASE, rel=0.12)
    assert (run(plan(5, speech=1), 600, 20.0)[..., 0].max(-1) > 0).mean() > 0.99
    mixed = run(plan(3, speech=[0, 1, 0]))
    assert not mixed[[0, 2]].any() and mixed[1].any()


def test_the_mouth_moves_at_the_rate_of_syllables() -> None:
    mouth = run(plan(40, speech=1), 1000, 50.0)[..., 0].max(-1)  # (N, T)
    frequency, power = welch(mouth, 50.0, nperseg=250, axis=1)
    power = power.mean(0)
    assert 3.5 < frequency[power.argmax()] < 5.5
    assert power[(frequency >= 2) & (frequency <= 7)].sum() > 0.7 * power.sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": -1.0}, r"plan.rate\[0, 0\] is -1.0; it must lie in \[0, inf\]"),
        ({"rate": np.inf}, "plan.rate"),
        ({"strength": 1.1}, r"plan.strength\[0, 0\] is 1.1; it must lie in \[0, 1\]"),
        ({"tonic": only(3, np.nan)}, r"plan.tonic\[0, 3\] is nan"),
        ({"lean": -1.5}, r"it must lie in \[-1, 1\]"),
        ({"speech": [0.5, 2.0]}, r"plan.speech\[1\] is 2.0"),
    ],
)
def test_values_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(plan(2, **change))


def test_wrong_shapes_and_times_are_refused() -> None:
    with pytest.raises(ValueError, match=r"plan.lean must have shape \(2, 22\), not \(2, 3\)"):
        run(plan(2)._replace(lean=np.zeros((2, 3))))
    with pytest.raises(ValueError, match=r"plan.speech must have shape \(2,\), not \(3,\)"):
        run(plan(2)._replace(speech=np.zeros(3)))
    for frames, fps in ((0, 10.0), (10, 0.0), (10, np.inf)):
        with pytest.raises(ValueError, match="frames and fps must be positive"):
            run(plan(2), frames, fps)
