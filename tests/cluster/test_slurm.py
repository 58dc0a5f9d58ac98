"""The ablations of the smoke book as jobs of a real SLURM: `make test-cluster`.

`slurm.sh` starts SLURM on this machine and stops it afterwards. The tests run in a copy of the
checkout with the profile that readers get, `profiles/slurm/config.yaml`, made smaller: two cores
have to do. What SLURM's own controller remembers of its jobs is the proof that they ran there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from safetensors import safe_open

from dfe.results import read_results
from dfe.variants import ABLATIONS

ROOT = Path(__file__).resolve().parents[2]
SLURM = Path(__file__).with_name("slurm.sh")
PAGE = "11_ablations"
STAGED = "build/smoke/facial_basis/basis.safetensors"  # needs the features, and not that page
PASSES_PATHS = "DFE_BUILD" in (ROOT / "Snakefile").read_text(encoding="utf-8")
COPIED = ("dfe", "notebooks", "profiles", "data_manifests", "book", "Snakefile")
RULES_WITH_GPU = {"model", "variant"}

Job = dict[str, str]  # as `scontrol` shows it
Done = subprocess.CompletedProcess[str]


def test_the_ablations_run_as_slurm_jobs(first_build: list[Job]) -> None:
    expected = {
        "rule_features": "COMPLETED",
        "rule_model": "COMPLETED",
        "rule_cohort_wildcards_stress": "COMPLETED",
        f"rule_notebook_wildcards_{PAGE}": "COMPLETED",
    } | {f"rule_variant_wildcards_{item.name}_0": "COMPLETED" for item in ABLATIONS}
    assert {job["Comment"]: job["JobState"] for job in first_build} == expected
    assert len(first_build) == len(expected)  # none ran twice


def test_only_training_asks_for_a_gpu(first_build: list[Job]) -> None:
    asked = {rule_of(job) for job in first_build if job.get("TresPerJob") == "gres:gpu:1"}
    assert asked == RULES_WITH_GPU


def test_jobs_get_what_the_profile_asks_for(first_build: list[Job], workspace: Path) -> None:
    profile = read_profile(workspace)
    for job in first_build:
        rule = rule_of(job)
        asked = profile["default-resources"] | profile["set-resources"].get(rule, {})
        assert job["TimeLimit"] == "{:02d}:{:02d}:00".format(*divmod(asked["runtime"], 60)), rule
        assert job["MinMemoryNode"] == f"{asked['mem_mb']}M", rule
        assert job["WorkDir"] == str(workspace)


def test_what_the_jobs_wrote_is_whole(first_build: list[Job], workspace: Path) -> None:
    for item in ABLATIONS:
        path = workspace / f"build/smoke/variants/{item.name}/seed-0/model.safetensors"
        with safe_open(path, framework="numpy") as file:
            assert file.keys(), path
    cells = nbformat.read(workspace / f"build/smoke/notebooks/{PAGE}.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    assert code and all(cell.execution_count for cell in code)
    (page,) = read_results(workspace / "build/smoke/results").values()
    assert (page.page, page.profile) == (PAGE, "smoke") and page.results


def test_a_second_build_submits_nothing(first_build: list[Job], workspace: Path) -> None:
    before = slurm_jobs()
    done = build(workspace)
    assert done.returncode == 0, done.stdout
    assert slurm_jobs() == before


def test_a_failed_job_is_an_error_with_its_rule_and_its_log(
    first_build: list[Job], workspace: Path
) -> None:
    page = workspace / "notebooks" / f"{PAGE}.ipynb"
    whole = page.read_text(encoding="utf-8")
    notebook = nbformat.reads(whole, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_code_cell('raise RuntimeError("planted")'))
    nbformat.write(notebook, page)
    before = len(slurm_jobs())
    try:
        done = build(workspace)
    finally:
        page.write_text(whole, encoding="utf-8")
    assert done.returncode != 0
    assert f"notebook-{PAGE} failed" in done.stdout and "planted" in done.stdout
    log = workspace / "build" / "smoke" / "logs" / f"notebook-{PAGE}.log"
    assert "planted" in log.read_text(encoding="utf-8")
    failed = slurm_jobs()[before:]
    assert {job["Comment"] for job in failed} == {f"rule_notebook_wildcards_{PAGE}"}
    tries = 1 + read_profile(workspace)["retries"]
    assert [job["JobState"] for job in failed] == ["FAILED"] * tries
    for job in failed:  # kept, unlike those of jobs that went well
        assert PAGE in Path(job["StdOut"]).read_text(encoding="utf-8")


@pytest.mark.skipif(not PASSES_PATHS, reason="steps write to build/, wherever Snakemake wants it")
def test_staged_storage_brings_files_to_the_node_and_back(
    first_build: list[Job], workspace: Path, tmp_path: Path
) -> None:
    profile = read_profile(workspace) | {
        "default-storage-provider": "fs",
        "default-storage-prefix": str(workspace),
        "remote-job-local-storage-prefix": f"{tmp_path}/$SLURM_JOB_ID",
        "shared-fs-usage": ["persistence", "sources", "software-deployment", "source-cache"],
    }
    path = workspace / "profiles" / "staged" / "config.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(profile), encoding="utf-8")
    before = len(slurm_jobs())
    done = python(
        workspace,
        *("-m", "snakemake", "--workflow-profile", "profiles/staged"),
        *("--config", "profile=smoke", "--", STAGED),
    )
    assert done.returncode == 0, done.stdout
    (job,) = slurm_jobs()[before:]
    assert (job["Comment"], job["JobState"]) == ("rule_facial_basis", "COMPLETED")
    assert (tmp_path / job["JobId"]).is_dir()  # it worked in a folder of its own
    with safe_open(workspace / STAGED, framework="numpy") as file:
        assert file.keys()


@pytest.fixture(scope="session")
def slurm() -> Iterator[None]:
    """A SLURM that runs while the tests do."""
    started = subprocess.run([SLURM, "start"], capture_output=True, text=True)
    try:
        assert started.returncode == 0, started.stderr
        yield
    finally:
        subprocess.run([SLURM, "stop"], check=True)


@pytest.fixture(scope="session")
def workspace(slurm: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with nothing built, and the profile made smaller."""
    folder = tmp_path_factory.mktemp("cluster") / "project"
    folder.mkdir()
    for name in (*COPIED, "_config.yml", "_toc.yml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    path = folder / "profiles" / "slurm" / "config.yaml"
    path.write_text(yaml.safe_dump(smaller(read_profile(folder))), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def first_build(workspace: Path) -> list[Job]:
    """SLURM's view of a build of the page that compares the ablations."""
    done = build(workspace)
    assert done.returncode == 0, done.stdout
    return slurm_jobs()


def read_profile(folder: Path) -> dict[str, Any]:
    text = (folder / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8")
    profile: dict[str, Any] = yaml.safe_load(text)
    return profile


def smaller(profile: dict[str, Any]) -> dict[str, Any]:
    """The same profile for two cores that are asked often, with less of memory and time."""
    small = {"runtime": 30, "mem_mb": 2000}
    rules = {rule: asked | small for rule, asked in profile["set-resources"].items()}
    return profile | {
        "default-resources": profile["default-resources"] | small | {"runtime": 20},
        "set-resources": rules,
        "set-threads": dict.fromkeys(profile["set-threads"], 1),
        "latency-wait": 5,
        "seconds-between-status-checks": 3,
        "slurm-init-seconds-before-status-checks": 3,
    }


def build(folder: Path) -> Done:
    """Build the page on SLURM, as a reader does."""
    command = ("build", "--executor", "slurm", "--profile", "smoke", "--only", PAGE)
    return python(folder, "-m", "dfe.cli", *command)


def python(folder: Path, *arguments: str) -> Done:
    """Run Python in a folder, with the `dfe` of that folder in jobs as well; all text in stdout."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def slurm_jobs() -> list[Job]:
    """What SLURM's controller knows of its jobs, the first one first."""
    shown = subprocess.run(
        ["scontrol", "show", "job", "-o"], capture_output=True, text=True, check=True
    ).stdout
    jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in shown.splitlines()]
    return sorted((job for job in jobs if "JobId" in job), key=lambda job: int(job["JobId"]))


def rule_of(job: Job) -> str:
    """The rule in the comment of a job, such as ``rule_variant_wildcards_k16_0``."""
    return job["Comment"].removeprefix("rule_").partition("_wildcards_")[0]
