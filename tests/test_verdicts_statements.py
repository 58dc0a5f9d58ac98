"""Verdicts on sentences: their pairs, their own numbers, and what the printed tables say."""

from __future__ import annotations

from typing import Any

import pytest
from claims_support import (
    AU,
    BASIS,
    FACE,
    FULL,
    GATED,
    K16,
    NO_L1,
    OURS,
    Numbers,
    ablations,
    depression,
    made_claims,
    page,
)

from dfe.claims import book_claims
from dfe.results import PageResults
from dfe.verdicts import Judgement, judge_pairs, judge_statements, printed_support

CLAIMS = made_claims()


def statements(*pages: PageResults) -> dict[str, Judgement]:
    return judge_statements(CLAIMS, {one.page: one for one in pages})


# Pairs


def best(*rmse: Numbers, **more: Any) -> PageResults:
    """Differences of tokens to FaceMAE, AU and Basis in the RMSE, as many as are given."""
    pairs = [(OURS, row) for row in (FACE, AU, BASIS)]
    return depression(dict(zip(pairs, rmse, strict=False)), **more)


AHEAD, BEHIND, OPEN = (-1.0, -2.0, -0.5), (1.0, 0.5, 2.0), (-1.0, -2.0, 0.5)


@pytest.mark.parametrize(
    ("rmse", "verdict", "reason"),
    [
        ((AHEAD, AHEAD, AHEAD), "direction holds", "3 of 3 pairs measured, 3 hold."),
        ((AHEAD, OPEN, AHEAD), "undecided", "3 of 3 pairs measured, 2 hold, 1 undecided; in RMSE,"),
        ((AHEAD, OPEN, BEHIND), "direction fails", "1 holds, 1 fails, 1 undecided; in RMSE, tok"),
        ((AHEAD, AHEAD), "needs gated data", "2 of 3 pairs measured, 2 hold; the other pairs need"),
        ((AHEAD, OPEN), "needs gated data", "2 of 3 pairs measured, 1 holds, 1 undecided; in"),
        ((BEHIND, AHEAD), "direction fails", "2 of 3 pairs measured, 1 holds, 1 fails; in RMSE,"),
        ((BEHIND, BEHIND, AHEAD), "direction fails", "1 holds, 2 fail; "),
    ],
)
def test_a_sentence_holds_with_all_of_its_pairs(
    rmse: tuple[Numbers, ...], verdict: str, reason: str
) -> None:
    found = statements(best(*rmse))["rmse-best"]
    assert found.verdict == verdict and reason in found.reason
    assert found.reason.endswith(". The paper says significant and gives no test")


def test_the_pair_that_decides_is_shown() -> None:
    found = statements(best(OPEN, AHEAD, BEHIND))["rmse-best"]
    assert "in RMSE, tokens behind Basis by 1.0 [0.5, 2.0]" in found.reason
    assert found.difference is not None and found.difference.second == BASIS
    found = statements(best(AHEAD, OPEN, AHEAD))["rmse-best"]
    assert "ahead of AU by 1.0 [-0.5, 2.0], an interval that includes 0" in found.reason
    assert statements(best(AHEAD, AHEAD, AHEAD))["rmse-best"].difference is None


def test_a_pair_without_a_difference_is_undecided() -> None:
    measured = depression({(OURS, FACE): AHEAD, (OURS, AU): AHEAD})
    more = page("09_depression", {BASIS: 5.0}).results
    found = statements(measured.model_copy(update={"results": measured.results + more}))
    assert found["rmse-best"].verdict == "undecided"
    assert "in RMSE, no paired difference was recorded" in found["rmse-best"].reason


def test_a_sentence_waits_for_its_pages_before_its_data() -> None:
    """It spans tables 5 and 7: data are missing for one, and the other page did not run."""
    found = statements(best(AHEAD, AHEAD, AHEAD))["all-best"]
    assert found.verdict == "not run"
    assert found.reason == (
        "3 of 8 pairs measured, 3 hold; 11_ablations has no results in this build"
    )
    found = statements(best(AHEAD, AHEAD), page("11_ablations", {}))["all-best"]
    assert found.verdict == "needs gated data"
    assert "2 of 8 pairs measured" in found.reason and "mae-face, stressid" in found.reason
    assert "significant" not in found.reason


def test_a_sentence_fails_even_where_other_pairs_did_not_run() -> None:
    assert statements(best(AHEAD, BEHIND))["all-best"].verdict == "direction fails"


@pytest.mark.parametrize(
    ("to_no_l1", "to_full", "verdict"),
    [
        ((-2.0, -3.0, -1.0), (-2.0, -3.0, -1.0), "direction holds"),
        ((-2.0, -3.0, -1.0), (-2.0, -3.0, 1.0), "undecided"),
        ((-2.0, -3.0, -1.0), (2.0, 1.0, 3.0), "direction fails"),
    ],
)
def test_a_row_that_should_be_worse(to_no_l1: Numbers, to_full: Numbers, verdict: str) -> None:
    found = statements(ablations({(K16, NO_L1): to_no_l1, (K16, FULL): to_full}))
    assert found["small-worst"].verdict == verdict


@pytest.mark.parametrize(
    ("difference", "verdict", "loose"),
    [
        ((-2.0, -3.0, -1.0), "direction holds", False),
        ((-2.0, -3.0, 0.0), "direction holds", True),
        ((2.0, -3.0, 5.0), "direction holds", True),
        ((2.0, 0.0, 5.0), "direction holds", True),
        ((2.0, 0.1, 5.0), "direction fails", False),
        ((-2.0, None, None), "undecided", False),
        ((-2.0, -3.0, None), "undecided", False),
    ],
)
def test_a_row_that_should_not_be_better(difference: Numbers, verdict: str, loose: bool) -> None:
    found = statements(ablations({(K16, FULL): difference}))["small-no-help"]
    assert found.verdict == verdict
    assert ("1 of them with an interval that includes 0" in found.reason) == loose


@pytest.mark.parametrize(
    ("rmse", "used", "verdict"),
    [
        ((AHEAD, AHEAD, AHEAD), GATED["used"], "reproduced"),
        ((AHEAD, BEHIND, AHEAD), GATED["used"], "differs"),
        ((AHEAD, OPEN, AHEAD), GATED["used"], "undecided"),
        ((AHEAD, AHEAD, AHEAD), ("avec", "emoca"), "direction holds"),  # without mae-face
        ((AHEAD, BEHIND, AHEAD), ("avec", "emoca"), "direction fails"),
        ((AHEAD, BEHIND), GATED["used"], "direction fails"),  # a pair is not measured
    ],
)
def test_a_sentence_on_the_papers_data(
    rmse: tuple[Numbers, ...], used: tuple[str, ...], verdict: str
) -> None:
    assert statements(best(*rmse, origin="gated", used=used))["rmse-best"].verdict == verdict


def test_findings_of_pairs() -> None:
    pages = {"09_depression": best(AHEAD, OPEN), "11_ablations": page("11_ablations", {})}
    found = judge_pairs(CLAIMS, pages)
    assert [f.outcome for f in found["rmse-best"]] == ["holds", "undecided", "not measured"]
    assert [f.pair.second for f in found["rmse-best"]] == [FACE, AU, BASIS]
    assert found["curve-lowest"] == () and found["rmse-best"][2].difference is None


# Numbers of their own


@pytest.mark.parametrize(
    ("value", "more", "verdict", "side"),
    [
        ((0.2, 0.1, 0.3), {}, "direction holds", "0.20 [0.10, 0.30] mm, above 0"),
        ((-0.2, -0.3, -0.1), {}, "direction fails", "below 0"),
        ((0.2, 0.0, 0.3), {}, "undecided", "an interval that includes 0"),
        (0.2, {}, "undecided", "0.20 mm, without an interval"),
        ((0.2, 0.1, 0.3), {"origin": "gated", "used": ("flame",)}, "reproduced", "above 0"),
        ((-0.2, -0.3, -0.1), {"origin": "gated", "used": ("flame",)}, "differs", "below 0"),
        ((0.2, 0.1, 0.3), {"origin": "gated"}, "direction holds", "above 0"),
        ((0.2, 0.1, 0.3), {"used": ("flame",)}, "direction holds", "above 0"),
    ],
)
def test_a_number_of_its_own(value: Numbers, more: dict[str, Any], verdict: str, side: str) -> None:
    found = statements(page("11_ablations", {"curve-lowest": value}, unit="mm", **more))
    assert found["curve-lowest"].verdict == verdict and side in found["curve-lowest"].reason
    assert found["curve-lowest"].result is not None


def test_a_number_of_its_own_that_is_missing() -> None:
    assert statements()["curve-lowest"].verdict == "not run"
    found = statements(page("11_ablations", {}))["curve-lowest"]
    assert found == ("needs gated data", "11_ablations ran without it: it needs flame", None, None)


# What is printed


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("rmse-best", "yes"),
        ("all-best", "no: 1 tie, 1 against"),  # accuracy of AU; 73.8 against 77.4
        ("small-worst", "yes"),
        ("small-no-help", "yes"),
        ("curve-lowest", "no number printed"),
    ],
)
def test_whether_the_printed_numbers_bear_a_sentence_out(id: str, text: str) -> None:
    assert printed_support(CLAIMS, id) == text


def test_a_tie_is_no_objection_to_not_better() -> None:
    tables = {7: CLAIMS.tables[7].model_copy(deep=True)}
    rows = tables[7].rows
    tied = rows[0].model_copy(update={"values": (73.8,)})
    tables[7] = tables[7].model_copy(update={"rows": (tied, *rows[1:])})
    kept = {id: CLAIMS.statements[id] for id in ("small-no-help", "small-worst")}
    other = type(CLAIMS)(tables, kept, {})
    assert printed_support(other, "small-no-help") == "yes"
    assert printed_support(other, "small-worst") == "no: 1 tie, 0 against"


def test_which_sentences_the_papers_own_tables_bear_out() -> None:
    claims = book_claims()
    found = {id: printed_support(claims, id) for id in claims.statements}
    assert found.pop("depression-best") == "no: 3 ties, 0 against"  # accuracy twice, CCC once
    assert found.pop("beats-learned-embeddings") == "no: 1 tie, 0 against"  # CCC of Marlin
    assert found.pop("displacement-curve-lowest") == "no number printed"
    assert found.pop("asymmetric-templates") == "no number printed"
    assert set(found.values()) == {"yes"} and len(found) == 12
