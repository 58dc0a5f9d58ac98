"""Training on several processes, as `torchrun` starts them; with one process nothing here acts.

Inside `process_group` each process (rank) holds the whole model and works on its slice of each
batch. Tensors on the CPU travel through gloo, those on GPUs through NCCL.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

# The others wait while the first process reads frames or fits a dictionary. A process that died
# does not use this time up: torchrun stops the rest.
_PATIENCE = timedelta(hours=2)
# The option's name; the older one is deprecated where there is the newer.
_SEND_BUFFERS = (
    "forward_sync_buffers"
    if "forward_sync_buffers" in signature(DistributedDataParallel).parameters
    else "broadcast_buffers"
)
_NEEDED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class DistributedError(RuntimeError):
    """The processes of a run do not fit together; the message says what differs or is missing."""


def _in_group() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Number of this process, 0 for the first or only one."""
    return dist.get_rank() if _in_group() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _in_group() else 1


def is_first() -> bool:
    """Whether this process writes the files and prints: the first one, or the only one."""
    return rank() == 0


def backend(kind: str) -> str:
    """What carries tensors between processes whose model is on a device of type `kind`."""
    return "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo"


def local_device(kind: str) -> torch.device:
    """Device of type `kind` for this process: in a group each process has a GPU of its own."""
    own = kind == "cuda" and world_size() > 1
    return torch.device(kind, int(os.environ["LOCAL_RANK"])) if own else torch.device(kind)


def _check_environment(kind: str) -> None:
    """Refuse an environment that would fail later, or hang."""
    if missing := [name for name in _NEEDED if name not in os.environ]:
        raise DistributedError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but {', '.join(missing)} not set; start "
            "the processes with torchrun, or unset WORLD_SIZE to train with one"
        )
    local, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if kind == "cuda" and local >= gpus:
        raise DistributedError(
            f"process {local} of this machine has no GPU, there are {gpus}; start with "
            f"--nproc-per-node {gpus}, or set training.device to cpu"
        )


@contextmanager
def process_group(kind: str) -> Iterator[None]:
    """Join the processes that `torchrun` has started; alone, do nothing.

    Parameters
    ----------
    kind
        Type of the device that the model is on, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    DistributedError
        If the environment is incomplete, or a process has no GPU.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    _check_environment(kind)
    if kind == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(backend(kind), timeout=_PATIENCE)
    finished = False
    try:
        yield
        finished = True
    finally:
        # NCCL's teardown waits for all processes, which after an error would never come.
        if finished or kind != "cuda":
            dist.destroy_process_group()


def wait_for_all() -> None:
    """Return when all processes have come here."""
    if world_size() > 1:
        dist.all_reduce(torch.zeros(1))  # on the CPU: a barrier of NCCL would need a device


@contextmanager
def first_goes_first() -> Iterator[None]:
    """Let the first process run the block before the others, which then find what it left."""
    if not is_first():
        wait_for_all()
    yield
    if is_first():
        wait_for_all()


def own_slice(rows: Tensor) -> Tensor:
    """Rows of a batch that this process works on, in order: (N, ...) -> (n, ...).

    All processes together have all rows once. Where their number does not divide N, the first
    ones have a row more.
    """
    return rows.tensor_split(world_size())[rank()]


def sum_over_ranks(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Sum each tensor over the processes, in one exchange; alone, the tensors themselves."""
    if world_size() == 1:
        return tensors
    flat = torch.cat([t.detach().flatten() for t in tensors])
    dist.all_reduce(flat)
    parts = flat.split([t.numel() for t in tensors])
    return tuple(part.view(t.shape) for part, t in zip(parts, tensors, strict=True))


def from_first(make: Callable[[], Tensor], empty: Tensor) -> Tensor:
    """What `make` returns in the first process, in all of them.

    Parameters
    ----------
    make
        Called in the first process only.
    empty
        A tensor of the shape, type and device of what comes.
    """
    if world_size() == 1:
        return make()
    tensor = make().contiguous() if is_first() else torch.empty_like(empty)
    dist.broadcast(tensor, 0)
    return tensor


def first_says(answer: bool) -> bool:
    """Answer of the first process, in all of them: what it sees on its disk decides."""
    return bool(from_first(lambda: torch.tensor(int(answer)), torch.tensor(0)))


def from_all(tensor: Tensor) -> list[Tensor]:
    """The tensors of all processes, by rank; they have the same shape and type."""
    if world_size() == 1:
        return [tensor]
    tensors = [torch.empty_like(tensor) for _ in range(world_size())]
    dist.all_gather(tensors, tensor)
    return tensors


def check_same(text: str, what: str) -> None:
    """Compare a text over the processes.

    Raises
    ------
    DistributedError
        In all processes, if it is not the same in all.
    """
    digest = torch.tensor(list(hashlib.sha256(text.encode()).digest()), dtype=torch.uint8)
    digests = from_all(digest)
    if differing := [r for r, other in enumerate(digests) if not torch.equal(other, digests[0])]:
        raise DistributedError(
            f"{what} of process {differing[0]} differ from those of process 0; start all with the "
            "same command, and give them the same files"
        )


def data_parallel(module: nn.Module, device: torch.device, unused: bool) -> nn.Module:
    """Wrap a module whose forward gives losses, so that gradients are means over the processes.

    Parameters
    ----------
    module
        On `device`; from here on its parameters are those of the first process.
    unused
        Whether some parameters may have no part in the losses of a step.

    Returns
    -------
    The module itself where there is one process.
    """
    if world_size() == 1:
        return module
    options: dict[str, Any] = {
        "device_ids": [device.index] if device.type == "cuda" else None,
        "find_unused_parameters": unused,
        _SEND_BUFFERS: False,  # the moving averages of the codes are the same everywhere
    }
    return DistributedDataParallel(module, **options)
