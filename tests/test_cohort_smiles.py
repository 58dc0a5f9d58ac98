"""The script of the smiles: official counts, one smile in each clip, types that differ as known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from dfe.config import SmilesCohort
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.script import Script
from dfe.data.cohorts.smiles import BLEND, PROFILES, SCALE, TYPES, script


def make(seed: int = 0, actors: int = 400, effect: float = 1.0) -> Script:
    return script(SmilesCohort(actors=actors, effect=effect), np.random.default_rng(seed))


def rows(made: Script, smile: str) -> NDArray[np.bool_]:
    return (made.clips["smile"] == smile).to_numpy()


def tonic(made: Script, display: str) -> NDArray[np.float64]:
    return made.plan.tonic[:, DISPLAYS.index(display)]


def lean(made: Script, display: str) -> NDArray[np.float64]:
    return made.plan.lean[:, DISPLAYS.index(display)]


def test_fifteen_actors_pose_three_smiles_each() -> None:
    clips = script(SmilesCohort(), np.random.default_rng(0)).clips
    assert len(clips) == 45 and clips["subject"].nunique() == 15
    assert clips["smile"].value_counts().to_dict() == dict.fromkeys(TYPES, 15)
    assert clips.index[:4].tolist() == [
        "actor01_reward",
        "actor01_affiliation",
        "actor01_dominance",
        "actor02_reward",
    ]
    assert clips["subject"].iloc[[0, -1]].tolist() == ["actor01", "actor15"]
    assert set(clips["split"]) == {""}
    for clip, row in clips.iterrows():
        assert clip == f"{row['subject']}_{row['smile']}"


def test_each_clip_holds_a_smile_and_one_more_onset_on_average() -> None:
    made = make()
    at = DISPLAYS.index("AU12")
    assert (tonic(made, "AU12") > 0.1).all()
    np.testing.assert_allclose(made.plan.strength[:, at], 2 * made.plan.tonic[:, at])
    assert (made.plan.rate[:, at] == 15).all(), "four seconds a clip"
    longer = script(SmilesCohort(frames=80), np.random.default_rng(0))
    assert (longer.plan.rate[:, at] == 7.5).all()
    assert not made.plan.speech.any()


@pytest.mark.parametrize(
    ("display", "most"),
    [
        ("AU1", "reward"),
        ("AU2", "reward"),
        ("AU6", "reward"),
        ("AU12", "reward"),
        ("AU25", "reward"),
        ("AU24", "affiliation"),
        ("AU14", "affiliation"),
        ("AU9", "dominance"),
        ("AU10", "dominance"),
    ],
)
def test_each_smile_has_its_signs(display: str, most: str) -> None:
    made = make()
    means = {smile: tonic(made, display)[rows(made, smile)].mean() for smile in TYPES}
    others = [mean for smile, mean in means.items() if smile != most]
    assert means[most] > 1.1 * max(others)


def test_dominance_leans_to_the_side_of_the_actor() -> None:
    made = make()
    amount = np.abs(lean(made, "AU12"))
    assert amount[rows(made, "dominance")].mean() > 0.5
    assert amount[~rows(made, "dominance")].mean() < 0.25
    side = np.sign(lean(made, "AU12")).reshape(-1, 3)  # (actors, types)
    assert (np.abs(side.sum(1)) == np.abs(side).sum(1)).all(), "one side for an actor"
    assert 0.4 < (side[:, 2] > 0).mean() < 0.6, "either side"
    assert not lean(made, "AU24").any()


def test_without_an_effect_the_types_do_not_differ() -> None:
    nothing, something = make(effect=0.0), make(effect=1.0)
    for made, limits in ((nothing, (1e-3, 1)), (something, (0, 1e-10))):
        for profile in PROFILES.values():
            for display in profile:
                groups = [tonic(made, display)[rows(made, smile)] for smile in TYPES]
                assert limits[0] <= stats.kruskal(*groups).pvalue <= limits[1], display
        groups = [np.abs(lean(made, "AU12"))[rows(made, smile)] for smile in TYPES]
        assert limits[0] <= stats.kruskal(*groups).pvalue <= limits[1]
        for amount in made.state.T:
            groups = [amount[rows(made, smile)] for smile in TYPES]
            assert limits[0] <= stats.kruskal(*groups).pvalue <= limits[1]


def test_the_plan_depends_on_the_label_through_the_state_alone() -> None:
    # The same seed, so the same blends, sides and takes: state = effect x wanted type + blend.
    nothing, something = make(effect=0.0), make(effect=1.0)
    wanted = np.stack([rows(nothing, smile) for smile in TYPES], 1)
    np.testing.assert_allclose(something.state - nothing.state, SCALE * wanted, atol=1e-6)


def test_a_larger_effect_parts_the_types_further() -> None:
    distances = []
    for effect in (0.0, 0.5, 1.0, 1.5):
        made = make(effect=effect)
        means = np.stack([made.plan.tonic[rows(made, smile)].mean(0) for smile in TYPES])
        distances.append(np.linalg.norm(means - means.mean(0)))
    assert distances[0] < 0.03 and (np.diff(distances) > 0.03).all()


def test_types_that_nobody_wants_cancel_out() -> None:
    """A clip with equal amounts of all types shows what they have in common."""
    made = make(effect=0.0)
    common = np.mean([profile.get("AU12", 0) for profile in PROFILES.values()])
    assert abs(np.median(made.plan.strength[:, DISPLAYS.index("AU12")]) - common) < 0.02


def test_some_clips_are_stronger_in_all() -> None:
    apex = make(effect=0.0).plan.strength[:, DISPLAYS.index("AU12")]
    blend = BLEND * np.std([profile["AU12"] for profile in PROFILES.values()]) * np.sqrt(3)
    wanted = np.hypot(blend / apex.mean(), 0.15)  # of the blend, and of the take
    assert abs(np.log(apex).std() - wanted) < 0.05  # the log of a normal is not quite one
