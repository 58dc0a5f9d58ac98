"""Settings that belong to one notebook only."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dfe.config.base import Seed, Settings


class TrainingPage(Settings):
    """Settings of the training notebook."""

    seeds: tuple[Seed, ...] = (0, 1, 2)  # one run from scratch per seed
    bootstrap: int = Field(1000, ge=10)  # resamples behind each interval


class TemplatesPage(Settings):
    """Settings of the templates notebook."""

    image_size: int = Field(256, ge=32)  # pixels per rendered head


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


class AblationsPage(Settings):
    """Settings of the ablation notebook (appendix A)."""

    tokens: int = Field(6, ge=1)  # tokens shown of each variant
    image_size: int = Field(160, ge=32)  # pixels per rendered head
    bootstrap: int = Field(1000, ge=10)


class Pages(Settings):
    """Settings that belong to one notebook only."""

    training: TrainingPage = TrainingPage()
    templates: TemplatesPage = TemplatesPage()
    decomposition: DecompositionPage = DecompositionPage()
    accuracy: AccuracyPage = AccuracyPage()
    diversity: DiversityPage = DiversityPage()
    ablations: AblationsPage = AblationsPage()
