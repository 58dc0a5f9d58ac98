"""A small checkout with a built book, as `dfe book` leaves it: two prose pages, one notebook."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from dfe.evidence import Commit, Provenance

ROOT = Path(__file__).resolve().parents[1]
HEAD = '<!DOCTYPE html>\n<html><link rel="stylesheet" href="../_static/a.css"><body>\n'


def provenance(**changes: object) -> Provenance:
    """Provenance of the small book's notebook."""
    given = {
        "page": "page",
        "profile": "smoke",
        "parameters": {},
        "settings": {},
        "seeds": (0,),
        "commit": Commit(hash="ab" * 20, dirty=False),
        "versions": {"python": "3.11.2", "torch": "2.13.0+cpu"},
        "hardware": {},
        "threads": 1,
        "data": {"real psi": "12" * 32},
        "started": datetime(2026, 3, 31, 23, 59, 0, tzinfo=UTC),
        "seconds": 90.0,  # so it ends on the next day, and in the next month
    }
    return Provenance.model_validate(given | changes)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write text files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def small_html(folder: Path) -> Path:
    """A site without any problem."""
    write(
        folder,
        {
            "index.html": '<meta http-equiv="Refresh" content="0; url=book/intro.html" />\n',
            "book/intro.html": HEAD + '<a href="method.html#two">x</a><h1 id="top-1">A</h1>\n',
            "book/method.html": HEAD + '<h2 id="two"></h2><a href="https://else.example">x</a>\n',
            "notebooks/page.html": HEAD + '<img src="../_images/a.png"><a href="#">x</a>\n',
            "_static/a.css": "body { background: url('../_images/a.png') }\n",
            "_static/a.js": "const address = 'https://else.example/api'; fetch('searchindex.js')\n",
            "_static/webpack-macros.html": "<script src=\"{{ pathto('x.js') }}\"></script>",
            "_sources/notebooks/page.ipynb": "{}",
        },
    )
    (folder / "_images").mkdir()
    (folder / "_images" / "a.png").write_bytes(b"\x89PNG\0\xff")
    return folder


def add_build(checkout: Path) -> Path:
    """Put a built book and the files that it carries into a small checkout."""
    for name in ("CITATION.cff", "LICENSE", "constraints.txt", "environment.yml"):
        shutil.copyfile(ROOT / name, checkout / name)
    shutil.copytree(ROOT / "data_manifests", checkout / "data_manifests")
    build = checkout / "build" / "smoke"
    small_html(build / "html")
    record = provenance().model_dump_json()
    write(build, {"html/_static/results/page.provenance.json": record})
    write(build / "results", {"page.provenance.json": record, "page.results.json": "{}"})
    write(build / "results", {"page.table.csv": "a,b\n1,2\n"})
    return build
