"""RO-Crate metadata of a published site: code, environment, data and executions behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import JsonValue

from dfe.config import Profile
from dfe.evidence import Provenance
from dfe.publishing.citation import Author, Citation
from dfe.publishing.crate_data import add_data
from dfe.publishing.crate_runs import RESULTS, add_runs, finished
from dfe.publishing.graph import METADATA, SPECIFICATION, Graph
from dfe.repository import Repository

#: Files of the checkout that a site carries along, for whoever finds it alone.
CARRIED = {
    "CITATION.cff": "How to cite",
    "LICENSE": "Licence of the code",
    "constraints.txt": "Exact versions of all packages that were tested",
    "environment.yml": "The environment for conda",
}


def publication_date(records: Sequence[Provenance]) -> date:
    """Day (UTC) on which the newest page was executed: the same for the same build."""
    return max(finished(record) for record in records).date()


def write_crate(
    site: Path,
    profile: Profile,
    citation: Citation,
    records: Sequence[Provenance],
    pages: Sequence[str],
    repository: Repository | None = None,
) -> Path:
    """Write `ro-crate-metadata.json` at the top of a site, and return its path.

    Parameters
    ----------
    site
        The folder of html, with the results in `_static/results` and the files of `CARRIED`.
    records
        Provenance of each executed page.
    pages
        All pages, without suffix, such as ``"book/intro"``.

    Raises
    ------
    CrateError
        If a file that belongs to the metadata is missing.
    """
    graph = Graph(site)
    graph.add(METADATA, "CreativeWork", about={"@id": "./"}, conformsTo={"@id": SPECIFICATION})
    licence = graph.add(
        f"https://spdx.org/licenses/{citation.license}", "CreativeWork", name=citation.license
    )
    runs = add_runs(graph, records, citation, licence, repository)
    data, other_data = add_data(graph, profile)
    _add_files(graph, pages)
    graph.add(
        "./",
        "Dataset",
        name=citation.title,
        description=_description(citation, profile),
        datePublished=publication_date(records).isoformat(),
        version=citation.version,
        license=licence,
        author=[_author(graph, n, author) for n, author in enumerate(citation.authors, 1)],
        keywords=", ".join(citation.keywords),
        isBasedOn=data,
        mentions=[*runs, *other_data],
        hasPart=graph.files(),
    )
    return graph.write(site / METADATA)


def _description(citation: Citation, profile: Profile) -> str:
    parts = (citation.abstract, f"Built with the profile {profile.name}.", profile.announcement)
    return " ".join(" ".join(parts).split())


def _author(graph: Graph, number: int, author: Author) -> JsonValue:
    kind = "Organization" if author.name else "Person"
    return graph.add(author.orcid or f"#author-{number}", kind, name=author.full_name)


def _add_files(graph: Graph, pages: Sequence[str]) -> None:
    """Describe the prose pages, the scoreboard, and what the site carries along."""
    graph.file("index.html", "Entrance of the book")
    for page in pages:
        if not page.startswith("notebooks/"):  # those are results of an execution
            graph.file(f"{page}.html", f"Page {page.rpartition('/')[2]}")
    for path in sorted((graph.folder / RESULTS).glob("scoreboard.*")):
        graph.file(f"{RESULTS}/{path.name}", "Verdict on each claim of the paper")
    for name, what in CARRIED.items():
        graph.file(name, what)
