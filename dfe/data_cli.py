"""`dfe data`: which data there are, how to get and check them, and how to read them in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dfe.data.gated import GatedManifest, gated_ids, load_gated
from dfe.data.manifest import ManifestError, load_manifest, load_manifests, manifest_ids

app = typer.Typer(
    no_args_is_help=True, help="Look at data sets, fetch open ones, verify yours and read them in."
)
DataId = Annotated[str, typer.Argument(metavar="ID", help="see `dfe data list`")]
Folder = Annotated[
    Path | None, typer.Option("--from", help="folder of the data set; $DFE_DATA/ID if left out")
]


class DataError(RuntimeError):
    """Data are not there, or not as their manifest says; the message says what to do."""


@app.command("list")
def list_() -> None:
    """List open sources and those that you bring, and which tables of the paper need them."""
    narrow = [Column(name, no_wrap=True) for name in ("id", "tables", "access", "here")]
    table = Table(*narrow, "what")
    for id, source in load_manifests().items():
        table.add_row(id, "–", "fetched", "on use", escape(source.title))
    for id in gated_ids():
        data = load_gated(id)
        tables = ", ".join(map(str, data.used_in.tables)) if data.used_in else "–"
        here = "yes" if own_folder(id).is_dir() else "no"
        table.add_row(id, tables, data.access.route, here, escape(data.title))
    Console().print(table)
    typer.echo(f"Yours are looked for below {own_folder('ID')}")


@app.command()
def show(id: DataId) -> None:
    """Print everything that is known of a data set, as YAML."""
    manifest = load_gated(id) if id in gated_ids() else load_manifest(_known(id))
    tree = manifest.model_dump(mode="json", exclude_none=True)
    typer.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), nl=False)


@app.command()
def fetch(id: DataId) -> None:
    """Fetch what is open and check its hashes; of other data, say how to ask for them."""
    from dfe.data.archive import fetch_archive
    from dfe.data.fetch import fetch as fetch_open

    if id not in gated_ids():
        typer.echo(fetch_open(load_manifest(_known(id))))
        return
    manifest = load_gated(id)
    if manifest.archive is None:
        raise DataError(_how_to_ask(manifest))
    typer.echo(fetch_archive(manifest))


@app.command()
def verify(
    id: DataId,
    folder: Folder = None,
    counts: Annotated[bool, typer.Option(help="compare counts with the official ones")] = True,
) -> None:
    """Compare files, columns, values and counts with the manifest, and name each difference."""
    from dfe.data.verify import unread
    from dfe.data.verify import verify as compare

    if id not in gated_ids():
        fetch(id)  # of an open source, the hashes say it all
        return
    manifest, path = load_gated(id), folder or own_folder(id)
    if not path.is_dir():
        raise DataError(f"{path}: no such folder. {_how_to_ask(manifest)}")
    found = [one for one in compare(manifest, path) if counts or one.kind != "count"]
    for line in unread(manifest):
        typer.echo(f"not looked into: {line}")
    if found:
        lines = "\n".join(f"  {one}" for one in found)
        raise DataError(f"{path} is not what the manifest of {id} says:\n{lines}")
    typer.echo(f"{path}: as the manifest of {id} says")


@app.command()
def croissant(id: DataId) -> None:
    """Print the manifest of a data set in the Croissant format of MLCommons (JSON-LD)."""
    from dfe.data.croissant import croissant as describe

    typer.echo(json.dumps(describe(_gated(id)), indent=2, ensure_ascii=False))


@app.command()
def ingest(
    id: DataId,
    extractor: Annotated[str, typer.Option(help="which program wrote the files: emoca, smirk, …")],
    folder: Annotated[Path, typer.Option("--from", help="folder of the files that it wrote")],
    version: Annotated[str, typer.Option(help="of the program")] = "unknown",
    every: Annotated[int, typer.Option(min=1, help="keep frames whose number N divides")] = 1,
    names: Annotated[
        str | None, typer.Option(help="regular expression whose group 1 is the clip")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes that read")] = 2,
) -> None:
    """Read what a program wrote for a data set into one file; a call that was stopped goes on."""
    from dfe.data.adapters.registry import adapter
    from dfe.data.ingest import ingest as read_all
    from dfe.data.ingest_progress import ShowProgress, summary_lines
    from dfe.data.ingest_whole import read_report
    from dfe.data.ingested import report_path

    manifest, program = _gated(id), adapter(extractor)
    with ShowProgress(Console()) as shown:
        path = read_all(
            manifest,
            program,
            folder,
            version=version,
            every=every,
            names=names,
            jobs=jobs,
            progress=shown,
        )
    if shown.last.what == "already":
        typer.echo("already ingested from the same files; nothing to do")
    report = report_path(id, extractor)
    typer.echo("\n".join([*summary_lines(read_report(report), shown.last), str(report), str(path)]))


@app.command()
def labels(
    id: DataId,
    folder: Folder = None,
    rule: Annotated[
        str | None, typer.Option(help="classes of stressid: paper (default), site, file, file-v2")
    ] = None,
) -> None:
    """Read the labels of a data set into its table of clips, and say what does not agree."""
    from dfe.data.ingested import clips_path
    from dfe.data.labels.base import write_clips
    from dfe.data.labels.registry import read_labels

    found = read_labels(_gated(id), folder or own_folder(id), rule)
    write_clips(clips_path(id), found.clips)
    for line in found.notes:
        typer.echo(f"note: {line}")
    names = ", ".join(name for name in found.clips if name not in ("clip", "subject", "split"))
    typer.echo(f"{len(found.clips):,} clips with {names}")
    typer.echo(clips_path(id))


def own_folder(id: str) -> Path:
    """Where a reader's copy of a data set lies, unless another folder is named."""
    from dfe.data.fetch import cache_root

    return cache_root() / id


def _gated(id: str) -> GatedManifest:
    """The manifest of data that the reader brings."""
    if id not in gated_ids():
        yours = ", ".join(gated_ids())
        raise DataError(f"{_known(id)} is an open source; you bring these: {yours}")
    return load_gated(id)


def _known(id: str) -> str:
    """The id of an open source; an error lists all ids."""
    if id not in manifest_ids():
        known = ", ".join([*manifest_ids(), *gated_ids()])
        raise ManifestError(f"no data set {id!r}; there are {known}")
    return id


def _how_to_ask(manifest: GatedManifest) -> str:
    access = manifest.access
    if manifest.archive is not None:
        return f"Who signs: {access.sign} {access.ask}"
    return (
        f"{manifest.title} is not fetched by this project ({access.route}). "
        f"Who signs: {access.sign} Where to ask: {access.ask} See {manifest.page}. "
        f"Then put it into {own_folder(manifest.id)}"
    )
