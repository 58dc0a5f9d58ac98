"""A small made-up paper and made-up results, for tests of claims, verdicts and the scoreboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from dfe.claims import Claims, Fact, PaperTable, Statement
from dfe.results import Difference, PageResults, Result

Numbers = float | tuple[float, float | None, float | None]

FACE, AU, BASIS, OURS = (f"table-5.{row}.rmse" for row in ("facemae", "au", "basis", "ours"))
ACC = {row: f"table-5.{row}.acc" for row in ("facemae", "au", "basis", "ours")}
K16, NO_L1, FULL = (f"table-7.{row}.f1" for row in ("k-16", "no-l1", "ours"))
GATED: dict[str, Any] = {"origin": "gated", "used": ("avec", "emoca", "mae-face", "stressid")}


def column(better: str, digits: int, tolerance: float, unit: str = "points") -> dict[str, Any]:
    return {
        "better": better,
        "digits": digits,
        "tolerance": tolerance,
        "unit": unit,
        "because": "b",
    }


def table(number: int, **more: Any) -> dict[str, Any]:
    return {"number": number, "title": "t", "section": "5", "data": "d", "index": ["Model"]} | more


#: Table 5: one column in which lower is better, one with a tie. Table 7: Ours is not the best.
TREE: dict[str, Any] = {
    "tables": [
        table(
            1,
            index=["Evaluation", "Method"],
            needs=["faces"],
            columns={"Sim": column("higher", 4, 0.01)},
            rows=[
                {"label": ["A", "AU"], "values": [0.5]},
                {"label": ["A", "Ours"], "values": [0.8]},
                {"label": ["B", "AU"], "values": [0.95]},
                {"label": ["B", "Ours"], "values": [0.97]},
            ],
        ),
        table(
            5,
            needs=["avec"],
            columns={"RMSE": column("lower", 1, 0.2), "Acc": column("higher", 1, 1.8)},
            rows=[
                {"label": ["FaceMAE"], "values": [8.4, 61.1], "needs": ["mae-face"]},
                {"label": ["AU"], "values": [8.3, 67.9]},
                {"label": ["Basis"], "values": [7.5, 60.0]},
                {"label": ["Ours"], "values": [7.2, 67.9], "needs": ["emoca"]},
            ],
        ),
        table(
            7,
            needs=["stressid"],
            columns={"F1": column("higher", 1, 1.5)},
            rows=[
                {"label": ["K 16"], "values": [70.0]},
                {"label": ["No L1"], "values": [77.4]},
                {"label": ["Ours"], "values": [73.8]},
            ],
        ),
    ],
    "statements": [
        {
            "id": "rmse-best",
            "section": "5",
            "says": "Tokens err least.",
            "significant": True,
            "compares": [{"table": 5, "row": ["Ours"], "columns": ["RMSE"]}],
        },
        {
            "id": "all-best",
            "section": "5",
            "says": "Tokens are <best>.",
            "note": "a note",
            "compares": [{"table": 5, "row": ["Ours"]}, {"table": 7, "row": ["Ours"]}],
        },
        {
            "id": "small-worst",
            "section": "A",
            "says": "A small codebook is worst.",
            "compares": [{"table": 7, "row": ["K 16"], "expected": "worse"}],
        },
        {
            "id": "small-no-help",
            "section": "A",
            "says": "A small codebook does not help.",
            "compares": [
                {"table": 7, "row": ["K 16"], "expected": "not better", "against": [["Ours"]]}
            ],
        },
        {
            "id": "curve-lowest",
            "section": "A",
            "says": "The curve is low.",
            "measure": "m",
            "needs": ["flame"],
        },
    ],
    "facts": [{"id": "codes", "values": [64], "what": "w", "source": "s"}],
}


def made_claims() -> Claims:
    """The made-up paper."""
    tables = [PaperTable.model_validate(one) for one in TREE["tables"]]
    statements = [Statement.model_validate(one) for one in TREE["statements"]]
    facts = [Fact.model_validate(one) for one in TREE["facts"]]
    return Claims(
        {one.number: one for one in tables},
        {one.id: one for one in statements},
        {one.id: one for one in facts},
    )


def claims_text() -> str:
    """The made-up paper, as `book/claims.yml` would hold it."""
    return yaml.safe_dump(TREE, sort_keys=False)


def page(
    name: str,
    values: Mapping[str, Numbers],
    differences: Mapping[tuple[str, str], Numbers] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    profile: str = "smoke",
    **more: Any,
) -> PageResults:
    """Results of a page: claim -> value, or value with ends; `more` are fields of all results."""
    common = {"n": 40, "of": "videos", "seeds": (0,), "origin": "simulated"} | more
    of_differences = {k: v for k, v in common.items() if k in Difference.model_fields}
    return PageResults(
        page=name,
        profile=profile,
        parameters=dict(parameters or {}),
        results=tuple(Result(claim=id, **_ends(v), **common) for id, v in values.items()),
        differences=tuple(
            Difference(first=a, second=b, **_ends(v), **of_differences)
            for (a, b), v in (differences or {}).items()
        ),
    )


def _ends(numbers: Numbers) -> dict[str, float | None]:
    value, low, high = numbers if isinstance(numbers, tuple) else (numbers, None, None)
    return {"value": value, "low": low, "high": high}


def depression(
    differences: dict[tuple[str, str], Numbers] | None = None, **more: Any
) -> PageResults:
    """Page that measured AU and Ours, and more if a difference names it; every value is 5."""
    ids = {AU, OURS} | {id for pair in differences or {} for id in pair}
    return page("09_depression", dict.fromkeys(sorted(ids), 5.0), differences, **more)


def ablations(differences: dict[tuple[str, str], Numbers], **more: Any) -> PageResults:
    values: dict[str, Numbers] = dict.fromkeys((K16, NO_L1, FULL), 5.0)
    return page("11_ablations", values, differences, **more)
