"""Outer splits: whose clips are trained on, whose are scored; and methods that see no features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold
from utility_support import ONE, method

from dfe.metrics import ACCURACY, AUC, CCC, score
from dfe.utility import (
    UtilityError,
    classify,
    grouped_folds,
    leave_one_group_out,
    leave_one_out,
    majority,
    mean_value,
    official_dev,
    official_split,
    ungrouped_folds,
)


def test_outer_splits_of_a_hand_case() -> None:
    assert [pair[1].tolist() for pair in leave_one_out(3)] == [[0], [1], [2]]
    by_group = leave_one_group_out(["b", "a", "b"])
    assert [(a.tolist(), b.tolist()) for a, b in by_group] == [([0, 2], [1]), ([1], [0, 2])]
    [(train, test)] = official_split(["test", "dev", "train", "test"])
    assert (train.tolist(), test.tolist()) == ([1, 2], [0, 3])
    assert official_dev(["test", "dev", "train"]).test_fold.tolist() == [-1, 0, -1]


@given(
    groups=st.lists(st.sampled_from("abcdefg"), min_size=4, max_size=40).filter(
        lambda names: len(set(names)) > 2
    ),
    seed=st.none() | st.integers(0, 9),
)
def test_groups_stay_whole_and_all_rows_are_scored(groups: list[str], seed: int | None) -> None:
    names = np.array(groups)
    for outer in (leave_one_group_out(names), grouped_folds(names, 3, seed)):
        assert sorted(np.concatenate([test for _, test in outer])) == list(range(len(names)))
        for train, test in outer:
            assert not set(names[train]) & set(names[test])
            assert len(train) + len(test) == len(names)


def test_official_folds_by_subject_are_those_of_scikit_learn() -> None:
    groups = np.repeat(np.arange(9), [3, 5, 1, 2, 2, 4, 1, 7, 2])
    expected = GroupKFold(4).split(groups, groups=groups)
    for ours, theirs in zip(grouped_folds(groups, 4), expected, strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])
    drawn = [pair[1].tolist() for pair in grouped_folds(groups, 4, seed=1)]
    assert drawn != [pair[1].tolist() for pair in grouped_folds(groups, 4, seed=2)]
    assert drawn == [pair[1].tolist() for pair in grouped_folds(groups, 4, seed=1)]


def test_ungrouped_folds_have_like_shares() -> None:
    y = np.repeat(["a", "b"], [20, 40])
    outer = ungrouped_folds(y, 4, seed=0)
    assert [(y[test] == "a").sum() for _, test in outer] == [5, 5, 5, 5]
    assert np.diff(outer[0][1]).max() > 1  # shuffled
    assert any(
        a[1].tolist() != b[1].tolist()
        for a, b in zip(outer, ungrouped_folds(y, 4, seed=1), strict=True)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: leave_one_out(1), "2 folds need as many clips, and there are 1"),
        (lambda: leave_one_group_out(["a", "a"]), "as many groups, and there are 1"),
        (lambda: grouped_folds(["a", "b"], 3), "3 folds need as many groups, and there are 2"),
        (lambda: grouped_folds(["a", None], 2), "1 of 2 groups are missing"),
        (lambda: ungrouped_folds([0, 0, 1], 3, 0), "3 folds need .* there are 2: use fewer"),
        (lambda: official_split(["train", "test", "val"]), "1 clips are in none.*row 2 has 'val'"),
        (lambda: official_split(["train", "dev"]), r"needs clips in \['test'\]"),
        (lambda: official_split(["test"]), "nothing to train on"),
        (lambda: official_dev(["train", "test"]), r"needs clips in \['dev'\]"),
        (lambda: official_dev(["dev", "test"]), r"needs clips in \['train'\]"),
    ],
)
def test_splits_refuse(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UtilityError, match=message):
        make()


@pytest.mark.parametrize(
    ("outer", "message"),
    [
        ([], "no outer split"),
        ([([0, 1], [])], "trains on 2 clips, tests 0"),
        ([([], [1])], "trains on 0"),
        ([([0, 1], [4])], "rows 0 .. 4 of 4"),
        ([([0, -1], [2])], "rows -1 .. 2 of 4"),
        ([([0, 1, 2], [3]), ([0, 1, 2], [2, 3])], r"outer fold 1 trains on rows it tests: \[2\]"),
        ([([0, 1], [2, 3]), ([0, 1], [3])], r"scored in several folds: \[3\]"),
    ],
)
def test_wrong_outer_splits_are_refused(outer: Any, message: str) -> None:
    pairs = [(np.array(a, np.intp), np.array(b, np.intp)) for a, b in outer]
    for run in (
        lambda: classify(method(np.eye(4)), [0, 1, 0, 1], pairs, ONE, inner="stratified"),
        lambda: mean_value([0.0, 1, 2, 3], pairs),
        lambda: majority([0, 1, 1, 1], pairs),
    ):
        with pytest.raises(UtilityError, match=message):
            run()


# Floors


def test_the_majority_of_the_others_is_always_wrong() -> None:
    y = np.resize(["r", "a", "d"], 45)
    found = majority(y, leave_one_out(45))
    assert score(ACCURACY, y, found.predicted) == 0
    assert score(AUC, y, found.score) == 0.5


def test_the_majority_of_the_training_clips() -> None:
    y = np.array([1, 1, 0, 1, 0, 0, 0, 0])
    [split] = official_split(["train"] * 4 + ["test"] * 4)
    found = majority(y, [split])
    np.testing.assert_array_equal(found.rows, [4, 5, 6, 7])
    np.testing.assert_array_equal(found.predicted, [1, 1, 1, 1])
    assert found.score is not None and found.score.shape == (4,)
    assert found.chosen == [{}]


def test_the_mean_of_the_training_values() -> None:
    y = np.array([1.0, 3.0, 8.0])
    assert mean_value(y, leave_one_out(3)).predicted.tolist() == [5.5, 4.5, 2.0]
    assert score(CCC, y, mean_value(y, leave_one_out(3)).predicted) < 0
    one = mean_value(y, official_split(["test", "dev", "train"]))
    assert (one.rows.tolist(), one.predicted.tolist(), one.score) == ([0], [5.5], None)
