"""Launch links: the repository is known or there are none, and each names a notebook of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dfe.book import _write_config, assemble, notebook_names, run_jupyter_book
from dfe.config import load_profile
from dfe.publishing import check_site
from dfe.repository import (
    Repository,
    RepositoryError,
    find_repository,
    launch_settings,
    parse_repository,
)

ROOT = Path(__file__).resolve().parents[1]
OURS = Repository(owner="some-one", name="the.book")
VARIABLES = {"GITHUB_REPOSITORY": "some-one/the.book", "GITHUB_SERVER_URL": "https://github.com"}


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/some-one/the.book",
        "https://github.com/some-one/the.book/",
        "https://github.com/some-one/the.book.git",
        "https://x-access-token:secret@github.com/some-one/the.book.git",
        "git@github.com:some-one/the.book.git",
        "ssh://git@github.com/some-one/the.book.git",
        " https://github.com/some-one/the.book\n",
    ],
)
def test_addresses_of_github(address: str) -> None:
    found = parse_repository(address)
    assert found == OURS
    assert found.url == "https://github.com/some-one/the.book"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://gitlab.com/some-one/the.book",
        "https://github.com.evil.example/some-one/the.book",
        "https://evil.example/github.com/some-one/the.book",
        "https://github.com/some-one",
        "https://github.com/some-one/the.book/tree/main",
        "https://github.com/-one/the.book",
        "https://github.com/some one/the.book",
        "git@example.com:some-one/the.book.git",
        "/srv/git/the.book.git",
        "http://github.com/some-one/the.book",
    ],
)
def test_other_addresses(address: str) -> None:
    assert parse_repository(address) is None


@given(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True).filter(lambda n: not n.endswith(".git")),
)
def test_every_address_is_read_back(owner: str, name: str) -> None:
    repository = Repository(owner=owner, name=name)
    assert parse_repository(repository.url) == repository
    assert parse_repository(f"git@github.com:{owner}/{name}.git") == repository


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A checkout with one commit whose `origin` is on GitHub."""
    git(tmp_path, "init", "-q")
    options = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    git(tmp_path, *options, "commit", "-q", "--allow-empty", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "git@github.com:some-one/the.book.git")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def test_the_remote_of_the_checkout(remote: Path) -> None:
    assert find_repository(remote, environment={}) == OURS
    git(remote, "remote", "set-url", "origin", "https://gitlab.com/some-one/the.book.git")
    assert find_repository(remote, environment={}) is None
    git(remote, "remote", "remove", "origin")
    assert find_repository(remote, environment={}) is None


def test_a_folder_inside_another_checkout_has_no_repository(remote: Path) -> None:
    (remote / "export").mkdir()
    assert find_repository(remote / "export", environment={}) is None


def test_variables_win_over_the_remote_and_a_given_address_over_both(remote: Path) -> None:
    other = VARIABLES | {"GITHUB_REPOSITORY": "an/other"}
    assert find_repository(remote, environment=other) == Repository(owner="an", name="other")
    given = find_repository(remote, "https://github.com/a/third", other)
    assert given == Repository(owner="a", name="third")


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("refs/heads/main", "main"),
        ("refs/tags/v1.0", "v1.0"),
        ("refs/pull/3/merge", "HEAD"),
        ("refs/heads/a/b", "HEAD"),
        ("", "HEAD"),
    ],
)
def test_links_lead_to_the_branch_that_is_built(tmp_path: Path, ref: str, expected: str) -> None:
    found = find_repository(tmp_path, environment=VARIABLES | {"GITHUB_REF": ref})
    assert found == OURS.model_copy(update={"ref": expected})


def test_another_server_has_no_launch_links(remote: Path) -> None:
    environment = VARIABLES | {"GITHUB_SERVER_URL": "https://git.example"}
    assert find_repository(remote, environment=environment) is None


def test_a_wrong_address_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="the repository's address is 'nonsense'"):
        find_repository(tmp_path, "nonsense", VARIABLES)
    with pytest.raises(RepositoryError, match="GITHUB_REPOSITORY is"):
        find_repository(tmp_path, environment={"GITHUB_REPOSITORY": "nonsense"})


def test_the_configuration_of_the_book_names_no_repository(tmp_path: Path) -> None:
    _write_config(ROOT / "_config.yml", tmp_path / "_config.yml", "", {})
    tree = yaml.safe_load((tmp_path / "_config.yml").read_text(encoding="utf-8"))
    assert not {"repository", "launch_buttons"} & set(tree)
    assert launch_settings(None) == {}


class Links(HTMLParser):
    """Links of a page, and the pictures inside them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def launching(self) -> list[str]:
        hosts = ("mybinder.org", "colab.research.google.com")
        return [link for link in self.links if urlsplit(link).netloc in hosts]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Html of a book with one prose page and two pages named like our notebooks."""
    source = tmp_path_factory.mktemp("links") / "source"
    (source / "_static").mkdir(parents=True)
    (source / "_static" / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    names = notebook_names()[:2]
    chapters = "".join(f"  - file: notebooks/{name}\n" for name in names)
    (source / "_toc.yml").write_text(f"format: jb-book\nroot: intro\nchapters:\n{chapters}")
    (source / "intro.md").write_text("# Intro\n\nWords.\n")
    (source / "notebooks").mkdir()
    for name in names:
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        notebook = new_notebook(cells=[new_markdown_cell(f"# {name}")], metadata=kernel)
        nbformat.write(notebook, source / "notebooks" / f"{name}.ipynb")
    (source / "book").mkdir()
    shutil.copyfile(ROOT / "book" / "references.bib", source / "book" / "references.bib")
    repository = OURS.model_copy(update={"ref": "v1.0"})
    _write_config(ROOT / "_config.yml", source / "_config.yml", "", {}, repository)
    run_jupyter_book(source, source.parent / "work")
    return source.parent / "work" / "_build" / "html"


def test_links_on_notebook_pages_name_the_repositorys_notebooks(book: Path) -> None:
    for name in notebook_names()[:2]:
        binder, colab = Links(book / "notebooks" / f"{name}.html").launching()
        place = urlsplit(binder)
        assert place.path == "/v2/gh/some-one/the.book/v1.0"
        (opened,) = parse_qs(place.query)["urlpath"]
        path = opened.removeprefix("lab/tree/")
        start = "https://colab.research.google.com/github/some-one/the.book/blob/v1.0/"
        assert colab == f"{start}{path}"
        assert path == f"notebooks/{name}.ipynb" and (ROOT / path).is_file()


def test_prose_pages_have_no_launch_link(book: Path) -> None:
    assert Links(book / "intro.html").launching() == []


def test_launch_links_load_nothing_and_have_local_logos(book: Path) -> None:
    for path in book.rglob("*macros.html"):
        path.unlink()
    assert list(map(str, check_site(book, ["intro"]))) == []
    text = (book / "notebooks" / f"{notebook_names()[0]}.html").read_text(encoding="utf-8")
    assert re.search(r'src="\.\./_static/images/logo_binder\.svg', text)
    assert "initThebeSBT" not in text


def test_a_build_takes_the_repository_from_its_checkout(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "some-one/the.book")
    monkeypatch.delenv("GITHUB_REF", raising=False)
    profile = load_profile("smoke")
    cell = new_code_cell("1 + 1")
    nbformat.write(new_notebook(cells=[cell]), checkout / "notebooks" / "page.ipynb")
    cell.execution_count = 1
    cell.outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    executed = checkout / "build" / "smoke" / "notebooks" / "page.ipynb"
    executed.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=[cell]), executed)
    tree = yaml.safe_load((assemble(profile) / "_config.yml").read_text(encoding="utf-8"))
    assert tree["repository"] == {"url": OURS.url, "branch": "HEAD", "path_to_book": ""}
    assert tree["launch_buttons"]["thebe"] is False


def test_binder_can_build_the_environment() -> None:
    """The rules of repo2docker: conda's file at the top, dfe itself as a local requirement."""
    tree = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert not (ROOT / "binder").exists() and not (ROOT / ".binder").exists()
    (by_pip,) = [item["pip"] for item in tree["dependencies"] if isinstance(item, dict)]
    assert "-e ." in by_pip and "pip" in tree["dependencies"]
