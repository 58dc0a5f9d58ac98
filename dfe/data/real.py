"""The frames that a build's pages and models read: real, simulated, or the reader's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfe.config import Profile
from dfe.data.corpus import Corpus, build_corpus, own_corpus
from dfe.data.features import read_features
from dfe.data.own import own_face_name, own_table
from dfe.data.real_features import build_real_features, features_path
from dfe.data.splits import split_by_subject
from dfe.data.table import FeatureTable
from dfe.face import OpenHead


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


def load_frames(profile: Profile, columns: list[str] | None = None) -> FeatureTable:
    """Frames of sections 5.1 and 5.2: the reader's own where the profile names some, else open.

    Parameters
    ----------
    columns
        As for `load_real_features`; the reader's own have neither scores nor landmarks.

    Raises
    ------
    dfe.data.own.OwnDataError
        If a file of the reader's own is missing or of another face.
    """
    if profile.own.frames:
        return own_table(profile, profile.own.frames)
    return load_real_features(profile, columns)


def load_training_frames(profile: Profile, face: str | None = None) -> FeatureTable:
    """Frames of people that the models learn from and are judged on; errors as `load_frames`.

    Parameters
    ----------
    face
        As for `load_corpus`.
    """
    if profile.own.training and face in (None, own_face_name(profile)):
        return own_table(profile, profile.own.training)
    return load_real_features(profile, columns=[])


def held_out_frames(profile: Profile, table: FeatureTable) -> NDArray[np.bool_]:
    """(N,) frames of subjects from whom no model of the profile has learned.

    Of a table that the models are trained on, these are the held-out subjects; of another one,
    all.
    """
    own = profile.own.training
    ours = own is not None and table.metadata.face == own_face_name(profile)  # as `load_corpus`
    trained = {own} if ours else set(profile.data.sources)
    strangers = ~np.isin(table.dataset, sorted(str(name) for name in trained))
    c = profile.corpus
    return strangers | split_by_subject(table, c.held_out_share, c.seed)[1]


def load_corpus(profile: Profile, face: str | None = None) -> Corpus:
    """Return the training and held-out frames of the profile's models; errors as `load_frames`.

    Parameters
    ----------
    face
        Name of the face model that a page's frames are of; another one than that of the reader's
        own training data gets the open corpus.
    """
    if not profile.own.training or face not in (None, own_face_name(profile)):
        return load_open_corpus(profile)
    c, own = profile.corpus, load_training_frames(profile)
    return own_corpus(own, c.simulated, c.seed, c.held_out_share)


def load_open_corpus(profile: Profile) -> Corpus:
    """Return the mix of simulated and open real frames, on the open head, with held-out ones."""
    c = profile.corpus
    real = load_real_features(profile, columns=[])
    return build_corpus(
        real, OpenHead(), c.simulated, c.held_out, c.seed, c.real_share, c.held_out_share
    )
