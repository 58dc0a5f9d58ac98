"""Settings of the four tasks of section 5.3 and of the smiles of section 5.2."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dfe.config.base import Seed, Settings

TaskName = Literal["smiles", "personality", "depression", "stress"]
Penalty = Annotated[float, Field(gt=0)]


class TaskFiles(Settings):
    """A reader's own data for one task, instead of the simulated cohort."""

    clips: Path  # table of clips, subjects, splits and labels (CSV or Parquet)
    psi: Path  # observation file with the expression vectors (50 values) of the clips' frames
    observers: dict[str, Path] = {}  # name of a method -> observation file with its features


class UtilityConfig(Settings):
    """Classifiers, protocols and tests that all task pages share."""

    penalties: tuple[Penalty, ...] = Field((0.01, 0.1, 1.0, 10.0), min_length=1)  # C; not stated
    kernels: tuple[Literal["linear", "rbf"], ...] = Field(("linear", "rbf"), min_length=1)  # same
    inner_folds: int = Field(4, ge=2)  # choose C and kernel, on training data only
    stress_folds: int = Field(8, ge=2)  # GroupKFold by subject, as in the official code
    bootstrap: int = Field(2000, ge=10)  # resamples behind each interval
    permutations: int = Field(5000, ge=10)  # of the paired test
    basis_rows: int = Field(2000, ge=50)  # frames that the Facial Basis is learned from
    basis_rounds: int = Field(100, ge=1)  # rounds of learning of each of its regions
    seed: Seed = 0
    tasks: dict[TaskName, TaskFiles] = {}  # the reader's own data; a task without is simulated
