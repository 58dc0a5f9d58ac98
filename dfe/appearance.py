"""The appearance of a build's real frames, for the control codings of section 5.1."""

from __future__ import annotations

from pathlib import Path

from dfe.config import Profile
from dfe.data.manifest import load_manifest
from dfe.data.observations import Observation, read_observation, write_observation
from dfe.data.real import load_real_features
from dfe.data.real_features import features_path
from dfe.observers import appearance


def appearance_path(profile: Profile) -> Path:
    """Where a build keeps the appearance of its real frames."""
    return features_path(profile).with_name("appearance.parquet")


def load_appearance(profile: Profile) -> Observation:
    """Return the appearance of the real frames that are pictures, described first if need be."""
    path = appearance_path(profile)
    if not path.is_file():
        real = load_real_features(profile, columns=[])
        write_observation(path, appearance(real, [load_manifest(s) for s in profile.data.sources]))
    return read_observation(path)
