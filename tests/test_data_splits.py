from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.data.splits import split_by_subject
from dfe.data.table import FeatureTable, Metadata, Source

SHA = "a" * 64

# data set -> frames of each of its subjects
SIZES = st.dictionaries(
    st.sampled_from(["one", "two", "three"]),
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
    min_size=1,
)


def make_table(sizes: dict[str, list[int]], seed: int | None = None) -> FeatureTable:
    """Rows of `sizes`; the same subject names occur in every data set; shuffled with a seed."""
    keys = [(d, f"s{i}", k) for d, s in sizes.items() for i, n in enumerate(s) for k in range(n)]
    if seed is not None:
        keys = [keys[i] for i in np.random.default_rng(seed).permutation(len(keys))]
    source = Source(manifest="x", extractor="x", extractor_version="x 1", inputs_sha256=SHA)
    return FeatureTable(
        dataset=np.array([d for d, _, _ in keys], dtype=np.str_),
        clip=np.array([s for _, s, _ in keys], dtype=np.str_),
        subject=np.array([s for _, s, _ in keys], dtype=np.str_),
        frame=np.array([k for _, _, k in keys]),
        timestamp=np.zeros(len(keys)),
        psi=np.zeros((len(keys), 50), np.float32),
        scores=None,
        landmarks=None,
        metadata=Metadata(
            origin="real",
            face="f",
            face_sha256=SHA,
            sources=tuple(source.model_copy(update={"manifest": d}) for d in sizes),
        ),
    )


def held_subjects(table: FeatureTable, mask: np.ndarray) -> set[tuple[str, str]]:
    return set(zip(table.dataset[mask].tolist(), table.subject[mask].tolist(), strict=True))


@given(SIZES, st.floats(0.05, 0.95), st.integers(0, 2**32))
def test_each_row_is_on_one_side_and_no_subject_on_both(
    sizes: dict[str, list[int]], share: float, seed: int
) -> None:
    table = make_table(sizes)
    train, held = split_by_subject(table, share, seed)
    assert train.dtype == held.dtype == np.bool_
    assert (train ^ held).all()
    assert not held_subjects(table, train) & held_subjects(table, held)


@given(SIZES, st.floats(0.05, 0.95), st.integers(0, 2**32))
def test_two_subjects_give_both_sides_and_one_goes_to_training(
    sizes: dict[str, list[int]], share: float, seed: int
) -> None:
    table = make_table(sizes)
    train, held = split_by_subject(table, share, seed)
    for name, counts in sizes.items():
        inside = table.dataset == name
        assert train[inside].any()
        assert held[inside].any() == (len(counts) > 1)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=8), st.floats(0.05, 0.5), st.integers(0))
def test_the_share_misses_by_half_a_subject_at_most(
    counts: list[int], share: float, seed: int
) -> None:
    table = make_table({"one": counts})
    _, held = split_by_subject(table, share, seed)
    miss = abs(held.sum() - share * len(table))
    # Where even the smallest subject is more than twice the wanted share, it is the choice.
    assert miss <= max(max(counts) / 2, min(counts) - share * len(table)) + 1e-9


@given(SIZES, st.integers(0, 1000), st.integers(0, 1000))
def test_the_choice_does_not_depend_on_row_order_or_other_data_sets(
    sizes: dict[str, list[int]], seed: int, shuffle: int
) -> None:
    table, shuffled = make_table(sizes), make_table(sizes, shuffle)
    chosen = held_subjects(table, split_by_subject(table, 0.2, seed)[1])
    assert chosen == held_subjects(shuffled, split_by_subject(shuffled, 0.2, seed)[1])
    for name, counts in sizes.items():
        alone = make_table({name: counts})
        mask = split_by_subject(alone, 0.2, seed)[1]
        assert held_subjects(alone, mask) == {c for c in chosen if c[0] == name}


def test_equal_subjects_meet_the_share_exactly_and_seeds_differ() -> None:
    table = make_table({"one": [10] * 10})
    splits = [split_by_subject(table, 0.2, seed)[1] for seed in range(5)]
    assert all(mask.sum() == 20 for mask in splits)
    assert len({mask.tobytes() for mask in splits}) > 1
    np.testing.assert_array_equal(splits[3], split_by_subject(table, 0.2, 3)[1])


def test_of_two_large_subjects_the_smaller_is_held_out() -> None:
    table = make_table({"one": [60, 40]})
    for seed in range(5):
        _, held = split_by_subject(table, 0.2, seed)
        assert held_subjects(table, held) == {("one", "s1")}


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_outside_the_open_interval_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        split_by_subject(make_table({"one": [1, 1]}), share)
