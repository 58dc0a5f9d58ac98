"""StressID: 65 subjects in the table of ratings, ten who rated and eight who were filmed.

In the release, too, more subjects have labels than have videos. One subject rated neither valence
nor arousal, one left out a task, and the task Baseline was filmed and not rated.
"""

from __future__ import annotations

from pathlib import Path

from dfe.data.labels.stressid import BASELINE, RATINGS, TASKS
from miniatures.base import Defects, Miniature, table, write_rows
from miniatures.extractors import COMPARED, extract
from miniatures.faces import Rng, draw

FRAMES, COLUMNS = 6, 65
FILMED = ("2ea4", "1e10", "b8r5", "hh2e", "k3n7", "q0d2", "x1q3", "y9z6")
ONLY_RATED = ("a7m2", "z2u8")
HALF_RATED = "hh2e"
LEFT_OUT = ("1e10", "Math")
#: Ratings of relaxation, stress, valence and arousal; binary label; three classes; their version 2.
KINDS = (
    ((8, 1, 8, 2), 0, 0, 0),
    ((5, 4, 5, 5), 0, 0, 1),  # relaxed by the rule of the paper, neutral by that of the page
    ((5, 5, 5, 6), 1, 1, 1),
    ((3, 8, 2, 8), 1, 2, 2),
)
_FAVOURED = ((2, 8), (10, 5), (1, 9), (3, 7, 11))  # faces of each kind


def write_stressid(folder: Path, rng: Rng) -> Miniature:
    data, out = folder / "stressid", folder / "stressid-extracted"
    kinds = {
        (subject, task): int(rng.integers(len(KINDS)))
        for subject in FILMED + ONLY_RATED
        for task in TASKS
        if (subject, task) != LEFT_OUT
    }
    write_rows(data / "self_assessments.csv", _ratings(kinds), ";")
    write_rows(data / "labels.csv", _labels(kinds))
    faces = {
        f"{subject}_{task}": draw(rng, FRAMES, _FAVOURED[kind])
        for (subject, task), kind in kinds.items()
        if subject in FILMED
    }
    faces |= {f"{subject}_{BASELINE}": draw(rng, FRAMES) for subject in FILMED}
    defects = {"q0d2_Stroop": Defects(no_face=frozenset({0, 4}), second_face=frozenset({2}))}
    extracted = {id: extract(out, faces, id, rng, defects) for id in COMPARED}
    known = {key: KINDS[kind] for key, kind in kinds.items() if key[0] != HALF_RATED}
    labels = table(
        [(f"{subject}_{task}", subject, "") for subject, task in known],
        binary=[kind[1] for kind in known.values()],
        three_class=[kind[2] for kind in known.values()],
    )
    groups = {"labels": "labels.csv", "self-assessments": "self_assessments.csv"}
    return Miniature("stressid", data, faces, extracted, labels, groups)


def _ratings(kinds: dict[tuple[str, str], int]) -> list[list[object]]:
    """A row for each task and rating, a column for each subject; gaps are empty or NaN."""
    others = tuple(f"s{i:03d}" for i in range(COLUMNS - len(FILMED + ONLY_RATED)))
    subjects = FILMED + ONLY_RATED + others
    rows: list[list[object]] = [["Tasks", *subjects]]
    for task in TASKS:
        for place, rating in enumerate(RATINGS):
            cells: list[object] = ["" if s in others else "NaN" for s in subjects]
            for column, subject in enumerate(subjects):
                gap = subject == HALF_RATED and rating in ("valence", "arousal")
                if (subject, task) in kinds and not gap:
                    cells[column] = KINDS[kinds[subject, task]][0][place]
            rows.append([f"{task}_{rating}", *cells])
    return rows


def _labels(kinds: dict[tuple[str, str], int]) -> list[tuple[object, ...]]:
    header = ("subject/task", "binary-stress", "affect3-class", "affect3-class-v2")
    rows: list[tuple[object, ...]] = [header]
    for (subject, task), kind in kinds.items():
        _, binary, three, version_2 = KINDS[kind]
        classes = ("", "") if subject == HALF_RATED else (f"{three}.0", f"{version_2}.0")
        rows.append((f"{subject}_{task}", binary, *classes))
    return rows
