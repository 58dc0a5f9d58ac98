"""The same commit, profile and machine give the same results files, bit for bit except times.

By default a few pages of the smoke book run a second time; `DFE_REPEAT=all` repeats every page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from dfe.book import notebook_names
from dfe.config import load_profile
from dfe.notebooks import execute

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "smoke"
TIMES = {"started", "seconds", "commit"}  # and whether the tree has changed since
FEW = ("08_personality", "11_ablations")
OTHERS = [name for name in notebook_names() if name != "16_scoreboard"]  # it repeats the others
REPEATED = OTHERS if os.environ.get("DFE_REPEAT") == "all" else FEW
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
pytestmark = pytest.mark.smoke_book


def without_times(path: Path) -> Any:
    """What a results file says, apart from when and how long."""
    if path.suffix != ".json":
        return path.read_bytes()
    found = json.loads(path.read_text(encoding="utf-8"))
    return {k: v for k, v in found.items() if k not in TIMES} if isinstance(found, dict) else found


def recorded_threads(page: str) -> int:
    return int(json.loads((BUILT / f"results/{page}.provenance.json").read_text())["threads"])


@pytest.mark.parametrize("page", REPEATED)
def test_a_page_measures_the_same_again(
    page: str, smoke_html: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for name in THREADS:
        monkeypatch.setenv(name, str(recorded_threads(page)))
    execute(page, load_profile("smoke"), folder=tmp_path)
    again = sorted((tmp_path / "results").iterdir())
    assert {f"{page}.results.json", f"{page}.provenance.json"} <= {path.name for path in again}
    for path in again:
        assert without_times(path) == without_times(BUILT / "results" / path.name), path.name


def test_a_model_is_trained_the_same_again(smoke_html: Path, tmp_path: Path) -> None:
    run = "variants/full/seed-0/model.safetensors"
    command = ["-m", "dfe.cli", "train", "--profile", "smoke", "--variant", "full", "--seed", "0"]
    subprocess.run(
        [sys.executable, *command, "--output", tmp_path],
        cwd=ROOT,
        env=os.environ | dict.fromkeys(THREADS, "1"),
        check=True,
        capture_output=True,
    )
    first, second = load_file(BUILT / run), load_file(tmp_path / "model.safetensors")
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert values.tobytes() == second[name].tobytes(), name
