"""Ingest in processes of its own: killed at any point, several of them, and how much memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from dfe.data.adapters.facial_basis_text import FACIAL_BASIS
from dfe.data.adapters.smirk import SMIRK
from dfe.data.features import files_sha256
from dfe.data.fetch import sha256_file
from dfe.data.gated import load_gated
from dfe.data.ingest import ingest
from dfe.data.ingested import ingested_path, report_path
from dfe.data.observations import read_observation

ROOT = Path(__file__).resolve().parents[1]
MARGIN = 40  # MiB; 150,000 more frames of 50 values are 29 MiB, and were held twice at the least

# Kills itself at every point at which a file comes or goes, one after another. Processes are forked
# before anything has used Arrow, whose threads do not survive that.
KILLER = """
import json, os, shutil, signal, sys
from pathlib import Path
from dataclasses import replace
from dfe.data import ingest_parts, ingest_plan
from dfe.data.adapters.facial_basis_text import FACIAL_BASIS
from dfe.data.gated import load_gated
from dfe.data.ingest import ingest

ingest_plan.RECORDINGS = 2
ingest_parts._GROUP = 3 * 4 * 50
folder, base = map(Path, sys.argv[1:])
manifest = load_gated("aff-wild2")

def run(log):
    reads = []
    def read(clip, files):
        reads.append(clip)
        return FACIAL_BASIS.read(clip, files)
    try:
        ingest(manifest, replace(FACIAL_BASIS, read=read), folder, jobs=1)
    finally:
        log.write_text(json.dumps(reads))

def kill_at(count):
    left = [count]
    def counted(act):
        def call(*args, **more):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*args, **more)
        return call
    os.replace, shutil.rmtree = counted(os.replace), counted(shutil.rmtree)

def in_child(act, *args):
    if not (pid := os.fork()):
        try:
            act(*args)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def killed(count, log):
    kill_at(count)
    run(log)

found = []
for count in range(1, 99):
    data = base / str(count)
    os.environ["DFE_DATA"] = str(data)
    status = in_child(killed, count, base / "first.json")
    left = sorted(p.relative_to(data).as_posix() for p in data.rglob("*.*"))
    assert in_child(run, base / "second.json") == 0
    second = json.loads((base / "second.json").read_text())
    found.append({"status": status, "left": left, "reads": second})
    if status == 0:
        break
print(json.dumps(found))
"""

# `getrusage` would count the memory that the caller had when it started this process.
MEMORY = """
import re, sys
from pathlib import Path
from dfe.data import ingest_plan
from dfe.data.adapters.smirk import SMIRK
from dfe.data.gated import load_gated
from dfe.data.ingest import ingest

ingest_plan.BYTES = int(sys.argv[2])
ingest(load_gated("aff-wild2"), SMIRK, Path(sys.argv[1]), jobs=1)
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def python(data: Path, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that finds this checkout and keeps its data in `data`."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "DFE_DATA": str(data), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate()
    assert process.returncode == 0, error
    return out


def texts(folder: Path, lengths: list[int]) -> Path:
    """Files of Facial Basis, one recording each."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i, n in enumerate(lengths):
        np.savetxt(folder / f"v{i:04d}.local_expressions", rng.normal(size=(n, 50)), "%.3f")
    return folder


def uninterrupted(data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Observation file and report of a run that nobody disturbs."""
    monkeypatch.setenv("DFE_DATA", str(data))
    made = ingest(load_gated("aff-wild2"), FACIAL_BASIS, folder, jobs=1)
    return made, report_path("aff-wild2", FACIAL_BASIS.name)


def same_rows(path: Path, other: Path) -> None:
    found, wanted = read_observation(path), read_observation(other)
    assert found.metadata == wanted.metadata
    for name in ("dataset", "clip", "frame", "values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def test_killed_before_any_file_comes_or_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = texts(tmp_path / "in", [1, 4, 2, 7, 3, 1, 5])
    order = [f"v{i:04d}" for i in range(7)]
    runs = json.loads(output(python(tmp_path, "-c", KILLER, str(folder), str(tmp_path / "out"))))
    assert [one["status"] for one in runs] == [-signal.SIGKILL] * (len(runs) - 1) + [0]
    made, report = uninterrupted(tmp_path / "whole", folder, monkeypatch)
    files = [(path.name, sha256_file(path)) for path in folder.iterdir()]
    assert read_observation(made).metadata.inputs_sha256 == files_sha256(files)
    seen_parts, seen_whole = set(), set()
    for count, one in enumerate(runs, 1):
        here = tmp_path / "out" / str(count) / "ingested" / "aff-wild2"
        assert sorted(path.name for path in here.iterdir()) == [made.name, report.name]
        same_rows(here / made.name, made)
        assert (here / report.name).read_text() == report.read_text()
        whole = f"ingested/aff-wild2/{made.name}" in one["left"]
        parts = sum(
            path.endswith(f".parts/{i:06d}.parquet") for i in range(4) for path in one["left"]
        )
        assert one["reads"] == ([] if whole else order[2 * parts :]), (count, one)
        seen_parts.add(parts)
        seen_whole.add(whole)
    assert seen_parts >= {0, 1, 2, 3, 4} and seen_whole == {False, True}


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def wait_for(what: Any, process: subprocess.Popen[str]) -> Any:
    """Look again and again until there is something, or the process is done."""
    while process.poll() is None:
        if found := what():
            return found
        time.sleep(0.002)
    raise AssertionError(f"the process was done too soon: {process.communicate()}")


@pytest.mark.parametrize(("jobs", "parts"), [(1, 2), (2, 2)])
def test_the_command_is_killed_and_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, parts: int
) -> None:
    folder, data = texts(tmp_path / "in", [2] * 3_200), tmp_path / "data"
    arguments = ("-m", "dfe.cli", "data", "ingest", "aff-wild2", "--extractor", "facial-basis")
    arguments = (*arguments, "--from", str(folder), "--jobs", str(jobs))
    monkeypatch.setenv("DFE_DATA", str(data))
    target = ingested_path("aff-wild2", "facial-basis")
    place = target.with_name(f"{target.name}.parts")

    def finished() -> list[Path]:
        rows = sorted(place.glob("[0-9]*[0-9].parquet"))
        return rows if len(rows) >= parts else []

    process = python(data, *arguments)
    wait_for(finished, process)
    process.send_signal(signal.SIGSTOP)  # so that it is not done before we have looked
    workers = children(process.pid)
    assert len(workers) >= jobs * (jobs > 1)
    process.kill()
    process.communicate()
    assert not psutil.wait_procs(workers, timeout=60)[1]  # they end with who started them
    assert not target.exists()
    kept = 500 * len(finished())
    said = output(python(data, *arguments))
    assert f"{kept:,} of them were read before" in said and str(target) in said
    assert sorted(path.name for path in target.parent.iterdir()) == [
        target.name,
        report_path("aff-wild2", "facial-basis").name,
    ]
    made, report = uninterrupted(tmp_path / "whole", folder, monkeypatch)
    assert target.read_bytes() == made.read_bytes()  # whatever was killed, and by whom it was read
    assert (target.parent / report.name).read_text() == report.read_text()


def test_a_process_that_reads_is_killed(tmp_path: Path) -> None:
    """As by a system that runs out of memory: the run ends, and does not wait for ever."""
    folder, data = texts(tmp_path / "in", [2] * 3_200), tmp_path / "data"
    arguments = ("-m", "dfe.cli", "data", "ingest", "aff-wild2", "--extractor", "facial-basis")
    process = python(data, *arguments, "--from", str(folder))

    def workers() -> list[psutil.Process]:
        return [one for one in children(process.pid) if "LokyProcess" in " ".join(one.cmdline())]

    wait_for(workers, process)[0].kill()
    _, error = process.communicate()
    assert process.returncode == 1 and "Traceback" not in error
    assert "error: a process that reads was killed" in error.replace("\n", " ")
    assert "3,200 recordings, 6,400 frames" in output(
        python(data, *arguments, "--from", str(folder))
    )


def test_an_error_in_a_process_names_the_file_and_leaves_finished_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = texts(tmp_path / "in", [1] * 1_700)
    damaged = folder / "v1650.local_expressions"
    whole = damaged.read_text()
    damaged.write_text("1 2 3\n")
    arguments = ("-m", "dfe.cli", "data", "ingest", "aff-wild2", "--extractor", "facial-basis")
    process = python(tmp_path / "data", *arguments, "--from", str(folder))
    _, error = process.communicate()
    assert process.returncode == 1
    assert f"error: {damaged}: 3 numbers in line 1, not 50" in error.replace("\n", " ")
    assert "Traceback" not in error
    damaged.write_text(whole)
    said = output(python(tmp_path / "data", *arguments, "--from", str(folder)))
    assert "of them were read before" in said and "1,700 recordings" in said


@pytest.mark.parametrize("part", [32 << 20, 1 << 40], ids=["several parts", "one part"])
def test_memory_does_not_grow_with_the_frames(tmp_path: Path, part: int) -> None:
    peaks = {}
    for n in (50, 200):
        folder = tmp_path / str(n)
        folder.mkdir()
        rng = np.random.default_rng(n)
        for i in range(n):
            values = rng.normal(size=(1_000, 50)).astype(np.float32)
            np.savez(folder / f"v{i}.npz", frame=np.arange(1_000), expression_params=values)
        said = output(python(tmp_path / f"data{n}", "-c", MEMORY, str(folder), str(part)))
        peaks[n] = int(said) / 1024  # MiB
        made = tmp_path / f"data{n}" / "ingested" / "aff-wild2" / f"{SMIRK.name}.parquet"
        assert len(read_observation(made)) == n * 1_000
    assert peaks[200] < peaks[50] + MARGIN, peaks
