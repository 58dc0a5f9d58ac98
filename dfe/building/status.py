"""What a build has of each job: fresh, stale and why, failed, or never run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from dfe.building.given import NOTHING, Given
from dfe.building.graph import PlannedJob, plan, targets
from dfe.building.made_of import PYTHON, MadeOf
from dfe.config import load_profile, project_root
from dfe.jobs import JobRecord, State, read_jobs

Standing = Literal["fresh", "stale", "never run"] | State
SHOWN = 3  # differences that a reason names


class JobStatus(NamedTuple):
    """How a job stands.

    Attributes
    ----------
    job
        Its name, such as ``"notebook-03_templates"``.
    reason
        Why it has to run, or the first line of its error; empty where it is fresh.
    seconds
        How long its last good run took; None where there was none.
    """

    job: str
    standing: Standing
    reason: str = ""
    seconds: float | None = None


def build_status(
    profile: str, given: Given = NOTHING, pages: Sequence[str] = ()
) -> list[JobStatus]:
    """How all jobs of a build stand: those that have to run first, then the fresh ones.

    Parameters
    ----------
    pages
        Notebooks to ask about, with what they need; the whole book where there are none.

    Raises
    ------
    dfe.building.graph.GraphError, dfe.config.ConfigError
        If Snakemake refuses the graph, or the profile is not valid.
    """
    settings = load_profile(profile)
    waiting = {job.name: job for job in plan(profile, given, targets(settings, pages))}
    records = read_jobs(settings)
    found = [_waiting(job, waiting, records.get(job.name)) for job in waiting.values()]
    fresh = [record for name, record in records.items() if name not in waiting]
    return found + [JobStatus(r.job, "fresh", seconds=r.last_seconds) for r in fresh]


def _waiting(
    job: PlannedJob, waiting: Mapping[str, PlannedJob], record: JobRecord | None
) -> JobStatus:
    reason = "; ".join(_reasons(job, waiting))
    if record is None:
        missing = not all((project_root() / path).exists() for path in job.outputs)
        return JobStatus(job.name, "never run" if missing else "stale", reason)
    if record.state == "done":
        return JobStatus(job.name, "stale", reason, record.last_seconds)
    text = _first_line(record.error) if record.state == "failed" else record.line
    return JobStatus(job.name, record.state, text, record.last_seconds)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _reasons(job: PlannedJob, waiting: Mapping[str, PlannedJob]) -> Iterator[str]:
    """Why a job has to run, in our words where we have any, else in Snakemake's."""
    before, now = made_of_in(job.reason)
    differences = list(changes(before, now))
    others = [other for other in waiting.values() if other != job]
    again = sorted({o.name for o in others if any(path in job.reason for path in o.outputs)})
    if differences:
        more = len(differences) - SHOWN
        yield ", ".join(differences[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    if again:
        rest = " and others" if len(again) > SHOWN else ""
        yield f"after {', '.join(again[:SHOWN])}{rest}"
    if not differences and not again:
        yield job.reason.partition("\n")[0][:200]


def made_of_in(reason: str) -> tuple[MadeOf, MadeOf]:
    """What a job was made of and is made of now, from Snakemake's reason; empty if not there.

    Snakemake keeps the parameters of the last run and quotes them when they change.
    """
    old, rest = _mapping(reason.partition("before: ")[2])
    new, _ = _mapping(rest.partition(" now: ")[2])
    return (old, new) if old and new else ({}, {})


def _mapping(text: str) -> tuple[MadeOf, str]:
    """The first JSON object in a text that says what something is made of, and the text after."""
    start = text.find("{")
    while start >= 0:
        with suppress(ValueError):
            found, end = json.JSONDecoder().raw_decode(text, start)
            if PYTHON in found:
                return dict(found), text[end:]
        start = text.find("{", start + 1)
    return {}, ""


def changes(before: MadeOf, now: MadeOf) -> Iterator[str]:
    """Each difference between what a job was made of and what it would be made of, in words."""
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if old is None:
            yield f"{name} is used now"
        elif new is None:
            yield f"{name} is no longer used"
        elif "/" in name:  # a file: its hashes say nothing to a reader
            yield f"{name} changed"
        else:
            yield f"{name}: {old[:40]} → {new[:40]}"


class JobGroup(NamedTuple):
    """Jobs of one rule that stand alike."""

    rule: str
    number: int
    standing: Standing
    reason: str


def roots(found: Sequence[JobStatus]) -> list[JobGroup]:
    """Jobs that are not pages and have a reason of their own to run, those alike together."""
    own = [
        (one.job.partition("-")[0], one.standing, one.reason)
        for one in found
        if one.standing != "fresh"
        and not one.job.startswith("notebook-")
        and not one.reason.startswith("after ")
    ]
    counted = Counter(own)
    return [JobGroup(rule, n, standing, reason) for (rule, standing, reason), n in counted.items()]
