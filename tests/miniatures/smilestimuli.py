"""SmileStimuli: fifteen actors with three smiles each, and the table that a reader writes."""

from __future__ import annotations

from pathlib import Path

from dfe.data.labels.smilestimuli import SMILES
from miniatures.base import Miniature, table, write_rows
from miniatures.extractors import extract
from miniatures.faces import Rng, draw

ACTORS, FRAMES = 15, 6
_FAVOURED = {"reward": (2, 8, 10), "affiliation": (4, 9), "dominance": (3, 7, 11)}


def write_smilestimuli(folder: Path, rng: Rng) -> Miniature:
    data, out = folder / "smilestimuli", folder / "smilestimuli-extracted"
    rows = [(f"A{actor:02d}_{smile}_1.2", f"A{actor:02d}", smile)
            for actor in range(1, ACTORS + 1) for smile in SMILES]  # fmt: skip
    write_rows(data / "smiles.csv", [("clip", "actor", "smile"), *rows])
    faces = {clip: draw(rng, FRAMES, _FAVOURED[smile]) for clip, _, smile in rows}
    extracted = {id: extract(out, faces, id, rng) for id in ("emoca", "libreface")}
    labels = table([(clip, actor, "") for clip, actor, _ in rows], smile=[row[2] for row in rows])
    groups = {"smiles": "smiles.csv"}
    return Miniature("smilestimuli", data, faces, extracted, labels, groups)
