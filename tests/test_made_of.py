"""What a job is made of: a change that concerns it changes that, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from claims_support import made_claims
from hypothesis import given
from hypothesis import strategies as st

from dfe.building import made_of as module
from dfe.building.made_of import CODE, PYTHON, as_text, code, identity, made_of, notebook_code
from dfe.building.status import made_of_in
from dfe.config import ConfigError, Profile, load_profile, override
from dfe.imports import files_of_modules

JOBS = [
    *[(name,) for name in ("features", "appearance", "model", "database", "facial_basis", "html")],
    ("cohort", "stress"),
    ("cohort", "smiles"),
    ("variant", "k16", "0"),
    ("notebook", "10_stress"),
]
SMOKE = load_profile("smoke")
FRAMES = {"features", "appearance", "notebook-10_stress"}
LEARNED = {"model", "variant-k16-0"}
CORPUS = {*LEARNED, "facial_basis", "notebook-10_stress"}


@pytest.fixture
def small(checkout: Path) -> Iterator[Profile]:
    """The small checkout's profile; claims are remembered, so they are forgotten around it."""
    claims = module._claims
    claims.cache_clear()
    yield load_profile("smoke")
    claims.cache_clear()


def write(checkout: Path, *cells: str, name: str = "page", text: str = "# Title") -> None:
    found: list[dict[str, Any]] = [{"cell_type": "markdown", "source": [text]}]
    found += [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    (checkout / "notebooks" / f"{name}.ipynb").write_text(json.dumps({"cells": found}))


def jobs_made_of(profile: Profile) -> dict[str, dict[str, str]]:
    return {"-".join(job): made_of(profile, *job) for job in JOBS}


@pytest.fixture(scope="module", autouse=True)
def read_once() -> Iterator[None]:
    """Read each manifest once: their YAML is long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_manifest", cache(module.load_manifest))
        patch.setattr(module, "state_text", lambda profile: "")
        yield


@pytest.fixture(scope="module")
def before() -> dict[str, dict[str, str]]:
    """What the jobs of the smoke book are made of."""
    return jobs_made_of(SMOKE)


def changed(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


@pytest.mark.parametrize(
    ("setting", "value", "jobs"),
    [
        ("data.limit", 3, FRAMES),
        ("corpus.simulated", 500, CORPUS),
        ("training.steps", 3, {"model"}),  # of variants, `variants.steps` says how many
        ("training.batch_size", 3, LEARNED),
        ("training.seed", 3, {"model"}),
        ("loss.l1_weight", 0.5, LEARNED),
        ("model.layers", 3, LEARNED),
        ("model.codebook_size", 20, {"model"}),  # the variant has its own
        ("variants.steps", 3, {"variant-k16-0"}),
        ("variants.seeds", [0, 1], set()),
        ("database.simulated", 300, {"database"}),
        ("checkpoint", "none.safetensors", {"database", "notebook-10_stress"}),
        ("cohorts.stress.effect", 0.5, {"cohort-stress", "notebook-10_stress"}),
        ("cohorts.smiles.effect", 0.5, {"cohort-smiles"}),
        ("utility.basis_rows", 50, {"facial_basis", "notebook-10_stress"}),
        ("utility.bootstrap", 50, {"notebook-10_stress"}),
        ("pages.smiles.tokens", 5, set()),
        ("announcement", "Other.", {"html"}),
        ("description", "Other.", set()),
        ("notebook_hours", 1, set()),
    ],
)
def test_a_setting_concerns(
    before: dict[str, dict[str, str]], setting: str, value: Any, jobs: set[str]
) -> None:
    after = jobs_made_of(override(SMOKE, {setting: value}))
    assert {name for name in after if changed(before[name], after[name])} == jobs


def test_differences_have_the_names_of_settings(before: dict[str, dict[str, str]]) -> None:
    after = made_of(override(SMOKE, {"cohorts.stress.effect": 0.5}), "cohort", "stress")
    old = before["cohort-stress"]
    assert {n: after[n] for n in after if after[n] != old.get(n)} == {
        "cohorts.stress.effect": "0.5"
    }
    assert old.keys() == after.keys()


@pytest.mark.parametrize("job", JOBS, ids="-".join)
def test_every_job_has_settings_code_and_packages(job: tuple[str, ...]) -> None:
    made = made_of(SMOKE, *job)
    assert made[PYTHON].count(".") == 1 and "package numpy" in made
    assert all(isinstance(text, str) for text in made.values())
    if job[0] != "notebook":
        used = {path.name for path in files_of_modules(*CODE[job[0]])}
        assert used == {name.rpartition("/")[2] for name in made if name.startswith("dfe/")}
        assert [*made][-1].startswith("package ") and not [*made][0].startswith(("dfe/", "package"))


def test_manifests_of_the_sources_concern_the_frames(before: dict[str, dict[str, str]]) -> None:
    sources = [name for name in before["features"] if name.startswith("data_manifests/")]
    assert sources == [f"data_manifests/{source}" for source in SMOKE.data.sources] != []


def test_an_unknown_job_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no job 'cohrt'; known: \['appearance', 'cohort'"):
        made_of(SMOKE, "cohrt", "stress")


def test_the_file_of_a_checkpoint_counts(small: Profile, checkout: Path) -> None:
    path = checkout / "it's.safetensors"
    profile = override(small, {"checkpoint": str(path)})
    write(checkout, "1")
    for job in (("database",), ("notebook", "page")):
        path.write_bytes(b"one")
        first = made_of(profile, *job)
        path.write_bytes(b"two")
        second = made_of(profile, *job)
        (name,) = (n for n in first if first[n] != second[n])
        assert name.startswith("file ") and len(first[name]) == 12


# Notebooks


def page(profile: Profile) -> dict[str, str]:
    return made_of(profile, "notebook", "page")


def test_code_of_a_notebook_counts_and_its_text_does_not(small: Profile, checkout: Path) -> None:
    write(checkout, "x = 1\ny = 2", "from dfe.metrics import score")
    before = page(small)
    assert "notebooks/page.ipynb" in before and "dfe/metrics/scores.py" in before
    assert "package numpy" in before and "package pyvista" not in before
    assert notebook_code("page") == "x = 1\ny = 2\n\nfrom dfe.metrics import score"
    write(checkout, "x = 1  # why", "y = 2", "from dfe.metrics import score", text="# Other")
    assert page(small) == before
    write(checkout, "x = 3\ny = 2", "from dfe.metrics import score")
    assert changed(before, page(small)) == {"notebooks/page.ipynb"}
    write(checkout, "x = 1\ny = 2", "from dfe.metrics import presence\nimport yaml")
    now = page(small)
    assert "dfe/metrics/presence.py" in now and "dfe/metrics/scores.py" not in now
    assert "package pyyaml" in now


def test_claims_of_a_page_count(
    small: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(checkout, "1", name="16_scoreboard")
    write(checkout, "1")
    before = [made_of(small, "notebook", name) for name in ("16_scoreboard", "page")]
    monkeypatch.setattr(module, "_claims", made_claims)
    after = [made_of(small, "notebook", name) for name in ("16_scoreboard", "page")]
    assert list(map(changed, before, after)) == [{"book/claims.yml"}, set()]


def test_recordings_count_where_a_page_reads_them(
    small: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(checkout, "1")
    write(checkout, "1", name="17_emotions")
    monkeypatch.setattr(module, "tracks_state", lambda: "there")
    assert made_of(small, "notebook", "17_emotions")["recordings"] == "there"
    assert "recordings" not in page(small)


def test_the_html_depends_on_what_it_shows(
    small: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made_of(small, "html")
    monkeypatch.setattr(module, "state_text", lambda profile: "more data")
    assert changed(before, made_of(small, "html")) == {"own data that are there"}
    monkeypatch.undo()
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/some-other-name")
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    assert changed(before, made_of(small, "html")) == {"launch links"}


# Texts

MADE = st.dictionaries(st.text(), st.one_of(st.text(), st.none(), st.lists(st.text())), max_size=3)


@given(MADE, MADE)
def test_whatever_stands_in_settings_survives_being_quoted(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    old, new = (module._settings(tree) | {PYTHON: "3"} for tree in (one, other))
    reason = f"Params have changed: before: {as_text(old)!r} now: {as_text(new)!r} "
    assert made_of_in(reason) == (old, new)


@given(st.text(), st.text())
def test_another_text_is_another_value(one: str, other: str) -> None:
    assert (module._plain(one) == module._plain(other)) == (one == other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        ([1, "a"], "[1, `a`]"),
        ("plain ü", "plain ü"),
        ({}, "{}"),
    ],
)
def test_values_as_texts(value: Any, text: str) -> None:
    assert module._settings({"a": {"b": value}}) == {"a.b": text}


def test_identity_is_of_everything_and_in_any_order() -> None:
    made = {"a": "1", "b": "ü"}
    assert as_text(made) == as_text(dict(reversed(made.items()))) == '{"a": "1", "b": "ü"}'
    others = [made | {"a": "2"}, made | {"c": ""}, {"a": "1"}, {"a": "ü", "b": "1"}]
    assert len({identity(one) for one in [made, *others]}) == 5
    assert identity(made) == identity(dict(reversed(made.items())))


def test_code_is_that_of_the_modules() -> None:
    found = code("dfe.files")
    assert {name for name in found if name.startswith("dfe/")} == {"dfe/files.py"}
    assert {name for name in found if not name.startswith("dfe/")} == {PYTHON}
