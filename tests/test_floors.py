"""A file of dfe imports only from lower floors, or from its own package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

DFE = Path(__file__).resolve().parents[1] / "dfe"

FLOORS = {
    "config": 0,
    "checks": 0,
    "distributed": 0,
    "files": 0,
    "options": 0,
    "checkpoint": 1,
    "dictionary": 1,
    "quantizer": 1,
    "schedule": 1,
    "face": 1,
    "metrics": 1,
    "action_units": 1,
    "claims": 1,
    "variants": 1,
    "data": 2,
    "model": 2,
    "losses": 2,
    "objective": 3,
    "training": 4,
    "tokens": 3,
    "baselines": 3,
    "bags": 3,
    "facial_basis": 3,
    "controls": 3,
    "observers": 3,
    "render": 3,
    "imports": 1,
    "dependencies": 1,
    "parameters": 1,
    "jobs": 1,
    "cohorts": 4,
    "basis": 4,
    "appearance": 4,
    "database": 4,
    "building": 8,
    "published": 6,
    "build_cli": 9,
    "steps_cli": 9,
    "notebooks": 3,
    "results": 3,
    "examples": 3,
    "own_pages": 3,
    "encoding": 4,
    "evidence": 4,
    "verdicts": 4,
    "accuracy": 4,
    "ablations": 4,
    "gallery": 4,
    "utility": 4,
    "recording": 5,
    "runs": 5,
    "tasks": 5,
    "scoreboard": 5,
    "repository": 6,
    "regressions": 6,
    "inserts": 6,
    "sweeps": 6,
    "book": 7,
    "data_cli": 7,
    "frames": 6,
    "experiments": 6,
    "emotions": 6,
    "publishing": 8,
    "cli": 10,
}
FILES = sorted(DFE.rglob("*.py"))


def part(path: Path) -> str:
    """Name of the file or package directly under dfe/ that `path` belongs to."""
    return path.relative_to(DFE).with_suffix("").parts[0]


def imported_parts(source: str) -> Iterator[str]:
    """Names directly under dfe that `source` imports, anywhere in it; relative imports fail."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write `from dfe. ...`, not a dot"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            if top == "dfe" and rest:
                yield rest.partition(".")[0]


def violations(own: str, source: str) -> list[str]:
    """Parts that a file of part `own` may not import."""
    others = {name for name in imported_parts(source) if name != own}
    return sorted(name for name in others if FLOORS[name] >= FLOORS[own])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DFE)))
def test_imports_only_from_lower_floors(path: Path) -> None:
    if (own := part(path)) != "__init__":
        assert own in FLOORS, f"give dfe/{own} a floor in {Path(__file__).name}"
        assert violations(own, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("own", "source", "wrong"),
    [
        ("face", "from dfe.config import x", []),
        ("face", "from dfe.face.base import x", []),
        ("face", "from dfe import render", ["render"]),
        ("model", "import dfe.losses", ["losses"]),
        ("config", "def f():\n    from dfe.face.base import FaceModel", ["face"]),
        ("book", "from dfe.cli import app; from dfe.evidence import x", ["cli"]),
    ],
)
def test_a_violation_is_found(own: str, source: str, wrong: list[str]) -> None:
    assert violations(own, source) == wrong
