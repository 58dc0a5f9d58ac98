"""The feature table of a build's real frames: fetch, extract, map to psi, write."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from dfe.config import Profile, build_folder
from dfe.data.corpus import Corpus, build_corpus
from dfe.data.extract import extract
from dfe.data.features import concat, read_features, table_from_tracks, write_features
from dfe.data.fetch import sha256_file
from dfe.data.manifest import load_manifest
from dfe.data.table import FeatureTable
from dfe.face import OpenHead
from dfe.face.open_head import ASSET


def features_path(profile: Profile) -> Path:
    """Where a build keeps its table of real frames."""
    return build_folder(profile) / "features" / "real.parquet"


def build_real_features(profile: Profile, path: Path) -> Path:
    """Extract the profile's sources into one feature table; return its path.

    Raises
    ------
    dfe.data.fetch.FetchError, dfe.data.extract.ExtractionError
        If a source cannot be had or a file of it cannot be read.
    """
    face = OpenHead()
    extractor_version = f"mediapipe {version('mediapipe')}"
    tables = [
        table_from_tracks(
            extract(manifest, profile.data.limit),
            manifest,
            face,
            face_sha256=sha256_file(ASSET),
            extractor_version=extractor_version,
        )
        for manifest in map(load_manifest, profile.data.sources)
    ]
    write_features(path, concat(tables))
    return path


def load_real_features(profile: Profile, columns: list[str] | None = None) -> FeatureTable:
    """Read the build's table of real frames, extracting it first where there is none.

    Parameters
    ----------
    columns
        Wide columns to read besides psi ("scores", "landmarks"); None reads all.
    """
    path = features_path(profile)
    if not path.is_file():
        build_real_features(profile, path)
    return read_features(path, columns)


def load_corpus(profile: Profile) -> Corpus:
    """Return the profile's training mix and held-out sets."""
    c = profile.corpus
    real = load_real_features(profile, columns=[])
    return build_corpus(
        real, OpenHead(), c.simulated, c.held_out, c.seed, c.real_share, c.held_out_share
    )
