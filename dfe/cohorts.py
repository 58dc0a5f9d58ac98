"""The labeled clips of a task: the reader's own, or a cohort simulated once for a build."""

from __future__ import annotations

import json
from pathlib import Path

from dfe.config import Profile, TaskName, kept_path, task_settings
from dfe.config.kept import cohort
from dfe.data.cohorts.simulate import simulate_task
from dfe.data.own import task_files
from dfe.data.task import Task, TaskError
from dfe.data.task_store import load_own_task, read_task, write_task


def task_path(profile: Profile, name: TaskName) -> Path:
    """Where a build keeps a simulated cohort: `build/<profile>/cohorts/<task>.safetensors`."""
    return kept_path(profile, f"cohorts/{name}.safetensors", cohort(name))


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
