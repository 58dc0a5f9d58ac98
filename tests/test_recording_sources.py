"""What stands behind a page: gated as soon as one part is."""

from __future__ import annotations

import numpy as np
import pytest

from dfe.data.corpus import Corpus
from dfe.data.table import FeatureTable, Metadata, Source
from dfe.recording import corpus_origin, gated_sources, joint_origin
from dfe.results import Origin


def table(origin: Origin) -> FeatureTable:
    sha, names = "0" * 64, ("aff-wild2", "other")
    sources = tuple(
        Source(manifest=n, extractor="x", extractor_version="1", inputs_sha256=sha) for n in names
    )
    return FeatureTable(
        dataset=np.array(["other", "aff-wild2", "aff-wild2"]),
        clip=np.array(["a", "b", "b"]),
        subject=np.array(["s", "t", "t"]),
        frame=np.arange(3),
        timestamp=np.zeros(3),
        psi=np.zeros((3, 50), np.float32),
        scores=None,
        landmarks=None,
        metadata=Metadata(origin=origin, face="open-head", face_sha256=sha, sources=sources),
    )


def test_gated_frames_name_their_data_sets() -> None:
    gated = table("gated")
    assert gated_sources(gated) == ("aff-wild2", "other")
    assert gated_sources(gated, np.array([False, True, True])) == ("aff-wild2",)
    assert gated_sources(gated, np.array([True, False, False])) == ("other",)
    assert all(type(name) is str for name in gated_sources(gated))


@pytest.mark.parametrize("origin", ["real", "simulated"])
def test_open_frames_name_none(origin: Origin) -> None:
    assert gated_sources(table(origin)) == ()


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["real"], "real"),
        (["real", "real"], "real"),
        (["simulated", "simulated"], "simulated"),
        (["real", "simulated"], "real and simulated"),
        (["real and simulated", "real"], "real and simulated"),
        (["real", "gated"], "gated"),
        (["gated", "simulated", "real"], "gated"),
    ],
)
def test_origins_join(parts: list[Origin], whole: Origin) -> None:
    assert joint_origin(*parts) == whole


def test_a_number_without_an_origin_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one origin"):
        joint_origin()


@pytest.mark.parametrize(
    ("held_out", "origin"),
    [
        (["simulated", "real"], "real and simulated"),
        (["simulated"], "simulated"),
        (["gated"], "gated"),
    ],
)
def test_the_origin_of_a_corpus(held_out: list[str], origin: str) -> None:
    rows = np.zeros((2, 50), np.float32)
    corpus = Corpus(rows, dict.fromkeys(held_out, rows), {}, {})
    assert corpus_origin(corpus) == origin
