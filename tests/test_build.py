"""Builds of a tiny graph: what is made, what failed, who waits, and builds that are stopped."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from build_support import HTML, MADE, START, save_record, write_graph
from rich.console import Console

from dfe.book import BookError, Edition
from dfe.building import build as module
from dfe.building.build import BuildError, How, build, summary
from dfe.building.given import NOTHING, Given
from dfe.building.graph import GraphError, Outcome, PlannedJob
from dfe.building.lock import BuildLockError, build_lock
from dfe.config import Profile, load_profile
from dfe.jobs import jobs_folder, read_jobs

#: A job as the real ones are: it keeps a record, and does what the file `do.py` says.
JOB = """
import sys
from pathlib import Path
from dfe.config import load_profile
from dfe.jobs import running_job

name, *outputs = sys.argv[1:]
with running_job(load_profile("smoke"), name) as job:
    exec(Path("do.py").read_text())
    for output in outputs:
        Path(output).write_text(name)
"""
BUILD = """
import signal, sys
from dfe.building import build as module
from dfe.building.given import NOTHING
from rich.console import Console
module._check_rendering = lambda: None
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in background
try:
    module.build("smoke", NOTHING, [], module.How(), Console(soft_wrap=True))
except module.BuildError as error:
    sys.exit(f"error: {error}")
"""
PAGE = "build/smoke/notebooks/page.ipynb"
RECORDED = f"{sys.executable} dfe_job.py"
COHORT = f"{RECORDED} cohort-{{wildcards.task}} {{output}}"
NOTEBOOK = f"{RECORDED} notebook-{{wildcards.notebook}} {{output}}"


@pytest.fixture
def profile(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """The small checkout with a tiny graph; there is no need to draw, nor a book to make."""
    write_graph(checkout)
    (checkout / "dfe_job.py").write_text(JOB)
    monkeypatch.setattr(module, "_check_rendering", lambda: None)

    def no_book(profile: Profile, edition: Edition) -> Path:
        raise BookError("no book here")

    monkeypatch.setattr(module, "build_html", no_book)
    return load_profile("smoke")


@pytest.fixture
def editions(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> list[Edition]:
    """Editions of the books that a build makes of the pages that are there."""
    made: list[Edition] = []

    def record(profile: Profile, edition: Edition) -> Path:
        made.append(edition)
        return Path("made")

    monkeypatch.setattr(module, "build_html", record)
    return made


def run(*pages: str, given: Given = NOTHING, how: How = How(cores=2)) -> tuple[set[str], str]:  # noqa: B008
    """Names of the jobs that ran, and what the build said."""
    console = Console(file=io.StringIO(), width=200)
    ran = build("smoke", given, pages, how, console)
    assert isinstance(console.file, io.StringIO)
    return {job.name for job in ran}, console.file.getvalue()


def failure(*pages: str, given: Given = NOTHING) -> str:
    with pytest.raises(BuildError) as caught:
        run(*pages, given=given)
    return str(caught.value)


def test_a_build_makes_what_is_not_there(profile: Profile, checkout: Path) -> None:
    jobs, said = run()
    assert jobs == {"cohort-stress", "notebook-page", "notebook-other", "html"}
    assert said.startswith("4 jobs: ") and (checkout / HTML).is_file()
    assert (checkout / "build/smoke/logs/snakemake.log").is_file()
    assert run() == (set(), "Nothing to do: everything is fresh.\n")
    write_graph(checkout, {"notebook-other": MADE | {"a": "b"}})
    assert run()[0] == {"notebook-other", "html"}


def test_one_page_with_what_it_needs(profile: Profile, checkout: Path) -> None:
    jobs, _ = run("page")
    assert jobs == {"cohort-stress", "notebook-page"} and not (checkout / HTML).exists()


def test_jobs_by_rule() -> None:
    jobs = [PlannedJob(rule, (), (), 1, "") for rule in "cohort notebook cohort html".split()]
    assert summary(jobs) == "2 cohort, 1 notebook, 1 html"


# Failures


def test_a_failing_job_is_named_with_its_error(
    profile: Profile, checkout: Path, editions: list[Edition]
) -> None:
    write_graph(checkout, notebook=f"[ {{wildcards.notebook}} = other ] || {NOTEBOOK}; {NOTEBOOK}")
    (checkout / "do.py").write_text("if 'page' in name: raise ValueError('no [b]face\\nat all')")
    given = Given({"page": {"a": 1}}, {"page": {"a=1": {}}})
    text = failure(given=given)
    assert text.startswith("notebook-page failed: no [b]face\nat all\n\n")
    assert "not run, because they need what failed: html" in text
    assert "never began" not in text and text.count("failed:") == 2
    assert text.endswith("the other pages: made/index.html")
    assert editions == [Edition(given.pages, given.sweeps, {"page": "no [b]face\nat all"})]
    assert (checkout / "build/smoke/notebooks/other.ipynb").is_file(), "the build went on"
    failure("page")
    assert len(editions) == 1, "of single pages no book is made"


def test_what_waits_for_a_failure_is_named(
    profile: Profile, checkout: Path, editions: list[Edition]
) -> None:
    write_graph(checkout, cohort="sh -c 'exit 3'")
    save_record(profile, "cohort-stress", state="failed", error="an error of long ago")
    text = failure()
    log = checkout / "build/smoke/logs/snakemake.log"
    assert text.splitlines() == [
        f"cohort-stress never began; see {log}",
        "",
        "not run, because they need what failed: html, notebook-page",
        "",
        "the other pages: made/index.html",
    ]
    assert editions[0].missing == {"page": "It needs something that failed."}


def test_what_earlier_builds_left_does_not_count(
    profile: Profile, checkout: Path, editions: list[Edition]
) -> None:
    """A page made from what failed now is no page of this build, nor is its old error."""
    run()
    save_record(profile, "notebook-page", state="failed", error="an old error")
    save_record(profile, "html")
    changed = {"cohort-stress": MADE | {"a": "b"}}
    write_graph(checkout, changed, cohort=COHORT)
    (checkout / "do.py").write_text("raise ValueError('a new error')")
    text = failure()
    assert "cohort-stress failed: a new error" in text and "old error" not in text
    assert "not run, because they need what failed: html, notebook-page" in text
    assert editions[0].missing == {"page": "It needs something that failed."}


def test_a_job_that_is_killed_is_named(
    profile: Profile, checkout: Path, editions: list[Edition]
) -> None:
    write_graph(checkout, cohort=COHORT)
    (checkout / "do.py").write_text("import os\nos.kill(os.getpid(), 9)")
    assert failure().startswith("cohort-stress was killed; see ")


def test_a_book_of_the_rest_may_fail_too(profile: Profile, checkout: Path) -> None:
    write_graph(checkout, cohort="sh -c 'exit 3'")
    assert failure().endswith("the other pages were not made into a book: no book here")


def test_a_book_of_the_rest_belongs_to_the_build(
    profile: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(profile: Profile, edition: Edition) -> Path:
        with pytest.raises(BuildLockError), build_lock(profile):
            pass
        return Path("made")

    monkeypatch.setattr(module, "build_html", make)
    write_graph(checkout, cohort="false")
    assert failure().endswith("the other pages: made/index.html")


def test_a_machine_that_cannot_draw_is_refused_before_anything_runs(
    profile: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(checkout)
    asked: list[list[str]] = []

    def check(command: list[str], **_: object) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(returncode=1, stdout="no driver\n", stderr="")

    monkeypatch.setattr(module, "subprocess", SimpleNamespace(run=check))
    assert failure() == "this machine cannot draw heads:\nno driver\n"
    assert asked == [[sys.executable, "-m", "dfe.render", "--check"]]
    assert not (checkout / "build" / "smoke").exists()
    run_elsewhere = How(executor="slurm")
    monkeypatch.setattr(module, "run", lambda *_: Outcome(stopped=True))
    monkeypatch.setattr(module, "check_executor", lambda name: None)
    with pytest.raises(BuildError, match="stopped"):
        run(how=run_elsewhere)
    assert len(asked) == 1, "jobs of a cluster draw elsewhere"


def test_snakemake_s_own_words_where_no_job_failed(profile: Profile) -> None:
    said = Outcome(said=["the disk is full"])
    assert module.describe(profile, [], said, Path("log")) == "the disk is full"
    assert module.describe(profile, [], Outcome(), Path("log")) == "Snakemake stopped; see log"


def test_an_error_in_the_graph_frees_the_lock(profile: Profile, checkout: Path) -> None:
    (checkout / "Snakefile").write_text("raise ValueError('no')\n")
    with pytest.raises(GraphError, match="ValueError"):
        run()
    with build_lock(profile):
        pass


def test_a_build_waits_for_no_other(profile: Profile) -> None:
    with build_lock(profile), pytest.raises(BuildLockError, match=f"pid {os.getpid()}"):
        run()


# How


def test_a_plugin_that_is_missing_is_named(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BuildError, match=r"for kubernetes is not installed: pip.*\[kubernetes\]"):
        module.check_executor("kubernetes")
    with pytest.raises(BuildError, match=r"for slurm is not installed: pip.*\[cluster\]"):
        run(how=How(1, executor="slurm"))


def test_options_of_snakemake() -> None:
    here = How(3, options=("--forceall",)).command()
    assert here[:2] == ["--cores", "3"] and here[-1] == "--forceall"
    assert {"--keep-going", "--scheduler", "greedy", "--quiet"} <= {*here}
    slurm = How(3, executor="slurm").command()
    assert slurm[:2] == ["--workflow-profile", "profiles/slurm"] and "--cores" not in slurm


@pytest.mark.parametrize("before", [None, "0"])
def test_offline_jobs_know_it(
    profile: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    if before:
        monkeypatch.setenv("PIP_NO_INDEX", before)
    environment = dict(os.environ)
    write_graph(checkout, cohort="echo ${{PIP_NO_INDEX-unset}} > {output}")
    told = checkout / "build/smoke/cohorts/stress.safetensors"
    for offline, seen in ((True, "1"), (False, before or "unset")):
        run(how=How(offline=offline))
        assert told.read_text().strip() == seen and dict(os.environ) == environment
        shutil.rmtree(checkout / "build")
    write_graph(checkout, cohort="false")
    with pytest.raises(BuildError):
        run(how=How(offline=True))
    assert dict(os.environ) == environment


# Builds that are stopped


@pytest.fixture
def running(profile: Profile, checkout: Path) -> Iterator[subprocess.Popen[str]]:
    """A build in a process of its own, in the midst of its first job."""
    write_graph(checkout, cohort=COHORT)
    (checkout / "wait").touch()
    (checkout / "do.py").write_text(
        "import time\njob.at_cell(1, 1, 'waits')\nwhile Path('wait').exists(): time.sleep(0.02)"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD], text=True, start_new_session=True, **pipes
    )
    try:
        wait_for(
            lambda: (record := read_jobs(profile).get("cohort-stress")) and record.cell, process
        )
        yield process
    finally:
        (checkout / "wait").unlink(missing_ok=True)  # whatever still waits ends by itself
        process.kill()
        process.communicate(timeout=60)


def wait_for(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not happened():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def test_the_build_after_a_killed_one_stops_its_jobs(
    profile: Profile, checkout: Path, running: subprocess.Popen[str]
) -> None:
    with pytest.raises(BuildLockError, match=f"profile smoke, pid {running.pid}"):
        run()
    left = psutil.Process(read_jobs(profile)["cohort-stress"].pid)
    running.send_signal(signal.SIGKILL)
    running.wait(timeout=60)
    assert left.is_running() and jobs_folder(profile).is_dir()
    (checkout / "do.py").write_text("")
    jobs, said = run()
    assert not left.is_running()
    assert said.startswith("stopped cohort-stress, left over from a build that was killed\n")
    assert jobs >= {"cohort-stress", "notebook-page", "html"}
    assert (checkout / "build/smoke/cohorts/stress.safetensors").read_text() == "cohort-stress"
    assert run()[0] == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_build_stops_on_request(
    profile: Profile, checkout: Path, running: subprocess.Popen[str], number: signal.Signals
) -> None:
    if number == signal.SIGINT:  # a terminal sends it to the jobs, too
        os.killpg(running.pid, number)
    else:  # Snakemake begins no other job, and waits for the running ones
        running.send_signal(number)
        (checkout / "wait").unlink()
    said, _ = running.communicate(timeout=60)
    assert said.endswith("error: stopped on request; the next build goes on where this one was\n")
    assert running.returncode == 1 and not (checkout / HTML).exists()
    (checkout / "wait").unlink(missing_ok=True)
    assert "html" in run()[0]
    assert START < read_jobs(profile)["cohort-stress"].started
