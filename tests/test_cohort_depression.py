"""The script of the interviews: splits and ids, three editions of the label, two interviewers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dfe.config import DepressionCohort
from dfe.data.cohorts.baseline import by_display
from dfe.data.cohorts.depression import BETA, INTERVIEWER, INTERVIEWER_SPEECH, phq_score, script
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.script import Script

LARGE = DepressionCohort(train=3000, dev=1000, test=2000)


def make(settings: DepressionCohort | None = None, seed: int = 0, **changes: float) -> Script:
    settings = (settings or DepressionCohort()).model_copy(update=changes)
    return script(settings, np.random.default_rng(seed))


def part(made: Script, split: str) -> pd.DataFrame:
    return made.clips[made.clips["split"] == split]


def test_the_splits_of_avec_2019() -> None:
    made = make()
    assert made.clips["split"].value_counts().to_dict() == {"train": 163, "dev": 56, "test": 56}
    assert made.clips.index.tolist() == made.clips["subject"].tolist()
    assert made.person.tolist() == list(range(275))
    numbers = made.clips["subject"].astype(int)
    is_test = made.clips["split"] == "test"
    assert numbers[is_test].min() >= 600
    assert numbers[~is_test].min() >= 300 and numbers[~is_test].max() < 600
    for split in ("train", "dev", "test"):
        assert part(made, split)["subject"].astype(int).is_monotonic_increasing
    for split in ("train", "dev"):  # neither takes one end of the numbers
        assert 400 < part(made, split)["subject"].astype(int).mean() < 500
    assert make(seed=1).clips.index.tolist() != made.clips.index.tolist()


def test_a_larger_cohort_gets_more_numbers() -> None:
    made = make(LARGE)
    numbers = made.clips["subject"].astype(int).to_numpy()
    is_test = (made.clips["split"] == "test").to_numpy()
    assert len(set(numbers)) == 6000
    assert numbers[~is_test].min() == 300 and numbers[~is_test].max() == 4299
    assert numbers[is_test].min() >= 4300


def test_the_score_of_a_reported_severity() -> None:
    report = np.linspace(-10, 10, 401)
    score = phq_score(report)
    assert score.dtype == np.int64 and score[0] == 0 and score[-1] == 24
    assert (np.diff(score) >= 0).all() and set(score) == set(range(25))
    # 10 or more is a beta variable of 0.4 or more.
    edge = stats.norm.ppf(stats.beta.cdf(0.4, *BETA))
    assert phq_score(np.array([edge - 1e-6, edge + 1e-6])).tolist() == [9, 10]


def test_scores_follow_the_beta_distribution_before_the_test_split() -> None:
    clips = make(LARGE).clips
    seen = clips.loc[clips["split"] != "test", "phq"]
    expected = len(seen) * np.diff(stats.beta.cdf(np.arange(26) / 25, *BETA))
    counts = np.bincount(seen, minlength=25)
    assert stats.chisquare(counts, expected).pvalue > 0.01
    assert 6 <= seen.mean() <= 7 and 5.5 <= seen.std() <= 6 and 0.22 <= (seen >= 10).mean() <= 0.3


def test_test_people_are_as_different_as_in_the_data() -> None:
    errors, absolute, over_cut, marked, differ = [], [], [], [], []
    for seed in range(40):
        made = make(seed=seed)
        test = part(made, "test")
        off = test["phq"] - part(made, "train")["phq"].mean()
        errors.append(np.sqrt((off**2).mean()))
        absolute.append(off.abs().mean())
        over_cut.append(test["score10"].sum())
        marked.append(test["phq_binary"].sum())
        differ.append((made.clips["phq_binary"] != made.clips["score10"]).sum())
    assert abs(np.mean(errors) - 6.54) < 0.25
    assert abs(np.mean(absolute) - 5.38) < 0.3
    assert abs(np.mean(over_cut) - 21) < 1.5
    assert abs(np.mean(marked) - 17) < 1.5
    assert abs(np.mean(differ) - 20) < 2


def test_the_labels_differ_near_the_cut_only() -> None:
    clips = make(LARGE).clips
    assert (clips["score10"] == (clips["phq"] >= 10)).all()
    differ = clips["phq_binary"] != clips["score10"]
    assert clips.loc[differ, "phq"].between(5, 17).all()
    assert set(clips.loc[differ, "phq"]) >= {9, 10, 11, 12}
    assert clips.loc[differ, "score10"].mean() > 0.9, "most lose the label, few gain it"


@pytest.mark.parametrize(
    ("display", "sign"),
    [("AU12", -1), ("AU6", -1), ("AU15", -1), ("AU14", 1), ("AU4", 1), ("AU9", -1)],
)
def test_what_severity_changes(display: str, sign: int) -> None:
    made, still = make(), make(effect=0.0)  # the same people and moments
    at, severity = DISPLAYS.index(display), made.state[:, 0]
    for values, base in ((made.plan.rate, still.plan.rate), (made.plan.tonic, still.plan.tonic)):
        shown = values[:, at] / base[:, at]
        assert sign * stats.spearmanr(shown, severity).statistic > 0.999
    train = (made.clips["split"] == "train").to_numpy()
    assert sign * stats.spearmanr(made.plan.tonic[train, at], severity[train]).statistic > 0.05
    assert stats.spearmanr(severity, made.clips["phq"]).statistic > 0.8


def test_the_more_severe_talk_less() -> None:
    made = make(LARGE)
    train = (made.clips["split"] == "train").to_numpy()
    talk, severity = made.plan.speech[train], made.state[train, 0]
    assert -0.5 < stats.spearmanr(talk, severity).statistic < -0.2


def test_without_an_effect_only_the_interviewer_shows() -> None:
    made = make(LARGE, effect=0.0)
    is_test = (made.clips["split"] == "test").to_numpy()
    graded = np.array(DISPLAYS) != "AU45"  # talkers blink more
    for values in (made.plan.rate[:, graded], made.plan.strength[:, graded], made.plan.rate):
        for column in values[~is_test].T:
            assert abs(stats.spearmanr(column, made.clips["phq"][~is_test]).statistic) < 0.06
    log = np.log(made.plan.rate[:, graded])
    change = log[is_test].mean(0) - log[~is_test].mean(0)
    np.testing.assert_allclose(change, by_display(INTERVIEWER)[graded], atol=0.06)
    talk, phq = made.plan.speech[~is_test], made.clips["phq"][~is_test]
    assert abs(stats.spearmanr(talk, phq).statistic) < 0.05
    gain = made.plan.speech[is_test].mean() - made.plan.speech[~is_test].mean()
    assert abs(gain - INTERVIEWER_SPEECH) < 0.015


def test_the_interviewer_can_be_the_same() -> None:
    same, other = make(interviewer_shift=0.0), make(interviewer_shift=2.0)
    is_test = (same.clips["split"] == "test").to_numpy()
    pd.testing.assert_frame_equal(same.clips, other.clips)
    for one, two in zip(same.plan, other.plan, strict=True):
        np.testing.assert_array_equal(one[~is_test], two[~is_test])
    smile = DISPLAYS.index("AU12")
    change = np.log(other.plan.rate[is_test, smile] / same.plan.rate[is_test, smile])
    np.testing.assert_allclose(change, 2 * INTERVIEWER["AU12"])
    talk = (other.plan.speech - same.plan.speech)[is_test]
    np.testing.assert_allclose(np.median(talk), 2 * INTERVIEWER_SPEECH)
