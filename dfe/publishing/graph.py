"""A flat graph of linked entities, as RO-Crate 1.1 writes them into `ro-crate-metadata.json`.

Format: RO-Crate Metadata Specification 1.1 (Soiland-Reyes et al. 2022, doi 10.3233/DS-210053;
specification doi 10.5281/zenodo.4541002). We write it ourselves: it is one JSON file of flat
entities, and the library of the format puts the time of the call into it, where we want the same
bytes for the same build. A test reads ours back with that library.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from pydantic import JsonValue

from dfe.data.fetch import sha256_file
from dfe.files import atomic

Entity = dict[str, JsonValue]
Reference = dict[str, JsonValue]  # {"@id": ...}

METADATA = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
CONTEXT: JsonValue = [f"{SPECIFICATION}/context", {"sha256": "https://schema.org/sha256"}]
MEDIA_TYPES = {
    ".cff": "application/yaml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}


class CrateError(ValueError):
    """The metadata would name something that is not there, or one thing in two ways."""


class Graph:
    """Entities by their `@id`, about the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entities: dict[str, Entity] = {}

    def add(self, id: str, type: str | list[str], **properties: JsonValue) -> Reference:
        """Add an entity and return a reference to it; properties without a value are left out.

        Raises
        ------
        CrateError
            If the graph already says something else of this `id`.
        """
        given = {name: value for name, value in properties.items() if value not in (None, "", [])}
        kinds: JsonValue = [*type] if isinstance(type, list) else type
        entity: Entity = {"@id": id, "@type": kinds, **given}
        if self._entities.setdefault(id, entity) != entity:
            raise CrateError(f"two different descriptions of {id}")
        return {"@id": id}

    def file(self, path: str, name: str, *types: str, **properties: JsonValue) -> Reference:
        """Add a file of the folder, with its size in bytes, media type and sha256.

        Raises
        ------
        CrateError
            If there is no such file.
        """
        there = self.folder / path
        if not there.is_file():
            raise CrateError(f"{path}: the site has no such file; build the book again")
        return self.add(
            quote(path),
            ["File", *types] if types else "File",
            name=name,
            encodingFormat=MEDIA_TYPES.get(there.suffix, "application/octet-stream"),
            contentSize=str(there.stat().st_size),
            sha256=sha256_file(there),
            **properties,
        )

    def files(self) -> list[JsonValue]:
        """References to all files, in the order in which they were added."""
        return [{"@id": id} for id, entity in self._entities.items() if _is_file(entity)]

    def write(self, path: Path) -> Path:
        """Write the graph, whole or not at all.

        Raises
        ------
        CrateError
            If an entity refers to one that is not there.
        """
        entities = list(self._entities.values())
        if dangling := dangling_references(entities):
            raise CrateError(f"the metadata refer to what they do not describe: {dangling[0]}")
        tree = {"@context": CONTEXT, "@graph": entities}
        with atomic(path) as temporary:
            text = json.dumps(tree, indent=2, ensure_ascii=False)
            temporary.write_text(text + "\n", encoding="utf-8")
        return path


def _is_file(entity: Entity) -> bool:
    kinds = entity["@type"]
    return "File" in kinds if isinstance(kinds, list) else kinds == "File"


def dangling_references(entities: list[Entity]) -> list[str]:
    """Every `@id` that an entity refers to and none has; the specification itself is known."""
    known = {str(entity["@id"]) for entity in entities} | {SPECIFICATION}
    used = (id for entity in entities for id in _references(list(entity.values())))
    return sorted(set(used) - known)


def _references(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if "@id" in value:
            yield str(value["@id"])
        yield from _references([item for name, item in value.items() if name != "@id"])
