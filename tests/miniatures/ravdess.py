"""RAVDESS facial landmark tracking: a few clips of four actors, made by posing the open head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.data.labels.ravdess import parse_name
from dfe.face import OpenHead
from dfe.face.landmarks import LANDMARKS, landmark_displacements
from miniatures import openface
from miniatures.base import Extracted, Miniature, table
from miniatures.faces import Faces, Rng, draw

FRAMES = 8
ACTORS = (1, 2, 18, 24)
#: Channel and emotion, by their codes.
CLIPS = ((1, 1), (1, 3), (1, 5), (1, 8), (2, 1), (2, 4))
_FOLDER = "FacialTracking_Actors_01-24"
_FAVOURED = {1: (0, 4), 3: (2, 8), 4: (3, 7), 5: (1, 9), 8: (6, 10)}
_FOCAL, _MIDDLE, _AWAY = 500.0, 320.0, 600.0  # of the camera: pixels, pixels, millimeters


def write_ravdess(folder: Path, rng: Rng) -> Miniature:
    data = folder / "ravdess-landmarks"
    kinds = [(actor, *kind) for actor in ACTORS for kind in CLIPS if (actor, kind[0]) != (18, 2)]
    names = {f"01-{c:02d}-{e:02d}-01-01-01-{actor:02d}": e for actor, c, e in kinds}
    faces = {name: draw(rng, FRAMES, _FAVOURED[emotion]) for name, emotion in names.items()}
    found = {
        name: openface.write(
            data / _FOLDER / f"{name}.csv",
            drawn,
            (FRAMES - 1,) if drawn is faces[min(faces)] else (),
            openface.pose_and_gaze(FRAMES, rng) | _landmarks(drawn, rng),
            rng,
            ", ",
            face_id=0,
        )
        for name, drawn in faces.items()
    }
    kept = {name: frames for name, (frames, _) in found.items()}
    dropped = {name: skipped for name, (_, skipped) in found.items() if skipped}
    extracted = {"openface": Extracted(data, kept, dropped)}
    groups = {"tracks": _FOLDER}
    return Miniature("ravdess-landmarks", data, faces, extracted, _labels(sorted(names)), groups)


def _labels(names: list[str]) -> pd.DataFrame:
    said = [parse_name(name) for name in names]
    fields = ("emotion", "intensity", "channel", "statement", "repetition", "modality", "sex")
    return table(
        [(f"{_FOLDER}/{n}", f"actor{s.actor:02d}", "") for n, s in zip(names, said, strict=True)],
        **{field: [getattr(one, field) for one in said] for field in fields},
    )


def _landmarks(faces: Faces, rng: Rng) -> dict[str, NDArray[np.floating]]:
    """Column -> (T,): 68 points in the picture in pixels and in space in millimeters.

    The axes are those of the camera: x to the right of the picture, y down, z away from it.
    """
    head = OpenHead()
    psi = np.zeros((len(faces), head.n_psi), np.float32)
    psi[np.arange(len(faces)), faces] = 1.0
    inner = head.template[list(LANDMARKS)] + landmark_displacements(head, psi)  # (T, 51, 3)
    turn = np.linspace(-1.3, 1.3, 17)
    jaw = np.stack([75 * np.sin(turn), 20 - 120 * np.cos(turn), 40 * np.cos(turn)], 1)  # (17, 3)
    points = np.concatenate([np.broadcast_to(jaw, (len(faces), 17, 3)), inner], axis=1)
    seen = points * [1, -1, -1] + [0, 0, _AWAY] + rng.normal(0, 0.3, points.shape)  # (T, 68, 3)
    pixels = _FOCAL * seen[..., :2] / seen[..., 2:] + _MIDDLE  # (T, 68, 2)
    columns = {f"{axis}_{i}": pixels[:, i, k] for k, axis in enumerate("xy") for i in range(68)}
    return columns | {f"{a}_{i}": seen[:, i, k] for k, a in enumerate("XYZ") for i in range(68)}
