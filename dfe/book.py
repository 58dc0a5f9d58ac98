"""Assemble prose pages and executed notebooks, and build them strictly with Jupyter Book 1."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from dfe.config import Profile, build_folder, project_root
from dfe.evidence import results_folder
from dfe.files import replace_folder
from dfe.inserts import Insert, inserts
from dfe.own_pages import sets_page
from dfe.published import BookError, check_notebook, publish_notebook, stand_in
from dfe.repository import Repository, find_repository, launch_settings
from dfe.results import PageResults, ResultsError, read_results
from dfe.sweeps import SweepError, sweep_pages, write_sweeps

#: Pages that no one writes: path without suffix -> what makes the text for a build.
GENERATED: Mapping[str, Callable[[Profile], str]] = MappingProxyType({"book/own_sets": sets_page})


def pages() -> list[str]:
    """Pages of `_toc.yml` in reading order, as paths without suffix such as ``book/intro``.

    Raises
    ------
    BookError
        If the table of contents is no mapping, or names a page twice.
    """
    toc = yaml.safe_load((project_root() / "_toc.yml").read_text(encoding="utf-8"))
    if not isinstance(toc, dict) or "root" not in toc:
        raise BookError("_toc.yml: expected a mapping with `root` and `parts`")
    found = list(_walk(toc))
    if twice := sorted({page for page in found if found.count(page) > 1}):
        raise BookError(f"_toc.yml names more than once: {', '.join(twice)}")
    return found


def _walk(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _walk(item)
    elif isinstance(node, dict):
        yield from (str(node[key]) for key in ("root", "file") if key in node)
        for key in ("parts", "chapters", "sections"):
            yield from _walk(node.get(key))


def notebook_names() -> list[str]:
    """Stems of the notebooks that the table of contents lists, in reading order.

    Raises
    ------
    BookError
        If one of them is missing. Snakemake would take the old book for up to date then.
    """
    names = [page.partition("/")[2] for page in pages() if page.startswith("notebooks/")]
    folder = project_root() / "notebooks"
    if missing := [name for name in names if not (folder / f"{name}.ipynb").is_file()]:
        raise BookError(f"_toc.yml lists notebooks/{missing[0]}.ipynb, and there is no such file")
    return names


class Edition(NamedTuple):
    """How a book differs from the plain one of its profile.

    Attributes
    ----------
    given
        Notebook -> parameters that it was executed with.
    sweeps
        Notebook -> the points of its grid, as name -> parameters.
    missing
        Notebook that has no results -> why, in words.
    """

    given: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    sweeps: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    missing: Mapping[str, str] = MappingProxyType({})

    def announcement(self) -> str:
        """What readers of any page have to know; empty for the plain book."""
        said = [f"{n}.{k} = {v}" for n, given in self.given.items() for k, v in given.items()]
        parts = [f"Changed in this build: {', '.join(said)}."] if said else []
        parts += [f"Without results: {', '.join(self.missing)}."] if self.missing else []
        return html.escape(" ".join(parts))


PLAIN = Edition()


def assemble(profile: Profile, edition: Edition = PLAIN) -> Path:
    """Gather everything that Jupyter Book reads in `build/<profile>/source`, and return it.

    Raises
    ------
    BookError
        If a page of `_toc.yml` is missing, a file under `book/` is in no chapter, an executed
        notebook is not fit to be published, or a results file is damaged.
    """
    root, source = project_root(), build_folder(profile) / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    _check_prose(root)
    shutil.copyfile(root / "_toc.yml", source / "_toc.yml")
    try:
        results, found = read_results(results_folder(profile)), inserts(profile)
    except ResultsError as error:
        raise BookError(str(error)) from error
    repository = find_repository(root)
    configs = root / "_config.yml", source / "_config.yml"
    announcement = f"{profile.announcement} {edition.announcement()}".strip()
    _write_config(*configs, announcement, found, repository)
    shutil.copytree(root / "book", source / "book")  # pages link to pictures in book/_static
    for page in GENERATED.keys() & set(pages()):
        (source / f"{page}.md").write_text(GENERATED[page](profile), encoding="utf-8")
    shutil.copytree(root / "book" / "_static", source / "_static")  # the site's style and logo
    figures = build_folder(profile) / "figures"  # what notebooks keep for prose pages
    if figures.is_dir():
        shutil.copytree(figures, source / "figures")
    for name in notebook_names():
        executed = build_folder(profile) / "notebooks" / f"{name}.ipynb"
        if name in edition.missing:
            committed = root / "notebooks" / executed.name
            stand_in(committed, source / "notebooks" / executed.name, edition.missing[name])
            continue
        check_notebook(executed)
        publish_notebook(
            executed,
            source / "notebooks" / executed.name,
            results.get(name),
            root / "notebooks" / executed.name,
        )
    _publish_results(profile, source / "_static" / "results")
    if edition.sweeps:
        try:
            write_sweeps(profile, edition.sweeps, source, _publish_point)
        except SweepError as error:
            raise BookError(str(error)) from error
    return source


def _publish_point(executed: Path, target: Path, results: PageResults, committed: Path) -> None:
    check_notebook(executed)
    publish_notebook(executed, target, results, committed)


def _publish_results(profile: Profile, target: Path) -> None:
    """Copy what readers can download: the scoreboard, and the settings behind each page."""
    target.mkdir()
    for pattern in ("scoreboard.*", "*.provenance.json"):
        for path in sorted(results_folder(profile).glob(pattern)):
            shutil.copyfile(path, target / path.name)


def _write_config(
    committed: Path,
    target: Path,
    announcement: str,
    found: dict[str, Insert],
    repository: Repository | None = None,
) -> None:
    """Copy the configuration, with inserts, the announcement, and links that launch notebooks."""
    tree = yaml.safe_load(committed.read_text(encoding="utf-8")) | launch_settings(repository)
    tree.setdefault("parse", {})["myst_substitutions"] = found
    if announcement:
        options = tree.setdefault("sphinx", {}).setdefault("config", {})
        options.setdefault("html_theme_options", {})["announcement"] = announcement
    target.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")


def _check_prose(root: Path) -> None:
    listed = {page for page in pages() if not page.startswith("notebooks/")}
    there = {str(path.relative_to(root).with_suffix("")) for path in root.glob("book/**/*.md")}
    if written := sorted(there & GENERATED.keys()):
        raise BookError(f"{', '.join(written)}: a build makes this page; remove the .md file")
    if missing := sorted(listed - there - GENERATED.keys()):
        raise BookError(f"_toc.yml lists {', '.join(missing)}, and there is no such .md file")
    if stray := sorted(there - listed):
        raise BookError(f"_toc.yml does not list {', '.join(stray)}: no reader would find it")


def build_html(profile: Profile, edition: Edition = PLAIN) -> Path:
    """Build the book and return `build/<profile>/html`, which is replaced only by a whole book.

    Raises
    ------
    BookError
        If `assemble` refuses a page, or Sphinx gives any warning.
    """
    build = build_folder(profile)
    source, work = assemble(profile, edition), build / "sphinx"
    shutil.rmtree(work, ignore_errors=True)
    run_jupyter_book(source, work)
    made = work / "_build" / "html"
    for page in [*pages(), *sweep_pages(edition.sweeps)]:
        if not (made / f"{page}.html").is_file():
            raise BookError(f"{page}: Jupyter Book made no such page")
    return replace_folder(made, build / "html")


def run_jupyter_book(source: Path, work: Path) -> None:
    """Run Jupyter Book over `source` so that each warning is an error.

    Raises
    ------
    BookError
        With the tail of the log, if the build gave a warning or failed.
    """
    jupyter_book = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", jupyter_book, "build", str(source)]
    strict = ["--path-output", str(work), "--all", "-W", "-n", "--keep-going"]
    environment = os.environ | {"PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
    done = subprocess.run([*command, *strict], capture_output=True, text=True, env=environment)
    log = work.with_suffix(".log")
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        telling = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-20:]
        raise BookError("\n".join(["Jupyter Book refused the book:", *telling, f"Log: {log}"]))
