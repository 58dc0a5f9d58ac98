"""Bootstrap intervals of R^2 over groups."""

from __future__ import annotations

import numpy as np
import pytest

from dfe.metrics import (
    Interval,
    explained_variance,
    explained_variance_gain,
    explained_variance_interval,
)

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
