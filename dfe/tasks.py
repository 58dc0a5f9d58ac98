"""The tasks of a build: made or read once, with their tokens and Facial-Basis coefficients."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dfe.basis import load_facial_basis
from dfe.config import Profile, TaskName, kept_path, override
from dfe.config.kept import VARIANT
from dfe.data.cohorts.simulate import simulate_task
from dfe.data.corpus import sha256_array
from dfe.data.own import task_files
from dfe.data.task import PSI, Task
from dfe.evidence import file_hashes
from dfe.face import OpenHead
from dfe.model import DFE
from dfe.tokens import computed_once, encode_once
from dfe.utility import PUBLISHED_BASIS, Method, task_methods

BASIS_FORMAT = "dfe-facial-basis-codes/1"
_CODES = (*VARIANT, "cohorts", "own", "utility", "pages.emotions")  # what codes may depend on


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
    path = kept_path(profile, f"tokens/{task.name}-{run}.safetensors", _CODES)
    return encode_once(model, task.frames[PSI].values, path)


def task_basis(profile: Profile, task: Task, run: str = "model") -> NDArray[np.float32]:
    """Facial-Basis coefficients (M, 50) of all frames of a task, computed once for a build."""
    basis, psi = load_facial_basis(profile), task.frames[PSI].values
    path = kept_path(profile, f"facial_basis/{task.name}-{run}.safetensors", _CODES)
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
