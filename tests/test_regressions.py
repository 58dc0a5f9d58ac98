"""`dfe check`: planted wrong numbers, verdicts and files are found, and the claim is named."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from claims_support import AU, FULL, K16, OURS, Numbers, claims_text, page
from typer.testing import CliRunner, Result

import dfe.cli
from dfe.config import load_profile
from dfe.evidence import Commit, Provenance, write_json
from dfe.regressions import (
    CheckError,
    check_build,
    record_build,
    recorded_path,
    widen_record,
)
from dfe.results import PageResults, write_results

CURVE = "curve-lowest"


def measured() -> dict[str, PageResults]:
    """Three numbers of table 5 or 7 and a sentence hold; one is reproduced."""
    values: dict[str, Numbers] = {OURS: (7.0, 6.5, 7.6), AU: 8.0}
    ahead: dict[tuple[str, str], Numbers] = {(OURS, AU): (-1.0, -1.5, -0.5)}
    stress: dict[str, Numbers] = {K16: 60.0, FULL: (70.0, 66.0, 74.0), CURVE: (0.25, 0.1, 0.4)}
    full: dict[tuple[str, str], Numbers] = {(FULL, K16): (10.0, 5.0, 15.0)}
    return {
        "01_data": page("01_data", {}, parameters={"examples": 8}),
        "05_accuracy": page("05_accuracy", {}),
        "09_depression": page("09_depression", values, ahead),
        "11_ablations": page("11_ablations", stress, full),
    }


class Project:
    """A checkout whose smoke build measured what `measured` says."""

    def __init__(self, root: Path) -> None:
        self.results = root / "build" / "smoke" / "results"
        self.recorded = root / "book" / "recorded" / "smoke.json"
        (root / "book" / "claims.yml").write_text(claims_text(), encoding="utf-8")
        for number, made in enumerate(measured().values()):
            write_results(made, self.results)
            write_json(provenance(made.page, number), self.results)

    def plant(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        path = self.results / f"{name}.results.json"
        tree = json.loads(path.read_text())
        change(tree)
        path.write_text(json.dumps(tree))

    def plant_value(self, claim: str, **ends: float | None) -> None:
        def change(tree: dict[str, Any]) -> None:
            (entry,) = [entry for entry in tree["results"] if entry["claim"] == claim]
            entry |= ends

        for path in self.results.glob("*.results.json"):
            if f'"{claim}"' in path.read_text():
                self.plant(path.name.removesuffix(".results.json"), change)

    def problems(self) -> list[str]:
        with pytest.raises(CheckError) as found:
            check_build(load_profile("smoke"))
        head, *lines = str(found.value).splitlines()
        assert head == "the smoke build is not as good as recorded:"
        return [line.removeprefix("  ") for line in lines]


def provenance(name: str, number: int, **changes: Any) -> Provenance:
    fields: dict[str, Any] = {
        "page": name,
        "profile": "smoke",
        "parameters": {},
        "settings": {},
        "seeds": (),
        "commit": Commit(hash=("ab"[number % 2]) * 40, dirty=False),
        "versions": {},
        "hardware": {},
        "threads": 1,
        "data": {},
        "started": datetime(2025, 1, 2, 9 - number, tzinfo=UTC),  # the last page ran first
        "seconds": 1.0,
    }
    return Provenance(**(fields | changes))


@pytest.fixture
def built(checkout: Path) -> Project:
    """A build, not recorded yet."""
    return Project(checkout)


@pytest.fixture
def project(built: Project) -> Project:
    """A build that is recorded."""
    assert record_build(load_profile("smoke")) == built.recorded
    return built


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dfe.cli.app, ["check", "--profile", "smoke", *arguments])


# Recording


def test_every_measured_claim_is_recorded(project: Project) -> None:
    tree = json.loads(project.recorded.read_text())
    assert tree["schema_version"] == 1 and tree["profile"] == "smoke"
    assert [*tree["claims"]] == [AU, OURS, K16, FULL, "small-no-help", CURVE]
    assert tree["claims"][OURS] == {
        "verdict": "direction holds",
        "value": 7.0,
        "low": 6.5,
        "high": 7.6,
        "page": "09_depression",
    }
    assert tree["claims"]["small-no-help"]["value"] is None
    assert tree["commits"] == ["b" * 12 + " (clean)", "a" * 12 + " (clean)"]
    assert tree["date"] == "2025-01-02T09:00:00Z"
    assert recorded_path(load_profile("smoke")) == project.recorded


def test_the_command_records_and_compares(built: Project) -> None:
    result = run("--record")
    assert result.exit_code == 0 and result.stdout.strip() == str(built.recorded)
    result = run()
    assert result.exit_code == 0
    assert result.stdout.startswith("6 recorded claims: all 6 that held still hold")
    assert "2025-01-02, bbbbbbbbbbbb (clean), aaaaaaaaaaaa (clean)" in result.stdout


def test_a_page_that_did_not_run_is_not_recorded(built: Project) -> None:
    for name in ("05_accuracy", "11_ablations"):
        (built.results / f"{name}.results.json").unlink()
    with pytest.raises(CheckError, match="cannot be recorded") as found:
        record_build(load_profile("smoke"))
    assert str(found.value).splitlines()[1:] == [
        "  05_accuracy has no results: execute it first",
        "  11_ablations has no results: execute it first",
    ]
    assert not built.recorded.exists()


def test_a_page_that_nothing_measures_may_be_absent(
    built: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (built.results / "05_accuracy.results.json").unlink()
    monkeypatch.setattr("dfe.verdicts.build.TABLE_PAGES", {5: "09_depression", 7: "11_ablations"})
    assert record_build(load_profile("smoke")).is_file()


def test_a_build_without_provenance_is_not_recorded(built: Project) -> None:
    path = built.results / "09_depression.provenance.json"
    path.unlink()
    with pytest.raises(CheckError, match="09_depression.provenance.json is missing: execute 09_"):
        record_build(load_profile("smoke"))
    path.write_text("{}")
    with pytest.raises(
        CheckError, match="09_depression.provenance.json, execute it again:\n  page: "
    ):
        record_build(load_profile("smoke"))


def test_a_failed_write_leaves_the_old_record(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.plant_value(OURS, value=7.1)
    old = project.recorded.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="disk full"):
        record_build(load_profile("smoke"))
    assert project.recorded.read_bytes() == old


def test_a_new_record_takes_the_place_of_the_old_one(project: Project) -> None:
    project.plant_value(OURS, value=9.0, low=8.0, high=10.0)
    assert len(project.problems()) == 1
    record_build(load_profile("smoke"))
    assert check_build(load_profile("smoke"))


# Planted faults


def test_a_wrong_number_is_found(project: Project) -> None:
    project.plant_value(OURS, value=9.123456, low=8.0, high=10.0)
    assert project.problems() == [
        f"{OURS}: moved from 7 [6.5, 7.6] to 9.123: rerun, or record the new build with --record"
    ]


def test_a_wrong_number_without_an_interval_is_found(project: Project) -> None:
    project.plant_value(AU, value=8.1)
    assert project.problems() == [
        f"{AU}: moved from 8 to 8.1: rerun, or record the new build with --record"
    ]


def test_a_wrong_number_of_a_sentence_is_found(project: Project) -> None:
    project.plant_value(CURVE, value=0.5)
    (line,) = project.problems()
    assert line.startswith(f"{CURVE}: moved from 0.25 [0.1, 0.4] to 0.5")


def test_a_claim_that_holds_no_longer_is_found(project: Project) -> None:
    def open_(tree: dict[str, Any]) -> None:
        tree["differences"][0] |= {"high": 0.5}

    project.plant("09_depression", open_)
    assert project.problems() == [
        f"{id}: direction holds in the recorded build, undecided now" for id in (AU, OURS)
    ]


def test_a_sentence_that_holds_no_longer_is_found(project: Project) -> None:
    project.plant_value(CURVE, low=-0.1)
    assert project.problems() == [f"{CURVE}: direction holds in the recorded build, undecided now"]


def test_a_lost_page_is_found(project: Project) -> None:
    (project.results / "11_ablations.results.json").unlink()
    was = dict.fromkeys((K16, FULL, "small-no-help", CURVE), "direction holds")
    assert project.problems() == [
        f"{id}: was measured ({verdict}) and is not now (not run, 11_ablations)"
        for id, verdict in was.items()
    ]


def test_a_lost_number_is_found(project: Project) -> None:
    def lose(tree: dict[str, Any]) -> None:
        tree["results"], tree["differences"] = tree["results"][:1], []

    project.plant("09_depression", lose)
    assert project.problems() == [
        f"{AU}: was measured (direction holds) and is not now (needs gated data, 09_depression)",
        f"{OURS}: direction holds in the recorded build, undecided now",
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"page": "09_depression"}'])
def test_a_damaged_file_is_found(project: Project, text: str) -> None:
    (project.results / "09_depression.results.json").write_text(text)
    for look in (check_build, record_build):
        with pytest.raises(CheckError, match="damaged.*09_depression.results.json"):
            look(load_profile("smoke"))


def test_a_claim_that_the_book_does_not_have_is_found(project: Project) -> None:
    def rename(tree: dict[str, Any]) -> None:
        tree["results"][1]["claim"] = "table-5.nobody.rmse"
        tree["differences"] = []

    project.plant("09_depression", rename)
    with pytest.raises(CheckError, match="09_depression measured table-5.nobody.rmse"):
        check_build(load_profile("smoke"))


def test_a_claim_that_the_book_no_longer_has_is_found(project: Project) -> None:
    tree = json.loads(project.recorded.read_text())
    tree["claims"]["table-5.nobody.rmse"] = tree["claims"][AU]
    project.recorded.write_text(json.dumps(tree))
    assert project.problems() == [
        "table-5.nobody.rmse: recorded, but book/claims.yml no longer has it: record anew"
    ]


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        ({"training.steps": 7}, "training.steps = 7, not as the profile says"),
        ({"checkpoint": "other.safetensors"}, "checkpoint = other.safetensors, not as"),
        ({"variants.seeds": [0, 1]}, "variants.seeds = [0, 1], not as"),
    ],
)
def test_other_parameters_are_found(
    project: Project, parameters: dict[str, Any], line: str
) -> None:
    project.plant("09_depression", lambda tree: tree.update(parameters=parameters))
    (found,) = project.problems()
    assert found.startswith(f"09_depression ran with {line}") and OURS in found and AU in found
    with pytest.raises(CheckError, match="09_depression ran with"):
        record_build(load_profile("smoke"))


def test_the_profiles_own_values_may_be_given(project: Project) -> None:
    own = {"training.seed": load_profile("smoke").training.seed, "variants.seeds": [0]}
    project.plant("09_depression", lambda tree: tree.update(parameters=own))
    assert check_build(load_profile("smoke"))


def test_results_of_another_profile_are_found(project: Project) -> None:
    project.plant("11_ablations", lambda tree: tree.update(profile="quick"))
    assert project.problems() == ["11_ablations ran with the profile quick: execute it again"]


def test_without_a_recorded_build_the_message_says_how_to_make_one(built: Project) -> None:
    with pytest.raises(CheckError, match="`dfe check --profile smoke --record`"):
        check_build(load_profile("smoke"))


def test_a_damaged_record_is_named(project: Project) -> None:
    project.recorded.write_text(project.recorded.read_text().replace("direction holds", "held", 1))
    with pytest.raises(CheckError, match=r"recorded/smoke.json.*\n  claims.*verdict"):
        check_build(load_profile("smoke"))


def test_the_command_fails_with_a_line_for_each_problem(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.plant_value(OURS, value=9.0)
    project.plant_value(AU, value=9.0)
    result = run()
    assert result.exit_code == 1 and isinstance(result.exception, CheckError)
    monkeypatch.setattr(sys, "argv", ["dfe", "check", "--profile", "smoke"])
    with pytest.raises(SystemExit) as stop:
        dfe.cli.main()
    lines = capsys.readouterr().err.splitlines()
    assert stop.value.code == 1 and len(lines) == 3
    assert lines[0] == "error: the smoke build is not as good as recorded:"
    assert lines[1].startswith(f"  {AU}: moved") and lines[2].startswith(f"  {OURS}: moved")


# Good news


def test_what_holds_now_is_good_news(project: Project) -> None:
    def add(tree: dict[str, Any]) -> None:
        basis = {**tree["results"][0], "claim": "table-5.basis.rmse"}
        tree["results"].append(basis)
        tree["differences"].append({**tree["differences"][0], "second": "table-5.basis.rmse"})

    project.plant("09_depression", add)
    lines = run().stdout.splitlines()
    assert lines[0] == ("table-5.basis.rmse: holds now (direction holds; recorded: not measured)")
    assert len(lines) == 2 and lines[1].startswith("6 recorded claims")


# Another machine


def entries(project: Project) -> dict[str, Any]:
    return dict(json.loads(project.recorded.read_text())["claims"])


def test_what_differs_between_two_builds_no_longer_counts(project: Project) -> None:
    project.plant_value(FULL, value=80.0, low=76.0, high=84.0)
    project.plant("09_depression", lambda tree: tree["differences"][0].update(high=0.5))
    assert project.problems()
    widen_record(load_profile("smoke"))
    found = entries(project)
    full, ours = found[FULL], found[OURS]
    assert (full["value"], full["low"], full["high"]) == (70.0, 66.0, 84.0)
    assert ours["verdict"] == "undecided"  # it held in the first build alone
    assert check_build(load_profile("smoke"))
    project.plant_value(FULL, value=90.0, low=86.0, high=94.0)
    assert any(FULL in line for line in project.problems())


def test_a_claim_that_holds_in_the_second_build_alone_does_not_count(project: Project) -> None:
    tree = json.loads(project.recorded.read_text())
    tree["claims"][OURS]["verdict"] = "undecided"
    project.recorded.write_text(json.dumps(tree))
    widen_record(load_profile("smoke"))
    assert entries(project)[OURS]["verdict"] == "undecided"


def test_the_second_build_keeps_commits_and_date_of_the_first(project: Project) -> None:
    before = json.loads(project.recorded.read_text())
    assert run("--widen").exit_code == 0
    after = json.loads(project.recorded.read_text())
    assert [after[name] for name in ("commits", "date")] == [before["commits"], before["date"]]
    assert list(after["claims"]) == list(before["claims"])


def test_a_build_that_lost_a_number_cannot_widen(project: Project) -> None:
    before = project.recorded.read_text()
    (project.results / "09_depression.results.json").unlink()
    with pytest.raises(CheckError, match=f"{OURS} is not measured in this build"):
        widen_record(load_profile("smoke"))
    assert project.recorded.read_text() == before
