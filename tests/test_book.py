"""Assembling the book: which pages it has, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import yaml
from claims_support import ACC, claims_text
from markdown_it import MarkdownIt
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dfe import book
from dfe.book import BookError, Edition
from dfe.config import Profile, load_profile
from dfe.published import stand_in
from dfe.results import PageResults

Edit = Callable[[NotebookNode], object]


def executed() -> NotebookNode:
    """A small executed notebook, as papermill leaves it."""
    cells = [
        new_markdown_cell("# Page"),
        new_code_cell("steps = None", execution_count=1, metadata={"tags": ["parameters"]}),
        new_code_cell("steps = 3", execution_count=2, metadata={"tags": ["injected-parameters"]}),
        new_code_cell("1 + 1", execution_count=3, metadata={"papermill": {"duration": 1}}),
    ]
    cells[3].outputs = [
        new_output("stream", name="stderr", text="/somewhere/driver: no screen"),
        new_output("execute_result", {"text/plain": "2"}, execution_count=3),
    ]
    return new_notebook(cells=cells, metadata={"papermill": {"input_path": "/somewhere/in.ipynb"}})


def committed(notebook: NotebookNode) -> NotebookNode:
    """The notebook that an executed one was made from."""
    cells = [c for c in notebook.cells if c.metadata.get("tags") != ["injected-parameters"]]
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("papermill", None)
    return new_notebook(cells=cells)


@pytest.fixture
def settings(checkout: Path) -> Profile:
    """The small checkout's profile, with its notebook executed."""
    path = checkout / "build" / "smoke" / "notebooks" / "page.ipynb"
    path.parent.mkdir(parents=True)
    notebook = executed()
    nbformat.write(notebook, path)
    nbformat.write(committed(notebook), checkout / "notebooks" / "page.ipynb")
    return load_profile("smoke")


def edited(checkout: Path, edit: Edit) -> None:
    """Change the committed notebook of the small checkout."""
    path = checkout / "notebooks" / "page.ipynb"
    notebook = nbformat.read(path, as_version=4)
    edit(notebook)
    nbformat.write(notebook, path)


def test_the_text_of_a_page_is_that_of_today(settings: Profile, checkout: Path) -> None:
    def edit(notebook: NotebookNode) -> None:
        notebook.cells[0].source = "# Another title"
        notebook.cells.append(new_markdown_cell("More.", id="more"))
        notebook.cells[2].source = "1 + 1  # two"

    edited(checkout, edit)
    page = nbformat.read(book.assemble(settings) / "notebooks" / "page.ipynb", as_version=4)
    sources = [cell.source for cell in page.cells]
    assert sources == ["# Another title", "steps = None", "steps = 3", "1 + 1  # two", "More."]
    assert page.cells[3].outputs[0].data["text/plain"] == "2"


def test_a_page_of_other_cells_is_refused(settings: Profile, checkout: Path) -> None:
    edited(checkout, lambda notebook: notebook.cells.append(new_code_cell("2", id="new")))
    with pytest.raises(BookError, match="page.ipynb: executed from other cells"):
        book.assemble(settings)


def test_pages_in_reading_order(checkout: Path) -> None:
    assert book.pages() == ["book/intro", "book/method", "notebooks/page"]
    assert book.notebook_names() == ["page"]


def test_a_listed_notebook_that_is_not_there_is_named(checkout: Path) -> None:
    (checkout / "notebooks" / "page.ipynb").unlink()
    with pytest.raises(BookError, match=r"lists notebooks/page.ipynb, and there is no such"):
        book.notebook_names()


def test_nested_sections_are_pages(checkout: Path) -> None:
    (checkout / "_toc.yml").write_text(
        "root: a\nparts:\n- chapters:\n  - file: b\n    sections:\n    - file: c\n  - file: d\n"
    )
    assert book.pages() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("toc", ["root: a\nchapters: [{file: a}]", "- a", "chapters: []"])
def test_a_faulty_table_of_contents_is_refused(checkout: Path, toc: str) -> None:
    (checkout / "_toc.yml").write_text(toc)
    with pytest.raises(BookError, match="_toc.yml"):
        book.pages()


def test_assemble_gathers_the_whole_source(settings: Profile, checkout: Path) -> None:
    (checkout / "build" / "smoke" / "source").mkdir()
    (checkout / "build" / "smoke" / "source" / "left_over.md").touch()
    source = book.assemble(settings)
    found = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    prose = {"_config.yml", "_toc.yml", "book/intro.md", "book/method.md", "_static/dfe.css"}
    assert found == prose | {"book/claims.yml", "book/_static/dfe.css", "notebooks/page.ipynb"}


def test_published_notebook_is_tidy(settings: Profile) -> None:
    published = nbformat.read(book.assemble(settings) / "notebooks" / "page.ipynb", as_version=4)
    assert "somewhere" not in nbformat.writes(published)
    _, declared, injected, result = published.cells
    assert declared.metadata.tags == ["parameters", "hide-input"]
    assert injected.metadata.mystnb.code_prompt_show == "Set for this build"
    assert result.metadata == {} and result.outputs[0].data["text/plain"] == "2"


def recorded(claim: str, cell: int | None) -> PageResults:
    """What a notebook called page measured in one of its cells."""
    entry = {"claim": claim, "value": 1, "low": None, "high": None, "n": 3, "of": "clips"}
    result = entry | {"seeds": (0,), "origin": "simulated", "cell": cell}
    return PageResults.model_validate({"page": "page", "profile": "smoke", "results": [result]})


def test_a_cell_that_recorded_has_an_anchor(settings: Profile, tmp_path: Path) -> None:
    source = tmp_path / "build" / "smoke" / "notebooks" / "page.ipynb"
    book.publish_notebook(source, tmp_path / "out.ipynb", recorded("x", 3))
    *_, anchor, cell = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert anchor.source == '<div id="cell-3"></div>' and cell.source == "1 + 1"
    book.publish_notebook(source, tmp_path / "out.ipynb", recorded("x", None))
    assert len(nbformat.read(tmp_path / "out.ipynb", as_version=4).cells) == 4


def test_what_readers_can_download_is_published(settings: Profile, checkout: Path) -> None:
    results = checkout / "build" / "smoke" / "results"
    results.mkdir()
    for name in ("scoreboard.csv", "scoreboard.json", "page.provenance.json", "page.table1.csv"):
        (results / name).write_text(name)
    folder = book.assemble(settings) / "_static" / "results"
    published = sorted(path.name for path in folder.iterdir())
    assert published == ["page.provenance.json", "scoreboard.csv", "scoreboard.json"]


def test_a_damaged_results_file_is_refused(settings: Profile, checkout: Path) -> None:
    (checkout / "build" / "smoke" / "results").mkdir()
    (checkout / "build" / "smoke" / "results" / "page.results.json").write_text("{")
    with pytest.raises(BookError, match="page.results.json"):
        book.assemble(settings)


def test_pages_can_insert_what_was_found(settings: Profile, checkout: Path) -> None:
    (checkout / "book" / "claims.yml").write_text(claims_text())
    config = yaml.safe_load((book.assemble(settings) / "_config.yml").read_text())
    found = config["parse"]["myst_substitutions"]
    assert found["paper"][ACC["ours"]] == "67.9" and found["ours"][ACC["ours"]] == "not measured"
    assert "not run" in found["scoreboard_strip"]


def test_a_page_without_a_file_is_refused(settings: Profile, checkout: Path) -> None:
    (checkout / "book" / "method.md").unlink()
    with pytest.raises(BookError, match="lists book/method"):
        book.assemble(settings)


def test_a_file_that_no_chapter_lists_is_refused(settings: Profile, checkout: Path) -> None:
    (checkout / "book" / "lost.md").touch()
    with pytest.raises(BookError, match="does not list book/lost"):
        book.assemble(settings)


def no_outputs(notebook: NotebookNode) -> None:
    notebook.cells[3].outputs = []


def not_run(notebook: NotebookNode) -> None:
    notebook.cells[3].execution_count = None


def failed(notebook: NotebookNode) -> None:
    notebook.cells[3].outputs = [
        new_output("error", ename="ValueError", evalue="bad", traceback=[])
    ]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (no_outputs, "page.ipynb: no cell has an output"),
        (not_run, "page.ipynb: code cell 3 did not run: '1 . 1'"),
        (failed, "page.ipynb: code cell 3: ValueError: bad"),
    ],
)
def test_an_unfit_notebook_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    notebook, path = executed(), tmp_path / "page.ipynb"
    nbformat.write(notebook, path)
    book.check_notebook(path)
    edit(notebook)
    nbformat.write(notebook, path)
    with pytest.raises(BookError, match=message):
        book.check_notebook(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}'])
def test_a_broken_notebook_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "page.ipynb"
    path.write_text(text)
    with pytest.raises(BookError, match="page.ipynb"):
        book.check_notebook(path)


def test_a_missing_notebook_is_refused(settings: Profile, checkout: Path) -> None:
    (checkout / "build" / "smoke" / "notebooks" / "page.ipynb").unlink()
    with pytest.raises(BookError, match="page.ipynb: not executed yet"):
        book.assemble(settings)


def fake_build(*made: str) -> Callable[[Path, Path], None]:
    """Stand in for Jupyter Book: write the pages `made`."""

    def run(source: Path, work: Path) -> None:
        for page in made:
            path = work / "_build" / "html" / f"{page}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page)

    return run


PAGES = ("book/intro", "book/method", "notebooks/page")


def test_a_whole_book_replaces_the_old_one(
    settings: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = checkout / "build" / "smoke" / "html"
    html.mkdir()
    (html / "old.html").touch()
    monkeypatch.setattr(book, "run_jupyter_book", fake_build(*PAGES))
    assert book.build_html(settings) == html
    assert {str(path.relative_to(html)) for path in html.rglob("*.html")} == {
        f"{page}.html" for page in PAGES
    }
    assert not html.with_name("html.old").exists()


def test_a_book_without_one_page_does_not_replace_the_old_one(
    settings: Profile, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = checkout / "build" / "smoke" / "html"
    html.mkdir()
    (html / "old.html").touch()
    monkeypatch.setattr(book, "run_jupyter_book", fake_build(*PAGES[:2]))
    with pytest.raises(BookError, match="notebooks/page: Jupyter Book made no such page"):
        book.build_html(settings)
    assert [path.name for path in html.iterdir()] == ["old.html"]


def test_jupyter_book_refuses_a_warning(settings: Profile, checkout: Path) -> None:
    (checkout / "book" / "intro.md").write_text("# Intro\n\n[nowhere](nowhere.md)\n")
    (checkout / "_config.yml").write_text('title: small\nexecute: {execute_notebooks: "off"}\n')
    with pytest.raises(BookError, match="intro.md.*nowhere"):
        book.build_html(settings)
    assert not (checkout / "build" / "smoke" / "html").exists()


def test_a_profile_can_announce_something_on_every_page(settings: Profile) -> None:
    def options(text: str) -> dict[str, str]:
        profile = settings.model_copy(update={"announcement": text})
        tree = yaml.safe_load((book.assemble(profile) / "_config.yml").read_text())
        assert tree["title"] == "small"
        return tree.get("sphinx", {}).get("config", {}).get("html_theme_options", {})

    assert "announcement" not in options("")
    assert options("Only a test.")["announcement"] == "Only a test."


# Editions


WHY = "notebook-page: ValueError\n    in cell 3: <b>no face</b> {a} ``` ~~ end"


def test_a_page_without_results_says_why(settings: Profile, checkout: Path) -> None:
    (checkout / "build" / "smoke" / "notebooks" / "page.ipynb").unlink()
    source = book.assemble(settings, Edition(missing={"page": WHY}))
    page = nbformat.read(source / "notebooks" / "page.ipynb", as_version=4)
    nbformat.validate(page)
    title, note, *code = page.cells
    assert (title.source, note.cell_type) == ("# Page", "markdown")
    assert note.source.startswith("````{error}\nThis page has no results in this build.\n")
    assert f"~~~text\n{WHY}\n~~~\n" in note.source
    assert [cell.source for cell in code] == ["steps = None", "1 + 1"]
    assert all(not cell.outputs for cell in code)


def test_a_stand_in_comes_before_a_notebook_that_is_there(settings: Profile) -> None:
    """It was executed in an earlier build, from what this one could not make."""
    source = book.assemble(settings, Edition(missing={"page": "It needs something."}))
    page = nbformat.read(source / "notebooks" / "page.ipynb", as_version=4)
    assert "It needs something." in page.cells[1].source


@pytest.mark.parametrize("why", [WHY, "a\n```\nb", "a\n~~~\nb", "~~~~~~\n``````", ""])
def test_no_error_breaks_its_frame(settings: Profile, tmp_path: Path, why: str) -> None:
    committed_page, target = tmp_path / "notebooks" / "page.ipynb", tmp_path / "deep" / "out.ipynb"
    stand_in(committed_page, target, why)
    note = nbformat.read(target, as_version=4).cells[1].source
    outer, *_ = note.partition("{")
    tokens = MarkdownIt().parse(note)
    assert [token.type for token in tokens] == ["fence"] and tokens[0].markup == outer
    inner = MarkdownIt().parse(tokens[0].content)
    assert [token.type for token in inner][-1] == "fence"
    assert inner[-1].content.rstrip("\n") == why


def test_a_stand_in_needs_the_committed_notebook(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="page.ipynb: not executed yet|is missing"):
        stand_in(tmp_path / "page.ipynb", tmp_path / "out.ipynb", "why")


@pytest.mark.parametrize(
    ("edition", "text"),
    [
        (Edition(), ""),
        (Edition(sweeps={"page": {"a=1": {"a": 1}}}), ""),  # its page says it
        (
            Edition({"page": {"a": 0.5, "b": [1]}, "other": {"c": "<x> & 'y'"}}),
            "Changed in this build: page.a = 0.5, page.b = [1], "
            "other.c = &lt;x&gt; &amp; &#x27;y&#x27;.",
        ),
        (Edition(missing={"page": "why", "other": "why"}), "Without results: page, other."),
        (
            Edition({"page": {"a": 1}}, {}, {"other": "why"}),
            "Changed in this build: page.a = 1. Without results: other.",
        ),
    ],
)
def test_an_edition_is_announced(edition: Edition, text: str) -> None:
    assert edition.announcement() == text


def test_every_page_announces_the_edition(settings: Profile) -> None:
    profile = settings.model_copy(update={"announcement": "Only a test."})
    source = book.assemble(profile, Edition({"page": {"steps": 3}}))
    config = yaml.safe_load((source / "_config.yml").read_text())
    announced = config["sphinx"]["config"]["html_theme_options"]["announcement"]
    assert announced == "Only a test. Changed in this build: page.steps = 3."
