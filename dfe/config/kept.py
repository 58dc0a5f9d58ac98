"""Where a build keeps what it makes, so that a page with other parameters harms no other page.

`build/<profile>/` holds what the profile's own settings make. A notebook may run with other
settings (`Profile.tweaks`). What depends on one of them is then kept aside, in
`build/<profile>/tweaked/<hash>/`; all else is shared.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from pathlib import Path

from dfe.config.folders import project_root
from dfe.config.profile import Profile
from dfe.config.utility import TaskName

STAGED = "DFE_BUILD"  # environment variable: where a job finds the folder `build`
OUTPUT = "DFE_OUTPUT"  # environment variable: the folder that a page writes its results to

#: What the things that pages share depend on, as dotted settings or groups of them.
FEATURES = ("data",)
CORPUS = (*FEATURES, "corpus", "own.psi", "own.face", "own.training")
MODEL = (*CORPUS, "model", "loss", "training", "train", "checkpoint")
VARIANT = (*MODEL, "variants.steps", "variants.initialization_share")
DATABASE = (*MODEL, "database")
BASIS = (*CORPUS, "utility.basis_rows", "utility.basis_rounds", "utility.seed")


def cohort(task: TaskName) -> tuple[str, ...]:
    """What the data of a task depend on."""
    own = ("own", f"utility.tasks.{task}")
    return ("cohorts.people", "cohorts.observers", f"cohorts.{task}", *own)


def build_folder(profile: Profile) -> Path:
    """Folder of everything that a build of `profile` generates: `build/<name>`.

    A job whose storage is staged finds `build` elsewhere: there, Snakemake's rule names it in the
    environment.
    """
    staged = os.environ.get(STAGED)
    root = Path(staged).absolute() if staged else project_root() / "build"
    return root / profile.name


def kept_path(profile: Profile, path: str, depends_on: Collection[str]) -> Path:
    """Where something that depends on some settings alone is kept.

    Parameters
    ----------
    path
        Path in the build folder, such as ``"model/model.safetensors"``.
    depends_on
        Dotted settings or groups of them, such as `MODEL`.
    """
    tweaks = {n: v for n, v in profile.tweaks().items() if any(_overlap(n, d) for d in depends_on)}
    return _aside(profile, tweaks) / path


def output_folder(profile: Profile) -> Path:
    """Folder of a page's own results, tables and figures.

    `dfe build` names it in the environment. Otherwise it is the build folder, or one aside where
    the page runs with other settings than its profile's.
    """
    if OUTPUT in os.environ:
        return Path(os.environ[OUTPUT])
    return _aside(profile, profile.tweaks())


def _aside(profile: Profile, tweaks: dict[str, object]) -> Path:
    folder = build_folder(profile)
    if not tweaks:
        return folder
    text = json.dumps(tweaks, sort_keys=True)
    return folder / "tweaked" / hashlib.sha256(text.encode()).hexdigest()[:10]


def _overlap(one: str, other: str) -> bool:
    """Whether one dotted name is the other or belongs to it."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
