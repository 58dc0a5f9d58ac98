"""`dfe data`: what it lists, what it refuses, and that a removed file is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

import dfe.cli
from dfe.data.gated import gated_ids, load_gated
from dfe.data.manifest import ManifestError, manifest_ids
from dfe.data_cli import DataError, own_folder

SMILES = [f"a{actor:02d}_{smile}" for actor in range(15) for smile in ("r", "a", "d")]
TYPES = {"r": "reward", "a": "affiliation", "d": "dominance"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dfe.cli.app, ["data", *arguments])


def smiles(folder: Path) -> Path:
    """A complete table of the smiles, as its manifest expects it."""
    folder.mkdir()
    rows = [f"{clip},{clip[:3]},{TYPES[clip[-1]]}" for clip in SMILES]
    (folder / "smiles.csv").write_text("\n".join(["clip,actor,smile", *rows]) + "\n")
    for clip in SMILES:
        (folder / f"{clip}.mp4").touch()
    return folder


def test_every_data_set_is_listed_with_the_tables_that_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DFE_DATA", str(tmp_path))
    (tmp_path / "stressid").mkdir()
    found = run("list")
    assert found.exit_code == 0
    lines = {line.split("│")[1].strip(): line for line in found.stdout.splitlines() if "│" in line}
    assert {*manifest_ids(), *gated_ids()} <= set(lines)
    cells = [cell.strip() for cell in lines["stressid"].split("│")]
    assert cells[2] == "6, 7" and cells[4] == "yes"
    assert lines["flame"].split("│")[4].strip() == "no"


def test_a_manifest_is_shown_whole() -> None:
    tree = yaml.safe_load(run("show", "stressid").stdout)
    assert tree == load_gated("stressid").model_dump(mode="json", exclude_none=True)
    assert yaml.safe_load(run("show", "pyfame").stdout)["source"]["package"] == "pyfame"


def test_an_unknown_id_lists_the_known_ones() -> None:
    for command in ("show", "fetch", "verify", "croissant"):
        error = run(command, "stresid").exception
        assert isinstance(error, ManifestError) and "stressid" in str(error)


def test_gated_data_are_not_fetched_but_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DFE_DATA", str(tmp_path))
    error = run("fetch", "aff-wild2").exception
    assert isinstance(error, DataError)
    access = load_gated("aff-wild2").access
    assert access.sign in str(error) and access.ask in str(error)
    assert str(tmp_path / "aff-wild2") in str(error) and own_folder("x") == tmp_path / "x"


def test_an_archive_that_anyone_may_have_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DFE_DATA", str(tmp_path))
    monkeypatch.setattr("dfe.data.archive.fetch_archive", lambda data: tmp_path / data.id)
    found = run("fetch", "ravdess-landmarks")
    assert found.exit_code == 0 and found.stdout.strip() == str(tmp_path / "ravdess-landmarks")
    error = run("verify", "ravdess-landmarks").exception
    assert isinstance(error, DataError) and "dfe data fetch ravdess-landmarks" in str(error)


def test_an_open_source_is_fetched_and_verified_by_its_hashes() -> None:
    assert Path(run("fetch", "astronaut").stdout.strip()).is_dir()
    assert run("verify", "astronaut").exit_code == 0


def test_a_complete_copy_is_as_the_manifest_says(tmp_path: Path) -> None:
    found = run("verify", "smilestimuli", "--from", str(smiles(tmp_path / "s")))
    assert found.exit_code == 0, found.exception
    assert found.stdout.strip().endswith("as the manifest of smilestimuli says")


def test_a_removed_file_is_named(tmp_path: Path) -> None:
    folder = smiles(tmp_path / "s")
    (folder / "smiles.csv").unlink()
    error = run("verify", "smilestimuli", "--from", str(folder)).exception
    assert isinstance(error, DataError) and "smiles.csv" in str(error)


def test_counts_can_be_left_out(tmp_path: Path) -> None:
    folder = smiles(tmp_path / "s")
    lines = (folder / "smiles.csv").read_text().splitlines()
    (folder / "smiles.csv").write_text("\n".join(lines[:-3]) + "\n")
    arguments = ("verify", "smilestimuli", "--from", str(folder))
    assert isinstance(run(*arguments).exception, DataError)
    assert run(*arguments, "--no-counts").exit_code == 0


def test_a_missing_folder_says_where_to_ask(tmp_path: Path) -> None:
    error = run("verify", "stressid", "--from", str(tmp_path / "none")).exception
    assert isinstance(error, DataError)
    assert "no such folder" in str(error) and load_gated("stressid").page in str(error)


def test_croissant_is_json_and_only_for_data_that_the_reader_brings() -> None:
    tree = json.loads(run("croissant", "stressid").stdout)
    assert tree["@type"] == "sc:Dataset"
    error = run("croissant", "pyfame").exception
    assert isinstance(error, DataError) and "open source" in str(error)
