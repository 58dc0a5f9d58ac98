"""`--set`: parameters of pages, grids, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.building import given as module
from dfe.building.given import NOTHING, parse_given
from dfe.config import ConfigError, Profile, load_profile

CELLS = [
    'profile = "quick"\neffect = None\nlabels = None\nseeds = None\nfolds = None\nfile = None',
    'settings = load_profile(profile, {"cohorts.stress.effect": effect, '
    '"cohorts.stress.labels": labels, "pages.training.seeds": seeds, "checkpoint": file, '
    '"utility.inner_folds": folds})',
]


def write(checkout: Path, name: str) -> None:
    cells = [{"cell_type": "code", "source": cell} for cell in CELLS]
    (checkout / "notebooks" / f"{name}.ipynb").write_text(json.dumps({"cells": cells}))


@pytest.fixture
def profile(checkout: Path) -> Profile:
    """The small checkout's profile, with two notebooks of the same parameters."""
    write(checkout, "page")
    write(checkout, "10_stress")
    return load_profile("smoke")


def test_nothing(profile: Profile) -> None:
    assert parse_given(profile, []) == NOTHING == ({}, {})


def test_parameters_of_pages(profile: Profile) -> None:
    texts = ["page.effect=0.5", "10_stress.labels = site", "page.seeds=[1, 2]", "page.file=a=b.c"]
    assert parse_given(profile, texts) == (
        {
            "page": {"effect": 0.5, "seeds": [1, 2], "file": "a=b.c"},
            "10_stress": {"labels": "site"},
        },
        {},
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("effect=1", 1), ("effect=0", 0), ("effect=.5", 0.5), ("labels='site'", "site")],
)
def test_values_are_yaml(profile: Profile, text: str, value: Any) -> None:
    ((_, found),) = parse_given(profile, [f"page.{text}"]).pages["page"].items()
    assert found == value and type(found) is type(value)


def test_a_list_for_one_value_is_an_axis(profile: Profile) -> None:
    assert parse_given(profile, ["page.effect=[0, 0.5]"]) == (
        {},
        {"page": {"effect=0": {"effect": 0}, "effect=0.5": {"effect": 0.5}}},
    )


def test_axes_make_a_grid_and_the_rest_is_in_every_point(profile: Profile) -> None:
    texts = [
        "page.effect=[0, 1]",
        "page.folds=3",
        "page.labels=[site, paper]",
        "10_stress.effect=1",
    ]
    found = parse_given(profile, texts)
    assert found.pages == {"10_stress": {"effect": 1}}
    assert found.sweeps == {
        "page": {
            f"effect={effect},labels={labels}": {"effect": effect, "folds": 3, "labels": labels}
            for effect in (0, 1)
            for labels in ("site", "paper")
        }
    }
    assert list(found.sweeps["page"])[:2] == ["effect=0,labels=site", "effect=0,labels=paper"]


def test_an_axis_of_lists(profile: Profile) -> None:
    assert parse_given(profile, ["page.seeds=[[0], [1, 2]]"]).sweeps == {
        "page": {"seeds=_0_": {"seeds": [0]}, "seeds=_1+2_": {"seeds": [1, 2]}}
    }


def test_a_name_is_one_folder(profile: Profile) -> None:
    points = parse_given(profile, ["page.file=[a/../b c.safetensors, 'ä:$\"x']"]).sweeps["page"]
    assert list(points) == ["file=a_.._b_c.safetensors", "file=ä_x"]


@pytest.mark.parametrize("values", ["[a b, a/b]", "[a, a]", "[a, b, a]"])
def test_points_that_would_share_a_folder_are_refused(profile: Profile, values: str) -> None:
    with pytest.raises(ConfigError, match=r"page: two points of the grid are called file=a"):
        parse_given(profile, [f"page.file={values}"])


@given(st.lists(st.floats(0, 1), min_size=1, unique=True))
def test_every_number_is_a_point(values: list[float]) -> None:
    points = {module._point_name({"effect": v}, {"effect": values}): v for v in values}
    assert list(points.values()) == values
    assert all(float(name.partition("=")[2]) == value for name, value in points.items())


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["page.effect"], "--set page.effect: write NOTEBOOK.PARAMETER=VALUE"),
        (["effect=3"], "--set effect=3: write NOTEBOOK"),
        (["page.=3"], "--set page.=3: write NOTEBOOK"),
        (["page.effect="], "--set page.effect=: a value is missing"),
        (["page.effect=null"], "a value is missing"),
        (["page.effect=[]"], r"--set page.effect=\[\]: a value is missing"),
        (["page.effect=[1"], r"(?s)--set page.effect=\[1: '\[1' is no value: .*"),
        (["page.effect=1", "page.effect=1"], "--set page.effect=1: page.effect is given twice"),
        (["page.efect=1"], "page: unknown parameter efect: .*did you mean 'effect'"),
        (["page.efect=[1, 2]"], "page: unknown parameter efect"),
        (["page.cohorts.stress.effect=1"], "page: unknown parameter cohorts.stress.effect"),
        (["pge.effect=1"], "no notebook 'pge'; known.*did you mean 'page'"),
        (["page.profile=paper"], "page.profile: a build has one profile"),
        (["page.effect=yes"], "(?s)page: .*cohorts.stress.effect: a number is wanted"),
        (["page.effect=much"], "(?s)page: .*cohorts.stress.effect: .*got 'much'"),
        (["page.effect=[0, much]"], "(?s)page: .*cohorts.stress.effect: .*got 'much'"),
        (["page.effect=1", "page.folds=[2, 0]"], "(?s)page: .*utility.inner_folds: .*got 0"),
        (["page.effect={a: 1}"], r"(?s)page: .*cohorts.stress.effect: .*got \{'a': 1\}"),
    ],
)
def test_what_is_refused(profile: Profile, texts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_given(profile, texts)
