"""What a cohort hands to the simulator: clips with labels, and how each clip is to be performed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Plan(NamedTuple):
    """How often and how strongly the A displays happen in each of N clips.

    rate : (N, A) events per minute, >= 0.
    strength : (N, A) mean peak intensity of an event, 0 to 1.
    tonic : (N, A) intensity that lasts through the clip, 0 to 1.
    lean : (N, A) mean asymmetry, -1 (the subject's right side only) to 1 (left side only).
    speech : (N,) share of the time that the person talks, 0 to 1.
    """

    rate: NDArray[np.float64]
    strength: NDArray[np.float64]
    tonic: NDArray[np.float64]
    lean: NDArray[np.float64]
    speech: NDArray[np.float64]


class Script(NamedTuple):
    """A cohort before anybody moved.

    clips : N rows as in `dfe.data.task.Task`: subject, split and labels, indexed by clip id.
    person : (N,) int64, which person acts in the clip, 0 .. S - 1.
    plan : what each clip shows, before the person's style.
    state : (N, Q) float32, the latent state that drives behaviour; the ceiling may look at it.
    state_names : Q names.
    """

    clips: pd.DataFrame
    person: NDArray[np.int64]
    plan: Plan
    state: NDArray[np.float32]
    state_names: tuple[str, ...]
