"""Two processes train as one: same curve, one codebook, states that go both ways, and no hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from distributed_support import BOTH, CASES, DROPOUT, gradient_norm
from hypothesis import given
from hypothesis import strategies as st
from training_support import CORPUS, TINY, assert_same_weights, weights_of

import dfe.distributed
from dfe.checkpoint import read_checkpoint
from dfe.config import LossConfig
from dfe.distributed import (
    DistributedError,
    backend,
    check_same,
    data_parallel,
    first_says,
    from_all,
    from_first,
    is_first,
    own_slice,
    process_group,
    rank,
    sum_over_ranks,
    wait_for_all,
    world_size,
)
from dfe.model import DFE
from dfe.training import STATE_FORMAT, pick_device, train

SCRIPT = Path(__file__).with_name("distributed_support.py")
ROOT = SCRIPT.parents[1]
PATIENCE = 240  # seconds; only a hang takes that long


def torchrun(job: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a job of `distributed_support` in two processes; a hang is stopped and fails."""
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = subprocess.Popen(
        [*call, str(SCRIPT), job, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun then stops its processes
        process.communicate()
        raise
    return subprocess.CompletedProcess(call, process.returncode, out, err)


def left_by(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"rank-{r}.json").read_text()) for r in (0, 1)]


class Runs:
    """All runs of all cases, with one process and with two."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        compare, dropout = folder / "compare", folder / "dropout"
        for name in ("one-then-two-a", "one-then-two-b"):
            DROPOUT.run_until_it_dies(dropout / name)
        (folder / "helpers").mkdir()
        self.one = {}
        for name, case in CASES.items():
            self.one[name] = case.run(compare / name / "one")
            case.run_until_it_dies(compare / name / "one-then-two")
        done = torchrun("all", folder)
        assert done.returncode == 0, done.stderr
        self.seen = left_by(folder)
        self.two_then_one = {
            name: case.run(compare / name / "two-then-one", resume=True)
            for name, case in CASES.items()
        }

    def state(self, name: str, run: str) -> dict[str, torch.Tensor]:
        path = self.folder / "compare" / name / run / "state.safetensors"
        return read_checkpoint(path, STATE_FORMAT)[0]

    def log(self, name: str, run: str) -> list[dict[str, Any]]:
        if run == "two-then-one":
            return self.two_then_one[name][1]
        return self.seen[0]["compare"][name][run]["log"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as torchrun's processes
    yield Runs(tmp_path_factory.mktemp("runs"))
    torch.set_num_threads(threads)


RUNS = ["two", "one-then-two", "two-then-one"]


# Two processes as one


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", CASES)
def test_the_curve_is_that_of_one_process(runs: Runs, name: str, run: str) -> None:
    one, other = pd.DataFrame(runs.one[name][1]), pd.DataFrame(runs.log(name, run))
    assert one["step"].tolist() == other["step"].tolist() == list(range(1, 13))
    losses = [column for column in one if column.startswith("loss/")]
    # Adam makes much of small gradients, and of their rounding; bfloat16 rounds more.
    rtol = 0.02 if name == "bfloat16" else 1e-3
    pd.testing.assert_frame_equal(one[["rate", *losses]], other[["rate", *losses]], rtol=rtol)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", [name for name in CASES if name != "bfloat16"])
def test_the_codebook_is_that_of_one_process(runs: Runs, name: str, run: str) -> None:
    one, other = runs.state(name, "one"), runs.state(name, run)
    for part in ("codebook", "ema_sum", "ema_count"):
        if (key := f"model/quantizer.{part}") in one:
            torch.testing.assert_close(one[key], other[key], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("run", ["two", "one-then-two"])
@pytest.mark.parametrize("name", CASES)
def test_the_gradient_has_the_length_that_it_has_with_one(runs: Runs, name: str, run: str) -> None:
    one = gradient_norm(runs.one[name][0])
    for seen in runs.seen:
        assert seen["compare"][name][run]["norm"] == pytest.approx(one, rel=0.02)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", CASES)
def test_a_state_has_the_same_parts(runs: Runs, name: str, run: str) -> None:
    one, other = runs.state(name, "one"), runs.state(name, run)
    second = {"rng/1"} if run != "two-then-one" else set()
    assert set(other) == set(one) | second  # no prefix of DistributedDataParallel
    steps = [key for key in one if key.endswith("/step")]
    # A weight that the first part does not use has fewer steps behind it, with any number.
    assert {key: one[key].item() for key in steps} == {key: other[key].item() for key in steps}


@pytest.mark.parametrize("run", ["two", "one-then-two"])
@pytest.mark.parametrize("name", CASES)
def test_both_processes_have_one_model(runs: Runs, name: str, run: str) -> None:
    first, second = (seen["compare"][name][run] for seen in runs.seen)
    assert first["tensors"] == second["tensors"]
    assert "quantizer.codebook" in first["tensors"]


@pytest.mark.parametrize("name", CASES)
def test_the_first_process_alone_logs_and_writes(runs: Runs, name: str) -> None:
    first, second = (seen["compare"][name]["two"] for seen in runs.seen)
    assert len(first["log"]) == 12 and second["log"] == []
    assert first["files"] == ["state.safetensors"]


def test_there_were_two(runs: Runs) -> None:
    assert [seen["compare"]["world"] for seen in runs.seen] == [2, 2]
    assert [seen["after"] for seen in runs.seen] == [[0, 1], [0, 1]]  # the group is gone


# Dropout


def test_dropout_resumes_to_the_bit_with_as_many_processes(runs: Runs) -> None:
    for seen in runs.seen:
        assert seen["dropout"]["straight"]["tensors"] == seen["dropout"]["again"]["tensors"]
    first = runs.seen[0]["dropout"]
    assert first["straight"]["log"] == first["again"]["log"]


def test_each_process_draws_its_own_dropout(runs: Runs) -> None:
    for run in ("straight", "one-then-two-a"):
        path = runs.folder / "dropout" / run / "state.safetensors"
        tensors = read_checkpoint(path, STATE_FORMAT)[0]
        assert not torch.equal(tensors["rng"], tensors["rng/1"])


def test_a_process_that_joins_draws_what_the_seed_says(runs: Runs) -> None:
    for seen in runs.seen:
        a, b = (seen["dropout"][f"one-then-two-{run}"] for run in "ab")
        assert a["tensors"] == b["tensors"]
        assert a["log"] == b["log"]


# Errors


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rate", "TrainingError: the loss became nan by step 2: "),
        ("data", "TrainingError: the loss became nan by step 1: "),
        ("small", "TrainingError: a batch of 1 rows cannot be shared by 2 processes; start fewer"),
        ("other", "DistributedError: the settings or training rows of process 1 differ from"),
    ],
)
def test_all_processes_stop_with_the_same_error(runs: Runs, name: str, message: str) -> None:
    first, second = (seen["errors"][name] for seen in runs.seen)
    assert first.startswith(message)
    assert first == second


def test_one_failed_process_ends_the_run(tmp_path: Path) -> None:
    done = torchrun("broken", tmp_path)
    assert done.returncode != 0
    assert "the disk of process 1 is gone" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]  # of step 4
    assert read_checkpoint(tmp_path / "state.safetensors", STATE_FORMAT)[1]["step"] == "4"


# The command


def test_the_command_trains_one_model(tmp_path: Path) -> None:
    settings = {"model": TINY.model_dump(), "training": BOTH.model_dump(mode="json")}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = torchrun("command-line", tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "model"
    assert done.stdout.split() == [str(folder / "model.safetensors")]  # said once
    names = ["log.csv", "model.safetensors", "state.safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert left_by(tmp_path) == [
        {"found": False, "written": True},
        {"found": True, "written": True},
    ]
    model, log = train(CORPUS, TINY, LossConfig(), BOTH)
    assert pd.read_csv(folder / "log.csv")["loss/total"].tolist() == pytest.approx(
        [row["loss/total"] for row in log], rel=1e-4
    )
    saved = DFE.from_pretrained(folder / "model.safetensors")
    assert saved.provenance["processes"] == 2
    assert saved.state_dict().keys() == model.state_dict().keys()


# The parts


def test_the_first_process_goes_first_and_the_others_wait(runs: Runs) -> None:
    first, second = (seen["helpers"] for seen in runs.seen)
    assert (first["found"], second["found"]) == (False, True)
    assert second["late"]
    assert first["says"] == second["says"] == [True, False]


@given(st.integers(1, 40), st.integers(1, 40))
def test_slices_share_a_batch_out(n: int, processes: int) -> None:
    rows, slices = torch.arange(n), []
    for number in range(processes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dfe.distributed, "world_size", lambda: processes)
            patch.setattr(dfe.distributed, "rank", lambda number=number: number)
            slices.append(own_slice(rows))
    assert torch.equal(torch.cat(slices), rows)
    sizes = [len(part) for part in slices]
    assert max(sizes) - min(sizes) <= 1


def test_alone_nothing_is_exchanged() -> None:
    a, b = torch.ones(2), torch.zeros(3, dtype=torch.int64)
    module = torch.nn.Linear(2, 2)
    with process_group("cpu"):
        assert (rank(), world_size(), is_first()) == (0, 1, True)
        assert all(x is y for x, y in zip(sum_over_ranks(a, b), (a, b), strict=True))
        assert from_all(a)[0] is a and own_slice(a).tolist() == a.tolist()
        assert from_first(lambda: b, a) is b
        assert first_says(True) and not first_says(False)
        assert data_parallel(module, torch.device("cpu"), unused=True) is module
        check_same("a", "the text")
        wait_for_all()


def test_what_carries_the_tensors() -> None:
    assert backend("cpu") == "gloo"
    assert "cuda:nccl" in backend("cuda")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What torchrun sets for the second of two processes."""
    values = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost"}
    for name, value in {**values, "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_an_incomplete_environment_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("RANK")
    environment.delenv("MASTER_PORT")
    match = "WORLD_SIZE is 2, but RANK, MASTER_PORT not set; start the processes with torchrun"
    with pytest.raises(DistributedError, match=match), process_group("cpu"):
        pass


def test_more_processes_than_gpus_are_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(torch.cuda, "device_count", lambda: 1)
    match = "process 1 of this machine has no GPU, there are 1; start with --nproc-per-node 1"
    with pytest.raises(DistributedError, match=match), process_group("cuda"):
        pass


def test_each_process_has_its_own_gpu(environment: pytest.MonkeyPatch) -> None:
    assert str(pick_device("cuda")) == "cuda"  # not in a group
    environment.setattr(dfe.distributed, "world_size", lambda: 2)
    assert str(pick_device("cuda")) == "cuda:1"
    assert str(pick_device("cpu")) == "cpu"


def test_a_finished_run_of_two_only_loads_with_one(runs: Runs) -> None:
    folder = runs.folder / "compare" / "ema" / "two"
    model, log = CASES["ema"].run(folder, resume=True)
    assert log == runs.log("ema", "two")
    assert_same_weights(
        weights_of(model),
        {
            name.removeprefix("model/"): tensor
            for name, tensor in runs.state("ema", "two").items()
            if name.startswith("model/")
        },
    )
