"""One row of features for each clip: bags of tokens, and statistics of what observers measured."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils import Tags, check_scalar
from sklearn.utils.validation import check_is_fitted, validate_data

PADDING = -1  # fills up the rows of clips that are shorter than the longest
_NORMS = {"frequency": "l1", "count": None}  # what TfidfTransformer calls them


class BagOfTokens(TransformerMixin, BaseEstimator):
    """Bag of words of section 4.3: "a frequency distribution over the codebook entries".

    The input is (N, F L) integers, one row for each clip: frame after frame, and within a frame
    its L tokens in the order of their stages. Clips with fewer than F frames are filled up at the
    end with whole frames of -1, which count nothing; `padded_codes` makes such rows. Floating
    point numbers are taken if they are whole. As everywhere in scikit-learn, the rows to be
    transformed need the width of those fitted: pad all clips of a task at once, before splitting.

    Parameters
    ----------
    n_codes, n_stages
        K and L.
    norm
        "frequency" divides each row by its sum, so that it sums to 1. "count" does not: a long
        clip then has larger values than a short one.
    idf
        Weight each column by ``ln((1 + n) / (1 + df)) + 1``, where df of the n fitted clips hold
        its word (`sklearn.feature_extraction.text.TfidfTransformer`). Rows are divided by their
        sums after that, so frequencies still sum to 1.
    by_stage
        Separate columns for each stage, and not one bag for all stages, which share a codebook.
    ngrams
        2 also counts pairs: tokens of one stage in two successive frames of a clip. Like tokens
        they have separate columns for each stage only if `by_stage`. Tokens and pairs of a clip
        are divided by their common sum, so in a long clip each kind has a share of about one half.

    Attributes
    ----------
    n_features_in_
        F L.
    feature_names_in_
        Column names of the data frame fitted; exists only if one was.
    tfidf_
        The fitted `TfidfTransformer`, with the weights as `idf_` if `idf`.

    Notes
    -----
    There are K columns for tokens, followed by K^2 for pairs if `ngrams` is 2; with `by_stage`
    there are L times as many, stage after stage. The result is a float64 array, or a sparse float64
    matrix in CSR format if `ngrams` is 2.

    Examples
    --------
    Two clips of two stages; the second has one frame only.

    >>> clips = [[0, 2, 0, 1], [3, 3, -1, -1]]
    >>> bag = BagOfTokens(n_codes=4, n_stages=2)
    >>> bag.fit_transform(clips)
    array([[0.5 , 0.25, 0.25, 0.  ],
           [0.  , 0.  , 0.  , 1.  ]])
    >>> bag.get_feature_names_out().tolist()
    ['token 0', 'token 1', 'token 2', 'token 3']
    """

    def __init__(
        self,
        n_codes: int = 64,
        n_stages: int = 4,
        norm: Literal["frequency", "count"] = "frequency",
        idf: bool = False,
        by_stage: bool = False,
        ngrams: int = 1,
    ) -> None:
        self.n_codes = n_codes
        self.n_stages = n_stages
        self.norm = norm
        self.idf = idf
        self.by_stage = by_stage
        self.ngrams = ngrams

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the rows, and learn the weights of the words if `idf`.

        Parameters
        ----------
        X
            (N, F L) codes in 0 .. K - 1, and -1 behind the end of a clip.
        y
            Not used.

        Raises
        ------
        TypeError
            If a parameter has a wrong type, or X is sparse or not numbers.
        ValueError
            If a parameter is out of its range, or X is not what the class says; the message names
            the row.
        """
        self._check_parameters()
        codes = self._check(X, reset=True)
        weighting = TfidfTransformer(norm=_NORMS[self.norm], use_idf=self.idf)
        self.tfidf_ = weighting.fit(self._counts(codes))
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64] | sparse.csr_matrix:
        """Bags of clips.

        Parameters
        ----------
        X
            As in `fit`, with the same number of columns.

        Returns
        -------
        (N, columns) float64, dense or sparse as the class says

        Raises
        ------
        TypeError, ValueError
            As in `fit`.
        """
        check_is_fitted(self)
        bags = self.tfidf_.transform(self._counts(self._check(X, reset=False)), copy=False)
        return bags if self.ngrams > 1 else bags.toarray()

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Names of the columns, such as "token 12", "stage 2 token 12" or "stage 1 token 3>7".

        Stages count from 1 and tokens from 0. "3>7" is token 3, and token 7 one frame later.

        Parameters
        ----------
        input_features
            Not used.
        """
        check_is_fitted(self)
        tokens = range(self.n_codes)
        words = [[f"{token}" for token in tokens]]
        if self.ngrams > 1:
            words.append([f"{first}>{second}" for first in tokens for second in tokens])
        stages = range(1, self.n_stages + 1)
        places = [f"stage {stage} token" for stage in stages] if self.by_stage else ["token"]
        names = [f"{place} {word}" for kind in words for place in places for word in kind]
        return np.array(names, object)

    def __sklearn_tags__(self) -> Tags:
        """Say that the input is codes; only padding is negative."""
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        return tags

    def _check_parameters(self) -> None:
        check_scalar(self.n_codes, "n_codes", Integral, min_val=1)
        check_scalar(self.n_stages, "n_stages", Integral, min_val=1)
        check_scalar(self.ngrams, "ngrams", Integral, min_val=1, max_val=2)
        check_scalar(self.idf, "idf", (bool, np.bool_))
        check_scalar(self.by_stage, "by_stage", (bool, np.bool_))
        if self.norm not in list(_NORMS):
            raise ValueError(f"norm must be one of {list(_NORMS)}, got {self.norm!r}")

    def _check(self, X: ArrayLike, reset: bool) -> NDArray[np.int64]:
        """Return X as (N, F, L), or say what is wrong."""
        codes = validate_data(self, X, reset=reset)  # (N, F L), finite
        if codes.shape[1] % self.n_stages:
            raise ValueError(
                f"X has {codes.shape[1]} columns, which is no multiple of n_stages = "
                f"{self.n_stages}: each frame needs {self.n_stages} tokens"
            )
        codes = _as_codes(codes, self.n_codes)
        _check_padding(codes, self.n_stages)
        return codes.reshape(len(codes), -1, self.n_stages)

    def _counts(self, codes: NDArray[np.int64]) -> sparse.csr_array:
        """How often each word occurs in each clip, from codes (N, F, L)."""
        counts = [self._count(codes, self.n_codes)]
        if self.ngrams > 1:
            first, second = codes[:, :-1], codes[:, 1:]  # (N, F - 1, L)
            pairs = np.where(second == PADDING, PADDING, first * self.n_codes + second)
            counts.append(self._count(pairs, self.n_codes**2))
        return sparse.hstack(counts, format="csr")

    def _count(self, words: NDArray[np.int64], vocabulary: int) -> sparse.csr_array:
        """Count words of one kind, (N, F, L) numbers below `vocabulary`."""
        present = words != PADDING  # (N, F, L)
        columns = vocabulary
        if self.by_stage:
            words = words + vocabulary * np.arange(self.n_stages)
            columns = vocabulary * self.n_stages
        ends = np.cumsum(present.sum(axis=(1, 2)))  # (N,) words up to the end of each clip
        one = np.ones(ends[-1])
        counts = sparse.csr_array(
            (one, words[present], np.concatenate([[0], ends])), shape=(len(words), columns)
        )
        counts.sum_duplicates()
        return counts


def padded_codes(codes: ArrayLike, clip: ArrayLike, n_clips: int) -> NDArray[np.int64]:
    """Rows for `BagOfTokens`: the tokens of each clip, frame after frame.

    Parameters
    ----------
    codes
        (M, L) int, 0 or more: tokens of M frames, clip by clip, in the order of time.
    clip
        (M,) int, never falling: the row of each frame's clip.
    n_clips
        N.

    Returns
    -------
    (N, F L) int64, where F is the number of frames of the longest clip; -1 behind the end of others

    Raises
    ------
    TypeError
        If codes or clips are not integers.
    ValueError
        If a shape is wrong, a code is negative, clips fall or lie outside 0 .. N - 1, or a clip
        has no frame.
    """
    tokens = np.asarray(codes)
    if not np.issubdtype(tokens.dtype, np.integer):
        raise TypeError(f"codes must be integers, got dtype {tokens.dtype}")
    if tokens.ndim != 2 or tokens.shape[1] == 0:
        raise ValueError(f"codes must have shape (M, L) with L >= 1, got {tokens.shape}")
    if tokens.size and tokens.min() < 0:
        frame = int((tokens < 0).any(axis=1).argmax())
        raise ValueError(f"frame {frame} holds a negative code: {tokens[frame].tolist()}")
    rows, lengths = _check_clips(clip, len(tokens), n_clips)
    place = np.arange(len(tokens)) - _starts(lengths)[rows]  # (M,) number of the frame in its clip
    padded = np.full((n_clips, lengths.max(), tokens.shape[1]), PADDING, np.int64)
    padded[rows, place] = tokens
    return padded.reshape(n_clips, -1)


def clip_statistics(values: ArrayLike, clip: ArrayLike, n_clips: int) -> NDArray[np.float64]:
    """Mean and standard deviation of each value over the frames of each clip.

    Parameters
    ----------
    values
        (M, D) finite numbers of M frames, clip by clip.
    clip
        (M,) int, never falling: the row of each frame's clip.
    n_clips
        N.

    Returns
    -------
    (N, 2 D) float64: D means, then D standard deviations. Their divisor is the number of frames, so
    a clip of one frame has 0.

    Raises
    ------
    TypeError
        If the values are not real numbers, or clips not integers.
    ValueError
        If a shape is wrong, a value is not finite, clips fall or lie outside 0 .. N - 1, or a
        clip has no frame.
    """
    frames = _check_values(values)
    rows, lengths = _check_clips(clip, len(frames), n_clips)
    mean = _clip_means(frames, lengths)  # (N, D)
    squares = mean[rows]  # (M, D); worked on in place, as real tasks have millions of frames
    squares -= frames
    np.square(squares, out=squares)
    return np.hstack([mean, np.sqrt(_clip_means(squares, lengths))])


def _clip_means(frames: NDArray[np.generic], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means over the frames of clips of these lengths (N,), one after the other: (N, D)."""
    sums = np.add.reduceat(frames, _starts(lengths), axis=0, dtype=np.float64)
    return sums / lengths[:, None]


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frame at which each clip starts, from the lengths (N,) of the clips."""
    return np.cumsum(lengths) - lengths


def _check_clips(
    clip: ArrayLike, n_frames: int, n_clips: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of clips (M,) and the number of frames of each clip (N,)."""
    rows = np.asarray(clip)
    if not np.issubdtype(rows.dtype, np.integer):
        raise TypeError(f"clip must be integers, got dtype {rows.dtype}")
    if rows.shape != (n_frames,) or not n_frames:
        raise ValueError(f"clip needs a row for each of {n_frames} (> 0) frames, got {rows.shape}")
    if (falls := np.flatnonzero(rows[1:] < rows[:-1])).size:
        raise ValueError(f"clip must never fall, but it does after frame {falls[0]}: sort frames")
    if rows[0] < 0 or rows[-1] >= n_clips:
        raise ValueError(f"clip must lie in 0 .. {n_clips - 1}, got {rows[0]} .. {rows[-1]}")
    rows = rows.astype(np.int64, copy=False)
    lengths = np.bincount(rows, minlength=n_clips)  # (N,)
    _refuse_empty(lengths, "clip")
    return rows, lengths


def _refuse_empty(lengths: NDArray[np.int64], name: str) -> None:
    if (empty := np.flatnonzero(lengths == 0)).size:
        more = f" and {empty.size - 5} more" if empty.size > 5 else ""
        raise ValueError(f"no frame of {name}s {empty[:5].tolist()}{more}: drop these {name}s")


def _check_values(values: ArrayLike) -> NDArray[np.floating]:
    """Return values as a floating point array (M, D); integers become float64."""
    frames = np.asarray(values)
    if np.issubdtype(frames.dtype, np.integer):
        frames = frames.astype(np.float64)
    if not np.issubdtype(frames.dtype, np.floating):
        raise TypeError(f"values must be real numbers, got dtype {frames.dtype}")
    if frames.ndim != 2:
        raise ValueError(f"values must have shape (M, D), got {frames.shape}")
    if len(bad := np.argwhere(~np.isfinite(frames))):
        frame, column = bad[0]
        raise ValueError(f"frame {frame}, column {column} of the values is {frames[frame, column]}")
    return frames


def _as_codes(codes: NDArray[Any], n_codes: int) -> NDArray[np.int64]:
    """Return (N, W) numbers as codes 0 .. n_codes - 1 or padding, or name what is neither."""
    if not np.issubdtype(codes.dtype, np.integer) and not np.issubdtype(codes.dtype, np.floating):
        raise TypeError(f"codes must be integers, got dtype {codes.dtype}")
    allowed = f"codes lie in 0 .. {n_codes - 1}, and {PADDING} fills up shorter clips"
    _refuse(codes, codes < PADDING, "Negative values in data", allowed)
    _refuse(codes, codes >= n_codes, "values beyond the codebook", allowed)
    _refuse(codes, codes != np.rint(codes), "values that are not whole", allowed)
    return codes.astype(np.int64, copy=False)


def _refuse(codes: NDArray[np.generic], wrong: NDArray[np.bool_], what: str, allowed: str) -> None:
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{what}: row {row}, column {column} holds {codes[row, column]}; {allowed}"
        )


def _check_padding(codes: NDArray[np.int64], n_stages: int) -> None:
    """Raise ValueError unless each row (F L,) is whole frames of codes, then padding."""
    present = codes != PADDING  # (N, F L)
    n_tokens = present.sum(axis=1)  # (N,)
    _refuse_empty(n_tokens, "row")
    leading = np.arange(codes.shape[1]) < n_tokens[:, None]  # where the tokens should be
    wrong = (present != leading).any(axis=1) | (n_tokens % n_stages > 0)
    if wrong.any():
        raise ValueError(
            f"row {wrong.argmax()}: padding of {PADDING} must be whole frames of {n_stages} at the "
            "end of a clip"
        )
