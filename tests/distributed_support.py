"""What each process of the tests of distributed training does: `torchrun ... this_file JOB FOLDER`.

Each process leaves what it saw as `FOLDER/rank-<r>.json`.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from training_support import CORPUS, SHORT, TINY, TWO_PARTS, Stopped, corpus_of, easy_faces, stop_at

import dfe.runs
import dfe.training
from dfe import cli
from dfe.config import LossConfig, ModelConfig, TrainingConfig, vary
from dfe.data.corpus import Corpus
from dfe.distributed import (
    first_goes_first,
    first_says,
    is_first,
    process_group,
    rank,
    wait_for_all,
    world_size,
)
from dfe.model import DFE
from dfe.training import train


class Case(NamedTuple):
    """Settings of a run of 12 steps, and at which step it dies; states are kept at 4 and 8."""

    loss: LossConfig
    config: TrainingConfig
    dies: int
    model: ModelConfig = TINY

    def run(self, folder: Path, resume: bool = False, corpus: Corpus = CORPUS) -> tuple[DFE, list]:
        return train(corpus, self.model, self.loss, self.config, folder, resume)

    def run_until_it_dies(self, folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
            stop_at(patch, self.dies)
            self.run(folder)


BOTH = vary(TWO_PARTS, steps=12, log_every=1, checkpoint_every=4)
DECODED = {"orthogonality_of": "decoded", "orthogonality_weight": 0.1, "l1_weight": 0.05}
CASES = {
    "gradient": Case(LossConfig(), BOTH, 5),
    "ema": Case(LossConfig(codebook_update="ema"), BOTH, 9),
    "uneven": Case(LossConfig(**DECODED), vary(BOTH, batch_size=3, gradient_clip=1.0), 9),
    "uneven ema": Case(LossConfig(codebook_update="ema", **DECODED), vary(BOTH, batch_size=3), 5),
    "second part": Case(
        LossConfig(l1_target="codes", l1_weight=0.05), vary(BOTH, initialization_share=0.0), 9
    ),
    # Without the second part, where its rounding may turn one code into another.
    "bfloat16": Case(LossConfig(), vary(BOTH, precision="bfloat16", initialization_share=0.99), 9),
}
DROPOUT = Case(LossConfig(), BOTH, 9, vary(TINY, dropout=0.3))


def fingerprint(folder: Path, model: DFE, log: list[dict[str, Any]]) -> dict[str, Any]:
    """What two runs of the same thing share to the bit."""
    tensors = {name: hash_of(t) for name, t in model.state_dict().items()}
    files = sorted(path.name for path in folder.iterdir())
    return {"tensors": tensors, "log": log, "files": files, "norm": gradient_norm(model)}


def gradient_norm(model: DFE) -> float:
    """Norm of the gradient of the last step; Adam alone would not show a wrong factor."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    return torch.stack([g.norm() for g in grads]).norm().item() if grads else 0.0


def hash_of(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.detach().numpy().tobytes()).hexdigest()


def refusal(act: Callable[[], Any]) -> str:
    """Class and text of the error that ends `act`."""
    try:
        act()
    except (ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def compare(folder: Path) -> dict[str, Any]:
    """Straight, resumed and dying runs of all cases."""
    seen: dict[str, Any] = {"world": world_size()}
    for name, case in CASES.items():
        straight, resumed = folder / name / "two", folder / name / "one-then-two"
        seen[name] = {
            "two": fingerprint(straight, *case.run(straight)),
            "one-then-two": fingerprint(resumed, *case.run(resumed, resume=True)),
        }
        case.run_until_it_dies(folder / name / "two-then-one")
    return seen


def dropout(folder: Path) -> dict[str, Any]:
    straight, again = folder / "straight", folder / "again"
    DROPOUT.run_until_it_dies(again)
    torch.manual_seed(12345 + rank())  # other processes have other generator states
    seen = {
        "again": fingerprint(again, *DROPOUT.run(again, resume=True)),
        "straight": fingerprint(straight, *DROPOUT.run(straight)),
    }
    for name in ("one-then-two-a", "one-then-two-b"):
        seen[name] = fingerprint(folder / name, *DROPOUT.run(folder / name, resume=True))
        torch.manual_seed(67890 + rank())
    return seen


def errors(folder: Path) -> dict[str, Any]:
    """What each process says when something is wrong in one of them, or in all."""
    plain = Case(LossConfig(), vary(SHORT, batch_size=8, log_every=1), 0)
    one_bad = easy_faces(8, 0)
    one_bad[3] = 1e25  # the whole corpus is one batch; the row is in one process's slice
    other = corpus_of(easy_faces(200, 100 + rank()))
    wide = vary(plain.config, learning_rate=1e30)
    small = plain._replace(config=vary(plain.config, batch_size=1))
    runs = {
        "rate": lambda: plain._replace(config=wide).run(folder / "rate"),
        "data": lambda: plain.run(folder / "data", corpus=corpus_of(one_bad)),
        "small": lambda: small.run(folder / "small"),
        "other": lambda: plain.run(folder / "other", corpus=other),
    }
    return {name: refusal(act) for name, act in runs.items()}


def helpers(folder: Path) -> dict[str, Any]:
    mark = folder / "mark"
    with first_goes_first():
        found = mark.exists()
        if is_first():
            time.sleep(0.5)  # the others would be here long before
            mark.touch()
    if is_first():
        time.sleep(0.5)
        (folder / "late").touch()
    wait_for_all()
    late = (folder / "late").exists()
    return {"found": found, "late": late, "says": [first_says(is_first()), first_says(rank() == 1)]}


def leave(folder: Path, seen: dict[str, Any], number: int) -> None:
    (folder / f"rank-{number}.json").write_text(json.dumps(seen), encoding="utf-8")


def all_jobs(folder: Path) -> None:
    with process_group("cpu"):
        jobs = {"compare": compare, "dropout": dropout, "errors": errors, "helpers": helpers}
        seen = {name: act(folder / name) for name, act in jobs.items()}
        number = rank()
    leave(folder, seen | {"after": [rank(), world_size()]}, number)


def command_line(folder: Path) -> None:
    """`dfe train` on a small corpus; the first process is slow to read and to write."""
    seen: dict[str, Any] = {}

    def load(profile: Any) -> Corpus:
        seen["found"] = (folder / "loaded").exists()
        time.sleep(1 - rank())  # the first one takes its time to leave the file
        (folder / "loaded").touch()
        return CORPUS

    def save(model: DFE, *args: Any) -> None:
        time.sleep(0.5)
        original_save(model, *args)

    def run(*args: Any) -> Path:
        path = original_run(*args)
        leave(folder, seen | {"written": path.exists()}, rank())
        return path

    original_save, original_run = DFE.save, dfe.runs.run_training
    dfe.runs.load_corpus, DFE.save, dfe.runs.run_training = load, save, run
    sys.argv = ["dfe", "train", "--profile", str(folder / "mine.yaml"), "--output"]
    sys.argv.append(str(folder / "model"))
    cli.main()


def broken(folder: Path) -> None:
    """One process dies of an error that the others do not have."""
    original = dfe.training._step

    def step(state: Any, *args: Any) -> Any:
        if state.step == 5 and rank() == 1:
            raise OSError("the disk of process 1 is gone")
        return original(state, *args)

    dfe.training._step = step
    with process_group("cpu"):
        train(CORPUS, TINY, LossConfig(), BOTH, folder)
    leave(folder, {}, rank())


if __name__ == "__main__":
    np.seterr(all="ignore")
    jobs = {"all": all_jobs, "command-line": command_line, "broken": broken}
    jobs[sys.argv[1]](Path(sys.argv[2]))
