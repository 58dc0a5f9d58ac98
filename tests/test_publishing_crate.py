"""The RO-Crate metadata: read back by the format's own library, and every reference kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from publishing_support import ROOT, add_build, provenance
from rocrate.rocrate import ROCrate

from dfe.config import load_profile
from dfe.data.gated import gated_ids
from dfe.data.manifest import load_manifests
from dfe.evidence import Commit
from dfe.publishing import publish
from dfe.publishing.citation import CitationError, read_citation
from dfe.publishing.crate_runs import add_runs, read_provenances
from dfe.publishing.graph import METADATA, CrateError, Graph, dangling_references
from dfe.repository import Repository

Entities = dict[str, dict[str, Any]]


@pytest.fixture
def site(checkout: Path) -> Path:
    add_build(checkout)
    return publish(load_profile("smoke"), Repository(owner="o", name="n")) / "site"


@pytest.fixture
def entities(site: Path) -> Entities:
    graph = json.loads((site / METADATA).read_text(encoding="utf-8"))["@graph"]
    found = {entity["@id"]: entity for entity in graph}
    assert len(found) == len(graph)  # flat: each thing is described once
    return found


def test_the_library_of_the_format_reads_it(site: Path) -> None:
    crate = ROCrate(site)
    assert crate.name == "Discrete Facial Encoding: a reproducible companion"
    assert [author["name"] for author in crate.root_dataset["author"]] == [
        "the dfe-companion authors"
    ]
    (run,) = crate.get_by_type("CreateAction")
    assert [item.id for item in run["object"]] == [f"#sha256-{'12' * 32}-real-psi"]
    files = {entity.id for entity in crate.get_by_type("File")}
    assert {"book/intro.html", "notebooks/page.html", "_static/results/page.table.csv"} <= files
    assert files == {item.id for item in crate.root_dataset["hasPart"]}


def test_the_root_says_what_the_specification_asks_for(entities: Entities) -> None:
    descriptor, root = entities[METADATA], entities["./"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert root["datePublished"] == "2026-04-01"  # 90 s after 23:59 UTC of March 31
    assert root["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    assert root["version"] == "0.1.0" and "profile smoke" in root["description"]


def test_each_file_has_its_hash_and_size(site: Path, entities: Entities) -> None:
    files = [entity for entity in entities.values() if "File" in entity["@type"]]
    assert len(files) > 10
    for entity in files:
        content = (site / entity["@id"]).read_bytes()
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
        assert entity["contentSize"] == str(len(content))


def test_a_run_names_notebook_code_environment_data_and_results(entities: Entities) -> None:
    run = entities["#run-page"]
    assert run["startTime"] == "2026-03-31T23:59:00+00:00"
    assert run["endTime"] == "2026-04-01T00:00:30+00:00"
    notebook, code, environment = (entities[item["@id"]] for item in run["instrument"])
    assert notebook["@id"] == "_sources/notebooks/page.ipynb"
    assert code["identifier"] == "ab" * 20 and code["codeRepository"] == "https://github.com/o/n"
    packages = [entities[item["@id"]] for item in environment["softwareRequirements"]]
    assert [(item["name"], item.get("version")) for item in packages[:-1]] == [
        ("python", "3.11.2"),
        ("torch", "2.13.0+cpu"),
    ]
    constraints = hashlib.sha256((ROOT / "constraints.txt").read_bytes()).hexdigest()
    assert packages[-1]["@id"] == "constraints.txt" and packages[-1]["sha256"] == constraints
    assert entities[run["object"][0]["@id"]]["sha256"] == "12" * 32
    results = {item["@id"] for item in run["result"]}
    assert results == {
        "notebooks/page.html",
        "_static/results/page.provenance.json",
        "_static/results/page.results.json",
        "_static/results/page.table.csv",
    }


def test_each_manifest_is_there_with_origin_terms_and_hash(site: Path, entities: Entities) -> None:
    manifests = load_manifests()
    assert {*manifests, *gated_ids()} == {
        id.removeprefix("#data-") for id in entities if id.startswith("#data-")
    }
    for id, manifest in manifests.items():
        data = entities[f"#data-{id}"]
        assert data["sha256"] == getattr(manifest.source, "sha256", manifest.members[0].sha256)
        assert entities[data["license"]["@id"]]["description"] == manifest.terms.summary
        values = [entities[item["@id"]]["value"] for item in data["additionalProperty"]]
        assert values == [value for value in (manifest.role, manifest.origin) if value]
        assert (site / data["subjectOf"]["@id"]).is_file()


def test_a_build_is_based_on_the_data_that_it_used(checkout: Path) -> None:
    add_build(checkout)
    (checkout / "profiles" / "smoke.yaml").write_text(
        "description: small\nown: {tasks: {stress: stressid}}\n"
    )
    site = publish(load_profile("smoke")) / "site"
    graph = json.loads((site / METADATA).read_text(encoding="utf-8"))["@graph"]
    (root,) = [entity for entity in graph if entity["@id"] == "./"]
    based = {item["@id"] for item in root["isBasedOn"]}
    assert based == {f"#data-{id}" for id in (*load_manifests(), "stressid")}
    assert "#data-affectnet" in {item["@id"] for item in root["mentions"]}


def test_without_a_repository_none_is_named(checkout: Path) -> None:
    add_build(checkout)
    text = (publish(load_profile("smoke")) / "site" / METADATA).read_text(encoding="utf-8")
    assert "codeRepository" not in text


@pytest.mark.parametrize(
    ("dirty", "id"),
    [
        (False, "#code-abababababab"),
        (None, "#code-abababababab"),
        (True, "#code-abababababab-with-local-changes"),
    ],
)
def test_local_changes_make_another_code(site: Path, dirty: bool | None, id: str) -> None:
    graph = Graph(site)
    licence = graph.add("constraints.txt", "File")
    record = provenance(commit=Commit(hash="ab" * 20, dirty=dirty))
    add_runs(graph, [record], read_citation(ROOT / "CITATION.cff"), licence, None)
    written = json.loads(graph.write(site / "a.json").read_text(encoding="utf-8"))["@graph"]
    assert [entity["@id"] for entity in written if entity["@id"].startswith("#code")] == [id]


def test_a_reference_to_nothing_is_refused(tmp_path: Path) -> None:
    graph = Graph(tmp_path)
    graph.add("#a", "Dataset", author=[{"@id": "#b"}], about={"x": {"@id": "#c"}})
    with pytest.raises(CrateError, match="#b"):
        graph.write(tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []
    entities: Any = [{"@id": "#a", "@type": "T", "p": [{"@id": "#b"}], "q": {"x": {"@id": "#c"}}}]
    assert dangling_references(entities) == ["#b", "#c"]


def test_two_descriptions_of_one_thing_are_refused(tmp_path: Path) -> None:
    graph = Graph(tmp_path)
    assert graph.add("#a", "T", name="x") == graph.add("#a", "T", name="x", url=None)
    with pytest.raises(CrateError, match="two different descriptions of #a"):
        graph.add("#a", "T", name="y")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrateError, match="none.html: the site has no such file"):
        Graph(tmp_path).file("none.html", "x")


def test_the_address_of_a_file_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").touch()
    assert Graph(tmp_path).file("a b.txt", "x") == {"@id": "a%20b.txt"}


def test_damaged_provenance_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.provenance.json").write_text("{}")
    with pytest.raises(CrateError, match=r"page.provenance.json is damaged:\n  page: Field req"):
        read_provenances(tmp_path, ["page"])


def test_citation_has_what_its_schema_asks_for() -> None:
    """Citation File Format 1.2.0: required keys, types and values of those that we use."""
    tree = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert tree["cff-version"] == "1.2.0" and tree["type"] in ("software", "dataset")
    assert all(isinstance(tree[key], str) and tree[key] for key in ("message", "title", "version"))
    names = {"name", "given-names", "family-names", "orcid", "affiliation", "email", "website"}
    for work in (tree, *tree["references"]):
        assert work["authors"] and all(set(author) <= names for author in work["authors"])
    for work in tree["references"]:
        assert {"type", "title", "authors"} <= set(work)
        assert all({"type", "value"} <= set(one) for one in work.get("identifiers", []))
    assert not {"date-released", "repository-code"} & set(tree)  # neither is known


def test_an_unfit_citation_is_named(tmp_path: Path) -> None:
    path = tmp_path / "CITATION.cff"
    with pytest.raises(CitationError, match="CITATION.cff is not readable"):
        read_citation(path)
    path.write_text("title: x\nabstract: y\nversion: 1.0.0\nlicense: MIT\nauthors: []\n")
    with pytest.raises(CitationError, match="authors"):
        read_citation(path)


def test_persons_are_named_in_full(tmp_path: Path) -> None:
    path = tmp_path / "CITATION.cff"
    authors = "[{given-names: Ada, family-names: Lovelace}, {name: A group}]"
    path.write_text(f"title: x\nabstract: y\nversion: 1.0.0\nlicense: MIT\nauthors: {authors}\n")
    named = [author.full_name for author in read_citation(path).authors]
    assert named == ["Ada Lovelace", "A group"]
