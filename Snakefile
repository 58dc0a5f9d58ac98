# The graph of a build: features -> executed notebooks -> html.
#   snakemake --cores 2 --config profile=quick
# Everything lands in build/<profile>/. On a cluster add: --executor slurm (extra `cluster`).

import sys
from pathlib import Path

from dfe.book import notebook_names, pages
from dfe.config import load_profile
from dfe.variants import ABLATIONS, READINGS, VARIANTS, variant_profile

SETTINGS = load_profile(config.get("profile", "quick"))
PROFILE = SETTINGS.name
BUILD = f"build/{PROFILE}"
DFE = f"{sys.executable} -m dfe.cli"
NOTEBOOKS = notebook_names()
THREADS = {"02_training": 2}  # other notebooks use one and run side by side
DATABASE = {"05_accuracy", "06_diversity"}  # notebooks that read the simulated database
RUNS = {"11_ablations": ABLATIONS, "12_losses": READINGS}  # notebook -> variants that it compares


def files(*patterns):
    """Files of the checkout that match any of `patterns`, without caches."""
    found = {path for pattern in patterns for path in Path().glob(pattern) if path.is_file()}
    return sorted(str(path) for path in found if "__pycache__" not in path.parts)


FACE = files("dfe/config/*", "dfe/face/**/*")
DATA = files("dfe/data/**/*", "data_manifests/*")
TOOLS = {"dfe/book.py", "dfe/cli.py", "dfe/notebooks.py"}  # they change no number
MODULES = [name for name in files("dfe/**/*") if name not in TOOLS]


TRAINING = [
    *files("dfe/config/*", "dfe/data/*", "dfe/data/extract/*", "dfe/face/**/*"),
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


def run_settings(wildcards):
    """What a run depends on, so that another page's settings do not train it again."""
    profile = variant_profile(SETTINGS, wildcards.variant, int(wildcards.seed))
    return profile.model_dump_json(include={"model", "loss", "training", "corpus"})


wildcard_constraints:
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
        MODULES,
        f"profiles/{PROFILE}.yaml",
        rules.features.output,
    output:
        f"{BUILD}/model/model.safetensors",
        f"{BUILD}/model/log.csv",
    threads: 2
    shell:
        f"{DFE} train --profile {PROFILE} --resume"


rule variant:
    input:
        TRAINING,
        rules.features.output,
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


rule notebook:
    input:
        lambda wildcards: rules.database.output if wildcards.notebook in DATABASE else [],
        lambda wildcards: rules.appearance.output if wildcards.notebook == "05_accuracy" else [],
        lambda wildcards: models(wildcards.notebook),
        MODULES,
        rules.model.output if SETTINGS.train == "scratch" else [],
        "notebooks/{notebook}.ipynb",
        f"profiles/{PROFILE}.yaml",
        rules.features.output,
    output:
        f"{BUILD}/notebooks/{{notebook}}.ipynb",
    threads: lambda wildcards: THREADS.get(wildcards.notebook, 1)
    shell:
        f"{DFE} notebook {{wildcards.notebook}} --profile {PROFILE}"


rule html:
    input:
        expand(f"{BUILD}/notebooks/{{name}}.ipynb", name=NOTEBOOKS),
        files("book/**/*"),
        "_config.yml",
        "_toc.yml",
        "dfe/book.py",
    output:
        update(f"{BUILD}/html/index.html"), # the old book stays until the new one is whole
    shell:
        f"{DFE} book --profile {PROFILE}"
