"""A tiny graph with the rules of the real one, and made-up records of jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import snakemake.shell  # noqa: F401  (jobs print to what is stdout now, and not within a test)

from dfe.building.made_of import PYTHON, MadeOf, as_text
from dfe.config import Profile
from dfe.jobs import JobRecord, jobs_folder

START = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
HTML = "build/smoke/html/index.html"
MADE: MadeOf = {PYTHON: "3.11", "data.limit": "40", "dfe/runs.py": "0f0f"}
RULES = """
import json
from pathlib import Path

COMMANDS = json.loads(Path("commands.json").read_text())
MADE = json.loads(Path("made.json").read_text())
PAGES = ["page", "other"]

def told(name):
    found = config.get(name, "@{}")
    return json.loads(found[1:]) if isinstance(found, str) else found

wildcard_constraints:
    task="[a-z]+",

rule book:
    input: "build/smoke/html/index.html"

rule cohort:
    output: "build/smoke/cohorts/{task}.safetensors"
    params: made_of=lambda w: MADE[f"cohort-{w.task}"]
    shell: COMMANDS["cohort"]

rule notebook:
    input: lambda w: ["build/smoke/cohorts/stress.safetensors"] if w.notebook == "page" else []
    output:
        "build/smoke/notebooks/{notebook}.ipynb",
        "build/smoke/results/{notebook}.results.json",
    threads: 2
    params:
        made_of=lambda w: MADE[f"notebook-{w.notebook}"],
        given=lambda w: json.dumps(told("set")),
    shell: COMMANDS["notebook"]

rule html:
    input: expand("build/smoke/notebooks/{page}.ipynb", page=PAGES)
    output: update("build/smoke/html/index.html")
    params: sweeps=lambda w: json.dumps(told("sweep"))
    shell: COMMANDS["html"]
"""
COMMANDS = {
    "cohort": "echo frames > {output}",
    "notebook": "echo {wildcards.notebook} > {output[0]}; echo '{{}}' > {output[1]}",
    "html": "echo html >> {output}",
}
JOBS = ("cohort-stress", "notebook-page", "notebook-other")


def write_graph(folder: Path, made: Mapping[str, MadeOf] | None = None, **commands: str) -> None:
    """Write a Snakefile; jobs are made of `MADE` and run `COMMANDS` unless told otherwise."""
    texts = {name: as_text((made or {}).get(name, MADE)) for name in JOBS}
    (folder / "Snakefile").write_text(RULES, encoding="utf-8")
    (folder / "made.json").write_text(json.dumps(texts), encoding="utf-8")
    (folder / "commands.json").write_text(json.dumps(COMMANDS | commands), encoding="utf-8")


def save_record(profile: Profile, job: str, **fields: Any) -> JobRecord:
    """Write what a job did; it ended well unless told otherwise."""
    record = JobRecord.model_validate({"job": job, "state": "done", "started": START} | fields)
    path = jobs_folder(profile) / f"{job}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record.model_dump_json(), encoding="utf-8")
    return record
