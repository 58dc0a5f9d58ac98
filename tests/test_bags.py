"""Bags of tokens: by hand, against scikit-learn on words, and under scikit-learn's own checks."""

from __future__ import annotations

import doctest
import pickle
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import estimator_checks

import dfe.bags
from dfe.bags import BagOfTokens, clip_statistics, padded_codes

K, L = 5, 3
OPTIONS = [
    dict(zip(("norm", "idf", "by_stage", "ngrams"), values, strict=True))
    for values in product(("frequency", "count"), (False, True), (False, True), (1, 2))
]


def random_clips(n: int, seed: int, longest: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (M, L) of n clips of 1 .. longest frames, and the clip of each frame (M,)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, n)
    lengths[0] = longest
    clip = np.repeat(np.arange(n), lengths)
    return rng.integers(0, K, (len(clip), L)), clip


def padded(n: int = 12, seed: int = 0) -> np.ndarray:
    return padded_codes(*random_clips(n, seed), n)


def bag_of(**options: Any) -> BagOfTokens:
    return BagOfTokens(n_codes=K, n_stages=L, **options)


def dense(bags: Any) -> np.ndarray:
    return bags.toarray() if sparse.issparse(bags) else bags


# Bags


HAND = [[0, 1, 0, 2, 1, 0], [2, 2, -1, -1, -1, -1]]  # two stages; stage 1 of clip 0 says 0, 0, 1


def test_counts_by_hand() -> None:
    bag = BagOfTokens(n_codes=3, n_stages=2, norm="count")
    assert bag.fit_transform(HAND).tolist() == [[3, 2, 1], [0, 0, 2]]
    by_stage = bag.set_params(by_stage=True).fit_transform(HAND)
    assert by_stage.tolist() == [[2, 1, 0, 1, 1, 1], [0, 0, 1, 0, 0, 1]]


def test_pairs_by_hand() -> None:
    bag = BagOfTokens(n_codes=3, n_stages=2, norm="count", by_stage=True, ngrams=2)
    counts = bag.fit_transform(HAND)
    names = bag.get_feature_names_out()
    seen = [{names[j]: int(row[j]) for j in row.nonzero()[0]} for row in dense(counts)]
    assert seen == [
        {
            "stage 1 token 0": 2,
            "stage 1 token 1": 1,
            "stage 2 token 0": 1,
            "stage 2 token 1": 1,
            "stage 2 token 2": 1,
            "stage 1 token 0>0": 1,
            "stage 1 token 0>1": 1,
            "stage 2 token 1>2": 1,
            "stage 2 token 2>0": 1,
        },
        {"stage 1 token 2": 1, "stage 2 token 2": 1},
    ]


def test_frequencies_divide_by_the_sum() -> None:
    np.testing.assert_allclose(
        BagOfTokens(n_codes=3, n_stages=2).fit_transform(HAND),
        [[3 / 6, 2 / 6, 1 / 6], [0, 0, 1]],
    )
    pairs = dense(BagOfTokens(n_codes=3, n_stages=2, ngrams=2).fit_transform(HAND))
    assert pairs[0].max() == pytest.approx(3 / 10)  # six tokens and four pairs
    assert pairs[0, 3:].sum() == pytest.approx(4 / 10)


@pytest.mark.parametrize("options", [o for o in OPTIONS if o["norm"] == "frequency"])
def test_frequencies_sum_to_1(options: dict) -> None:
    bags = dense(bag_of(**options).fit(padded()).transform(padded(7, 1)))
    np.testing.assert_allclose(bags.sum(axis=1), 1)


@pytest.mark.parametrize("options", OPTIONS)
def test_form_of_the_output(options: dict) -> None:
    bag = bag_of(**options)
    bags = bag.fit_transform(padded())
    names = bag.get_feature_names_out()
    width = (K + K**2 if options["ngrams"] == 2 else K) * (L if options["by_stage"] else 1)
    assert bags.shape == (12, width) == (12, len(names))
    assert bags.dtype == np.float64
    assert names.dtype == object and len(set(names)) == width
    if options["ngrams"] == 2:
        assert sparse.issparse(bags) and bags.format == "csr" and bags.has_canonical_format
    else:
        assert isinstance(bags, np.ndarray)


def stage_documents(rows: np.ndarray) -> list[str]:
    """One text for each stage of each clip, clip after clip."""
    frames = rows.reshape(len(rows), -1, L)
    return [
        " ".join(str(token) for token in clip[:, stage] if token >= 0)
        for clip in frames
        for stage in range(L)
    ]


def test_tokens_and_pairs_are_the_words_of_count_vectorizer() -> None:
    tokens = [str(token) for token in range(K)]
    words = tokens + [f"{first} {second}" for first in tokens for second in tokens]
    vectorizer = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\d+", vocabulary=words)
    rows = padded()
    counts = vectorizer.transform(stage_documents(rows)).toarray().reshape(len(rows), L, -1)

    pooled = bag_of(norm="count", ngrams=2)
    np.testing.assert_array_equal(dense(pooled.fit_transform(rows)), counts.sum(axis=1))
    assert list(pooled.get_feature_names_out()) == [f"token {w.replace(' ', '>')}" for w in words]

    by_stage = np.hstack(
        [kind.reshape(len(rows), -1) for kind in (counts[:, :, :K], counts[:, :, K:])]
    )
    separate = dense(bag_of(norm="count", ngrams=2, by_stage=True).fit_transform(rows))
    np.testing.assert_array_equal(separate, by_stage)
    np.testing.assert_allclose(
        dense(bag_of(ngrams=2, idf=True, by_stage=True).fit_transform(rows)),
        TfidfTransformer(norm="l1").fit_transform(by_stage).toarray(),
    )


@pytest.mark.parametrize(("norm", "sklearn_norm"), [("frequency", "l1"), ("count", None)])
def test_idf_is_that_of_tfidf_vectorizer(norm: str, sklearn_norm: str | None) -> None:
    train, test = padded(9, 2), padded(9, 3)
    train[train == K - 1] = 0  # a token that only the test clips hold
    vectorizer = TfidfVectorizer(
        token_pattern=r"\d+", vocabulary=[str(token) for token in range(K)], norm=sklearn_norm
    )
    texts = [[" ".join(map(str, row[row >= 0])) for row in rows] for rows in (train, test)]
    expected = vectorizer.fit(texts[0]).transform(texts[1]).toarray()
    bag = bag_of(norm=norm, idf=True).fit(train)
    np.testing.assert_allclose(bag.transform(test), expected)
    np.testing.assert_allclose(bag.tfidf_.idf_, vectorizer.idf_)


@pytest.mark.parametrize("norm", ["frequency", "count"])
def test_stages_sum_to_the_plain_bag(norm: str) -> None:
    rows = padded()
    pooled = dense(bag_of(norm=norm, ngrams=2).fit_transform(rows))
    separate = dense(bag_of(norm=norm, ngrams=2, by_stage=True).fit_transform(rows))
    tokens, pairs = separate[:, : L * K], separate[:, L * K :]
    np.testing.assert_allclose(tokens.reshape(-1, L, K).sum(axis=1), pooled[:, :K])
    np.testing.assert_allclose(pairs.reshape(-1, L, K**2).sum(axis=1), pooled[:, K:])


def test_order_of_frames_matters_to_pairs_alone() -> None:
    codes, clip = random_clips(8, 4)
    order = np.lexsort((np.random.default_rng(0).random(len(clip)), clip))
    rows, shuffled = padded_codes(codes, clip, 8), padded_codes(codes[order], clip, 8)
    assert (rows != shuffled).any()
    bag = bag_of(by_stage=True, idf=True)
    np.testing.assert_array_equal(bag.fit_transform(rows), bag.fit_transform(shuffled))
    bag.set_params(ngrams=2)
    assert (dense(bag.fit_transform(rows)) != dense(bag.fit_transform(shuffled))).any()


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 6),
    extra=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    options=st.sampled_from(OPTIONS),
)
def test_padding_never_counts(n: int, extra: int, seed: int, options: dict) -> None:
    codes, clip = random_clips(n, seed)
    rows = padded_codes(codes, clip, n)
    longer = np.pad(rows, ((0, 0), (0, extra * L)), constant_values=-1)
    bags = dense(bag_of(**options).fit_transform(rows))
    np.testing.assert_array_equal(dense(bag_of(**options).fit_transform(longer)), bags)
    if not options["idf"]:  # each clip alone, without any padding
        for i in range(n):
            alone = bag_of(**options).fit_transform(codes[clip == i].reshape(1, -1))
            np.testing.assert_allclose(dense(alone)[0], bags[i])


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.float32, np.float64, object])
def test_any_kind_of_whole_numbers(dtype: type) -> None:
    codes, clip = random_clips(6, 5, longest=1)  # no padding, which unsigned numbers cannot hold
    rows = padded_codes(codes, clip, 6)
    np.testing.assert_array_equal(
        bag_of().fit_transform(rows.astype(dtype)), bag_of().fit_transform(rows)
    )


# What is refused


def rows_with(row: list[float]) -> np.ndarray:
    return np.array([[0] * 6, row])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0, 0, 0, 0, 0, 5], r"row 1, column 5 holds 5; codes lie in 0 \.\. 4"),
        ([0, -2, 0, 0, 0, 0], "Negative values in data: row 1, column 1 holds -2"),
        ([0, 0, 1.5, 0, 0, 0], "not whole: row 1, column 2 holds 1.5"),
        ([0, 0, 0, 0, 0, -1], "row 1: padding of -1 must be whole frames of 3"),
        ([0, 0, -1, -1, -1, -1], "row 1: padding"),
        ([-1, -1, -1, 0, 0, 0], "row 1: padding of -1 .* at the end"),
        ([-1] * 6, r"no frame of rows \[1\]: drop"),
    ],
)
def test_a_row_that_is_no_clip_is_named(row: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bag_of().fit(rows_with(row))
    with pytest.raises(ValueError, match=message):
        bag_of().fit(np.zeros((1, 6), int)).transform(rows_with(row))


def test_columns_that_are_no_whole_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="7 columns, which is no multiple of n_stages = 3"):
        bag_of().fit(np.zeros((2, 7), int))
    with pytest.raises(ValueError, match="X has 9 features, but BagOfTokens is expecting 6"):
        bag_of().fit(np.zeros((2, 6), int)).transform(np.zeros((2, 9), int))


def test_presence_is_no_code() -> None:
    with pytest.raises(TypeError, match="integers, got dtype bool"):
        bag_of().fit(np.zeros((2, 6), bool))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_codes", 0),
        ("n_codes", 64.0),
        ("n_stages", 0),
        ("n_stages", "4"),
        ("ngrams", 0),
        ("ngrams", 3),
        ("norm", "l1"),
        ("norm", None),
        ("idf", "yes"),
        ("by_stage", 1),
    ],
)
def test_a_wrong_parameter_is_refused_when_fitted(name: str, value: object) -> None:
    bag = BagOfTokens().set_params(**{name: value})
    with pytest.raises((TypeError, ValueError), match=name):
        bag.fit(np.zeros((2, 12), int))


@pytest.mark.parametrize("options", [{"by_stage": np.True_, "ngrams": np.int64(2)}, {"n_codes": 1}])
def test_parameters_of_numpy_and_the_smallest_are_taken(options: dict) -> None:
    bags = BagOfTokens(**options).fit_transform(np.zeros((2, 8), int))
    np.testing.assert_allclose(dense(bags).sum(axis=1), 1)


# scikit-learn


# One stage, as scikit-learn's checks feed tables of any width. The tag "categorical" makes them
# codes, so that no check has to be excused.
@estimator_checks.parametrize_with_checks(
    [
        BagOfTokens(n_stages=1),
        BagOfTokens(n_stages=1, idf=True, by_stage=True),
        BagOfTokens(n_stages=1, norm="count", ngrams=2),
    ]
)
def test_scikit_learn_checks(estimator: BagOfTokens, check: Any) -> None:
    check(estimator)


# scikit-learn runs these on its own estimators only.
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_dataframe_column_names_consistency,
        estimator_checks.check_set_output_transform,
        estimator_checks.check_set_output_transform_pandas,
        estimator_checks.check_global_output_transform_pandas,
    ],
)
@pytest.mark.filterwarnings("ignore:X .* feature names:UserWarning")  # provoked by the checks
def test_more_checks_of_scikit_learn(check: Any) -> None:
    check("BagOfTokens", BagOfTokens(n_stages=1, idf=True))


def test_names_of_columns() -> None:
    bag = BagOfTokens()
    with pytest.raises(NotFittedError):
        bag.get_feature_names_out()
    names = bag.fit(np.zeros((1, 8), int)).get_feature_names_out()
    assert names[0] == "token 0" and names[12] == "token 12" and len(names) == 64
    names = clone(bag).set_params(by_stage=True, ngrams=2).fit([[0] * 8]).get_feature_names_out()
    assert names[64 + 12] == "stage 2 token 12"
    assert names[4 * 64 + 3 * 64 + 7] == "stage 1 token 3>7"
    assert names[-1] == "stage 4 token 63>63"


def test_a_pandas_output_has_these_names() -> None:
    rows = padded()
    bag = bag_of(idf=True).fit(rows)
    plain = bag.transform(rows)
    with config_context(transform_output="pandas"):
        table = bag.transform(rows)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == list(bag.get_feature_names_out())
    np.testing.assert_array_equal(table.to_numpy(), plain)


def test_a_clone_is_unfitted_and_a_pickle_is_fitted() -> None:
    bag = bag_of(idf=True, ngrams=2, by_stage=True, norm="count").fit(padded())
    twin = clone(bag)
    assert twin.get_params() == bag.get_params()
    with pytest.raises(NotFittedError):
        twin.transform(padded())
    loaded = pickle.loads(pickle.dumps(bag))
    np.testing.assert_array_equal(
        dense(loaded.transform(padded(5, 6))), dense(bag.transform(padded(5, 6)))
    )


def test_grid_search_in_a_pipeline_tells_clips_apart() -> None:
    codes, clip = random_clips(40, 7)
    y = np.arange(40) % 2
    codes[:, 1] = np.where(y[clip] == 1, codes[:, 1] % 2, 2 + codes[:, 1] % 3)
    pipeline = make_pipeline(bag_of(by_stage=True), StandardScaler(), SVC(kernel="linear"))
    grid = {
        "bagoftokens__norm": ["frequency", "count"],
        "bagoftokens__idf": [False, True],
        "bagoftokens__ngrams": [1],
    }
    search = GridSearchCV(pipeline, grid, cv=4, error_score="raise")
    search.fit(padded_codes(codes, clip, 40), y)
    assert search.best_score_ > 0.9
    assert len(search.cv_results_["params"]) == 4
    names = search.best_estimator_[:-1].get_feature_names_out()
    assert names[K] == "stage 2 token 0"


def test_pairs_go_into_a_classifier_as_they_are() -> None:
    rows, y = padded(20), np.arange(20) % 2
    model = make_pipeline(bag_of(ngrams=2), StandardScaler(with_mean=False), SVC()).fit(rows, y)
    assert model.predict(rows).shape == (20,)


def test_examples_in_the_docstrings() -> None:
    failed, tried = doctest.testmod(dfe.bags)
    assert failed == 0 and tried >= 4


# Rows of codes


def test_padded_codes_by_hand() -> None:
    codes = np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.int32)
    rows = padded_codes(codes, [0, 1, 1, 2], 3)
    assert rows.dtype == np.int64
    assert rows.tolist() == [[1, 2, -1, -1], [3, 4, 5, 6], [7, 8, -1, -1]]


@given(n=st.integers(1, 8), seed=st.integers(0, 10**6))
def test_padded_codes_keep_every_frame_in_order(n: int, seed: int) -> None:
    codes, clip = random_clips(n, seed)
    rows = padded_codes(codes, clip, n).reshape(n, -1, L)
    lengths = (rows >= 0).all(axis=2).sum(axis=1)
    kept = [row[:length] for row, length in zip(rows, lengths, strict=True)]
    np.testing.assert_array_equal(np.concatenate(kept), codes)
    assert (rows >= 0).sum() == codes.size


@pytest.mark.parametrize(
    ("codes", "error", "message"),
    [
        (np.zeros((2, 2)), TypeError, "codes must be integers, got dtype float64"),
        (np.zeros(2, int), ValueError, r"shape \(M, L\)"),
        (np.zeros((2, 0), int), ValueError, r"shape \(M, L\)"),
        ([[0, 0], [3, -1]], ValueError, r"frame 1 holds a negative code: \[3, -1\]"),
    ],
)
def test_codes_that_are_none_are_refused(codes: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        padded_codes(codes, [0, 1], 2)


BAD_CLIPS = [
    ([0.0, 1.0, 1.0], 2, TypeError, "clip must be integers, got dtype float64"),
    ([0, 1], 2, ValueError, r"each of 3 \(> 0\) frames, got \(2,\)"),
    ([0, 2, 1], 3, ValueError, "it does after frame 1"),
    ([0, 1, 2], 2, ValueError, r"0 \.\. 1, got 0 \.\. 2"),
    ([-1, 0, 1], 2, ValueError, r"0 \.\. 1, got -1 \.\. 1"),
    ([1, 1, 4], 6, ValueError, r"no frame of clips \[0, 2, 3, 5\]: drop these clips"),
    ([1, 1, 4], 9, ValueError, r"no frame of clips \[0, 2, 3, 5, 6\] and 2 more: drop"),
]


@pytest.mark.parametrize(("clip", "n_clips", "error", "message"), BAD_CLIPS)
def test_clips_that_do_not_fit_their_frames_are_refused(
    clip: list, n_clips: int, error: type, message: str
) -> None:
    for call in (
        lambda: padded_codes(np.zeros((3, 2), int), clip, n_clips),
        lambda: clip_statistics(np.zeros((3, 2)), clip, n_clips),
    ):
        with pytest.raises(error, match=message):
            call()


def test_no_frames_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0 \(> 0\) frames"):
        padded_codes(np.zeros((0, 2), int), np.zeros(0, int), 0)


# Statistics of clips


def test_statistics_are_those_of_pandas() -> None:
    rng = np.random.default_rng(8)
    clip = np.sort(np.concatenate([np.arange(7), rng.integers(0, 7, 40)]))
    values = rng.normal(50, 2, (len(clip), 3)).astype(np.float32)
    table = pd.DataFrame(values.astype(float)).groupby(clip)
    expected = np.hstack([table.mean(), table.std(ddof=0)])
    statistics = clip_statistics(values, clip, 7)
    assert statistics.dtype == np.float64
    np.testing.assert_allclose(statistics, expected, rtol=1e-12)


def test_one_frame_has_no_spread() -> None:
    statistics = clip_statistics([[0.1, 7], [1, 2], [3, 2]], [0, 1, 1], 2)
    assert statistics.tolist() == [[0.1, 7, 0, 0], [2, 2, 1, 0]]


def test_small_spread_far_from_zero_survives() -> None:
    values = np.array([[1e6 + 0.25], [1e6 - 0.25]], np.float32)  # squares would cancel in float32
    assert clip_statistics(values, [0, 0], 1).tolist() == [[1e6, 0.25]]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([[0.0, 1.0], [2.0, np.nan]], ValueError, "frame 1, column 1 of the values is nan"),
        ([[0.0, -np.inf], [2.0, np.nan]], ValueError, "frame 0, column 1 of the values is -inf"),
        ([0.0, 1.0], ValueError, r"shape \(M, D\), got \(2,\)"),
        ([["a"], ["b"]], TypeError, "real numbers"),
        ([[1j], [0]], TypeError, "real numbers, got dtype complex128"),
    ],
)
def test_values_that_are_none_are_refused(values: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        clip_statistics(values, [0, 1], 2)
