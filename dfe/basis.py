"""The Facial Basis of a build, fitted once to its open corpus."""

from __future__ import annotations

import json
from pathlib import Path

from dfe.checkpoint import CheckpointError
from dfe.config import Profile, kept_path
from dfe.config.kept import BASIS
from dfe.data.real import load_open_corpus
from dfe.facial_basis import FacialBasis


def facial_basis_path(profile: Profile) -> Path:
    """Where a build keeps its Facial Basis."""
    return kept_path(profile, "facial_basis/basis.safetensors", BASIS)


def load_facial_basis(profile: Profile) -> FacialBasis:
    """Return the Facial Basis of the open corpus, on the open head.

    It is fitted first where the build has none of this corpus with these settings.
    """
    corpus, path = load_open_corpus(profile), facial_basis_path(profile)
    how = {
        "rows": profile.utility.basis_rows,
        "max_iter": profile.utility.basis_rounds,
        "random_state": profile.utility.seed,
    }
    wanted = {"corpus": corpus.hashes["train"], "settings": json.dumps(how)}
    try:
        basis = FacialBasis.load(path)
        if basis.provenance == wanted:
            return basis
    except CheckpointError:  # missing, damaged, or of another format
        pass
    FacialBasis(**how).fit(corpus.train).save(path, wanted)
    return FacialBasis.load(path)
