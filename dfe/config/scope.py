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
_NOWHERE = ("name", "description", "announcement", "pages", "cohorts", "utility")


def page_settings(profile: Profile, notebook: str) -> dict[str, Any]:
    """What the results of a notebook depend on, as plain JSON types.

    Settings that several pages may read are all there; those of other pages, of cohorts that this
    page does not read, and texts that change no number are not.

    Parameters
    ----------
    notebook
        Stem of the file, such as ``"10_stress"``.
    """
    tree = profile.model_dump(mode="json")
    found = {name: value for name, value in tree.items() if name not in _NOWHERE}
    found["own"] = {"psi": tree["own"]["psi"], "face": tree["own"]["face"]}
    found["own"]["training"] = tree["own"]["training"]
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
