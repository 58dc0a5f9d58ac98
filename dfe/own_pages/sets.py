"""Everything that the manifest of a data set says, as a section of the page `book/own_sets`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from dfe.claims import TABLE_PAGES, Claims, book_claims
from dfe.config import Profile
from dfe.data.gated import (
    Archive,
    Column,
    ExpectedFiles,
    GatedManifest,
    Table,
    gated_ids,
    load_gated,
)
from dfe.data.gated_cells import span
from dfe.own_pages.markdown import block, bullets, code, codes, link, plain, table
from dfe.own_pages.overview import counted, open_sources, where, words
from dfe.own_pages.state import Have, own_state

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabulators"}
#: Fields with a place of their own on the page; others follow below as they stand in the file.
PLACED = frozenset(
    "id title role page licence access citation redistribution requires_nonpublic_video used_in "
    "features files archive clips tables splits rules metrics traps unverified".split()
)
_HEAD = """\
(own-sets)=
# The data sets, one by one

This page is made from the files in `data_manifests/`, one for each data set. What is marked as
not verified was read somewhere and checked by nobody here. {ref}`own-data` says how to bring the
data into a build.
"""


def sets_page(profile: Profile) -> str:
    """The whole page for a build of `profile`: all that is known of each data set."""
    claims, state = book_claims(), own_state(profile)
    found = (section(load_gated(id), state[id], claims) for id in gated_ids())
    return "\n".join([_HEAD, *found, _open_section()])


def _open_section() -> str:
    return f"## Open sources\n\nA build fetches them by itself.\n\n{open_sources()}\n"


def section(manifest: GatedManifest, have: Have, claims: Claims) -> str:
    """All of one manifest, under a heading with the label ``set-<id>``."""
    parts = [
        f"(set-{manifest.id})=\n## {plain(manifest.title)}",
        f"{words(manifest.id, have)} Walk-through: {{ref}}`own-{manifest.id}`.",
        table(["", code(manifest.id)], _facts(manifest)),
        *_files(manifest),
        *_tables(manifest),
        *_labels(manifest),
        *_scores(manifest, claims),
        "### What is easily mistaken",
        bullets(plain(trap) for trap in manifest.traps),
        *_unverified(manifest),
        *_more(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(manifest: GatedManifest) -> Iterator[tuple[str, str]]:
    access, rights, uses = manifest.access, manifest.redistribution, manifest.used_in
    yield "Kind", manifest.role
    yield "Source page", link(manifest.page)
    yield "License", plain(manifest.licence)
    yield "Access", access.route
    yield "Who signs", plain(access.sign)
    yield "Where to ask", plain(access.ask)
    passed = {"media": rights.media, "labels": rights.labels, "features": rights.features}
    may = "; ".join(f"{what}: **{may}**" for what, may in passed.items())
    yield "May be passed on", f"{may}. {plain(rights.note)}"
    yield "In the paper", where(manifest)
    if uses and uses.statements:
        yield "Sentences of the scoreboard", codes(uses.statements)
    for features, numbers in _computed(manifest).items():
        yield f"To compute or code for {counted('table', numbers)}", codes(features) or "nothing"
    hidden = manifest.requires_nonpublic_video
    yield "Video that no reader can get", "**needed**" if hidden else "not needed"
    if manifest.archive:
        yield "Download", _archive(manifest.archive)
    if manifest.clips:
        yield "Name of a clip", f"group 1 of {code(manifest.clips.pattern)} in a file's name"
        yield "Its subject", f"group 1 of {code(manifest.clips.subject)} in the clip's name"
    yield "Citation", plain(manifest.citation)


def _archive(archive: Archive) -> str:
    return (
        f"{link(archive.url, archive.filename)}, size in bytes: {archive.bytes or 'not known'}, "
        f"hash: {code(archive.hash) if archive.hash else 'not known'}. Unpacked are the files "
        f"{code(archive.unpack)}, up to {archive.most_unpacked:,} bytes."
    )


def _computed(manifest: GatedManifest) -> Mapping[tuple[str, ...], list[int]]:
    """What to compute or code -> tables of the paper that need just that."""
    found: dict[tuple[str, ...], list[int]] = {}
    for number, features in manifest.features.items():
        found.setdefault(features, []).append(number)
    return found


def _files(manifest: GatedManifest) -> Iterator[str]:
    editions = manifest.editions
    yield "### Files"
    if editions:
        yield f"One of these editions is enough: {codes(editions)}."
    yield bullets(_file_line(group) for group in manifest.files)


def _file_line(group: ExpectedFiles) -> str:
    needed = "needed" if group.required else "not needed here"
    number = f"{plain(span(group.least, group.most))} of them"
    notes = [needed, number, *([f"edition {code(group.edition)}"] if group.edition else [])]
    patterns = codes(group.patterns, " or ")
    return (
        f"{code(group.id)} ({', '.join(notes)}): {plain(group.what)} {plain(group.why)} {patterns}"
    )


def _tables(manifest: GatedManifest) -> Iterator[str]:
    if manifest.tables:
        yield "### Columns"
    for one in manifest.tables:
        yield f"**Table {code(one.id)}** in the files {codes(one.files)}. {_layout(one)}"
        heads = ["Column", "Type", "Values", "Not known", "Meaning"]
        yield table(heads, (_column_row(column) for column in one.columns))
        if one.classes:
            yield "Rows by value, as published:"
            yield bullets(_counts(one.classes))


def _layout(one: Table) -> str:
    kinds = {
        "text": f"Text, with {SEPARATORS[one.separator]} between the cells.",
        "pickle": "A pickle. It is never executed; the reader of its labels checks the values.",
        "numpy": "Arrays of numpy. The reader of its labels checks the values.",
    }
    texts = [kinds[one.format]]
    if one.check == "header":
        texts.append("Only the names of the columns are compared by `dfe data verify`.")
    if one.rows:
        texts.append(f"{one.rows} rows in all files together.")
    if one.row_files:
        texts.append(f"Each row names a file: {codes(one.row_files)}.")
    texts.append("Other columns may follow." if one.other_columns else "There are no others.")
    return " ".join(texts)


def _column_row(column: Column) -> list[str]:
    name = code(column.name) if column.name else f"names like {code(str(column.pattern))}"
    notes = [f"{column.count} columns"] if column.count else []
    notes += ["each value once"] * column.unique + ["may be missing"] * (not column.required)
    limits = (column.least, column.most)
    values = codes(column.values) or ("" if limits == (None, None) else plain(span(*limits)))
    if column.values and limits != (None, None):
        values += f"; {plain(span(*limits))}"
    return [
        ", ".join([name, *notes]),
        column.dtype,
        values or "any",
        codes(column.missing),
        plain(column.meaning),
    ]


def _counts(classes: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for column, counts in classes.items():
        numbers = ", ".join(f"{code(value)} {count}" for value, count in counts.items())
        yield f"{code(column)}: {numbers}"


def _labels(manifest: GatedManifest) -> Iterator[str]:
    if manifest.rules:
        yield "### Rules of labels"
    for rule in manifest.rules:
        yield f"**{code(rule.id)}**. Source: {plain(rule.source)}"
        heads = ["Label", "Given when", *["Rows, as published"] * bool(rule.counts)]
        yield table(
            heads,
            (
                [code(label), plain(when), *[str(rule.counts.get(label, "not published"))]][
                    : len(heads)
                ]
                for label, when in rule.labels.items()
            ),
        )
    if manifest.splits:
        yield "### Official parts"
        rows = (
            [
                code(split.name),
                f"{split.count} {plain(split.unit)}",
                code(split.files) if split.files else "listed in no file that is read here",
                "; ".join(_counts(split.classes)),
            ]
            for split in manifest.splits
        )
        yield table(["Part", "Size", "Members", "By value"], rows)


def _scores(manifest: GatedManifest, claims: Claims) -> Iterator[str]:
    if manifest.metrics:
        yield "### Measures"
        rows = ([plain(metric.name), plain(metric.definition)] for metric in manifest.metrics)
        yield table(["Measure", "Definition"], rows)
    needed: dict[tuple[int, str], str] = {}
    for cell in claims.cells.values():
        if manifest.id in cell.needs:
            needed[cell.table, ", ".join(cell.row)] = codes(sorted(cell.needs))
    if needed:
        yield "### On the scoreboard"
        yield (
            "A number of these rows can be *reproduced* or *differ* only if it rests on gated data "
            "and on all that stands on the right. Otherwise the row can show a direction."
        )
        yield table(
            ["Table", "Row", "Needs"],
            ([_table_link(number), plain(row), needs] for (number, row), needs in needed.items()),
        )


def _table_link(number: int) -> str:
    page = TABLE_PAGES.get(number)
    return f"[{number}](../notebooks/{page}.ipynb)" if page else str(number)


def _unverified(manifest: GatedManifest) -> Iterator[str]:
    if manifest.unverified:
        lines = bullets(plain(line) for line in manifest.unverified)
        yield f":::{{admonition}} Nobody here has checked\n:class: warning\n{lines}\n:::"


def _more(manifest: GatedManifest) -> Iterator[str]:
    """Fields that have no place of their own yet, as they stand in the file."""
    tree = manifest.model_dump(mode="json", exclude=set(PLACED), exclude_none=True)
    if tree:
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
        yield "### More"
        yield block(text, "yaml")
