from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from own_support import profile

from dfe.data.corpus import (
    Corpus,
    build_corpus,
    corpus_rows,
    fresh_units,
    own_corpus,
    sha256_array,
)
from dfe.data.real import held_out_frames
from dfe.data.simulate import sample_units, stream_seed
from dfe.data.splits import split_by_subject
from dfe.data.table import FeatureTable, Metadata, Source

SHA = "a" * 64


class FirstUnits:
    """psi is the first 50 units, so that a row shows which draw it came from."""

    name = "first-units"

    def units_to_psi(self, weights: ArrayLike) -> NDArray[np.float32]:
        return np.asarray(weights, np.float32)[:, :50]


def real_table(subjects: int = 5, frames: int = 4) -> FeatureTable:
    n = subjects * frames
    people = np.repeat([f"s{i}" for i in range(subjects)], frames)
    psi = np.zeros((n, 50), np.float32)
    psi[:, 0] = 10 + np.arange(n)  # beyond any simulated weight: row i is 10 + i
    source = Source(manifest="one", extractor="x", extractor_version="x 1", inputs_sha256=SHA)
    return FeatureTable(
        dataset=np.full(n, "one"),
        clip=people,
        subject=people,
        frame=np.arange(n),
        timestamp=np.zeros(n),
        psi=psi,
        scores=None,
        landmarks=None,
        metadata=Metadata(origin="real", face="first-units", face_sha256=SHA, sources=(source,)),
    )


def build(real: FeatureTable | None, share: float = 0.5, seed: int = 0, n: int = 40) -> Corpus:
    return build_corpus(real, FirstUnits(), n, 8, seed, share)


def ids(psi: np.ndarray) -> list[int]:
    return sorted(int(v) - 10 for v in psi[:, 0])


def test_real_frames_fill_their_share_evenly() -> None:
    corpus = build(real_table())
    assert corpus.train.shape == (80, 50) and corpus.train.dtype == np.float32
    rows, repeats = np.unique(ids(corpus.train[40:]), return_counts=True)
    assert len(rows) == 16  # 4 of 5 subjects with 4 frames each
    assert set(repeats.tolist()) == {2, 3}  # 40 rows of 16 frames
    assert corpus.counts == {
        "simulated": 40,
        "real": 40,
        "real frames": 16,
        "held out/simulated": 8,
        "held out/real": 4,
    }


def test_few_real_rows_are_drawn_without_repetition() -> None:
    corpus = build(real_table(), share=0.2)
    chosen = ids(corpus.train[40:])
    assert len(chosen) == len(set(chosen)) == 10  # 10 / (40 + 10) = 0.2
    assert corpus.counts["real frames"] == 10


def test_no_held_out_subject_is_trained_on() -> None:
    table = real_table()
    corpus = build(table, seed=3)
    _, held = split_by_subject(table, 0.2, 3)
    assert ids(corpus.held_out["real"]) == np.flatnonzero(held).tolist()
    assert not set(ids(corpus.train[40:])) & set(ids(corpus.held_out["real"]))


def test_simulated_sets_come_from_separate_streams() -> None:
    corpus = build(None, n=8)
    assert corpus.train.shape == corpus.held_out["simulated"].shape == (8, 50)
    both = np.concatenate([corpus.train, corpus.held_out["simulated"]])
    units = [sample_units(8, stream_seed(0, stream)) for stream in (0, 1)]
    np.testing.assert_array_equal(both, np.concatenate(units)[:, :50])
    assert not (units[0][:, None] == units[1][None]).all(2).any()
    assert set(corpus.held_out) == {"simulated"} and corpus.counts["real"] == 0


def test_a_seed_gives_one_corpus_and_hashes_tell_corpora_apart() -> None:
    first, again, other = build(real_table()), build(real_table()), build(real_table(), seed=1)
    np.testing.assert_array_equal(first.train, again.train)
    assert first.hashes == again.hashes
    assert set(first.hashes) == {"train", "held out/simulated", "held out/real"}
    assert first.hashes["train"] == sha256_array(first.train) != other.hashes["train"]


def test_hash_of_an_array_sees_values_type_and_shape() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    variants = [array, array.T, array.reshape(3, 2), array.astype(np.float64), array + 1]
    assert len({sha256_array(v) for v in variants}) == len(variants)
    assert sha256_array(np.asfortranarray(array)) == sha256_array(array)


def test_zero_share_leaves_real_frames_out_of_training_only() -> None:
    corpus = build(real_table(), share=0.0)
    assert len(corpus.train) == 40 and len(corpus.held_out["real"]) == 4


def test_wrong_requests_are_refused() -> None:
    table = real_table()
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="real_share"):
            build(table, share)
    with pytest.raises(ValueError, match="at least one simulated row"):
        build(table, n=0)
    with pytest.raises(ValueError, match="is empty"):
        build(table.rows(np.zeros(len(table), bool)))
    simulated = table.metadata.model_copy(update={"origin": "simulated"})
    with pytest.raises(ValueError, match="holds simulated frames"):
        build(replace(table, metadata=simulated))
    other = table.metadata.model_copy(update={"face": "flame"})
    with pytest.raises(ValueError, match="'flame', not 'first-units'"):
        build(replace(table, metadata=other))


def test_sampled_units_are_weights_and_follow_the_seed() -> None:
    units = sample_units(500, 7)
    assert units.shape == (500, 86) and units.dtype == np.float32
    assert units.min() >= 0 and units.max() <= 1 and (units > 0).any(0).all()
    np.testing.assert_array_equal(units, sample_units(500, 7))
    assert (units != sample_units(500, 8)).any()
    with pytest.raises(ValueError, match="n must be >= 0"):
        sample_units(-1, 0)


def test_fresh_frames_are_in_no_corpus() -> None:
    corpus = build(None, 0.0, n=300)
    face = FirstUnits()
    fresh = face.units_to_psi(fresh_units(300, 0))
    fresh = fresh[fresh.any(1)]  # a row of units beyond the first 50 is 0
    for rows in (corpus.train, corpus.held_out["simulated"]):
        assert len(fresh) > 200 and not (fresh[:, None] == rows).all(2).any()
    np.testing.assert_array_equal(fresh_units(20, 1), fresh_units(20, 1))
    assert (fresh_units(20, 1) != fresh_units(20, 2)).any()


def test_stream_seeds_do_not_collide() -> None:
    seeds = {stream_seed(seed, stream) for seed in range(50) for stream in range(4)}
    assert len(seeds) == 200


def test_the_rows_of_a_corpus_in_words() -> None:
    mixed = build(real_table(), n=30)
    counts = mixed.counts
    assert corpus_rows(counts) == f"30 simulated + 30 real ({counts['real frames']} distinct)"
    assert counts["real frames"] < 30
    own = {"gated": 1200, "gated frames": 1200, "held out/gated": 300}
    assert corpus_rows(own) == "1,200 gated"
    assert corpus_rows({"simulated": 5, "held out/simulated": 2}) == "5 simulated"


def test_of_open_frames_those_of_held_out_subjects_are_held_out() -> None:
    table, cut = real_table(), {"held_out_share": 0.4, "seed": 1}
    expected = split_by_subject(table, 0.4, 1)[1]
    for share, seed in ((0.2, 1), (0.4, 0)):
        assert (expected != split_by_subject(table, share, seed)[1]).any()
    learned = profile({}, corpus=cut, data={"sources": ["one", "two"]})
    np.testing.assert_array_equal(held_out_frames(learned, table), expected)
    never = profile({}, corpus=cut, data={"sources": ["two"]})
    assert held_out_frames(never, table).all(), "no model has learned from this source"


# A corpus of the reader's own frames


def test_ones_own_corpus_is_split_drawn_and_hashed_by_its_seed() -> None:
    table = real_table()
    in_train, in_held_out = split_by_subject(table, 0.4, 1)
    assert (in_held_out != split_by_subject(table, 0.4, 0)[1]).any()
    whole = own_corpus(table, 1000, 1, 0.4)
    assert ids(whole.train) == np.flatnonzero(in_train).tolist(), "each frame once"
    assert ids(whole.held_out["real"]) == np.flatnonzero(in_held_out).tolist()
    held_out = table.psi[in_held_out]
    assert whole.hashes == {
        "train": sha256_array(whole.train),
        "held out/real": sha256_array(held_out),
    }
    n = int(in_train.sum())
    assert whole.counts == {"real": n, "real frames": n, "held out/real": 20 - n}
    few = own_corpus(table, 5, 1, 0.4)
    assert few.counts == {"real": 5, "real frames": 5, "held out/real": 20 - n}
    order = np.random.default_rng(stream_seed(1, 2)).permutation(n)
    np.testing.assert_array_equal(few.train, table.psi[in_train][order[:5]])


def test_frames_of_a_single_subject_are_no_corpus() -> None:
    with pytest.raises(ValueError, match="one: a single subject, so no frame can be held out"):
        own_corpus(real_table(subjects=1), 10, 0)
