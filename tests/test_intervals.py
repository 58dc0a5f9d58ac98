"""Bootstrap intervals of R^2 and of means over groups."""

from __future__ import annotations

import numpy as np
import pytest

from dfe.metrics import (
    Interval,
    explained_variance,
    explained_variance_gain,
    explained_variance_interval,
    intervals,
)
from dfe.metrics.intervals import percentile_interval, resampled_means

pytestmark = pytest.mark.filterwarnings("error")  # such as a division by zero

RNG = np.random.default_rng(0)
PSI = RNG.normal(size=(400, 3))
GUESS = PSI + 0.5 * RNG.normal(size=(400, 3))
CLIPS = np.repeat(np.arange(40), 10)


def test_value_is_the_plain_r2_and_lies_inside() -> None:
    found = explained_variance_interval(PSI, GUESS, CLIPS)
    assert found.value == pytest.approx(explained_variance(PSI, GUESS), abs=1e-12)
    assert found.low < found.value < found.high


def test_resampling_agrees_with_drawing_rows_one_group_at_a_time() -> None:
    rng = np.random.default_rng(1)
    values = []
    for _ in range(2000):
        rows = np.concatenate([np.flatnonzero(CLIPS == c) for c in rng.integers(0, 40, 40)])
        values.append(explained_variance(PSI[rows], GUESS[rows]))
    found = explained_variance_interval(PSI, GUESS, CLIPS, resamples=2000)
    np.testing.assert_allclose(found[1:], np.percentile(values, [2.5, 97.5]), atol=0.01)


def test_frames_that_repeat_inside_a_clip_do_not_narrow_the_interval() -> None:
    repeated = np.repeat(np.arange(400), 10)
    wide = explained_variance_interval(PSI[repeated], GUESS[repeated], repeated)
    plain = explained_variance_interval(PSI, GUESS, np.arange(400))
    np.testing.assert_allclose(wide, plain, atol=1e-9)


def test_narrower_level_gives_narrower_interval_and_text_has_three_digits() -> None:
    wide = explained_variance_interval(PSI, GUESS, CLIPS, level=0.95)
    narrow = explained_variance_interval(PSI, GUESS, CLIPS, level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert str(Interval(0.5, 0.25, 0.7504)) == "0.500 [0.250, 0.750]"
    assert f"{Interval(0.5, 0.25, 0.7504):.4f}" == "0.5000 [0.2500, 0.7504]"
    assert f"{Interval(np.nan, np.nan, np.nan):.4f}" == "–"


def test_one_group_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        explained_variance_interval(PSI, GUESS, np.zeros(400))


def test_gain_is_paired() -> None:
    worse = GUESS + 0.1
    gain = explained_variance_gain(PSI, GUESS, worse, CLIPS)
    plain = explained_variance(PSI, GUESS) - explained_variance(PSI, worse)
    assert gain.value == pytest.approx(plain, abs=1e-12)
    one, other = (explained_variance_interval(PSI, g, CLIPS) for g in (GUESS, worse))
    assert gain.high - gain.low < 0.5 * min(one.high - one.low, other.high - other.low)
    assert explained_variance_gain(PSI, GUESS, GUESS, CLIPS) == Interval(0, 0, 0)


# Means

GAPS = np.where(RNG.random((400, 3)) < 0.3, np.nan, PSI)


def test_first_row_holds_the_plain_means_of_what_is_there() -> None:
    draws = resampled_means(GAPS, CLIPS, resamples=7)
    assert draws.shape == (8, 3)
    np.testing.assert_allclose(draws[0], np.nanmean(GAPS, axis=0), rtol=1e-12)


def test_resampled_means_agree_with_drawing_rows_one_group_at_a_time() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), [40] + [9] * 39)  # one of them large
    values = []
    for _ in range(2000):
        rows = np.concatenate([np.flatnonzero(groups == g) for g in rng.integers(0, 40, 40)])
        values.append(np.nanmean(GAPS[rows], axis=0))
    draws = resampled_means(GAPS[: len(groups)], groups, resamples=2000)
    tails = [2.5, 25, 50, 75, 97.5]
    np.testing.assert_allclose(
        np.percentile(draws[1:], tails, 0), np.percentile(values, tails, 0), atol=0.015
    )


def test_columns_see_the_same_draw() -> None:
    draws = resampled_means(np.column_stack([PSI, PSI[:, 0] + 0.5]), CLIPS)
    np.testing.assert_allclose(draws[:, 3] - draws[:, 0], 0.5, rtol=1e-9)


def test_steps_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resampled_means(GAPS, CLIPS, resamples=101)
    monkeypatch.setattr(intervals, "_WEIGHTS", 40 * 7)
    np.testing.assert_allclose(resampled_means(GAPS, CLIPS, resamples=101), whole, rtol=1e-12)


def test_a_group_without_values_counts_as_drawn_but_adds_nothing() -> None:
    # Two groups, one without a value: a quarter of the draws take it twice and have no mean.
    draws = resampled_means([[1.0], [3.0], [np.nan]], ["a", "a", "b"], resamples=4000)[:, 0]
    assert draws[0] == 2
    assert set(draws[~np.isnan(draws)]) == {2.0}
    assert np.isnan(draws[1:]).mean() == pytest.approx(0.25, abs=0.03)
    assert percentile_interval(draws) == Interval(2, 2, 2)


def test_a_column_without_any_value_is_nan_and_prints_a_dash() -> None:
    draws = resampled_means(np.column_stack([PSI[:, 0], np.full(400, np.nan)]), CLIPS)
    assert np.isnan(draws[:, 1]).all() and np.isfinite(draws[:, 0]).all()
    empty = percentile_interval(draws[:, 1])
    assert np.isnan(empty).all()
    assert str(empty) == "–"


def test_percentiles_by_hand() -> None:
    found = percentile_interval([7.0, 4.0, np.nan, 0.0, 1.0, 2.0, 3.0], level=0.5)
    assert found == Interval(7, 1, 3)
    assert percentile_interval([7.0, *range(101)]) == pytest.approx((7, 2.5, 97.5))


def test_a_value_without_any_resample_keeps_the_value() -> None:
    found = percentile_interval([7.0, np.nan])
    assert found.value == 7 and np.isnan(found[1:]).all()
    assert str(found) == "7.000 [nan, nan]"


def test_a_missing_value_has_no_interval() -> None:
    assert np.isnan(percentile_interval([np.nan, 1.0, 2.0])).all()


@pytest.mark.parametrize("draws", [[1.0], [[1.0, 2.0]]])
def test_draws_that_are_no_column_are_refused(draws: list) -> None:
    with pytest.raises(ValueError, match="B >= 1"):
        percentile_interval(draws)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_no_share_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        percentile_interval([1.0, 2.0], level)


@pytest.mark.parametrize(
    ("values", "groups", "resamples", "message"),
    [
        (PSI[:, 0], CLIPS, 10, "values must be"),
        (np.where(PSI > 2, np.inf, PSI), CLIPS, 10, "without infinity"),
        (PSI, CLIPS[1:], 10, "groups must have shape"),
        (PSI, np.zeros(400), 10, "at least two"),
        (PSI[:0], CLIPS[:0], 10, "at least two"),
        (PSI, CLIPS, 0, "at least one resample"),
    ],
)
def test_means_that_cannot_be_resampled_are_refused(
    values: np.ndarray, groups: np.ndarray, resamples: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        resampled_means(values, groups, resamples)
