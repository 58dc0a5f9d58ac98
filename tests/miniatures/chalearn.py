"""First Impressions: four dozen clips; several are of one video, and some videos are in two parts.

The scores are pickles as Python 2 wrote them: a dictionary of byte strings, protocol 2.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from dfe.data.labels.chalearn import LABELS, SPLITS
from miniatures.base import Defects, Miniature, table
from miniatures.extractors import COMPARED, extract
from miniatures.faces import Rng, draw

FRAMES = 6
SIZES = {"training": 24, "validation": 12, "test": 12}
#: In the order in which the release holds them.
STORED = (
    *("extraversion", "neuroticism", "agreeableness", "conscientiousness", "interview"),
    "openness",
)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
Scores = Mapping[str, float]


def write_chalearn(folder: Path, rng: Rng) -> Miniature:
    data, out = folder / "chalearn", folder / "chalearn-extracted"
    names = _names(rng)
    scores: dict[str, Scores] = {}
    for part, clips in names.items():
        scores |= {
            clip: {label: round(float(rng.uniform()), 6) for label in STORED} for clip in clips
        }
        tree = {label: {f"{c}.mp4": scores[c][label] for c in clips} for label in STORED}
        path = data / part / "Annotation" / f"annotation_{part}.pkl"
        path.parent.mkdir(parents=True)
        path.write_bytes(python_2(tree))
    faces = {c: draw(rng, FRAMES, _favoured(scores[c])) for part in names.values() for c in part}
    second = Defects(second_face=frozenset({1, 2}))
    extracted = {id: extract(out, faces, id, rng, {names["test"][0]: second}) for id in COMPARED}
    labels = table(
        [(c, c.rpartition(".")[0], SPLITS[part]) for part, clips in names.items() for c in clips],
        **{label: [scores[c][label] for c in faces] for label in LABELS},
    )
    groups = {part: f"{part}/Annotation/annotation_{part}.pkl" for part in SIZES}
    return Miniature("chalearn-first-impressions", data, faces, extracted, labels, groups)


def _names(rng: Rng) -> dict[str, list[str]]:
    """Part -> clips. Ids of videos may begin with a dash; the first is in two parts."""
    ids = iter("".join(rng.choice(list(_ALPHABET), 11)) for _ in range(99))
    first = "-2qsCrkXdWs"
    names = {}
    for part, size in SIZES.items():
        videos = [first if part != "validation" else next(ids), *(next(ids) for _ in range(size))]
        shift = 3 if part == "test" else 0
        names[part] = [f"{videos[i // 3]}.{i % 3 + shift:03d}" for i in range(size)]
    return names


def _favoured(scores: Scores) -> tuple[int, ...]:
    return (2, 8, 10) if scores["extraversion"] > 0.5 else (1, 3, 7)


def python_2(tree: Mapping[str, Scores]) -> bytes:
    """Pickle of protocol 2 with byte strings; nothing but dictionaries, texts and numbers."""

    def text(value: str) -> bytes:
        raw = value.encode("latin1")
        return b"U" + bytes([len(raw)]) + raw

    def mapping(items: Mapping[str, bytes]) -> bytes:
        return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"

    inner = {
        label: mapping({clip: b"G" + struct.pack(">d", score) for clip, score in scores.items()})
        for label, scores in tree.items()
    }
    return b"\x80\x02" + mapping(inner) + b"."
