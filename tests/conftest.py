"""Shared by all tests: a checkout to play with, the built smoke book, calm hypothesis."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# No deadlines: machines differ. Derandomized: the same commit gives the same verdict.
settings.register_profile("dfe", deadline=None, derandomize=True, database=None)
settings.load_profile("dfe")


@pytest.fixture
def root() -> Path:
    """Folder of this checkout."""
    return ROOT


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout as working directory: two prose pages, no notebook executed yet."""
    files = {
        "_config.yml": "title: small\n",
        "_toc.yml": (
            "format: jb-book\nroot: book/intro\nparts:\n  - caption: all\n    chapters:\n"
            "      - file: book/method\n      - file: notebooks/page\n"
        ),
        "profiles/smoke.yaml": "description: small\n",
        "book/claims.yml": "tables: []\n",
        "book/intro.md": "# Intro\n",
        "book/method.md": "# Method\n",
        "book/_static/dfe.css": "",
        "notebooks/page.ipynb": "{}",  # what is executed is in build/
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def smoke_html() -> Path:
    """The html of the smoke book, as `make test` builds it before the tests."""
    html = ROOT / "build" / "smoke" / "html"
    if not (html / "index.html").is_file():
        pytest.skip("the smoke book is not built: run `make book PROFILE=smoke` first")
    return html


#: Files that take longest: they begin first, so that no process waits for them at the end.
LONGEST = (
    "test_own_build.py",
    "test_rebuild.py",
    "test_training.py",
    "test_data_ingest_kill.py",
    "test_own_observers.py",
    "test_own_tasks.py",
    "test_distributed.py",
    "test_utility_null.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order of all others stays."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
