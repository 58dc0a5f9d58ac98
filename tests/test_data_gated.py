from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from dfe.action_units import AU_NAMES
from dfe.claims import Claims, book_claims
from dfe.data.gated import (
    Feature,
    GatedManifest,
    gated_folder,
    gated_ids,
    gated_schema_text,
    load_gated,
    read_gated,
    row_file,
)
from dfe.data.labels.stressid import RATINGS, TASKS
from dfe.data.manifest import ManifestError, manifest_ids

FEATURES = set(get_args(Feature))
OPEN = {"ravdess-landmarks"}  # described here because it is fetched by the reader, not by a build
MANIFESTS = {id: load_gated(id) for id in gated_ids()}
USED = sorted(set(MANIFESTS) - OPEN)


def all_needs(claims: Claims) -> set[str]:
    cells = (cell.needs for cell in claims.cells.values())
    statements = (statement.needs for statement in claims.statements.values())
    return {need for needs in (*cells, *statements) for need in needs}


def test_there_is_a_manifest_for_each_data_set_that_a_claim_needs() -> None:
    assert set(MANIFESTS) - OPEN == all_needs(book_claims()) - FEATURES
    assert OPEN <= set(MANIFESTS)
    assert all_needs(book_claims()) >= FEATURES  # no feature that nothing needs


@pytest.mark.parametrize("id", USED)
def test_each_table_that_needs_the_data_is_named_with_its_section(id: str) -> None:
    claims, uses = book_claims(), MANIFESTS[id].used_in
    assert uses is not None
    tables = {cell.table for cell in claims.cells.values() if id in cell.needs}
    assert uses.tables == tuple(sorted(tables))
    assert {claims.table(number).section for number in tables} <= set(uses.sections)
    measured = {s.id for s in claims.statements.values() if id in s.needs}
    assert set(uses.statements) == measured


@pytest.mark.parametrize("id", sorted(set(USED) - {"affectnet", "flame"}))
def test_features_are_those_that_the_cells_of_a_table_need(id: str) -> None:
    for number, features in MANIFESTS[id].features.items():
        cells = (c for c in book_claims().cells.values() if c.table == number and id in c.needs)
        assert set(features) == {need for cell in cells for need in cell.needs} & FEATURES


def test_what_is_trained_on_and_drawn_on_needs_less() -> None:
    assert set(MANIFESTS["affectnet"].features.values()) == {("emoca",)}
    assert MANIFESTS["flame"].features == {8: ()}


def test_manifests_of_open_sources_are_left_alone() -> None:
    assert not set(manifest_ids()) & set(gated_ids())


def test_committed_schema_is_up_to_date() -> None:
    committed = (gated_folder() / "schema.json").read_text(encoding="utf-8")
    hint = "run: python -m dfe.data.gated > data_manifests/gated/schema.json"
    assert committed == gated_schema_text(), hint


def counts(id: str, rule: str) -> tuple[int, ...]:
    (found,) = (r for r in MANIFESTS[id].rules if r.id == rule)
    return tuple(found.counts.values())


def test_numbers_agree_with_the_public_facts_of_the_claims() -> None:
    fact = book_claims().fact
    assert counts("avec2019-dds", "phq-binary") == fact("avec-test-labels")
    assert counts("avec2019-dds", "phq-score-10") == fact("avec-test-threshold")
    assert counts("stressid", "binary") == fact("stressid-binary")
    assert counts("stressid", "three-class-paper") == fact("stressid-three-class-paper")
    assert counts("stressid", "three-class-video-notebook") == fact("stressid-three-class-videos")
    test = MANIFESTS["chalearn-first-impressions"].splits[-1]
    assert (test.count,) == fact("personality-test-clips")
    (smiles,) = MANIFESTS["smilestimuli"].tables
    assert (smiles.rows,) == fact("smile-clips")
    assert sum(smiles.classes["smile"].values()) == smiles.rows


def test_columns_agree_with_their_readers() -> None:
    (units,) = MANIFESTS["aff-wild2"].tables
    assert tuple(column.name for column in units.columns) == AU_NAMES
    ratings = MANIFESTS["stressid"].tables[1].columns[0].values
    assert ratings == tuple(f"{task}_{rating}" for task in TASKS for rating in RATINGS)


def test_splits_of_edaic_are_the_official_ones() -> None:
    splits = MANIFESTS["avec2019-dds"].splits
    assert [split.count for split in splits] == [163, 56, 56]
    assert splits[-1].classes == {"PHQ_Binary": {"0": 39, "1": 17}}


def test_only_the_interviews_have_no_video_for_readers() -> None:
    closed = {id for id, manifest in MANIFESTS.items() if manifest.requires_nonpublic_video}
    assert closed == {"avec2019-dds"}


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("affectnet", ("edition", "pass on")),
        ("aff-wild2", ("300 K", "pass on")),
        ("smilestimuli", ("Names of the files", "license")),
        ("stressid", ("pass",)),
        ("avec2019-dds", ("pass",)),
        ("ravdess-landmarks", ("download",)),
    ],
)
def test_what_nobody_checked_is_said(id: str, words: tuple[str, ...]) -> None:
    said = "\n".join(MANIFESTS[id].unverified)
    assert all(word in said for word in words)


def test_rights_that_nobody_checked_are_not_given() -> None:
    for id in USED:
        rights = MANIFESTS[id].redistribution
        assert "allowed" not in (rights.media, rights.labels, rights.features)


def test_a_row_names_a_file() -> None:
    row = {"a": "300", "b c": "x"}
    assert row_file("{a}_P/{b c}/{a}.csv", row) == "300_P/x/300.csv"
    with pytest.raises(KeyError):
        row_file("{d}.csv", row)


def test_a_group_of_files_is_found_by_its_id() -> None:
    assert MANIFESTS["stressid"].group("labels").patterns == ("labels.csv",)
    assert MANIFESTS["affectnet"].editions == ("csv", "npy")
    assert MANIFESTS["stressid"].editions == ()


def example() -> dict[str, Any]:
    return {
        "id": "made-up",
        "title": "Made up",
        "role": "recordings",
        "page": "https://example.org/data",
        "licence": "none",
        "access": {"route": "agreement", "sign": "you", "ask": "there"},
        "citation": "nobody",
        "redistribution": {
            "media": "forbidden",
            "labels": "unverified",
            "features": "allowed",
            "note": "ask",
        },
        "requires_nonpublic_video": False,
        "used_in": {"sections": ["5.1"], "tables": [1]},
        "features": {1: ["emoca"]},
        "files": [
            {"id": "labels", "patterns": ["labels.csv"], "what": "labels", "why": "labels"},
            {"id": "others", "patterns": ["others.csv"], "what": "others", "why": "others"},
        ],
        "tables": [
            {
                "id": "labels",
                "files": ["labels"],
                "columns": [
                    {"name": "clip", "dtype": "text", "meaning": "name"},
                    {"name": "score", "dtype": "number", "least": 0, "most": 1, "meaning": "score"},
                    {"name": "sort", "dtype": "category", "values": ["a", "b"], "meaning": "sort"},
                ],
                "classes": {"sort": {"a": 2}},
                "row_files": ["{clip}.mp4"],
            }
        ],
        "splits": [{"name": "all", "count": 2, "unit": "clips", "files": "labels"}],
        "rules": [{"id": "r", "labels": {"0": "no"}, "counts": {"0": 2}, "source": "nobody"}],
        "traps": ["made up"],
        "unverified": ["everything"],
    }


def _edit(path: str, value: Any) -> dict[str, Any]:
    tree = copy.deepcopy(example())
    *parents, leaf = path.split(".")
    node: Any = tree
    for parent in parents:
        node = node[int(parent)] if parent.isdigit() else node[parent]
    node[int(leaf) if leaf.isdigit() else leaf] = value
    return tree


def test_the_example_is_valid() -> None:
    assert GatedManifest.model_validate(example()).tables[0].columns[1].label == "score"


COLUMNS = "tables.0.columns.1"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("colour", "red", "Extra inputs"),
        ("page", "ftp://example.org", "pattern"),
        ("access.route", "torrent", "route"),
        ("features", {1: ["openface"]}, "features.1"),
        ("features", {2: ["emoca"]}, r"features name tables \[2\], used_in \[1\]"),
        ("used_in", None, r"features name tables \[1\], used_in \[\]"),
        ("unverified", [], "a right that is not verified"),
        ("traps", [], "at least 1"),
        ("files", [], "at least 1"),
        ("files.1.id", "labels", "files id 'labels' comes twice"),
        ("files.0.patterns", ["../labels.csv"], "plain relative path"),
        ("files.0.patterns", ["/labels.csv"], "plain relative path"),
        ("files.0.most", 0, "least 1 is more than most 0"),
        ("tables.0.files", ["nothing"], "files 'nothing' is not among labels, others"),
        ("tables.0.files", ["labels", "labels"], "files of a table 'labels' comes twice"),
        ("tables.0.classes", {"nothing": {"a": 1}}, "column 'nothing' is not among"),
        ("tables.0.classes", {"score": {"1": 1}}, "column with values 'score'"),
        ("tables.0.row_files", ["{video}.mp4"], "column 'video' is not among clip, score, sort"),
        ("tables.0.row_files", ["../{clip}.mp4"], "plain relative path"),
        ("tables.0.check", "header", "rows are counted only where they are read"),
        ("tables.0.format", "pickle", "files with rows 'labels'"),
        (f"{COLUMNS}.name", "clip", "column 'clip' comes twice"),
        (f"{COLUMNS}.name", None, "a name or a pattern"),
        (f"{COLUMNS}.pattern", "s.*", "a name or a pattern"),
        (f"{COLUMNS}.count", 3, "a count needs a pattern"),
        (f"{COLUMNS}.dtype", "category", "a category lists its values"),
        (f"{COLUMNS}.dtype", "text", "a range needs numbers"),
        (f"{COLUMNS}.least", 2, "least 2 is more than most 1"),
        (
            COLUMNS,
            {"pattern": "(", "dtype": "text", "meaning": "m"},
            r"'\(' is no regular expression",
        ),
        ("splits.0.files", "others", "files with rows 'others'"),
        ("splits.0.classes", {"score": {"1": 1}}, "split all: column with values 'score'"),
        ("rules.0.counts", {"1": 2}, "rule r label '1' is not among 0"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, field: str, value: Any, message: str) -> None:
    path = tmp_path / "made-up.yaml"
    path.write_text(yaml.safe_dump(_edit(field, value)), encoding="utf-8")
    with pytest.raises(ManifestError, match="made-up.yaml breaks the schema") as caught:
        read_gated(path)
    assert caught.match(message)


def test_names_that_come_twice_are_refused(tmp_path: Path) -> None:
    for field, what in (("tables", "table id"), ("splits", "split"), ("rules", "rule")):
        tree = example()
        tree[field] *= 2
        path = tmp_path / "made-up.yaml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        with pytest.raises(ManifestError, match=f"{what} '[a-z]+' comes twice"):
            read_gated(path)


def test_file_problems_are_named(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(example()))
    with pytest.raises(ManifestError, match="'made-up' differs from the file name"):
        load_gated("other", tmp_path)
    (tmp_path / "broken.yaml").write_text("a: [1, 2")
    with pytest.raises(ManifestError, match="not readable as YAML"):
        load_gated("broken", tmp_path)
    with pytest.raises(ManifestError, match="no manifest 'nothing'.*known: broken, other"):
        load_gated("nothing", tmp_path)


def test_the_schema_says_what_fields_mean() -> None:
    schema = json.loads(gated_schema_text())
    assert schema["properties"]["unverified"]["description"]
    assert set(schema["properties"]) == set(GatedManifest.model_fields)
