"""The executions behind a book's pages, as actions of its metadata: code, environment, data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue, ValidationError

from dfe.config import describe_errors
from dfe.evidence import Commit, Provenance
from dfe.publishing.citation import Citation
from dfe.publishing.graph import CrateError, Graph, Reference
from dfe.repository import Repository

RESULTS = "_static/results"  # of the site


def read_provenances(folder: Path, pages: Sequence[str]) -> list[Provenance]:
    """Read `<page>.provenance.json` of each page.

    Raises
    ------
    CrateError
        If one is missing or damaged.
    """
    return [_read(folder / f"{page}.provenance.json", page) for page in pages]


def _read(path: Path, page: str) -> Provenance:
    try:
        return Provenance.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CrateError(f"{path.name} is missing: execute the page {page} again") from error
    except ValidationError as error:
        raise CrateError(f"{path.name} is damaged:\n{describe_errors(error)}") from error


def finished(record: Provenance) -> datetime:
    """When a page's execution ended, in UTC."""
    return record.started.astimezone(UTC) + timedelta(seconds=record.seconds)


def add_runs(
    graph: Graph,
    records: Sequence[Provenance],
    citation: Citation,
    licence: Reference,
    repository: Repository | None,
) -> list[JsonValue]:
    """Describe the execution of each page, and return references to these actions."""
    return [_run(graph, record, citation, licence, repository) for record in records]


def _run(
    graph: Graph,
    record: Provenance,
    citation: Citation,
    licence: Reference,
    repository: Repository | None,
) -> JsonValue:
    page = record.page
    notebook = f"_sources/notebooks/{page}.ipynb"
    return graph.add(
        f"#run-{page}",
        "CreateAction",
        name=f"Execution of {page} with the profile {record.profile}",
        startTime=record.started.astimezone(UTC).isoformat(),
        endTime=finished(record).isoformat(),
        instrument=[
            graph.file(notebook, f"Executed notebook {page}", "SoftwareSourceCode"),
            _code(graph, record.commit, citation, licence, repository),
            _environment(graph, record.versions),
        ],
        object=[_data(graph, name, digest) for name, digest in record.data.items()],
        result=_results(graph, page),
    )


def _results(graph: Graph, page: str) -> list[JsonValue]:
    tables = sorted((graph.folder / RESULTS).glob(f"{page}.*.csv"))
    named = {table.name: f"Table of {page}" for table in tables}
    named[f"{page}.results.json"] = f"What {page} measured for claims of the paper"
    named[f"{page}.provenance.json"] = f"Provenance of {page}"
    found = [graph.file(f"{RESULTS}/{file}", name) for file, name in sorted(named.items())]
    return [graph.file(f"notebooks/{page}.html", f"Page {page}"), *found]


def _data(graph: Graph, name: str, digest: str) -> JsonValue:
    """What a page read, known by its hash alone: pages with the same data share it."""
    return graph.add(f"#sha256-{digest}-{_slug(name)}", "Dataset", name=name, sha256=digest)


def _code(
    graph: Graph,
    commit: Commit,
    citation: Citation,
    licence: Reference,
    repository: Repository | None,
) -> JsonValue:
    """The project at one commit; local changes make it another code."""
    state = {None: "", True: "-with-local-changes", False: ""}[commit.dirty]
    return graph.add(
        f"#code-{commit.hash[:12]}{state}",
        "SoftwareSourceCode",
        name=citation.title,
        description=f"The project at commit {commit}",
        version=citation.version,
        identifier=commit.hash,
        codeRepository=repository.url if repository else None,
        programmingLanguage="Python",
        license=licence,
    )


def _environment(graph: Graph, versions: dict[str, str]) -> JsonValue:
    """Versions of Python and packages that a page ran with, and the file of all tested versions."""
    digest = hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()
    packages: list[JsonValue] = [
        graph.add(f"#software-{name}-{version}", "SoftwareApplication", name=name, version=version)
        for name, version in versions.items()
    ]
    return graph.add(
        f"#environment-{digest[:12]}",
        "SoftwareApplication",
        name=f"Python {versions.get('python', 'of unknown version')} and packages",
        softwareRequirements=[*packages, {"@id": "constraints.txt"}],
    )


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
