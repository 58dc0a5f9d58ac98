"""E-DAIC: two dozen interviews; the release has the files of OpenFace, and the paper's programs
were run on videos that no release holds."""

from __future__ import annotations

from pathlib import Path

from miniatures import openface
from miniatures.base import Defects, Extracted, Miniature, table, write_rows
from miniatures.extractors import COMPARED, extract
from miniatures.faces import Rng, draw

FRAMES = 40  # two windows of 16, and a rest
SIZES = {"train": (300, 12), "dev": (500, 6), "test": (600, 6)}  # first id, people
_HEADER = (
    *("Participant_ID", "Gender", "PHQ_Binary", "PHQ_Score"),
    *("PCL-C (PTSD)", "PTSD Severity"),
)
OPENFACE = "_OpenFace2.1.0_Pose_gaze_AUs.csv"
_FAVOURED = ((2, 8, 0), (3, 7, 11))


def write_edaic(folder: Path, rng: Rng) -> Miniature:
    data, out = folder / "avec2019-dds", folder / "avec2019-dds-extracted"
    people = {
        str(first + i): (split, *_scores(i, rng))
        for split, (first, size) in SIZES.items()
        for i in range(size)
    }
    for split in SIZES:
        rows = [
            (pid, "male" if int(pid) % 2 else "female", binary, phq, 0, 30.5)
            for pid, (part, binary, phq) in people.items()
            if part == split
        ]
        write_rows(data / "labels" / f"{split}_split.csv", [_HEADER, *rows])
    faces = {pid: draw(rng, FRAMES, _FAVOURED[binary]) for pid, (_, binary, _) in people.items()}
    defects = {"601": Defects(no_face=frozenset({2}), second_face=frozenset({0}))}
    extracted = {id: extract(out, faces, id, rng, defects) for id in COMPARED}
    found = {
        pid: openface.write(
            data / f"{pid}_P" / "features" / f"{pid}{OPENFACE}",
            drawn,
            (1, 2) if pid == "301" else (),
            openface.pose_and_gaze(FRAMES, rng),
            rng,
            ",",
        )
        for pid, drawn in faces.items()
    }
    kept = {pid: frames for pid, (frames, _) in found.items()}
    dropped = {pid: skipped for pid, (_, skipped) in found.items() if skipped}
    extracted["openface-edaic"] = Extracted(data, kept, dropped)
    labels = table(
        [(pid, pid, split) for pid, (split, _, _) in people.items()],
        phq=[phq for _, _, phq in people.values()],
        phq_binary=[binary for _, binary, _ in people.values()],
        score10=[int(phq >= 10) for _, _, phq in people.values()],
    )
    groups = {split: f"labels/{split}_split.csv" for split in SIZES}
    groups["openface"] = f"502_P/features/502{OPENFACE}"
    return Miniature("avec2019-dds", data, faces, extracted, labels, groups)


def _scores(i: int, rng: Rng) -> tuple[int, int]:
    """PHQ_Binary and PHQ_Score; every sixth binary label is not that of the score."""
    phq = int(rng.integers(10, 25) if i % 3 == 0 else rng.integers(0, 10))
    phq = {0: 10, 1: 9}.get(i, phq)  # on either side of the cut
    return int((phq >= 10) != (i % 6 == 5)), phq
