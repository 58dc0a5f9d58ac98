"""The tasks of a build: made or read once, with their tokens and Facial-Basis coefficients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dfe.checkpoint import CheckpointError
from dfe.config import Profile, TaskName, build_folder, override, task_settings
from dfe.data.cohorts.simulate import simulate_task
from dfe.data.corpus import sha256_array
from dfe.data.own import task_files
from dfe.data.real import load_open_corpus
from dfe.data.task import PSI, Task, TaskError
from dfe.data.task_store import load_own_task, read_task, write_task
from dfe.evidence import file_hashes
from dfe.face import OpenHead
from dfe.facial_basis import FacialBasis
from dfe.model import DFE
from dfe.tokens import computed_once, encode_once
from dfe.utility import PUBLISHED_BASIS, Method, task_methods

BASIS_FORMAT = "dfe-facial-basis-codes/1"


def task_path(profile: Profile, name: TaskName) -> Path:
    """Where a build keeps a simulated cohort: `build/<profile>/cohorts/<task>.safetensors`."""
    return build_folder(profile) / "cohorts" / f"{name}.safetensors"


def load_task(profile: Profile, name: TaskName) -> Task:
    """Return a task: the reader's own where the profile names files, else the simulated cohort.

    A cohort is simulated first where the build has none with just these settings.

    Raises
    ------
    dfe.data.own.OwnDataError, dfe.data.task.TaskError, dfe.data.observations.ObservationError
        If a file of the reader's own is missing or not what it should be.
    """
    if files := task_files(profile, name):
        return load_own_task(name, files)
    path, settings = task_path(profile, name), _settings_text(profile, name)
    try:
        task, made_with = read_task(path)
    except TaskError:  # missing, damaged, or of another format
        made_with = ""
    if made_with != settings:
        task = simulate_task(name, profile.cohorts)
        write_task(path, task, settings)
    return task


def _settings_text(profile: Profile, name: TaskName) -> str:
    return json.dumps(task_settings(profile, name), sort_keys=True)


def task_hashes(profile: Profile, name: TaskName, task: Task) -> dict[str, str]:
    """Sha256 of what a page read: the reader's files, or the simulated expression vectors."""
    if files := task_files(profile, name):
        own = {"clips": files.clips, PSI: files.psi} | dict(files.observers)
        return file_hashes(**{f"{name}/{part}": path for part, path in own.items()})
    return {f"{name}/{PSI} (simulated)": sha256_array(task.frames[PSI].values)}


def task_codes(profile: Profile, task: Task, model: DFE, run: str = "model") -> NDArray[np.int64]:
    """Tokens (M, L) of all frames of a task, encoded once and kept in `build/<profile>/tokens`.

    Parameters
    ----------
    run
        Name of the model's run in the name of the file.
    """
    path = build_folder(profile) / "tokens" / f"{task.name}-{run}.safetensors"
    return encode_once(model, task.frames[PSI].values, path)


def facial_basis_path(profile: Profile) -> Path:
    """Where a build keeps its Facial Basis."""
    return build_folder(profile) / "facial_basis" / "basis.safetensors"


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


def task_basis(profile: Profile, task: Task, run: str = "model") -> NDArray[np.float32]:
    """Facial-Basis coefficients (M, 50) of all frames of a task, computed once for a build."""
    basis, psi = load_facial_basis(profile), task.frames[PSI].values
    path = facial_basis_path(profile).with_name(f"{task.name}-{run}.safetensors")
    wanted = {"format": BASIS_FORMAT, "basis": basis.sha256(), PSI: sha256_array(psi)}
    return computed_once(path, "coefficients", wanted, lambda: basis.transform(psi))


def standard_methods(profile: Profile, task: Task, model: DFE, run: str = "model") -> list[Method]:
    """The methods of the task tables: tokens of `model`, Facial Basis, and every observer.

    Facial Basis is fitted here, on the open head, where the reader brings no coefficients of the
    published one. Expression vectors of another face then go without it.

    Parameters
    ----------
    run
        Name of the cohort and of the model's run, under which tokens and coefficients are kept.
    """
    codes, basis = task_codes(profile, task, model, run), None
    if task.face == OpenHead.name and PUBLISHED_BASIS not in task.frames:
        basis = task_basis(profile, task, run)
    return task_methods(task, codes, model.config.codebook_size, basis)


#: Setting that holds the number of people of a cohort of one size.
_PEOPLE = {"smiles": "actors", "stress": "subjects"}


def sized_cohort(
    profile: Profile, name: Literal["smiles", "stress"], people: int, seed: int
) -> Task:
    """Simulate a cohort like the profile's with another number of people and another seed."""
    changes = {f"cohorts.{name}.{_PEOPLE[name]}": people, f"cohorts.{name}.seed": seed}
    return simulate_task(name, override(profile, changes).cohorts)
