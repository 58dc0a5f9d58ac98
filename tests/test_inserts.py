"""What prose pages can insert: numbers of the paper, of this build, and public facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from claims_support import ACC, NO_L1, OURS, claims_text

from dfe.config import load_profile
from dfe.evidence import results_folder
from dfe.inserts import inserts
from dfe.results import PageResults, Result, ResultsError, write_results


def found(checkout: Path, *results: dict[str, Any]) -> dict[str, Any]:
    """Inserts of a build in which one page recorded these results."""
    (checkout / "book" / "claims.yml").write_text(claims_text())
    common = {"low": None, "high": None, "n": 9, "of": "clips", "seeds": (0,)}
    made = tuple(Result.model_validate(common | one) for one in results)
    settings = load_profile("smoke")
    write_results(PageResults(page="page", profile="smoke", results=made), results_folder(settings))
    return inserts(settings)


def test_numbers_of_the_paper_keep_their_decimals(checkout: Path) -> None:
    assert found(checkout)["paper"][ACC["basis"]] == "60.0"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"claim": OURS, "value": 7.249, "origin": "simulated"}, "7.2 (simulated)"),
        (
            {"claim": OURS, "value": 7.249, "low": 6.96, "high": 7.51, "origin": "gated"},
            "7.2 [7.0, 7.5] (gated)",
        ),
        (
            {"claim": NO_L1, "value": 0.0004, "unit": "m²", "origin": "real and simulated"},
            "0.0004 m² (real and simulated)",
        ),
    ],
)
def test_our_numbers_carry_interval_unit_and_origin(
    checkout: Path, result: dict[str, Any], text: str
) -> None:
    ours = found(checkout, result)["ours"]
    assert ours[result["claim"]] == text
    assert ours[ACC["au"]] == "not measured"


def test_facts_are_lists_of_numbers(checkout: Path) -> None:
    facts = found(checkout)["fact"]
    assert facts and all(isinstance(text, str) for text in facts.values())


def test_the_strip_is_html_on_one_line(checkout: Path) -> None:
    strip = found(checkout)["scoreboard_strip"]
    assert strip.startswith("<div") and "\n" not in strip


def test_a_damaged_results_file_is_an_error(checkout: Path) -> None:
    found(checkout)
    folder = results_folder(load_profile("smoke"))
    (folder / "page.results.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ResultsError, match="page.results.json"):
        inserts(load_profile("smoke"))
