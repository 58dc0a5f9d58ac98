"""First Impressions as a script: people who talk to a camera and are judged on five traits.

The real set (Ponce-López et al. 2016, `chalearn`; Escalante et al. 2022, `escalante`) has
6,000, 2,000 and 2,000 clips of 2,764 people who come several times and into several splits. The
scores, 0 to 1, come from judges who compared clips, so they are about apparent personality: what
the clip shows. Therefore the face depends here on the score of the clip, which has a part of the
person and one of the clip. The share of the person is a setting.

Assumed by us, from what is usually reported of these scores: means of 0.48 to 0.57 and sd of 0.13
to 0.15, so that predicting the mean gives 1 - MAE of about 0.88, as the weakest rows of Table 4 do;
and positive correlations between all five traits. The last means that "neuroticism" is scored like
the other four, high for people who seem at ease; a high score is emotional stability here.

What goes with each trait:

- smiles with extraversion and agreeableness, and a more expressive face with extraversion:
  photographs with spontaneous expressions let judges find nearly all traits (Naumann et al. 2009,
  `naumann`), and expressions of emotion in vlogs go with impressions of several traits, of
  extraversion most of all (Teijeiro-Mosquera et al. 2015, `teijeiro`; Biel et al. 2012,
  `facetube`).
- more speech with extraversion: Biel et al. (2011, `biel`) predict a third of the variance of its
  impressions from voice and movement.
- which action unit goes with which trait (raised brows with openness, a quiet mouth with
  conscientiousness, no frown with agreeableness, no sign of fear or sadness with stability), and
  all sizes, are assumed by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.config import PersonalityCohort
from dfe.data.cohorts.baseline import amplified, by_display, correlated_normals, everyday, moments
from dfe.data.cohorts.script import Script

SCALE = 0.7  # strength of the default effect; the one number to tune


class Trait(NamedTuple):
    """How a trait is scored, and what goes with one sd of it."""

    mean: float  # of the scores
    sd: float
    displays: Mapping[str, float]  # change of the log amount of displays
    rest: float = 0.0  # the same for all others
    speech: float = 0.0  # change of the share of speech


TRAITS: Mapping[str, Trait] = MappingProxyType(
    {
        "openness": Trait(0.57, 0.145, {"AU1": 0.40, "AU2": 0.50, "AU5": 0.20}),
        "conscientiousness": Trait(
            0.52, 0.150, {"AU14": -0.40, "AU16": -0.40, "AU18": -0.50, "AU28": -0.50}
        ),
        "extraversion": Trait(
            0.48, 0.150, {"AU12": 0.40, "AU25": 0.30, "AU26": 0.30}, rest=0.15, speech=0.06
        ),
        "agreeableness": Trait(
            0.55, 0.135, {"AU4": -0.30, "AU6": 0.45, "AU9": -0.30, "AU10": -0.35, "AU12": 0.20}
        ),
        "neuroticism": Trait(  # high for those who seem stable
            0.52, 0.150, {"AU4": -0.35, "AU15": -0.45, "AU17": -0.30, "AU20": -0.45}
        ),
    }
)
#: Between the traits, in their order: of the scores of people, and of clips of one person.
CORRELATION = (
    (1.00, 0.50, 0.65, 0.45, 0.60),
    (0.50, 1.00, 0.45, 0.50, 0.60),
    (0.65, 0.45, 1.00, 0.45, 0.60),
    (0.45, 0.50, 0.45, 1.00, 0.55),
    (0.60, 0.60, 0.60, 0.55, 1.00),
)
SPEECH = 0.75  # mean share of the time that people talk
SPEECH_SD = 0.12  # how much clips differ in it otherwise


def script(settings: PersonalityCohort, rng: np.random.Generator) -> Script:
    """Write the script: clips such as ``p0012_c3`` of people who come several times.

    Returns
    -------
    Script with five labels, the scores of the traits. Its state is the part of each trait that
    reaches the face, in sd; without an effect it is 0.
    """
    counts = {"train": settings.train, "dev": settings.dev, "test": settings.test}
    split = rng.permutation(np.repeat(list(counts), list(counts.values())))  # (N,)
    person, number = _appearances(len(split), settings.clips_per_person, rng)
    share = settings.person_share
    lasting = correlated_normals(int(person[-1]) + 1, CORRELATION, rng)  # (S, 5)
    passing = correlated_normals(len(split), CORRELATION, rng)  # (N, 5)
    traits = np.sqrt(share) * lasting[person] + np.sqrt(1 - share) * passing  # (N, 5), variance 1
    scores = {
        name: np.clip(trait.mean + trait.sd * traits[:, i], 0.0, 1.0)
        for i, (name, trait) in enumerate(TRAITS.items())
    }
    names = [f"p{i + 1:04d}" for i in person]
    ids = [f"{name}_c{k + 1}" for name, k in zip(names, number, strict=True)]
    clips = pd.DataFrame(
        {"subject": names, "split": split} | scores, index=pd.Index(ids, name="clip")
    )
    state = settings.effect * traits  # (N, 5)
    displays = np.stack([by_display(trait.displays, trait.rest) for trait in TRAITS.values()])
    talk = SCALE * state @ np.array([trait.speech for trait in TRAITS.values()])  # (N,)
    speech = SPEECH + talk + SPEECH_SD * rng.standard_normal(len(split))
    plan = amplified(everyday(speech), SCALE * state @ displays + moments(len(split), rng))
    return Script(clips, person, plan, state.astype(np.float32), tuple(TRAITS))


def _appearances(
    n: int, mean: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who acts in each of N clips, and which clip of that person it is, both from 0.

    People have 1, 2, 3, ... clips with geometric probabilities, `mean` on average; the last of them
    gets what is left of N.
    """
    sizes = rng.geometric(1 / mean, n)  # more people than can be needed
    person = np.repeat(np.arange(n), sizes)[:n]  # (N,)
    first = np.flatnonzero(np.diff(person, prepend=-1))  # (S,)
    return person, np.arange(n) - first[person]
