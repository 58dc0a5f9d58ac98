"""Training: data on the device, a schedule by configuration, resumable to the bit on CPU.

The schedule has two parts. In the first (`initialization_share` of the steps) the encoder learns to
point at the sum of atoms that a beam search over an additive dictionary picks (`dfe.dictionary`).
In the second all weights follow equation 7. Section 4.3 to the letter is the second part alone.

Inside `dfe.distributed.process_group` each process takes its slice of each batch. The batches, and
hence the loss curve, are those of a run with one process.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.config import LossConfig, ModelConfig, TrainingConfig
from dfe.data.corpus import Corpus
from dfe.data.simulate import stream_seed
from dfe.dictionary import fit_additive
from dfe.distributed import (
    check_same,
    data_parallel,
    first_says,
    from_all,
    from_first,
    is_first,
    local_device,
    own_slice,
    rank,
    sum_over_ranks,
    world_size,
)
from dfe.metrics import explained_variance
from dfe.model import DFE, LinearDecoder
from dfe.objective import Objective
from dfe.quantizer import CodeUsage
from dfe.schedule import batches, in_first_part, learning_rate, total_steps

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
    """Resolve `auto` to CUDA where there is one, else to the CPU; one GPU for each process."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return local_device(name)


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


def _step(
    state: TrainingState,
    objective: nn.Module,
    rows: Tensor,
    index: Tensor,
    total: int,
    config: TrainingConfig,
) -> dict[str, Tensor]:
    """One optimiser step on the rows (N, P) that `index` (B,) names.

    Returns
    -------
    This process's shares of the loss terms: their sums over the processes are the means over the
    batch, also where slices differ in size.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, total, config)
    own = own_slice(index)  # (b,)
    share = len(own) / len(index)
    psi = rows[own.to(rows.device)]  # (b, P)
    first_part = in_first_part(state.step, total, config)
    terms = {name: share * value for name, value in objective(psi, first_part).items()}
    state.optimizer.zero_grad(set_to_none=True)
    (world_size() * terms["total"]).backward()  # gradients are then means over the processes
    if config.gradient_clip is not None:
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.gradient_clip)
    state.optimizer.step()
    state.step += 1
    return terms


def _finite(step: int, terms: dict[str, Tensor]) -> dict[str, float]:
    """Loss terms of the whole batch; all processes see the same, and stop at the same step."""
    (summed,) = sum_over_ranks(torch.stack([value.detach() for value in terms.values()]))
    values = dict(zip(terms, summed.tolist(), strict=True))
    if not math.isfinite(values["total"]):
        raise TrainingError(
            f"the loss became {values['total']} by step {step}: {values}; "
            "lower learning_rate or set gradient_clip"
        )
    return values


def _log_row(state: TrainingState, values: dict[str, float], corpus: Corpus) -> dict[str, Any]:
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
    if not is_first():  # the same weights, but other dropout than the first process
        torch.manual_seed(stream_seed(config.seed, rank()))
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
            size = (state.model.config.codebook_size, state.model.config.psi_dim)
            empty = psi.new_empty(size)  # (K, P)
            atoms = from_first(lambda: fit_dictionary(psi, state.model.config, config), empty)
        state.atoms = atoms.to(psi.device)
        initialize_from_dictionary(state.model, state.atoms, config.code_scale)


def _generator_name(process: int) -> str:
    return f"rng/{process}" if process else "rng"


def save_state(state: TrainingState, path: Path, fingerprint: str) -> None:
    """Write the whole run state, optimiser included, as one safetensors file.

    All processes call this; the first one writes.
    """
    generators = from_all(torch.get_rng_state())  # dropout draws from them
    if not is_first():
        return
    tensors = {f"model/{name}": t for name, t in state.model.state_dict().items()}
    for index, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{slot}": torch.as_tensor(t) for slot, t in slots.items()}
    if state.atoms is not None:
        tensors["atoms"] = state.atoms
    tensors |= {_generator_name(process): t for process, t in enumerate(generators)}
    metadata = {"step": str(state.step), "log": json.dumps(state.log), "settings": fingerprint}
    write_checkpoint(path, tensors, {"format": STATE_FORMAT, **metadata})


def load_state(state: TrainingState, path: Path, fingerprint: str) -> None:
    """Put a saved run state into `state`; it may be of a run with more or fewer processes.

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
    state.step, state.log = int(metadata["step"]), json.loads(metadata["log"])
    generator = tensors.get(_generator_name(rank()))
    if generator is not None:
        torch.set_rng_state(generator)
    else:  # this process had no part in the run so far
        torch.manual_seed(stream_seed(torch.initial_seed(), state.step))


def _progress(total: int, done: int) -> Progress:
    bar = Progress(
        TextColumn("train"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        transient=True,
    )
    # A notebook would keep each refresh as an output.
    bar.disable = not (bar.console.is_terminal and is_first())
    bar.add_task("train", total=total, completed=done, note="")
    return bar


def _fingerprint(
    corpus: Corpus, code: str | None, *settings: ModelConfig | LossConfig | TrainingConfig
) -> str:
    """What a run must share with a saved state to continue it: settings, training rows, code."""
    parts = [m.model_dump(mode="json") for m in settings] + [corpus.hashes["train"]]
    return json.dumps([*parts, code] if code else parts)


def _is_of(path: Path, fingerprint: str) -> bool:
    """Whether a file is the whole state of just this run."""
    try:
        return read_checkpoint(path, STATE_FORMAT)[1]["settings"] == fingerprint
    except CheckpointError:  # missing, damaged, or something else
        return False


def _check_processes(fingerprint: str, batch_size: int) -> None:
    """Refuse processes that do not train the same, or would have nothing to do."""
    check_same(fingerprint, "the settings or training rows")
    if world_size() > batch_size:
        raise TrainingError(
            f"a batch of {batch_size} rows cannot be shared by {world_size()} processes; "
            "start fewer, or set batch_size higher"
        )


def train(
    corpus: Corpus,
    model: ModelConfig,
    loss: LossConfig,
    config: TrainingConfig,
    folder: Path | None = None,
    resume: bool = False,
    atoms: Tensor | None = None,
    code: str | None = None,
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
        Continue from `folder`'s state if there is one. With as many processes as before, on CPU,
        the result is the same to the bit.
    atoms
        (K, P) float dictionary to start from, for runs that share one; None fits it.
    code
        Hash of the code that trains. With it, and without `resume`, a state of just this run is
        continued, and any other one is replaced.

    Returns
    -------
    The model in evaluation mode, and the log: one row per `config.log_every` steps. Of several
    processes the first has the log and writes the state.

    Raises
    ------
    TrainingError
        If the loss stops being finite, or there are more processes than rows in a batch.
    DistributedError
        If the processes have different settings or training rows.
    CheckpointError
        If the state to resume from is damaged or belongs to another run.
    """
    fingerprint = _fingerprint(corpus, code, model, loss, config)
    _check_processes(fingerprint, min(config.batch_size, len(corpus.train)))
    state = new_state(model, loss, config)
    rows = torch.from_numpy(corpus.train).to(state.model.device)  # the whole corpus, once
    path = folder / "state.safetensors" if folder else None
    if path and first_says(path.is_file() if resume else bool(code) and _is_of(path, fingerprint)):
        load_state(state, path, fingerprint)
    else:
        _start(state, rows, config, atoms)
    total = total_steps(config, len(rows))
    objective = data_parallel(
        Objective(state.model.train(), state.atoms, loss, config),
        state.model.device,
        # The first part leaves the codebook alone, which is a parameter under this update.
        unused=loss.codebook_update == "gradient" and in_first_part(state.step, total, config),
    )
    with _progress(total, state.step) as bar:
        for index in batches(len(rows), config.batch_size, config.seed, state.step):
            if state.step >= total:
                break
            terms = _step(state, objective, rows, index, total, config)
            bar.advance(bar.task_ids[0])
            if state.step % config.log_every == 0 or state.step == total:
                values = _finite(state.step, terms)
                if is_first():
                    row = _log_row(state, values, corpus)
                    state.log.append(row)
                    bar.update(bar.task_ids[0], note=f"R2 {row.get('r2/simulated', 0):.3f}")
            if path and config.checkpoint_every and state.step % config.checkpoint_every == 0:
                _finite(state.step, terms)  # a state to resume from must be worth resuming
                save_state(state, path, fingerprint)
    if path:
        save_state(state, path, fingerprint)
    return state.model.eval(), state.log
