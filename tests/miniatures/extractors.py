"""What each program writes for a clip, in its own layout and with its own numbers of frames.

A writer takes the folder, the clip, its faces (T,) and its defects, and returns the frames that
can be used, counted from 0, and how many are dropped for which reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.action_units import AU_NAMES
from dfe.data.adapters.base import NOT_FINITE, OTHER_FACE
from miniatures import faces as looks_like
from miniatures.base import Defects, Drawn, Extracted
from miniatures.faces import UNITS, Faces, Rng

Written = tuple[tuple[int, ...], dict[str, int]]
Writer = Callable[[Path, str, Faces, Defects, Rng], Written]

EMOCA_MODEL = "EMOCA_v2_lr_mse_20"
#: EMOCA reads pictures that ffmpeg numbers from 000001, and the pictures of Aff-Wild2 begin with
#: 00001 too, as do the rows of OpenFace. All other programs count from 0.
PICTURES = 1
DETECTED = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
RATED = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
WINDOW = 16


def emoca_face(folder: Path, psi: NDArray[np.float64], rng: Rng) -> None:
    """One face: expression, and the rotations of head and jaw."""
    folder.mkdir(parents=True)
    np.save(folder / "exp.npy", psi.astype(np.float32))
    np.save(folder / "pose.npy", rng.normal(0, 0.1, 6).astype(np.float32))


def emoca(folder: Path, clip: str, faces: Faces, defects: Defects, rng: Rng) -> Written:
    """A folder for each face of each frame of a video."""
    results = folder / "processed_2024_Jan_15_15-03-37" / clip / "results" / EMOCA_MODEL
    return _emoca(lambda n, face: results / f"{n:06d}_{face:03d}", faces, defects, rng)


def emoca_crops(folder: Path, clip: str, faces: Faces, defects: Defects, rng: Rng) -> Written:
    """A folder for each face of each picture cut from a video, as if they were images."""
    model = folder / clip / EMOCA_MODEL
    return _emoca(lambda n, face: model / f"{n:05d}{face:02d}", faces, defects, rng)


def _emoca(place: Callable[[int, int], Path], faces: Faces, defects: Defects, rng: Rng) -> Written:
    """Faces of a video, in the places for the numbers of pictures, from 1, and of their faces."""
    seen = looks_like.psi(faces, rng)
    seen[sorted(defects.not_finite)] = np.nan
    frames = [i for i in range(len(faces)) if i not in defects.no_face]
    for i in frames:
        emoca_face(place(i + PICTURES, 0), seen[i], rng)
    for i in sorted(defects.second_face):
        emoca_face(place(i + PICTURES, 1), rng.normal(size=50), rng)
    return _usable(frames, defects, others=True)


def emoca_image(
    folder: Path, image: str, psi: NDArray[np.float64], rng: Rng, face: int = 0
) -> None:
    """What EMOCA writes for one face of a picture, in the folder of its model."""
    emoca_face(folder / EMOCA_MODEL / f"{image}{face:02d}", psi, rng)


def libreface(folder: Path, clip: str, faces: Faces, defects: Defects, rng: Rng) -> Written:
    """Its default model does not keep intensities within 0 and 5."""
    frames = np.array([i for i in range(len(faces)) if i not in defects.no_face])
    on = dict(zip(AU_NAMES, UNITS[faces[frames]].T, strict=True))  # unit -> (M,)
    off = np.zeros(len(frames), int)
    columns = {"frame_idx": frames, "frame_time_in_ms": (frames / 30).round(3)}
    columns |= dict(zip(("pitch", "yaw", "roll"), rng.normal(size=(3, len(frames))), strict=True))
    columns |= {f"au_{n}": on.get(f"AU{n}", off) for n in DETECTED}
    for n in RATED:
        level = 3 * on.get(f"AU{n}", off) + rng.normal(0, 0.1, len(frames))
        columns[f"au_{n}_intensity"] = level.round(3)
    table = pd.DataFrame(columns).assign(facial_expression="Neutral")
    table.loc[table["frame_idx"].isin(defects.not_finite), "au_12_intensity"] = np.nan
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / f"{clip}.csv", index=False)
    return _usable(frames.tolist(), defects)


def smirk(folder: Path, clip: str, faces: Faces, defects: Defects, rng: Rng) -> Written:
    frames = np.array([i for i in range(len(faces)) if i not in defects.no_face])
    seen = looks_like.smirk(faces, rng)
    seen[sorted(defects.not_finite)] = np.nan
    folder.mkdir(parents=True, exist_ok=True)
    extras = {"jaw_params": np.zeros((len(frames), 3)), "eyelid_params": np.ones((len(frames), 2))}
    np.savez(folder / f"{clip}.npz", frame=frames, expression_params=seen[frames], **extras)
    return _usable(frames.tolist(), defects)


def mae_face(folder: Path, clip: str, faces: Faces, defects: Defects, rng: Rng) -> Written:
    """One array for a video; every frame has a row."""
    return _array(folder, clip, looks_like.looks(faces, rng).astype(np.float32), defects, 1)


def mae_face_pictures(folder: Path, clip: str, faces: Faces, defects: Defects, rng: Rng) -> Written:
    """One file for each picture, with its name; pictures count from 00001."""
    frames = [i for i in range(len(faces)) if i not in defects.no_face]
    seen = looks_like.looks(faces, rng).astype(np.float32)
    seen[sorted(defects.not_finite)] = np.nan
    (folder / clip).mkdir(parents=True)
    for i in frames:
        np.save(folder / clip / f"{i + PICTURES:05d}.npy", seen[i])
    return _usable(frames, defects)


def windows(folder: Path, clip: str, faces: Faces, defects: Defects, rng: Rng) -> Written:
    """A row for each whole window, at least one, in half precision."""
    seen = looks_like.looks(faces, rng)
    starts = range(0, max(len(faces) - WINDOW + 1, 1), WINDOW)
    rows = np.stack([seen[start : start + WINDOW].mean(0) for start in starts])
    return _array(folder, clip, rows.astype(np.float16), Defects(), WINDOW)


def facial_basis(folder: Path, clip: str, faces: Faces, defects: Defects, rng: Rng) -> Written:
    """The program fills in frames that it could not fit."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / f"{clip}.local_expressions", looks_like.local(faces, rng), fmt="%.5f")
    return tuple(range(len(faces))), {}


def _array(
    folder: Path, clip: str, rows: NDArray[np.floating], defects: Defects, step: int
) -> Written:
    rows[sorted(defects.not_finite)] = np.nan
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{clip}.npy", rows)
    return _usable([step * i for i in range(len(rows))], defects)


def _usable(frames: list[int], defects: Defects, others: bool = False) -> Written:
    kept = tuple(i for i in frames if i not in defects.not_finite)
    counts = {
        NOT_FINITE: len(frames) - len(kept),
        OTHER_FACE: len(defects.second_face) if others else 0,
    }
    return kept, {reason: count for reason, count in counts.items() if count}


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        "emoca": emoca,
        "libreface": libreface,
        "smirk": smirk,
        "mae-face": mae_face,
        "marlin": windows,
        "videomae": windows,
        "facial-basis": facial_basis,
    }
)
#: Programs whose output the task pages compare.
COMPARED = ("emoca", "libreface", "mae-face", "marlin", "videomae", "facial-basis")


def extract(
    folder: Path,
    faces: Drawn,
    extractor: str,
    rng: Rng,
    defects: Mapping[str, Defects] = MappingProxyType({}),
    write: Writer | None = None,
) -> Extracted:
    """Write what one program says of all clips."""
    write = write or WRITERS[extractor]
    found = {
        clip: write(folder / extractor, clip, drawn, defects.get(clip, Defects()), rng)
        for clip, drawn in faces.items()
    }
    return Extracted(
        folder / extractor,
        {clip: frames for clip, (frames, _) in found.items()},
        {clip: skipped for clip, (_, skipped) in found.items() if skipped},
    )
