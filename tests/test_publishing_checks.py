"""A site is refused for each thing that would disappoint a reader, and for nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from publishing_support import small_html

from dfe.book import pages
from dfe.publishing import Problem, checks
from dfe.publishing.checks import check_site
from dfe.publishing.site import LEFT_OUT

PAGES = ("book/intro", "book/method", "notebooks/page")


@pytest.fixture
def html(tmp_path: Path) -> Path:
    folder = small_html(tmp_path / "html")
    (folder / "_static" / "webpack-macros.html").unlink()
    return folder


def test_a_sound_site_has_no_problem(html: Path) -> None:
    assert check_site(html, PAGES, {"home": Path("/somebody"), "root": Path("/")}) == []


def add(html: Path, text: str, page: str = "book/method.html") -> None:
    path = html / page
    path.write_text(path.read_text() + text)


def only(problems: list[Problem]) -> Problem:
    (found,) = problems
    return found


def test_each_missing_page_is_named(html: Path) -> None:
    (html / "notebooks" / "page.html").unlink()
    (html / "index.html").unlink()
    found = [problem.place for problem in check_site(html, PAGES)]
    assert found == ["index.html", "notebooks/page.html"]


@pytest.mark.parametrize(
    "address",
    [
        "none.html",
        "../book",
        "../_images/A.png",
        "../../outside.html",
        "method.html/",
        "a%20b.html",
    ],
)
def test_a_link_to_nowhere(html: Path, address: str) -> None:
    (html.parent / "outside.html").touch()
    add(html, f'\n<a href="{address}">x</a>')
    problem = only(check_site(html, PAGES))
    assert problem.place == f"book/method.html:5: <a href> {address!r}"
    assert problem.what == "the site has no such file"


@pytest.mark.parametrize(
    "address",
    [
        "a%20b.html",
        "../",
        "..",
        "intro.html?x=1#top-1",
        "?x",
        "#top",
        "#%74wo",
        "intro.html#:~:text=A",
        "../_images/a.png#anything",
        "mailto:a@b",
        "data:,x",
        "https://else.example/#x",
        "//else.example",
    ],
)
def test_a_link_that_leads_somewhere(html: Path, address: str) -> None:
    (html / "book" / "a b.html").touch()
    add(html, f'<a href="{address}">x</a>')
    assert check_site(html, PAGES) == []


@pytest.mark.parametrize("address", ["#three", "intro.html#two", "intro.html#TOP-1"])
def test_a_link_to_no_anchor(html: Path, address: str) -> None:
    add(html, f'<a href="{address}">x</a>')
    assert "has no id" in only(check_site(html, PAGES)).what


@pytest.mark.parametrize(
    ("address", "what"),
    [("/book/intro.html", "top"), ("file:///a/b", "out of the site"), ("http://[", "no address")],
)
def test_an_address_that_works_here_alone(html: Path, address: str, what: str) -> None:
    add(html, f'<a href="{address}">x</a>')
    assert what in only(check_site(html, PAGES)).what


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("book/method.html", '<script src="https://else.example/a.js"></script>'),
        ("book/method.html", '<img src="//else.example/a.png">'),
        ("book/method.html", '<link rel="icon" href="http://else.example/a.png">'),
        ("book/method.html", "<style>a { b: url(https://else.example/a.png) }</style>"),
        ("book/method.html", "<script>fetch('https://else.example/a.json')</script>"),
        ("_static/a.css", "@import url(https://else.example/a.css);"),
        ("_static/a.js", "import 'https://else.example/a.js'"),
    ],
)
def test_a_page_that_asks_another_host(html: Path, page: str, text: str) -> None:
    add(html, text, page)
    problem = only(check_site(html, PAGES))
    assert "another host" in problem.what and problem.place.startswith(f"{page}:")


def test_a_picture_that_only_a_style_sheet_or_svg_misses(html: Path) -> None:
    add(html, "\nb { c: url(none.png) }", "_static/a.css")
    (html / "_static" / "a.svg").write_text('<svg>\n<image href="gone.png"/></svg>')
    found = [problem.place for problem in check_site(html, PAGES)]
    assert found == [
        "_static/a.css:3: url() 'none.png'",
        "_static/a.svg:2: <image href> 'gone.png'",
    ]


def test_sizes_are_in_megabytes(html: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (html / "big.bin").write_bytes(bytes(1_000_000))
    assert check_site(html, PAGES, max_file_mb=1.0) == []
    problem = only(check_site(html, PAGES, max_file_mb=0.999))
    assert problem.place == "big.bin" and problem.what.startswith("1.0 MB")
    monkeypatch.setattr(checks, "MAX_SITE_MB", 1.0)
    assert only(check_site(html, PAGES)).todo == (
        "begin with the largest: big.bin, book/method.html, book/intro.html"
    )


@pytest.mark.parametrize(
    "text",
    [
        "x /a/user/project/file",
        '"text": "one\\n/a/user/project"',
        "file:///a/user/project/x",
        "/a/user/project.",
    ],
)
def test_a_folder_of_the_machine(html: Path, text: str) -> None:
    (html / "_sources" / "notebooks" / "page.ipynb").write_text(f"\n{text}\n{text}")
    problem = only(check_site(html, PAGES, {"the project folder": Path("/a/user/project")}))
    assert problem.place == "_sources/notebooks/page.ipynb:2"
    assert "the project folder" in problem.what and "2 times" in problem.what


@pytest.mark.parametrize("text", ["/a/user/project2", "x/a/user/project", "../a/user/project"])
def test_another_folder(html: Path, text: str) -> None:
    (html / "a.txt").write_text(text)
    assert check_site(html, PAGES, {"the project folder": Path("/a/user/project")}) == []


def test_a_short_home_folder_needs_something_below_it(html: Path) -> None:
    (html / "a.txt").write_text('tree "/root"')
    assert check_site(html, PAGES, {"home": Path("/root")}) == []
    (html / "a.txt").write_text("/root/.cache")
    assert only(check_site(html, PAGES, {"home": Path("/root")})).place == "a.txt:1"


def test_all_problems_are_found_at_once(html: Path) -> None:
    add(html, '<a href="x">x</a><img src="https://h/y"><a href="#z">z</a>')
    add(html, '<a href="x">x</a>', "book/intro.html")
    (html / "notebooks" / "page.html").unlink()
    assert len(check_site(html, PAGES)) == 5


def test_a_problem_says_where_what_and_what_to_do(html: Path) -> None:
    add(html, '<a href="x">x</a>')
    assert str(only(check_site(html, PAGES))) == (
        "book/method.html:4: <a href> 'x': the site has no such file; "
        "correct the link or add the file"
    )


@pytest.mark.smoke_book
def test_the_smoke_book_is_fit_to_be_published(smoke_html: Path, tmp_path: Path) -> None:
    site = shutil.copytree(smoke_html, tmp_path / "site", ignore=LEFT_OUT)
    root = Path(__file__).resolve().parents[1]
    private = {"the project folder": root, "the home folder": Path.home()}
    assert list(map(str, check_site(site, pages(), private))) == []
