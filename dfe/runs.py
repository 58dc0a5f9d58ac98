"""One training run of a profile, kept with its log and provenance."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd

from dfe.checkpoint import CheckpointError
from dfe.config import ConfigError, OwnConfig, Profile, kept_path
from dfe.config.kept import MODEL, VARIANT
from dfe.data.corpus import Corpus
from dfe.data.own import own_face, own_face_name
from dfe.data.real import load_corpus
from dfe.distributed import first_goes_first, is_first, wait_for_all, world_size
from dfe.evidence import hardware, read_commit, versions
from dfe.face import FaceModel, OpenHead
from dfe.files import atomic
from dfe.model import ASSETS, DFE
from dfe.training import evaluate, train
from dfe.variants import variant_profile

GATED = "gated"  # origin of data under a signed license


def run_training(
    profile: Profile, folder: Path, resume: bool = False, code: str | None = None
) -> Path:
    """Train with the profile's settings; write `model.safetensors` and `log.csv` to `folder`.

    Parameters
    ----------
    resume, code
        As for `dfe.training.train`.

    Returns
    -------
    The path of the model, loadable by `DFE.from_pretrained`. Of several processes
    (`dfe.distributed`) the first one writes, and all return when the files are there.
    """
    with first_goes_first():  # it may have to read the frames, and leaves their vectors as a file
        corpus = load_corpus(profile)
    started = time.monotonic()
    commit = read_commit()  # now: the tree may change while training runs
    model, log = train(
        corpus, profile.model, profile.loss, profile.training, folder, resume, None, code
    )
    if is_first():
        with atomic(folder / "log.csv") as path:
            pd.DataFrame(log).to_csv(path, index=False, float_format="%.6g")
        provenance = describe_run(profile, corpus) | {
            "commit": commit.model_dump(mode="json"),
            "seconds": round(time.monotonic() - started),  # of this call, not what a resume skipped
            "held_out": {
                o: evaluate(model, psi).r2 for o, psi in corpus.held_out.items() if len(psi) > 1
            },
        }
        if world_size() > 1:
            provenance["processes"] = world_size()
        model.save(folder / "model.safetensors", provenance)
    wait_for_all()
    return folder / "model.safetensors"


def describe_run(profile: Profile, corpus: Corpus) -> dict[str, Any]:
    """Settings, data hashes, versions and hardware of a run, as plain JSON types."""
    return {
        "profile": profile.model_dump(mode="json", exclude={"pages"}),
        "face": own_face_name(profile),
        "data": {"hashes": dict(corpus.hashes), "counts": dict(corpus.counts)},
        "versions": versions(),
        "hardware": hardware(),
    }


def load_model(profile: Profile, face: str | None = None) -> DFE:
    """Return the model that a build's figures show.

    `train: pretrained` gives the committed checkpoint; `train: scratch` gives the build's own
    model in `build/<profile>/model`, trained first where there is none yet. A `checkpoint` in the
    profile comes before both, for frames of its face.

    Parameters
    ----------
    face
        Name of the face model that the page's expression vectors are of. Where the build's own
        model is of the reader's face, frames of the open head get the committed checkpoint. None
        asks for the model of the build.

    Raises
    ------
    ConfigError
        If no model of the build reads expression vectors of this face.
    """
    own = own_face_name(profile)
    if profile.checkpoint:
        model = DFE.from_pretrained(profile.checkpoint)
        if face in (None, model_face(model)):
            return model
    if face not in (None, own, OpenHead.name):
        raise ConfigError(
            f"these are expression vectors of {face!r}, and the build has no model of that face; "
            "set `own.face` and `own.training`"
        )
    if profile.train == "pretrained" or face not in (None, own):
        return DFE.from_pretrained("open")
    return _trained(profile, model_folder(profile))


def model_folder(profile: Profile) -> Path:
    """Where a build keeps its own model and the log of its training: `build/<profile>/model`."""
    return kept_path(profile, "model", MODEL)


def model_face(model: DFE) -> str:
    """Name of the face model whose expression vectors a model reads."""
    return str(model.provenance.get("face", OpenHead.name))


def load_face(profile: Profile, model: DFE) -> FaceModel:
    """The face on which the tokens of a model are drawn.

    Raises
    ------
    ConfigError
        If it is not the profile's face and not the open head.
    """
    name = model_face(model)
    if name == own_face_name(profile):
        return own_face(profile)
    if name == OpenHead.name:
        return OpenHead()
    raise ConfigError(f"a model of the face {name!r}; name its file in `own.face` of the profile")


def model_data(model: DFE, extractor: str | None = None) -> tuple[str, ...]:
    """Ids of what a model was trained on, as in `needs` of `book/claims.yml`; () for open data.

    Parameters
    ----------
    extractor
        Id of the adapter of the expression vectors that the model reads here. Where it is not
        the one of the training data, the model is not used as the paper does: ().

    Returns
    -------
    Data set, extractor and face, such as ``("affectnet", "emoca", "flame")``.
    """
    own = model.provenance.get("profile", {}).get("own") or {}
    if not own.get("training") or extractor not in (None, own["psi"]):
        return ()
    if f"held out/{GATED}" not in model.provenance["data"]["counts"]:
        return ()
    return (own["training"], own["psi"], model_face(model))


def model_seeds(model: DFE) -> tuple[int, ...]:
    """Seeds behind the numbers of a model: the one of its training.

    Raises
    ------
    CheckpointError
        If its provenance names none.
    """
    try:
        return (int(model.provenance["profile"]["training"]["seed"]),)
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            "the model does not say with which seed it was trained; load one of `run_training`"
        ) from error


def variant_folder(profile: Profile, name: str, seed: int) -> Path:
    """Where a build keeps one run of a variant: `build/<profile>/variants/<name>/seed-<seed>`."""
    return kept_path(profile, f"variants/{name}/seed-{seed}", VARIANT)


def load_variant(profile: Profile, name: str, seed: int) -> DFE:
    """Return the build's run of a variant (`dfe.variants`), trained first where there is none.

    Raises
    ------
    dfe.config.ConfigError
        If there is no such variant.
    """
    return _trained(variant_profile(profile, name, seed), variant_folder(profile, name, seed))


def _trained(profile: Profile, folder: Path) -> DFE:
    """The model of a folder; trained first where there is none, or one with other settings."""
    path = folder / "model.safetensors"
    if not (path.is_file() and _made_with(profile, DFE.from_pretrained(path))):
        run_training(profile, folder)
    return DFE.from_pretrained(path)


def _made_with(profile: Profile, model: DFE) -> bool:
    """Whether a model was trained with the settings of `profile`."""
    parts = {"model", "loss", "training", "corpus"}
    wanted = profile.model_dump(mode="json", include=parts)
    made = model.provenance.get("profile", {})
    # Models of before the setting `own` existed are of open data.
    own = OwnConfig.model_validate(made.get("own") or {})
    return {name: made.get(name) for name in parts} == wanted and _learned(own) == _learned(
        profile.own
    )


def _learned(own: OwnConfig) -> tuple[object, ...]:
    """What of the reader's data a model learns from."""
    return (own.psi, own.face, own.training) if own.training else ()


def load_log(profile: Profile) -> pd.DataFrame:
    """Return the training log of the model that `load_model` gives, a row per logged step.

    Raises
    ------
    CheckpointError
        If the profile names a checkpoint, and no `log.csv` lies beside it.
    """
    if profile.checkpoint:
        path = profile.checkpoint.with_name("log.csv")
        if not path.is_file():
            raise CheckpointError(f"{path} is missing: the log of the training of this checkpoint")
        return pd.read_csv(path)
    if profile.train == "pretrained":
        return pd.read_csv(ASSETS / "dfe-open.log.csv")
    load_model(profile)  # makes the log where there is none
    return pd.read_csv(model_folder(profile) / "log.csv")
