"""`dfe build` and `dfe status`: what they hand on, show and refuse."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from build_support import MADE, save_record, write_graph
from rich.console import Console
from typer.testing import CliRunner, Result

import dfe.cli
from dfe.building import build as building
from dfe.building.build import BuildError, How
from dfe.building.given import NOTHING, Given
from dfe.config import ConfigError, load_profile

CELLS = (
    '{"cells": [{"cell_type": "code", "source": "profile = 1\\nsteps = None"}, '
    '{"cell_type": "code", "source": "{\'training.steps\': steps}"}]}'
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dfe.cli.app, list(arguments))


@pytest.fixture
def small(checkout: Path) -> Path:
    """The small checkout with a tiny graph and two notebooks."""
    write_graph(checkout)
    toc = (checkout / "_toc.yml").read_text() + "      - file: notebooks/other\n"
    (checkout / "_toc.yml").write_text(toc)
    for name in ("page", "other"):
        (checkout / "notebooks" / f"{name}.ipynb").write_text(CELLS.replace("\n", "\\n"))
    return checkout


@pytest.fixture
def built(small: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What builds were asked for."""
    calls: list[tuple[Any, ...]] = []

    def build(profile: str, given: Given, pages: Any, how: How, console: Console) -> None:
        calls.append((profile, given, pages, how))

    monkeypatch.setattr(building, "build", build)
    return calls


def test_a_plain_build(built: list[tuple[Any, ...]]) -> None:
    result = run("build", "--profile", "smoke", "--cores", "3")
    assert result.stdout == "The book: build/smoke/html/index.html\n"
    assert built == [("smoke", NOTHING, [], How(3))]


def test_all_options_are_handed_on(built: list[tuple[Any, ...]]) -> None:
    result = run(
        *("build", "--profile", "smoke", "--set", "page.steps=3", "--set", "other.steps=[4, 5]"),
        *("--only", "page", "--only", "other", "--cores", "2", "--offline"),
        *("--executor", "slurm", "--", "--forceall", "--jobs", "4"),
    )
    assert result.stdout.splitlines() == [
        "executed: build/smoke/notebooks/page.ipynb",
        "executed: build/smoke/notebooks/other.ipynb",
    ], result.output
    sweep = {"steps=4": {"steps": 4}, "steps=5": {"steps": 5}}
    given = Given({"page": {"steps": 3}}, {"other": sweep})
    how = How(2, "slurm", True, ("--forceall", "--jobs", "4"))
    assert built == [("smoke", given, ["page", "other"], how)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--executor", "slrum"], "no executor 'slrum'; known: slurm, kubernetes; .*'slurm'"),
        (["--only", "pgae"], r"--only pgae: known pages: \['page', 'other'\]; .*'page'"),
        (["--set", "page.stpes=3"], "page: unknown parameter stpes"),
        (["--profile", "smok"], "no profile 'smok'.*did you mean 'smoke'"),
    ],
)
def test_mistakes_are_found_before_a_build(
    built: list[tuple[Any, ...]], arguments: list[str], message: str
) -> None:
    result = run("build", "--profile", "smoke", *arguments)
    assert isinstance(result.exception, ConfigError) and built == []
    assert re.search(message, str(result.exception))


def test_an_unknown_option_is_no_option_of_snakemake(built: list[tuple[Any, ...]]) -> None:
    assert run("build", "--profile", "smoke", "--forceall").exit_code == 2 and built == []
    assert run("build", "--profile", "smoke", "--cores", "0").exit_code == 2 and built == []


def test_a_dry_run_says_what_and_why(small: Path) -> None:
    lines = run("build", "--profile", "smoke", "--dry-run").stdout.splitlines()
    assert sorted(line.partition(":")[0] for line in lines[:-1]) == [
        *("cohort-stress", "html", "notebook-other", "notebook-page")
    ]
    assert "notebook-page: after cohort-stress" in lines and lines[-1] == "4 jobs would run."
    assert not (small / "build").exists()


def test_a_dry_run_of_what_is_fresh(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_check_rendering", lambda: None)
    assert run("build", "--profile", "smoke", "--only", "other").exit_code == 0
    save_record(load_profile("smoke"), "notebook-other")
    result = run("build", "--profile", "smoke", "--only", "other", "--dry-run")
    assert result.stdout == "Nothing would run.\n"


def test_a_failed_build_is_one_message(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise BuildError("notebook-page failed: no [b]face")

    monkeypatch.setattr(building, "build", fail)
    monkeypatch.setattr(sys, "argv", ["dfe", "build", "--profile", "smoke"])
    with pytest.raises(SystemExit) as stop:
        dfe.cli.main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == "error: notebook-page failed: no [b]face\n"


# Status


def rows(*arguments: str) -> list[list[str]]:
    """Cells of the table of `dfe status`, which two blanks or more stand between."""
    result = run("status", "--profile", "smoke", *arguments)
    assert result.exit_code == 0, result.output
    return [re.split(r"\s{2,}", line.strip()) for line in result.stdout.splitlines()[1:]]


def test_status_before_the_first_build(small: Path) -> None:
    page, other, cohort = rows()
    assert page == ["page", "never run", "after cohort-stress"]
    assert other[:2] == ["other", "never run"] and cohort[:2] == ["cohort", "never run"]
    assert cohort[2].startswith("Missing output files")


def test_status_of_pages_and_of_what_they_need(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_check_rendering", lambda: None)
    assert run("build", "--profile", "smoke", "--cores", "2").exit_code == 0
    assert rows() == [["page", "fresh"], ["other", "fresh"]]
    profile = load_profile("smoke")
    save_record(profile, "notebook-other", state="failed", error="an [b]error\nmore", seconds=1)
    save_record(profile, "notebook-page", last_seconds=62)
    changed = MADE | {"data.limit": "[50]"}
    write_graph(small, {"cohort-stress": changed, "notebook-other": changed})
    assert rows() == [
        ["page", "stale", "1:02", "after cohort-stress"],
        ["other", "failed", "an [b]error"],
        ["cohort", "stale", "data.limit: 40 → [50]"],
    ]


def test_status_with_parameters(small: Path) -> None:
    assert [row[0] for row in rows("--set", "page.steps=3")] == ["page", "other", "cohort"]
    result = run("status", "--profile", "smoke", "--set", "page.stpes=3")
    assert isinstance(result.exception, ConfigError)
