"""The training objective, equations 5 to 7, with each ambiguous reading a named option.

Norms are sums over coordinates and means over the batch, as the equations print them; the setting
`squared_norm` turns them into means over coordinates.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from dfe.config import LossConfig


class Losses(NamedTuple):
    """The terms of equation 7, each a scalar; `total` is their weighted sum."""

    total: Tensor
    reconstruction: Tensor  # ||psi - psi_hat||^2, first term of equation 5
    commitment: Tensor  # second term of equation 5
    codebook: Tensor  # moves the codebook; equation 5 leaves its update unstated
    orthogonality: Tensor  # equation 6
    l1: Tensor  # last term of equation 7


def reconstruction_loss(psi: Tensor, psi_hat: Tensor) -> Tensor:
    """Squared error summed over coefficients, averaged over the batch: (N, P), (N, P) -> ()."""
    return (psi - psi_hat).square().sum(1).mean()


def orthogonality_loss(codebook: Tensor, norm: str = "raw") -> Tensor:
    """Mean squared inner product of different codes, equation 6: (K, D) -> ().

    Parameters
    ----------
    norm
        ``"raw"`` as printed: long codes cost more, so the term also shrinks the codebook.
        ``"cosine"``: codes are scaled to unit length first, so that only angles count.
    """
    e = F.normalize(codebook, dim=1) if norm == "cosine" else codebook  # (K, D)
    gram = e @ e.T  # (K, K)
    off_diagonal = gram - gram.diagonal().diag()  # a difference of two sums could fall below 0
    return off_diagonal.square().sum() / (len(e) * (len(e) - 1))


def l1_penalty(psi_hat: Tensor, codebook: Tensor, target: str = "reconstruction") -> Tensor:
    """The sparsity term of equation 7.

    Parameters
    ----------
    psi_hat
        (N, P) reconstruction.
    codebook
        (K, D) codes.
    target
        ``"reconstruction"`` penalises ||psi_hat||_1 as printed, ``"codes"`` the codes' own l1 norm,
        which is the other reading of "sparsity of codebook usage".
    """
    penalised = psi_hat if target == "reconstruction" else codebook
    return penalised.abs().sum(1).mean()


def total_loss(
    psi: Tensor,
    psi_hat: Tensor,
    codebook: Tensor,
    commitment: Tensor,
    codebook_term: Tensor,
    config: LossConfig,
    decoded: Tensor | None = None,
) -> Losses:
    """Equation 7 with the weights and readings of `config`.

    Parameters
    ----------
    psi, psi_hat
        (N, P) faces and their reconstructions.
    codebook
        (K, D) codes.
    commitment, codebook_term
        () as in `Quantized`, sums over coordinates.
    decoded
        (K, P) decoded codes; only read when `config.orthogonality_of` asks for them.

    Raises
    ------
    ValueError
        If the decoded codes are asked for and missing.
    """
    orthogonal = codebook if config.orthogonality_of == "codes" else decoded
    if orthogonal is None:
        raise ValueError('orthogonality_of: "decoded" needs the decoded codes')
    mean = config.squared_norm == "mean"
    width, code_width = (psi.shape[1], codebook.shape[1]) if mean else (1, 1)
    l1_width = width if config.l1_target == "reconstruction" else code_width
    reconstruction = reconstruction_loss(psi, psi_hat) / width
    commitment, codebook_term = commitment / code_width, codebook_term / code_width
    orthogonality = orthogonality_loss(orthogonal, config.orthogonality_norm)
    l1 = l1_penalty(psi_hat, codebook, config.l1_target) / l1_width
    total = (
        reconstruction
        + config.commitment_weight * commitment
        + config.orthogonality_weight * orthogonality
        + config.l1_weight * l1
    )
    if config.codebook_update == "gradient":
        total = total + config.codebook_weight * codebook_term
    return Losses(total, reconstruction, commitment, codebook_term, orthogonality, l1)
