"""The `dfe` command: thin wrappers, so that every step of a build can also be run by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console

from dfe import data_cli
from dfe.config import TaskName, build_folder, load_profile

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
profile_app = typer.Typer(no_args_is_help=True, help="Look at the settings of a build.")
app.add_typer(profile_app, name="profile")
app.add_typer(data_cli.app, name="data")

ProfileName = Annotated[
    str, typer.Option("--profile", help="smoke, quick, open, paper, or a YAML file")
]


@profile_app.command("show")
def profile_show(name: Annotated[str, typer.Argument(help="profile or YAML file")]) -> None:
    """Print every setting of a profile, defaults included, as YAML."""
    settings = load_profile(name).model_dump(mode="json")
    typer.echo(yaml.safe_dump(settings, sort_keys=False), nl=False)


@app.command()
def features(profile: ProfileName = "quick") -> None:
    """Fetch the real frames and write build/<profile>/features/real.parquet."""
    from dfe.data.real import build_real_features, features_path

    settings = load_profile(profile)
    typer.echo(build_real_features(settings, features_path(settings)))


@app.command()
def appearance(profile: ProfileName = "quick") -> None:
    """Describe the pictures among the real frames: build/<profile>/features/appearance.parquet."""
    from dfe.runs import appearance_path, load_appearance

    settings = load_profile(profile)
    appearance_path(settings).unlink(missing_ok=True)
    load_appearance(settings)
    typer.echo(appearance_path(settings))


@app.command()
def train(
    profile: ProfileName = "quick",
    output: Annotated[Path | None, typer.Option(help="folder; build/<profile>/model")] = None,
    resume: Annotated[bool, typer.Option(help="continue from the folder's checkpoint")] = False,
    variant: Annotated[str | None, typer.Option(help="a run of the ablation chapters")] = None,
    seed: Annotated[int | None, typer.Option(help="seed; the profile's own", min=0)] = None,
) -> None:
    """Train one model from scratch with the profile's settings, or one variant of them."""
    from dfe.runs import run_training, variant_folder
    from dfe.variants import variant_profile

    settings = load_profile(profile, {"training.seed": seed})
    folder = build_folder(settings) / "model"
    if variant is not None:
        seed = settings.training.seed
        folder = variant_folder(settings, variant, seed)
        settings = variant_profile(settings, variant, seed)
    typer.echo(run_training(settings, output or folder, resume))


@app.command()
def database(profile: ProfileName = "quick") -> None:
    """Simulate and encode the frames that the accuracy and diversity pages share."""
    from dfe.face import OpenHead
    from dfe.runs import load_database, load_model

    settings = load_profile(profile)
    found = load_database(settings, load_model(settings, OpenHead.name))
    typer.echo(f"{len(found.codes)} simulated frames in {build_folder(settings) / 'tokens'}")


@app.command()
def cohort(
    task: Annotated[TaskName, typer.Argument(help="smiles, stress, depression or personality")],
    profile: ProfileName = "quick",
) -> None:
    """Simulate one labeled cohort: build/<profile>/cohorts/<task>.safetensors."""
    from dfe.tasks import load_task, task_path

    settings = load_profile(profile)
    task_path(settings, task).unlink(missing_ok=True)
    load_task(settings, task)
    typer.echo(task_path(settings, task))


@app.command("facial-basis")
def facial_basis(profile: ProfileName = "quick") -> None:
    """Fit the Facial Basis to the training corpus: build/<profile>/facial_basis."""
    from dfe.tasks import facial_basis_path, load_facial_basis

    settings = load_profile(profile)
    facial_basis_path(settings).unlink(missing_ok=True)
    load_facial_basis(settings)
    typer.echo(facial_basis_path(settings))


@app.command()
def notebook(
    name: Annotated[str, typer.Argument(help="such as 03_templates")],
    profile: ProfileName = "quick",
) -> None:
    """Execute one notebook into build/<profile>/notebooks."""
    from dfe.notebooks import execute

    typer.echo(f"executing {name}")
    typer.echo(execute(name, load_profile(profile)))


@app.command()
def book(profile: ProfileName = "quick") -> None:
    """Build the html from the executed notebooks (`make book` runs all that comes before)."""
    from dfe.book import build_html

    typer.echo(build_html(load_profile(profile)) / "index.html")


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
