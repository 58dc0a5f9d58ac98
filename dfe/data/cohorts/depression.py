"""E-DAIC as a script: interviews with people more or less depressed, in the splits of AVEC 2019.

The real set (Gratch et al. 2014, `daic`; Ringeval et al. 2019, `avec2019`) has 163, 56 and 56
sessions. All test ids are 600 or higher, and these sessions had another interviewer. Here too: the
test split has an interviewer who smiles more and asks for more, and people answer in kind, as
speakers in Obayashi et al. (2024, `obayashi`) smiled more the more the listener did. The direction
and the size of this shift are assumed.

A true severity, standard normal and a little higher in the test split, sets the face and, with an
error of report, the score of the PHQ-8 (Kroenke et al. 2009, `phq8`), 0 to 24. The scores follow a
beta distribution cut into 25 steps. In the data 21 of the 56 test subjects score 10 or more, and
predicting the mean of the training split gives a root mean squared error of 6.54 and a mean
absolute one of 5.38; shape and shift are set to give about that. The column PHQ_Binary of the data
is not the score cut at 10: it differs for about 20 of 275 subjects, and marks 17 in the test split.
We do not know how it was made; here a second, noisy reading of the score is cut at a higher value.

What severity does to a face:

- fewer AU12 and AU15, more AU14: Girard et al. (2014, `girard`), who followed depressed people.
- a less expressive face in all: noted by Kacem et al. (2018, `kacem`).
- slower speech with longer pauses, here less of it: Ellgring and Scherer (1996, `ellgring`).

Assumed by us: that AU6 goes with AU12, more AU4, AU17 and AU24, and all sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dfe.config import DepressionCohort
from dfe.data.cohorts.baseline import amplified, by_display, everyday, moments
from dfe.data.cohorts.script import Script

SCALE = 0.65  # strength of the default effect; the one number to tune

#: Display -> change of its log amount for one sd of severity.
LOADINGS: Mapping[str, float] = MappingProxyType(
    {
        "AU4": 0.20,
        "AU6": -0.45,
        "AU12": -0.45,
        "AU14": 0.35,
        "AU15": -0.20,
        "AU17": 0.15,
        "AU24": 0.20,
        "AU45": 0.00,
    }
)
REST = -0.15  # the same for all other displays
SPEECH = 0.50  # mean share of the time that people talk
SPEECH_LOADING = -0.06  # its change for one sd of severity
SPEECH_SD = 0.12  # how much people differ in it otherwise

#: Display -> change of its log amount with the other interviewer.
INTERVIEWER: Mapping[str, float] = MappingProxyType(
    {"AU1": 0.20, "AU2": 0.20, "AU6": 0.35, "AU12": 0.40}
)
INTERVIEWER_SPEECH = 0.10  # change of the share of speech with the other interviewer

BETA = (0.72, 1.95)  # shape of the scores of training and dev people
TEST_SEVERITY = 0.30  # how much more severe the test people are, in sd
RELIABILITY = 0.90  # correlation of the score, before it is cut, with the true severity
CUT = 10  # score from which people count as depressed
SECOND_CUT, SECOND_SD = 11.4, 1.5  # cut and error of the second reading behind `phq_binary`

FIRST_ID, FIRST_TEST_ID = 300, 600


def script(settings: DepressionCohort, rng: np.random.Generator) -> Script:
    """Write the script: one interview for each person, named by a number as in the data.

    Returns
    -------
    Script with the labels ``phq`` (0 to 24), ``phq_binary`` (1 = depressed, by the second reading)
    and ``score10`` (1 where `phq` is 10 or more). Its state is the severity that reaches the face,
    in sd; without an effect it is 0.
    """
    counts = {"train": settings.train, "dev": settings.dev, "test": settings.test}
    split = np.repeat(list(counts), list(counts.values()))  # (N,)
    is_test = split == "test"
    n = len(split)
    severity = rng.standard_normal(n) + TEST_SEVERITY * is_test  # (N,)
    report = RELIABILITY * severity + np.sqrt(1 - RELIABILITY**2) * rng.standard_normal(n)
    phq = phq_score(report)  # (N,)
    second = phq + SECOND_SD * rng.standard_normal(n)
    ids = _ids(settings, rng)
    clips = pd.DataFrame(
        {
            "subject": ids,
            "split": split,
            "phq": phq,
            "phq_binary": (second >= SECOND_CUT).astype(np.int64),
            "score10": (phq >= CUT).astype(np.int64),
        },
        index=pd.Index(ids, name="clip"),
    )
    state = settings.effect * severity  # (N,)
    shift = settings.interviewer_shift * is_test  # (N,)
    speech = SPEECH + SCALE * SPEECH_LOADING * state + INTERVIEWER_SPEECH * shift
    plan = amplified(
        everyday(speech + SPEECH_SD * rng.standard_normal(n)),
        SCALE * np.outer(state, by_display(LOADINGS, REST))
        + np.outer(shift, by_display(INTERVIEWER))
        + moments(n, rng),
    )
    return Script(clips, np.arange(n), plan, state[:, None].astype(np.float32), ("severity",))


def phq_score(report: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the scores, 0 to 24, of reported severities.

    A standard normal report gives `BETA` cut into 25 equal steps; a higher one a higher score.

    Parameters
    ----------
    report
        (N,) severities as people report them, in sd of training and dev people.
    """
    share = stats.beta.ppf(stats.norm.cdf(report), *BETA)  # (N,), 0 to 1
    return np.minimum(np.floor(25 * share), 24).astype(np.int64)


def _ids(settings: DepressionCohort, rng: np.random.Generator) -> list[str]:
    """N different numbers in the order of the splits, rising within each.

    Training and dev ids share the numbers from 300 to 599, or to where a larger cohort needs them;
    test ids come from the numbers after that.
    """
    seen = settings.train + settings.dev
    first_test = max(FIRST_TEST_ID, FIRST_ID + seen)
    before = rng.choice(np.arange(FIRST_ID, first_test), seen, replace=False)
    after = first_test + rng.choice(2 * settings.test, settings.test, replace=False)
    parts = (before[: settings.train], before[settings.train :], after)
    return [str(number) for part in parts for number in np.sort(part)]
