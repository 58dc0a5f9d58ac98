"""A made-up copy of the landmark tracking of RAVDESS, in the layout of OpenFace 2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfe.data.adapters.openface import INTENSITIES, OCCURRENCES
from dfe.data.landmark_recovery import simulate_person

COLUMNS = [
    *("frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x", "pose_Tx"),
    *(f"{axis}_{point}" for axis in ("x", "y", "X", "Y", "Z") for point in range(68)),
    *INTENSITIES,
    *OCCURRENCES,
]


def names(actor: int, emotions: Sequence[int] = range(1, 9), channel: int = 1) -> list[str]:
    """Two recordings of each emotion: both intensities, or of neutral both statements."""
    pairs = [(e, s, 1 if e > 1 else s) for e in emotions for s in (1, 2)]
    return [
        f"01-{channel:02d}-{e:02d}-{(s if e > 1 else 1):02d}-{statement:02d}-01-{actor:02d}"
        for e, s, statement in pairs
    ]


def directions(seed: int = 3) -> NDArray[np.float64]:
    """What each of the 8 emotions does to psi, (8, 50); neutral does nothing."""
    strong = 1.5 * np.random.default_rng(seed).standard_normal((8, 50))
    strong[0] = 0
    return strong


def shown_psi(name: str, frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """What an actor shows in a recording, (frames, 50)."""
    emotion, intensity = int(name[6:8]), int(name[9:11])
    mean = directions()[emotion - 1] * (0.5 if intensity == 1 else 1.0)
    return (mean + 0.3 * rng.standard_normal((frames, 50))).astype(np.float32)


def camera_landmarks(inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """All 68 points (N, 68, 3) in the axes of the camera, of 51 (N, 51, 3) in those of the head."""
    outline = inner[:, :17] + (0, -40, -40)  # the fit never looks at it
    return np.concatenate([outline, inner], 1) * (1, -1, -1)


def csv_text(
    points: NDArray[np.float64], units: NDArray[np.float64], confidence: Sequence[float]
) -> str:
    """One file: landmarks (N, 68, 3) and units (N, 17); the program writes ", " between cells."""
    lines = [", ".join(COLUMNS)]
    for k, (place, rated, sure) in enumerate(zip(points, units, confidence, strict=True)):
        start = [k + 1, 0, f"{k / 30:.3f}", f"{sure:.2f}", int(sure > 0.5), "0.1", "-20.5"]
        flat = [*(place[:, :2] + 300).T.ravel(), *place.T.ravel()]  # x, y; X, Y, Z
        labels = [*(rated > 1).astype(int), 0]
        cells = [*(f"{v:.3f}" for v in flat), *(f"{v:.2f}" for v in rated)]
        lines.append(", ".join(map(str, [*start, *cells, *labels])))
    return "\n".join(lines) + "\n"


def write_actor(
    folder: Path, actor: int, recordings: Sequence[str], frames: int = 9, noise: float = 0.5
) -> None:
    """Recordings of one simulated actor, as `folder/Actor_NN/<name>.csv`."""
    rng = np.random.default_rng(actor)
    psi = np.concatenate([shown_psi(name, frames, rng) for name in recordings])
    seen = camera_landmarks(simulate_person(psi, rng, noise).frames)
    target = folder / f"Actor_{actor:02d}"
    target.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(recordings):
        rated = np.clip(np.abs(psi[k * frames :][:frames, :17]) + rng.normal(0, 1), 0, 5)
        text = csv_text(seen[k * frames :][:frames], rated, [0.98] * frames)
        (target / f"{name}.csv").write_text(text, encoding="utf-8")


def write_archive(
    folder: Path, actors: Sequence[int] = range(1, 25), emotions: Sequence[int] = range(1, 9)
) -> None:
    """Spoken recordings of each actor."""
    for actor in actors:
        write_actor(folder, actor, names(actor, emotions))
