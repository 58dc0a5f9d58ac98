"""Write the frozen weights and outputs of tests/test_model.py beside this file.

Run it only when a change of the model's numbers is wanted: `python tests/golden/make.py`.
The faces are picked such that no code is a close call, so that rounding cannot change one.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from dfe.config import ModelConfig
from dfe.model import DFE

FOLDER = Path(__file__).parent
CONFIG = ModelConfig(
    psi_dim=20,
    sequence_length=4,
    width=16,
    layers=1,
    heads=2,
    feedforward=16,
    codebook_size=8,
    code_dim=6,
    stages=3,
)
MARGIN = 0.02  # least gap between the two best squared distances
N_FACES = 12


def smallest_margin(z: Tensor, codebook: Tensor, stages: int) -> Tensor:
    """Gap between the best and second-best code, least over the stages: (N, D) -> (N,)."""
    margins = []
    for _ in range(stages):
        distance, order = torch.cdist(z, codebook).square().sort(1)
        margins.append(distance[:, 1] - distance[:, 0])
        z = z - codebook[order[:, 0]]
    return torch.stack(margins).min(0).values


@torch.no_grad()
def main() -> None:
    """Draw weights and faces, compute everything in double precision, write two files."""
    torch.manual_seed(0)
    model = DFE(CONFIG).eval()
    psi = 2 * torch.randn(400, CONFIG.psi_dim)
    z = model.encoder(psi)
    model.quantizer.codebook.copy_(z[:8] - z.mean(0) * torch.linspace(0, 1, 8)[:, None])
    model.save(FOLDER / "tiny.safetensors", {"made by": "tests/golden/make.py"})
    model.double()
    margin = smallest_margin(z.double(), model.quantizer.codebook, CONFIG.stages)
    psi = psi[(margin > MARGIN).nonzero().flatten()[:N_FACES]]
    result = model(psi.double())
    outputs = {"psi": psi, "z": result.z, "psi_hat": result.psi_hat}
    save_file(outputs | {"codes": result.quantized.codes}, FOLDER / "expected.safetensors")
    print(len(psi), "faces,", len(result.quantized.codes.unique()), "codes in use")


if __name__ == "__main__":
    main()
