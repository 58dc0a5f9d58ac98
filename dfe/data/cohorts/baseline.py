"""What faces do when nothing special is felt, and how a state changes it.

All cohorts but the posed smiles start from the same everyday habits. Only the rate of blinks is
taken from a measurement: Karson et al. (1981, `karson`) counted 19.0 blinks a minute in silence and
24.7 in speech. The other numbers are ours. They keep the order that any recording of a conversation
shows, with smiles and raised brows often and wrinkled noses or sucked lips rarely, and nothing in
the book rests on their exact values.

A state acts on the *amount* of a display, in logarithms: a change of x multiplies the rate and the
resting level by exp(x) and the mean peak by exp(x / 2). So no state can make an amount negative,
and changes of several states add up. Faces also vary from clip to clip for reasons that no label
knows; `moments` draws such changes. Their size is ours, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.data.cohorts.displays import DISPLAYS
from dfe.data.cohorts.script import Plan


class Habit(NamedTuple):
    """How a display behaves in everyday life."""

    rate: float  # events per minute
    strength: float  # mean peak intensity of an event, 0 to 1
    tonic: float  # intensity between events, 0 to 1


#: Display -> its everyday habit.
EVERYDAY: Mapping[str, Habit] = MappingProxyType(
    {
        "AU1": Habit(4.0, 0.40, 0.03),
        "AU2": Habit(3.5, 0.40, 0.03),
        "AU4": Habit(2.5, 0.35, 0.05),
        "AU5": Habit(1.0, 0.30, 0.02),
        "AU6": Habit(2.5, 0.40, 0.04),
        "AU7": Habit(2.5, 0.35, 0.05),
        "AU9": Habit(0.6, 0.30, 0.02),
        "AU10": Habit(1.2, 0.30, 0.03),
        "AU12": Habit(3.5, 0.45, 0.07),
        "AU14": Habit(2.0, 0.35, 0.04),
        "AU15": Habit(1.2, 0.30, 0.03),
        "AU16": Habit(0.8, 0.25, 0.02),
        "AU17": Habit(2.0, 0.35, 0.04),
        "AU18": Habit(0.8, 0.30, 0.02),
        "AU20": Habit(0.8, 0.30, 0.02),
        "AU22": Habit(0.5, 0.25, 0.01),
        "AU23": Habit(1.2, 0.30, 0.03),
        "AU24": Habit(2.0, 0.35, 0.04),
        "AU25": Habit(3.0, 0.35, 0.04),
        "AU26": Habit(1.5, 0.30, 0.02),
        "AU28": Habit(0.5, 0.35, 0.00),
        "AU45": Habit(19.0, 0.95, 0.00),
    }
)
TALKING_BLINKS = 24.7  # blinks a minute of a person who talks all the time
MOMENT = 0.5  # sd of the log amount of a display from clip to clip
MAX_RATE = 60.0  # of a display that a state makes as frequent as can be: once a second

#: Log change of the peak for each log change of the amount; a blink is always a whole one.
_PEAK_SHARE = np.array([0.0 if name == "AU45" else 0.5 for name in DISPLAYS])  # (A,)


def everyday(speech: NDArray[np.float64]) -> Plan:
    """Return the plan of N clips of people who feel nothing special.

    Parameters
    ----------
    speech
        (N,) share of the time that each person talks; cut to 0 to 1. Talkers blink more.
    """
    speech = np.clip(speech, 0.0, 1.0)
    habits = np.array([EVERYDAY[name] for name in DISPLAYS])  # (A, 3)
    rate, strength, tonic = (np.tile(column, (len(speech), 1)) for column in habits.T)  # (N, A)
    blink = DISPLAYS.index("AU45")
    rate[:, blink] += (TALKING_BLINKS - rate[:, blink]) * speech
    return Plan(rate, strength, tonic, np.zeros_like(rate), speech)


def amplified(plan: Plan, change: NDArray[np.float64]) -> Plan:
    """Change the amount of each display of a plan.

    Parameters
    ----------
    change
        (N, A) change of the log amount; zero leaves a plan as it is. Intensities end at 1, rates
        at `MAX_RATE` or at the rate of the plan where that is higher.
    """
    return plan._replace(
        rate=np.minimum(plan.rate * np.exp(change), np.maximum(plan.rate, MAX_RATE)),
        strength=np.minimum(plan.strength * np.exp(change * _PEAK_SHARE), 1.0),
        tonic=np.minimum(plan.tonic * np.exp(change), 1.0),
    )


def moments(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw (n, A) changes of the log amounts in n clips that have nothing to do with any label.

    They are normal, and leave the mean amount over all clips as it is.
    """
    return MOMENT * rng.standard_normal((n, len(DISPLAYS))) - MOMENT**2 / 2


def by_display(values: Mapping[str, float], rest: float = 0.0) -> NDArray[np.float64]:
    """Return (A,) values in the order of `DISPLAYS`; a display without a value gets `rest`.

    Raises
    ------
    ValueError
        If a name is no display.
    """
    if unknown := sorted(set(values) - set(DISPLAYS)):
        raise ValueError(f"no such display: {unknown}; the displays are {', '.join(DISPLAYS)}")
    return np.array([values.get(name, rest) for name in DISPLAYS])


def correlated_normals(
    n: int, correlation: ArrayLike, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw (n, Q) standard normal values whose Q columns have the given (Q, Q) correlations.

    Raises
    ------
    numpy.linalg.LinAlgError
        If `correlation` is not positive definite.
    """
    root = np.linalg.cholesky(np.asarray(correlation, float))  # (Q, Q)
    return rng.standard_normal((n, len(root))) @ root.T  # (n, Q)
