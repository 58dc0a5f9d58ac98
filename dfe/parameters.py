"""Parameters of notebooks: which there are, what they set, and no others."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

from dfe.config import ConfigError, Profile, did_you_mean, override, project_root

INJECTED = "# Parameters\n"  # papermill starts the cell that it injects with this line
PROFILE = "profile"  # the parameter that every notebook has


def check_parameters() -> None:
    """Refuse a parameter that papermill injected but the notebook does not declare.

    Papermill only logs a warning for ``-p stpes 100`` and runs with the default, so the second
    cell of each notebook calls this. Outside IPython there is nothing to check.

    Raises
    ------
    ConfigError
        If an injected name is assigned nowhere else in the cells run so far.
    """
    from IPython import get_ipython  # type: ignore[attr-defined]

    shell = get_ipython()
    if shell is not None:
        reject_unknown(shell.user_ns["In"][:-1])  # the last one is the cell that calls us


def reject_unknown(cells: Iterable[str]) -> None:
    """Raise `ConfigError` when an injected cell among `cells` (sources) assigns an unknown name."""
    cells = list(cells)
    declared = _assigned(cell for cell in cells if not cell.startswith(INJECTED))
    injected = _assigned(cell for cell in cells if cell.startswith(INJECTED))
    if unknown := sorted(injected - declared):
        raise ConfigError(_unknown(unknown[0], declared))


def _unknown(name: str, declared: Iterable[str]) -> str:
    known = sorted(declared)
    return f"unknown parameter {name}: this notebook knows {known}{did_you_mean(name, known)}"


def _assigned(cells: Iterable[str]) -> set[str]:
    """Names that plain assignments at the top of `cells` bind (cell magics are skipped)."""
    names: set[str] = set()
    for cell in cells:
        try:
            body = ast.parse(cell).body
        except SyntaxError:
            continue
        for node in body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", 0)]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def parameter_settings(name: str) -> dict[str, str]:
    """Parameters of a notebook, without `profile`: name -> the dotted setting that it changes.

    They are read from the committed notebook: its cell of parameters, and the dictionary with
    dotted names in the cell after it.

    Raises
    ------
    ConfigError
        If there is no such notebook.
    """
    folder = project_root() / "notebooks"
    path = folder / f"{name}.ipynb"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.ipynb"))
        raise ConfigError(f"no notebook {name!r}; known: {known}{did_you_mean(name, known)}")
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    first, second, *_ = ["".join(cell["source"]) for cell in cells[:2]] + ["", ""]
    declared = _assigned([first])
    return {n: setting for setting, n in _pairs(second) if n in declared}


def _pairs(source: str) -> Iterable[tuple[str, str]]:
    """(key, name) of each entry ``"dotted.setting": variable`` of the dictionaries in a cell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Name):
                    yield str(key.value), value.id


def with_parameters(profile: Profile, notebook: str, given: Mapping[str, Any]) -> Profile:
    """The settings that a notebook has when it runs with some parameters.

    Raises
    ------
    ConfigError
        If the notebook has no such parameter, or a value has the wrong type or is out of range.
    """
    settings = parameter_settings(notebook)
    if PROFILE in given:
        raise ConfigError(f"{notebook}.{PROFILE}: a build has one profile; give it as --profile")
    for name in given:
        if name not in settings:
            raise ConfigError(f"{notebook}: {_unknown(name, settings)}")
    try:
        return override(profile, {settings[name]: value for name, value in given.items()})
    except ConfigError as error:
        raise ConfigError(f"{notebook}: {error}") from error
