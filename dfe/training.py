"""Training: data on the device, a schedule by configuration, resumable to the bit on CPU.

The schedule has two parts. In the first (`initialization_share` of the steps) the encoder learns to
point at the sum of atoms that a beam search over an additive dictionary picks (`dfe.dictionary`).
In the second all weights follow equation 7. Section 4.3 to the letter is the second part alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.config import LossConfig, ModelConfig, TrainingConfig
from dfe.data.corpus import Corpus
from dfe.dictionary import encode_additive, fit_additive
from dfe.losses import total_loss
from dfe.metrics import explained_variance
from dfe.model import DFE, LinearDecoder
from dfe.quantizer import CodeUsage

STATE_FORMAT = "dfe-training-state/1"


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and why."""


@dataclass
class TrainingState:
    """Everything a run needs to continue as if it had never stopped."""

    model: DFE
    optimizer: torch.optim.Adam
    atoms: Tensor | None = None  # (K, P) dictionary that the first part learns from
    step: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Evaluation:
    """Reconstruction and code usage on one held-out set."""

    r2: float
    usage: CodeUsage


def evaluate(model: DFE, psi: NDArray[np.float32]) -> Evaluation:
    """R^2 and code usage of the model on psi (N, P)."""
    codes = model.encode(psi)
    return Evaluation(
        explained_variance(psi, model.decode(codes)),
        CodeUsage.of(torch.from_numpy(codes), model.config.codebook_size),
    )


def pick_device(name: str) -> torch.device:
    """Resolve `auto` to CUDA where there is one, else to the CPU."""
    return torch.device(
        "cuda"
        if name == "auto" and torch.cuda.is_available()
        else "cpu"
        if name == "auto"
        else name
    )


def total_steps(config: TrainingConfig, n_rows: int) -> int:
    """Optimiser steps of a run: `steps` if set, else `epochs` passes over `n_rows` rows."""
    if config.steps is not None:
        return config.steps
    return max(1, round(config.epochs * n_rows / min(config.batch_size, n_rows)))


def learning_rate(step: int, total: int, config: TrainingConfig) -> float:
    """Rate at a step: linear warm-up, then constant or half a cosine down to zero."""
    warmup = max(1, round(config.warmup * total))
    rate = config.learning_rate * min(1.0, (step + 1) / warmup)
    if config.schedule == "cosine":
        rate *= 0.5 * (1.0 + math.cos(math.pi * step / total))
    return rate


def batches(n_rows: int, batch_size: int, seed: int, first: int = 0) -> Iterator[Tensor]:
    """Endless batches of row indices, from batch number `first` on.

    Each epoch is a permutation drawn from `seed` and the epoch's number alone, so that a resumed
    run needs no generator state. Each batch is (batch_size,) int64; a last partial one is left out.
    """
    batch_size = min(batch_size, n_rows)
    per_epoch = n_rows // batch_size
    epoch, place = divmod(first, per_epoch)
    while True:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = torch.randperm(n_rows, generator=generator)
        for start in range(place, per_epoch):
            yield order[start * batch_size : (start + 1) * batch_size]
        epoch, place = epoch + 1, 0


@torch.no_grad()
def initialize_from_dictionary(model: DFE, atoms: Tensor, scale: float) -> None:
    """Set codebook E and decoder W so that each code decodes to its atom: E W^T = atoms.

    The singular vectors become the codes, which makes them nearly orthogonal, as equation 6 asks;
    then greedy search finds back the members of a sum. `scale` sets the length of the codes, and
    with it how the commitment term (in code space) weighs against reconstruction (in psi space).
    """
    u, s, vh = torch.linalg.svd(atoms, full_matrices=False)  # (K, R), (R,), (R, P)
    rank = min(len(s), model.config.code_dim)
    codes = torch.zeros_like(model.quantizer.codebook)  # (K, D)
    codes[:, :rank] = scale * u[:, :rank]
    model.quantizer.set_codes(torch.arange(len(codes), device=codes.device), codes)
    if isinstance(model.decoder, LinearDecoder):
        weight = torch.zeros(model.config.psi_dim, model.config.code_dim, device=codes.device)
        weight[:, :rank] = (s[:rank, None] * vh[:rank]).T / scale
        model.decoder.weight.copy_(weight)


def _first_part_loss(state: TrainingState, psi: Tensor, z: Tensor) -> dict[str, Tensor]:
    """Squared distance of z_0 to the beam-searched sum of codes, plus its reconstruction."""
    model, atoms = state.model, state.atoms
    assert atoms is not None
    codes = encode_additive(psi, atoms, model.config.stages)  # (N, L)
    target = model.quantizer.decode(codes).detach()  # (N, D)
    pointing = (z - target).square().sum(1).mean()
    reconstruction = (psi - model.decoder(target)).square().sum(1).mean()
    return {"total": pointing + reconstruction, "pointing": pointing}


def _second_part_loss(model: DFE, psi: Tensor, z: Tensor, loss: LossConfig) -> dict[str, Tensor]:
    """Equation 7."""
    quantized = model.quantizer(z)
    codebook = model.quantizer.codebook
    terms = total_loss(
        psi,
        model.decoder(quantized.z_q),
        codebook,
        quantized.commitment_loss,
        quantized.codebook_loss,
        loss,
        decoded=model.decoder(codebook) if loss.orthogonality_of == "decoded" else None,
    )
    return terms._asdict()


def _step(
    state: TrainingState, psi: Tensor, total: int, loss: LossConfig, config: TrainingConfig
) -> dict[str, Tensor]:
    """One optimiser step on a batch (N, P); returns the loss terms."""
    model, first_part = state.model, state.step < config.initialization_share * total
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, total, config)
    half = config.precision == "bfloat16"
    with torch.autocast(psi.device.type, torch.bfloat16, enabled=half):
        z = model.encoder(psi)
    z = z.float()
    terms = (
        _first_part_loss(state, psi, z) if first_part else _second_part_loss(model, psi, z, loss)
    )
    state.optimizer.zero_grad(set_to_none=True)
    terms["total"].backward()
    if config.gradient_clip is not None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
    state.optimizer.step()
    state.step += 1
    return terms


def _finite(step: int, terms: dict[str, Tensor]) -> dict[str, float]:
    values = {name: float(value.detach()) for name, value in terms.items()}
    if not math.isfinite(values["total"]):
        raise TrainingError(
            f"the loss became {values['total']} by step {step}: {values}; "
            "lower learning_rate or set gradient_clip"
        )
    return values


def _log_row(state: TrainingState, terms: dict[str, Tensor], corpus: Corpus) -> dict[str, Any]:
    values = _finite(state.step, terms)
    rate = state.optimizer.param_groups[0]["lr"]  # of the step just taken
    row: dict[str, Any] = {"step": state.step, "rate": rate}
    row |= {f"loss/{name}": value for name, value in values.items()}
    for origin, psi in corpus.held_out.items():
        if len(psi) > 1:
            result = evaluate(state.model, psi[:2000])
            row[f"r2/{origin}"] = result.r2
            row[f"entropy/{origin}"] = result.usage.normalized_entropy
    return row


def new_state(model: ModelConfig, loss: LossConfig, config: TrainingConfig) -> TrainingState:
    """Model with weights drawn from the seed, on its device, and its optimiser."""
    torch.manual_seed(config.seed)
    dfe = DFE(model, loss).to(pick_device(config.device))
    optimizer = torch.optim.Adam(dfe.parameters(), config.learning_rate, betas=config.adam_betas)
    return TrainingState(dfe, optimizer)


def fit_dictionary(psi: Tensor, model: ModelConfig, config: TrainingConfig) -> Tensor:
    """Dictionary that a run with these settings starts from: (N, P) training rows -> (K, P)."""
    generator = torch.Generator().manual_seed(config.seed)
    chosen = torch.randperm(len(psi), generator=generator)[: config.dictionary_rows]
    rows = psi[chosen.to(psi.device)]
    return fit_additive(rows, model.codebook_size, model.stages, seed=config.seed)


def _start(
    state: TrainingState, psi: Tensor, config: TrainingConfig, atoms: Tensor | None = None
) -> None:
    """Set the codebook from a dictionary, fitted here if need be, where the settings ask for it."""
    if config.codebook_init == "additive":
        if atoms is None:
            atoms = fit_dictionary(psi, state.model.config, config)
        state.atoms = atoms.to(psi.device)
        initialize_from_dictionary(state.model, state.atoms, config.code_scale)


def save_state(state: TrainingState, path: Path, fingerprint: str) -> None:
    """Write the whole run state, optimiser included, as one safetensors file."""
    tensors = {f"model/{name}": t for name, t in state.model.state_dict().items()}
    for index, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{slot}": torch.as_tensor(t) for slot, t in slots.items()}
    if state.atoms is not None:
        tensors["atoms"] = state.atoms
    tensors["rng"] = torch.get_rng_state()  # dropout draws from it
    metadata = {"step": str(state.step), "log": json.dumps(state.log), "settings": fingerprint}
    write_checkpoint(path, tensors, {"format": STATE_FORMAT, **metadata})


def load_state(state: TrainingState, path: Path, fingerprint: str) -> None:
    """Put a saved run state into `state`.

    Raises
    ------
    CheckpointError
        If the file is damaged or belongs to a run with other settings or data.
    """
    tensors, metadata = read_checkpoint(path, STATE_FORMAT)
    if metadata["settings"] != fingerprint:
        raise CheckpointError(
            f"{path} was written with other settings or data; remove it or train without --resume"
        )
    weights = {n.removeprefix("model/"): t for n, t in tensors.items() if n.startswith("model/")}
    state.model.load_state_dict(weights)
    slots: dict[int, dict[str, Tensor]] = {}
    for name in (n for n in tensors if n.startswith("adam/")):
        _, index, slot = name.split("/")
        slots.setdefault(int(index), {})[slot] = tensors[name]
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": slots, "param_groups": groups})
    state.atoms = tensors.get("atoms")
    if state.atoms is not None:
        state.atoms = state.atoms.to(state.model.device)
    torch.set_rng_state(tensors["rng"])
    state.step, state.log = int(metadata["step"]), json.loads(metadata["log"])


def _progress(total: int, done: int) -> Progress:
    bar = Progress(
        TextColumn("train"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        transient=True,
    )
    bar.disable = not bar.console.is_terminal  # a notebook would keep each refresh as an output
    bar.add_task("train", total=total, completed=done, note="")
    return bar


def _fingerprint(corpus: Corpus, *settings: ModelConfig | LossConfig | TrainingConfig) -> str:
    """What a run must share with a saved state to continue it: settings and training rows."""
    return json.dumps([m.model_dump(mode="json") for m in settings] + [corpus.hashes["train"]])


def train(
    corpus: Corpus,
    model: ModelConfig,
    loss: LossConfig,
    config: TrainingConfig,
    folder: Path | None = None,
    resume: bool = False,
    atoms: Tensor | None = None,
) -> tuple[DFE, list[dict[str, Any]]]:
    """Train one model.

    Parameters
    ----------
    corpus
        Rows to train on and held-out sets for the log.
    model, loss, config
        Settings; the seed is `config.seed`.
    folder
        Where `state.safetensors` is kept while training runs; None keeps nothing.
    resume
        Continue from `folder`'s state if there is one. On CPU the result is the same to the bit.
    atoms
        (K, P) float dictionary to start from, for runs that share one; None fits it.

    Returns
    -------
    The model in evaluation mode, and the log: one row per `config.log_every` steps.

    Raises
    ------
    TrainingError
        If the loss stops being finite.
    CheckpointError
        If the state to resume from is damaged or belongs to another run.
    """
    fingerprint = _fingerprint(corpus, model, loss, config)
    state = new_state(model, loss, config)
    rows = torch.from_numpy(corpus.train).to(state.model.device)  # the whole corpus, once
    path = folder / "state.safetensors" if folder else None
    if resume and path and path.is_file():
        load_state(state, path, fingerprint)
    else:
        _start(state, rows, config, atoms)
    total = total_steps(config, len(rows))
    state.model.train()
    with _progress(total, state.step) as bar:
        for index in batches(len(rows), config.batch_size, config.seed, state.step):
            if state.step >= total:
                break
            terms = _step(state, rows[index.to(rows.device)], total, loss, config)
            bar.advance(bar.task_ids[0])
            if state.step % config.log_every == 0 or state.step == total:
                state.log.append(_log_row(state, terms, corpus))
                bar.update(bar.task_ids[0], note=f"R2 {state.log[-1].get('r2/simulated', 0):.3f}")
            if path and config.checkpoint_every and state.step % config.checkpoint_every == 0:
                _finite(state.step, terms)  # a state to resume from must be worth resuming
                save_state(state, path, fingerprint)
    if path:
        save_state(state, path, fingerprint)
    return state.model.eval(), state.log
