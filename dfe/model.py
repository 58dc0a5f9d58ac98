"""The Discrete Facial Encoding model: encoder, residual quantizer, decoder (section 3.2).

psi (N, 50) -> T = 10 tokens of d = 5 -> transformer encoder -> mean pool -> z_0 (N, D)
            -> four codes of one shared codebook -> their sum z_q (N, D) -> linear -> (N, 50)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.checks import as_rows, check_codes
from dfe.config import LossConfig, ModelConfig
from dfe.face import FaceModel
from dfe.quantizer import Quantized, ResidualQuantizer

FORMAT = "dfe-checkpoint/1"
ASSETS = Path(__file__).parent / "assets"


class Output(NamedTuple):
    """What one forward pass gives."""

    psi_hat: Tensor  # (N, P)
    z: Tensor  # (N, D) encoder output z_0
    quantized: Quantized | None  # None while training runs as a plain autoencoder


def transformer(config: ModelConfig) -> nn.TransformerEncoder:
    """Transformer of section 4.3 (6 layers, 4 heads, width 128), pre-norm with GELU.

    The paper names neither the norm's place nor the activation; pre-norm trains without long
    warm-up, and the final LayerNorm keeps the scale of z_0 fixed while the codebook learns.
    """
    layer = nn.TransformerEncoderLayer(
        config.width,
        config.heads,
        config.feedforward,
        config.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    norm = nn.LayerNorm(config.width) if config.final_norm else None
    return nn.TransformerEncoder(layer, config.layers, norm=norm, enable_nested_tensor=False)


class Encoder(nn.Module):
    """psi (N, P) -> z_0 (N, D): reshape to T tokens, project, transform, pool, project."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.shape = (config.sequence_length, config.token_dim)  # (T, d)
        self.project_in = nn.Linear(config.token_dim, config.width)
        # Without a position the pooled output could not tell which coefficients a token holds.
        self.position = nn.Parameter(torch.randn(config.sequence_length, config.width) * 0.3)
        self.transformer = transformer(config)
        self.project_out = nn.Linear(config.width, config.code_dim)

    def forward(self, psi: Tensor) -> Tensor:
        """(N, P) -> (N, D)."""
        tokens = self.project_in(psi.unflatten(1, self.shape))  # (N, T, width)
        hidden = self.transformer(tokens + self.position)  # (N, T, width)
        return self.project_out(hidden.mean(dim=1))  # (N, D)


class LinearDecoder(nn.Linear):
    """z_q (N, D) -> psi_hat (N, P), equation 4.

    Without a bias: a face always uses L codes, so a bias b is the same as adding b / L to each
    decoded code, and leaving it out makes a face exactly the sum of its tokens.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.code_dim, config.psi_dim, bias=False)


class TransformerDecoder(nn.Module):
    """The deeper decoder of Table 7: z_q (N, D) -> T tokens -> transformer -> psi_hat (N, P)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.length = config.sequence_length
        self.project_in = nn.Linear(config.code_dim, config.sequence_length * config.width)
        self.position = nn.Parameter(torch.randn(config.sequence_length, config.width) * 0.3)
        self.transformer = transformer(config)
        self.project_out = nn.Linear(config.width, config.token_dim)

    def forward(self, z_q: Tensor) -> Tensor:
        """(N, D) -> (N, P)."""
        tokens = self.project_in(z_q).unflatten(1, (self.length, -1))  # (N, T, width)
        return self.project_out(self.transformer(tokens + self.position)).flatten(1)  # (N, P)


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Switch dropout off inside the block; the model's mode comes back even when it fails."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


class DFE(nn.Module):
    """Discrete Facial Encoding: expression vectors to four discrete tokens and back.

    Parameters
    ----------
    config
        Architecture; the defaults are the paper's.
    loss
        `codebook_update` and `ema_decay` decide how the codebook is held, `commitment_residual`
        what `Quantized.commitment_loss` is; the rest does not matter here.

    Examples
    --------
    >>> import numpy as np
    >>> model = DFE(ModelConfig(layers=1, width=16, feedforward=16))
    >>> model.encode(np.zeros((3, 50), dtype=np.float32)).shape
    (3, 4)
    """

    def __init__(self, config: ModelConfig | None = None, loss: LossConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        loss = loss or LossConfig()
        self.provenance: dict[str, Any] = {}
        self.encoder = Encoder(self.config)
        self.quantizer = ResidualQuantizer(
            self.config.codebook_size,
            self.config.code_dim,
            self.config.stages,
            loss.codebook_update,
            loss.ema_decay,
            loss.commitment_residual,
        )
        linear = self.config.decoder == "linear"
        self.decoder = LinearDecoder(self.config) if linear else TransformerDecoder(self.config)

    def forward(self, psi: Tensor, quantize: bool = True) -> Output:
        """Reconstruct psi (N, P); with `quantize=False` as a plain autoencoder."""
        z = self.encoder(psi)  # (N, D)
        if not quantize:
            return Output(self.decoder(z), z, None)
        quantized = self.quantizer(z)
        return Output(self.decoder(quantized.z_q), z, quantized)

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.quantizer.codebook.device

    @torch.inference_mode()
    def encode(self, psi: ArrayLike, batch_size: int | None = None) -> NDArray[np.int64]:
        """Tokens of expression vectors: (N, P) float -> (N, L) int64, stage order kept.

        Parameters
        ----------
        batch_size
            Rows in flight. None for 512 a thread on a CPU, whose cache then holds what a layer
            works on (1.6 times as fast as with 8192), and for 8192 on an accelerator.

        Raises
        ------
        TypeError, ValueError
            If psi is not floating point, not (N, P), or not finite.
        """
        rows = torch.from_numpy(as_rows(psi, self.config.psi_dim, "psi"))
        if batch_size is None:
            batch_size = 512 * torch.get_num_threads() if self.device.type == "cpu" else 8192
        with _evaluation(self):
            chunks = [
                self.quantizer.encode(self.encoder(chunk.to(self.device))).cpu()
                for chunk in rows.split(batch_size)
            ]
        return torch.cat(chunks).numpy()

    @torch.inference_mode()
    def decode(self, codes: ArrayLike) -> NDArray[np.float32]:
        """Expression vectors of tokens: (N, L') int, 1 <= L' <= L -> (N, P) float32.

        Fewer than L codes decode to a partial sum, which is how a face is built up token by token.

        Raises
        ------
        TypeError, ValueError
            If the codes are not integers in 0 .. K - 1 of shape (N, L').
        """
        checked = check_codes(codes, self.config.codebook_size, self.config.stages)
        index = torch.from_numpy(checked).to(self.device)
        with _evaluation(self):
            return self.decoder(self.quantizer.decode(index)).cpu().numpy()

    def reconstruct(self, psi: ArrayLike) -> NDArray[np.float32]:
        """Encode and decode: (N, P) float -> (N, P) float32."""
        return self.decode(self.encode(psi))

    def templates(self) -> NDArray[np.float32]:
        """Each token decoded alone (section 3.3): (K, P) float32."""
        return self.decode(np.arange(self.config.codebook_size)[:, None])

    def token_displacements(self, face: FaceModel) -> NDArray[np.float32]:
        """How each token alone moves the neutral face: (K, V, 3) float32, millimetres."""
        return face.displacements(self.templates())

    def save(self, path: str | Path, provenance: dict[str, Any] | None = None) -> None:
        """Write a checkpoint (safetensors) with the configuration and provenance inside."""
        metadata = {
            "format": FORMAT,
            "config": self.config.model_dump_json(),
            "codebook_update": self.quantizer.update,
            "provenance": json.dumps(provenance or self.provenance, sort_keys=True),
        }
        write_checkpoint(Path(path), self.state_dict(), metadata)

    @classmethod
    def from_pretrained(cls, source: str | Path = "open") -> DFE:
        """Load a checkpoint by path, or the packaged one by its name ``"open"``.

        Raises
        ------
        CheckpointError
            If the file is missing, truncated, or not a DFE checkpoint.
        """
        path = ASSETS / "dfe-open.safetensors" if source == "open" else Path(source)
        tensors, metadata = read_checkpoint(path, FORMAT)
        try:
            update = LossConfig.model_validate({"codebook_update": metadata["codebook_update"]})
            model = cls(ModelConfig.model_validate_json(metadata["config"]), update)
            model.load_state_dict(tensors)
            model.provenance = json.loads(metadata["provenance"])
        except (KeyError, ValueError, RuntimeError) as error:  # not what `save` writes
            raise CheckpointError(f"{path} does not hold a whole model: {error}") from error
        return model.eval()
