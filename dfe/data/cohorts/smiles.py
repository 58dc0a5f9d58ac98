"""SmileStimuli as a script: actors who pose smiles of reward, of affiliation and of dominance.

The real set (Martin et al. 2021, `smilestimuli`) has 45 clips: 15 actors, three smiles each. What
the smiles look like follows Rychlowska et al. (2017, `rychlowska`), who let people judge random
combinations of facial movements: reward smiles are symmetric and come with raised brows,
affiliative smiles with pressed lips, dominance smiles are asymmetric, with a wrinkled nose and a
raised upper lip. Ambadar et al. (2009, `ambadar`) found smiles that look amused, compared with
polite ones, to be larger and to have more often AU6 and an open mouth; so ours do in reward against
affiliation.

Assumed by us: all intensities, AU14 and AU17 in affiliation, some AU6 and AU14 in dominance, that
one actor always leans to the same side, and how much actors differ.

A clip holds one posed smile. It is held through the clip at a share `HELD` of its intensity, so
that each clip shows it, and has one further onset per clip on average. Actors do not pose pure
types: each clip mixes the wanted type with random amounts of all three, which are what
`Script.state` holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.config import SmilesCohort
from dfe.data.cohorts.baseline import by_display, everyday
from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.script import Plan, Script

SCALE = 1.0  # strength of the default effect; the one number to tune
BLEND = 0.7  # sd of what a clip has of each of the three types, besides the wanted one
TAKE = 0.15  # sd of the log intensity of a whole clip
HELD = 0.5  # share of the intensity that lasts through the clip

#: Type of smile -> intensity of the displays at the apex, 0 to 1.
PROFILES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "reward": {"AU12": 0.75, "AU6": 0.60, "AU1": 0.35, "AU2": 0.35, "AU25": 0.60, "AU26": 0.2},
        "affiliation": {"AU12": 0.55, "AU6": 0.25, "AU14": 0.35, "AU17": 0.25, "AU24": 0.45},
        "dominance": {"AU12": 0.60, "AU6": 0.30, "AU9": 0.30, "AU10": 0.45, "AU14": 0.20},
    }
)
#: Type of smile -> how far its displays lean to the actor's own side, 0 to 1.
LEANS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"reward": {}, "affiliation": {}, "dominance": {"AU12": 0.60, "AU10": 0.50, "AU14": 0.60}}
)
TYPES = tuple(PROFILES)


def script(settings: SmilesCohort, rng: np.random.Generator) -> Script:
    """Write the script: 3 clips for each actor, such as ``actor01_reward``.

    Returns
    -------
    Script with the label ``smile``. Its state is how much of each type a clip has: 0 is none, 1 is
    a pure smile. Without an effect the wanted type adds nothing to it.
    """
    actors, kinds = settings.actors, len(TYPES)
    person = np.repeat(np.arange(actors), kinds)  # (N,)
    kind = np.tile(np.arange(kinds), actors)  # (N,)
    state = settings.effect * SCALE * np.eye(kinds)[kind]  # (N, 3)
    state = state + BLEND * rng.standard_normal(state.shape)
    side = rng.choice([-1.0, 1.0], actors)[person]  # (N,)
    take = np.exp(TAKE * rng.standard_normal(len(person)))  # (N,)
    plan = _posed(state, side, take, clips_per_minute=60 * settings.fps / settings.frames)
    names = [f"actor{i + 1:02d}" for i in person]
    smile = [TYPES[k] for k in kind]
    clips = pd.DataFrame(
        {"subject": names, "split": "", "smile": smile},
        index=pd.Index([f"{a}_{s}" for a, s in zip(names, smile, strict=True)], name="clip"),
    )
    return Script(clips, person, plan, state.astype(np.float32), TYPES)


def _posed(
    state: NDArray[np.float64],
    side: NDArray[np.float64],
    take: NDArray[np.float64],
    clips_per_minute: float,
) -> Plan:
    """Plan of clips with the given amounts of the types (N, 3); `side` and `take` are (N,)."""
    apex = np.clip(_mixed(PROFILES, state) * take[:, None], 0.0, 1.0)  # (N, A)
    lean = np.clip(_mixed(LEANS, state), 0.0, 1.0) * side[:, None]  # (N, A)
    posed = np.isin(DISPLAYS, [name for profile in PROFILES.values() for name in profile])  # (A,)
    plan = everyday(np.zeros(len(state)))
    return plan._replace(
        rate=np.where(posed, clips_per_minute, plan.rate),
        strength=np.where(posed, apex, plan.strength),
        tonic=np.where(posed, HELD * apex, plan.tonic),
        lean=lean,
    )


def _mixed(
    table: Mapping[str, Mapping[str, float]], state: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, A) what all types share plus what is special about each, as much as a clip has of it."""
    rows = np.stack([by_display(table[kind]) for kind in TYPES])  # (3, A)
    common = rows.mean(0)
    return common + state @ (rows - common)
