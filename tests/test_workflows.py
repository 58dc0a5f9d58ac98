"""The workflows for GitHub: well formed, of few rights, and of commands that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pooch
import pytest
import typer
import yaml

import dfe.cli
from dfe.config import load_profile

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".github" / "workflows"
NAMES = ("tests", "pages")


def workflow(name: str) -> dict[str, Any]:
    tree = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    tree["on"] = tree.pop(True)  # in YAML 1.1, the word `on` is a truth value
    return dict(tree)


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in workflow(name)["jobs"].values():
        yield from job["steps"]


def commands(name: str) -> list[str]:
    return [line for step in steps(name) for line in step.get("run", "").splitlines()]


def used(name: str, action: str) -> dict[str, Any]:
    (step,) = [step for step in steps(name) if step.get("uses", "").startswith(f"{action}@")]
    return step


def test_there_are_no_other_workflows() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.yml" for name in NAMES}


def test_tests_run_for_each_push_and_pull_request() -> None:
    tree = workflow("tests")
    assert tree["on"] == {"push": None, "pull_request": None}
    assert tree["permissions"] == {"contents": "read"}
    assert commands("tests")[-1] == ".ci/run"


def test_only_the_deployment_may_write_and_it_runs_none_of_our_code() -> None:
    tree = workflow("pages")
    assert tree["on"] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert tree["permissions"] == {"contents": "read"}
    assert tree["concurrency"] == {"group": "pages", "cancel-in-progress": False}
    build, deploy = tree["jobs"]["build"], tree["jobs"]["deploy"]
    assert "permissions" not in build
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    assert deploy["needs"] == "build" and deploy["environment"]["name"] == "github-pages"
    (step,) = deploy["steps"]
    assert step["uses"].startswith("actions/deploy-pages@") and "run" not in step
    assert deploy["environment"]["url"] == f"${{{{ steps.{step['id']}.outputs.page_url }}}}"


def test_what_is_checked_is_what_is_deployed() -> None:
    profile = workflow("pages")["jobs"]["build"]["env"]["PROFILE"]
    name = load_profile(profile).name
    *_, build, publish = commands("pages")
    assert build == 'make book PROFILE="$PROFILE"'
    assert publish == '.venv/bin/dfe publish --profile "$PROFILE"'
    assert used("pages", "actions/upload-pages-artifact")["with"]["path"] == (
        f"build/{name}/publish/site"
    )
    kept = used("pages", "actions/upload-artifact")["with"]["path"].split()
    assert kept == [f"build/{name}/publish/{file}" for file in ("*.zip", "SHA256SUMS")]


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_of_github_and_pinned_by_major_version(name: str) -> None:
    actions = [step["uses"] for step in steps(name) if "uses" in step]
    assert actions
    for action in actions:
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", action), action


@pytest.mark.parametrize("name", NAMES)
def test_each_job_ends_sometime(name: str) -> None:
    for job in workflow(name)["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest" and 0 < job["timeout-minutes"] <= 360


@pytest.mark.parametrize("name", NAMES)
def test_python_is_the_oldest_that_we_support(name: str) -> None:
    settings = used(name, "actions/setup-python")["with"]
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={settings["python-version"]}"' in text
    assert settings["cache"] == "pip"
    for path in settings["cache-dependency-path"].split():
        assert (ROOT / path).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_the_data_cache_is_where_downloads_are_kept(name: str) -> None:
    settings = used(name, "actions/cache")["with"]
    assert Path(settings["path"]).expanduser() == Path(pooch.os_cache("dfe"))
    (pattern,) = re.findall(r"hashFiles\('(.*?)'\)", settings["key"])
    assert list(ROOT.glob(pattern))
    assert settings["key"].startswith(settings["restore-keys"])


@pytest.mark.parametrize("name", NAMES)
def test_system_libraries_are_those_of_the_ci_script(name: str) -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    needed = [line.split("#")[0].split()[2:] for line in script.splitlines() if line[:5] == "need "]
    (line,) = [line for line in commands(name) if "apt-get install" in line]
    installed = [word for word in line.partition("install")[2].split() if word[0] != "-"]
    assert set(installed) == {package for packages in needed for package in packages}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_exists(name: str) -> None:
    known = typer.main.get_command(dfe.cli.app)
    for line in commands(name):
        program, *words = [word for word in line.split() if word != "sudo"]
        if program == "make":
            assert make_knows(words[0]), line
        elif program == ".venv/bin/dfe":
            command = known.get_command(None, words[0])  # type: ignore[attr-defined, arg-type]
            options = {option for item in command.params for option in item.opts}
            assert {word for word in words if word[:2] == "--"} <= options, line
        elif program != "apt-get":
            assert (ROOT / program).stat().st_mode & 0o100, line


def make_knows(target: str) -> bool:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True)
    return done.returncode == 0


def test_an_unknown_target_is_seen() -> None:
    assert make_knows("book") and not make_knows("no-such-target")
