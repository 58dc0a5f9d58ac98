"""The feature table of a build's real frames: fetch, extract, map to psi, write."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from dfe.config import Profile, kept_path
from dfe.config.kept import FEATURES
from dfe.data.extract import extract
from dfe.data.features import concat, table_from_tracks, write_features
from dfe.data.fetch import sha256_file
from dfe.data.manifest import load_manifest
from dfe.face import OpenHead
from dfe.face.open_head import ASSET


def features_path(profile: Profile) -> Path:
    """Where a build keeps its table of real frames."""
    return kept_path(profile, "features/real.parquet", FEATURES)


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
