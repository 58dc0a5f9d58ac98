# The graph of a build: features -> models, cohorts -> executed notebooks -> html.
#   dfe build --profile quick                       shows progress, guards against a second build
#   snakemake --cores 2 --config profile=quick      the same graph, without them
# Everything lands in build/<profile>/. Each rule's `made_of` holds the settings, the code that it
# imports, the packages behind that code and the hashes of data (dfe/building/made_of.py): a rule
# runs again when one of them changes, or a file that another rule makes.

import json
import shlex
import sys
from pathlib import Path

from dfe.book import notebook_names
from dfe.building.made_of import as_text, identity, made_of
from dfe.config import (
    CLIP_PAGES,
    FRAME_PAGES,
    NO_FRAMES,
    NO_MODEL,
    PAGE_TASKS,
    SIMULATED_PAGES,
    TASKS,
    load_profile,
)
from dfe.data.own import ingested, own_inputs, task_files, training_inputs
from dfe.parameters import with_parameters
from dfe.variants import ABLATIONS, READINGS, VARIANTS

ASKED = config.get("profile", "quick")  # name of a profile, or path of a YAML file
QUOTED = shlex.quote(str(ASKED))
SETTINGS = load_profile(ASKED)
PROFILE = SETTINGS.name
BUILD = f"build/{PROFILE}"
# Sums, and so low digits, depend on the number of threads: a job has the same on any machine.
THREADED = "OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} OPENBLAS_NUM_THREADS={threads}"
# With staged storage, files of the build lie elsewhere: where the job's first output is to be.
STAGED = f'built={{output[0]}}; export DFE_BUILD="${{{{built%/{PROFILE}/*}}}}"'
DFE = f"{STAGED}; {THREADED} {sys.executable} -m dfe.cli"
NOTEBOOKS = notebook_names()
# Texts after a mark that YAML does not read: Snakemake would turn the values in them into strings.
GIVEN = json.loads(config.get("set", "@{}")[1:])  # notebook -> its parameters in this build
SWEEPS = json.loads(config.get("sweep", "@{}")[1:])  # notebook -> name of a point -> parameters
for name, parameters in GIVEN.items():  # before anything runs
    with_parameters(SETTINGS, name, parameters)
THREADS = {"02_training": 2}  # other notebooks use one and run side by side
DATABASE = {"05_accuracy", "06_diversity"}  # notebooks that read the simulated database
RUNS = {"11_ablations": ABLATIONS, "12_losses": READINGS}  # notebook -> variants that it compares
SCOREBOARD = "16_scoreboard"  # reads what all other notebooks measured


def files(*patterns):
    """Files of the checkout that match any of `patterns`."""
    return sorted({str(p) for pattern in patterns for p in Path().glob(pattern) if p.is_file()})


def of(rule):
    """What a job of a rule is made of, for `params`."""
    return lambda wildcards: as_text(made_of(SETTINGS, rule, *wildcards))


def hash_of(rule):
    """The same as one hash: a training run continues a state of just this hash."""
    return lambda wildcards: identity(made_of(SETTINGS, rule, *wildcards))


def models(notebook):
    """The runs that a notebook compares, each a job of its own."""
    return [
        f"{BUILD}/variants/{variant.name}/seed-{seed}/model.safetensors"
        for variant in RUNS.get(notebook, ())
        for seed in settings_of(notebook).variants.seeds
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


def frames(notebook):
    """The frames and the model, for the notebooks that need any."""
    if notebook in NO_FRAMES:
        return []
    model = SETTINGS.train == "scratch" and notebook not in NO_MODEL
    appearance = rules.appearance.output if notebook == "05_accuracy" else []
    return [*rules.features.output, *appearance, *(rules.model.output if model else [])]


def own(notebook):
    """What was made of the reader's own data, with its manifests, for the notebooks that read it."""
    found = [] if notebook in NO_FRAMES else learned_files()
    dataset = SETTINGS.own.frames if notebook in FRAME_PAGES else None
    if dataset:
        only = notebook in RUNS  # these read expression vectors alone
        paths = [ingested(dataset, SETTINGS.own.psi)] if only else own_inputs(SETTINGS, dataset)
        found += [*map(str, paths), f"data_manifests/gated/{dataset}.yaml"]
    return sorted({*found})


def learned_files():
    """What the models learn from, where it is the reader's own, with its manifest."""
    found = [str(path) for path in training_inputs(SETTINGS)]
    return [*found, f"data_manifests/gated/{SETTINGS.own.training}.yaml"] if found else []


def measured(notebook):
    """What other notebooks measured, for the scoreboard."""
    if notebook != SCOREBOARD:
        return []
    others = [name for name in NOTEBOOKS if name != SCOREBOARD]
    return expand(f"{BUILD}/results/{{name}}.results.json", name=others)


def page_inputs(notebook):
    """All files of other jobs, and of the reader's own, that a notebook reads."""
    database = rules.database.output if notebook in DATABASE else []
    found = [cohorts(notebook), basis(notebook), database, models(notebook), frames(notebook)]
    return [*(path for paths in found for path in paths), *own(notebook), *measured(notebook)]


def settings_of(notebook):
    """The settings of a page in this build."""
    return with_parameters(SETTINGS, notebook, GIVEN.get(notebook, {}))


def page_made_of(notebook, parameters):
    """What a page with some parameters is made of."""
    settings = with_parameters(SETTINGS, notebook, parameters)
    return as_text(made_of(settings, "notebook", notebook))


def points():
    """Every notebook of every grid."""
    return [
        f"{BUILD}/sweeps/{name}/{point}/{part}"
        for name, grid in SWEEPS.items()
        for point in grid
        for part in (f"notebooks/{name}.ipynb", f"results/{name}.results.json")
    ]


wildcard_constraints:
    task="|".join(TASKS),
    notebook="|".join(NOTEBOOKS),
    point="[^/]+",
    variant="|".join(VARIANTS),
    seed="[0-9]+",


rule book:
    input:
        f"{BUILD}/html/index.html",


rule features:
    output:
        f"{BUILD}/features/real.parquet",
    log:
        f"{BUILD}/logs/features.log",
    params:
        made_of=of("features"),
    shell:
        f"{DFE} features --profile {QUOTED} > {{log}} 2>&1"


rule appearance:
    input:
        rules.features.output,
    output:
        f"{BUILD}/features/appearance.parquet",
    log:
        f"{BUILD}/logs/appearance.log",
    params:
        made_of=of("appearance"),
    shell:
        f"{DFE} appearance --profile {QUOTED} > {{log}} 2>&1"


rule model:
    input:
        rules.features.output,
        learned_files(),
    output:
        f"{BUILD}/model/model.safetensors",
        f"{BUILD}/model/log.csv",
    log:
        f"{BUILD}/logs/model.log",
    params:
        made_of=of("model"),
        code=hash_of("model"),
    threads: 2
    shell:
        f"{DFE} train --profile {QUOTED} --code {{params.code}} > {{log}} 2>&1"


rule variant:
    input:
        rules.features.output,
        learned_files(),
    output:
        f"{BUILD}/variants/{{variant}}/seed-{{seed}}/model.safetensors",
    log:
        f"{BUILD}/logs/variant-{{variant}}-{{seed}}.log",
    params:
        made_of=of("variant"),
        code=hash_of("variant"),
    shell:
        f"{DFE} train --profile {QUOTED} --variant {{wildcards.variant}} --seed {{wildcards.seed}}"
        " --code {params.code} > {log} 2>&1"


rule database:
    input:
        rules.model.output if SETTINGS.train == "scratch" else [],
    output:
        f"{BUILD}/tokens/simulated.safetensors",
    log:
        f"{BUILD}/logs/database.log",
    params:
        made_of=of("database"),
    threads: 2
    shell:
        f"{DFE} database --profile {QUOTED} > {{log}} 2>&1"


rule cohort:
    output:
        f"{BUILD}/cohorts/{{task}}.safetensors",
    log:
        f"{BUILD}/logs/cohort-{{task}}.log",
    params:
        made_of=of("cohort"),
    shell:
        f"{DFE} cohort {{wildcards.task}} --profile {QUOTED} > {{log}} 2>&1"


rule facial_basis:
    input:
        rules.features.output,
    output:
        f"{BUILD}/facial_basis/basis.safetensors",
    log:
        f"{BUILD}/logs/facial_basis.log",
    params:
        made_of=of("facial_basis"),
    shell:
        f"{DFE} facial-basis --profile {QUOTED} > {{log}} 2>&1"


rule notebook:
    input:
        lambda wildcards: page_inputs(wildcards.notebook),
    output:
        f"{BUILD}/notebooks/{{notebook}}.ipynb",
        f"{BUILD}/results/{{notebook}}.results.json",
    log:
        f"{BUILD}/logs/notebook-{{notebook}}.log",
    params:
        made_of=lambda w: page_made_of(w.notebook, GIVEN.get(w.notebook, {})),
        given=lambda w: json.dumps(GIVEN.get(w.notebook, {})),
    threads: lambda wildcards: THREADS.get(wildcards.notebook, 1)
    shell:
        f"{DFE} notebook {{wildcards.notebook}} --profile {QUOTED} --given {{params.given:q}}"
        " > {log} 2>&1"


rule sweep:
    input:
        lambda wildcards: page_inputs(wildcards.notebook),
    output:
        f"{BUILD}/sweeps/{{notebook}}/{{point}}/notebooks/{{notebook}}.ipynb",
        f"{BUILD}/sweeps/{{notebook}}/{{point}}/results/{{notebook}}.results.json",
    log:
        f"{BUILD}/logs/sweep-{{notebook}}-{{point}}.log",
    params:
        made_of=lambda w: page_made_of(w.notebook, SWEEPS[w.notebook][w.point]),
        given=lambda w: json.dumps(SWEEPS[w.notebook][w.point]),
    threads: lambda wildcards: THREADS.get(wildcards.notebook, 1)
    shell:
        f"{DFE} notebook {{wildcards.notebook}} --profile {QUOTED} --given {{params.given:q}}"
        " --point {wildcards.point:q} > {log} 2>&1"


rule html:
    input:
        expand(f"{BUILD}/notebooks/{{name}}.ipynb", name=NOTEBOOKS),
        expand(f"{BUILD}/results/{{name}}.results.json", name=NOTEBOOKS),
        points(),
        files("book/**/*", "data_manifests/**/*.yaml", "notebooks/*.ipynb"), # their prose, too
        "_config.yml",
        "_toc.yml",
    output:
        update(f"{BUILD}/html/index.html"), # the old book stays until the new one is whole
    log:
        f"{BUILD}/logs/html.log",
    params:
        made_of=of("html"),
        given=lambda w: json.dumps(GIVEN),
        sweeps=lambda w: json.dumps(SWEEPS),
    shell:
        f"{DFE} book --profile {QUOTED} --given {{params.given:q}} --sweeps {{params.sweeps:q}}"
        " > {log} 2>&1"
