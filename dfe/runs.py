"""One training run of a profile, kept with its log and provenance."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd

from dfe.config import Profile
from dfe.data.corpus import Corpus
from dfe.data.real import load_corpus
from dfe.evidence import hardware, read_commit, versions
from dfe.files import atomic
from dfe.training import evaluate, train


def run_training(profile: Profile, folder: Path, resume: bool = False) -> Path:
    """Train with the profile's settings; write `model.safetensors` and `log.csv` to `folder`.

    Returns
    -------
    The path of the model, loadable by `DFE.from_pretrained`.
    """
    corpus = load_corpus(profile)
    started = time.monotonic()
    commit = read_commit()  # now: the tree may change while training runs
    model, log = train(corpus, profile.model, profile.loss, profile.training, folder, resume)
    with atomic(folder / "log.csv") as path:
        pd.DataFrame(log).to_csv(path, index=False, float_format="%.6g")
    provenance = describe_run(profile, corpus) | {
        "commit": commit.model_dump(mode="json"),
        "seconds": round(time.monotonic() - started),  # of this call, without what a resume skipped
        "held_out": {o: evaluate(model, psi).r2 for o, psi in corpus.held_out.items() if len(psi)},
    }
    model.save(folder / "model.safetensors", provenance)
    return folder / "model.safetensors"


def describe_run(profile: Profile, corpus: Corpus) -> dict[str, Any]:
    """Settings, data hashes, versions and hardware of a run, as plain JSON types."""
    return {
        "profile": profile.model_dump(mode="json", exclude={"pages"}),
        "data": {"hashes": dict(corpus.hashes), "counts": dict(corpus.counts)},
        "versions": versions(),
        "hardware": hardware(),
    }
