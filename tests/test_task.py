"""Tasks: what they refuse, how they are stored, and how a reader's own files become one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dfe.checkpoint import read_checkpoint, write_checkpoint
from dfe.config import TaskFiles
from dfe.data.observations import (
    Observation,
    ObservationMetadata,
    read_observation,
    write_observation,
)
from dfe.data.task import Frames, Task, TaskError
from dfe.data.task_store import FORMAT, load_own_task, read_task, write_task

RNG = np.random.default_rng(0)


def clips(n: int = 3) -> pd.DataFrame:
    table = pd.DataFrame(
        {"subject": [f"s{i % 2}" for i in range(n)], "split": ["train"] * n, "score": 0.1},
        index=pd.Index([f"c{i}" for i in range(n)], name="clip"),
    )
    return table


def frames(rows: list[int], width: int = 50, columns: tuple[str, ...] = ()) -> Frames:
    values = RNG.normal(size=(len(rows), width)).astype(np.float32)
    return Frames(np.array(rows, np.int64), values, columns)


def task(**seen: Frames) -> Task:
    return Task("smiles", "simulated", clips(), {"psi": frames([0, 0, 1, 2, 2])} | seen)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clip": np.array([1, 0], np.int64)}, "rising order"),
        ({"clip": np.array([-1, 0], np.int64)}, "rising order"),
        ({"clip": np.array([0, 1, 1], np.int64)}, r"int64 \(2,\)"),
        ({"clip": np.array([0, 1], np.int32)}, "int64"),
        ({"values": np.zeros((2, 3))}, "float64"),
        ({"values": np.full((2, 3), np.nan, np.float32)}, "frame 0 holds NaN"),
        ({"columns": ("a",)}, "1 columns but 3 values"),
        ({"values": np.zeros((0, 3), np.float32), "clip": np.zeros(0, np.int64)}, "M > 0"),
    ],
)
def test_frames_refuse(change: dict[str, Any], message: str) -> None:
    good = {"clip": np.array([0, 1], np.int64), "values": np.zeros((2, 3), np.float32)}
    Frames(**good)
    with pytest.raises(TaskError, match=message):
        Frames(**(good | change))


def test_a_task_refuses() -> None:
    psi = {"psi": frames([0, 1, 2])}
    with pytest.raises(TaskError, match="lacks \\['split'\\]"):
        Task("smiles", "real", clips().drop(columns="split"), psi)
    with pytest.raises(TaskError, match="'c0' comes twice"):
        Task("smiles", "real", clips().set_axis(["c0", "c0", "c1"]), psi)
    with pytest.raises(TaskError, match="7 values a frame, not 50"):
        Task("smiles", "real", clips(), {"psi": frames([0, 1, 2], 7)})
    with pytest.raises(TaskError, match="no frames of 'psi'"):
        Task("smiles", "real", clips(), {})
    with pytest.raises(TaskError, match=r"expression vectors of clips \['c1'\]"):
        Task("smiles", "real", clips(), {"psi": frames([0, 2])})
    with pytest.raises(TaskError, match="frames of row 3, but the table has 3"):
        task(other=frames([0, 3]))


def test_an_observer_may_lack_clips_and_says_which() -> None:
    assert task(other=frames([1])).missing("other") == ["c0", "c2"]


def test_a_subset_keeps_the_frames_of_its_clips() -> None:
    whole = task(other=frames([0, 2], 2, ("a", "b")))
    part = whole.subset(np.array([1, 2]))
    assert part.clips.index.tolist() == ["c1", "c2"]
    assert part.frames["psi"].clip.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(part.frames["psi"].values, whole.frames["psi"].values[2:])
    assert part.frames["other"].clip.tolist() == [1]
    assert part.frames["other"].columns == ("a", "b")
    assert part.dataset == ""
    named = Task("smiles", "gated", clips(), {"psi": frames([0, 1, 2])}, "mine")
    assert named.subset(np.array([1])).dataset == "mine"


def test_a_subset_keeps_what_stands_behind_the_task() -> None:
    about: dict[str, Any] = {"dataset": "mine", "face": "flame", "extractor": "emoca"}
    psi = {"psi": frames([0, 1, 2])}
    whole = Task("stress", "gated", clips(), psi, left_out={"psi": 2}, **about)
    part = whole.subset(np.array([1]))
    assert (part.name, part.origin) == ("stress", "gated")
    assert (part.dataset, part.face, part.extractor) == ("mine", "flame", "emoca")
    assert part.left_out == {"psi": 2}, "these clips never were in the table"


def test_a_stored_task_comes_back_to_the_bit(tmp_path: Path) -> None:
    made = task(other=frames([0, 2], 2, ("a", "b")))
    made.clips["score"] = [0.1, 1 / 3, 2e-17]
    made.clips["binary"] = [1, 0, 1]
    made.clips["label"] = ["x", "", "01"]
    write_task(tmp_path / "t.safetensors", made, "how it was made")
    back, settings = read_task(tmp_path / "t.safetensors")
    assert settings == "how it was made" and (back.name, back.origin) == ("smiles", "simulated")
    assert list(back.frames) == ["psi", "other"]
    for name, seen in made.frames.items():
        np.testing.assert_array_equal(back.frames[name].values, seen.values)
        np.testing.assert_array_equal(back.frames[name].clip, seen.clip)
        assert back.frames[name].columns == seen.columns
    assert back.clips["score"].tolist() == made.clips["score"].tolist()
    assert back.clips["binary"].tolist() == [1, 0, 1]
    assert back.clips["label"].tolist() == ["x", "", "01"]
    assert back.clips.index.tolist() == made.clips.index.tolist()


def test_the_data_set_of_a_stored_task_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    write_task(path, Task("smiles", "gated", clips(), {"psi": frames([0, 1, 2])}, "mine"), "")
    assert read_task(path)[0].dataset == "mine"
    write_task(path, task(), "")
    assert "dataset" not in read_checkpoint(path, FORMAT)[1], "as files without a data set were"
    assert read_task(path)[0].dataset == ""


def test_the_face_and_the_extractor_of_a_stored_task_come_back(tmp_path: Path) -> None:
    path, psi = tmp_path / "t.safetensors", {"psi": frames([0, 1, 2])}
    made = Task("smiles", "gated", clips(), psi, "mine", face="flame", extractor="emoca")
    write_task(path, made, "")
    back = read_task(path)[0]
    assert (back.face, back.extractor, back.dataset) == ("flame", "emoca", "mine")
    write_task(path, task(), "")
    back = read_task(path)[0]
    assert (back.face, back.extractor) == ("open-head", "") == (task().face, task().extractor)
    tensors, metadata = read_checkpoint(path, FORMAT)
    del metadata["face"]  # as in files of before there were others
    write_checkpoint(path, tensors, metadata)
    assert read_task(path)[0].face == "open-head"


def test_a_damaged_task_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    with pytest.raises(TaskError, match="no checkpoint"):
        read_task(path)
    write_task(path, task(), "")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(TaskError, match="not a whole safetensors file"):
        read_task(path)


# A reader's own files


@pytest.fixture
def own(tmp_path: Path) -> TaskFiles:
    """Two labeled clips and one without a label, with frames out of order."""
    psi = Observation(
        dataset=np.array(["mine"] * 5),
        clip=np.array(["b", "b", "a", "a", "unlabeled"]),
        frame=np.array([1, 0, 5, 3, 0], np.int64),
        values=np.arange(250.0).reshape(5, 50),
        metadata=ObservationMetadata(
            name="EMOCA", kind="features", origin="gated", extractor="E", extractor_version="2"
        ),
    )
    write_observation(tmp_path / "psi.parquet", psi)
    seen = Observation(
        dataset=np.array(["mine", "mine"]),
        clip=np.array(["a", "b"]),
        frame=np.array([0, 0], np.int64),
        values=np.array([[1.0, 2.0], [3.0, 4.0]]),
        metadata=ObservationMetadata(
            name="MARLIN", kind="features", origin="gated", extractor="M", extractor_version="1"
        ),
    )
    write_observation(tmp_path / "marlin.parquet", seen)
    text = "clip,subject,split,smile\na,01,,reward\nb,02,,dominance\n"
    (tmp_path / "clips.csv").write_text(text, encoding="utf-8")
    return TaskFiles(
        clips=tmp_path / "clips.csv",
        psi=tmp_path / "psi.parquet",
        observers={"MARLIN": tmp_path / "marlin.parquet"},
    )


def test_own_files_become_a_task(own: TaskFiles) -> None:
    made = load_own_task("smiles", own)
    assert (made.origin, made.dataset) == ("gated", "mine")
    assert made.clips["subject"].tolist() == ["01", "02"], "subjects stay text"
    assert made.clips["split"].tolist() == ["", ""]
    assert made.frames["psi"].clip.tolist() == [0, 0, 1, 1]
    assert made.frames["psi"].values[:, 0].tolist() == [150, 100, 50, 0], "sorted by time"
    assert made.frames["MARLIN"].values.tolist() == [[1, 2], [3, 4]]


def test_own_files_say_on_which_face_and_by_which_adapter(own: TaskFiles) -> None:
    made = load_own_task("smiles", own)
    assert (made.face, made.extractor) == ("open-head", ""), "no adapter has read them"
    psi = read_observation(own.psi)
    about = psi.metadata.model_copy(update={"face": "flame", "adapter": "emoca", "origin": "real"})
    write_observation(own.psi, replace(psi, metadata=about))
    made = load_own_task("smiles", own)
    assert (made.face, made.extractor, made.origin) == ("flame", "emoca", "real")


def test_clips_that_an_observer_lacks_are_left_out_and_counted(own: TaskFiles) -> None:
    text = "clip,subject,split,smile\na,1,,x\nb,1,,x\ny,2,,x\nz,3,,x\n"
    own.clips.write_text(text, encoding="utf-8")
    marlin = read_observation(own.observers["MARLIN"])
    rows = {k: getattr(marlin, k)[1:] for k in ("dataset", "clip", "frame", "values")}
    write_observation(own.observers["MARLIN"], replace(marlin, **rows))
    made = load_own_task("smiles", own)
    assert made.clips.index.tolist() == ["b"]
    assert made.left_out == {"psi": 2, "MARLIN": 1}, "what has no ψ does not count for others"
    assert made.left_out_text() == "; labeled clips left out: 2 lack psi, 1 lack MARLIN"
    assert made.frames["MARLIN"].values.tolist() == [[3, 4]]


def test_whole_clips_leave_nothing_to_say(own: TaskFiles) -> None:
    made = load_own_task("smiles", own)
    assert made.left_out == {} and made.left_out_text() == ""
    one = replace(made, left_out={"MARLIN": 3})
    assert one.left_out_text() == "; labeled clips left out: 3 lack MARLIN"


def test_an_observer_that_lacks_most_clips_is_refused(own: TaskFiles) -> None:
    marlin = read_observation(own.observers["MARLIN"])
    write_observation(own.observers["MARLIN"], replace(marlin, clip=np.array(["x", "y"])))
    message = "MARLIN has no frame of 2 of 2 clips, such as 'a', 'b'"
    with pytest.raises(TaskError, match=message):
        load_own_task("smiles", own)
    own.clips.write_text("clip,subject,split,smile\na,1,,x\nb,1,,x\ny,2,,x\nz,3,,x\n")
    with pytest.raises(TaskError, match=message):  # clips without ψ do not count
        load_own_task("smiles", own)


@pytest.mark.parametrize(
    ("datasets", "joined"),
    [
        (["two", "two", "one", "one", "three"], "one+two"),  # the last clip is not in the table
        (["one", "one", "one", "one", "three"], "one"),
    ],
)
def test_a_task_names_the_data_sets_of_its_clips(
    own: TaskFiles, datasets: list[str], joined: str
) -> None:
    psi = read_observation(own.psi)
    write_observation(own.psi, replace(psi, dataset=np.array(datasets)))
    assert load_own_task("smiles", own).dataset == joined


def test_parquet_is_a_table_of_clips_too(own: TaskFiles, tmp_path: Path) -> None:
    pd.read_csv(own.clips, dtype=str, keep_default_na=False).to_parquet(tmp_path / "c.parquet")
    other = own.model_copy(update={"clips": tmp_path / "c.parquet"})
    pd.testing.assert_frame_equal(
        load_own_task("smiles", own).clips,
        load_own_task("smiles", other).clips,
        check_dtype=False,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,subject,smile\na,1,x\n", "lacks the columns \\['split'\\]"),
        ("clip,subject,split,smile\na,1,,nan\n", "'smile' has gaps"),
        ("clip,subject,split,smile\nz,1,,x\n", "share no clip, such as 'z'"),
        ("clip,subject,split,smile\na,1,,x\na,1,,x\n", "clips.csv: clip 'a' comes twice"),
        ("", "not a table of clips"),
    ],
)
def test_own_files_are_checked(own: TaskFiles, text: str, message: str) -> None:
    own.clips.write_text(text, encoding="utf-8")
    with pytest.raises(TaskError, match=message):
        load_own_task("smiles", own)


def test_a_clip_name_in_two_data_sets_is_refused(own: TaskFiles) -> None:
    seen = Observation(
        dataset=np.array(["one", "two"]),
        clip=np.array(["a", "a"]),
        frame=np.array([0, 0], np.int64),
        values=np.zeros((2, 2)),
        metadata=ObservationMetadata(
            name="X", kind="features", origin="gated", extractor="X", extractor_version="1"
        ),
    )
    write_observation(own.observers["MARLIN"], seen)
    with pytest.raises(TaskError, match="clip 'a' holds a frame twice"):
        load_own_task("smiles", own)


def test_clips_that_no_two_observers_share_are_no_task(own: TaskFiles) -> None:
    marlin = read_observation(own.observers["MARLIN"])
    for name, row in (("MARLIN", slice(0, 1)), ("X", slice(1, 2))):
        rows = {k: getattr(marlin, k)[row] for k in ("dataset", "clip", "frame", "values")}
        write_observation(own.clips.with_name(f"{name}.parquet"), replace(marlin, **rows))
    observers = {name: own.clips.with_name(f"{name}.parquet") for name in ("MARLIN", "X")}
    apart = own.model_copy(update={"observers": observers})
    with pytest.raises(TaskError, match="no clip was seen by all of psi, MARLIN, X: 1 lack MARLIN"):
        load_own_task("smiles", apart)
