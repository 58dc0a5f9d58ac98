"""From a reader's own files to verdicts: every data set, by the commands of the book.

All data are made up (`miniatures`), so no number means anything. What counts is that each stands
on the clips that were planted, says what it rests on, and is judged as a reproduction.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from miniatures import Miniature, write_all
from miniatures.faces import recognize
from typer.testing import CliRunner

from dfe.claims import book_claims
from dfe.cli import app
from dfe.data.fetch import cache_root
from dfe.data.gated import load_gated
from dfe.data.observations import Observation, read_observation
from dfe.results import PageResults, Result, read_results

ROOT = Path(__file__).resolve().parents[1]
PROFILE = "own"
PAGES = (
    *("03_templates", "04_decomposition", "05_accuracy", "06_diversity", "07_smiles"),
    *("08_personality", "09_depression", "10_stress", "11_ablations", "16_scoreboard"),
)
TASKS = {
    "smiles": "smilestimuli",
    "personality": "chalearn-first-impressions",
    "depression": "avec2019-dds",
    "stress": "stressid",
}
FACE = "flame/FLAME2020/generic_model.pkl"
NO_PAGE = (
    "flame",
    "affectnet-npy",
)  # nothing is ingested of it, and another edition of one that is
UNREAD = ("openface-edaic",)  # no table of the paper has it
LABELLED = ("affectnet", *TASKS.values())
VERDICTS = {"reproduced", "differs"}
pytestmark = pytest.mark.smoke_book


@dataclass(frozen=True, eq=False)
class Project:
    """A project with a profile of its own, and the reader's data."""

    folder: Path
    data: Path  # $DFE_DATA
    miniatures: Mapping[str, Miniature]

    @property
    def results(self) -> Path:
        return self.folder / "build" / PROFILE / "results"

    def run(self, *command: str) -> None:
        """Run a module of Python in the project; an error shows all that it said."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=os.environ | {"DFE_DATA": str(self.data), "COLUMNS": "200"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"

    def data_command(self, *command: str, check: bool = True) -> tuple[int, str]:
        """Call `dfe data` in this process, which need not start anew; status and what it said."""
        runner = CliRunner(env={"DFE_DATA": str(self.data), "COLUMNS": "200"})
        done = runner.invoke(app, ["data", *command])
        said = f"{done.output}\n{done.exception or ''}"
        if check:
            assert done.exit_code == 0, f"{' '.join(command)}\n{said}"
        return done.exit_code, said

    def ingested(self, dataset: str, extractor: str) -> Observation:
        return read_observation(self.data / "ingested" / dataset / f"{extractor}.parquet")

    def clips(self, dataset: str) -> pd.DataFrame:
        path = self.data / "ingested" / dataset / "clips.csv"
        return pd.read_csv(path, dtype={"clip": str, "subject": str}, keep_default_na=False)


@pytest.fixture(scope="module")
def project(smoke_html: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Every data set verified, ingested and labelled, and nothing built yet."""
    folder = tmp_path_factory.mktemp("own-build")
    found = Project(folder / "project", folder / "data", write_all(folder / "brought"))
    _link_checkout(found.folder, smoke_html.parent)
    _link_cache(found.data, found.miniatures["flame"].data)
    for command in (*_verify(found), *_ingest(found), *_labels(found)):
        found.data_command(*command)
    yield found
    shutil.rmtree(folder)


def _link_checkout(folder: Path, smoke: Path) -> None:
    """The checkout, but with another profile and an own build, that starts with open features."""
    folder.mkdir(parents=True)
    for name in (
        "dfe",
        "notebooks",
        "data_manifests",
        "book",
        "_config.yml",
        "_toc.yml",
        "Snakefile",
    ):
        (folder / name).symlink_to(ROOT / name)
    (folder / "profiles").mkdir()
    path = folder / "profiles" / f"{PROFILE}.yaml"
    path.write_text(yaml.safe_dump(_profile()), encoding="utf-8")
    features = folder / "build" / PROFILE / "features"
    shutil.copytree(smoke / "features", features)
    for path in features.iterdir():
        os.utime(path)  # newer than any code that they depend on


def _profile() -> dict[str, object]:
    """The smoke profile with one seed and all data of the reader's own."""
    tree = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
    tree["description"] = "Made-up data in the place of every data set of the paper."
    tree["train"] = "scratch"
    tree["pages"]["training"]["seeds"] = [0]
    tree["own"] = {
        "psi": "emoca",
        "face": FACE,
        "training": "affectnet",
        "frames": "aff-wild2",
        "tasks": dict(TASKS),
    }
    return tree


def _link_cache(data: Path, flame: Path) -> None:
    """Open data that are here already, and the reader's face."""
    data.mkdir(parents=True)
    for path in cache_root().iterdir() if cache_root().is_dir() else ():
        if path.name not in ("ingested", "flame"):
            (data / path.name).symlink_to(path)
    (data / "flame").symlink_to(flame)


def _verify(project: Project) -> list[tuple[str, ...]]:
    return [
        ("verify", one.id, "--from", str(one.data), "--no-counts")
        for one in project.miniatures.values()
    ]


def _ingest(project: Project) -> list[tuple[str, ...]]:
    return [
        ("ingest", one.id, "--extractor", extractor, "--from", str(written.folder), "--jobs", "1")
        for name, one in project.miniatures.items()
        for extractor, written in one.extracted.items()
        if name not in NO_PAGE and extractor not in UNREAD
    ]


def _labels(project: Project) -> list[tuple[str, ...]]:
    return [("labels", id, "--from", str(project.miniatures[id].data)) for id in LABELLED]


@pytest.fixture(scope="module")
def built(project: Project) -> Project:
    """The results of all pages that tables of the paper are measured on."""
    targets = [f"build/{PROFILE}/results/{page}.results.json" for page in PAGES]
    arguments = ("--cores", "2", "--quiet", "all", "--config", f"profile={PROFILE}")
    project.run("snakemake", *targets, *arguments)
    return project


@pytest.fixture(scope="module")
def measured(built: Project) -> dict[str, Result]:
    return _numbers(read_results(built.results))


def _numbers(pages: Mapping[str, PageResults]) -> dict[str, Result]:
    """Id of a cell of a table -> what was measured."""
    cells = book_claims().cells
    every = [result for page in pages.values() for result in page.results]
    return {result.claim: result for result in every if result.claim in cells}


# What was ingested


def test_one_number_means_one_frame_in_all_files(project: Project) -> None:
    """Whatever a program counts from: the faces of two neighbours always differ."""
    miniature = project.miniatures["aff-wild2"]
    for extractor, planted in miniature.extracted.items():
        seen = project.ingested("aff-wild2", extractor)
        shown = recognize(extractor, seen.metadata.columns, seen.values)
        for clip, frames in planted.frames.items():
            rows = seen.clip == clip
            assert seen.frame[rows].tolist() == list(frames), (extractor, clip)
            assert shown[rows].tolist() == miniature.faces[clip][list(frames)].tolist()


@pytest.mark.parametrize("task", TASKS)
def test_files_of_a_task_hold_the_planted_frames(project: Project, task: str) -> None:
    miniature = project.miniatures[TASKS[task]]
    for extractor, planted in miniature.extracted.items():
        if extractor in UNREAD:
            continue
        seen = project.ingested(miniature.id, extractor)
        assert set(seen.dataset.tolist()) == {miniature.id}
        assert seen.metadata.origin == "gated" and seen.metadata.adapter == extractor
        assert seen.metadata.face == ("flame" if extractor == "emoca" else "")
        names, counts = np.unique(seen.clip, return_counts=True)
        kept = {clip: len(frames) for clip, frames in planted.frames.items()}
        assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == kept


@pytest.mark.parametrize("dataset", TASKS.values())
def test_tables_of_clips_hold_the_planted_labels(project: Project, dataset: str) -> None:
    wanted = project.miniatures[dataset].labels
    assert wanted is not None
    found = project.clips(dataset).sort_values("clip", ignore_index=True)
    wanted = wanted.sort_values("clip", ignore_index=True)
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


def test_labels_of_images_have_no_gaps(project: Project) -> None:
    """AffectNet leaves valence and arousal of some images out; their expression stays."""
    clips = project.clips("affectnet")
    wanted = project.miniatures["affectnet"].labels
    assert wanted is not None
    assert set(clips["expression"]) == set(wanted["expression"])
    assert not clips.isna().any().any()
    rule, seen = load_gated("affectnet").clips, project.ingested("affectnet", "emoca")
    assert rule is not None
    assert set(seen.clip.tolist()) <= {rule.clip(clip) for clip in clips["clip"]}


def test_the_report_counts_what_was_dropped(project: Project) -> None:
    for extractor, planted in project.miniatures["aff-wild2"].extracted.items():
        path = project.data / "ingested" / "aff-wild2" / f"{extractor}.report.csv"
        report = pd.read_csv(path).set_index("clip")
        assert report["frames"].to_dict() == {c: len(f) for c, f in planted.frames.items()}
        dropped = {
            clip: {reason: int(n) for reason, n in row.items() if n}
            for clip, row in report.drop(columns="frames").fillna(0).iterrows()
        }
        assert {clip: row for clip, row in dropped.items() if row} == planted.skipped


def test_the_other_edition_of_affectnet(project: Project, tmp_path: Path) -> None:
    other = Project(project.folder, tmp_path, project.miniatures)
    one = other.miniatures["affectnet-npy"]
    folder = str(one.extracted["emoca"].folder)
    other.data_command("ingest", "affectnet", "--extractor", "emoca", "--from", folder)
    other.data_command("labels", "affectnet", "--from", str(one.data))
    seen, clips = other.ingested("affectnet", "emoca"), other.clips("affectnet")
    assert len(set(seen.clip.tolist())) == len(one.extracted["emoca"].frames)
    assert set(seen.clip.tolist()) <= set(clips["clip"])


# What was built


def test_every_row_of_every_table_is_measured(measured: dict[str, Result]) -> None:
    cells = book_claims().cells
    rows = {(cell.table, cell.row) for cell in cells.values()}
    assert {(cells[claim].table, cells[claim].row) for claim in measured} == rows
    assert set(cells) - set(measured) <= {
        cell.id for cell in cells.values() if cell.table == 2 and cell.column == "NMI"
    }, "units that are always there together, or never, share no information"


def test_every_number_is_gated_and_rests_on_what_the_paper_used(
    measured: dict[str, Result],
) -> None:
    cells = book_claims().cells
    assert {claim for claim, one in measured.items() if one.origin != "gated"} == set()
    lacking = {c: sorted(set(cells[c].needs) - set(one.used)) for c, one in measured.items()}
    assert {claim: names for claim, names in lacking.items() if names} == {}
    instead = {claim: (one.using, one.unit) for claim, one in measured.items()}
    runs = {claim: said for claim, said in instead.items() if cells[claim].table in (7, 8)}
    assert {claim: said for claim, said in instead.items() if any(said)} == runs
    assert set(runs.values()) == {("10 steps per run", "")}, "the paper trained for longer"


@pytest.mark.parametrize("table", range(3, 8))
def test_tasks_are_scored_on_the_planted_clips(
    built: Project, measured: dict[str, Result], table: int
) -> None:
    planted = {id: built.miniatures[id].scored for id in TASKS.values()}
    people = planted["avec2019-dds"], planted["chalearn-first-impressions"]
    depression, personality = (int((clips["split"] == "test").sum()) for clips in people)
    smiles, stress = len(planted["smilestimuli"]), len(planted["stressid"])
    wanted = {3: smiles, 4: personality, 5: depression, 6: stress, 7: stress}[table]
    assert wanted == {3: 45, 4: 12, 5: 6, 6: 76, 7: 76}[table]
    assert {one.n for one in _of(measured, table)} == {wanted}


def test_units_of_frames_are_scored_on_the_planted_frames(
    built: Project, measured: dict[str, Result]
) -> None:
    seen = {id: _frames(built, id) for id in ("emoca", "libreface", "human-action-units")}
    found = {one.claim.split(".")[1]: one.n for one in _of(measured, 2)}
    assert found == {
        "ours-vq-vae": len(seen["emoca"]),
        "au-based-auto": len(seen["emoca"] & seen["libreface"]),
        "au-based-human": len(seen["emoca"] & seen["human-action-units"]),
    }


def test_queries_are_among_the_planted_frames(built: Project, measured: dict[str, Result]) -> None:
    coded = _frames(built, "emoca") & _frames(built, "human-action-units")
    for observer in ("smirk", "mae-face"):
        frames = coded & _frames(built, observer)
        rows = [one for one in _of(measured, 1) if one.claim.startswith(f"table-1.{observer}.")]
        assert len(rows) == 6
        units = [one for one in rows if ".au-based." in one.claim]
        assert {one.n for one in units} == {len(frames)}, "each face comes many times"
        assert all(0.5 * len(frames) < one.n <= len(frames) for one in rows)


def _of(measured: Mapping[str, Result], table: int) -> list[Result]:
    cells = book_claims().cells
    return [one for claim, one in measured.items() if cells[claim].table == table]


def _frames(project: Project, extractor: str) -> set[tuple[str, int]]:
    planted = project.miniatures["aff-wild2"].extracted[extractor].frames
    return {(clip, frame) for clip, frames in planted.items() for frame in frames}


def test_the_tokens_are_drawn_on_the_readers_face(built: Project) -> None:
    """A face of FLAME has no units, so no token is a sum of some."""
    for page in ("03_templates", "07_smiles", "11_ablations"):
        text = (built.folder / "build" / PROFILE / "notebooks" / f"{page}.ipynb").read_text()
        assert text.count("image/png") > 0
        assert "here, open-head" not in text and "strongest units" not in _outputs(text)
    assert "here, flame" in _outputs(text)


def _outputs(text: str) -> str:
    """Everything that the cells of a notebook show."""
    cells = json.loads(text)["cells"]
    return json.dumps([cell.get("outputs", []) for cell in cells], ensure_ascii=False)


def test_frames_with_the_same_units_show_the_same_face(measured: dict[str, Result]) -> None:
    """Labels that slipped by one frame would bring together faces that have nothing in common.

    Matches by the right labels differ by noise alone, so the cosine of any two is nearly 1.
    """
    for observer in ("smirk", "mae-face"):
        assert measured[f"table-1.{observer}.au-based.cossim"].value > 0.9


def test_the_scoreboard_judges_every_number(built: Project, measured: dict[str, Result]) -> None:
    board = pd.read_csv(built.results / "scoreboard.csv").set_index("id")
    judged = board.loc[list(measured)]
    assert set(judged["origin"]) == {"gated"}
    assert set(judged["verdict"]) <= VERDICTS
    assert judged["n"].to_dict() == {claim: one.n for claim, one in measured.items()}


def test_without_own_data_none_of_them_is_gated(
    smoke_html: Path, measured: dict[str, Result]
) -> None:
    folder = smoke_html.parent / "results"
    open_ = _numbers(read_results(folder))
    assert {one.origin for one in open_.values()} <= {"real", "simulated", "real and simulated"}
    board = pd.read_csv(folder / "scoreboard.csv").set_index("id")
    assert not set(board.loc[list(measured), "verdict"]) & VERDICTS


# What is missing


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("affectnet", "validation"),
        ("aff-wild2", "validation"),
        ("smilestimuli", "smiles"),
        ("stressid", "self-assessments"),
        ("avec2019-dds", "openface"),
        ("chalearn-first-impressions", "test"),
        ("flame", "flame-2020"),
        ("ravdess-landmarks", "tracks"),
    ],
)
def test_a_file_that_is_gone_is_named(
    project: Project, name: str, group: str, tmp_path: Path
) -> None:
    one, folder = project.miniatures[name], tmp_path / "copy"
    shutil.copytree(one.data, folder)
    removed = folder / one.groups[group]
    shutil.rmtree(removed) if removed.is_dir() else removed.unlink()
    command = ("verify", one.id, "--from", str(folder), "--no-counts")
    status, said = project.data_command(*command, check=False)
    patterns = load_gated(one.id).group(group).patterns
    assert status == 1
    assert one.groups[group] in said or all(pattern in said for pattern in patterns)
    assert said.count("found nothing") == 1
