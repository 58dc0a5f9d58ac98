"""Names and order of scores, choice of clips, the report, and the whole of `extract`."""

from __future__ import annotations

import os
import sys
from collections import Counter

import numpy as np
import pytest
from extract_support import cached

import dfe.data.extract as extraction
from dfe.data.extract import ExtractionError, choose_members, extract, summarize
from dfe.data.extract.arkit import ARKIT_NAMES, to_arkit_order
from dfe.data.extract.blendshapes import INPUT_POINTS, OUTPUT_NAMES
from dfe.data.extract.errors import require
from dfe.data.extract.frames import Frames
from dfe.data.extract.quiet import native_stderr_silenced
from dfe.data.manifest import Member, load_manifest
from dfe.data.track import Track
from dfe.face import OpenHead


def test_names_are_those_of_the_head():
    assert OpenHead().arkit_names == ARKIT_NAMES
    assert len(OUTPUT_NAMES) == 52 and len(set(INPUT_POINTS)) == 146


def test_columns_follow_names_whatever_their_order():
    names = ["_neutral", *(n for n in reversed(ARKIT_NAMES) if n != "tongueOut")]
    scores = np.arange(52.0)[None]
    ordered = to_arkit_order(names, scores)
    assert ordered.dtype == np.float32 and ordered.shape == (1, 52)
    for name in ("browDownLeft", "jawOpen", "noseSneerRight"):
        assert ordered[0, ARKIT_NAMES.index(name)] == names.index(name)
    assert ordered[0, ARKIT_NAMES.index("tongueOut")] == 0


def test_short_sides_are_read():
    short = [n.replace("Left", "_L").replace("Right", "_R") for n in ARKIT_NAMES]
    short = [{"jaw_L": "jawLeft", "mouth_L": "mouthLeft"}.get(n, n) for n in short]
    scores = np.random.default_rng(0).random((3, 52), np.float32)
    np.testing.assert_array_equal(to_arkit_order(short, scores), scores)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda names: names[1:], "missing \\['browDownLeft'\\]"),
        (lambda names: [*names, "smirk"], "unknown \\['smirk'\\]"),
        (lambda names: [*names, names[0]], "1 repeated"),
    ],
)
def test_wrong_names_are_refused(change, complaint):
    names = change(list(ARKIT_NAMES))
    with pytest.raises(ExtractionError, match=complaint):
        to_arkit_order(names, np.zeros((1, len(names))))


def _members(layout: dict[str, int]) -> list[Member]:
    return [
        Member(path=f"{s}/{i}.glb", sha256="0" * 64, kind="glb", clip=f"{s}-{i}", subject=s)
        for s, count in layout.items()
        for i in range(count)
    ]


def test_limit_spreads_over_subjects_and_keeps_order():
    members = _members({"c": 3, "a": 1, "b": 2})
    chosen = [m.clip for m in choose_members(members, 4)]
    assert chosen == ["c-0", "a-0", "b-0", "b-1"]  # a, b, c, then the second clip of b
    assert choose_members(list(reversed(members)), 4)[::-1] == choose_members(members, 4)
    assert choose_members(members, 99) == members == choose_members(members, None)
    with pytest.raises(ValueError, match="at least 1"):
        choose_members(members, 0)


def test_report_adds_up():
    def track(clip: str, n: int, **skipped: int) -> Track:
        frame, time = np.arange(n), np.arange(n) / 25
        return Track("d", clip, "s", frame, time, np.zeros((n, 52), np.float32), None, skipped)

    (report,) = summarize([track("a", 3, blurred=2), track("b", 0, blurred=1, dark=4)])
    assert (report.clips, report.empty_clips, report.subjects, report.frames) == (2, 1, 1, 3)
    assert report.skipped == {"blurred": 3, "dark": 4}


def test_extract_dispatches_on_kind_and_passes_the_reference(monkeypatch, tmp_path):
    manifest = load_manifest("spoken-to-signed")
    seen = []

    def read(path, network, *, reference):
        seen.append((path, network, reference))
        empty = np.zeros((0, 52), np.float32)
        return Frames(np.zeros(0, np.int64), np.zeros(0), empty, None, Counter({"no face": 5}))

    monkeypatch.setattr(extraction, "fetch", lambda manifest: tmp_path)
    monkeypatch.setattr(extraction, "pose_frames", read)
    monkeypatch.setattr(extraction, "BlendshapeNetwork", lambda model: "network")
    tracks = extract(manifest, limit=3)
    assert len(tracks) == 3 and len({t.subject for t in tracks}) == 3
    assert {t.dataset for t in tracks} == {"spoken-to-signed"}
    assert all(t.skipped == {"no face": 5} for t in tracks)
    assert {(n, r) for _, n, r in seen} == {("network", True)}
    assert all(path.is_relative_to(tmp_path) and path.suffix == ".pose" for path, *_ in seen)


def test_a_manifest_without_frames_is_refused():
    with pytest.raises(ExtractionError, match="mediapipe-face-landmarker.*lists no"):
        extract(load_manifest("mediapipe-face-landmarker"))


def test_real_facecap_is_extracted_without_terminal_output(capfd):
    cached("facecap")
    (track,) = extract(load_manifest("facecap"))
    assert len(track.frame) == 335 and track.landmarks is None
    assert capfd.readouterr() == ("", "")


def test_native_noise_is_held_back_but_kept_for_errors(capfd):
    with native_stderr_silenced():
        os.write(2, b"noise of a library\n")
    with pytest.raises(ValueError) as caught, native_stderr_silenced():
        os.write(2, b"the cause\n")
        raise ValueError("failed")
    print("after", file=sys.stderr)
    assert capfd.readouterr().err == "after\n"
    assert "the cause" in caught.value.__notes__[0]


def test_a_missing_library_says_how_to_get_it():
    with pytest.raises(ExtractionError, match=r"not_a_library is not installed.*'\.\[extract\]'"):
        require("not_a_library")


def test_a_missing_system_library_says_how_to_get_it(tmp_path, monkeypatch):
    text = 'raise OSError("libGLESv2.so.2: cannot open shared object file")'
    (tmp_path / "needs_gl.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ExtractionError, match="libGLESv2.*libgles2.*mesa-libGLES.*conda-forge"):
        require("needs_gl")
