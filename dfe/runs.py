"""One training run of a profile, kept with its log and provenance."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd

from dfe.config import Profile, build_folder
from dfe.data.corpus import Corpus
from dfe.data.real import load_corpus
from dfe.evidence import hardware, read_commit, versions
from dfe.files import atomic
from dfe.model import ASSETS, DFE
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
        "held_out": {
            o: evaluate(model, psi).r2 for o, psi in corpus.held_out.items() if len(psi) > 1
        },
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


def load_model(profile: Profile) -> DFE:
    """Return the model that a build's figures show.

    `train: pretrained` gives the committed checkpoint; `train: scratch` gives the build's own
    model in `build/<profile>/model`, trained first where there is none yet.
    """
    if profile.train == "pretrained":
        return DFE.from_pretrained("open")
    folder = build_folder(profile) / "model"
    if not (folder / "model.safetensors").is_file():
        run_training(profile, folder)
    return DFE.from_pretrained(folder / "model.safetensors")


def load_log(profile: Profile) -> pd.DataFrame:
    """Return the training log of the model that `load_model` gives, a row per logged step."""
    if profile.train == "pretrained":
        return pd.read_csv(ASSETS / "dfe-open.log.csv")
    load_model(profile)  # makes the log where there is none
    return pd.read_csv(build_folder(profile) / "model" / "log.csv")
