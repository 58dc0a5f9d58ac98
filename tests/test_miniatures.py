"""Miniatures of all data sets: whole for `verify`, readable, and with what was planted in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from miniatures import WRITERS, Extracted, Miniature, write_all
from miniatures.affwild2 import DEFECTS
from miniatures.extractors import extract
from miniatures.faces import DIRECTIONS, SEEN, recognize

from dfe.data.adapters.base import Recording
from dfe.data.adapters.registry import ADAPTERS
from dfe.data.gated import load_gated
from dfe.data.labels import (
    read_affectnet,
    read_affectnet_npy,
    read_chalearn,
    read_edaic,
    read_ravdess,
    read_smilestimuli,
    read_stressid,
)
from dfe.data.observations import Observation, ObservationMetadata
from dfe.data.verify import verify
from dfe.face import Flame, OpenHead
from dfe.metrics import mirror_vertices

IMAGES = ("affectnet", "affectnet-npy")
GROUPS = [
    *[(name, group) for name in ("affectnet",) for group in ("training", "validation")],
    *[("affectnet-npy", f"training-{kind}") for kind in ("expressions", "valence", "arousal")],
    ("affectnet-npy", "validation-expressions"),
    *[("aff-wild2", part) for part in ("training", "validation")],
    ("smilestimuli", "smiles"),
    *[("stressid", group) for group in ("labels", "self-assessments")],
    *[("avec2019-dds", group) for group in ("train", "dev", "test", "openface")],
    *[("chalearn-first-impressions", part) for part in ("training", "validation", "test")],
    ("flame", "flame-2020"),
    ("ravdess-landmarks", "tracks"),
]
TASK = ("emoca", "libreface", "mae-face", "marlin", "videomae", "facial-basis")
FRAMES = ("emoca", "smirk", "libreface", "mae-face", "human-action-units")
EXTRACTED = [
    *[("aff-wild2", id) for id in FRAMES],
    *[("smilestimuli", id) for id in ("emoca", "libreface")],
    *[(name, id) for name in ("stressid", "chalearn-first-impressions") for id in TASK],
    *[("avec2019-dds", id) for id in (*TASK, "openface-edaic")],
    ("ravdess-landmarks", "openface"),
]
LABELS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "affectnet": read_affectnet,
    "affectnet-npy": read_affectnet_npy,
    "smilestimuli": lambda folder: read_smilestimuli(folder / "smiles.csv"),
    "stressid": lambda folder: read_stressid(folder, "paper")[0],
    "avec2019-dds": read_edaic,
    "chalearn-first-impressions": read_chalearn,
    "ravdess-landmarks": read_ravdess,
}


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Miniature]:
    return write_all(tmp_path_factory.mktemp("miniatures"))


@cache
def read_all(miniature: Miniature, extractor: str) -> dict[str, Recording]:
    """What an adapter reads, by the clips of the manifest."""
    adapter, manifest = ADAPTERS[extractor], load_gated(miniature.id)
    assert manifest.clips
    folder, crops = miniature.extracted[extractor].folder, manifest.role == "recordings"
    found = {}
    for name, files in adapter.recordings(folder, crops).items():
        clip = manifest.clips.clip(name)
        assert clip is not None and clip not in found, name
        found[clip] = adapter.read(name, files)
    return found


def expected(extracted: Extracted) -> dict[str, list[int]]:
    return {clip: list(frames) for clip, frames in extracted.frames.items()}


def frames(found: dict[str, Recording]) -> dict[str, list[int]]:
    return {clip: recording.frame.tolist() for clip, recording in found.items()}


# Files


@pytest.mark.parametrize("name", WRITERS)
def test_verify_misses_nothing_but_numbers(all_of_them: dict[str, Miniature], name: str) -> None:
    miniature = all_of_them[name]
    differences = verify(load_gated(miniature.id), miniature.data)
    assert [str(d) for d in differences if d.kind != "count"] == []


def test_every_required_group_is_here(all_of_them: dict[str, Miniature]) -> None:
    for name, miniature in all_of_them.items():
        present = {f.edition for g, f in _groups(miniature) if g in miniature.groups}
        required = {
            id for id, f in _groups(miniature) if f.required and f.edition in (*present, None)
        }
        assert required == set(miniature.groups), name
    assert set(GROUPS) == {(n, g) for n, m in all_of_them.items() for g in m.groups}


def _groups(miniature: Miniature) -> list[tuple[str, object]]:
    return [(group.id, group) for group in load_gated(miniature.id).files]


@pytest.mark.parametrize(("name", "group"), GROUPS)
def test_verify_names_what_is_removed(
    all_of_them: dict[str, Miniature], name: str, group: str, tmp_path: Path
) -> None:
    miniature = all_of_them[name]
    folder, removed = tmp_path / "copy", miniature.groups[group]
    shutil.copytree(miniature.data, folder)
    for path in sorted(folder.glob(removed)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    missing = [d for d in verify(load_gated(miniature.id), folder) if d.kind == "file"]
    patterns = load_gated(miniature.id).group(group).patterns
    assert len(missing) == 1 and missing[0].found == "nothing"
    assert removed in missing[0].file or all(p in missing[0].file for p in patterns)


# What the programs wrote


@pytest.mark.parametrize(("name", "extractor"), EXTRACTED)
def test_the_planted_frames_and_defects(
    all_of_them: dict[str, Miniature], name: str, extractor: str
) -> None:
    """Numbers count from 0, whatever the program calls the first frame."""
    planted = all_of_them[name].extracted[extractor]
    found = read_all(all_of_them[name], extractor)
    skipped = {clip: dict(one.skipped) for clip, one in found.items() if one.skipped}
    assert skipped == planted.skipped
    assert frames(found) == expected(planted)


@pytest.mark.parametrize(("name", "extractor"), EXTRACTED)
def test_each_frame_shows_the_planted_face(
    all_of_them: dict[str, Miniature], name: str, extractor: str
) -> None:
    miniature, columns = all_of_them[name], ADAPTERS[extractor].columns
    for clip, recording in read_all(miniature, extractor).items():
        shown = miniature.faces[clip][list(miniature.extracted[extractor].frames[clip])]
        if extractor in ("marlin", "videomae"):  # means over windows
            for i, row in enumerate(recording.values):
                window = miniature.faces[clip][16 * i : 16 * (i + 1)]
                np.testing.assert_allclose(row, SEEN["mae-face"][window].mean(0), atol=0.1)
        else:
            np.testing.assert_array_equal(recognize(extractor, columns, recording.values), shown)


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_clips_of_one_frame(all_of_them: dict[str, Miniature], name: str) -> None:
    planted, adapter = all_of_them[name].extracted["emoca"], ADAPTERS["emoca"]
    files = adapter.recordings(planted.folder)
    assert files.keys() == planted.frames.keys()
    found = {clip: adapter.read(clip, some) for clip, some in files.items()}
    assert frames(found) == expected(planted)
    assert {
        clip: dict(one.skipped) for clip, one in found.items() if one.skipped
    } == planted.skipped
    psi = np.concatenate([one.values for one in found.values()])
    inside = psi @ np.linalg.pinv(DIRECTIONS) @ DIRECTIONS
    assert np.abs(psi - inside).max() < 0.15 and psi.std() > 0.3


@pytest.mark.parametrize(("name", "extractor"), [*EXTRACTED, ("affectnet", "emoca")])
def test_what_is_read_can_be_observed(
    all_of_them: dict[str, Miniature], name: str, extractor: str
) -> None:
    adapter, found = ADAPTERS[extractor], read_all(all_of_them[name], extractor)
    metadata = ObservationMetadata(
        name=adapter.title,
        kind="features" if adapter.kind == "psi" else adapter.kind,
        columns=adapter.columns,
        origin="gated",
        extractor=adapter.title,
        extractor_version="1",
    )
    lengths = [len(one) for one in found.values()]
    seen = Observation(
        np.full(sum(lengths), name),
        np.repeat(list(found), lengths),
        np.concatenate([one.frame for one in found.values()]),
        np.concatenate([one.values for one in found.values()]),
        metadata,
    )
    assert len(seen) == sum(map(len, all_of_them[name].extracted[extractor].frames.values()))


@pytest.mark.parametrize(("first", "second"), list(combinations(FRAMES, 2)))
def test_a_number_means_the_same_frame_to_both(
    all_of_them: dict[str, Miniature], first: str, second: str
) -> None:
    """Each frame differs from its neighbours, so programs that agree on faces agree on frames."""
    ours, theirs = (shown(all_of_them["aff-wild2"], one) for one in (first, second))
    both = ours.keys() & theirs.keys()
    assert len(both) > 400
    apart = [key for key in both if ours[key] != theirs[key]]
    assert not apart, f"{first} and {second} differ in {len(apart)} of {len(both)} frames"


def test_crops_and_videos_are_the_same_frames(
    all_of_them: dict[str, Miniature], tmp_path: Path
) -> None:
    """EMOCA read pictures of Aff-Wild2; here it reads its videos."""
    crops = all_of_them["aff-wild2"]
    written = extract(tmp_path, crops.faces, "emoca", np.random.default_rng(1), DEFECTS)
    videos = replace(crops, extracted={"emoca": written})
    assert shown(videos, "emoca") == shown(crops, "emoca")
    assert frames(read_all(videos, "emoca")) == expected(crops.extracted["emoca"])


def shown(miniature: Miniature, extractor: str) -> dict[tuple[str, int], int]:
    """Clip and number of a frame -> the face that a program saw in it."""
    columns = ADAPTERS[extractor].columns
    return {
        (clip, int(number)): int(face)
        for clip, one in read_all(miniature, extractor).items()
        for number, face in zip(one.frame, recognize(extractor, columns, one.values), strict=True)
    }


# Labels


@pytest.mark.parametrize("name", LABELS)
def test_the_planted_labels(all_of_them: dict[str, Miniature], name: str) -> None:
    miniature = all_of_them[name]
    assert miniature.labels is not None
    found = LABELS[name](miniature.data).sort_values("clip", ignore_index=True)
    wanted = miniature.labels.sort_values("clip", ignore_index=True)
    if name.startswith("affectnet"):  # its clips go by number, and the two parts are in order
        found, wanted = LABELS[name](miniature.data), miniature.labels
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


@pytest.mark.parametrize("name", LABELS)
def test_labels_and_programs_mean_the_same_clips(
    all_of_them: dict[str, Miniature], name: str
) -> None:
    """By the pattern of the manifest, which has to be applied to both."""
    miniature = all_of_them[name]
    rule = load_gated(miniature.id).clips
    assert miniature.labels is not None and rule is not None
    labelled = [rule.clip(clip) for clip in miniature.labels["clip"]]
    assert len(set(labelled)) == len(labelled)
    assert None not in labelled
    for extractor in miniature.extracted:
        recorded = set(read_all(miniature, extractor))
        wanted = set(miniature.faces) or recorded
        assert recorded == wanted
        assert len(recorded & set(labelled)) >= 0.8 * len(recorded)


@pytest.mark.parametrize(
    "name", ["smilestimuli", "stressid", "avec2019-dds", "chalearn-first-impressions"]
)
def test_subjects_by_labels_are_those_of_the_manifest(
    all_of_them: dict[str, Miniature], name: str
) -> None:
    rule, labels = load_gated(name).clips, all_of_them[name].labels
    assert rule is not None and labels is not None
    owners = [rule.owner(clip) for clip in labels["clip"]]
    same = [owner == subject for owner, subject in zip(owners, labels["subject"], strict=True)]
    assert all(same) or name == "smilestimuli"  # whose clips' names are the reader's own


def test_what_is_scored_is_labelled_and_recorded(all_of_them: dict[str, Miniature]) -> None:
    stress = all_of_them["stressid"]
    assert stress.labels is not None
    lost = set(stress.labels["clip"]) - set(stress.scored["clip"])
    assert {clip[:4] for clip in lost} == {"a7m2", "z2u8"} and len(lost) == 22
    assert len(stress.scored) == 7 * 11 - 1 and "hh2e" not in set(stress.scored["subject"])
    assert sorted(set(stress.scored["three_class"])) == [0, 1, 2]
    sizes = {name: all_of_them[name].scored["split"].value_counts().to_dict() for name in LABELS}
    assert sizes["avec2019-dds"] == {"train": 12, "dev": 6, "test": 6}
    assert sizes["chalearn-first-impressions"] == {"train": 24, "dev": 12, "test": 12}
    interviews = all_of_them["avec2019-dds"].scored.groupby("split")["phq_binary"]
    assert (interviews.nunique() == 2).all()


# The face


def test_the_head_can_be_drawn_and_measured(all_of_them: dict[str, Miniature]) -> None:
    face, head = Flame(all_of_them["flame"].data / "FLAME2020" / "generic_model.pkl"), OpenHead()
    np.testing.assert_array_equal(face.triangles, head.triangles)
    mirror = mirror_vertices(face.template, tolerance=0.01)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    one = np.eye(50, dtype=np.float32)
    assert np.abs(face.displacements(one) - head.displacements(one)).max() > 1
    assert set(np.unique(face.parts)) == {0, 1, 2}


def test_they_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = (write_all(tmp_path / str(run)) for run in range(2))
    assert first.keys() == second.keys()
    for path in sorted((tmp_path / "0").rglob("*")):
        other = tmp_path / "1" / path.relative_to(tmp_path / "0")
        assert other.exists(), path
        if path.is_file() and path.suffix not in (".npz",):  # which hold the time
            assert path.read_bytes() == other.read_bytes(), path
