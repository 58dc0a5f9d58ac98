"""Manifests of gated data as MLCommons Croissant 1.0, for tools that read that format.

Croissant (https://docs.mlcommons.org/croissant/docs/croissant-spec.html) describes files, tables
and columns in JSON-LD. All files are given as sets below a folder that the reader has, so that no
address of a download is needed and none is given. What the format has no word for stands in
descriptions: a column whose name only follows a pattern, codes of missing values, separators.
Rules of labels, traps and what is unverified are in the description of the data set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from dfe.data.gated import Column, ExpectedFiles, GatedManifest, Split, Table
from dfe.data.gated_cells import allowed

Json = dict[str, Any]

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"

#: Terms of Croissant 1.0 and where they come from, as its specification asks for.
CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            *("citeAs", "column", "extract", "field", "fileObject", "fileProperty", "fileSet"),
            *("format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField"),
            *("path", "recordSet", "references", "regex", "repeated", "replace", "separator"),
            *("source", "subField", "transform"),
        )
    },
}

_DATA_TYPES = {
    "text": "sc:Text",
    "category": "sc:Text",
    "integer": "sc:Integer",
    "number": "sc:Float",
}
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
    ".txt": "text/plain",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")  # an @id holds no space
_ANY_MEDIA_TYPE = "application/octet-stream"
_SPLIT_TYPES = {
    "train": "cr:TrainingSplit",
    "training": "cr:TrainingSplit",
    "dev": "cr:ValidationSplit",
    "validation": "cr:ValidationSplit",
    "test": "cr:TestSplit",
}


def croissant(manifest: GatedManifest) -> dict[str, Any]:
    """Describe gated data in Croissant 1.0, as JSON-LD that `json.dumps` writes.

    Tables of pickles and arrays have no record set, because the format reads none of these, nor
    have tables of which no column is known by its name.
    """
    tables = [table for table in manifest.tables if table.format == "text"]
    named = [table for table in tables if any(column.name for column in table.columns)]
    records = [_record_set(table, id) for table in named for id in table.files]
    if manifest.splits:
        records.append(_splits(manifest.splits))
    read = {id for table in tables for id in table.files}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": manifest.id,
        "alternateName": manifest.title,
        "description": _description(manifest),
        "license": manifest.licence,
        "url": manifest.page,
        "citeAs": manifest.citation,
        "conditionsOfAccess": f"{manifest.access.sign} {manifest.access.ask}",
        "usageInfo": manifest.redistribution.note,
        "distribution": [_file_set(group, group.id in read) for group in manifest.files],
        "recordSet": records,
    }


def _description(manifest: GatedManifest) -> str:
    rules = (
        f"Rule {rule.id} ({rule.source}): {'; '.join(f'{k}: {v}' for k, v in rule.labels.items())}"
        for rule in manifest.rules
    )
    metrics = (f"Metric {metric.name}: {metric.definition}" for metric in manifest.metrics)
    traps = (f"Note: {trap}" for trap in manifest.traps)
    unverified = (f"Not verified: {statement}" for statement in manifest.unverified)
    return "\n".join((f"{manifest.title}.", *rules, *metrics, *traps, *unverified))


def _file_set(group: ExpectedFiles, is_table: bool) -> Json:
    suffixes = {PurePosixPath(pattern).suffix for pattern in group.patterns}
    media_type = _MEDIA_TYPES.get(suffixes.pop(), _ANY_MEDIA_TYPE)
    return {
        "@type": "cr:FileSet",
        "@id": _file_set_id(group.id),
        "name": group.id,
        "description": f"{group.what} {group.why}",
        "encodingFormat": "text/csv" if is_table else media_type,
        "includes": list(group.patterns),
    }


def _file_set_id(files: str) -> str:
    return f"files/{files}"


def _record_set(table: Table, files: str) -> Json:
    id = f"{table.id}/{files}"
    return {
        "@type": "cr:RecordSet",
        "@id": id,
        "name": id,
        "description": " ".join(_words(table)),
        "field": [_field(id, files, column) for column in table.columns if column.name],
    }


def _words(table: Table) -> Iterator[str]:
    yield f"Rows of {table.id}; columns are separated by {table.separator!r}."
    for column in table.columns:
        if column.pattern:
            count = f"{column.count} columns" if column.count else "columns"
            yield f"Also {count} whose names match {column.pattern}: {_meaning(column)}"
    if table.other_columns:
        yield "There are other columns, which are not described."


def _field(record_set: str, files: str, column: Column) -> Json:
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{_UNSAFE.sub('-', column.name or '').strip('-')}",
        "name": column.name,
        "description": _meaning(column),
        "dataType": _DATA_TYPES[column.dtype],
        "source": {
            "fileSet": {"@id": _file_set_id(files)},
            "extract": {"column": column.name},
        },
    }


def _meaning(column: Column) -> str:
    return f"{column.meaning} ({allowed(column)})."


def _splits(splits: tuple[Split, ...]) -> Json:
    """The official parts, which Croissant gives as records of their own."""
    types = {"name": "sc:Text", "url": "sc:URL", "count": "sc:Integer", "unit": "sc:Text"}
    fields = [
        {"@type": "cr:Field", "@id": f"splits/{name}", "name": name, "dataType": type_}
        for name, type_ in types.items()
    ]
    records = [
        {
            "splits/name": split.name,
            "splits/url": _SPLIT_TYPES.get(split.name, "cr:Split"),
            "splits/count": split.count,
            "splits/unit": split.unit,
        }
        for split in splits
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "Official parts and the number of their members.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": fields,
        "data": records,
    }
