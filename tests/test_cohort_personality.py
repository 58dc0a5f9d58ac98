"""The script of the first impressions: people who come again, correlated scores, what they show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dfe.config import PersonalityCohort
from dfe.data.cohorts.baseline import by_display
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.personality import CORRELATION, SCALE, TRAITS, script
from dfe.data.cohorts.script import Script

NAMES = list(TRAITS)


def make(seed: int = 0, **changes: float) -> Script:
    settings = PersonalityCohort().model_copy(update=changes)
    return script(settings, np.random.default_rng(seed))


FULL = make()


def test_the_splits_and_people_of_first_impressions() -> None:
    clips = FULL.clips
    assert clips["split"].value_counts().to_dict() == {"train": 6000, "dev": 2000, "test": 2000}
    assert abs(clips["subject"].nunique() - 2764) < 150
    assert list(clips.columns[2:]) == [
        "openness",
        "conscientiousness",
        "extraversion",
        "agreeableness",
        "neuroticism",
    ]


def test_people_come_several_times_and_into_several_splits() -> None:
    clips = FULL.clips
    sizes = clips["subject"].value_counts().to_numpy()
    for times in (1, 2, 3, 6):
        share, wanted = (sizes == times).mean(), stats.geom.pmf(times, 1 / 3.6)
        assert abs(share - wanted) < 0.03
    train, test = (clips[clips["split"] == split] for split in ("train", "test"))
    assert 0.7 < test["subject"].isin(set(train["subject"])).mean() < 0.95
    # Clips are dealt to the splits one by one: a person's next clip is as likely elsewhere as any.
    same_person = clips["subject"].eq(clips["subject"].shift())
    same_split = clips["split"].eq(clips["split"].shift())
    assert abs(same_split[same_person].mean() - (0.36 + 0.04 + 0.04)) < 0.03


def test_the_ids_count_the_clips_of_each_person() -> None:
    for subject, rows in FULL.clips.groupby("subject").indices.items():
        ids = FULL.clips.index[rows].tolist()
        assert ids == [f"{subject}_c{k + 1}" for k in range(len(rows))]
    assert FULL.clips.index[0] == "p0001_c1"


def test_people_who_come_once_do_not_overlap() -> None:
    made = make(clips_per_person=1.0, train=20, dev=10, test=10)
    assert made.clips["subject"].is_unique


def test_scores_and_the_prediction_of_their_mean() -> None:
    scores = FULL.clips[NAMES]
    assert scores.to_numpy().min() >= 0 and scores.to_numpy().max() <= 1
    for trait in NAMES:
        assert abs(scores[trait].mean() - TRAITS[trait].mean) < 0.01
        assert abs(scores[trait].std() - TRAITS[trait].sd) < 0.01
    accuracy = 1 - (scores - scores.mean()).abs().mean()
    assert (accuracy > 0.87).all() and (accuracy < 0.9).all()


def test_traits_are_correlated() -> None:
    np.testing.assert_allclose(FULL.clips[NAMES].corr(), np.array(CORRELATION), atol=0.04)
    off = np.array(CORRELATION)[np.triu_indices(5, 1)]
    assert off.min() >= 0.4 and off.max() <= 0.7
    np.testing.assert_array_equal(np.array(CORRELATION), np.array(CORRELATION).T)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_the_share_of_the_person(share: float) -> None:
    made = make(person_share=share)
    pairs = made.clips["subject"].eq(made.clips["subject"].shift()).to_numpy().nonzero()[0]
    first, second = made.state[pairs - 1], made.state[pairs]
    for i in range(5):
        assert abs(np.corrcoef(first[:, i], second[:, i])[0, 1] - share) < 0.04


def test_the_face_shows_the_score_of_the_clip() -> None:
    means = np.array([trait.mean for trait in TRAITS.values()])
    sds = np.array([trait.sd for trait in TRAITS.values()])
    wanted = np.clip(means + sds * FULL.state, 0, 1)
    np.testing.assert_allclose(FULL.clips[NAMES], wanted, atol=1e-6)
    # The same people and moments without an effect: the rest is linear in the state.
    graded = np.array(DISPLAYS) != "AU45"
    still = make(effect=0.0).plan.rate
    change = np.log(FULL.plan.rate / still)[:, graded]  # (N, 21)
    weights, residuals, _, _ = np.linalg.lstsq(FULL.state.astype(float), change, rcond=None)
    assert residuals.max() < 1e-6
    tables = np.stack([by_display(trait.displays, trait.rest) for trait in TRAITS.values()])
    np.testing.assert_allclose(weights, SCALE * tables[:, graded], atol=1e-5)


@pytest.mark.parametrize(
    ("trait", "display", "sign"),
    [
        ("extraversion", "AU12", 1),
        ("agreeableness", "AU12", 1),
        ("agreeableness", "AU6", 1),
        ("agreeableness", "AU4", -1),
        ("neuroticism", "AU4", -1),  # high scores are stable people
        ("neuroticism", "AU15", -1),
        ("openness", "AU1", 1),
        ("openness", "AU2", 1),
        ("conscientiousness", "AU28", -1),
    ],
)
def test_what_goes_with_a_trait(trait: str, display: str, sign: int) -> None:
    rate = np.log(FULL.plan.rate[:, DISPLAYS.index(display)])
    weights = np.linalg.lstsq(FULL.state.astype(float), rate - rate.mean(), rcond=None)[0]  # (5,)
    assert sign * weights[NAMES.index(trait)] > 0.08


def test_the_extraverted_talk_more() -> None:
    talk, state = FULL.plan.speech, FULL.state[:, NAMES.index("extraversion")]
    assert 0.2 < stats.spearmanr(talk, state).statistic < 0.5


def test_without_an_effect_nothing_shows() -> None:
    made = make(effect=0.0)
    assert not made.plan.lean.any()
    ranks = stats.rankdata(made.clips[NAMES], axis=0)  # (N, 5)
    shown = np.column_stack([made.plan.rate, made.plan.speech])  # strength and tonic follow rate
    both = np.corrcoef(np.column_stack([stats.rankdata(shown, axis=0), ranks]).T)
    assert np.abs(both[: shown.shape[1], shown.shape[1] :]).max() < 0.045
    some = make(effect=0.5)
    shown = np.column_stack([some.plan.rate, some.plan.speech])
    both = np.corrcoef(np.column_stack([stats.rankdata(shown, axis=0), ranks]).T)
    assert np.abs(both[: shown.shape[1], shown.shape[1] :]).max() > 0.15, "the test can tell"
