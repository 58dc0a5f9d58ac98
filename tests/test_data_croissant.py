from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dfe.data.croissant import CONFORMS_TO, CONTEXT, croissant
from dfe.data.gated import gated_ids, load_gated

# Croissant 1.0, sections on data sets, resources, record sets and fields.
REQUIRED = {
    "sc:Dataset": {"@context", "conformsTo", "name", "description", "license", "url"},
    "cr:FileSet": {"@id", "name", "encodingFormat", "includes"},
    "cr:RecordSet": {"@id", "name", "field"},
    "cr:Field": {"@id", "name", "dataType"},
}
DATA_TYPES = {"sc:Text", "sc:Integer", "sc:Float", "sc:URL"}

each = pytest.mark.parametrize("id", gated_ids())


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object below a value, itself included."""
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


def typed(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """Objects of Croissant; the context has a key "@type" too, for other things."""
    return [node for node in nodes(metadata) if node.get("@type") in REQUIRED]


@each
def test_each_object_has_what_its_type_requires(id: str) -> None:
    metadata = croissant(load_gated(id))
    assert metadata["conformsTo"] == CONFORMS_TO
    assert {node["@type"] for node in typed(metadata)} >= {"sc:Dataset", "cr:FileSet"}
    for node in typed(metadata):
        assert REQUIRED[node["@type"]] <= set(node)
        assert all(node[key] for key in REQUIRED[node["@type"]])


@each
def test_ids_are_unique_without_spaces_and_references_resolve(id: str) -> None:
    metadata = croissant(load_gated(id))
    ids = [node["@id"] for node in typed(metadata) if "@id" in node]
    assert len(ids) == len(set(ids))
    assert not [name for name in ids if " " in name]
    below = {k: v for k, v in metadata.items() if k != "@context"}
    assert {node["@id"] for node in nodes(below) if set(node) == {"@id"}} <= set(ids)
    file_sets = {node["@id"] for node in metadata["distribution"]}
    sources = [node["source"] for node in typed(metadata) if "source" in node]
    assert {source["fileSet"]["@id"] for source in sources} <= file_sets


@each
def test_no_download_is_offered(id: str) -> None:
    metadata = croissant(load_gated(id))
    keys = {key for node in nodes(metadata) for key in node}
    assert not keys & {"contentUrl", "sha256", "downloadUrl"}
    assert "http" not in json.dumps(metadata["distribution"])


@each
def test_terms_are_in_the_context_or_of_schema_org(id: str) -> None:
    croissant_terms = {key for key, value in CONTEXT.items() if str(value).startswith("cr:")}
    used = {key for node in nodes(croissant(load_gated(id))["recordSet"]) for key in node}
    schema_org = {"name", "description", "unit"}
    own = {key for key in used if key.startswith("splits/")}  # fields of records given as data
    known = croissant_terms | schema_org | own | {"@id", "@type", "dataType", "data"}
    assert used <= known


@each
def test_it_is_json(id: str) -> None:
    metadata = croissant(load_gated(id))
    assert json.loads(json.dumps(metadata)) == metadata


@each
def test_each_named_column_of_a_text_table_is_a_field(id: str) -> None:
    manifest = load_gated(id)
    metadata = croissant(manifest)
    fields = {
        (node["source"]["fileSet"]["@id"], node["source"]["extract"]["column"]): node["dataType"]
        for node in typed(metadata)
        if "source" in node
    }
    expected = {
        (f"files/{file}", column.name): column.dtype
        for table in manifest.tables
        if table.format == "text"
        for file in table.files
        for column in table.columns
        if column.name
    }
    assert set(fields) == set(expected)
    kinds = {"sc:Text": {"text", "category"}, "sc:Integer": {"integer"}, "sc:Float": {"number"}}
    assert all(expected[key] in kinds[fields[key]] for key in fields)


@each
def test_data_types_are_those_of_schema_org(id: str) -> None:
    fields = [node for node in typed(croissant(load_gated(id))) if node["@type"] == "cr:Field"]
    assert {field["dataType"] for field in fields} <= DATA_TYPES


def test_files_keep_their_patterns_and_say_what_they_are() -> None:
    manifest = load_gated("aff-wild2")
    training, _, images = croissant(manifest)["distribution"]
    assert training["includes"] == list(manifest.files[0].patterns)
    assert (training["encodingFormat"], images["encodingFormat"]) == ("text/csv", "image/jpeg")
    assert manifest.files[0].what in training["description"]


def test_official_parts_are_records() -> None:
    splits = croissant(load_gated("avec2019-dds"))["recordSet"][-1]
    assert splits["dataType"] == "cr:Split"
    assert [record["splits/count"] for record in splits["data"]] == [163, 56, 56]
    assert [record["splits/url"] for record in splits["data"]] == [
        "cr:TrainingSplit",
        "cr:ValidationSplit",
        "cr:TestSplit",
    ]
    fields = {field["@id"] for field in splits["field"]}
    assert all(set(record) == fields for record in splits["data"])


def test_what_the_format_has_no_word_for_is_in_descriptions() -> None:
    manifest = load_gated("stressid")
    metadata = croissant(manifest)
    assert all(trap in metadata["description"] for trap in manifest.traps)
    assert all(line in metadata["description"] for line in manifest.unverified)
    ratings = next(r for r in metadata["recordSet"] if r["name"].startswith("self-assessments"))
    assert "65 columns whose names match [0-9a-z]{4}" in ratings["description"]
    assert "separated by ';'" in ratings["description"]


def test_pickles_have_no_record_set() -> None:
    metadata = croissant(load_gated("chalearn-first-impressions"))
    assert [record["name"] for record in metadata["recordSet"]] == ["splits"]


def test_tables_of_unnamed_columns_have_no_record_set() -> None:
    names = [record["name"] for record in croissant(load_gated("avec2019-dds"))["recordSet"]]
    assert names == ["labels/train", "labels/dev", "labels/test", "splits"]
