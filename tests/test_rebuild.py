"""A changed setting runs again what depends on it and nothing else, in the smoke book."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dfe.book import notebook_names

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.smoke_book


def would_run(folder: Path, changes: dict[str, Any], *target: str, name: str = "smoke") -> set[str]:
    """Outputs that a build of the smoke book with changed settings would make anew."""
    tree = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
    for dotted, value in changes.items():
        *groups, leaf = dotted.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[leaf] = value
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump(tree | {"name": name}), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--nolock"]
    done = subprocess.run(
        [*command, *target, "--config", f"profile={path}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    outputs = re.findall(r"^    output: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    names = [Path(name).name for line in outputs for name in re.split(r",\s*", line)]
    return {name.partition(".")[0] for name in names}


def test_nothing_runs_again_without_a_change(smoke_html: Path, tmp_path: Path) -> None:
    assert would_run(tmp_path, {}) == set()


@pytest.mark.parametrize(
    ("setting", "value", "outputs"),
    [
        (
            "cohorts.stress.effect",
            0.5,
            {"stress", "10_stress", "11_ablations", "13_cohorts", "14_power"},
        ),
        ("cohorts.depression.effect", 0.5, {"depression", "09_depression", "13_cohorts"}),
        ("pages.smiles.tokens", 3, {"07_smiles"}),
        (
            "utility.bootstrap",
            30,
            {
                f"{n}"
                for n in (
                    "07_smiles",
                    "08_personality",
                    "09_depression",
                    "10_stress",
                    "11_ablations",
                    "13_cohorts",
                    "14_power",
                    "17_emotions",
                )
            },
        ),
    ],
)
def test_only_dependent_pages_run_again(
    smoke_html: Path, tmp_path: Path, setting: str, value: Any, outputs: set[str]
) -> None:
    assert would_run(tmp_path, {setting: value}) == outputs | {"16_scoreboard", "index"}


def test_the_audit_needs_no_data(smoke_html: Path, tmp_path: Path) -> None:
    """In a build of which nothing is there yet, it is the only thing to run."""
    page = "build/new/notebooks/15_audit.ipynb"
    assert would_run(tmp_path, {}, page, name="new") == {"15_audit"}


def test_the_scoreboard_waits_for_every_page(smoke_html: Path, tmp_path: Path) -> None:
    page = "build/new/notebooks/16_scoreboard.ipynb"
    assert would_run(tmp_path, {}, page, name="new") >= {*notebook_names()}
