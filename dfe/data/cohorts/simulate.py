"""One cohort as a task: its script, performed by people, and seen by observers of one truth."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfe.config import CohortsConfig, TaskName
from dfe.data.cohorts import depression, personality, smiles, stress
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.dynamics import perform
from dfe.data.cohorts.observers import observe
from dfe.data.cohorts.people import draw_people, extracted_psi, styled
from dfe.data.cohorts.script import Script
from dfe.data.task import PSI, TRUE_DISPLAYS, TRUE_STATE, Frames, Task
from dfe.face import OpenHead

SIDES = ("left", "right")  # last axis of the displays

#: Task -> its script, and the number that keeps its random streams apart from the others'.
SCRIPTS: MappingProxyType[str, tuple[Callable[..., Script], int]] = MappingProxyType(
    {
        "smiles": (smiles.script, 0),
        "stress": (stress.script, 1),
        "depression": (depression.script, 2),
        "personality": (personality.script, 3),
    }
)


def simulate_task(name: TaskName, cohorts: CohortsConfig) -> Task:
    """Simulate one cohort: the same settings, the same bits.

    Script, people, performance, extractor and observers draw from streams of their own, so a
    change of an observer's error leaves what people did untouched.

    Returns
    -------
    Task of origin "simulated" with the frames of "psi", the observers of
    `dfe.data.cohorts.observers`, and two that no observer of real people has: the true displays
    (44 values a frame) and the true state that drove them (one row a clip).
    """
    settings: Any = getattr(cohorts, name)
    make, stream = SCRIPTS[name]
    streams = [
        np.random.default_rng(seed)
        for seed in np.random.SeedSequence([settings.seed, stream]).spawn(5)
    ]
    face = OpenHead()
    script = make(settings, streams[0])
    people = draw_people(int(script.person.max()) + 1, cohorts.people, streams[1])
    plan = styled(script.plan, people, script.person)
    actions = perform(plan, settings.frames, settings.fps, streams[2])  # (N, T, A, 2)
    psi = extracted_psi(
        actions, people, script.person, cohorts.people, settings.fps, face, streams[3]
    )
    seen = observe(
        actions,
        script.person,
        people.identity,
        settings.fps,
        cohorts.observers,
        face,
        streams[4],
    )
    sided = tuple(f"{display} {side}" for display in DISPLAYS for side in SIDES)
    frames = {
        PSI: _frames(psi),
        **{observer: _frames(values, columns) for observer, (values, columns) in seen.items()},
        TRUE_DISPLAYS: _frames(actions.reshape(*actions.shape[:2], -1), sided),
        TRUE_STATE: _frames(script.state, script.state_names),
    }
    return Task(name, "simulated", script.clips, frames)


def _frames(values: NDArray[np.float32], columns: tuple[str, ...] = ()) -> Frames:
    """Frames of (N, T, D), or of one row for each clip, (N, D)."""
    n, length = len(values), values.shape[1] if values.ndim == 3 else 1
    rows = np.asarray(values, np.float32).reshape(n * length, -1)  # (N T, D)
    return Frames(np.repeat(np.arange(n), length), rows, columns)
