"""The `dfe` command: thin wrappers, so that every step of a build can also be run by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
import yaml
from rich.console import Console

from dfe import data_cli, steps_cli
from dfe.build_cli import build, status
from dfe.config import build_folder, load_profile, project_root
from dfe.options import ProfileName

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
profile_app = typer.Typer(no_args_is_help=True, help="Look at the settings of a build.")
app.add_typer(profile_app, name="profile")
app.add_typer(data_cli.app, name="data")
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": False})(build)
app.command()(status)
steps_cli.add_to(app)


@profile_app.command("show")
def profile_show(name: Annotated[str, typer.Argument(help="profile or YAML file")]) -> None:
    """Print every setting of a profile, defaults included, as YAML."""
    settings = load_profile(name).model_dump(mode="json")
    typer.echo(yaml.safe_dump(settings, sort_keys=False), nl=False)


@app.command()
def encode(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Parquet file, or folder of them")
    ],
    output: Annotated[Path, typer.Option(help="folder for the tokens")],
    model: Annotated[str, typer.Option(help="open, or a model.safetensors")] = "open",
    shard: Annotated[str, typer.Option(help="I/N: the share of job I of N")] = "1/1",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option()] = "auto",
    rows_per_batch: Annotated[int, typer.Option(help="bounds the memory", min=1)] = 32768,
    error: Annotated[bool, typer.Option(help="add the reconstruction error of each row")] = False,
    face: Annotated[str | None, typer.Option(help="face of vectors in files naming none")] = None,
) -> None:
    """Write the tokens of a Parquet data set of any size; what is there already is kept."""
    from dfe.encoding import Done, Shard, encode_dataset
    from dfe.model import DFE
    from dfe.runs import model_face
    from dfe.training import pick_device

    def show(done: Done) -> None:
        said = "encoded" if done.made else "there already"
        typer.echo(f"{done.part.output}: {done.part.rows} rows, {said}")

    loaded, job = DFE.from_pretrained(model), Shard.parse(shard)
    done = encode_dataset(
        loaded.to(pick_device(device)),
        source,
        output,
        model_face(loaded),
        unnamed=face,
        shard=job,
        rows_per_batch=rows_per_batch,
        error=error,
        progress=show,
    )
    typer.echo(f"shard {job}: {len(done)} parts, {sum(one.part.rows for one in done)} rows")


@app.command()
def publish(
    profile: ProfileName = "quick",
    repository: Annotated[str | None, typer.Option(help="https://github.com/OWNER/NAME")] = None,
    max_file_mb: Annotated[float, typer.Option(help="largest size of one file", min=0)] = 10.0,
    allow_stale: Annotated[bool, typer.Option(help="publish a build that is not fresh")] = False,
) -> None:
    """Check the html and write build/<profile>/publish: site, metadata, archive, checksums."""
    from dfe.building.status import build_status
    from dfe.publishing import publish as publish_build
    from dfe.repository import find_repository

    where = find_repository(project_root(), repository)
    settings = load_profile(profile)
    built = (build_folder(settings) / "html" / "index.html").is_file()
    waiting = [s for s in build_status(profile) if s.standing != "fresh"] if built else []
    stale = [f"{s.job}: {s.reason or s.standing}" for s in waiting]
    typer.echo(publish_build(settings, where, max_file_mb, stale, allow_stale))


@app.command()
def check(
    profile: ProfileName = "quick",
    record: Annotated[bool, typer.Option(help="make this build the recorded one")] = False,
    widen: Annotated[bool, typer.Option(help="let differences to this build pass, too")] = False,
) -> None:
    """Say whether the claims that held in the recorded build of a profile still hold."""
    from dfe.regressions import check_build, record_build, widen_record

    settings = load_profile(profile)
    if record or widen:
        typer.echo(record_build(settings) if record else widen_record(settings))
        return
    for line in check_build(settings):
        typer.echo(line)


def main() -> None:
    """Entry point: an error that we foresaw is a message and exit status 1, not a traceback."""
    try:
        app()
    except (ValueError, RuntimeError, FileNotFoundError) as error:
        if not type(error).__module__.startswith("dfe."):
            raise
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
