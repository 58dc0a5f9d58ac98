"""The comparison of codings: each as `retrieve` sees it alone, and gains on shared queries."""

from __future__ import annotations

import numpy as np
import pytest

from dfe.accuracy import (
    AU_CODING,
    DFE_CODING,
    HUMAN_CODING,
    MEASURES,
    Comparison,
    compare_codings,
    standard_codings,
)
from dfe.metrics import cells, presence, retrieve

RNG = np.random.default_rng(0)
N = 240
FEATURES = RNG.normal(size=(N, 4)).astype(np.float32)
CLIPS = np.repeat(np.arange(24), 10)
FINE, COARSE = RNG.integers(0, 60, N), RNG.integers(0, 8, N)


def compare(**changes: object) -> Comparison:
    settings: dict = {"clips": CLIPS, "minimum": 3, "resamples": 200}
    codings = {"fine": FINE, "coarse": COARSE}
    return compare_codings(FEATURES, codings, CLIPS, **settings | changes)


@pytest.mark.parametrize("exclude", [False, True])
def test_each_coding_is_measured_as_if_alone(exclude: bool) -> None:
    table = compare(exclude=exclude).table()
    assert list(table.index) == ["fine", "coarse"]
    for name, labels in (("fine", FINE), ("coarse", COARSE)):
        alone = retrieve(FEATURES, labels, CLIPS, exclude_own_clip=exclude, minimum=3)
        row = table.loc[name]
        for measure, field in MEASURES.items():
            assert row[measure].value == pytest.approx(np.nanmean(getattr(alone, field)))
            assert row[measure].low < row[measure].value < row[measure].high
        assert row["queries"] == alone.kept.sum() and 0 < row["queries"] <= N
        assert row["kept"] == alone.kept.mean()
        assert row["cells"] == len(np.unique(labels))
        assert row["own"] == alone.own_clip_share
    assert (table["queries"].to_numpy() < N).any()


def test_without_clips_the_own_share_is_unknown() -> None:
    assert compare(clips=None).table()["own"].isna().all()


def test_gain_is_on_the_queries_that_both_keep() -> None:
    gain = compare().gain("fine", "coarse")
    fine, coarse = (retrieve(FEATURES, labels, minimum=3) for labels in (FINE, COARSE))
    both = fine.kept & coarse.kept
    assert 0 < both.sum() < coarse.kept.sum()
    for measure, field in MEASURES.items():
        plain = (getattr(fine, field) - getattr(coarse, field))[both].mean()
        assert gain[measure].value == pytest.approx(plain)
    flipped = compare().gain("coarse", "fine")
    assert flipped["CosSim"].value == pytest.approx(-gain["CosSim"].value)
    assert compare().gain("fine", "fine")["EucDist"] == (0, 0, 0)


def test_a_coding_that_keeps_no_query_has_no_measures() -> None:
    alone = compare_codings(FEATURES, {"a": np.arange(N), "b": COARSE}, CLIPS, resamples=20)
    row = alone.table().loc["a"]
    assert row["queries"] == 0 and str(row["EucDist"]) == "–"
    assert str(alone.gain("b", "a")["Std"]) == "–"


def test_controls_have_the_granularity_of_what_they_control() -> None:
    codes = RNG.integers(0, 6, (N, 3))
    intensity = np.zeros((N, 12), np.float32)
    intensity[:, :4] = RNG.random((N, 4))
    psi = RNG.normal(size=(N, 5)).astype(np.float32)
    units = (intensity > 0.5, intensity)
    found = standard_codings(codes, 6, psi, units)
    sizes = {name: len(np.unique(labels)) for name, labels in found.items()}
    np.testing.assert_array_equal(found[DFE_CODING], cells(presence(codes, 6)))
    np.testing.assert_array_equal(found[AU_CODING], cells(intensity > 0.5))
    assert sizes["k-means"] == sizes["random"] == sizes[DFE_CODING]
    assert sizes["k-means, coarse"] == sizes["random, coarse"] == sizes[AU_CODING] == 16
    assert abs(sizes["action-unit intensities"] - sizes[DFE_CODING]) <= 10
    for control, base in (("random", DFE_CODING), ("random, coarse", AU_CODING)):
        assert sorted(np.bincount(found[control])) == sorted(np.bincount(found[base]))
        assert (found[control] != found[base]).any()
    labels = intensity > 0.8
    labelled = standard_codings(codes, 6, psi, units, human=labels)
    assert list(labelled) == [*found, HUMAN_CODING]
    np.testing.assert_array_equal(labelled[HUMAN_CODING], cells(labels))
    other = standard_codings(codes, 6, psi, units, seed=1)
    assert (other["random"] != found["random"]).any()
    without = standard_codings(codes, 6, psi, None)
    assert list(without) == [DFE_CODING, "k-means", "random"]
    np.testing.assert_array_equal(without["random"], found["random"])
    again = standard_codings(codes, 6, psi, None, seed=1, human=labels)
    assert list(again) == [*without, HUMAN_CODING]
    for name in ("k-means", "random"):
        np.testing.assert_array_equal(again[name], other[name])
