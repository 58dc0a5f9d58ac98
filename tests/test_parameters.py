"""Parameters of notebooks: what they set, in made-up notebooks and in all committed ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dfe.config import ConfigError, Profile, load_profile
from dfe.parameters import check_parameters, parameter_settings, reject_unknown, with_parameters

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
DECLARED = 'profile = "quick"  # which\nsteps = None\neffect: float | None = None\nother = None'
OVERRIDES = (
    "from dfe.config import load_profile\n"
    "local = 3\n"
    'settings = load_profile(profile, {"training.steps": steps, "cohorts.stress.effect": effect,\n'
    '    "model.layers": local, "model.heads": 4})\n'
)


def write(checkout: Path, *cells: str, name: str = "page") -> None:
    found = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    text = {"cell_type": "markdown", "source": ["# Title"]}
    (checkout / "notebooks" / f"{name}.ipynb").write_text(
        json.dumps({"cells": [text, *found]}), encoding="utf-8"
    )


@pytest.fixture
def profile(checkout: Path) -> Profile:
    """The small checkout's profile, with a notebook of two parameters."""
    write(checkout, DECLARED, OVERRIDES, 'unread = {"training.seed": other}')
    return load_profile("smoke")


def test_parameters_with_their_settings(profile: Profile) -> None:
    assert parameter_settings("page") == {
        "steps": "training.steps",
        "effect": "cohorts.stress.effect",
    }


def test_a_notebook_of_few_cells_has_no_parameters(checkout: Path) -> None:
    write(checkout, DECLARED, name="short")
    write(checkout, name="empty")
    assert parameter_settings("short") == parameter_settings("empty") == {}


def test_parameters_change_the_settings(profile: Profile) -> None:
    changed = with_parameters(profile, "page", {"steps": 7, "effect": None})
    assert changed.tweaks() == {"training.steps": 7}
    assert with_parameters(profile, "page", {}) == profile


@pytest.mark.parametrize(
    ("notebook", "given", "message"),
    [
        ("pgae", {}, r"no notebook 'pgae'; known: \['page'\]; did you mean 'page'\?"),
        (
            "page",
            {"stpes": 3},
            r"page: unknown parameter stpes: .* knows \['effect', 'steps'\]; did you mean 'steps'",
        ),
        ("page", {"other": 3}, "page: unknown parameter other"),  # it sets nothing
        ("page", {"local": 3}, "page: unknown parameter local"),
        ("page", {"profile": "paper"}, "page.profile: a build has one profile"),
        ("page", {"steps": 0}, "(?s)page: smoke, with overrides:.*training.steps.*got 0"),
        ("page", {"steps": True}, "(?s)page: .*training.steps: a number is wanted"),
        ("page", {"steps": [3]}, r"(?s)page: .*training.steps.*got \[3\]"),
    ],
)
def test_a_wrong_parameter_is_named(
    profile: Profile, notebook: str, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        with_parameters(profile, notebook, given)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_committed_parameter_sets_something(path: Path) -> None:
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    namespace: dict[str, Any] = {}
    exec("".join(cells[0]["source"]), namespace)
    settings = parameter_settings(path.stem)
    assert settings.keys() | {"profile"} == namespace.keys() - {"__builtins__"}
    assert namespace["profile"] == "quick" and len(set(settings.values())) == len(settings)
    tree = load_profile("smoke").model_dump(mode="json")
    for dotted in settings.values():
        found = tree
        for part in dotted.split("."):
            assert part in found, dotted
            found = found[part]
    with_parameters(load_profile("smoke"), path.stem, dict.fromkeys(settings))


def test_outside_a_notebook_nothing_is_checked() -> None:
    check_parameters()


def test_only_names_at_the_top_of_a_cell_are_declared() -> None:
    cells = [DECLARED + "\ndef f():\n    hidden = 1\nx.attribute = 2", "%magic", "# Parameters\n"]
    reject_unknown([*cells, "# Parameters\nsteps = 3\n"])
    with pytest.raises(ConfigError, match="unknown parameter hidden"):
        reject_unknown([*cells, "# Parameters\nhidden = 3\n"])
