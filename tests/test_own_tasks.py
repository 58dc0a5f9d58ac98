"""A reader's own labeled clips take the place of a simulated cohort, without a change of code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from dfe.config import load_profile
from dfe.data.observations import Observation, ObservationMetadata, write_observation
from dfe.notebooks import NotebookError, execute
from dfe.results import read_results

ROOT = Path(__file__).resolve().parents[1]
SMILES = ("reward", "affiliation", "dominance")
CLIPS = [f"actor{a}-{smile}" for a in range(4) for smile in SMILES]
pytestmark = pytest.mark.smoke_book


def observe(path: Path, name: str, clips: list[str], width: int) -> str:
    """Write made-up features: three frames of each clip."""
    keys = np.repeat(clips, 3), np.tile(np.arange(3), len(clips))
    metadata = ObservationMetadata(
        name=name, kind="features", origin="gated", extractor=name, extractor_version="1"
    )
    values = np.random.default_rng(width).normal(size=(len(keys[0]), width))
    dataset = np.full(len(values), "smiles")
    write_observation(
        path, Observation(dataset, keys[0], keys[1].astype(np.int64), values, metadata)
    )
    return str(path)


@pytest.fixture
def own(smoke_html: Path) -> Iterator[Path]:
    """A folder with the clips of a gated data set and two observers of them."""
    folder = ROOT / "build" / "own-task"  # below the ignored build folder
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("features", "model", "facial_basis"):
        shutil.copytree(smoke_html.parent / part, folder / part)
    table: dict[str, object] = {
        "clip": CLIPS,
        "subject": [clip.partition("-")[0] for clip in CLIPS],
        "split": "",
        "smile": [clip.partition("-")[2] for clip in CLIPS],
    }
    pd.DataFrame(table).to_csv(folder / "clips.csv", index=False)
    yield folder
    shutil.rmtree(folder)
    folder.with_suffix(".yaml").unlink(missing_ok=True)


def run(folder: Path, libreface: list[str]) -> Path:
    tree = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
    tree["utility"]["tasks"] = {
        "smiles": {
            "clips": str(folder / "clips.csv"),
            "psi": observe(folder / "psi.parquet", "EMOCA", CLIPS, 50),
            "observers": {
                "LibreFace": observe(folder / "libreface.parquet", "LibreFace", libreface, 24)
            },
        }
    }
    profile = folder.with_suffix(".yaml")
    profile.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return execute("07_smiles", load_profile(profile), {"profile": str(profile)})


def test_own_clips_and_features_fill_their_rows(own: Path) -> None:
    page = run(own, CLIPS).read_text(encoding="utf-8")
    scores = pd.read_csv(own / "results" / "07_smiles.leave-one-out.csv", index_col=0)
    assert list(scores.index) == ["majority", "Facial Basis", "LibreFace", "DFE tokens", "ψ itself"]
    assert scores.loc["LibreFace", "accuracy"] == pytest.approx(
        round(12 * scores.loc["LibreFace", "accuracy"]) / 12
    ), "of twelve clips"
    assert "gated clips, N = 12, 4 actors, 36 frames" in page
    assert "simulated clips" not in page
    assert page.count("needs features") >= 3, "MARLIN, VideoMAE and MAE-Face have none"
    assert "tokens minus LibreFace" in page, "the comparison of the paper"
    found = {one.claim: one for one in read_results(own / "results")["07_smiles"].results}
    assert {claim.split(".")[1] for claim in found} == {"au-based", "ours"}
    assert len(found) == 6, "three measures, by the protocol of the paper"
    units = found["table-3.au-based.accuracy"]
    assert (units.origin, units.used, units.using) == ("gated", ("smiles", "libreface"), "")
    assert units.value == pytest.approx(100 * scores.loc["LibreFace", "accuracy"])


def test_a_clip_that_an_observer_lacks_is_left_out_for_all_and_counted(own: Path) -> None:
    page = run(own, CLIPS[:-1]).read_text(encoding="utf-8")
    assert "gated clips, N = 11, 4 actors, 33 frames" in page
    assert "labeled clips left out: 1 lack LibreFace" in page
    found = read_results(own / "results")["07_smiles"].results
    assert {one.n for one in found} == {11}


def test_an_observer_that_lacks_most_clips_stops_the_page(own: Path) -> None:
    with pytest.raises(NotebookError, match="(?s)LibreFace has no frame of 7 of 12 clips.*actor1"):
        run(own, CLIPS[:5])
