"""The script of the stress tasks: ratings, the two editions of the labels, what stress changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats

from dfe.config import StressCohort
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.script import Script
from dfe.data.cohorts.stress import TASKS, script, three_class

TALKING = {"Counting1", "Counting2", "Counting3", "Stroop", "Speaking", "Math", "Reading"}


def make(settings: StressCohort | None = None, seed: int = 0) -> Script:
    return script(settings or StressCohort(), np.random.default_rng(seed))


def correlations(columns: NDArray[np.float64], label: pd.Series) -> NDArray[np.float64]:
    """Correlation of each column (N, D) with a label (N,); NaN for constant columns."""
    with np.errstate(invalid="ignore"):
        return np.array([np.corrcoef(column, label)[0, 1] for column in columns.T])


def test_fifty_five_people_do_eleven_tasks() -> None:
    clips = make().clips
    assert len(clips) == 605 and clips["subject"].nunique() == 55
    assert clips.index[:2].tolist() == ["s01_Breathing", "s01_Video1"]
    assert clips["task"].value_counts().to_dict() == dict.fromkeys(TASKS, 55)
    assert (clips.groupby("subject")["task"].nunique() == 11).all()
    for clip, row in clips.iterrows():
        assert clip == f"{row['subject']}_{row['task']}"
    ratings = clips[["stress", "relax", "valence", "arousal"]]
    assert (ratings.dtypes == np.int64).all()
    assert ratings.to_numpy().min() == 0 and ratings.to_numpy().max() == 10


# stress, relax, valence, arousal -> class by the paper's rule, by the site's rule
CASES = [
    ((0, 10, 10, 0), 0, 0),
    ((0, 5, 10, 0), 0, 1),  # relax at the border
    ((0, 4, 10, 0), 1, 1),
    ((0, 6, 10, 0), 0, 0),
    ((0, 10, 5, 0), 0, 1),  # valence at the border
    ((0, 10, 4, 0), 1, 1),
    ((0, 10, 6, 0), 0, 0),
    ((0, 10, 10, 5), 0, 1),  # arousal at the border
    ((0, 10, 10, 6), 1, 1),
    ((0, 10, 10, 4), 0, 0),
    ((10, 5, 5, 5), 0, 1),  # relaxed, whatever the stress
    ((10, 0, 0, 10), 2, 2),
    ((6, 0, 0, 10), 2, 2),
    ((5, 0, 0, 10), 1, 1),  # stress at the border
    ((10, 0, 4, 10), 2, 2),
    ((10, 0, 5, 10), 1, 1),  # valence at the border
    ((10, 0, 0, 6), 2, 2),
    ((10, 0, 0, 5), 1, 1),  # arousal at the border
    ((10, 10, 4, 6), 2, 2),  # stressed, whatever the relaxation
    ((5, 5, 5, 5), 0, 1),
]


@pytest.mark.parametrize(("ratings", "paper", "site"), CASES)
def test_the_three_classes(ratings: tuple[int, ...], paper: int, site: int) -> None:
    one = [np.array([rating]) for rating in ratings]
    assert three_class(*one, rule="paper").tolist() == [paper]
    assert three_class(*one, rule="site").tolist() == [site]


def test_no_rating_is_relaxed_and_stressed_at_once() -> None:
    grid = np.meshgrid(*[np.arange(11)] * 4)
    stress, relax, valence, arousal = (axis.ravel() for axis in grid)
    stressed = (valence < 5) & (arousal > 5) & (stress > 5)
    for rule, relaxed in (
        ("paper", (valence >= 5) & (arousal <= 5) & (relax >= 5)),
        ("site", (valence > 5) & (arousal < 5) & (relax > 5)),
    ):
        assert not (relaxed & stressed).any()
        wanted = np.where(relaxed, 0, np.where(stressed, 2, 1))
        got = three_class(stress, relax, valence, arousal, rule)  # type: ignore[arg-type]
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("rule", ["paper", "site"])
def test_the_labels_follow_from_the_ratings(rule: str) -> None:
    clips = make(StressCohort(labels=rule)).clips  # type: ignore[arg-type]
    assert (clips["binary"] == (clips["stress"] >= 5)).all()
    ratings = [clips[name].to_numpy() for name in ("stress", "relax", "valence", "arousal")]
    assert (clips["three_class"] == three_class(*ratings, rule=rule)).all()  # type: ignore[arg-type]


def test_the_classes_are_as_frequent_as_in_the_data() -> None:
    clips = pd.concat([make(seed=seed).clips for seed in range(12)])
    shares = clips["three_class"].value_counts(normalize=True).sort_index().to_numpy()
    np.testing.assert_allclose(shares, np.array([138, 470, 92]) / 700, atol=0.02)
    assert abs(clips["binary"].mean() - 317 / 600) < 0.025
    ratings = clips[["stress", "relax", "valence", "arousal"]].corr()["stress"]
    assert ratings["relax"] < -0.5 and ratings["valence"] < -0.3 and ratings["arousal"] > 0.3


def test_the_shares_of_variance() -> None:
    made = make(StressCohort(subjects=2000, task_share=0.35, subject_share=0.25))
    stress = made.state[:, 0].reshape(2000, 11).astype(float)
    assert abs(stress.var() - 1) < 0.02 and abs(stress.mean()) < 0.03
    assert abs(stress.mean(0).var() - 0.35) < 0.02
    within = stress - stress.mean(0)
    shared = np.corrcoef(within.T)[np.triu_indices(11, 1)].mean()  # between tasks of one person
    assert abs(shared - 0.25 / 0.65) < 0.03
    means = stats.zscore([task.stress for task in TASKS.values()])
    np.testing.assert_allclose(stress.mean(0), np.sqrt(0.35) * means, atol=0.07)


def test_the_shares_cannot_exceed_the_whole() -> None:
    everything = make(StressCohort(task_share=0.9, subject_share=0.1))
    assert np.isfinite(everything.state).all()
    with pytest.raises(ValidationError, match="more than the whole variance"):
        StressCohort(task_share=0.7, subject_share=0.4)


def test_speech_depends_on_the_task_alone() -> None:
    for settings in (StressCohort(), StressCohort(effect=3.0), StressCohort().null()):
        made = make(settings)
        for task, rows in made.clips.groupby("task").indices.items():
            assert len(set(made.plan.speech[rows])) == 1
            assert (made.plan.speech[rows] > 0).all() == (task in TALKING)


@pytest.mark.parametrize(
    ("display", "sign"),
    [("AU4", 1), ("AU45", 1), ("AU20", 1), ("AU24", 1), ("AU6", -1), ("AU12", -1), ("AU9", 1)],
)
def test_what_stress_changes(display: str, sign: int) -> None:
    made, still = make(), make(StressCohort(effect=0))  # the same people, tasks and moments
    at = DISPLAYS.index(display)
    stress = made.state[:, 0]
    for values, base in ((made.plan.rate, still.plan.rate), (made.plan.tonic, still.plan.tonic)):
        if base[:, at].any():  # blinks have no resting level
            shown = values[:, at] / base[:, at]
            assert sign * stats.spearmanr(shown, stress).statistic > 0.98  # some blink at the limit
    assert sign * stats.spearmanr(made.plan.rate[:, at], stress).statistic > 0.05


def test_nothing_of_labels_or_people_is_left_in_a_null_cohort() -> None:
    made = make(StressCohort(subjects=300).null())
    assert not made.state.any()
    for values in (made.plan.rate, made.plan.tonic, made.plan.strength):
        log = np.log(np.maximum(values[:, :-1], 1e-9))  # the last are blinks, which talk changes
        for label in ("stress", "three_class"):
            assert np.nanmax(np.abs(correlations(log, made.clips[label]))) < 0.065
        for column in log.T:
            by_person = column.reshape(300, 11)
            if np.ptp(column) > 0:
                assert stats.f_oneway(*by_person).pvalue > 1e-4, "people do not differ"
                assert stats.f_oneway(*by_person.T).pvalue > 1e-4, "nor do tasks"
    counts = pd.crosstab(made.clips["task"], made.clips["binary"])
    assert stats.chi2_contingency(counts).pvalue > 0.01
    counts = pd.crosstab(made.clips["subject"], made.clips["binary"])
    assert stats.chi2_contingency(counts).pvalue < 1e-10, "people still differ in their ratings"


def test_tasks_stress_people_by_default() -> None:
    clips = make().clips
    assert stats.chi2_contingency(pd.crosstab(clips["task"], clips["binary"])).pvalue < 1e-10
