"""Settings of the simulated cohorts: who takes part, how strong the effects are, who looks on.

The book's page on the cohorts gives the sources. `effect` scales what a label does to behaviour:
1 is the default strength, 0 is no effect at all. `null` turns off all that ties a label to what
can be seen.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from dfe.config.base import Seed, Settings, vary


class PeopleConfig(Settings):
    """How much people differ, whatever they feel, and what the extractor adds."""

    style: float = Field(0.3, ge=0)  # sd of the log gain of each display of a person
    lean: float = Field(0.12, ge=0)  # sd of a person's habitual asymmetry, -1 to 1
    tonic: float = Field(0.06, ge=0)  # mean of the resting level of a display
    identity_leak: float = Field(0.35, ge=0)  # sd of a person's constant share of psi
    extractor_noise: float = Field(0.25, ge=0)  # sd of the noise of psi, per frame
    noise_memory: float = Field(0.8, ge=0, lt=1)  # its correlation after one tenth of a second


class ObserversConfig(Settings):
    """Errors of those who look at the same truth; see `dfe.data.cohorts.observers`."""

    coder_error: float = Field(0.1, ge=0)  # sd of a coder's criterion, in units of intensity
    tracker_noise: float = Field(0.12, ge=0)  # sd of the noise of automatic units, per frame
    tracker_bias: float = Field(0.08, ge=0)  # sd of the error of automatic units, per person
    other_noise: float = Field(0.35, ge=0)  # sd of the noise of the independent 3DMM, per frame
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


class CohortsConfig(Settings):
    """All cohorts of a build."""

    people: PeopleConfig = PeopleConfig()
    observers: ObserversConfig = ObserversConfig()
    smiles: SmilesCohort = SmilesCohort()
    stress: StressCohort = StressCohort()
    depression: DepressionCohort = DepressionCohort()
    personality: PersonalityCohort = PersonalityCohort()
