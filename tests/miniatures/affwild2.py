"""Aff-Wild2: twelve videos, two of them a pair of people, with lines that nobody annotated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dfe.action_units import AU_NAMES
from dfe.data.adapters.base import NOT_ANNOTATED
from miniatures.base import Defects, Drawn, Extracted, Miniature, write_rows
from miniatures.extractors import PICTURES, emoca_crops, extract, mae_face_pictures
from miniatures.faces import UNITS, Rng, draw

FRAMES = 40
_ANNOTATIONS = Path("annotations/AU_Detection_Challenge")
PARTS = {
    "Train_Set": (
        *("1-30-1280x720", "10-60-1280x720", "20-24-1920x1080", "46-30-484x360_left"),
        *("46-30-484x360_right", "104-17-720x480", "118-30-640x480", "video5_2"),
    ),
    "Validation_Set": ("7-60-1920", "21-24-1920x1080", "130-25-1280x720", "video74"),
}
VIDEOS = tuple(video for part in PARTS.values() for video in part)
SHORT = "7-60-1920"  # its annotation ends before its video
NOT_SEEN = {  # video -> frames that nobody annotated
    "1-30-1280x720": frozenset({0, 1, 2}),
    "46-30-484x360_right": frozenset(range(20, 30)),
}
DEFECTS = {
    "10-60-1280x720": Defects(no_face=frozenset({0, 5, 6}), second_face=frozenset({10, 11})),
    "46-30-484x360_left": Defects(no_face=frozenset({39})),
    "video74": Defects(not_finite=frozenset({7}), second_face=frozenset({3})),
}


def write_affwild2(folder: Path, rng: Rng) -> Miniature:
    data = folder / "aff-wild2"
    faces = {video: draw(rng, FRAMES) for video in VIDEOS}
    human = _annotations(data, faces)
    _pictures(data / "cropped_aligned" / "10-60-1280x720", "10-60-1280x720")
    out = folder / "aff-wild2-extracted"
    extracted = {"emoca": extract(out, faces, "emoca", rng, DEFECTS, emoca_crops)}
    extracted |= {id: extract(out, faces, id, rng, DEFECTS) for id in ("smirk", "libreface")}
    extracted["mae-face"] = extract(out, faces, "mae-face", rng, DEFECTS, mae_face_pictures)
    groups = {
        "training": str(_ANNOTATIONS / "Train_Set"),
        "validation": str(_ANNOTATIONS / "Validation_Set"),
    }
    extracted["human-action-units"] = human
    return Miniature("aff-wild2", data, faces, extracted, None, groups)


def _annotations(data: Path, faces: Drawn) -> Extracted:
    """Labels of all videos, and beside them those of another challenge, of one number a line."""
    frames, skipped = {}, {}
    for part, videos in PARTS.items():
        for video in videos:
            unknown = NOT_SEEN.get(video, frozenset())
            known = range(FRAMES - 2 if video == SHORT else FRAMES)
            rows = [[-1] * 12 if i in unknown else UNITS[faces[video][i]].tolist() for i in known]
            write_rows(data / _ANNOTATIONS / part / f"{video}.txt", [AU_NAMES, *rows])
            frames[video] = tuple(i for i in known if i not in unknown)
            if unknown:
                skipped[video] = {NOT_ANNOTATED: len(unknown)}
    other = data / "annotations" / "EXPR_Recognition_Challenge" / "Train_Set" / "1-30-1280x720.txt"
    other.parent.mkdir(parents=True)
    other.write_text("Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other\n0\n-1\n")
    return Extracted(data / "annotations", frames, skipped)


def _pictures(folder: Path, video: str) -> None:
    """Names of pictures, from 00001; where no face was found, there is none."""
    folder.mkdir(parents=True)
    for i in np.setdiff1d(np.arange(FRAMES), list(DEFECTS[video].no_face)):
        (folder / f"{i + PICTURES:05d}.jpg").touch()
