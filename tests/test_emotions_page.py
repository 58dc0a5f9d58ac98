"""The page on emotions builds without the data, and with a made-up archive in their place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from emotions_support import write_archive

from dfe.config import load_profile
from dfe.notebooks import execute
from dfe.results import read_results

ROOT = Path(__file__).resolve().parents[1]
PAGE = "17_emotions"
pytestmark = pytest.mark.smoke_book


@pytest.fixture
def build(smoke_html: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A build folder with a model, and an empty folder of data."""
    folder = ROOT / "build" / "own-emotions"  # below the ignored build folder
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("features", "model", "facial_basis"):
        shutil.copytree(smoke_html.parent / part, folder / part)
    shutil.copy(ROOT / "profiles" / "smoke.yaml", folder.with_suffix(".yaml"))
    monkeypatch.setenv("DFE_DATA", str(tmp_path / "data"))
    yield folder
    shutil.rmtree(folder)
    folder.with_suffix(".yaml").unlink(missing_ok=True)


def run(build: Path) -> nbformat.NotebookNode:
    profile = build.with_suffix(".yaml")
    given = {"profile": str(profile), "image_size": 48, "folds": 3}
    return nbformat.read(execute(PAGE, load_profile(profile), given), as_version=4)


def shown(page: nbformat.NotebookNode) -> str:
    """All text that the cells of a page put out."""
    outputs = [o for cell in page.cells if cell.cell_type == "code" for o in cell.outputs]
    assert [o.text for o in outputs if o.output_type == "stream"] == [], "no warnings on a page"
    return "\n".join(str(text) for o in outputs for k, text in o.data.items() if "text" in k)


def pictures(page: nbformat.NotebookNode) -> int:
    outputs = (o for cell in page.cells for o in cell.get("outputs", []))
    return sum("image/png" in o.get("data", {}) for o in outputs)


def test_without_the_data_the_page_says_so_and_shows_the_fit(build: Path) -> None:
    page = run(build)
    text = shown(page)
    assert "dfe data fetch ravdess-landmarks" in text
    assert text.count("Not fetched") == 5, "in the place of each table"
    assert pictures(page) == 1
    found = pd.read_csv(build / "results" / f"{PAGE}.recovery.csv", index_col=0)
    assert found.loc["all", "fitted"] > 0.9
    assert "effective rank" in text
    assert sorted(p.name for p in (build / "results").glob("*.csv")) == [f"{PAGE}.recovery.csv"]
    assert read_results(build / "results")[PAGE].results == ()


def test_with_a_made_up_archive_the_page_compares(build: Path, tmp_path: Path) -> None:
    write_archive(tmp_path / "data" / "ravdess-landmarks", emotions=(1, 3, 5, 8))
    page = run(build)
    text = shown(page)
    assert "ot fetched" not in text
    assert "N = 192 of the 2,452 in the archive, 24 actors, 576 frames" in text
    assert pictures(page) == 4
    scores = pd.read_csv(build / "results" / f"{PAGE}.emotion.csv", index_col=0)
    assert list(scores.index) == [
        "majority",
        "Facial Basis",
        "action units (OpenFace)",
        "DFE tokens",
        "ψ itself",
    ]
    assert scores.loc["majority", "accuracy"] == pytest.approx(0.25)
    assert scores.loc["ψ itself", "accuracy"] > 0.9, "what was built in is found"
    assert scores.loc["Facial Basis", "accuracy"] > 0.8
    assert (scores["accuracy low"] <= scores["accuracy"]).all()
    paired = pd.read_csv(build / "results" / f"{PAGE}.paired.csv")
    assert set(paired["against"]) == {"action units (OpenFace)"} and len(paired) == 6
    mistaken = pd.read_csv(build / "results" / f"{PAGE}.confusion.csv", index_col=0)
    assert mistaken.to_numpy().sum() == 192 and (mistaken.sum(axis=1) == 48).all()
    rest = pd.read_csv(build / "results" / f"{PAGE}.residuals.csv", index_col=0)
    assert rest.loc["all", "frames"] == 576 and 0.3 < rest.loc["all", "residual"] < 2
    weights = pd.read_csv(build / "results" / f"{PAGE}.tokens.csv", index_col=0)
    assert list(weights) == ["neutral", "happy", "angry", "surprised"]
    assert read_results(build / "results")[PAGE].results == (), "no claim is about these data"
