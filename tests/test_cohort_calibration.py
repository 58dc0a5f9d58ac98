"""Accuracy of the simulated observers: the measures, and what the defaults achieve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.stats import norm, pearsonr
from sklearn.metrics import cohen_kappa_score, f1_score, matthews_corrcoef

from dfe.action_units import AU_NAMES
from dfe.config import ObserversConfig
from dfe.config.base import vary
from dfe.data.cohorts.calibration import (
    PUBLISHED,
    Calibration,
    agreement,
    calibrate,
    frame_f1,
    frame_kappa,
    frame_mcc,
    icc,
    input_shares,
    linear_r2,
    pearson,
)
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.observers import (
    AUTOMATIC_COLUMNS,
    automatic_units,
    human_units,
    other_3dmm,
)
from dfe.face import OpenHead

FPS = 10.0
Cohort = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]
NO_ERRORS = ObserversConfig(**dict.fromkeys(ObserversConfig.model_fields, 0.0))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mixed_behaviour(persons: int = 40, clips: int = 4, frames: int = 80) -> Cohort:
    """Clips in which each display is above the criterion 2 to 30 % of the time.

    Intensity is what a smooth random course, one fifth of which is the person's, has above a
    level. Sides differ by about 15 %.
    """
    draw, a = rng(0), len(DISPLAYS)
    person = np.repeat(np.arange(persons), clips)
    share = rng(5).permutation(np.geomspace(0.02, 0.3, a))
    noise = draw.standard_normal((len(person), frames, a))
    course = gaussian_filter1d(noise, 0.4 * FPS, axis=1, mode="wrap")
    course *= np.sqrt(0.8) / course.std()
    course += np.sqrt(0.2) * draw.standard_normal((persons, 1, a))[person]
    strength = (0.3 * (course - norm.isf(share)) + 0.2).clip(0, 1)
    lean = 0.15 * draw.standard_normal((len(person), 1, a))
    sides = [strength * (1 - np.abs(lean) * (lean > 0)), strength * (1 - np.abs(lean) * (lean < 0))]
    return (
        np.stack(sides, axis=-1).astype(np.float32),
        person,
        draw.standard_normal((persons, 32)),
    )


@pytest.fixture(scope="module")
def face() -> OpenHead:
    return OpenHead()


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return mixed_behaviour()


@pytest.fixture(scope="module")
def default(cohort: Cohort, face: OpenHead) -> Calibration:
    return calibrate(*cohort, FPS, ObserversConfig(), face, rng(1))


# --- measures


def codes(*rows: str) -> NDArray[np.bool_]:
    """One clip, one unit for each row of 0 and 1; (1, T, K)."""
    return np.array([[char == "1" for char in row] for row in rows]).T[None]


def test_frame_measures_of_hand_counted_codes() -> None:
    truth = codes("1111000000", "0000000000", "1100000000")
    seen = codes("1110001100", "1000000000", "0000000000")
    # 3 hits, 1 miss, 2 false alarms, 4 correct rejections
    f1, mcc = 2 * 3 / (2 * 3 + 1 + 2), (3 * 4 - 2 * 1) / np.sqrt(4 * 5 * 5 * 6)
    chance = 0.4 * 0.5 + 0.6 * 0.5
    kappa = (0.7 - chance) / (1 - chance)
    np.testing.assert_allclose(frame_f1(truth, seen), [f1, np.nan, 0])
    np.testing.assert_allclose(frame_mcc(truth, seen), [mcc, np.nan, 0])
    np.testing.assert_allclose(frame_kappa(truth, seen), [kappa, np.nan, 0])
    np.testing.assert_allclose(frame_f1(truth, truth), [1, np.nan, 1])


def test_frames_of_all_clips_count_alike() -> None:
    truth, seen = rng(1).random((2, 3, 8, 2)) < 0.4
    flat = [x.reshape(1, 24, 2) for x in (truth, seen)]
    np.testing.assert_array_equal(frame_f1(truth, seen), frame_f1(*flat))


def test_agreement_is_the_index_of_facs() -> None:
    """1+2+5+6+12 against 5+6+12: three codes in common of eight."""
    units = ("1", "2", "5", "6", "12")
    first, second = (
        codes(*("1" if u in set_ else "0" for u in units)) for set_ in (units, units[2:])
    )
    assert agreement(first, second) == 0.75
    assert np.isnan(agreement(codes("00"), codes("00")))


def test_pearson_and_icc_against_their_definitions() -> None:
    first = rng(1).standard_normal((5, 8, 3))
    second = 0.5 * first + rng(2).standard_normal((5, 8, 3)) + 4
    correlation, reliability = pearson(first, second), icc(first, second)
    for k in range(3):
        ratings = np.stack([first[..., k].ravel(), second[..., k].ravel()], axis=1)  # (40, 2)
        assert correlation[k] == pytest.approx(pearsonr(*ratings.T).statistic)
        # Two-way analysis of variance, Shrout and Fleiss (1979)
        rows, raters, mean = ratings.mean(1), ratings.mean(0), ratings.mean()
        bms = 2 * ((rows - mean) ** 2).sum() / 39
        rest = ratings - rows[:, None] - raters + mean
        ems = (rest**2).sum() / 39
        assert reliability[k] == pytest.approx((bms - ems) / (bms + ems))


@given(shift=st.floats(-5, 5), scale=st.floats(0.1, 10), seed=st.integers(0, 50))
def test_icc_forgives_a_shift_but_not_another_scale(shift: float, scale: float, seed: int) -> None:
    values = rng(seed).standard_normal((30, 2))
    np.testing.assert_allclose(icc(values, values + shift), 1)
    np.testing.assert_allclose(pearson(values, scale * values + shift), 1)
    np.testing.assert_allclose(icc(values, scale * values), 2 * scale / (1 + scale**2))


def test_constant_columns_have_no_correlation() -> None:
    values = rng(1).standard_normal((9, 2))
    flat = np.column_stack([np.full(9, 3.0), values[:, 1]])
    np.testing.assert_allclose(pearson(flat, values), [np.nan, 1])
    np.testing.assert_allclose(icc(flat, values), [0, 1])
    np.testing.assert_allclose(icc(flat, flat), [np.nan, 1])


def test_shares_of_inputs_that_add_and_that_act_together() -> None:
    inputs = {name: rng(i).standard_normal((20_000, 1)) for i, name in enumerate("abc")}
    noise = rng(9)

    def add(x: dict[str, NDArray]) -> NDArray:
        return np.hstack([2 * x["a"], x["b"]]) + noise.standard_normal((20_000, 2))

    shares = input_shares(add, inputs, rng(3))
    assert shares == pytest.approx({"a": 4 / 7, "b": 1 / 7, "c": 0}, abs=0.02)
    together = input_shares(lambda x: x["a"] * x["b"], inputs, rng(3))
    assert together == pytest.approx({"a": 0, "b": 0, "c": 0}, abs=0.03)


def test_linear_r2_is_for_groups_that_were_not_seen() -> None:
    groups = np.tile(np.arange(30), 10)
    inputs = rng(1).standard_normal((300, 5))
    targets = inputs @ rng(2).standard_normal((5, 3)) + 7
    assert linear_r2(inputs, targets, groups) > 0.999
    noisy = targets + targets.std() * rng(3).standard_normal(targets.shape)
    assert linear_r2(inputs, noisy, groups) == pytest.approx(0.5, abs=0.08)
    # Whoever knows a group by name learns nothing about the others.
    names = np.eye(30)[groups]
    assert linear_r2(names, rng(4).standard_normal((30, 3))[groups], groups) < 0.05
    assert linear_r2(inputs[:, :1], targets[:, :1], groups[:] % 2) <= 1  # two groups suffice
    with pytest.raises(ValueError, match="one group"):
        linear_r2(inputs, targets, np.zeros(300, np.int64))


def test_linear_r2_counts_targets_by_their_variance() -> None:
    groups = np.arange(2000)
    inputs = rng(1).standard_normal((2000, 1))
    targets = np.hstack([inputs, rng(2).standard_normal((2000, 1))])
    assert linear_r2(inputs, targets * [1, 3], groups) == pytest.approx(0.1, abs=0.03)
    assert linear_r2(inputs, targets * [3, 1], groups) == pytest.approx(0.9, abs=0.03)


# --- what the observers achieve


def test_defaults_lie_near_what_is_published(default: Calibration) -> None:
    tolerance = {"automatic F1": 0.06, "automatic ICC of time": 0.1}
    assert set(PUBLISHED) <= set(default.means)
    for name, published in PUBLISHED.items():
        room = tolerance.get(name, 0.05)
        assert published.low - room < default.means[name] < published.high + room, name
    assert 0.6 < default.means["human kappa"] < 0.85
    assert default.means["human F1"] > default.means["automatic F1"] + 0.1
    assert 0.5 < default.means["other 3DMM, displays"] < 0.9


def test_embedding_is_mostly_not_about_expression(default: Calibration) -> None:
    share = {part: default.means[f"embedding, {part}"] for part in ("identity", "scene")}
    assert share["identity"] > share["scene"] > 0.05
    assert sum(share.values()) > 0.5
    assert 0.1 < default.means["embedding, expression"] < 0.4
    assert default.means["embedding, persons"] > share["identity"]  # scenes are in part theirs


def test_people_of_one_clip_each_have_no_share_of_their_own(cohort: Cohort, face: OpenHead) -> None:
    actions, _, identity = cohort
    once = calibrate(actions[::4], np.arange(40), identity, FPS, ObserversConfig(), face, rng(1))
    assert np.isnan(once.means["embedding, persons"])
    assert 0.3 < once.means["embedding, identity"] < 0.7


def test_units_and_table(default: Calibration, cohort: Cohort) -> None:
    units = default.units
    assert list(units.index) == [name for name in DISPLAYS if name in set(units.index)]
    assert len(units) == 17  # 12 of people, 2 more that are detected and 3 that are rated
    coded = units["human F1"].dropna()
    assert set(coded.index) == set("AU1 AU2 AU4 AU6 AU7 AU10 AU12 AU15 AU23 AU24 AU25 AU26".split())
    assert default.means["human F1"] == pytest.approx(coded.mean())
    sides = cohort[0][:, :, DISPLAYS.index("AU12")].max(-1)
    assert units.loc["AU12", "base rate"] == pytest.approx((sides > 0.2).mean())
    assert 0.01 < units["base rate"].min() and 0.2 < units["base rate"].max() < 0.4
    table = default.table()
    assert list(table["measured"]) == list(default.means.values())
    row = table.loc["automatic intensity r"]
    assert row["published, low"] == row["published, high"] == 0.63 and "2308.10713" in row["source"]
    assert np.isnan(table.loc["human F1", "published, low"])


def test_calibration_measures_what_the_observers_say(
    default: Calibration, cohort: Cohort, face: OpenHead
) -> None:
    actions, person, identity = cohort
    args, streams = (FPS, ObserversConfig()), rng(1).spawn(5)
    first, second = (human_units(actions, *args, stream) for stream in streams[:2])
    values = automatic_units(actions, person, *args, streams[2])
    other = other_3dmm(actions, identity[person], *args, face, streams[3])
    stronger = {name: actions[:, :, i].max(-1) for i, name in enumerate(DISPLAYS)}
    truth, place = stronger["AU12"] > 0.2, AU_NAMES.index("AU12")
    coded, again = (x[..., place].ravel() for x in (first, second))
    seen = values[..., AUTOMATIC_COLUMNS.index("AU12")]
    rating = values[..., AUTOMATIC_COLUMNS.index("AU12_intensity")].ravel()
    times = [[x[person == p].mean() for p in range(40)] for x in (truth, seen)]
    expected = {
        "base rate": truth.mean(),
        "human F1": f1_score(truth.ravel(), coded),
        "human kappa": cohen_kappa_score(coded, again),
        "automatic F1": f1_score(truth.ravel(), seen.ravel()),
        "automatic MCC": matthews_corrcoef(truth.ravel(), seen.ravel()),
        "automatic ICC of time": 2 * np.cov(*times)[0, 1] / np.var(times, axis=1, ddof=1).sum(),
        "automatic intensity r": pearsonr(stronger["AU12"].ravel(), rating).statistic,
        "automatic intensity ICC": icc(5 * stronger["AU12"].reshape(-1, 1), rating[:, None])[0],
    }
    assert default.units.loc["AU12"].to_dict() == pytest.approx(expected)
    flat = actions.reshape(-1, 44), np.repeat(person, 80)
    assert default.means["other 3DMM, displays"] == pytest.approx(
        linear_r2(other.reshape(-1, 50), *flat)
    )


def test_no_errors_no_disagreement(cohort: Cohort, face: OpenHead) -> None:
    even = cohort[0].mean(axis=-1, keepdims=True).repeat(2, axis=-1)
    perfect = calibrate(even, *cohort[1:], FPS, NO_ERRORS, face, rng(1)).means
    for name, value in perfect.items():
        if name.startswith(("human", "automatic")):
            assert value == pytest.approx(1), name
    assert perfect["other 3DMM, displays"] > 0.8
    assert perfect["embedding, expression"] == pytest.approx(1)
    assert perfect["embedding, identity"] == pytest.approx(0, abs=0.05)


HUMAN = "human F1", "human kappa", "human agreement"
#: One setting of each observer at a time: their errors do not meet. Values, and what they lower.
ROUNDS: tuple[dict[str, tuple[tuple[float, ...], tuple[str, ...]]], ...] = (
    {
        "coder_error": ((0.0, 0.04, 0.08), HUMAN),
        "tracker_noise": ((0.0, 0.1, 0.2), ("automatic F1", "automatic intensity r")),
        "other_noise": ((0.0, 0.35, 0.7), ("other 3DMM, displays",)),
        "embedding_identity": ((0.5, 2, 4), ("embedding, expression", "embedding, scene")),
    },
    {
        "coder_slip": ((0.0, 0.15, 0.3), HUMAN),
        "tracker_bias": ((0.0, 0.04, 0.12), ("automatic F1", "automatic ICC of time")),
        "other_identity": ((0.0, 0.35, 1.0), ("other 3DMM, displays",)),
        "embedding_scene": ((0, 1, 4), ("embedding, expression", "embedding, identity")),
    },
    {
        "tracker_rating": ((0.0, 0.1, 0.2), ("automatic intensity r", "automatic intensity ICC")),
        "embedding_noise": ((0, 1, 4), ("embedding, identity", "embedding, persons")),
    },
    {"tracker_crosstalk": ((0.0, 0.3, 0.6), ("automatic F1", "automatic MCC"))},
)


@pytest.mark.parametrize("settings", ROUNDS)
def test_more_error_less_accuracy(
    face: OpenHead, settings: dict[str, tuple[tuple[float, ...], tuple[str, ...]]]
) -> None:
    cohort = mixed_behaviour(persons=20, clips=3, frames=40)
    base = vary(ObserversConfig(), other_identity=0.0)  # few people: no map could leave it out
    results = [
        calibrate(
            *cohort,
            FPS,
            vary(base, **{name: values[i] for name, (values, _) in settings.items()}),
            face,
            rng(1),
        ).means
        for i in range(3)
    ]
    for name, (_, measures) in settings.items():
        for measure in measures:
            first, second, third = (means[measure] for means in results)
            assert first > second > third, (name, measure, first, second, third)
