"""Scripts of the four cohorts: what all have in common, and the everyday face they start from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dfe.config import (
    Cohort,
    DepressionCohort,
    PersonalityCohort,
    SmilesCohort,
    StressCohort,
)
from dfe.data.cohorts import depression, personality, smiles, stress
from dfe.data.cohorts.baseline import (
    EVERYDAY,
    MAX_RATE,
    MOMENT,
    amplified,
    by_display,
    correlated_normals,
    everyday,
    moments,
)
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.script import Plan, Script

MODULES: dict[type[Cohort], Any] = {
    SmilesCohort: smiles,
    StressCohort: stress,
    DepressionCohort: depression,
    PersonalityCohort: personality,
}
COHORTS = [
    SmilesCohort(),
    SmilesCohort(actors=200),
    StressCohort(),
    StressCohort(subjects=300),
    DepressionCohort(),
    DepressionCohort(train=900, dev=300, test=400),
    PersonalityCohort(train=300, dev=100, test=100),
    PersonalityCohort(train=5, dev=4, test=4, clips_per_person=1),
]
ONE_EACH = COHORTS[::2]
A = len(DISPLAYS)


def make(settings: Cohort, seed: int = 0, **changes: Any) -> Script:
    settings = settings.model_copy(update=changes)
    made: Script = MODULES[type(settings)].script(settings, np.random.default_rng(seed))
    return made


def name(settings: Cohort) -> str:
    return f"{type(settings).__name__}-{len(make(settings).clips)}"


@pytest.mark.parametrize("settings", COHORTS, ids=name)
def test_a_script_is_what_the_simulator_expects(settings: Cohort) -> None:
    script = make(settings, effect=2.0)
    clips, plan = script.clips, script.plan
    n = len(clips)
    assert clips.index.is_unique and clips.index.name == "clip"
    assert all(isinstance(clip, str) for clip in clips.index)
    assert list(clips.columns[:2]) == ["subject", "split"]
    assert script.person.dtype == np.int64 and script.person.shape == (n,)
    assert np.array_equal(np.unique(script.person), np.arange(script.person.max() + 1))
    pairs = {(int(who), subject) for who, subject in zip(script.person, clips.subject, strict=True)}
    assert len(pairs) == clips["subject"].nunique() == script.person.max() + 1
    for values in (plan.rate, plan.strength, plan.tonic, plan.lean):
        assert values.shape == (n, A) and values.dtype == np.float64
    assert plan.speech.shape == (n,) and plan.speech.dtype == np.float64
    assert (plan.rate >= 0).all() and (plan.rate <= MAX_RATE).all()
    for values in (plan.strength, plan.tonic, plan.speech):
        assert (values >= 0).all() and (values <= 1).all()
    assert (np.abs(plan.lean) <= 1).all()
    assert script.state.shape == (n, len(script.state_names))
    assert script.state.dtype == np.float32 and np.isfinite(script.state).all()


@pytest.mark.parametrize("settings", ONE_EACH, ids=name)
def test_the_same_seed_gives_the_same_script(settings: Cohort) -> None:
    first, again, other = make(settings, 3), make(settings, 3), make(settings, 4)
    pd.testing.assert_frame_equal(first.clips, again.clips)
    for one, two in zip(first.plan, again.plan, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(first.state, again.state)
    assert not np.array_equal(first.state, other.state)


@pytest.mark.parametrize("settings", ONE_EACH, ids=name)
def test_the_effect_changes_behaviour_and_not_the_labels(settings: Cohort) -> None:
    quiet, loud = make(settings, effect=0.0), make(settings, effect=2.0)
    pd.testing.assert_frame_equal(quiet.clips, loud.clips)
    assert not np.allclose(quiet.plan.tonic, loud.plan.tonic)
    if not isinstance(settings, SmilesCohort):  # smiles keep a blend that no label drives
        assert not quiet.state.any()
        np.testing.assert_allclose(loud.state, 2 * make(settings).state, rtol=1e-6)


@pytest.mark.parametrize("settings", ONE_EACH[1:], ids=name)
def test_a_larger_effect_moves_the_plan_further(settings: Cohort) -> None:
    still = make(settings, effect=0.0).plan
    moves = [
        np.abs(np.log(make(settings, effect=effect).plan.rate / still.rate)).mean()
        for effect in (0.0, 0.5, 1.0, 1.5)
    ]
    assert moves[0] == 0 and (np.diff(moves) > 0.01).all()


@pytest.mark.parametrize("settings", ONE_EACH[1:], ids=name)
def test_clips_vary_for_reasons_that_no_label_knows(settings: Cohort) -> None:
    spread = np.log(make(settings, effect=0.0).plan.rate).std(0)  # (A,)
    assert (spread > 0.8 * MOMENT).all() and (spread < 1.2 * MOMENT).all()


# The everyday face


def test_people_blink_as_often_as_was_counted() -> None:
    plan = everyday(np.array([0.0, 0.5, 1.0, -0.2, 1.3]))
    blinks = plan.rate[:, DISPLAYS.index("AU45")]
    np.testing.assert_allclose(blinks, [19.0, 21.85, 24.7, 19.0, 24.7])
    assert plan.speech.tolist() == [0.0, 0.5, 1.0, 0.0, 1.0]


def test_every_display_has_its_own_everyday_habit() -> None:
    assert sorted(EVERYDAY) == sorted(DISPLAYS)
    plan = everyday(np.zeros(2))
    for column, display in enumerate(DISPLAYS):
        habit = EVERYDAY[display]
        assert plan.rate[:, column].tolist() == [habit.rate] * 2
        assert plan.strength[:, column].tolist() == [habit.strength] * 2
        assert plan.tonic[:, column].tolist() == [habit.tonic] * 2
    assert not plan.lean.any()


def test_a_change_acts_on_rate_and_rest_in_full_and_on_the_peak_by_half() -> None:
    plan = everyday(np.zeros(1))
    more = amplified(plan, np.full((1, A), np.log(2.0)))
    np.testing.assert_allclose(more.rate, np.minimum(2 * plan.rate, MAX_RATE))
    np.testing.assert_allclose(more.tonic, 2 * plan.tonic)
    graded = np.array(DISPLAYS) != "AU45"
    np.testing.assert_allclose(more.strength[:, graded], np.sqrt(2) * plan.strength[:, graded])
    np.testing.assert_array_equal(more.strength[:, ~graded], plan.strength[:, ~graded])
    np.testing.assert_array_equal(more.speech, plan.speech)
    np.testing.assert_array_equal(more.lean, plan.lean)


def test_amounts_end_where_a_face_ends() -> None:
    plan = everyday(np.zeros(1))._replace(rate=np.full((1, A), 80.0))
    most = amplified(plan, np.full((1, A), 9.0))
    assert (most.rate == 80).all(), "a plan that is faster than the limit keeps its rate"
    most = amplified(everyday(np.zeros(1)), np.full((1, A), 9.0))
    assert (most.rate == MAX_RATE).all()
    assert most.strength.max() == most.tonic.max() == 1


def test_no_change_leaves_a_plan_as_it_is() -> None:
    plan = everyday(np.array([0.3]))
    for before, after in zip(plan, amplified(plan, np.zeros((1, A))), strict=True):
        np.testing.assert_array_equal(before, after)


small = arrays(np.float64, (2, A), elements=st.floats(-0.4, 0.4))


@given(small, small)
def test_changes_add_up(first: np.ndarray, second: np.ndarray) -> None:
    plan = everyday(np.array([0.0, 0.5]))
    one_by_one: Plan = amplified(amplified(plan, first), second)
    for separate, together in zip(one_by_one, amplified(plan, first + second), strict=True):
        np.testing.assert_allclose(separate, together)


def test_moments_leave_the_mean_amount_as_it_is() -> None:
    drawn = moments(20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000, A)
    np.testing.assert_allclose(np.exp(drawn).mean(0), 1, atol=0.03)
    np.testing.assert_allclose(drawn.std(0), MOMENT, atol=0.02)
    off = np.corrcoef(drawn.T)[np.triu_indices(A, 1)]
    assert np.abs(off).max() < 0.04


def test_values_by_display() -> None:
    values = by_display({"AU12": 2.0, "AU1": -1.0}, rest=0.5)
    assert values.shape == (A,)
    assert values[DISPLAYS.index("AU12")] == 2 and values[DISPLAYS.index("AU1")] == -1
    assert values[DISPLAYS.index("AU4")] == 0.5
    assert not by_display({}).any()
    with pytest.raises(ValueError, match=r"no such display: \['AU3', 'AU99'\].*AU45"):
        by_display({"AU99": 1.0, "AU12": 1.0, "AU3": 1.0})


def test_correlated_normals_have_their_correlations() -> None:
    wanted = np.array([[1.0, 0.7, -0.3], [0.7, 1.0, 0.0], [-0.3, 0.0, 1.0]])
    drawn = correlated_normals(40_000, wanted, np.random.default_rng(0))
    np.testing.assert_allclose(np.cov(drawn.T), wanted, atol=0.03)
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.02)
    with pytest.raises(np.linalg.LinAlgError):
        correlated_normals(2, [[1.0, 2.0], [2.0, 1.0]], np.random.default_rng(0))
