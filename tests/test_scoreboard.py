"""The scoreboard as a table and as files: every claim once, every column from the right place."""

from __future__ import annotations

import json
import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from claims_support import ACC, AU, BASIS, FACE, FULL, OURS, Numbers, made_claims, page

from dfe.claims import TABLE_PAGES, book_claims
from dfe.results import PageResults
from dfe.scoreboard import board, statements_board, summary, write_scoreboard
from dfe.verdicts import VERDICTS, judge_cells, judge_statements

CLAIMS = made_claims()
HOW: dict[str, Any] = {"n": 56, "of": "interviews", "seeds": (3, 4), "cell": 7}


def depression(**more: Any) -> dict[str, PageResults]:
    values: dict[str, Numbers] = {OURS: (7.0, 6.5, 7.6), AU: 8.0, ACC["ours"]: 60.0}
    differences: dict[tuple[str, str], Numbers] = {(OURS, AU): (-1.0, -1.5, -0.5)}
    made = page("09_depression", values, differences, **(HOW | more))
    return {"09_depression": made, "11_ablations": page("11_ablations", {"curve-lowest": 0.25})}


def row(frame: pd.DataFrame, id: str) -> dict[str, Any]:
    return frame.set_index("id").loc[id].to_dict()


# Numbers


def test_every_number_of_the_paper_has_a_row() -> None:
    claims = book_claims()
    frame = board(claims, {})
    assert frame["id"].tolist() == [*claims.cells] and len(frame) == 168
    assert (frame["page"] == frame["table"].map(TABLE_PAGES)).all()
    assert frame[["ours", "sd", "low", "high", "n", "seeds", "delta", "cell"]].isna().all(axis=None)
    texts = frame[["of", "origin", "using", "ours_unit", "profile", "parameters"]]
    assert (texts == "").all(axis=None)
    assert frame["paper"].sum() == pytest.approx(sum(c.value for c in claims.cells.values()))


def test_columns_of_a_measured_number() -> None:
    found = row(board(CLAIMS, depression()), OURS)
    assert found == {
        "table": 5,
        "row": "Ours",
        "column": "RMSE",
        "unit": "points",
        "better": "lower",
        "digits": 1,
        "paper": 7.2,
        "ours": 7.0,
        "sd": pytest.approx(math.nan, nan_ok=True),
        "low": 6.5,
        "high": 7.6,
        "n": 56,
        "of": "interviews",
        "seeds": 2,
        "origin": "simulated",
        "using": "",
        "ours_unit": "",
        "delta": pytest.approx(-0.2),
        "tolerance": 0.2,
        "verdict": "direction holds",
        "reason": judge_cells(CLAIMS, depression())[OURS].reason,
        "page": "09_depression",
        "cell": 7,
        "profile": "smoke",
        "parameters": "",
    }


def test_what_stands_for_what_and_with_which_parameters() -> None:
    parameters = {"cohorts.depression.effect": 0.0, "seeds": [1, 2]}
    found = row(board(CLAIMS, depression(using="a, not b", sd=0.5, parameters=parameters)), AU)
    assert found["using"] == "a, not b" and found["sd"] == 0.5
    assert found["parameters"] == "cohorts.depression.effect = 0.0, seeds = [1, 2]"


def test_in_another_unit_there_is_no_distance() -> None:
    frame = board(CLAIMS, depression(unit="mm"))
    assert frame["delta"].isna().all() and row(frame, OURS)["ours_unit"] == "mm"
    frame = board(CLAIMS, depression())
    assert frame.dropna(subset="delta")["id"].tolist() == [AU, OURS, ACC["ours"]]


def test_a_row_of_two_labels_names_both() -> None:
    assert board(CLAIMS, {})["row"].tolist()[:2] == ["A, AU", "A, Ours"]


def test_the_page_is_the_one_that_measured() -> None:
    pages = {"other": page("other", {FULL: 70.0}, profile="mine", cell=2)}
    found = row(board(CLAIMS, pages), FULL)
    assert (found["page"], found["profile"], found["cell"]) == ("other", "mine", 2)
    assert row(board(CLAIMS, pages), OURS)["page"] == "09_depression"


def test_verdicts_are_those_of_the_judges() -> None:
    pages = depression()
    frame, judged = board(CLAIMS, pages), judge_cells(CLAIMS, pages)
    assert frame["verdict"].tolist() == [judgement.verdict for judgement in judged.values()]
    frame, judged = statements_board(CLAIMS, pages), judge_statements(CLAIMS, pages)
    assert frame["verdict"].tolist() == [judgement.verdict for judgement in judged.values()]
    assert frame["reason"].tolist() == [judgement.reason for judgement in judged.values()]


# Statements


def test_every_statement_has_a_row() -> None:
    claims = book_claims()
    frame = statements_board(claims, {}).set_index("id")
    assert frame.index.tolist() == [*claims.statements] and len(frame) == 16
    assert frame[["pairs", "pairs_measured", "pairs_hold"]].sum().tolist() == [207, 0, 0]
    pages = frame.loc["beats-learned-embeddings", "page"]
    assert pages == "08_personality, 09_depression, 10_stress"
    assert frame.loc["asymmetric-templates", "page"] == "11_ablations"
    assert frame["significant"].sum() == 2 and (frame["printed"] == "yes").sum() == 12


def test_a_statement_counts_its_pairs() -> None:
    found = row(statements_board(CLAIMS, depression()), "all-best")
    assert (found["pairs"], found["pairs_measured"], found["pairs_hold"]) == (8, 1, 1)
    assert found["origin"] == "simulated" and math.isnan(found["ours"])
    assert found["printed"] == "no: 1 tie, 1 against" and found["note"] == "a note"
    assert row(statements_board(CLAIMS, depression()), "small-worst")["origin"] == ""


def test_a_statement_names_every_origin_of_its_numbers() -> None:
    pages = depression()
    pages["11_ablations"] = page("11_ablations", {FULL: 70.0}, origin="real")
    assert row(statements_board(CLAIMS, pages), "all-best")["origin"] == "real, simulated"


def test_a_number_of_its_own_is_shown_like_the_others() -> None:
    found = row(statements_board(CLAIMS, depression()), "curve-lowest")
    assert (found["ours"], found["n"], found["of"], found["seeds"]) == (0.25, 40, "videos", 1)
    assert (found["pairs"], found["origin"], found["profile"]) == (0, "simulated", "smoke")


# Summary


def test_a_summary_counts_every_verdict() -> None:
    """Tables 1 and 7 have 4 and 3 numbers, table 5 has 8, of which 3 are measured here."""
    found = summary(board(CLAIMS, {k: v for k, v in depression().items() if k != "11_ablations"}))
    assert [*found] == [*VERDICTS] and sum(found.values()) == 15
    assert {name: count for name, count in found.items() if count} == {
        "direction holds": 2,
        "undecided": 1,
        "needs gated data": 5,
        "not run": 7,
    }


# Files


def written(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    frames = board(CLAIMS, depression(sd=0.25)), statements_board(CLAIMS, depression(sd=0.25))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        csv, tree = write_scoreboard(folder, *frames)
    assert {csv, tree} == {*folder.iterdir()}
    assert (csv.name, tree.name) == ("scoreboard.csv", "scoreboard.json")
    return pd.read_csv(csv), json.loads(tree.read_text())


def test_both_files_hold_the_same(tmp_path: Path) -> None:
    csv, tree = written(tmp_path)
    rows = tree["rows"]
    assert tree["schema_version"] == 1 and len(rows) == len(csv) == 15 + 5
    assert [*rows[0]] == csv.columns.tolist()
    for name in csv:
        for here, there in zip(csv[name], [one[name] for one in rows], strict=True):
            if pd.isna(here):
                assert there in (None, "")
            else:
                assert here == there or str(here) == there, name


def test_the_files_hold_the_board_at_full_precision(tmp_path: Path) -> None:
    csv, _ = written(tmp_path)
    frame = board(CLAIMS, depression(sd=0.25))
    numbers = csv[csv["kind"] == "number"]
    assert csv["kind"].tolist() == ["number"] * 15 + ["statement"] * 5
    for name in ("paper", "ours", "sd", "low", "high", "delta", "n", "seeds", "cell"):
        expected = frame[name].astype(float).to_numpy(float)
        np.testing.assert_array_equal(numbers[name].to_numpy(float), expected)
    assert numbers["id"].tolist() == frame["id"].tolist()


def test_json_has_plain_types_and_null_for_what_is_missing(tmp_path: Path) -> None:
    _, tree = written(tmp_path)
    rows = {one["id"]: one for one in tree["rows"]}
    assert "NaN" not in (tmp_path / "scoreboard.json").read_text()
    ours, face, best = rows[OURS], rows[FACE], rows["rmse-best"]
    assert ours["n"] == 56 and type(ours["n"]) is int and type(ours["table"]) is int
    assert type(ours["seeds"]) is int and ours["sd"] == 0.25
    assert face["ours"] is face["n"] is face["cell"] is face["delta"] is None
    assert face["origin"] == "" and face["says"] is None and best["table"] is None
    assert best["significant"] is True and type(best["pairs"]) is int and best["pairs"] == 3
    assert best["kind"] == "statement" and rows[BASIS]["kind"] == "number"


def test_a_failed_write_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    old = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="disk full"):
        write_scoreboard(tmp_path, board(CLAIMS, {}), statements_board(CLAIMS, {}))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == old
