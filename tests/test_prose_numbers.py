"""Nobody types a result: numbers in prose are inserted from results or from the claims."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Decimals and percentages that are no results, and what they are.
CONSTANTS = {
    "95 %": "level of every interval",
    "80 %": "power that a planned study asks for",
    "0.8": "the same power",
    "0.05": "level of the tests on the page on power",
    "0.9": "a case of that page: errors nearly as alike as they can be",
    "0.5": "half of a scale: of an effect, an intensity, or an asymmetry",
    "33.3": "chance with three balanced classes",
    "0.25": "β of section 4.3, and the asymmetry half-way to one side",
    "0.1": "λ_sparse of section 4.3",
    "2.5": "a parameter of the design distribution",
    "0.094": "log2(64) / 64",
    "0.299": "log2(12) / 12",
    "0.6.2": "version of a package",
    "1.0": "version of a license",
    "2.0": "version of a license",
    "4.0": "version of a license",
}
IGNORED = re.compile(
    r"```.*?```"  # code
    r"|`[^`]*`"
    r"|\]\([^)]*\)"  # addresses
    r"|\{\{.*?\}\}"  # inserted
    r"|[Ss]ections? \d+(\.\d+)?((, | and | to )\d+(\.\d+)?)*"
    r"|Python \d\.\d+",
    re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?%|(?<![\w.])\d+(?:\.\d+)+(?!\w)")


def typed(text: str) -> list[str]:
    """Decimals and percentages that stand in a text as they are."""
    return NUMBER.findall(IGNORED.sub(" ", text))


def prose() -> Iterator[tuple[str, str]]:
    """Where, and text: pages, then the prose cells of notebooks."""
    for path in sorted((ROOT / "book").glob("*.md")):
        yield path.name, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                yield cell.id, cell.source


@pytest.mark.parametrize(("where", "text"), list(prose()), ids=[where for where, _ in prose()])
def test_no_result_is_typed(where: str, text: str) -> None:
    assert [number for number in typed(text) if number not in CONSTANTS] == []


def test_every_constant_is_still_used() -> None:
    found = {number for _, text in prose() for number in typed(text)}
    assert set(CONSTANTS) - found == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Tokens reach 71.4 here, by 3.5% more.", ["71.4", "3.5%"]),
        ("a power of 0.8.", ["0.8"]),
        ("[x](../a_0.5.html) and `x = 0.7` in section 4.3 and 5.1", []),
        ('the paper says {{ paper["table-3.ours.f1"] }} of 12', []),
        ("```\n0.7\n```\nSections 5.2 and 5.3, Python 3.11", []),
    ],
)
def test_the_check_finds_typed_numbers(text: str, found: list[str]) -> None:
    assert typed(text) == found
