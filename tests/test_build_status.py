"""How jobs stand and why, with a tiny graph and made-up records."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from build_support import MADE, save_record, write_graph

from dfe.building import status as module
from dfe.building.given import NOTHING, Given
from dfe.building.graph import PlannedJob, arguments, run
from dfe.building.made_of import PYTHON, as_text
from dfe.building.status import JobGroup, JobStatus, build_status, changes, made_of_in, roots
from dfe.config import Profile, load_profile


@pytest.fixture
def profile(checkout: Path) -> Profile:
    """The small checkout with a tiny graph."""
    write_graph(checkout)
    return load_profile("smoke")


def make() -> None:
    assert run(["--cores", "2", "--quiet", "all", *arguments("smoke")]).well


def standing(*pages: str, given: Given = NOTHING) -> dict[str, JobStatus]:
    return {one.job: one for one in build_status("smoke", given, pages)}


def test_before_the_first_build(profile: Profile) -> None:
    found = standing()
    assert {one.standing for one in found.values()} == {"never run"}
    assert found["cohort-stress"].reason.startswith("Missing output files: build/smoke/cohorts")
    assert found["notebook-page"].reason == "after cohort-stress"
    assert found["html"].reason == "after notebook-other, notebook-page"
    assert {one.seconds for one in found.values()} == {None}


def test_single_pages_with_what_they_need(profile: Profile) -> None:
    assert standing("page").keys() == {"cohort-stress", "notebook-page"}
    assert standing("other").keys() == {"notebook-other"}


def test_after_a_build_all_is_fresh(profile: Profile) -> None:
    make()
    assert standing() == {}, "without records there is nothing to say"
    save_record(profile, "notebook-page", seconds=3, last_seconds=2.5)
    assert standing() == {"notebook-page": JobStatus("notebook-page", "fresh", "", 2.5)}


def test_what_changed_is_named(profile: Profile, checkout: Path) -> None:
    make()
    save_record(profile, "cohort-stress", last_seconds=2.5)
    save_record(profile, "notebook-page", last_seconds=4)
    changed = MADE | {"data.limit": "50", "dfe/runs.py": "1", "a": "x", "package b": "2"}
    write_graph(checkout, {"cohort-stress": changed, "notebook-other": MADE | {PYTHON: "3.12"}})
    found = standing()
    assert found["cohort-stress"] == JobStatus(
        "cohort-stress",
        "stale",
        "a is used now, data.limit: 40 → 50, dfe/runs.py changed and 1 more",
        2.5,
    )
    assert found["notebook-page"] == JobStatus("notebook-page", "stale", "after cohort-stress", 4)
    python = JobStatus("notebook-other", "stale", "package python: 3.11 → 3.12")
    assert found["notebook-other"] == python, "nobody recorded it"
    assert found["html"].reason == "after notebook-other, notebook-page"


def test_fresh_jobs_come_last(profile: Profile, checkout: Path) -> None:
    make()
    for name in ("notebook-page", "notebook-other", "cohort-stress"):
        save_record(profile, name, last_seconds=2)
    write_graph(checkout, {"notebook-other": MADE | {"a": "x"}})
    found = [(one.job, one.standing) for one in build_status("smoke")]
    assert set(found[:2]) == {("notebook-other", "stale"), ("html", "stale")}
    assert set(found[2:]) == {("notebook-page", "fresh"), ("cohort-stress", "fresh")}


def test_parameters_make_a_page_stale(profile: Profile, checkout: Path) -> None:
    make()
    write_graph(checkout, {"notebook-page": MADE | {"effect": "0.5"}})
    found = standing(given=Given({"page": {"effect": "it's {0.5}"}}, {}))
    assert found["notebook-page"].reason == "effect is used now"
    assert found["notebook-other"].reason.startswith("Params have changed"), "in Snakemake's words"


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        ({"state": "failed", "error": "\n \nfirst line\nsecond"}, "failed", "first line"),
        ({"state": "failed", "error": ""}, "failed", ""),
        ({"state": "running", "line": "x = 1", "host": "elsewhere"}, "running", "x = 1"),
        ({"state": "interrupted", "error": "KeyboardInterrupt"}, "interrupted", ""),
    ],
)
def test_how_the_last_run_ended(
    profile: Profile, fields: dict[str, Any], state: str, reason: str
) -> None:
    save_record(profile, "notebook-page", last_seconds=2, **fields)
    assert standing()["notebook-page"] == JobStatus("notebook-page", state, reason, 2)


def test_a_running_job_of_a_process_that_is_gone(profile: Profile) -> None:
    here = {"state": "running", "host": socket.gethostname()}
    save_record(profile, "cohort-stress", pid=os.getpid(), **here)
    save_record(profile, "notebook-page", pid=2**22 + 1, **here)  # beyond the largest number
    found = standing()
    assert found["cohort-stress"].standing == "running"
    assert found["notebook-page"].standing == "interrupted"


def job(rule: str, *outputs: str, reason: str = "") -> PlannedJob:
    return PlannedJob(rule, (), outputs, 1, reason)


def test_more_jobs_before_than_are_named() -> None:
    others = {name: job(name, f"out/{name}") for name in "dcab"}
    last = job("last", reason=" ".join(f"out/{name}" for name in "abcd"))
    assert list(module._reasons(last, others | {"last": last})) == ["after a, b, c and others"]


# Reasons


def reason(before: str, now: str) -> str:
    return f"Params have changed since last execution: before: {before!r} now: {now!r} "


TEXT, OTHER = as_text(MADE), as_text(MADE | {"a": "b now: c before: {"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (reason(TEXT, OTHER), (MADE, MADE | {"a": "b now: c before: {"})),
        (reason(OTHER, TEXT), (MADE | {"a": "b now: c before: {"}, MADE)),
        # Other parameters change with it, and Snakemake names them in any order.
        (reason("{}", "x") + reason(TEXT, OTHER), (MADE, MADE | {"a": "b now: c before: {"})),
        (f"before: '{{}}' '{TEXT}' now: '{{\"a\": {{}}}}' '{OTHER}'", None),
        (f"before: '{TEXT}' '{{}}' now: '{OTHER}' '{{}}'", None),
        (reason("{}", '{"a": 1}'), ({}, {})),
        (reason("", TEXT), ({}, {})),
        (reason(TEXT, ""), ({}, {})),
        (f"{TEXT} {TEXT}", ({}, {})),
        ("Missing output files: {a}", ({}, {})),
        ("", ({}, {})),
    ],
)
def test_what_a_reason_says(text: str, found: tuple[dict[str, str], dict[str, str]] | None) -> None:
    assert made_of_in(text) == (found or (MADE, MADE | {"a": "b now: c before: {"}))


def test_differences_in_words() -> None:
    before = {"same": "1", "gone": "1", "value": "x" * 50, "dfe/a.py": "00", "package b": "1.0"}
    now = {"same": "1", "new": "1", "value": "y" * 50, "dfe/a.py": "11", "package b": "1.1"}
    assert list(changes(before, now)) == [
        "dfe/a.py changed",
        "gone is no longer used",
        "new is used now",
        "package b: 1.0 → 1.1",
        f"value: {'x' * 40} → {'y' * 40}",
    ]
    assert list(changes(now, now)) == []


def test_jobs_that_stand_alike_are_counted() -> None:
    found = [
        JobStatus("variant-k16-0", "stale", "data.limit: 1 → 2"),
        JobStatus("variant-k16-1", "stale", "data.limit: 1 → 2"),
        JobStatus("variant-full-0", "failed", "an error"),
        JobStatus("cohort-stress", "stale", "data.limit: 1 → 2"),
        JobStatus("notebook-page", "stale", "notebooks/page.ipynb changed"),
        JobStatus("html", "stale", "after notebook-page"),
        JobStatus("model", "fresh"),
    ]
    assert roots(found) == [
        JobGroup("variant", 2, "stale", "data.limit: 1 → 2"),
        JobGroup("variant", 1, "failed", "an error"),
        JobGroup("cohort", 1, "stale", "data.limit: 1 → 2"),
    ]
