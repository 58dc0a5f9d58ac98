"""Which settings a page reads, so that a change of one setting runs only the pages it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from dfe.config.pages import Pages
from dfe.config.profile import Profile
from dfe.config.utility import TaskName

TASKS: tuple[TaskName, ...] = get_args(TaskName)

#: Notebook -> the tasks that it reads. A notebook that is not here reads none.
PAGE_TASKS: Mapping[str, tuple[TaskName, ...]] = MappingProxyType(
    {
        "07_smiles": ("smiles",),
        "08_personality": ("personality",),
        "09_depression": ("depression",),
        "10_stress": ("stress",),
        "11_ablations": ("stress",),  # the task columns of Table 7
        "13_cohorts": TASKS,
        "14_power": ("smiles", "stress"),
    }
)
#: Notebooks that read the frames of sections 5.1 and 5.2.
FRAME_PAGES = ("05_accuracy", "06_diversity", "11_ablations")
#: Notebooks whose cohorts are simulated also where a reader's own files stand in for them.
SIMULATED_PAGES = ("13_cohorts", "14_power")
#: Notebooks that classify clips which belong to none of the tasks.
CLIP_PAGES = ("17_emotions",)
_CORPUS = ("data", "corpus")
#: Notebook -> the groups of settings that it reads itself. What it reads from a file that another
#: job has made is not here, nor are its tasks and the settings of its own page.
PAGE_READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "01_data": _CORPUS,
        "02_training": (*_CORPUS, "model", "loss", "training"),
        "03_templates": _CORPUS,
        "04_decomposition": _CORPUS,
        "05_accuracy": (*_CORPUS, "database"),
        "06_diversity": (*_CORPUS, "database"),
        "07_smiles": _CORPUS,
        "08_personality": _CORPUS,
        "09_depression": _CORPUS,
        "10_stress": _CORPUS,
        "11_ablations": (*_CORPUS, "model", "loss", "training", "variants"),
        "12_losses": (*_CORPUS, "model", "loss", "training", "variants"),
        "13_cohorts": _CORPUS,
        "14_power": _CORPUS,
        "15_audit": (),
        "16_scoreboard": (),
        "17_emotions": _CORPUS,
    }
)
#: Notebooks that read no frame of a face.
NO_FRAMES = ("15_audit", "16_scoreboard")
#: Notebooks that show no model of the build: the others depend on it.
NO_MODEL = ("01_data", "12_losses", *NO_FRAMES)


def page_settings(profile: Profile, notebook: str) -> dict[str, Any]:
    """What the results of a notebook depend on, as plain JSON types.

    Settings of other pages, of cohorts that this page does not read, and texts that change no
    number are not there. A notebook that `PAGE_READS` does not list depends on all groups.

    Parameters
    ----------
    notebook
        Stem of the file, such as ``"10_stress"``.
    """
    tree = profile.model_dump(mode="json")
    groups = PAGE_READS.get(notebook, PAGE_READS["11_ablations"] + ("database",))
    found = {name: tree[name] for name in groups}
    if notebook not in NO_MODEL:
        found |= {name: tree[name] for name in ("train", "checkpoint")}
    if notebook not in NO_FRAMES:
        found["own"] = {name: tree["own"][name] for name in ("psi", "face", "training")}
    if notebook in FRAME_PAGES:
        found["own"]["frames"] = tree["own"]["frames"]
    page = notebook.partition("_")[2]
    if page in Pages.model_fields:
        found["page"] = tree["pages"][page]
    tasks = PAGE_TASKS.get(notebook, ())
    if tasks or notebook in CLIP_PAGES:
        found["utility"] = tree["utility"] | {"tasks": None}
        settings = cohort_settings if notebook in SIMULATED_PAGES else task_settings
        found["tasks"] = {task: settings(profile, task) for task in tasks}
    return found


def task_settings(profile: Profile, task: TaskName) -> dict[str, Any]:
    """What the data of a task depend on: the reader's own files, or the settings of its cohort."""
    if task in profile.utility.tasks:
        return profile.utility.tasks[task].model_dump(mode="json")
    if task in profile.own.tasks:
        return {"own": profile.own.tasks[task]}
    return cohort_settings(profile, task)


def cohort_settings(profile: Profile, task: TaskName) -> dict[str, Any]:
    """What the simulated cohort of a task depends on."""
    tree = profile.cohorts.model_dump(mode="json")
    return {name: tree[name] for name in ("people", "observers", task)}
