"""EMOCA v2: a folder for each face in each frame, with FLAME coefficients as numpy files.

Layout (github.com/radekd91/emoca, `demos/test_emoca_on_video.py` and `utils/io.py`; Danecek et al.
2022): `<out>/processed_<date>/<video>/results/<model>/<frame>_<face>/` with `exp.npy` (50,),
`pose.npy` (6,), `shape.npy`, `tex.npy` and `detail.npy`, all only with `--save_codes True`. The
program cuts a video into pictures with ffmpeg, so frames count from 1; a frame without a face has
no folder. It runs DECA as well, with the same files. Checked against its code, not against files
that it wrote.

A clip is the path of the video's folder below the one that is read, without `processed_<date>`. A
video that was processed twice, or by two models, is an error: nobody but the reader can choose.

`<face>` counts the faces that the detector returned, from 000. Face 000 is kept and the others are
counted. The program does not follow people: in another frame, 000 may be somebody else.

`pose` holds two rotations as axis times angle in radians, that of the head and then that of the
jaw; `EMOCA_WITH_JAW` appends the latter to the expression.

Not read: the output of `test_emoca_on_images.py`, which has no folder for the video and none for
the model, and adds 00 to the name of each picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfe.data.adapters.arrays import frame_number, load_vector
from dfe.data.adapters.base import OTHER_FACE, Adapter, AdapterError, Files, Recording, recording
from dfe.data.adapters.tables import need_unique
from dfe.data.table import N_PSI
from dfe.face import Flame

EXPRESSION = tuple(f"exp_{i:02d}" for i in range(N_PSI))
JAW = ("jaw_0", "jaw_1", "jaw_2")  # axis times angle, radians

_EXP, _POSE = "exp.npy", "pose.npy"
_N_POSE = 6  # rotation of the head, then of the jaw
_RESULTS = "results"
_DATED = "processed_"


def read_emoca(clip: str, files: Files, jaw: bool = False) -> Recording:
    """Read one video: (M, 50) expression coefficients, or (M, 53) with the jaw after them.

    Raises
    ------
    AdapterError
        If a file is missing or damaged, or has another shape, a folder's name has no number of a
        frame and a face, or two folders have the same numbers.
    """
    folders = sorted({path.parent for path in files})
    frame, face = np.array([_frame_and_face(folder) for folder in folders], np.int64).T  # (N,)
    other = face != 0  # (N,)
    need_unique(folders[0].parent, frame[~other])
    values = np.full((len(folders), N_PSI + len(JAW) * jaw), np.nan, np.float32)  # (N, D)
    for row in np.flatnonzero(~other):
        values[row] = _codes(folders[row], jaw)
    return recording(clip, frame, values, {OTHER_FACE: other})


def _codes(folder: Path, jaw: bool) -> NDArray[np.float32]:
    """Coefficients of one face, (50,) or (53,)."""
    parts = [load_vector(folder / _EXP, N_PSI)]
    if jaw:
        parts.append(load_vector(folder / _POSE, _N_POSE)[-len(JAW) :])
    return np.concatenate(parts).astype(np.float32)


def _frame_and_face(folder: Path) -> tuple[int, int]:
    """Numbers before and after the last `_` of a folder's name."""
    stem, between, face = folder.name.rpartition("_")
    if not (between and face.isascii() and face.isdigit()):
        raise AdapterError(f"{folder}: not named <frame>_<face>, as EMOCA does for videos")
    return frame_number(folder, stem), int(face)


def _find(folder: Path, jaw: bool = False) -> Mapping[str, Files]:
    names = (_EXP, _POSE) if jaw else (_EXP,)
    found: dict[str, Files] = {}
    for results in _results(folder):
        if (model := _model(results)) is None:
            continue
        clip = _clip(folder, results.parent)
        if clip in found:
            raise AdapterError(
                f"{folder}: {clip} was processed twice, in {found[clip][0].parents[3]} and in "
                f"{results.parent}; move one of them away"
            )
        codes = sorted(model.glob(f"*/{_EXP}"))
        if not codes:
            raise AdapterError(f"{model}: no {_EXP} below it; run EMOCA with --save_codes True")
        found[clip] = tuple(path.with_name(name) for path in codes for name in names)
    return dict(sorted(found.items()))


def _results(folder: Path) -> Iterator[Path]:
    """Folders of results, without a look into them: they hold a folder for each frame."""
    for root, names, _ in os.walk(folder):
        if _RESULTS in names:
            names.remove(_RESULTS)
            yield Path(root, _RESULTS)


def _model(results: Path) -> Path | None:
    """The one model whose results these are; None where there is none."""
    models = sorted(path for path in results.iterdir() if path.is_dir())
    if len(models) > 1:
        raise AdapterError(
            f"{results}: results of {len(models)} models, {', '.join(m.name for m in models)}; "
            "leave only the one to be read"
        )
    return models[0] if models else None


def _clip(folder: Path, video: Path) -> str:
    *above, name = video.relative_to(folder).parts or (folder.resolve().name,)
    return "/".join([*(part for part in above if not part.startswith(_DATED)), name])


def _adapter(name: str, title: str, jaw: bool) -> Adapter:
    codes = f"{{{_EXP},{_POSE}}}" if jaw else _EXP
    return Adapter(
        name=name,
        title=title,
        kind="psi",
        face=Flame.name,
        columns=EXPRESSION + JAW if jaw else EXPRESSION,
        find=partial(_find, jaw=jaw),
        read=partial(read_emoca, jaw=jaw),
        layout=f"<video>/results/<model>/<frame>_<face>/{codes} if run with --save_codes True",
    )


EMOCA = _adapter("emoca", "EMOCA v2", jaw=False)
EMOCA_WITH_JAW = _adapter("emoca-jaw", "EMOCA v2 with the jaw", jaw=True)
