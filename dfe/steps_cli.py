"""The steps of a build as commands: `dfe build` runs them, and each can be run by hand."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from dfe.config import TaskName, build_folder, load_profile, override
from dfe.jobs import job_name, running_job
from dfe.options import ProfileName
from dfe.parameters import with_parameters


def features(profile: ProfileName = "quick") -> None:
    """Fetch the real frames and write build/<profile>/features/real.parquet."""
    from dfe.data.real_features import build_real_features, features_path

    settings = load_profile(profile)
    with running_job(settings, "features"):
        typer.echo(build_real_features(settings, features_path(settings)))


def appearance(profile: ProfileName = "quick") -> None:
    """Describe the pictures among the real frames: build/<profile>/features/appearance.parquet."""
    from dfe.appearance import appearance_path, load_appearance

    settings = load_profile(profile)
    with running_job(settings, "appearance"):
        appearance_path(settings).unlink(missing_ok=True)
        load_appearance(settings)
    typer.echo(appearance_path(settings))


def train(
    profile: ProfileName = "quick",
    output: Annotated[Path | None, typer.Option(help="folder; build/<profile>/model")] = None,
    resume: Annotated[bool, typer.Option(help="continue from the folder's checkpoint")] = False,
    variant: Annotated[str | None, typer.Option(help="a run of the ablation chapters")] = None,
    seed: Annotated[int | None, typer.Option(help="seed; the profile's own", min=0)] = None,
    code: Annotated[str | None, typer.Option(help="hash: continue what it began, if any")] = None,
) -> None:
    """Train one model from scratch with the profile's settings, or one variant of them.

    Started by `torchrun`, its processes train one model together.
    """
    from dfe.distributed import is_first, process_group
    from dfe.runs import model_folder, run_training, variant_folder
    from dfe.training import pick_device
    from dfe.variants import variant_profile

    settings, job = load_profile(profile), "model"
    trained = override(settings, {"training.seed": seed})
    folder = model_folder(trained)
    if variant is not None:
        seed = settings.training.seed if seed is None else seed
        trained, folder = (
            variant_profile(settings, variant, seed),
            variant_folder(settings, variant, seed),
        )
        job = job_name("variant", variant, str(seed))
    with process_group(pick_device(trained.training.device).type), ExitStack() as stack:
        if is_first() and output is None:
            stack.enter_context(running_job(settings, job))
        path = run_training(trained, output or folder, resume, code)
        if is_first():
            typer.echo(path)


def database(profile: ProfileName = "quick") -> None:
    """Simulate and encode the frames that the accuracy and diversity pages share."""
    from dfe.database import load_database
    from dfe.face import OpenHead
    from dfe.runs import load_model

    settings = load_profile(profile)
    with running_job(settings, "database"):
        found = load_database(settings, load_model(settings, OpenHead.name))
    typer.echo(f"{len(found.codes)} simulated frames in {build_folder(settings) / 'tokens'}")


def cohort(
    task: Annotated[TaskName, typer.Argument(help="smiles, stress, depression or personality")],
    profile: ProfileName = "quick",
) -> None:
    """Simulate one labeled cohort: build/<profile>/cohorts/<task>.safetensors."""
    from dfe.cohorts import load_task, task_path

    settings = load_profile(profile)
    with running_job(settings, job_name("cohort", task)):
        task_path(settings, task).unlink(missing_ok=True)
        load_task(settings, task)
    typer.echo(task_path(settings, task))


def facial_basis(profile: ProfileName = "quick") -> None:
    """Fit the Facial Basis to the training corpus: build/<profile>/facial_basis."""
    from dfe.basis import facial_basis_path, load_facial_basis

    settings = load_profile(profile)
    with running_job(settings, "facial_basis"):
        facial_basis_path(settings).unlink(missing_ok=True)
        load_facial_basis(settings)
    typer.echo(facial_basis_path(settings))


def notebook(
    name: Annotated[str, typer.Argument(help="such as 03_templates")],
    profile: ProfileName = "quick",
    given: Annotated[str, typer.Option(help="parameters of the notebook, as JSON")] = "{}",
    point: Annotated[str, typer.Option(help="name of a point of a grid; its results apart")] = "",
) -> None:
    """Execute one notebook into build/<profile>/notebooks."""
    from dfe.notebooks import execute

    settings, parameters = load_profile(profile), json.loads(given)
    folder: Path = build_folder(settings)
    job = job_name("notebook", name)
    if point:
        folder, job = folder / "sweeps" / name / point, job_name("sweep", name, point)
    with_parameters(settings, name, parameters)  # before anything runs
    with running_job(settings, job) as record:
        typer.echo(execute(name, settings, parameters, folder, record))


def book(
    profile: ProfileName = "quick",
    given: Annotated[str, typer.Option(help="parameters of pages in this build, as JSON")] = "{}",
    sweeps: Annotated[str, typer.Option(help="grids of this build, as JSON")] = "{}",
) -> None:
    """Build the html from the executed notebooks (`dfe build` runs all that comes before)."""
    from dfe.book import Edition, build_html

    settings = load_profile(profile)
    edition = Edition(json.loads(given), json.loads(sweeps))
    with running_job(settings, "html"):
        typer.echo(build_html(settings, edition) / "index.html")


def add_to(app: typer.Typer) -> None:
    """Give the steps to a command line."""
    for command in (features, appearance, train, database, cohort, notebook, book):
        app.command()(command)
    app.command("facial-basis")(facial_basis)
