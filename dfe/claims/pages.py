"""Which page of the book measures which claim, and which claims a page prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from dfe.claims.claims import Claims, book_claims

#: Table of the paper -> the notebook that measures it.
TABLE_PAGES: Mapping[int, str] = MappingProxyType(
    {
        1: "05_accuracy",
        2: "06_diversity",
        3: "07_smiles",
        4: "08_personality",
        5: "09_depression",
        6: "10_stress",
        7: "11_ablations",
        8: "11_ablations",
    }
)
STATEMENTS_PAGE = "11_ablations"  # the notebook of the statements with a measure of their own
_POWER = ("14_power", (3, 4, 5, 6))  # it prints numbers that it does not measure
_ALL = ("15_audit", "16_scoreboard")


def page_claims(notebook: str, claims: Claims | None = None) -> str:
    """What a notebook reads from `book/claims.yml`, as text that changes when it does.

    Parameters
    ----------
    notebook
        Stem of the file, such as ``"10_stress"``.
    claims
        Those of the book if None.
    """
    found = claims or book_claims()
    numbers = [number for number, page in TABLE_PAGES.items() if page == notebook]
    if notebook == _POWER[0]:
        numbers = [*_POWER[1]]
    if notebook in _ALL:
        numbers = [*found.tables]
    parts = [found.tables[number].model_dump(mode="json") for number in numbers]
    if notebook in _ALL or notebook == STATEMENTS_PAGE:
        parts += [one.model_dump(mode="json") for one in found.statements.values()]
    if notebook in _ALL:
        parts += [one.model_dump(mode="json") for one in found.facts.values()]
    return json.dumps(parts)
