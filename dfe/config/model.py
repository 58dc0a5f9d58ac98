"""Settings of the model, its losses and its training.

Every default names its source in section 4.3 of the paper. Where the paper is silent or ambiguous
the comment says so and gives the reason for our choice; the book's method page lists the same
points.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dfe.config.base import Seed, Settings

PSI_DIM = 50  # expression coefficients per face (section 3.1)

Decay = Annotated[float, Field(ge=0, lt=1)]


class ModelConfig(Settings):
    """Architecture of the residual vector-quantized autoencoder (sections 3.2 and 4.3)."""

    psi_dim: int = Field(PSI_DIM, ge=1)  # width of an expression vector
    sequence_length: int = Field(10, ge=1)  # T, section 4.3; d = psi_dim / T = 5
    width: int = Field(128, ge=1)  # hidden dimension of the encoder, section 4.3
    layers: int = Field(6, ge=1)  # section 4.3
    heads: int = Field(4, ge=1)  # section 4.3
    feedforward: int = Field(512, ge=1)  # not stated; four times the width, as is usual
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # not stated; reconstruction does not overfit here
    final_norm: bool = True  # not stated; without it the latent scale drifts and codes die
    codebook_size: int = Field(64, ge=2)  # K, section 4.3
    code_dim: int = Field(50, ge=1)  # D of the codebook, section 4.3
    stages: int = Field(4, ge=1)  # L, section 4.3
    decoder: Literal["linear", "transformer"] = "linear"  # section 3.2; the other is Table 7's

    @model_validator(mode="after")
    def _divisible(self) -> ModelConfig:
        if self.psi_dim % self.sequence_length:
            raise ValueError(
                f"sequence_length={self.sequence_length} does not divide psi_dim={self.psi_dim}"
            )
        if self.width % self.heads:
            raise ValueError(f"heads={self.heads} does not divide width={self.width}")
        return self

    @property
    def token_dim(self) -> int:
        """Width d of one input token (5 in the paper)."""
        return self.psi_dim // self.sequence_length


class LossConfig(Settings):
    """Weights and readings of equations 5 to 7."""

    commitment_weight: float = Field(0.25, ge=0)  # beta, section 4.3
    commitment_residual: Literal["before", "after"] = "before"  # equation 5 prints z_i: "after"
    squared_norm: Literal["sum", "mean"] = "sum"  # over coordinates; a norm is a sum
    codebook_update: Literal["gradient", "ema"] = "gradient"  # not stated; see the method page
    codebook_weight: float = Field(1.0, ge=0)  # weight of the codebook term (gradient update only)
    ema_decay: float = Field(0.99, gt=0, lt=1)  # decay of the moving averages (ema update only)
    orthogonality_weight: float = Field(1.0, ge=0)  # lambda_orth, section 4.3
    orthogonality_norm: Literal["raw", "cosine"] = "raw"  # equation 6 as printed is "raw"
    orthogonality_of: Literal["codes", "decoded"] = "codes"  # as equation 6; its text: decoded
    l1_weight: float = Field(1e-4, ge=0)  # lambda_reg of equation 7; section 4.3's lambda_1
    l1_target: Literal["reconstruction", "codes"] = "reconstruction"  # equation 7 penalises psi-hat


class TrainingConfig(Settings):
    """Optimisation. The defaults are section 4.3; `profiles/` holds the shorter schedules."""

    batch_size: int = Field(512, ge=1)  # section 4.3
    epochs: float = Field(500.0, gt=0)  # section 4.3; ignored when `steps` is set
    steps: int | None = Field(None, ge=1)  # optimiser steps, for schedules shorter than an epoch
    learning_rate: float = Field(1e-4, gt=0)  # section 4.3 (Adam)
    schedule: Literal["constant", "cosine"] = "constant"  # not stated
    warmup: float = Field(0.0, ge=0, lt=1)  # share of steps with a linearly rising rate
    adam_betas: tuple[Decay, Decay] = (0.9, 0.999)  # not stated; the library's default
    gradient_clip: float | None = Field(None, gt=0)  # global norm; not stated
    codebook_init: Literal["uniform", "additive"] = "uniform"  # not stated; see dfe.dictionary
    dictionary_rows: int = Field(40_000, ge=1)  # rows that the additive dictionary is fitted to
    code_scale: float = Field(4.0, gt=0)  # length of the codes that "additive" starts from
    initialization_share: float = Field(0.0, ge=0, lt=1)  # steps that imitate the dictionary
    precision: Literal["float32", "bfloat16"] = "float32"  # of the encoder while training
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    log_every: int = Field(50, ge=1)  # steps between rows of the training log
    checkpoint_every: int = Field(1000, ge=0)  # steps between resumable checkpoints; 0 = only last

    @model_validator(mode="after")
    def _dictionary(self) -> TrainingConfig:
        if self.initialization_share > 0 and self.codebook_init != "additive":
            raise ValueError('initialization_share needs codebook_init: "additive"')
        return self
