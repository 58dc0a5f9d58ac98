"""Assemble prose pages and executed notebooks, and build them strictly with Jupyter Book 1."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from dfe.config import Profile, build_folder, project_root
from dfe.evidence import results_folder
from dfe.inserts import Insert, inserts
from dfe.own_pages import sets_page
from dfe.results import PageResults, ResultsError, read_results

PARAMETERS = {"parameters": "Parameters of this page", "injected-parameters": "Set for this build"}

#: Pages that no one writes: path without suffix -> what makes the text for a build.
GENERATED: Mapping[str, Callable[[Profile], str]] = MappingProxyType({"book/own_sets": sets_page})


class BookError(RuntimeError):
    """The book cannot be built as it stands; the message names the page and the cause."""


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


def check_notebook(path: Path) -> None:
    """Refuse an executed notebook that failed or holds nothing to show.

    Raises
    ------
    BookError
        If the file is missing or no notebook, a code cell did not run, a cell holds an error,
        or no cell has any output.
    """
    cells = [cell for cell in _read(path).cells if cell.cell_type == "code" and cell.source.strip()]
    for number, cell in enumerate(cells, 1):
        if cell.execution_count is None:
            raise BookError(f"{path.name}: code cell {number} did not run: {cell.source[:60]!r}")
        for output in cell.outputs:
            if output.output_type == "error":
                raise BookError(f"{path.name}: code cell {number}: {output.ename}: {output.evalue}")
    if not any(output for cell in cells for output in cell.outputs):
        raise BookError(f"{path.name}: no cell has an output; was it executed?")


def _read(path: Path) -> Any:
    import nbformat

    if not path.is_file():
        raise BookError(f"{path.name}: not executed yet ({path} is missing)")
    try:
        text = path.read_text(encoding="utf-8")
        if not text.startswith("{") or json.loads(text).get("nbformat") != 4:
            raise ValueError("expected JSON in notebook format 4")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, nbformat.ValidationError) as error:
        raise BookError(f"{path.name}: not a notebook: {error}") from error
    return notebook


def publish_notebook(source: Path, target: Path, results: PageResults | None = None) -> None:
    """Copy an executed notebook: log lines and paths left out, parameter cells folded away.

    Cells that recorded `results` get an anchor, ``cell-`` and their execution count.
    """
    import nbformat

    notebook = _read(source)
    notebook.cells = list(_anchored(notebook.cells, results))
    notebook.metadata.pop("papermill", None)  # paths and times of this machine
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":  # readers can download the notebook: drop the log lines
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        for tag in cell.metadata.get("tags", []):
            if tag in PARAMETERS:
                cell.metadata["tags"] = [*cell.metadata["tags"], "hide-input"]
                cell.metadata["mystnb"] = {"code_prompt_show": PARAMETERS[tag]}
                break
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def _anchored(cells: list[Any], results: PageResults | None) -> Iterator[Any]:
    """The cells, with an anchor for the scoreboard's links before each one that recorded."""
    from nbformat.v4 import new_markdown_cell

    recorded = set() if results is None else {r.cell for r in results.results}
    for cell in cells:
        count = cell.get("execution_count")
        if count is not None and count in recorded:
            yield new_markdown_cell(f'<div id="cell-{count}"></div>', id=f"anchor-{count}")
        yield cell


def assemble(profile: Profile) -> Path:
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
    _write_config(root / "_config.yml", source / "_config.yml", profile.announcement, found)
    shutil.copytree(root / "book", source / "book")  # pages link to pictures in book/_static
    for page in GENERATED.keys() & set(pages()):
        (source / f"{page}.md").write_text(GENERATED[page](profile), encoding="utf-8")
    shutil.copytree(root / "book" / "_static", source / "_static")  # the site's style and logo
    figures = build_folder(profile) / "figures"  # what notebooks keep for prose pages
    if figures.is_dir():
        shutil.copytree(figures, source / "figures")
    for name in notebook_names():
        executed = build_folder(profile) / "notebooks" / f"{name}.ipynb"
        check_notebook(executed)
        publish_notebook(executed, source / "notebooks" / executed.name, results.get(name))
    _publish_results(profile, source / "_static" / "results")
    return source


def _publish_results(profile: Profile, target: Path) -> None:
    """Copy what readers can download: the scoreboard, and the settings behind each page."""
    target.mkdir()
    for pattern in ("scoreboard.*", "*.provenance.json"):
        for path in sorted(results_folder(profile).glob(pattern)):
            shutil.copyfile(path, target / path.name)


def _write_config(
    committed: Path, target: Path, announcement: str, found: dict[str, Insert]
) -> None:
    """Copy the configuration, with what pages insert and the announcement at their heads."""
    tree = yaml.safe_load(committed.read_text(encoding="utf-8"))
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


def build_html(profile: Profile) -> Path:
    """Build the book and return `build/<profile>/html`, which is replaced only by a whole book.

    Raises
    ------
    BookError
        If `assemble` refuses a page, or Sphinx gives any warning.
    """
    build = build_folder(profile)
    source, work = assemble(profile), build / "sphinx"
    shutil.rmtree(work, ignore_errors=True)
    run_jupyter_book(source, work)
    made = work / "_build" / "html"
    for page in pages():
        if not (made / f"{page}.html").is_file():
            raise BookError(f"{page}: Jupyter Book made no such page")
    return _replace_folder(made, build / "html")


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


def _replace_folder(new: Path, final: Path) -> Path:
    """Put `new` in the place of `final`; both stand on the same file system."""
    old = final.with_name(final.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        os.replace(final, old)
    os.replace(new, final)
    shutil.rmtree(old, ignore_errors=True)
    return final
