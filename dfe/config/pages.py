"""Settings that belong to one notebook only."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from dfe.config.base import Seed, Settings


class DataPage(Settings):
    """Settings of the data notebook."""

    examples: int = Field(8, ge=1)  # faces in each row of the last figure


class TrainingPage(Settings):
    """Settings of the training notebook."""

    seeds: tuple[Seed, ...] = (0, 1, 2)  # one run from scratch per seed
    bootstrap: int = Field(1000, ge=10)  # resamples behind each interval


class TemplatesPage(Settings):
    """Settings of the templates notebook."""

    image_size: int = Field(256, ge=32)  # pixels per rendered head
    saturate: float = Field(0.9, gt=0, le=1)  # quantile of displacements that ends the color scale


class DecompositionPage(Settings):
    """Settings of the decomposition notebook."""

    image_size: int = Field(320, ge=32)
    examples: int = Field(4, ge=1)  # faces to decompose
    show_licensed_frames: bool = True  # leave photographs out where the licence asks for care


class AccuracyPage(Settings):
    """Settings of the retrieval notebook (section 5.1)."""

    minimum_matches: int = Field(5, ge=1)  # section 5.1: queries with fewer are left out
    au_threshold: float = Field(0.2, gt=0, lt=1)  # an action unit is active above it
    human_action_units: Path | None = None  # observation file with human-coded action units
    observers: dict[str, Path] = {}  # name -> observation file of the reader's own extractor
    examples: int = Field(2, ge=1)  # queries whose retrieved frames are shown
    image_size: int = Field(160, ge=32)  # pixels per picture
    show_licensed_frames: bool = True
    bootstrap: int = Field(1000, ge=10)  # resamples behind each interval
    seed: Seed = 0


class DiversityPage(Settings):
    """Settings of the diversity notebook (section 5.2)."""

    au_threshold: float = Field(0.2, gt=0, lt=1)
    human_action_units: Path | None = None  # observation file with human-coded action units
    bootstrap: int = Field(1000, ge=10)
    seed: Seed = 0


class SmilesPage(Settings):
    """Settings of the notebook on smiles (section 5.2, Figure 6)."""

    tokens: int = Field(4, ge=1)  # tokens shown of each type; Figure 6 has four
    image_size: int = Field(200, ge=32)  # pixels per rendered head


class DepressionPage(Settings):
    """Settings of the notebook on depression (section 5.3)."""

    label: Literal["phq_binary", "score10"] = "phq_binary"  # not stated; the paper names neither


class EmotionsPage(Settings):
    """Settings of the notebook on emotions, which needs the landmarks of RAVDESS."""

    channel: Literal["speech", "song", "both"] = "speech"  # two emotions were never sung
    every: int = Field(3, ge=1)  # use each n-th frame; the videos have 30 a second
    noise: float = Field(1.0, gt=0)  # mm; what the fit of landmarks reckons with
    folds: int = Field(8, ge=2)  # of actors
    tokens: int = Field(4, ge=1)  # tokens shown of each emotion
    simulated: int = Field(400, ge=20)  # faces that the fit has to find again
    people: int = Field(8, ge=1)  # who show them
    tracker_noise: float = Field(0.5, ge=0)  # mm; noise of their landmarks
    image_size: int = Field(128, ge=32)  # pixels per rendered head
    seed: Seed = 0


class CohortsPage(Settings):
    """Settings of the notebook that shows the simulated cohorts."""

    image_size: int = Field(160, ge=32)  # pixels per rendered head


class PowerPage(Settings):
    """Settings of the notebook on cohort size."""

    actors: tuple[int, ...] = Field((5, 10, 15, 30, 60, 120), min_length=1)  # to learn smiles from
    subjects: tuple[int, ...] = Field((10, 20, 40, 80, 160), min_length=1)  # to learn stress from
    test_actors: int = Field(60, ge=2)
    test_subjects: int = Field(40, ge=2)
    repeats: int = Field(5, ge=1)  # draws of each size
    seed: Seed = 1


class AuditPage(Settings):
    """Settings of the notebook on what the printed numbers imply."""

    largest: int = Field(80, ge=20)  # N that is tried as the number of clips


class AblationsPage(Settings):
    """Settings of the ablation notebook (appendix A)."""

    tokens: int = Field(6, ge=1)  # tokens shown of each variant
    image_size: int = Field(160, ge=32)  # pixels per rendered head
    bootstrap: int = Field(1000, ge=10)


class Pages(Settings):
    """Settings that belong to one notebook only."""

    data: DataPage = DataPage()
    training: TrainingPage = TrainingPage()
    templates: TemplatesPage = TemplatesPage()
    decomposition: DecompositionPage = DecompositionPage()
    accuracy: AccuracyPage = AccuracyPage()
    diversity: DiversityPage = DiversityPage()
    smiles: SmilesPage = SmilesPage()
    depression: DepressionPage = DepressionPage()
    ablations: AblationsPage = AblationsPage()
    emotions: EmotionsPage = EmotionsPage()
    cohorts: CohortsPage = CohortsPage()
    power: PowerPage = PowerPage()
    audit: AuditPage = AuditPage()
