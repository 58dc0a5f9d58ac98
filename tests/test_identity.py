"""Identity leakage: planted identity, noise, clips that give themselves away, and small cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dfe.metrics.identity import clip_from_half, clip_means, halves, subject_from_frame

# Four subjects with twelve clips of ten frames each; labels are strings, as in a feature table.
CLIP = np.repeat(np.arange(48), 10)
SUBJECT = CLIP % 4
SUBJECTS = np.array(["anna", "ben", "cleo", "dan"])[SUBJECT]
CLIPS = np.char.add("clip-", CLIP.astype(str))
NOISE = np.random.default_rng(0).normal(size=(480, 8))


def test_planted_identity_is_found() -> None:
    found = subject_from_frame(NOISE + 20 * np.eye(4, 8)[SUBJECT], SUBJECTS, CLIPS)
    assert found.accuracy == 1
    np.testing.assert_array_equal(found.hits, np.ones(480))
    np.testing.assert_allclose(found.balanced_hits, 1)
    assert (found.chance, found.subjects, found.left_out) == (0.25, 4, 0)
    assert (found.frames, found.folds) == (480, 5)
    assert 0.05 < found.shuffled < 0.5


def test_binary_features_without_noise_are_found_too() -> None:
    assert subject_from_frame(np.eye(4, dtype=bool)[SUBJECT], SUBJECTS, CLIPS).accuracy == 1


def test_units_of_single_features_do_not_matter() -> None:
    x = NOISE + np.eye(4, 8)[SUBJECT]
    scaled = subject_from_frame(x * np.geomspace(1e-4, 1e4, 8) + 7, SUBJECTS, CLIPS)
    np.testing.assert_array_equal(scaled.hits, subject_from_frame(x, SUBJECTS, CLIPS).hits)


def test_noise_is_named_by_chance() -> None:
    found = subject_from_frame(NOISE, SUBJECTS, CLIPS)
    assert 0.15 < found.accuracy < 0.35
    assert 0.15 < found.shuffled < 0.35


def test_features_that_do_not_vary_are_named_by_chance() -> None:
    assert subject_from_frame(np.ones((480, 2)), SUBJECTS, CLIPS).accuracy == pytest.approx(0.25)


def test_frames_of_the_own_clip_do_not_help() -> None:
    x = 0.1 * NOISE[:, :1] + np.random.default_rng(1).normal(size=(48, 60))[CLIP]
    model = make_pipeline(StandardScaler(), RidgeClassifier())
    splits = StratifiedKFold(5, shuffle=True, random_state=0)
    assert cross_val_score(model, x, SUBJECT, cv=splits).mean() > 0.95  # frames split at random
    assert subject_from_frame(x, SUBJECTS, CLIPS).accuracy < 0.4


def test_accuracy_is_the_balanced_one_of_scikit_learn_fold_by_fold() -> None:
    keep = (SUBJECT > 0) | (CLIP < 12)  # the first subject has three clips
    subject, clip = SUBJECT[keep], CLIP[keep]
    x = (NOISE + 2 * np.eye(4, 8)[SUBJECT])[keep]
    found = subject_from_frame(x, SUBJECTS[keep], CLIP[keep], seed=3)
    guess = np.empty_like(subject)
    splits = StratifiedGroupKFold(3, shuffle=True, random_state=3)
    for train, test in splits.split(x, subject, clip):
        assert set(subject[train]) == set(subject[test]) == {0, 1, 2, 3}
        model = make_pipeline(StandardScaler(), RidgeClassifier(class_weight="balanced"))
        guess[test] = model.fit(x[train], subject[train]).predict(x[test])
    assert found.folds == 3
    np.testing.assert_array_equal(found.hits, guess == subject)
    assert found.accuracy == pytest.approx(balanced_accuracy_score(subject, guess))
    assert found.accuracy == pytest.approx(found.balanced_hits.mean())
    assert abs(found.accuracy - found.hits.mean()) > 1e-3  # the two do differ here
    _, first, index = np.unique(clip, return_index=True, return_inverse=True)
    stranger = np.random.default_rng(3).permutation(subject[first])[index]
    shuffled = subject_from_frame(x, stranger, clip, seed=3).accuracy
    assert found.shuffled == pytest.approx(shuffled)


def test_a_rare_subject_is_named_as_well_as_the_others() -> None:
    rare = (SUBJECT != 0) | (CLIP < 24) & (np.arange(480) % 10 == 0)  # six frames against 120
    x = NOISE[:, :1] + 6 * SUBJECT[:, None]  # alone, the rare class would be given up
    two = rare & (SUBJECT < 2)
    found = subject_from_frame(x[two], SUBJECT[two], CLIP[two])
    assert found.hits[SUBJECT[two] == 0].mean() == 1


def test_subjects_with_one_clip_are_left_out_and_counted() -> None:
    lone = np.where(CLIP == 1, "eve", SUBJECTS)  # clip 1 was one of ben's twelve
    x = NOISE + 20 * np.eye(4, 8)[SUBJECT]
    found = subject_from_frame(x, lone, CLIPS)
    np.testing.assert_array_equal(np.isnan(found.hits), CLIP == 1)
    np.testing.assert_array_equal(np.isnan(found.balanced_hits), CLIP == 1)
    assert (found.subjects, found.left_out, found.frames) == (4, 1, 470)
    assert (found.accuracy, found.chance) == (1, 0.25)
    assert np.nanmean(found.balanced_hits) == pytest.approx(1)


def test_the_seed_decides_the_folds_and_the_shuffle() -> None:
    weak = NOISE + np.eye(4, 8)[SUBJECT]
    one, same, other = (subject_from_frame(weak, SUBJECTS, CLIPS, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.hits, same.hits)
    assert one.shuffled == same.shuffled != other.shuffled
    assert not np.array_equal(one.hits, other.hits)


def test_the_shuffle_moves_whole_clips() -> None:
    # Frames of a clip are equal here, so all ten are named right or wrong together.
    x = np.random.default_rng(1).normal(size=(48, 3))[CLIP]
    found = subject_from_frame(x, SUBJECTS, CLIPS)
    assert (found.shuffled * 48) == pytest.approx(round(found.shuffled * 48))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": NOISE[:, 0]}, "features must have shape"),
        ({"features": NOISE[:, :0]}, "features must have shape"),
        ({"features": np.where(np.arange(480)[:, None] == 7, np.nan, NOISE)}, "first: row 7"),
        ({"subjects": SUBJECTS[1:]}, r"subjects must have shape \(480,\)"),
        ({"clips": np.where(CLIP == 0, np.nan, CLIP)}, "10 of 480 clips are missing"),
        ({"clips": np.where(CLIP < 2, "x", CLIPS)}, "clip 'x' has more than one subject"),
        ({"clips": SUBJECTS}, "two with at least two clips, got 0"),
        ({"subjects": np.full(480, "one")}, "two with at least two clips, got 1"),
        ({"folds": 1}, "at least two folds"),
    ],
)
def test_bad_input_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        subject_from_frame(**({"features": NOISE, "subjects": SUBJECTS, "clips": CLIPS} | change))


def test_clip_from_half_by_hand_with_a_tie() -> None:
    first = np.array([[0.0, 0], [5, 0], [9, 0], [2, 0]])
    second = np.array([[0.0, 1], [4, 0], [0, 0], [0, -1]])
    # 0: row 2 is nearer. 1: found. 2: row 1 is nearer. 3: rows 1 and 2 tie, its own is farther.
    found = clip_from_half(first, second)
    np.testing.assert_allclose(found.hits, [0, 1, 0, 0])
    tie = clip_from_half([[1.0], [5]], [[0.0], [2]])
    np.testing.assert_allclose(tie.hits, [0.5, 1])
    assert (tie.accuracy, tie.chance) == (0.75, 0.5)
    rounded = clip_from_half([[0.1], [5]], [[-0.1], [0.3]])  # 0.2 and 0.19999999999999998 away
    np.testing.assert_allclose(rounded.hits, [0.5, 1])


def test_halves_that_are_all_alike_are_found_by_chance() -> None:
    found = clip_from_half(np.full((7, 3), 0.1), np.full((7, 3), 0.3))
    np.testing.assert_allclose(found.hits, 1 / 7)
    assert found.accuracy == pytest.approx(found.chance)


@given(seed=st.integers(0, 2**32 - 1))
def test_clip_from_half_is_the_share_of_own_rank_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, 6, 2))
    distance = np.sqrt(np.square(first[:, None] - second[None]).sum(-1))
    best = rankdata(distance, axis=1).diagonal() == 1
    np.testing.assert_array_equal(clip_from_half(first, second).hits, best)
    order = rng.permutation(6)
    again = clip_from_half(first[order], second[order])
    np.testing.assert_array_equal(again.hits, best[order])


def test_bad_halves_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        clip_from_half(np.ones((3, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="at least two"):
        clip_from_half(np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="second: 3 rows hold NaN"):
        clip_from_half(np.ones((3, 2)), np.full((3, 2), np.inf))


def test_halves_follow_the_frame_and_leave_out_single_frames() -> None:
    clips = np.array(["b", "a", "a", "c", "a", "b", "a", "a"])
    frame = np.array([9, 50, 10, 0, 30, 3, 40, 20])  # a: 10 20 | 30 40 50, b: 3 | 9
    first, second = halves(clips, frame)
    np.testing.assert_array_equal(np.flatnonzero(first), [2, 5, 7])
    np.testing.assert_array_equal(np.flatnonzero(second), [0, 1, 4, 6])
    assert not (first[3] or second[3])
    assert all(len(mask) == 0 for mask in halves([], []))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_halves_are_disjoint_and_of_equal_size(clips: list[int]) -> None:
    frame = np.random.default_rng(len(clips)).permutation(len(clips))
    first, second = halves(clips, frame)
    for clip in set(clips):
        own = np.array(clips) == clip
        n = own.sum()
        sizes = ((own & first).sum(), (own & second).sum())
        assert sizes == ((0, 0) if n == 1 else (n // 2, n - n // 2))
        if n > 1:
            assert frame[own & first].max() < frame[own & second].min()


def test_frames_that_cannot_be_ordered_are_refused() -> None:
    with pytest.raises(ValueError, match="1 frames repeat"):
        halves(["a", "a", "b"], [1, 1, 1])
    with pytest.raises(TypeError, match="numbers"):
        halves(["a", "a"], ["9", "10"])
    with pytest.raises(ValueError, match="frame numbers must have shape"):
        halves(["a", "a"], [1])
    with pytest.raises(ValueError, match="1 of [0-9]+ frame numbers are missing"):
        halves(["a", "a"], [1, np.nan])


def test_clip_means_are_in_the_order_of_the_labels() -> None:
    found = clip_means([[1, 0], [2, 4], [4, 0]], ["b", "a", "b"])
    assert found.clips.tolist() == ["a", "b"]
    np.testing.assert_allclose(found.means, [[2, 4], [2.5, 0]])
    np.testing.assert_allclose(clip_means(np.eye(2, dtype=bool), [7, 7]).means, [[0.5, 0.5]])
    with pytest.raises(ValueError, match="rows"):
        clip_means(np.zeros((0, 2)), [])
