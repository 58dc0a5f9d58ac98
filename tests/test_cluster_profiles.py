"""The profiles for clusters name what there is: rules, options of Snakemake, commands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.cli import get_argument_parser
from typer.testing import CliRunner

from dfe.cli import app
from dfe.config import ConfigError, load_profile

ROOT = Path(__file__).resolve().parents[1]
ENGINES = ("slurm", "kubernetes")
SLURM = ROOT / "tests" / "cluster" / "slurm.sh"
PAGE = (ROOT / "book" / "cluster.md").read_text(encoding="utf-8")
RULES = set(
    re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(encoding="utf-8"), re.MULTILINE)
)
TRAINING = {"model", "variant"}
PLUGINS = re.compile(r"(slurm|kubernetes|storage)-")  # options that only their plugins know


def path_of(engine: str) -> Path:
    return ROOT / "profiles" / engine / "config.yaml"


def profile(engine: str) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(path_of(engine).read_text(encoding="utf-8"))
    return tree


def staged() -> dict[str, Any]:
    """The lines that the book adds to the profile of SLURM."""
    (block,) = re.findall(r"```yaml\n(default-storage-provider: .*?)```", PAGE, re.DOTALL)
    tree: dict[str, Any] = yaml.safe_load(block)
    return tree


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_has_its_profile(engine: str) -> None:
    assert profile(engine)["executor"] == engine
    assert profile(engine)["jobs"] > 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("key", ["set-resources", "set-threads"])
def test_rules_with_resources_exist(engine: str, key: str) -> None:
    assert profile(engine)[key].keys() <= RULES


@pytest.mark.parametrize("engine", ENGINES)
def test_training_and_nothing_else_asks_for_a_gpu(engine: str) -> None:
    asked = {rule for rule, given in profile(engine)["set-resources"].items() if "gpu" in given}
    assert asked == TRAINING
    assert "gpu" not in profile(engine)["default-resources"]


def test_kubernetes_gets_what_it_needs_for_a_gpu() -> None:
    tree = profile("kubernetes")
    for rule in TRAINING:
        assert tree["set-resources"][rule]["gpu_manufacturer"] == "nvidia"
    assert tree["default-resources"]["scale"] == 0  # without it there are no limits, hence no GPU


@pytest.mark.parametrize("tree", [*map(profile, ENGINES), staged()], ids=[*ENGINES, "staged"])
def test_snakemake_knows_every_key(tree: dict[str, Any]) -> None:
    parser = get_argument_parser()
    known = {text.removeprefix("--") for one in parser._actions for text in one.option_strings}
    plugins = {name.partition("-")[0] for name in known if PLUGINS.match(name)}  # installed ones
    unknown = [
        key
        for key in tree
        if key not in known and not (PLUGINS.match(key) and key.partition("-")[0] not in plugins)
    ]
    assert unknown == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_setting_is_explained(engine: str) -> None:
    lines = path_of(engine).read_text(encoding="utf-8").splitlines()
    before = ""
    for line in lines:
        if re.match(r"[a-z]", line):  # a comment at the line, above, or above its block
            assert "#" in line or before, line
        before = line


@pytest.mark.parametrize("engine", ENGINES)
def test_they_are_no_profiles_of_the_book(engine: str) -> None:
    with pytest.raises(ConfigError, match="no profile"):
        load_profile(engine)


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("encode", re.findall(r"dfe encode ((?:.*\\\n)*.*)", PAGE)),
        ("train", re.findall(r"dfe\.cli train (.*)", PAGE)),
    ],
)
def test_the_scripts_of_the_page_use_options_that_exist(command: str, script: list[str]) -> None:
    (found,) = [text for text in script if "--" in text]
    help_text = CliRunner(env={"COLUMNS": "200"}).invoke(app, [command, "--help"]).output
    known = set(re.findall(r"--[a-z-]+", help_text))
    assert set(re.findall(r"--[a-z-]+", found)) <= known


def run(etc: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    places = {"DFE_SLURM_ETC": str(etc), "DFE_SLURM_STATE": str(etc / "state")}
    return subprocess.run(
        [SLURM, *arguments], capture_output=True, text=True, env=os.environ | places
    )


@pytest.mark.parametrize("name", ["slurm.conf", "gres.conf"])
def test_a_real_slurm_is_left_alone(tmp_path: Path, name: str) -> None:
    real = tmp_path / name
    real.write_text("ClusterName=real\n", encoding="utf-8")
    done = run(tmp_path, "start")
    assert done.returncode == 1
    assert str(real) in done.stderr and "left alone" in done.stderr
    assert run(tmp_path, "stop").returncode == 0
    assert real.read_text(encoding="utf-8") == "ClusterName=real\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_script_says_what_it_takes(tmp_path: Path) -> None:
    for arguments in ([], ["restart"]):
        done = run(tmp_path, *arguments)
        assert done.returncode == 1 and "start or stop" in done.stderr


def test_normal_test_runs_start_no_slurm() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "--ignore=tests/cluster" in text
