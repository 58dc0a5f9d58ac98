"""The written page on the reader's own data, what is inserted into it, and what a build has."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import typer
import yaml
from nbformat.v4 import new_markdown_cell, new_notebook
from own_pages_support import ROOT

import dfe.cli
from dfe import book
from dfe.book import GENERATED, BookError, assemble, run_jupyter_book
from dfe.config import Profile, load_profile
from dfe.data.adapters.registry import ADAPTERS
from dfe.data.gated import gated_ids, load_gated
from dfe.data.ingested import clips_path, ingested_path
from dfe.data.manifest import manifest_ids
from dfe.own_pages import (
    Have,
    have,
    open_sources,
    own_have,
    own_state,
    own_table,
    state_text,
    words,
)

IDS = gated_ids()
PAGE = (ROOT / "book" / "own_data.md").read_text(encoding="utf-8")


def fenced(text: str, language: str) -> list[str]:
    """Blocks of code of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def of_set(id: str) -> str:
    """The section of a data set: from its label to the next heading of its level."""
    found = re.search(rf"^\(own-{id}\)=\n## .*?(?=^\([a-z0-9-]+\)=\n## |\Z)", PAGE, re.S | re.M)
    assert found, f"book/own_data.md has no section with the label (own-{id})="
    return found[0]


def commands(text: str) -> list[list[str]]:
    """Arguments of every `dfe` command in a text."""
    lines = [line for block in fenced(text, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("dfe ")]


def the_command(*names: str) -> Any:
    """A group or command of the real command line; its classes are click's or a copy of them."""
    command: Any = typer.main.get_command(dfe.cli.app)
    for name in names:
        command = command.commands[name]
    return command


def parse(arguments: list[str]) -> dict[str, Any]:
    """Parameters of a command `data ...` as the command line reads them; nothing is run."""
    found: dict[str, Any] = the_command(*arguments[:2]).make_context("dfe", arguments[2:]).params
    return found


# The written page


@pytest.mark.parametrize("id", IDS)
def test_each_data_set_has_a_walk_through(id: str) -> None:
    text, manifest = of_set(id), load_gated(id)
    assert f'{{{{ own_have["{id}"] }}}}' in text and f"{{ref}}`set-{id}`" in text
    assert ["data", "verify", id] in [command[:3] for command in commands(text)]
    assert "**Easily mistaken.**" in text and "**What changes.**" in text
    assert "**Unverified.**" in text or not manifest.unverified
    needed = {feature for features in manifest.features.values() for feature in features}
    ingested = {
        command[command.index("--extractor") + 1]
        for command in commands(text)
        if command[1] == "ingest"
    }
    assert needed <= ingested, f"{id}: its tables need {sorted(needed - ingested)}, too"
    if manifest.used_in and manifest.role != "face-model":
        assert any(id in block for block in fenced(text, "yaml")), f"{id}: no lines of a profile"


@pytest.mark.parametrize("arguments", commands(PAGE), ids=" ".join)
def test_each_command_is_one_of_the_command_line(arguments: list[str]) -> None:
    values = parse(arguments)
    assert values["id"] in (*IDS, *manifest_ids())
    if arguments[1] == "ingest":
        assert values["extractor"] in ADAPTERS
    options = [one for one in arguments if one.startswith("--")]
    assert len(options) == len(set(options))


def test_a_wrong_option_is_no_command() -> None:
    with pytest.raises(Exception, match="--form"):
        parse(["data", "verify", "stressid", "--form", "x"])


def test_every_extractor_is_described() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = {one for row in rows for one in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])}
    assert set(ADAPTERS) - named == set()


def test_options_in_the_text_are_those_of_the_command_line() -> None:
    parameters = [
        one for command in the_command("data").commands.values() for one in command.params
    ]
    known = {option for one in parameters for option in (*one.opts, *one.secondary_opts)}
    written = set(re.findall(r"`(--[a-z_-]+)[^`]*`", PAGE)) - {"--save_codes"}
    assert written - known == set()


@pytest.mark.parametrize("text", fenced(PAGE, "yaml"))
def test_each_profile_is_valid(text: str) -> None:
    profile = Profile.model_validate({"name": "mine", **yaml.safe_load(text)})
    own = profile.own
    named = {own.training, own.frames, *own.tasks.values()} - {None}
    assert named <= {*IDS} and own.psi in ADAPTERS and ADAPTERS[own.psi].face
    assert profile.train == "scratch" or not own.training


def test_the_whole_profile_comes_first_and_names_every_part() -> None:
    first, *_ = fenced(PAGE, "yaml")
    own = Profile.model_validate({"name": "mine", **yaml.safe_load(first)}).own
    assert own.model_fields_set == {*type(own).model_fields}
    assert {own.training, own.frames, *own.tasks.values()} | {"flame"} == {
        id for id in IDS if load_gated(id).used_in
    }


# What a build has


def profile(**own: Any) -> Profile:
    return Profile.model_validate({"name": "mine", "own": own})


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DFE_DATA", str(tmp_path))
    return tmp_path


def ingest(dataset: str, *extractors: str, labels: bool = False) -> None:
    """Put files where ingests would; nobody opens them here."""
    paths = [ingested_path(dataset, one) for one in extractors]
    for path in [*paths, *([clips_path(dataset)] if labels else [])]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


TASK = {"tasks": {"stress": "stressid"}}


@pytest.mark.parametrize(
    ("extractors", "labels", "own", "expected"),
    [
        ([], False, {}, Have(degree="not here")),
        (["emoca"], False, {}, Have(degree="ingested", extractors=("emoca",))),
        ([], True, {}, Have(degree="ingested", labels=True)),
        (
            ["libreface", "emoca"],
            True,
            TASK,
            Have(
                degree="in this build",
                parts=("stress",),
                extractors=("emoca", "libreface"),
                labels=True,
            ),
        ),
        (
            ["emoca"],
            False,
            TASK,
            Have(degree="ingested", parts=("stress",), extractors=("emoca",), missing=("labels",)),
        ),
        (
            ["emoca"],
            True,
            TASK | {"psi": "mediapipe-blendshapes-psi"},
            Have(
                degree="ingested",
                parts=("stress",),
                extractors=("emoca",),
                labels=True,
                missing=("mediapipe-blendshapes-psi",),
            ),
        ),
        ([], False, TASK, Have(degree="not here", parts=("stress",), missing=("emoca", "labels"))),
        (
            ["emoca"],
            False,
            {"training": "stressid"},
            Have(degree="in this build", parts=("training",), extractors=("emoca",)),
        ),
        (
            ["emoca", "smirk"],
            False,
            {"frames": "stressid", "training": "stressid"},
            Have(
                degree="in this build",
                parts=("training", "frames"),
                extractors=("emoca", "smirk"),
            ),
        ),
        (
            ["emoca", "libreface", "human-action-units"],
            False,
            {"frames": "stressid"},
            Have(
                degree="ingested",
                parts=("frames",),
                extractors=("emoca", "human-action-units", "libreface"),
                missing=("an observer, such as smirk or mae-face",),
            ),
        ),
    ],
)
def test_degrees(
    data: Path, extractors: list[str], labels: bool, own: dict[str, Any], expected: Have
) -> None:
    ingest("stressid", *extractors, labels=labels)
    found = own_state(profile(**own))
    assert found["stressid"] == expected
    assert {one.degree for id, one in found.items() if id != "stressid"} == {"not here"}


def test_an_ingest_that_is_not_finished_does_not_count(data: Path) -> None:
    (data / "ingested" / "stressid" / "emoca.parquet.parts").mkdir(parents=True)
    assert own_state(profile())["stressid"].degree == "not here"


def test_a_face_is_there_if_its_file_is(data: Path, tmp_path: Path) -> None:
    own = {"face": "flame/generic_model.pkl", "training": "affectnet"}
    lacks = own_state(profile(**own))["flame"]
    assert (lacks.degree, lacks.missing) == ("not here", ("flame/generic_model.pkl",))
    (data / "flame").mkdir()
    (data / "flame" / "generic_model.pkl").touch()
    assert own_state(profile())["flame"] == Have(degree="not here", copy_here=True)
    found = own_state(profile(**own))["flame"]
    assert found == Have(degree="in this build", parts=("face",), copy_here=True)
    elsewhere = own_state(profile(**own | {"face": str(tmp_path / "flame" / "generic_model.pkl")}))
    assert elsewhere["flame"] == found


def test_what_was_fetched_is_in_the_build(data: Path) -> None:
    folder = data / "ravdess-landmarks"
    folder.mkdir()
    assert own_state(profile())["ravdess-landmarks"] == Have(degree="not here")
    (folder / "notes.csv").touch()
    assert own_state(profile())["ravdess-landmarks"] == Have(degree="not here", copy_here=True)
    (folder / "Actor_05").mkdir()
    (folder / "Actor_05" / "01-01-03-02-01-02-05.csv").touch()
    assert own_state(profile())["ravdess-landmarks"].degree == "in this build"


def test_a_copy_that_nobody_ingested_is_not_there(data: Path) -> None:
    (data / "affectnet").mkdir()
    assert words("affectnet", have(profile(), load_gated("affectnet"))) == "**Don't have**."
    (data / "affectnet" / "readme").touch()
    said = words("affectnet", have(profile(), load_gated("affectnet")))
    assert said.startswith("**Don't have**: there is a copy in `$DFE_DATA/affectnet`")


def test_the_words_say_what_is_there_and_what_is_missing(data: Path) -> None:
    ingest("stressid", "emoca", "libreface", labels=True)
    here = own_have(profile(**TASK))["stressid"]
    assert here == "**Have**: in this build (stress); ingested: `emoca`, `libreface`, labels."
    assert own_have(profile())["stressid"] == (
        "**Have**: ingested, not in this build (`emoca`, `libreface`, labels)."
    )
    lacks = own_have(profile(tasks={"smiles": "smilestimuli"}))["smilestimuli"]
    assert lacks == ("**Don't have**. The profile names it (smiles) and lacks `emoca`, labels.")


def test_the_table_ticks_what_was_ingested(data: Path) -> None:
    ingest("stressid", "libreface", "openface", labels=True)
    lines = {
        line.split("](#set-")[1].split(")")[0]: line
        for line in own_table(profile()).splitlines()[2:]
    }
    assert {*lines} == {*IDS}
    assert "`libreface` ✓, `facial-basis`," in lines["stressid"]
    assert "`videomae`, `openface` ✓, labels ✓ |" in lines["stressid"]
    assert "✓" not in lines["smilestimuli"]
    lacking = own_table(profile(tasks={"smiles": "smilestimuli"}))
    assert "The profile names it (smiles) and lacks `emoca`, labels |" in lacking
    assert "sections 4\\.1\\.2, 5\\.3; table 5" in lines["avec2019-dds"]
    assert "not used" in lines["ravdess-landmarks"]


def test_open_sources_have_their_version_and_license() -> None:
    rows = open_sources().splitlines()[2:]
    assert len(rows) == len(manifest_ids())
    (row,) = [row for row in rows if row.startswith("| `spoken-to-signed` |")]
    assert "MIT" in row and row.endswith("| fetched |")


def test_the_state_is_another_text_when_something_changes(data: Path) -> None:
    before = state_text(profile())
    assert state_text(profile()) == before
    ingest("stressid", "libreface")
    after = state_text(profile())
    assert after != before and state_text(profile(**TASK)) != after


# In the book


def test_a_page_that_a_build_makes_is_not_written_by_hand(checkout: Path) -> None:
    (checkout / "book" / "own_sets.md").touch()
    with pytest.raises(BookError, match="book/own_sets: a build makes this page"):
        assemble(load_profile("smoke"))


@pytest.fixture
def own_book(checkout: Path, data: Path) -> Iterator[Callable[[], Path]]:
    """A book with both pages and empty ones for all that they lead to; returns its html."""
    (checkout / "book" / "own_data.md").write_text(PAGE, encoding="utf-8")
    (checkout / "book" / "claims.yml").write_bytes((ROOT / "book" / "claims.yml").read_bytes())
    (checkout / "_config.yml").write_bytes((ROOT / "_config.yml").read_bytes())
    (checkout / "book" / "references.bib").touch()
    shutil.copytree(ROOT / "book" / "_static", checkout / "book" / "_static", dirs_exist_ok=True)
    names = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    pages = ["book/method", "book/own_data", *GENERATED, *(f"notebooks/{name}" for name in names)]
    chapters = "".join(f"      - file: {page}\n" for page in pages)
    head = "format: jb-book\nroot: book/intro\nparts:\n  - caption: all\n    chapters:\n"
    (checkout / "_toc.yml").write_text(head + chapters)
    executed = checkout / "build" / "smoke" / "notebooks"
    executed.mkdir(parents=True)
    for name in names:
        page = new_notebook(cells=[new_markdown_cell(f"# {name}")])
        for folder in (checkout / "notebooks", executed):
            nbformat.write(page, folder / f"{name}.ipynb")

    def build() -> Path:
        work = checkout / "build" / "smoke" / "sphinx"
        run_jupyter_book(assemble(load_profile("smoke")), work)
        return work / "_build" / "html" / "book"

    yield build


def test_both_pages_build_without_a_warning(
    own_book: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "check_notebook", lambda path: None)
    ingest("stressid", "emoca", labels=True)
    html = own_book()
    written, made = ((html / f"{page}.html").read_text() for page in ("own_data", "own_sets"))
    for id in IDS:
        assert re.search(rf'<section id="[^"]*">\s*<span id="set-{id}"></span><h2>', made), id
        assert f'href="own_sets.html#set-{id}"' in written
        title = load_gated(id).title.partition(",")[0]
        assert re.search(rf'nav-link" href="#[^"]*">\s*{title}', made), "not in the contents"
    assert len(re.findall(r'<h2>[^<]+<a class="headerlink"', made)) == len(IDS) + 1
    assert "ingested, not in this build" in written and "{{" not in written
    for text in (written, made):
        assert "system-message" not in text and "problematic" not in text
