"""`dfe data ingest` and `dfe data labels`: what they write where, and what they say."""

from __future__ import annotations

import io
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import dfe.cli
from dfe.data import ingest_plan
from dfe.data.adapters import AdapterError
from dfe.data.adapters.base import NOT_ANNOTATED
from dfe.data.gated import gated_ids
from dfe.data.ingest import IngestError, Step
from dfe.data.ingest_progress import ShowProgress, summary_lines
from dfe.data.ingest_whole import Summary
from dfe.data.ingested import clips_path, ingested_path, report_path
from dfe.data.labels import LabelError
from dfe.data.labels.chalearn import LABELS
from dfe.data.labels.registry import DEFAULT_RULE, READERS, RULES
from dfe.data.labels.stressid import RATINGS, TASKS
from dfe.data.manifest import ManifestError
from dfe.data.observations import read_observation
from dfe.data_cli import DataError

UNITS = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DFE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dfe.cli.app, ["data", *arguments])


@pytest.fixture
def coded(tmp_path: Path) -> Path:
    """Action units of three videos; one has no annotated frame."""
    folder = tmp_path / "AU_Detection_Challenge"
    for video, values in {"v1": (0, 1, 1), "v2_left": (-1, 1, 0), "v3": (-1, -1)}.items():
        path = folder / "Train_Set" / f"{video}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [",".join([str(value)] * 12) for value in values]
        path.write_text("\n".join([UNITS, *lines]) + "\n")
    return folder


ARGUMENTS = ("ingest", "aff-wild2", "--extractor", "human-action-units", "--from")


def test_ingest_writes_and_says_what(coded: Path) -> None:
    found = run(*ARGUMENTS, str(coded), "--version", "ABAW 6")
    assert found.exit_code == 0, found.exception
    path = ingested_path("aff-wild2", "human-action-units")
    report = report_path("aff-wild2", "human-action-units")
    assert found.stdout.splitlines() == [
        "3 of 3 recordings, 5 frames",
        "3 recordings, 5 frames",
        f"dropped: 3 frames, {NOT_ANNOTATED}",
        "without any usable frame: v3",
        str(report),
        str(path),
    ]
    seen = read_observation(path)
    assert (seen.metadata.kind, seen.metadata.extractor_version) == ("action_units", "ABAW 6")
    assert seen.clip.tolist() == ["v1"] * 3 + ["v2_left"] * 2
    assert seen.frame.tolist() == [0, 1, 2, 1, 2]
    assert pd.read_csv(report)["frames"].tolist() == [3, 2, 0]


def test_ingest_again_does_nothing(coded: Path) -> None:
    run(*ARGUMENTS, str(coded))
    lines = run(*ARGUMENTS, str(coded)).stdout.splitlines()
    assert lines[0] == "already ingested from the same files; nothing to do"
    assert lines[1] == "3 recordings, 5 frames"


def test_the_options_of_ingest(coded: Path) -> None:
    run(*ARGUMENTS, str(coded), "--every", "2", "--names", "/(v[0-9])", "--jobs", "1")
    seen = read_observation(ingested_path("aff-wild2", "human-action-units"))
    assert seen.metadata.extractor_version == "unknown"
    assert list(zip(seen.clip.tolist(), seen.frame.tolist(), strict=True)) == [
        ("v1", 0),
        ("v1", 2),
        ("v2", 2),
    ]
    for option in (("--every", "0"), ("--jobs", "0")):
        assert run(*ARGUMENTS, str(coded), *option).exit_code == 2


def test_processes_give_the_same_rows(
    tmp_path: Path, coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_plan, "RECORDINGS", 1)
    path = ingested_path("aff-wild2", "human-action-units")
    files = []
    for jobs in ("1", "2", "3"):
        assert run(*ARGUMENTS, str(coded), "--jobs", jobs).exit_code == 0
        files.append(path.read_bytes())
        path.unlink()
    assert files[0] == files[1] == files[2]


def test_what_ingest_refuses(coded: Path, tmp_path: Path) -> None:
    assert isinstance(run(*ARGUMENTS, str(coded), "--names", "(q)").exception, IngestError)
    error = run("ingest", "aff-wild2", "--extractor", "emoka", "--from", str(coded)).exception
    assert isinstance(error, AdapterError) and "human-action-units" in str(error)
    error = run("ingest", "aff-wild", "--extractor", "emoca", "--from", str(coded)).exception
    assert isinstance(error, ManifestError) and "aff-wild2" in str(error)
    error = run("ingest", "pyfame", "--extractor", "emoca", "--from", str(coded)).exception
    assert isinstance(error, DataError) and "pyfame is an open source" in str(error)
    assert isinstance(run(*ARGUMENTS, str(tmp_path / "absent")).exception, AdapterError)


# What people see


def test_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with ShowProgress(Console(file=stream)) as shown:
        for done in range(0, 1001):
            shown(Step("part" if done else "start", done, 1000, 10 * done))
        shown(Step("write", 1000, 1000, 10_000))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 20 and lines[0] == "50 of 1,000 recordings, 500 frames"
    assert lines[-1] == "1,000 of 1,000 recordings, 10,000 frames"
    assert shown.last == Step("write", 1000, 1000, 10_000)


def test_a_bar_in_a_terminal() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, legacy_windows=False)
    with ShowProgress(console) as shown:
        shown(Step("start", 0, 4))
        shown(Step("part", 3, 4, 4_500))
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    last = text.splitlines()[-1]
    assert "reading" in last and "3/4 recordings, 4,500 frames" in last and "left:" in last
    assert "0:00:0" in last and "of 4 recordings" not in text


def test_the_summary_names_at_most_five_clips() -> None:
    empty = tuple("abcdefg")
    found = summary_lines(Summary(1200, 0, {"why": 4321}, empty), Step("write", 1200, 1200))
    assert found == [
        "1,200 recordings, 0 frames",
        "dropped: 4,321 frames, why",
        "without any usable frame: a, b, c, d, e and 2 more",
    ]
    five = summary_lines(Summary(5, 0, {}, empty[:5]), Step("write", 5, 5, reused=2))
    assert five[1:] == ["2 of them were read before", "without any usable frame: a, b, c, d, e"]


# Labels


def clips(id: str) -> pd.DataFrame:
    return pd.read_csv(
        clips_path(id), dtype={"clip": str, "subject": str, "split": str}, keep_default_na=False
    )


def test_every_data_set_has_a_reader_or_a_reason(tmp_path: Path) -> None:
    assert set(gated_ids()) - {*READERS, "stressid"} == {"aff-wild2", "flame"}
    error = run("labels", "aff-wild2", "--from", str(tmp_path)).exception
    assert isinstance(error, LabelError)
    assert f"ingest aff-wild2 --extractor human-action-units --from {tmp_path}" in str(error)
    error = run("labels", "flame").exception
    assert isinstance(error, LabelError) and "stressid" in str(error)
    assert isinstance(run("labels", "flam").exception, ManifestError)


def smiles(folder: Path, rows: list[str]) -> Path:
    folder.mkdir(parents=True)
    (folder / "smiles.csv").write_text("\n".join(["clip,actor,smile", *rows]) + "\n")
    return folder


def test_labels_of_smiles(data: Path) -> None:
    folder = smiles(data / "smilestimuli", ["in/a_1,a,reward", "in/a_2,a,dominance"])
    found = run("labels", "smilestimuli")  # from $DFE_DATA/smilestimuli
    assert found.exit_code == 0, found.exception
    assert found.stdout.splitlines() == [
        "note: actors: 1 instead of 15",
        "note: actor a lacks affiliation",
        "2 clips with smile",
        str(clips_path("smilestimuli")),
    ]
    assert clips("smilestimuli")["clip"].tolist() == ["a_1", "a_2"]  # as ingest names them
    (folder / "smiles.csv").unlink()
    error = run("labels", "smilestimuli", "--from", str(folder)).exception
    assert isinstance(error, LabelError)
    assert f"{folder / 'smiles.csv'}: no such file; write it yourself" in str(error)


def test_clips_that_ingest_would_not_tell_apart_keep_their_folders(tmp_path: Path) -> None:
    folder = smiles(tmp_path / "in", ["x/a,a,reward", "y/a,b,reward"])
    found = run("labels", "smilestimuli", "--from", str(folder))
    assert clips("smilestimuli")["clip"].tolist() == ["x/a", "y/a"]
    assert "note: clips keep the names of their folders, because a is in several" in found.stdout


def test_a_clip_that_ingest_would_not_name(tmp_path: Path) -> None:
    folder = smiles(tmp_path / "in", ["x/,a,reward", "b,b,reward"])
    error = run("labels", "smilestimuli", "--from", str(folder)).exception
    assert isinstance(error, LabelError) and "1 of 2 clips have names" in str(error)
    assert not clips_path("smilestimuli").exists()


def stress(folder: Path) -> Path:
    """Two people; `aaaa` is relaxed while reading by the rule "paper" and neutral by "site"."""
    folder.mkdir()
    (folder / "labels.csv").write_text(
        "subject/task,binary-stress,affect3-class,affect3-class-v2\n"
        "aaaa_Math,1,2,2\naaaa_Reading,1,0,1\nhh2e_Math,1,1,0\n"
    )
    ratings = {
        "Math": {"relax": (0, 1), "stress": (9, 8), "valence": (1, ""), "arousal": (9, "")},
        "Reading": {"relax": (5, ""), "stress": (1, ""), "valence": (5, ""), "arousal": (5, "")},
    }
    lines = ["Tasks;aaaa;hh2e"]
    for task in TASKS:
        for rating in RATINGS:
            own = ratings.get(task, {}).get(rating, ("", ""))
            lines.append(";".join(map(str, (f"{task}_{rating}", *own))))
    (folder / "self_assessments.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize(
    ("rule", "classes"),
    [
        (None, {"aaaa_Math": 2, "aaaa_Reading": 0}),
        ("paper", {"aaaa_Math": 2, "aaaa_Reading": 0}),
        ("site", {"aaaa_Math": 2, "aaaa_Reading": 1}),
        ("file", {"aaaa_Math": 2, "aaaa_Reading": 0, "hh2e_Math": 1}),
        ("file-v2", {"aaaa_Math": 2, "aaaa_Reading": 1, "hh2e_Math": 0}),
    ],
)
def test_labels_of_stress_by_a_rule(
    tmp_path: Path, rule: str | None, classes: dict[str, int]
) -> None:
    option = [] if rule is None else ["--rule", rule]
    found = run("labels", "stressid", "--from", str(stress(tmp_path / "in")), *option)
    assert found.exit_code == 0, found.exception
    assert clips("stressid").set_index("clip")["three_class"].to_dict() == classes
    if rule in (None, "paper"):
        assert "note: aaaa_Reading: binary is 0 by its ratings, 1 in labels.csv" in found.stdout
        assert "note: hh2e_Math: left out, no three_class" in found.stdout
    if rule != "site":
        assert "note: clips of class 0: " in found.stdout
    assert f"{len(classes)} clips with binary, three_class" in found.stdout


def test_rules_are_those_of_stress(tmp_path: Path) -> None:
    assert set(RULES) == {"file", "file-v2", "paper", "site"} and DEFAULT_RULE == "paper"
    folder = stress(tmp_path / "in")
    error = run("labels", "stressid", "--from", str(folder), "--rule", "mine").exception
    assert isinstance(error, LabelError) and "none of file, file-v2, paper, site" in str(error)
    error = run("labels", "smilestimuli", "--from", str(folder), "--rule", "paper").exception
    assert isinstance(error, LabelError) and "no rules to choose from" in str(error)


def test_labels_of_depression(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    for split, row in {"train": "300,M,0,2", "dev": "301,F,1,11", "test": "600,M,0,12"}.items():
        text = f"Participant_ID,Gender,PHQ_Binary,PHQ_Score\n{row}\n"
        (tmp_path / "labels" / f"{split}_split.csv").write_text(text)
    found = run("labels", "avec2019-dds", "--from", str(tmp_path))
    assert "note: train participants: 1 instead of 163" in found.stdout
    made = clips("avec2019-dds")
    assert made["clip"].tolist() == ["300", "301", "600"]
    assert made["score10"].tolist() == [0, 1, 1]


def test_labels_of_personality(tmp_path: Path) -> None:
    for i, part in enumerate(("training", "validation", "test")):
        scores = {label: {f"-x_Y{i}.00{i}.mp4": 0.25} for label in LABELS}
        (tmp_path / f"annotation_{part}.pkl").write_bytes(pickle.dumps(scores, 2))
    found = run("labels", "chalearn-first-impressions", "--from", str(tmp_path))
    assert "note: train clips: 1 instead of 6000" in found.stdout
    made = clips("chalearn-first-impressions")
    assert made["clip"].tolist() == ["-x_Y0.000", "-x_Y1.001", "-x_Y2.002"]
    assert made["split"].tolist() == ["train", "dev", "test"]


def test_labels_of_emotions(tmp_path: Path) -> None:
    for name in ("Actor_05/02-01-03-02-01-02-05", "02-01-01-01-01-01-06"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.csv").touch()
    found = run("labels", "ravdess-landmarks", "--from", str(tmp_path))
    assert found.exit_code == 0 and "note" not in found.stdout
    made = clips("ravdess-landmarks")
    assert sorted(made["clip"]) == ["02-01-01-01-01-01-06", "02-01-03-02-01-02-05"]


def affectnet_csv(folder: Path) -> None:
    head = "subDirectory_filePath,expression,valence,arousal"
    (folder / "Manually_Annotated").mkdir(parents=True)
    for name, rows in {
        "training": ("1/ab.jpg,1,0.5,-2", "2/cd.png,8,-2,-2"),
        "validation": ("1/ef.jpg,0,0,0",),
    }.items():
        path = folder / "Manually_Annotated" / f"{name}.csv"
        path.write_text("\n".join([head, *rows]) + "\n")


def affectnet_npy(folder: Path, ids: dict[str, list[str]]) -> None:
    for part, names in ids.items():
        (folder / part / "annotations").mkdir(parents=True)
        for name in names:
            for kind, value in {"exp": "3", "val": 0.5, "aro": -2.0}.items():
                np.save(folder / part / "annotations" / f"{name}_{kind}.npy", np.array(value))


def test_labels_of_images_in_either_edition(tmp_path: Path) -> None:
    affectnet_csv(tmp_path / "csv")
    found = run("labels", "affectnet", "--from", str(tmp_path / "csv"))
    assert found.exit_code == 0, found.exception
    made = clips("affectnet")
    assert list(made) == ["clip", "subject", "split", "expression", "expression_name"]
    assert made["clip"].tolist() == ["ab", "cd", "ef"] and made["expression"].tolist() == [1, 8, 0]
    affectnet_npy(tmp_path / "npy", {"train_set": ["0", "1"], "val_set": ["7"]})
    found = run("labels", "affectnet", "--from", str(tmp_path / "npy"))
    names = ["train_set/0", "train_set/1", "val_set/7"]
    assert clips("affectnet")["clip"].tolist() == names and "note" not in found.stdout
    assert clips("affectnet")["split"].tolist() == ["train", "train", "dev"]


def test_images_with_the_same_number_in_both_parts(tmp_path: Path) -> None:
    affectnet_npy(tmp_path / "npy", {"train_set": ["0", "1"], "val_set": ["0"]})
    found = run("labels", "affectnet", "--from", str(tmp_path / "npy"))
    assert clips("affectnet")["clip"].tolist() == ["train_set/0", "train_set/1", "val_set/0"]
    assert "note" not in found.stdout
    for part, number in (("train_set", "0"), ("train_set", "1"), ("val_set", "0")):
        folder = tmp_path / "emoca" / part / "EMOCA_v2_lr_mse_20" / f"{number}00"
        folder.mkdir(parents=True)
        np.save(folder / "exp.npy", np.zeros(50))
    arguments = ("ingest", "affectnet", "--extractor", "emoca", "--from", str(tmp_path / "emoca"))
    assert run(*arguments).exit_code == 0
    seen = read_observation(ingested_path("affectnet", "emoca"))
    assert seen.clip.tolist() == clips("affectnet")["clip"].tolist()


def test_no_edition_or_both(tmp_path: Path) -> None:
    error = run("labels", "affectnet", "--from", str(tmp_path)).exception
    assert isinstance(error, LabelError) and "found neither" in str(error)
    affectnet_csv(tmp_path)
    affectnet_npy(tmp_path, {"train_set": ["0"], "val_set": ["1"]})
    error = run("labels", "affectnet", "--from", str(tmp_path)).exception
    assert isinstance(error, LabelError) and "found Manually_Annotated and train_set" in str(error)
