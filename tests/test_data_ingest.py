"""Ingest: which clips, which rows, what is counted and refused; the file does not tell how."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dfe.data import ingest_parts, ingest_plan, ingest_whole
from dfe.data.adapters import Adapter, AdapterError, Files, Recording, recording
from dfe.data.adapters.base import NOT_FINITE, by_stem
from dfe.data.adapters.emoca import EMOCA
from dfe.data.adapters.registry import ADAPTERS
from dfe.data.adapters.smirk import SMIRK
from dfe.data.features import files_sha256
from dfe.data.fetch import sha256_file
from dfe.data.gated import GatedManifest, load_gated
from dfe.data.ingest import IngestError, Step, ingest
from dfe.data.ingest_parts import THINNED
from dfe.data.ingest_whole import Summary, read_report
from dfe.data.ingested import ingested_extractors, ingested_folder, ingested_path, report_path
from dfe.data.observations import Observation, read_observation

WIDTH = 2


class Prog:
    """An adapter of `<clip>.txt` with a frame number and values in each line; counts its reads."""

    def __init__(self, **more: Any) -> None:
        fields: dict[str, Any] = {
            "name": "prog",
            "title": "Prog 2",
            "kind": "features",
            "columns": ("a", "b"),
            "find": lambda folder: by_stem(folder, "**/*.txt"),
            "read": self.read,
            "layout": "<clip>.txt",
        }
        self.adapter = Adapter(**fields | more)
        self.reads: list[str] = []

    def read(self, clip: str, files: Files) -> Recording:
        self.reads.append(clip)
        try:
            rows = np.loadtxt(files[0], ndmin=2)
        except ValueError as error:
            raise AdapterError(f"{files[0]}: damaged; write it again") from error
        return recording(clip, rows[:, 0], rows[:, 1:])


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DFE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of two recordings, and groups of three rows of two values."""
    monkeypatch.setattr(ingest_plan, "RECORDINGS", 2)
    monkeypatch.setattr(ingest_parts, "_GROUP", 3 * 4 * WIDTH)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven recordings; one has no usable frame, and one has a NaN among its five."""
    made = tmp_path / "prog"
    texts = {f"s/v{i}": f"{i} {i} 0.5\n{i + 4} 1 {i}\n" for i in range(5)}
    texts |= {"s/x": "3 1 2\n1 5 6\n2 nan 0\n8 0 1\n9 1 1\n", "z": "0 nan nan\n"}
    for name, text in texts.items():
        write(made, name, text)
    return made


def write(folder: Path, name: str, text: str) -> None:
    path = folder / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_unseen(folder: Path, name: str, text: str) -> None:
    """Write a file of another size, and give it the time that it had."""
    path = folder / f"{name}.txt"
    time = path.stat().st_mtime_ns
    write(folder, name, text)
    os.utime(path, ns=(time, time))


def manifest(**update: Any) -> GatedManifest:
    return load_gated("aff-wild2").model_copy(update=update)


def run(adapter: Adapter, folder: Path, **more: Any) -> Observation:
    return read_observation(ingest(manifest(), adapter, folder, **{"jobs": 1} | more))


def rows(seen: Observation) -> list[tuple[Any, ...]]:
    return list(zip(seen.clip.tolist(), seen.frame.tolist(), seen.values.tolist(), strict=True))


def reference(folder: Path, every: int = 1) -> list[tuple[Any, ...]]:
    """The same rows by pandas."""
    wanted = []
    for path in sorted(folder.glob("**/*.txt")):
        table = pd.read_csv(path, sep=" ", header=None).dropna().sort_values(0)
        for frame, *values in table[table[0] % every == 0].itertuples(index=False):
            wanted.append((path.stem, frame, [float(np.float32(one)) for one in values]))
    return wanted


def place(name: str = "prog") -> Path:
    return ingested_path("aff-wild2", name).with_name(f"{name}.parquet.parts")


def leftovers() -> list[str]:
    return sorted(
        path.relative_to(ingested_folder("aff-wild2")).as_posix()
        for path in ingested_folder("aff-wild2").rglob("*")
    )


# What is written


def test_all_recordings_become_one_observation(folder: Path) -> None:
    found = run(Prog().adapter, folder, version="1.5")
    assert rows(found) == reference(folder) and len(found) == 14
    assert set(found.dataset) == {"aff-wild2"} and found.values.dtype == np.float32
    about = found.metadata
    assert (about.name, about.extractor, about.extractor_version) == ("Prog 2", "Prog 2", "1.5")
    assert (about.kind, about.columns, about.origin) == ("features", ("a", "b"), "gated")
    assert (about.adapter, about.face) == ("prog", "")
    assert leftovers() == ["prog.parquet", "prog.report.csv"]
    assert ingested_extractors("aff-wild2") == ("prog",)


def test_the_hash_is_that_of_all_input_files(folder: Path) -> None:
    files = [(p.relative_to(folder).as_posix(), sha256_file(p)) for p in folder.rglob("*.txt")]
    assert run(Prog().adapter, folder).metadata.inputs_sha256 == files_sha256(files)
    write(folder, "s/v1", "1 1 0.25\n")
    changed = run(Prog().adapter, folder).metadata.inputs_sha256
    assert changed != files_sha256(files)
    (folder / "z.txt").rename(folder / "w.txt")
    assert run(Prog().adapter, folder).metadata.inputs_sha256 not in (changed, files_sha256(files))


@pytest.mark.parametrize("few", [0, 6, 7])
def test_the_hash_of_many_files_is_the_same(
    folder: Path, few: int, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(40):  # so that hashes start with several digits, and some with the same
        write(folder, f"more{i}", f"{i} 1 2\n")
    write(folder, "twin", "39 1 2\n")  # the contents of another file
    files = [(p.relative_to(folder).as_posix(), sha256_file(p)) for p in folder.rglob("*.txt")]
    monkeypatch.setattr(ingest_whole, "_FEW", few)
    assert run(Prog().adapter, folder).metadata.inputs_sha256 == files_sha256(files)


def test_expression_vectors_are_features_of_a_face(folder: Path) -> None:
    about = run(Prog(kind="psi", face="flame").adapter, folder).metadata
    assert (about.kind, about.face) == ("features", "flame")


@pytest.mark.parametrize(
    ("id", "origin"),
    [("ravdess-landmarks", "real"), ("stressid", "gated"), ("smilestimuli", "gated")],
)
def test_only_what_the_paper_does_not_use_is_real_data(folder: Path, id: str, origin: str) -> None:
    """SmileStimuli is public, but a number of it can be held against the paper's."""
    data_set = load_gated(id)
    assert (data_set.used_in is None) == (origin == "real")
    assert (data_set.access.route == "public") == (id != "stressid")
    path = ingest(data_set, Prog().adapter, folder, names="([^/]+)$", jobs=1)
    assert path == ingested_path(id, "prog")
    found = read_observation(path)
    assert found.metadata.origin == origin and set(found.dataset) == {id}


def test_without_a_version_it_is_unknown(folder: Path) -> None:
    assert run(Prog().adapter, folder).metadata.extractor_version == "unknown"
    assert run(Prog().adapter, folder, version=" ").metadata.extractor_version == "unknown"


def test_frames_that_a_number_divides(folder: Path) -> None:
    found = run(Prog().adapter, folder, every=3)
    assert rows(found) == reference(folder, 3) and {0, 3, 6, 9} >= set(found.frame.tolist())
    report = pd.read_csv(report_path("aff-wild2", "prog"), index_col="clip")
    assert report.loc["v1"].to_dict() == {"frames": 0, THINNED: 2, NOT_FINITE: 0}
    assert report.loc["x"].to_dict() == {"frames": 2, THINNED: 2, NOT_FINITE: 1}
    assert report["frames"].sum() + report[THINNED].sum() == 14


def test_programs_that_count_from_0_and_from_1_keep_the_same_frames(tmp_path: Path) -> None:
    """Each value is the index of its frame, from 0, whatever the program calls it."""
    videos, archives = tmp_path / "emoca", tmp_path / "smirk"
    archives.mkdir()
    for clip, n in (("v", 10), ("w", 3)):
        for i in range(n):
            emoca_frame(videos, clip, i + 1, i)
        values = np.repeat(np.arange(n, dtype=np.float32)[:, None], 50, 1)
        np.savez(archives / f"{clip}.npz", frame=np.arange(n), expression_params=values)
    for every, v, w in ((1, [*range(10)], [0, 1, 2]), (4, [0, 4, 8], [0])):
        for adapter, folder in ((EMOCA, videos), (SMIRK, archives)):
            found = run(adapter, folder, every=every)
            assert found.clip.tolist() == ["v"] * len(v) + ["w"] * len(w)
            assert found.frame.tolist() == found.values[:, 0].tolist() == [*v, *w]


# The report


def test_the_report_counts_frames_and_reasons(folder: Path, small: None) -> None:
    run(Prog().adapter, folder)
    path = report_path("aff-wild2", "prog")
    assert path.read_text().splitlines() == [
        f"clip,frames,{NOT_FINITE}",
        *(f"v{i},2,0" for i in range(5)),
        "x,4,1",
        "z,0,1",
    ]
    assert read_report(path) == Summary(7, 14, {NOT_FINITE: 2}, ("z",))


def test_a_report_with_several_reasons_and_odd_names(tmp_path: Path, small: None) -> None:
    for name in ('a,"b', "c d", "e"):
        write(tmp_path / "in", name, "0 1 2\n1 nan 2\n" if name == "e" else "3 1 2\n2 1 2\n")
    run(Prog().adapter, tmp_path / "in", every=2)
    found = read_report(report_path("aff-wild2", "prog"))
    assert found == Summary(3, 3, {THINNED: 2, NOT_FINITE: 1}, ())
    table = pd.read_csv(report_path("aff-wild2", "prog"), index_col="clip")
    assert table.index.tolist() == ['a,"b', "c d", "e"]
    assert table.loc["e"].to_dict() == {"frames": 1, THINNED: 0, NOT_FINITE: 1}


# Which clip a recording is


def test_the_manifest_names_clips(tmp_path: Path) -> None:
    write(tmp_path / "in", "faces/2ea4_Math", "0 1 2\n")
    path = ingest(load_gated("stressid"), Prog().adapter, tmp_path / "in", jobs=1)
    assert read_observation(path).clip.tolist() == ["2ea4_Math"]


def test_a_pattern_of_the_reader(tmp_path: Path) -> None:
    write(tmp_path / "in", "video-7-left/out", "0 1 2\n")
    found = run(Prog().adapter, tmp_path / "in", names=r"video-(\d+)")
    assert found.clip.tolist() == ["7"]
    assert run(Prog().adapter, tmp_path / "in").clip.tolist() == ["out"]


def test_names_that_stand_for_no_clip(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "2ea4_Math"):
        write(tmp_path / "in", name, "0 1 2\n")
    with pytest.raises(
        IngestError, match=r"4 of 5 recordings stand for no clip, such as a, b, c: .*--names"
    ) as caught:
        ingest(load_gated("stressid"), Prog().adapter, tmp_path / "in")
    rule = load_gated("stressid").clips
    assert rule is not None and repr(rule.pattern) in str(caught.value)
    assert not ingested_folder("stressid").exists()
    with pytest.raises(IngestError, match="5 of 5 .* no clip"):
        run(Prog().adapter, tmp_path / "in", names="(q?)")  # an empty group is no clip


def test_two_recordings_of_one_clip(tmp_path: Path) -> None:
    for name in ("p/v", "q/v", "w"):
        write(tmp_path / "in", name, "0 1 2\n")
    with pytest.raises(IngestError, match="p/v and q/v both stand for clip 'v' by .*--names"):
        run(Prog().adapter, tmp_path / "in")
    assert run(Prog().adapter, tmp_path / "in", names="(.+)").clip.tolist() == ["p/v", "q/v", "w"]


@pytest.mark.parametrize(("names", "why"), [("abc", "no group"), ("(", "no regular expression")])
def test_a_pattern_that_names_nothing(folder: Path, names: str, why: str) -> None:
    with pytest.raises(IngestError, match=f"does not name clips .*{why}.*; give a regular"):
        run(Prog().adapter, folder, names=names)


def test_pictures_are_frames_of_recordings_or_images_by_the_manifest(tmp_path: Path) -> None:
    """EMOCA writes the same folders for both."""
    tree = tmp_path / "emoca"
    for clip, number in (("46-30_left", 1), ("46-30_left", 12), ("46-30_right", 2)):
        save_exp(tree / clip / "M" / f"{number:05d}00", number)
    seen = {
        id: read_observation(ingest(load_gated(id), EMOCA, tree, jobs=1))
        for id in ("aff-wild2", "affectnet")
    }
    crops, images = seen["aff-wild2"], seen["affectnet"]
    assert crops.clip.tolist() == ["46-30_left", "46-30_left", "46-30_right"]
    assert crops.frame.tolist() == [0, 11, 1]
    assert sorted(images.clip.tolist()) == ["00001", "00002", "00012"]
    assert images.frame.tolist() == [0, 0, 0]
    assert crops.values[:, 0].tolist() == [1, 12, 2]
    assert images.values[:, 0].tolist() == [int(clip) for clip in images.clip]


def test_a_model_has_no_recordings(folder: Path) -> None:
    with pytest.raises(IngestError, match="flame has no recordings"):
        ingest(load_gated("flame"), Prog().adapter, folder)


@pytest.mark.parametrize("more", [{"every": 0}, {"jobs": 0}])
def test_options_that_make_no_sense(folder: Path, more: dict[str, int]) -> None:
    with pytest.raises(IngestError, match="must be at least 1"):
        run(Prog().adapter, folder, **more)


# What is refused


def test_without_a_usable_frame_nothing_is_written(tmp_path: Path) -> None:
    write(tmp_path / "in", "z", "0 nan nan\n4 nan 1\n")
    with pytest.raises(AdapterError, match=r"no usable frame in 1 recordings \(a value.*: 2\)"):
        run(Prog().adapter, tmp_path / "in")
    assert leftovers() == []
    with pytest.raises(AdapterError, match="nothing of Prog 2 here"):
        run(Prog(find=lambda folder: {}).adapter, tmp_path / "in")
    with pytest.raises(AdapterError, match="no such folder"):
        run(Prog().adapter, tmp_path / "absent")


def test_an_earlier_file_stays_if_there_is_no_usable_frame_any_more(folder: Path) -> None:
    before = rows(run(Prog().adapter, folder))
    for path in folder.rglob("*.txt"):
        path.write_text("0 nan nan\n")
    with pytest.raises(AdapterError, match="no usable frame in 7"):
        run(Prog().adapter, folder)
    assert rows(read_observation(ingested_path("aff-wild2", "prog"))) == before


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("-1 1 2\n", {}, r"v2\.txt \(s/v2\): frame -1 is below 0"),
        ("0 1 2 3\n", {}, r"v2\.txt \(s/v2\): 3 values a frame, not 2"),
        ("0 1 2 3\n", {"columns": ()}, r"v2\.txt \(s/v2\): 3 values a frame, where .* have 2"),
        ("4 1 2\n7 0.5 -1\n", {"kind": "action_units"}, "v2.txt .*: b is -1 in frame 7; an action"),
    ],
)
def test_what_no_observation_may_hold(
    folder: Path, text: str, more: dict[str, Any], message: str
) -> None:
    write(folder, "s/v2", text)
    with pytest.raises(AdapterError, match=message):
        run(Prog(**more).adapter, folder)


def test_another_width_in_another_part(folder: Path, small: None) -> None:
    write(folder, "s/v2", "0 1 2 3\n")
    write(folder, "s/v3", "0 1 2 3\n")
    with pytest.raises(AdapterError, match="3 values a frame in v2, where clips before have 2"):
        run(Prog(columns=()).adapter, folder)
    assert not ingested_path("aff-wild2", "prog").exists()


def test_a_file_that_changes_while_it_is_read(folder: Path) -> None:
    def read(clip: str, files: Files) -> Recording:
        found = Prog().read(clip, files)
        if clip == "s/v3":
            with files[0].open("a") as stream:
                stream.write("99 1 1\n")
        return found

    with pytest.raises(AdapterError, match=r"v3\.txt \(s/v3\): changed while it was read; run"):
        run(Prog(read=read).adapter, folder)
    assert leftovers() == ["prog.parquet.parts", "prog.parquet.parts/plan.json"]


def test_an_input_that_is_gone(folder: Path) -> None:
    def find(path: Path) -> dict[str, Files]:
        return by_stem(path, "**/*.txt") | {"gone": (path / "gone.txt",)}

    with pytest.raises(AdapterError, match=r"gone\.txt: cannot be read"):
        run(Prog(find=find).adapter, folder)


# Again


def steps(folder: Path, prog: Prog, **more: Any) -> list[Step]:
    seen: list[Step] = []
    run(prog.adapter, folder, progress=seen.append, **more)
    return seen


def test_the_steps(folder: Path, small: None) -> None:
    assert steps(folder, Prog()) == [
        Step("start", 0, 7),
        Step("part", 2, 7, 4),
        Step("part", 4, 7, 8),
        Step("part", 6, 7, 14),
        Step("part", 7, 7, 14),
        Step("write", 7, 7, 14),
    ]


def test_nothing_is_done_twice(folder: Path) -> None:
    run(Prog().adapter, folder)
    path = ingested_path("aff-wild2", "prog")
    before, prog = path.stat(), Prog()
    assert steps(folder, prog)[1:] == [Step("already", 7, 7)] and prog.reads == []
    assert path.stat() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write(folder, "s/v1", "1 1 0.75\n5 1 1\n"),  # as long as before
        lambda folder: write(folder, "s/new", "1 1 0.75\n"),
        lambda folder: (folder / "s" / "v1.txt").unlink(),
        lambda folder: os.utime(folder / "s" / "v1.txt", ns=(1, 1)),
        lambda folder: write_unseen(folder, "s/v1", "1 1 0.75\n"),
        lambda folder: report_path("aff-wild2", "prog").unlink(),
        lambda folder: ingested_path("aff-wild2", "prog").write_bytes(b"PAR1"),
        lambda folder: ingested_path("aff-wild2", "prog").unlink(),
    ],
    ids=["contents", "more", "fewer", "time", "size", "no report", "damaged", "gone"],
)
def test_whatever_changed_is_read_anew(folder: Path, change: Any) -> None:
    run(Prog().adapter, folder)
    change(folder)
    prog = Prog()
    assert rows(run(prog.adapter, folder)) == reference(folder)
    assert len(prog.reads) == len(list(folder.rglob("*.txt")))
    assert read_report(report_path("aff-wild2", "prog")).frames == len(reference(folder))


def test_files_that_changed_their_names_are_read_anew(folder: Path) -> None:
    """Sizes and times stand where they stood before."""
    one, other = (folder / "s" / name for name in ("v1.txt", "v2.txt"))
    for path in (one, other):
        os.utime(path, ns=(10**18, 10**18))
    assert one.stat().st_size == other.stat().st_size
    run(Prog().adapter, folder)
    between = one.rename(folder / "between")
    other.rename(one)
    between.rename(other)
    assert rows(run(Prog().adapter, folder)) == reference(folder)


def test_a_frame_with_another_number_is_read_anew(tmp_path: Path) -> None:
    """Size and time of its file are as before."""
    tree = tmp_path / "emoca"
    for i in (1, 2):
        emoca_frame(tree, "v", i)
    run(EMOCA, tree)
    frame = tree / "v" / "results" / "M" / "000002_000"
    frame.rename(frame.with_name("000009_000"))
    assert run(EMOCA, tree).frame.tolist() == [0, 8]


def test_other_options_make_it_new(folder: Path, tmp_path: Path) -> None:
    run(Prog().adapter, folder)
    copy = shutil.copytree(folder, tmp_path / "copy")
    for prog, options in (
        (Prog(), {"every": 2}),
        (Prog(), {"every": 1}),
        (Prog(), {"version": "3"}),
        (Prog(), {"names": "(.+)"}),
        (Prog(title="Prog 3"), {"names": "(.+)"}),
        (Prog(kind="psi", face="flame"), {}),
    ):
        run(prog.adapter, folder, **options)
        assert len(prog.reads) == 7, options
    assert rows(run(Prog().adapter, copy)) == reference(folder)
    prog = Prog()
    run(prog.adapter, folder)
    assert len(prog.reads) == 7  # of another folder than the last


def test_another_data_set_is_another_file(folder: Path) -> None:
    run(Prog().adapter, folder)
    prog = Prog()
    path = ingest(load_gated("stressid"), prog.adapter, folder, names="(.+)", jobs=1)
    assert len(prog.reads) == 7 and path != ingested_path("aff-wild2", "prog")


# Parts


def break_at(folder: Path, name: str) -> str:
    """Damage a file so that its adapter refuses it; returns what was in it."""
    text = (folder / f"{name}.txt").read_text()
    write(folder, name, "what")
    return text


def test_after_a_repair_the_run_goes_on(folder: Path, small: None) -> None:
    text = break_at(folder, "s/x")  # in the third part
    prog = Prog()
    with pytest.raises(AdapterError, match=r"x\.txt: damaged"):
        run(prog.adapter, folder)
    assert prog.reads == ["s/v0", "s/v1", "s/v2", "s/v3", "s/v4", "s/x"]
    assert not ingested_path("aff-wild2", "prog").exists() and place().is_dir()
    write(folder, "s/x", text)
    again = Prog()
    seen = steps(folder, again)
    assert again.reads == ["s/v4", "s/x", "z"] and seen[1] == Step("part", 2, 7, 4, 2)
    found = read_observation(ingested_path("aff-wild2", "prog"))
    assert rows(found) == reference(folder) and not place().exists()


def test_cuts_do_not_move_when_a_repaired_file_is_longer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_plan, "BYTES", 20)
    break_at(folder, "z")
    with pytest.raises(AdapterError, match="damaged"):
        run(Prog().adapter, folder)
    n_parts = len(list(place().glob("*.inputs.parquet")))
    assert n_parts > 2
    write(folder, "z", "0 1 1\n" * 1 + "".join(f"{i} 1 1\n" for i in range(1, 30)))
    prog = Prog()
    assert rows(run(prog.adapter, folder)) == reference(folder) and prog.reads == ["z"]


def test_cuts_do_not_move_when_an_earlier_file_grows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts behind it stay as they are, and are not read again."""
    monkeypatch.setattr(ingest_plan, "BYTES", 40)
    stop_at_last(folder)
    write(folder, "s/v0", "".join(f"{i} 1 1\n" for i in range(30)))
    prog = Prog()
    assert rows(run(prog.adapter, folder)) == reference(folder)
    assert "s/v0" in prog.reads and not {"s/v3", "s/v4"} & set(prog.reads)


def stop_at_last(folder: Path) -> None:
    """Leave all parts but the last one: it holds `z`."""
    text = break_at(folder, "z")
    with pytest.raises(AdapterError):
        run(Prog().adapter, folder)
    write(folder, "z", text)


def test_a_part_whose_inputs_changed_is_read_again(folder: Path, small: None) -> None:
    stop_at_last(folder)
    write(folder, "s/v2", "2 9 9\n6 9 9\n")
    prog = Prog()
    assert rows(run(prog.adapter, folder)) == reference(folder)
    assert prog.reads == ["s/v2", "s/v3", "z"]


def test_an_added_frame_in_a_folder_is_an_input_that_changed(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of a video stands for its frames."""
    tree = tmp_path / "emoca"
    for name in "abcde":
        for i in (1, 2):
            emoca_frame(tree, name, i)
    cut = tree / "e" / "results" / "M" / "000001_000" / "exp.npy"
    whole = cut.read_bytes()
    cut.write_bytes(b"")
    with pytest.raises(AdapterError):
        run(EMOCA, tree)
    cut.write_bytes(whole)
    emoca_frame(tree, "c", 7)
    reads: list[str] = []

    def read(clip: str, files: Files) -> Recording:
        reads.append(clip)
        return EMOCA.read(clip, files)

    found = run(replace(EMOCA, read=read), tree)
    assert reads == ["c", "d", "e"]
    assert found.frame.tolist() == [0, 1, 0, 1, 0, 1, 6, 0, 1, 0, 1]
    files = [(p.relative_to(tree).as_posix(), sha256_file(p)) for p in tree.rglob("exp.npy")]
    assert found.metadata.inputs_sha256 == files_sha256(files)


def emoca_frame(tree: Path, video: str, number: int, value: float = 1.0) -> None:
    save_exp(tree / video / "results" / "M" / f"{number:06d}_000", value)


def save_exp(folder: Path, value: float) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "exp.npy", np.full(50, value, np.float32))


@pytest.mark.parametrize("which", ["rows", "inputs", "plan"])
def test_what_is_left_of_a_part_is_not_trusted(folder: Path, small: None, which: str) -> None:
    stop_at_last(folder)
    name = {"rows": "000001.parquet", "inputs": "000001.inputs.parquet", "plan": "plan.json"}[which]
    path = place() / name
    path.write_bytes(path.read_bytes()[:40])
    prog = Prog()
    assert rows(run(prog.adapter, folder)) == reference(folder)
    everything = ["s/v0", "s/v1", "s/v2", "s/v3", "s/v4", "s/x", "z"]
    assert prog.reads == (everything if which == "plan" else ["s/v2", "s/v3", "z"])


@pytest.mark.parametrize("name", ["000000.parquet", "000000.inputs.parquet"])
def test_rows_and_inputs_of_different_times_are_no_part(
    folder: Path, small: None, name: str
) -> None:
    stop_at_last(folder)
    old = (place() / name).read_bytes()
    write(folder, "s/v0", "0 7 7\n")
    break_at(folder, "z")
    with pytest.raises(AdapterError):
        run(Prog().adapter, folder)
    (place() / name).write_bytes(old)
    write(folder, "z", "0 1 1\n")
    prog = Prog()
    assert rows(run(prog.adapter, folder)) == reference(folder)
    assert prog.reads == ["s/v0", "s/v1", "z"]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (Prog(), {"every": 2}),
        lambda folder: (Prog(), {"names": "(.+)"}),
        lambda folder: (Prog(title="Prog 3"), {}),
        lambda folder: write(folder, "s/new", "0 1 1\n") or (Prog(), {}),
        lambda folder: (folder / "s" / "v0.txt").unlink() or (Prog(), {}),
    ],
    ids=["every", "names", "title", "more", "fewer"],
)
def test_another_plan_starts_anew(folder: Path, small: None, change: Any) -> None:
    stop_at_last(folder)
    (place() / "000099.parquet").touch()
    prog, options = change(folder)
    found = run(prog.adapter, folder, **options)
    assert len(prog.reads) == len(list(folder.rglob("*.txt")))
    expected = reference(folder, options.get("every", 1))
    assert [row[1:] for row in rows(found)] == [row[1:] for row in expected]


def test_leftovers_of_a_killed_writer_are_removed(folder: Path, small: None) -> None:
    stop_at_last(folder)
    (place() / ".000001-abc.parquet").write_bytes(b"half")
    stop_at_last(folder)
    assert not list(place().glob(".*"))
    (place() / "whole.parquet").write_bytes(b"half")
    assert rows(run(Prog().adapter, folder)) == reference(folder)
    assert leftovers() == ["prog.parquet", "prog.report.csv"]


def test_a_part_that_cannot_be_read_back(
    folder: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at_last(folder)
    path = place() / "000001.parquet"
    whole = path.read_bytes()
    assert len(whole) > 300
    path.write_bytes(whole[:4] + bytes(120) + whole[124:])  # the footer is as it was
    with pytest.raises(IngestError, match="(?s)parts: a part cannot be read back.*delete this"):
        run(Prog().adapter, folder)
    assert not ingested_path("aff-wild2", "prog").exists()


def test_without_room_finished_parts_are_kept(
    folder: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomic = ingest_parts.atomic

    def full(path: Path) -> Any:
        if path.name == "000002.parquet":
            raise OSError(28, "No space left on device")
        return atomic(path)

    with monkeypatch.context() as patch:
        patch.setattr(ingest_parts, "atomic", full)
        with pytest.raises(IngestError, match=r"parts: a part cannot be written \(.*No space"):
            run(Prog().adapter, folder)
    prog = Prog()
    assert rows(run(prog.adapter, folder)) == reference(folder)
    assert prog.reads == ["s/v4", "s/x", "z"]


@pytest.mark.parametrize("text", ["[]", "{}", "1", ""])
def test_a_plan_that_is_none_of_ours(folder: Path, text: str) -> None:
    place().mkdir(parents=True)
    (place() / "plan.json").write_text(text)
    assert rows(run(Prog().adapter, folder)) == reference(folder)


def test_parts_end_at_recordings_files_or_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_plan, "RECORDINGS", 3)
    monkeypatch.setattr(ingest_plan, "FILES", 10)
    monkeypatch.setattr(ingest_plan, "BYTES", 100)
    ends = ingest_plan._ends
    assert ends([(1, 1)] * 7) == [3, 6, 7]
    assert ends([(9, 1), (1, 1), (25, 1), (1, 1)]) == [2, 3, 4]
    assert ends([(1, 99), (1, 1), (1, 500), (1, 2)]) == [2, 3, 4]


def test_an_image_collection_becomes_few_parts() -> None:
    assert len(ingest_plan._ends([(1, 328)] * 300_000)) == 600
    assert len(ingest_plan._ends([(4800, 4800 * 328)] * 541)) == 181  # all of Aff-Wild2


# The file does not tell how it was made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=9).filter(any),
    recordings=st.integers(1, 5),
    group=st.integers(1, 7),
)
def test_rows_do_not_depend_on_parts_and_groups(
    tmp_path: Path, lengths: list[int], recordings: int, group: int
) -> None:
    tree = tmp_path / "many"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.rmtree(ingested_folder("aff-wild2"), ignore_errors=True)
    for i, n in enumerate(lengths):
        lines = [f"{j} {i} {j}.5" for j in range(n)] + ["90 nan 0"]
        write(tree, f"c{i}", "\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest_plan, "RECORDINGS", recordings)
        patch.setattr(ingest_parts, "_GROUP", group * 4 * WIDTH)
        found = run(Prog().adapter, tree)
    file = pq.ParquetFile(ingested_path("aff-wild2", "prog"))
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert set(sizes[:-1]) <= {group} and sizes[-1] <= group and sum(sizes) == sum(lengths)
    assert rows(found) == reference(tree)


def test_the_file_is_the_same_byte_for_byte(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_parts, "_GROUP", 3 * 4 * WIDTH)
    digests = set()
    for recordings in (1, 2, 500):
        monkeypatch.setattr(ingest_plan, "RECORDINGS", recordings)
        shutil.rmtree(ingested_folder("aff-wild2"), ignore_errors=True)
        run(Prog().adapter, folder)
        digests.add(hashlib.sha256(ingested_path("aff-wild2", "prog").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_an_adapter_that_is_not_registered_is_read_here(folder: Path, small: None) -> None:
    prog = Prog()
    assert "prog" not in ADAPTERS
    assert rows(run(prog.adapter, folder, jobs=3)) == reference(folder) and len(prog.reads) == 7


# One at a time


@pytest.fixture
def lock() -> Iterator[int]:
    path = ingested_path("aff-wild2", "prog").with_name("prog.parquet.lock")
    path.parent.mkdir(parents=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield handle
    os.close(handle)


def test_the_second_ingest_of_the_same_stops(folder: Path, lock: int) -> None:
    prog = Prog()
    with pytest.raises(IngestError, match="lock: another process is ingesting the same; wait"):
        run(prog.adapter, folder)
    assert prog.reads == [] and leftovers() == ["prog.parquet.lock"]
    run(Prog(name="other").adapter, folder)  # into another file
    assert ingested_extractors("aff-wild2") == ("other",)


def test_a_lock_without_a_living_holder_does_not_block(folder: Path, lock: int) -> None:
    fcntl.flock(lock, fcntl.LOCK_UN)
    assert len(run(Prog().adapter, folder)) == 14
    assert leftovers() == ["prog.parquet", "prog.report.csv"]


def test_the_lock_holds_while_parts_are_read(folder: Path) -> None:
    def read(clip: str, files: Files) -> Recording:
        with pytest.raises(IngestError, match="another process"):
            run(Prog().adapter, folder)
        return Prog().read(clip, files)

    assert len(run(Prog(read=read).adapter, folder)) == 14


def test_a_lock_that_its_holder_removes_is_not_the_lock(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our opening and our locking, the holder removes the file and lets go."""
    lock = fcntl.flock
    removed: list[Path] = []

    def flock(handle: int, how: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if not removed:
            path.unlink()
            removed.append(path)
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)

    def read(clip: str, files: Files) -> Recording:
        assert removed[0].exists()  # the lock of this process
        return Prog().read(clip, files)

    assert len(run(Prog(read=read).adapter, folder)) == 14
