"""A reader's own observer and human action units take their place on the pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from dfe.claims import book_claims
from dfe.config import build_folder, load_profile
from dfe.data.observations import Observation, ObservationMetadata, write_observation
from dfe.data.real import load_real_features
from dfe.data.real_features import features_path
from dfe.notebooks import execute
from dfe.results import read_results
from dfe.runs import variant_folder

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.smoke_book


@pytest.fixture(scope="module")
def own(smoke_html: Path) -> Iterator[Path]:
    """A profile with an observer and human labels for some frames; returns its results."""
    smoke = smoke_html.parent
    table = load_real_features(load_profile("smoke"), columns=["landmarks"])
    rows = np.flatnonzero(table.has_landmarks)[::2]
    rng = np.random.default_rng(0)
    tree = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
    profile = ROOT / "build" / "own-observers.yaml"  # below the ignored build folder
    folder = ROOT / "build" / "own-observers"
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("features", "tokens", "model"):
        shutil.copytree(smoke / part, folder / part)
    for name, kind, columns, values in (
        ("SMIRK", "features", (), rng.normal(size=(len(rows), 6))),
        ("human", "action_units", ("AU1", "AU12"), rng.integers(0, 2, (len(rows), 2)) * 1.0),
    ):
        metadata = ObservationMetadata(
            name=name,
            kind=kind,
            columns=columns,
            origin="gated",
            extractor="x",
            extractor_version="1",
        )
        keys = (table.dataset[rows], table.clip[rows], table.frame[rows])
        write_observation(folder / f"{name}.parquet", Observation(*keys, values, metadata))
    human = {"human_action_units": str(folder / "human.parquet")}
    tree["pages"]["accuracy"] |= {"observers": {"mine": str(folder / "SMIRK.parquet")}} | human
    tree["pages"]["diversity"] |= human
    profile.write_text(yaml.safe_dump(tree), encoding="utf-8")
    settings = load_profile(profile)
    assert features_path(settings).is_file() and build_folder(settings) == folder
    for page in ("05_accuracy", "06_diversity"):
        execute(page, settings, {"profile": str(profile)})
    yield folder / "results"
    shutil.rmtree(folder)
    profile.unlink()


def test_the_accuracy_page_shows_the_observer_and_the_labels(own: Path) -> None:
    table = pd.read_csv(own / "05_accuracy.table1.csv")
    gated = table[table["measured on"] == "here, gated"]
    assert set(gated["observer"]) == {"mine"}
    assert set(gated["coding"]) == {
        "action units (human)",
        "action units (automatic)",
        "DFE tokens",
    }
    assert "needs labels" not in table.to_string()
    assert len(table[table["coding"] == "action units (human)"]) == 3  # each real observer
    lead = pd.read_csv(own / "05_accuracy.lead.csv")
    assert {"mine (gated)"} <= set(lead["observer"])


def test_the_diversity_page_shows_the_labels(own: Path) -> None:
    table = pd.read_csv(own / "06_diversity.table2.csv")
    row = table[table["coding"] == "action units (human)"]
    assert row["measured on"].tolist() == ["here, gated"]
    assert row["perplexity"].str.endswith("of 2").all() and (row["NMI"] != "needs labels").all()


def test_they_take_the_place_of_what_stood_in_and_say_so(own: Path) -> None:
    pages = read_results(own)
    accuracy = {result.claim: result for result in pages["05_accuracy"].results}
    units, tokens, other = (
        accuracy[f"table-1.{row}.eucdist"]
        for row in ("smirk.au-based", "smirk.ours-vq-vae", "mae-face.au-based")
    )
    assert (units.using, units.unit, tokens.using) == ("", "", "")
    assert units.used == ("smirk", "human-action-units") and tokens.used == ("smirk",)
    assert other.using == "appearance instead of MAE-Face"
    assert {result.origin for result in accuracy.values()} == {"gated"}
    diversity = {result.claim: result for result in pages["06_diversity"].results}
    assert diversity["table-2.au-based-human.nmi"].origin == "gated"
    assert diversity["table-2.au-based-auto.nmi"].origin == "real"
    compared = {(d.second, d.n) for d in pages["06_diversity"].differences}
    n = diversity["table-2.au-based-human.nmi"].n
    assert ("table-2.au-based-human.nmi", n) in compared and n < diversity[
        "table-2.ours-vq-vae.nmi"
    ].n


def test_open_data_fill_their_tables_but_for_human_labels(smoke_html: Path) -> None:
    pages = read_results(smoke_html.parent / "results")
    found = {
        result.claim
        for page in ("05_accuracy", "06_diversity", "11_ablations")
        for result in pages[page].results
    }
    cells = {cell.id for cell in book_claims().cells.values() if cell.table in (1, 2, 7, 8)}
    human = {"table-2.au-based-human.entropy", "table-2.au-based-human.nmi"}
    assert cells - found == human
    assert found - cells == {"displacement-curve-lowest", "asymmetric-templates"}


def test_without_them_the_pages_say_what_is_missing(smoke_html: Path) -> None:
    for name in ("05_accuracy.table1", "06_diversity.table2"):
        text = (smoke_html.parent / "results" / f"{name}.csv").read_text(encoding="utf-8")
        assert "needs labels" in text


def test_the_smoke_book_trains_every_variant(smoke_html: Path) -> None:
    from dfe.variants import VARIANTS

    settings = load_profile("smoke")
    for name in VARIANTS:
        for seed in settings.variants.seeds:
            assert (variant_folder(settings, name, seed) / "model.safetensors").is_file()
