"""StressID as a script: people at eleven tasks that stress them more or less.

Stress has a part of the task, one of the person and a rest; the shares of its variance are
settings. People rate stress, relaxation, valence and arousal from 0 to 10 after each task, and the
labels come from the ratings by the rules of the data set (Chaptoukaev et al. 2023, `stressid`; the
rules are on its page and in its code, see `three_class`). The means, spreads and correlations of
the ratings are ours; they are chosen so that the classes are about as frequent as in the data,
where 317 of 600 clips are stressed and the three classes have 138, 470 and 92 of 700 clips under
the rule of the paper. The data lack a few of the 11 x 55 clips, ours none. How stressful each task
is, and how much people talk in it, is assumed as well.

What stress does to a face:

- more blinks, more elements of fear (AU1, AU2, AU4, AU5, AU20), more movement in all, and smiles
  that are less of enjoyment (AU6): Harrigan and O'Connell (1996, `harrigan`). Giannakakis et al.
  (2022, `giannakakis2022`) also find more intense action units and a more expressive face under
  stress.
- movements of brows and mouth: Dinges et al. (2005, `dinges`); of eyes and mouth: Giannakakis et
  al. (2017, `giannakakis2017`). Which units of the mouth (AU14, AU17, AU23, AU24), AU7, and that
  AU12 gets rarer, is assumed by us, as are all sizes.

Speech depends on the task alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.config import StressCohort
from dfe.data.cohorts.baseline import amplified, by_display, everyday, moments
from dfe.data.cohorts.script import Script

SCALE = 1.5  # strength of the default effect; the one number to tune

#: Display -> change of its log amount for one sd of stress.
LOADINGS: Mapping[str, float] = MappingProxyType(
    {
        "AU1": 0.15,
        "AU2": 0.10,
        "AU4": 0.35,
        "AU5": 0.20,
        "AU6": -0.35,
        "AU7": 0.25,
        "AU12": -0.25,
        "AU14": 0.20,
        "AU17": 0.20,
        "AU20": 0.25,
        "AU23": 0.20,
        "AU24": 0.30,
        "AU45": 0.20,
    }
)
REST = 0.05  # the same for all other displays


class Situation(NamedTuple):
    """What a task does to everybody."""

    stress: float  # relative to the other tasks, any unit
    speech: float  # share of the time that people talk, 0 to 1


#: Task -> its situation, in the order of the experiment.
TASKS: Mapping[str, Situation] = MappingProxyType(
    {
        "Breathing": Situation(-1.2, 0.0),
        "Video1": Situation(-0.6, 0.0),
        "Video2": Situation(0.0, 0.0),
        "Counting1": Situation(-0.1, 0.6),
        "Counting2": Situation(0.4, 0.6),
        "Counting3": Situation(0.8, 0.6),
        "Stroop": Situation(0.4, 0.6),
        "Speaking": Situation(1.2, 0.8),
        "Math": Situation(0.9, 0.5),
        "Reading": Situation(-0.5, 0.9),
        "Relax": Situation(-1.3, 0.0),
    }
)


class Rating(NamedTuple):
    """How people answer one question: normal around `mean`, rounded, and cut to 0 to 10."""

    mean: float
    sd: float
    stress: float  # correlation with the true stress, before rounding


RATINGS: Mapping[str, Rating] = MappingProxyType(
    {
        "stress": Rating(4.68, 2.7, 0.90),
        "relax": Rating(3.60, 2.6, -0.75),
        "valence": Rating(4.60, 2.0, -0.50),
        "arousal": Rating(4.65, 2.2, 0.40),
    }
)
RELAXED, NEUTRAL, STRESSED = 0, 1, 2
STRESSED_FROM = 5  # rating of stress from which the binary label is 1


def script(settings: StressCohort, rng: np.random.Generator) -> Script:
    """Write the script: 11 clips for each subject, such as ``s01_Math``.

    Returns
    -------
    Script with the task, the four ratings, and the labels ``binary`` (1 = stressed) and
    ``three_class`` (0 relaxed, 1 neutral, 2 stressed). Its state is the stress that reaches the
    face, in sd; without an effect it is 0.
    """
    people, tasks = settings.subjects, list(TASKS)
    person = np.repeat(np.arange(people), len(tasks))  # (N,)
    task = np.tile(np.arange(len(tasks)), people)  # (N,)
    stress = _true_stress(settings, person, task, rng)  # (N,)
    ratings = {name: _rated(stress, rating, rng) for name, rating in RATINGS.items()}
    names = [f"s{i + 1:02d}" for i in person]
    doing = [tasks[t] for t in task]
    clips = pd.DataFrame(
        {"subject": names, "split": "", "task": doing}
        | ratings
        | {
            "binary": (ratings["stress"] >= STRESSED_FROM).astype(np.int64),
            "three_class": three_class(**ratings, rule=settings.labels),
        },
        index=pd.Index(
            [f"{who}_{what}" for who, what in zip(names, doing, strict=True)], name="clip"
        ),
    )
    state = settings.effect * stress  # (N,)
    speech = np.array([situation.speech for situation in TASKS.values()])[task]  # (N,)
    change = SCALE * np.outer(state, by_display(LOADINGS, REST)) + moments(len(task), rng)
    plan = amplified(everyday(speech), change)
    return Script(clips, person, plan, state[:, None].astype(np.float32), ("stress",))


def _true_stress(
    settings: StressCohort,
    person: NDArray[np.int64],
    task: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(N,) stress with mean 0 and variance 1 from the task, the person and the rest."""
    means = np.array([situation.stress for situation in TASKS.values()])  # (11,)
    of_task = (means - means.mean()) / means.std()
    of_person = rng.standard_normal(settings.subjects)
    rest = 1 - (settings.task_share + settings.subject_share)  # this order cannot fall below 0
    return (
        np.sqrt(settings.task_share) * of_task[task]
        + np.sqrt(settings.subject_share) * of_person[person]
        + np.sqrt(rest) * rng.standard_normal(len(person))
    )


def _rated(
    stress: NDArray[np.float64], rating: Rating, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(N,) answers to a question, 0 to 10."""
    noise = rng.standard_normal(len(stress))
    score = rating.stress * stress + np.sqrt(1 - rating.stress**2) * noise  # (N,), variance 1
    return np.clip(np.rint(rating.mean + rating.sd * score), 0, 10).astype(np.int64)


def three_class(
    stress: NDArray[np.int64],
    relax: NDArray[np.int64],
    valence: NDArray[np.int64],
    arousal: NDArray[np.int64],
    rule: Literal["paper", "site"],
) -> NDArray[np.int64]:
    """Return the three classes of ratings: 0 relaxed, 1 neutral, 2 stressed.

    Relaxed is valence > 5, arousal < 5 and relax > 5 under the rule of the project's page ("site"),
    and the same with >=, <= and >= under that of its notebook ("paper"). Stressed is valence < 5,
    arousal > 5 and stress > 5 under both. The two exclude each other by the valence, so their order
    does not matter.

    Parameters
    ----------
    stress, relax, valence, arousal
        (N,) ratings from 0 to 10.
    rule
        Which edition of the labels.
    """
    strict = rule == "site"
    edge = 6 if strict else 5  # ratings are whole numbers: > 5 is >= 6
    relaxed = (valence >= edge) & (arousal <= 10 - edge) & (relax >= edge)
    stressed = (valence < 5) & (arousal > 5) & (stress > 5)
    return np.select([relaxed, stressed], [RELAXED, STRESSED], NEUTRAL)
