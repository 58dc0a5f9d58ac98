"""Residual vector quantization with one codebook shared by all stages (section 3.2, eqs. 2 and 3).

Stage i picks the code nearest to what the stages before it left over, and passes on the rest:

    k_i = argmin_k ||z_{i-1} - e_k||^2        (2)
    z_i = z_{i-1} - e_{k_i}                   (3)

The quantized vector is the sum of the L chosen codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from dfe.distributed import sum_over_ranks

_EPSILON = 1e-5  # Laplace smoothing of the moving averages, so that an unused code stays finite


class Quantized(NamedTuple):
    """What one quantization gives."""

    z_q: Tensor  # (N, D) sum of the chosen codes; its gradient to z is the identity
    codes: Tensor  # (N, L) int64, stage order kept
    commitment_loss: Tensor  # () sum over stages of ||z - sg(e_{k_i})||^2, batch mean; see forward
    codebook_loss: Tensor  # () sum over stages of ||sg(z_{i-1}) - e_{k_i}||^2, batch mean


def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """Index of the nearest code for each row, equation 2; the lowest index wins a tie.

    Parameters
    ----------
    z
        (N, D) float.
    codebook
        (K, D) float.

    Returns
    -------
    (N,) int64
    """
    # ||z - e||^2 without ||z||^2, which is the same for every code: one matrix product.
    distance = codebook.square().sum(1) - 2.0 * z @ codebook.T  # (N, K)
    return distance.argmin(1)  # (N,)


class ResidualQuantizer(nn.Module):
    """Residual quantizer with L stages over one shared codebook of K codes in D dimensions.

    Parameters
    ----------
    codebook_size, code_dim, stages
        K, D and L of section 4.3.
    update
        ``"gradient"``: the codebook is a parameter that the codebook loss moves.
        ``"ema"``: it follows a moving average of the residuals assigned to each code.
    decay
        Decay of the moving averages (``update="ema"`` only).
    commitment_residual
        Which residual equation 5 holds to the code: the one that it quantizes, z_{i-1}
        (``"before"``), or z_i as printed, what is left when the code is taken away (``"after"``).
    """

    codebook: Tensor
    ema_count: Tensor
    ema_sum: Tensor

    def __init__(
        self,
        codebook_size: int = 64,
        code_dim: int = 50,
        stages: int = 4,
        update: Literal["gradient", "ema"] = "gradient",
        decay: float = 0.99,
        commitment_residual: Literal["before", "after"] = "before",
    ) -> None:
        super().__init__()
        self.stages = stages
        self.commitment_residual = commitment_residual
        self.update = update
        self.decay = decay
        # U(-1/K, 1/K), as common VQ-VAE implementations start; the paper names none.
        start = torch.empty(codebook_size, code_dim).uniform_(-1 / codebook_size, 1 / codebook_size)
        if update == "gradient":
            self.codebook = nn.Parameter(start)
        else:
            self.register_buffer("codebook", start)
            self.register_buffer("ema_count", torch.ones(codebook_size))
            self.register_buffer("ema_sum", start.clone())

    @property
    def codebook_size(self) -> int:
        """K, the number of codes."""
        return len(self.codebook)

    def encode(self, z: Tensor) -> Tensor:
        """Codes of the rows of z, equations 2 and 3: (N, D) float -> (N, L) int64."""
        residual, codes = z, []
        for _ in range(self.stages):
            k = nearest_code(residual, self.codebook)  # (N,)
            residual = residual - self.codebook[k]  # (N, D)
            codes.append(k)
        return torch.stack(codes, dim=1)  # (N, L)

    def decode(self, codes: Tensor) -> Tensor:
        """Sum of the chosen codes: (N, L') int64 with any L' >= 1 -> (N, D) float."""
        return self.codebook[codes].sum(dim=1)  # (N, D)

    def forward(self, z: Tensor) -> Quantized:
        """Quantize z (N, D), with the losses of equation 5.

        The residual is carried on with the codes detached, so that each stage's commitment term
        pulls on the encoder; the straight-through step stands once, outside the loop, so that
        the gradient of z_q with respect to z is exactly the identity.
        """
        residual, codes, stages = z, [], []
        commitment, codebook = z.new_zeros(()), z.new_zeros(())
        for _ in range(self.stages):
            k = nearest_code(residual.detach(), self.codebook.detach())  # (N,)
            e = self.codebook[k]  # (N, D)
            left = residual - e.detach()  # (N, D) z_i
            committed = left if self.commitment_residual == "before" else left - e.detach()
            commitment = commitment + committed.square().sum(1).mean()
            codebook = codebook + (residual.detach() - e).square().sum(1).mean()
            codes.append(k)
            stages.append(residual.detach())
            residual = left
        all_codes = torch.stack(codes, dim=1)  # (N, L)
        z_q = z + (self.decode(all_codes).detach() - z.detach())
        if self.training and self.update == "ema":
            self._update_averages(torch.cat(stages), torch.cat(codes))
        return Quantized(z_q, all_codes, commitment, codebook)

    @torch.no_grad()
    def _update_averages(self, residuals: Tensor, codes: Tensor) -> None:
        counts = torch.bincount(codes, minlength=self.codebook_size).to(residuals.dtype)  # (K,)
        sums = torch.zeros_like(self.ema_sum).index_add_(0, codes, residuals)  # (K, D)
        counts, sums = sum_over_ranks(counts, sums)  # of the whole batch: one codebook for all
        self.ema_count.lerp_(counts, 1 - self.decay)
        self.ema_sum.lerp_(sums, 1 - self.decay)
        total = self.ema_count.sum()
        smooth = (self.ema_count + _EPSILON) / (total + len(counts) * _EPSILON) * total
        self.codebook.copy_(self.ema_sum / smooth[:, None])

    @torch.no_grad()
    def set_codes(self, index: Tensor, values: Tensor) -> None:
        """Overwrite codes `index` (M,) with `values` (M, D): initialisation and restarts."""
        self.codebook[index] = values
        if self.update == "ema":
            self.ema_sum[index] = values
            self.ema_count[index] = 1.0


@dataclass(frozen=True)
class CodeUsage:
    """How evenly the codes are used, per stage and over all stages.

    Attributes
    ----------
    counts
        (L, K) int64, how often stage l chose code k.
    """

    counts: Tensor

    @classmethod
    def of(cls, codes: Tensor, codebook_size: int) -> CodeUsage:
        """Count codes (N, L) int64."""
        return cls(
            torch.stack([torch.bincount(c, minlength=codebook_size) for c in codes.T])  # (L, K)
        )

    @staticmethod
    def _entropy(counts: Tensor) -> Tensor:
        p = counts.double() / counts.sum(-1, keepdim=True).clamp(min=1)  # (..., K)
        return torch.special.entr(p).sum(-1) / torch.log(torch.tensor(2.0, dtype=p.dtype))  # bits

    @property
    def used(self) -> Tensor:
        """Codes used at least once, per stage: (L,) int64."""
        return (self.counts > 0).sum(1)

    @property
    def dead(self) -> Tensor:
        """Indices of the codes that no stage used: (M,) int64."""
        return (self.counts.sum(0) == 0).nonzero().flatten()

    @property
    def perplexity(self) -> Tensor:
        """2 to the entropy, per stage: (L,) float64; K when all codes are equally frequent."""
        return torch.exp2(self._entropy(self.counts))

    @property
    def normalized_entropy(self) -> float:
        """Entropy over all stages divided by log2 K: 1 when all codes are equally frequent."""
        total = self.counts.sum(0)
        return float(self._entropy(total)) / math.log2(len(total))
