"""What each job of a build is made of: settings, code, packages and hashes of data.

Each is a mapping of names to short texts, and a parameter of the job's rule: Snakemake runs the
job again when it changes, and `dfe status` names what differs. Files that other jobs make are not
here: Snakemake watches those.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dfe.claims import Claims, book_claims, page_claims
from dfe.config import (
    CLIP_PAGES,
    NO_MODEL,
    ConfigError,
    Profile,
    page_settings,
    project_root,
    task_settings,
)
from dfe.data.fetch import sha256_file
from dfe.data.manifest import load_manifest
from dfe.data.ravdess import tracks_state
from dfe.dependencies import package_versions
from dfe.imports import code_digest, files_of_code, files_of_modules, source_digest, third_party
from dfe.own_pages import state_text
from dfe.repository import find_repository, launch_settings
from dfe.variants import variant_profile

MadeOf = dict[str, str]
PYTHON = "package python"  # among the packages of every job
#: Rule -> the modules that its command runs.
CODE: Mapping[str, tuple[str, ...]] = {
    "features": ("dfe.data.real_features",),
    "appearance": ("dfe.appearance",),
    "model": ("dfe.runs",),
    "variant": ("dfe.runs", "dfe.variants"),
    "database": ("dfe.database", "dfe.runs"),
    "cohort": ("dfe.cohorts",),
    "facial_basis": ("dfe.basis",),
    "html": ("dfe.book",),
}
#: Rule -> packages that it starts as programs, so that no import names them.
STARTED: Mapping[str, set[str]] = {"html": {"jupyter_book", "sphinx_mathjax_offline"}}
#: Settings that a model is made of, as `model_dump` takes them.
LEARNED: Mapping[str, Any] = {
    **dict.fromkeys("model loss training corpus".split(), True),
    "own": {"psi", "face", "training"},
}


def made_of(profile: Profile, rule: str, *wildcards: str) -> MadeOf:
    """What a job is made of.

    Parameters
    ----------
    profile
        The settings of the build; for a notebook those with its parameters.
    rule, wildcards
        The job, such as ``"cohort", "stress"`` or ``"variant", "k16", "0"``.

    Raises
    ------
    ConfigError
        If there is no such rule.
    """
    if rule == "notebook":
        return _notebook(profile, *wildcards)
    if rule not in CODE:
        raise ConfigError(f"no job {rule!r}; known: {sorted([*CODE, 'notebook'])}")
    return _settings(_SETTINGS[rule](profile, *wildcards)) | code(*CODE[rule]) | _tools(rule)


def as_text(made: MadeOf) -> str:
    """One line for Snakemake."""
    return json.dumps(made, sort_keys=True, ensure_ascii=False)


def identity(made: MadeOf) -> str:
    """Hash of all that a job is made of."""
    return hashlib.sha256(as_text(made).encode()).hexdigest()


@cache
def code(*modules: str) -> MadeOf:
    """Files of `dfe` behind some modules, and the packages behind them."""
    files = files_of_modules(*modules)
    return _files(files) | _packages(third_party(files))


def _files(files: tuple[Path, ...]) -> MadeOf:
    root = files_of_modules("dfe")[0].parent.parent
    return {path.relative_to(root).as_posix(): code_digest(path) for path in files}


def _packages(names: set[str]) -> MadeOf:
    return {f"package {name}": found for name, found in package_versions(names).items()}


@cache
def _tools(rule: str) -> MadeOf:
    return _packages(STARTED.get(rule, set()))


def _settings(tree: Mapping[str, Any]) -> MadeOf:
    """Settings as dotted names; names and values stand unchanged in a quoted text."""
    return {_plain(name): _plain(value) for name, value in _leaves(tree)}


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    plain = "".join(c if c.isprintable() and c not in "\"'\\" else "`" for c in text)
    lost = isinstance(value, str) and plain != text
    return f"{plain} ({_hash(text)})" if lost else plain  # another text is another value


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _leaves(tree: Mapping[str, Any], around: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{around}{name}.")
        else:
            yield f"{around}{name}", value


def _manifests(profile: Profile) -> dict[str, str]:
    found = (load_manifest(source).model_dump_json() for source in profile.data.sources)
    return {
        f"data_manifests/{source}": _hash(text)
        for source, text in zip(profile.data.sources, found, strict=True)
    }


def _dump(profile: Profile, include: Any) -> dict[str, Any]:
    return profile.model_dump(mode="json", include=include)


def _run(profile: Profile, variant: str, seed: str) -> dict[str, Any]:
    return _dump(variant_profile(profile, variant, int(seed)), LEARNED)


_SETTINGS: Mapping[str, Callable[..., Mapping[str, Any]]] = {
    "features": lambda p: _dump(p, {"data"}) | _manifests(p),
    "appearance": lambda p: _dump(p, {"data"}),
    "model": lambda p: _dump(p, LEARNED),
    "variant": _run,
    "database": lambda p: _dump(p, {"database", "train", "checkpoint"}) | _checkpoint(p),
    "cohort": lambda p, task: {"cohorts": task_settings(p, task)},
    "facial_basis": lambda p: _dump(
        p, {"corpus": True, "utility": {"basis_rows", "basis_rounds", "seed"}}
    ),
    "html": lambda p: _dump(p, {"announcement"}) | _around(p),
}


def _around(profile: Profile) -> dict[str, str]:
    """What the html shows of the reader's data and of where the project is published."""
    launch = launch_settings(find_repository(project_root()))
    have = _hash(state_text(profile))
    return {"own data that are there": have, "launch links": _hash(str(launch))}


def _checkpoint(profile: Profile) -> dict[str, str]:
    path = profile.checkpoint
    return {f"file {path}": sha256_file(path)[:12]} if path and path.is_file() else {}


def notebook_code(name: str) -> str:
    """All code of a notebook, without its text."""
    path = project_root() / "notebooks" / f"{name}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def _in_profile(name: str, notebook: str) -> str:
    """Name that a setting of `page_settings` has in a profile."""
    if name.startswith("page."):
        return f"pages.{notebook.partition('_')[2]}.{name.removeprefix('page.')}"
    return re.sub(r"^tasks\.(\w+)\.(people|observers|\1)\.", r"cohorts.\2.", name)


@cache
def _claims() -> Claims:
    return book_claims()  # once for all pages: its YAML is long


def _notebook(profile: Profile, name: str) -> MadeOf:
    source = notebook_code(name)
    files = files_of_code(source)
    more = {
        f"notebooks/{name}.ipynb": source_digest(source),
        "book/claims.yml": _hash(page_claims(name, _claims())),
    }
    if name in CLIP_PAGES:
        more["recordings"] = _plain(tracks_state())
    if name not in NO_MODEL:
        more |= _checkpoint(profile)
    settings = {_in_profile(n, name): v for n, v in _settings(page_settings(profile, name)).items()}
    return settings | more | _files(files) | _packages(third_party(files, source))
