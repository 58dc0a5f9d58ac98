"""Power of the differences that the paper reports."""

from __future__ import annotations

import pytest

from dfe.claims import paper_table
from dfe.metrics import mcnemar_power, mcnemar_sample_size, rmse_difference_power
from dfe.utility.reported import ALIKE, REPORTED, reported_power


def test_every_row_is_in_the_tables_of_the_paper_and_tokens_are_better() -> None:
    for difference in REPORTED:
        column = paper_table(difference.table)[difference.column]
        ours, theirs = column[difference.first], column[difference.second]
        assert difference.first.startswith("Ours")
        assert ours < theirs if difference.kind == "RMSE" else ours > theirs


def test_the_rivals_are_the_best_baselines_or_action_units() -> None:
    for d in REPORTED:
        column = paper_table(d.table)[d.column].drop(d.first)
        best = column.idxmin() if d.kind == "RMSE" else column.idxmax()
        assert d.second.startswith("AU") or d.second == best


def test_the_table_holds_what_the_tests_say() -> None:
    table = reported_power()
    assert len(table) == len(REPORTED)
    smiles = table.loc[(3, "smiles, accuracy", "Ours / AU-based")]
    assert smiles["reported"] == "58.1 / 51.2" and smiles["N"] == 43
    for case, alike in ALIKE.items():
        assert smiles[f"power, {case}"] == pytest.approx(mcnemar_power(43, 0.581, 0.512, alike))
        assert smiles[f"N for 0.8, {case}"] == mcnemar_sample_size(0.581, 0.512, alike)
    row = table.loc[(5, "depression, RMSE", "Ours (VQ-VAE) / Facial Basis")]
    assert row["power, half-way"] == pytest.approx(rmse_difference_power(56, 0.072, 0.075, 0.5))
    assert (table[[f"power, {case}" for case in ALIKE]] <= 1).all().all()
    # The more alike two methods err, the easier a difference is to find.
    assert (table["N for 0.8, alike"] < table["N for 0.8, independent"]).all()
