# The graph of a build: features -> executed notebooks -> html.
#   snakemake --cores 2 --config profile=quick
# Everything lands in build/<profile>/. On a cluster add: --executor slurm (extra `cluster`).

import json
import sys
from pathlib import Path

from dfe.book import notebook_names, pages
from dfe.config import (
    CLIP_PAGES,
    FRAME_PAGES,
    PAGE_TASKS,
    SIMULATED_PAGES,
    TASKS,
    load_profile,
    page_settings,
    task_settings,
)
from dfe.data.own import own_inputs, task_files, training_inputs
from dfe.data.ravdess import tracks_state
from dfe.claims import page_claims
from dfe.own_pages import state_text
from dfe.variants import ABLATIONS, READINGS, VARIANTS, variant_profile

SETTINGS = load_profile(config.get("profile", "quick"))
PROFILE = SETTINGS.name
BUILD = f"build/{PROFILE}"
DFE = f"{sys.executable} -m dfe.cli"
NOTEBOOKS = notebook_names()
THREADS = {"02_training": 2}  # other notebooks use one and run side by side
DATABASE = {"05_accuracy", "06_diversity"}  # notebooks that read the simulated database
RUNS = {"11_ablations": ABLATIONS, "12_losses": READINGS}  # notebook -> variants that it compares
LEARNED = {  # settings that a model is made of
    **dict.fromkeys("model loss training corpus".split(), True),
    "own": {"psi", "face", "training"},
}
SCOREBOARD = "16_scoreboard"  # reads what all other notebooks measured
NO_DATA = {"15_audit", SCOREBOARD}  # notebooks that read no frame and no model


def files(*patterns):
    """Files of the checkout that match any of `patterns`, without caches."""
    found = {path for pattern in patterns for path in Path().glob(pattern) if path.is_file()}
    return sorted(str(path) for path in found if "__pycache__" not in path.parts)


CONFIG = [f"dfe/config/{name}.py" for name in "base data model profile".split()]
FACE = [*CONFIG, *files("dfe/face/**/*")]
COHORTS = files("dfe/data/task*.py", "dfe/data/cohorts/*", "dfe/config/cohorts.py")
READERS = files(  # of the reader's own files: they run before a build
    "dfe/data/adapters/*", "dfe/data/labels/*", "dfe/data/ingest*.py", "dfe/data/verify.py", "dfe/data/croissant.py"
)
LANDMARKS = files("dfe/data/archive.py", "dfe/data/ravdess.py", "dfe/data/landmark_*.py")
DATA = [
    name
    for name in files("dfe/data/**/*", "data_manifests/*")
    if name not in {*COHORTS, *READERS, *LANDMARKS}
]
TOOLS = {
    *(f"dfe/{name}.py" for name in "book cli data_cli inserts notebooks regressions".split()),
    *files("dfe/own_pages/*"),
}
VERDICTS = files("dfe/verdicts/*", "dfe/scoreboard/*")
MODULES = [  # without those that change no measured number
    name
    for name in files("dfe/**/*")
    if name not in {*TOOLS, *VERDICTS, *READERS, *LANDMARKS, "dfe/emotions.py"}
]
TRAINING = [
    *FACE,
    *(name for name in DATA if name.endswith(".py")),
    *(f"dfe/{name}.py" for name in "checkpoint checks dictionary files losses".split()),
    *(f"dfe/{name}.py" for name in "model quantizer runs training variants".split()),
]


def models(notebook):
    """The runs that a notebook compares, each a job of its own."""
    return [
        f"{BUILD}/variants/{variant.name}/seed-{seed}/model.safetensors"
        for variant in RUNS.get(notebook, ())
        for seed in SETTINGS.variants.seeds
    ]


def cohorts(notebook):
    """The simulated cohorts that a notebook reads, or the reader's own files in their place."""
    found = []
    for task in PAGE_TASKS.get(notebook, ()):
        if own := task_files(SETTINGS, task):
            if notebook in SIMULATED_PAGES:  # it draws its cohorts itself
                continue
            found += [own.clips, own.psi, *own.observers.values()]
        else:
            found.append(f"{BUILD}/cohorts/{task}.safetensors")
    return [str(path) for path in found]


def basis(notebook):
    """Facial Basis, for the notebooks that compare it."""
    reads = notebook in {*PAGE_TASKS, *CLIP_PAGES} and notebook not in RUNS
    return rules.facial_basis.output if reads else []


def faces(notebook):
    """The frames and the model, for the notebooks that need any."""
    if notebook in NO_DATA:
        return []
    return [
        *rules.features.output,
        *(rules.model.output if SETTINGS.train == "scratch" else []),
        *learned_files(),
        *own_files(SETTINGS.own.frames if notebook in FRAME_PAGES else None),
    ]


def learned_files():
    """What the models learn from, where it is the reader's own, with its manifest."""
    found = [str(path) for path in training_inputs(SETTINGS)]
    return [*found, f"data_manifests/gated/{SETTINGS.own.training}.yaml"] if found else []


def own_files(dataset):
    """What was made of a reader's own data set, and its manifest; nothing where there is none."""
    if not dataset:
        return []
    return [*map(str, own_inputs(SETTINGS, dataset)), f"data_manifests/gated/{dataset}.yaml"]


def recordings(notebook):
    """What the page on recordings with open landmarks is made of; it is built without them too."""
    if notebook not in CLIP_PAGES:
        return []
    readers = [f"dfe/data/adapters/{name}.py" for name in "base openface tables".split()]
    return [*LANDMARKS, "dfe/emotions.py", *readers, "dfe/data/labels/ravdess.py"]


def measured(notebook):
    """What other notebooks measured, and how it is judged, for the scoreboard."""
    if notebook != SCOREBOARD:
        return VERDICTS if notebook in NO_DATA else []
    others = [name for name in NOTEBOOKS if name != SCOREBOARD]
    return [*VERDICTS, *expand(f"{BUILD}/results/{{name}}.results.json", name=others)]


def run_settings(wildcards):
    """What a run depends on, so that another page's settings do not train it again."""
    profile = variant_profile(SETTINGS, wildcards.variant, int(wildcards.seed))
    return profile.model_dump_json(include=LEARNED)


wildcard_constraints:
    task="|".join(TASKS),
    notebook="|".join(NOTEBOOKS),
    variant="|".join(VARIANTS),
    seed="[0-9]+",


rule book:
    input:
        f"{BUILD}/html/index.html",


rule features:
    input:
        FACE,
        DATA,
    output:
        f"{BUILD}/features/real.parquet",
    params:
        settings=SETTINGS.data.model_dump_json(), # a change of these alone extracts again
    shell:
        f"{DFE} features --profile {PROFILE}"


rule appearance:
    input:
        DATA,
        "dfe/observers.py",
        rules.features.output,
    output:
        f"{BUILD}/features/appearance.parquet",
    shell:
        f"{DFE} appearance --profile {PROFILE}"


rule model:
    input:
        TRAINING,
        rules.features.output,
        learned_files(),
    output:
        f"{BUILD}/model/model.safetensors",
        f"{BUILD}/model/log.csv",
    params:
        settings=SETTINGS.model_dump_json(include=LEARNED),
    threads: 2
    shell:
        f"{DFE} train --profile {PROFILE} --resume"


rule variant:
    input:
        TRAINING,
        rules.features.output,
        learned_files(),
    output:
        f"{BUILD}/variants/{{variant}}/seed-{{seed}}/model.safetensors",
    params:
        settings=run_settings,
    shell:
        f"{DFE} train --profile {PROFILE} --variant {{wildcards.variant}} --seed {{wildcards.seed}}"


rule database:
    input:
        TRAINING,
        "dfe/tokens.py",
        files("dfe/assets/*"),
        rules.model.output if SETTINGS.train == "scratch" else [],
    output:
        f"{BUILD}/tokens/simulated.safetensors",
    params:
        settings=SETTINGS.database.model_dump_json(),
    threads: 2
    shell:
        f"{DFE} database --profile {PROFILE}"


rule cohort:
    input:
        FACE,
        COHORTS,
    output:
        f"{BUILD}/cohorts/{{task}}.safetensors",
    params:
        settings=lambda wildcards: json.dumps(task_settings(SETTINGS, wildcards.task)),
    shell:
        f"{DFE} cohort {{wildcards.task}} --profile {PROFILE}"


rule facial_basis:
    input:
        FACE,
        DATA,
        "dfe/facial_basis.py",
        rules.features.output,
    output:
        f"{BUILD}/facial_basis/basis.safetensors",
    params:
        settings=SETTINGS.corpus.model_dump_json()
        + SETTINGS.utility.model_dump_json(include={"basis_rows", "basis_rounds", "seed"}),
    shell:
        f"{DFE} facial-basis --profile {PROFILE}"


rule notebook:
    input:
        lambda wildcards: cohorts(wildcards.notebook),
        lambda wildcards: basis(wildcards.notebook),
        lambda wildcards: rules.database.output if wildcards.notebook in DATABASE else [],
        lambda wildcards: rules.appearance.output if wildcards.notebook == "05_accuracy" else [],
        lambda wildcards: models(wildcards.notebook),
        lambda wildcards: faces(wildcards.notebook),
        lambda wildcards: recordings(wildcards.notebook),
        lambda wildcards: measured(wildcards.notebook),
        MODULES,
        "notebooks/{notebook}.ipynb",
    output:
        f"{BUILD}/notebooks/{{notebook}}.ipynb",
        f"{BUILD}/results/{{notebook}}.results.json",
    params:
        settings=lambda wildcards: json.dumps(page_settings(SETTINGS, wildcards.notebook)),
        claims=lambda wildcards: page_claims(wildcards.notebook), # the numbers it prints
        tracks=lambda wildcards: tracks_state() if wildcards.notebook in CLIP_PAGES else "",
    threads: lambda wildcards: THREADS.get(wildcards.notebook, 1)
    shell:
        f"{DFE} notebook {{wildcards.notebook}} --profile {PROFILE}"


rule html:
    input:
        expand(f"{BUILD}/notebooks/{{name}}.ipynb", name=NOTEBOOKS),
        expand(f"{BUILD}/results/{{name}}.results.json", name=NOTEBOOKS),
        files("book/**/*", "data_manifests/**/*.yaml", "dfe/own_pages/*", "dfe/data/gated*.py"),
        "_config.yml",
        "_toc.yml",
        "dfe/book.py",
        "dfe/inserts.py",
        "dfe/data/own.py",
        VERDICTS,
    output:
        update(f"{BUILD}/html/index.html"), # the old book stays until the new one is whole
    params:
        settings=SETTINGS.announcement,
        have=state_text(SETTINGS), # which of the reader's data are here
    shell:
        f"{DFE} book --profile {PROFILE}"
