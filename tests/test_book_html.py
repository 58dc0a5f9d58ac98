"""The built smoke book: whole, linked, and readable without a network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pandas as pd
import pytest

from dfe.book import notebook_names, pages
from dfe.claims import TABLE_PAGES, book_claims

pytestmark = pytest.mark.smoke_book

# Attributes whose address a browser fetches by itself while it shows a page.
FETCHED = {
    "audio": ["src"],
    "embed": ["src"],
    "iframe": ["src"],
    "img": ["src", "srcset"],
    "link": ["href"],
    "object": ["data"],
    "script": ["src"],
    "source": ["src", "srcset"],
    "track": ["src"],
    "video": ["src", "poster"],
}


class Page(HTMLParser):
    """Every element of an html file, as (tag, attributes), and its ids."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.ids = {a[name] for _, a in self.elements for name in ("id", "name") if name in a}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def fetched(self) -> list[str]:
        return [
            attributes[name]
            for tag, attributes in self.elements
            for name in FETCHED.get(tag, [])
            if attributes.get(name)
        ]

    def links(self) -> list[str]:
        return [a["href"] for tag, a in self.elements if tag == "a" and a.get("href")]

    def with_class(self, name: str) -> list[dict[str, str]]:
        return [a for _, a in self.elements if name in a.get("class", "").split()]


def is_remote(address: str) -> bool:
    return address.startswith("//") or urlsplit(address).scheme in {"http", "https", "ftp"}


@pytest.fixture(scope="module")
def html(smoke_html: Path) -> dict[Path, Page]:
    files = [path for path in smoke_html.rglob("*.html") if "_static" not in path.parts]
    return {path.resolve(): Page(path) for path in files}


def test_the_check_itself_sees_a_remote_address(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text('<script src="https://a.example/x.js"></script><img src="//b.example/i.png">')
    assert all(is_remote(address) for address in Page(path).fetched())
    assert len(Page(path).fetched()) == 2
    assert not is_remote("../_static/x.js") and not is_remote("data:image/png;base64,AA")


def test_every_page_of_the_contents_is_there(html: dict[Path, Page], smoke_html: Path) -> None:
    for page in pages():
        assert (smoke_html / f"{page}.html").resolve() in html


def test_the_first_page_is_reached_from_the_index(html: dict[Path, Page], smoke_html: Path) -> None:
    text = (smoke_html / "index.html").read_text(encoding="utf-8")
    assert f"url={pages()[0]}.html" in text


def test_no_page_fetches_from_another_host(html: dict[Path, Page]) -> None:
    remote = {
        str(path): found
        for path, page in html.items()
        if (found := [address for address in page.fetched() if is_remote(address)])
    }
    assert remote == {}


def test_no_stylesheet_fetches_from_another_host(smoke_html: Path) -> None:
    remote = re.compile(r"(?:@import\s+|url\(\s*)[\"']?(?:https?:)?//[^)\"';]*")
    for path in smoke_html.rglob("*.css"):
        assert remote.findall(path.read_text(encoding="utf-8")) == [], path.name


def target(page: Page, address: str) -> Path:
    local = unquote(urlsplit(address).path)
    return (page.path.parent / local).resolve() if local else page.path.resolve()


def test_every_local_address_leads_somewhere(html: dict[Path, Page]) -> None:
    broken = [
        f"{path.name} -> {address}"
        for path, page in html.items()
        for address in page.fetched() + page.links()
        if not urlsplit(address).scheme and not is_remote(address)
        if not target(page, address).exists()
    ]
    assert broken == []


def test_every_local_anchor_is_on_its_page(html: dict[Path, Page]) -> None:
    broken = [
        f"{path.name} -> {address}"
        for path, page in html.items()
        for address in page.links()
        if (anchor := unquote(urlsplit(address).fragment)) and not urlsplit(address).scheme
        if (there := html.get(target(page, address))) and anchor not in there.ids
    ]
    assert broken == []


def test_formulas_are_typeset_by_a_local_script(html: dict[Path, Page], smoke_html: Path) -> None:
    with_formulas = [page for page in html.values() if page.with_class("math")]
    assert with_formulas
    for page in with_formulas:
        (script,) = [address for address in page.fetched() if "mathjax/tex" in address]
        assert target(page, script).is_file()


@pytest.mark.parametrize("name", notebook_names())
def test_each_notebook_page_shows_a_picture_and_its_provenance(
    html: dict[Path, Page], smoke_html: Path, name: str
) -> None:
    page = html[(smoke_html / "notebooks" / f"{name}.html").resolve()]
    assert [address for address in page.fetched() if "_images/" in address]
    assert len(page.with_class("provenance")) == 1


def test_the_scoreboard_lists_every_claim(smoke_html: Path) -> None:
    text = (smoke_html / "notebooks" / "16_scoreboard.html").read_text(encoding="utf-8")
    tables = re.findall(r'<table class="scoreboard (\w+)">(.*?)</table>', text, re.DOTALL)
    chips = [(kind, table.count('<span class="verdict ')) for kind, table in tables]
    claims = book_claims()
    cells = [len(list(table.cells())) for table in claims.tables.values()]
    assert chips == [("sentences", len(claims.statements)), *(("numbers", n) for n in cells)]
    lines = pd.read_csv(smoke_html / "_static" / "results" / "scoreboard.csv")
    assert set(lines["id"]) == {*claims.cells, *claims.statements}


def test_the_scoreboard_leads_to_the_cells_that_measured(html: dict[Path, Page]) -> None:
    (board,) = [page for path, page in html.items() if path.stem == "16_scoreboard"]
    anchors = [link for link in board.links() if "#cell-" in link]
    assert {link.partition(".html")[0] for link in anchors} == {*TABLE_PAGES.values()}


def test_the_front_page_sums_the_verdicts_up(html: dict[Path, Page]) -> None:
    (front,) = [page for path, page in html.items() if path.stem == "intro"]
    (bar,) = front.with_class("verdict-bar")
    assert bar["aria-label"].startswith("Numbers: 0 reproduced")  # nothing gated in this build


def test_no_page_shows_an_error_or_a_log_line(html: dict[Path, Page]) -> None:
    for path, page in html.items():
        for name in ("stderr", "traceback", "system-message", "problematic"):
            assert page.with_class(name) == [], f"{path.name}: class {name}"


@pytest.mark.parametrize("name", notebook_names())
def test_no_cell_warned(smoke_html: Path, name: str) -> None:
    notebook = nbformat.read(smoke_html.parent / "notebooks" / f"{name}.ipynb", as_version=4)
    streams = [out for cell in notebook.cells for out in cell.get("outputs", []) if "text" in out]
    for stream in streams:
        assert not re.search(r"Warning\b|Traceback", stream.text), stream.text


def test_nothing_published_names_a_folder_of_this_machine(smoke_html: Path) -> None:
    here = str(Path(__file__).resolve().parents[1])
    texts = [p for p in smoke_html.rglob("*") if p.suffix in {".html", ".ipynb", ".txt", ".json"}]
    assert [p.name for p in texts if here in p.read_text(encoding="utf-8")] == []
