"""Snakemake, asked about a tiny graph: what has to run and why, what failed, what it refuses."""

from __future__ import annotations

import logging
import shutil
import signal
from pathlib import Path

import pytest
from build_support import HTML, MADE, write_graph

from dfe.building.given import Given
from dfe.building.graph import GraphError, PlannedJob, arguments, plan, run, targets
from dfe.building.status import made_of_in
from dfe.config import load_profile

RUN = ["--cores", "2", "--keep-going", "--quiet", "all"]
PAGE = "build/smoke/notebooks/page.ipynb"


@pytest.fixture
def graph(checkout: Path) -> Path:
    """The small checkout with a tiny graph."""
    write_graph(checkout)
    return checkout


def made(*asked: str) -> None:
    """Build, and expect that all goes well."""
    outcome = run([*RUN, *arguments("smoke", targets=asked)])
    assert outcome.well and not outcome.failed, outcome.said


def test_a_plan_names_each_job(graph: Path) -> None:
    jobs = {job.name: job for job in plan("smoke")}
    assert set(jobs) == {"cohort-stress", "notebook-page", "notebook-other", "html"}
    page = jobs["notebook-page"]
    assert page == PlannedJob(
        "notebook", ("page",), (PAGE, "build/smoke/results/page.results.json"), 1, page.reason
    )
    assert page.reason.startswith(f"Missing output files: {PAGE}")
    assert "updated by another job: build/smoke/cohorts/stress.safetensors" in page.reason
    assert jobs["html"].outputs == (HTML,), "without Snakemake's mark"
    assert not (graph / "build").exists(), "nothing ran"


def test_threads_are_those_of_the_rule(graph: Path) -> None:
    outcome = run(["--cores", "4", "--dry-run", *arguments("smoke")])
    threads = {job.name: job.threads for job in outcome.jobs}
    assert threads["notebook-page"] == 2 and threads["cohort-stress"] == 1


def test_what_was_made_is_not_planned_again(graph: Path) -> None:
    made()
    assert plan("smoke") == []
    assert (graph / HTML).read_text() == "html\n"
    assert (graph / "build/smoke/results/page.results.json").read_text() == "{}\n"


def test_single_pages_are_planned_with_what_they_need(graph: Path) -> None:
    pages = targets(load_profile("smoke"), ["page"])
    assert pages == [PAGE] and targets(load_profile("smoke"), []) == []
    assert {job.name for job in plan("smoke", targets=pages)} == {"cohort-stress", "notebook-page"}


def test_what_is_given_reaches_the_graph(graph: Path) -> None:
    made()
    page = Given({"page": {"text": 'it\'s "that" {x}'}}, {})
    assert {job.name for job in plan("smoke", page)} == {"notebook-page", "notebook-other", "html"}
    (html,) = plan("smoke", Given({}, {"page": {"a=x": {"a": "x"}}}))
    assert html.name == "html" and '{"page": {"a=x": {"a": "x"}}}' in html.reason
    assert arguments("smoke")[-3:] == ["--config", "profile=smoke", "--"], "not what is not given"


def test_what_is_given_keeps_its_types(graph: Path) -> None:
    made()
    (html,) = plan("smoke", Given({}, {"page": {"a=1": {"a": 0.5, "b": False, "c": "1"}}}))
    assert '{"page": {"a=1": {"a": 0.5, "b": false, "c": "1"}}}' in html.reason


CHANGED = MADE | {
    "data.limit": "50",
    "it`s `awkward` {} [] : , now: before:": "before: now: {é ü 顔 } ; 'x'".replace("'", "`"),
}


@pytest.mark.parametrize("old", [MADE, CHANGED])
def test_a_change_stands_in_the_reason(graph: Path, old: dict[str, str]) -> None:
    now = CHANGED if old == MADE else MADE
    write_graph(graph, {"cohort-stress": old})
    made()
    write_graph(graph, {"cohort-stress": now})
    jobs = {job.name: job for job in plan("smoke")}
    assert set(jobs) == {"cohort-stress", "notebook-page", "html"}
    assert made_of_in(jobs["cohort-stress"].reason) == (old, now)
    assert made_of_in(jobs["html"].reason) == ({}, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('raise ValueError("a bad profile")', "(?s)ValueError in file .*a bad profile"),
        ("rule html:\n    shell: nowhere.at_all", "name 'nowhere' is not defined"),
        ("rule html:\n    input: 'absent.txt'\n    shell: 'true'", "(?s)Missing input.*absent.txt"),
        ("rule html:\n    output: 'x'\n  shell: 'true'", "(?s)IndentationError.*unindent"),
        ("from dfe.config import load_profile\nload_profile('x')", "no profile 'x'"),
    ],
)
def test_a_faulty_graph_is_refused_with_its_message(
    checkout: Path, text: str, message: str
) -> None:
    (checkout / "Snakefile").write_text(f"{text}\n")
    with pytest.raises(GraphError, match=message):
        plan("smoke")


def test_pages_of_which_nothing_is_known_are_no_fresh_pages(graph: Path) -> None:
    made()
    shutil.rmtree(graph / ".snakemake" / "metadata")
    with pytest.raises(GraphError, match="metadata is gone"):
        plan("smoke")
    shutil.rmtree(graph / "build")
    assert len(plan("smoke")) == 4


def test_a_checkout_without_a_graph(checkout: Path) -> None:
    with pytest.raises(GraphError, match="Snakefile"):
        plan("smoke")


def test_a_wrong_option_is_named(graph: Path) -> None:
    outcome = run(["--cores", "1", "--bogus"])
    assert not outcome.well
    assert outcome.said == ["Snakemake does not take the options --cores 1 --bogus: 2"]


def test_a_failure_stops_only_what_needs_it(graph: Path) -> None:
    write_graph(graph, cohort="sh -c 'exit 3'")
    outcome = run([*RUN, *arguments("smoke")], graph / "deep" / "log.txt")
    assert (outcome.well, outcome.stopped, outcome.failed) == (False, False, ["cohort-stress"])
    assert any("exit 3" in line for line in outcome.said)
    assert {job.name for job in outcome.jobs} == {"cohort-stress", "notebook-other"}
    assert (graph / "build/smoke/notebooks/other.ipynb").is_file()
    assert not (graph / PAGE).exists() and not (graph / HTML).exists()
    assert (graph / "deep" / "log.txt").is_file()


def test_what_snakemake_prints_goes_to_the_log(
    graph: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(["--cores", "1", *arguments("smoke")], graph / "log.txt")
    assert "notebook" in (graph / "log.txt").read_text()
    assert capfd.readouterr() == ("", "")


def test_this_process_can_be_ended_after_a_run(graph: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    made()
    assert signal.getsignal(signal.SIGTERM) == before
    assert not any(type(h).__name__ == "_Listener" for h in logging.getLogger("snakemake").handlers)


def test_the_working_directory_does_not_matter(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(graph / "notebooks")
    made()
    assert Path.cwd() == graph / "notebooks" and (graph / HTML).is_file()
