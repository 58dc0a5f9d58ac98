"""Each variant is a change of settings, and every row of the paper's ablation tables has one."""

from __future__ import annotations

import pytest

from dfe.claims import paper_table
from dfe.config import ConfigError, load_profile, override
from dfe.variants import ABLATIONS, READINGS, VARIANTS, variant_profile


@pytest.mark.parametrize("number", [7, 8])
def test_every_row_of_the_paper_has_exactly_one_variant(number: int) -> None:
    for row in paper_table(number).index:
        assert len([v for v in ABLATIONS if row in v.paper]) == 1, row


def test_every_variant_of_the_ablations_is_a_row_of_table_7() -> None:
    rows = set(paper_table(7).index)
    assert all(rows & set(variant.paper) for variant in ABLATIONS)


def test_a_name_stands_for_one_run() -> None:
    for variant in (*ABLATIONS, *READINGS):
        assert VARIANTS[variant.name] == variant
    for runs in (ABLATIONS, READINGS):
        assert len({v.label for v in runs}) == len({v.name for v in runs}) == len(runs)
        assert not runs[0].changes


@pytest.mark.parametrize("profile", ["smoke", "quick", "open", "paper"])
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_variant_changes_what_it_says_and_nothing_else(profile: str, name: str) -> None:
    base = load_profile(profile)
    changed = variant_profile(base, name, seed=3)
    shorter = {
        "training.steps": base.variants.steps,
        "training.initialization_share": base.variants.initialization_share,
    }
    run = override(base, shorter | {"training.seed": 3})
    assert changed == override(run, dict(VARIANTS[name].changes))
    assert (changed == run) == (name == "full")


def test_an_unknown_variant_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no variant 'k17'; known: full, k256, k16"):
        variant_profile(load_profile("smoke"), "k17", 0)
