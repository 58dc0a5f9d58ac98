"""What training minimises, as one module: a batch in, the loss terms of either part out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfe.config import LossConfig, TrainingConfig
from dfe.dictionary import encode_additive
from dfe.losses import total_loss
from dfe.model import DFE


class Objective(nn.Module):
    """Loss terms of a batch; `total` is what the optimiser follows.

    One module, because DistributedDataParallel wraps a single forward pass. Every term is a mean
    over the rows of the batch or does not depend on them, so that the terms of a batch are the
    means of those of its slices, weighted by their rows.

    Parameters
    ----------
    model
        The model to train.
    atoms
        (K, P) dictionary that the first part learns from; None where there is no first part.
    loss, config
        Settings; of `config` only the precision.
    """

    def __init__(
        self, model: DFE, atoms: Tensor | None, loss: LossConfig, config: TrainingConfig
    ) -> None:
        super().__init__()
        self.model = model
        self.atoms = atoms
        self.loss = loss
        self.reduced = config.precision == "bfloat16"

    def forward(self, psi: Tensor, first_part: bool) -> dict[str, Tensor]:
        """(N, P) -> scalars by name."""
        with torch.autocast(psi.device.type, torch.bfloat16, enabled=self.reduced):
            z = self.model.encoder(psi)  # (N, D)
        z = z.float()
        return self._first_part(psi, z) if first_part else self._second_part(psi, z)

    def _first_part(self, psi: Tensor, z: Tensor) -> dict[str, Tensor]:
        """Squared distance of z_0 to the beam-searched sum of codes, plus its reconstruction."""
        model = self.model
        assert self.atoms is not None
        codes = encode_additive(psi, self.atoms, model.config.stages)  # (N, L)
        target = model.quantizer.decode(codes).detach()  # (N, D)
        pointing = (z - target).square().sum(1).mean()
        reconstruction = (psi - model.decoder(target)).square().sum(1).mean()
        return {"total": pointing + reconstruction, "pointing": pointing}

    def _second_part(self, psi: Tensor, z: Tensor) -> dict[str, Tensor]:
        """Equation 7."""
        model = self.model
        quantized = model.quantizer(z)
        codebook = model.quantizer.codebook
        terms = total_loss(
            psi,
            model.decoder(quantized.z_q),
            codebook,
            quantized.commitment_loss,
            quantized.codebook_loss,
            self.loss,
            decoded=model.decoder(codebook) if self.loss.orthogonality_of == "decoded" else None,
        )
        return terms._asdict()
