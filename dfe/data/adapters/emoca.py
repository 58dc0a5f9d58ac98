"""EMOCA v2: a folder for each face in each frame, with FLAME coefficients as numpy files.

Layout (github.com/radekd91/emoca, `demos/test_emoca_on_video.py` and `utils/io.py`; Danecek et al.
2022): `<out>/processed_<date>/<video>/results/<model>/<frame>_<face>/` with `exp.npy` (50,),
`pose.npy` (6,), `shape.npy`, `tex.npy` and `detail.npy`, all only with `--save_codes True`. The
program cuts a video into pictures with ffmpeg, which calls the first one 1; here it is 0. A frame
without a face has no folder. It runs DECA as well, with the same files. Checked against its code,
not against files that it wrote.

A clip is the path of the video's folder below the one that is read, without `processed_<date>`. A
video that was processed twice, or by two models, is an error: nobody but the reader can choose.

`<face>` counts the faces that the detector returned, from 000. Face 000 is kept and the others are
counted. The program does not follow people: in another frame, 000 may be somebody else.

Images (`demos/test_emoca_on_images.py`, with `--save_codes True`): `<out>/<model>/<image><face>/`
with the same files, where `<face>` has two digits. They are looked for where nothing below the
folder is called `results`. Each image is a clip of one frame, 0. Its name is its path without the
folder of the model: `<out>/12/<model>/a00` is `12/a` if `<out>` is read. An image without a face
has no folder.

Crops: where a data set hands out pictures cut from its videos, as `cropped_aligned` of Aff-Wild2
does, run the same program on the pictures of each video with a folder of its own for the output:
`<out>/<clip>/<model>/<picture><face>/`. The clip is the path above the folder of the model, and the
digits of `<picture>` are the frame, 1 for the first one.

Unverified: everything about images and crops; in particular that a name always ends in exactly two
digits, that faces count from 00, and that `--save_codes` works there as it does for videos.

`pose` holds two rotations as axis times angle in radians, that of the head and then that of the
jaw; `EMOCA_WITH_JAW` appends the latter to the expression.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfe.data.adapters.arrays import frame_number, load_vector
from dfe.data.adapters.base import (
    OTHER_FACE,
    Adapter,
    AdapterError,
    Files,
    Recording,
    from_zero,
    recording,
)
from dfe.data.adapters.tables import need_unique
from dfe.data.table import N_PSI
from dfe.face import Flame

EXPRESSION = tuple(f"exp_{i:02d}" for i in range(N_PSI))
JAW = ("jaw_0", "jaw_1", "jaw_2")  # axis times angle, radians

_Faces = tuple[list[Path], NDArray[np.int64], NDArray[np.int64]]

_EXP, _POSE = "exp.npy", "pose.npy"
_N_POSE = 6  # rotation of the head, then of the jaw
_RESULTS = "results"
_DATED = "processed_"
_IMAGE = re.compile(r"(.+)([0-9]{2})")  # name of the picture, face
_OF_VIDEO = re.compile(r"[0-9]{6}_[0-9]{3}")  # frame, face
_AGAIN = "run EMOCA with --save_codes True"


def read_emoca(clip: str, files: Files, jaw: bool = False) -> Recording:
    """Read one video or image: (M, 50) expression coefficients, or (M, 53) with the jaw after them.

    Parameters
    ----------
    files
        The folder of a video's results with a model, or a folder for each face of an image.

    Raises
    ------
    AdapterError
        If a file is missing or damaged, or has another shape, a folder's name has no number of a
        frame and a face, or two folders have the same numbers.
    """
    folders, frame, face = _image(files) if _is_image(files[0]) else _frames(files[0])
    other = face != 0  # (N,)
    values = np.full((len(folders), N_PSI + len(JAW) * jaw), np.nan, np.float32)  # (N, D)
    for row in np.flatnonzero(~other):
        values[row] = _codes(folders[row], jaw)
    return recording(clip, frame, values, {OTHER_FACE: other})


def _is_image(folder: Path) -> bool:
    return (folder / _EXP).exists()


def _image(files: Files) -> _Faces:
    """Folders of the faces of an image, its only frame, and the numbers of the faces."""
    face = np.array([_image_and_face(folder)[1] for folder in files], np.int64)  # (N,)
    return list(files), np.zeros_like(face), face


def _frames(model: Path) -> _Faces:
    """Folders of all faces of a recording, and the numbers of their frames and faces."""
    folders = [path.parent for path in sorted(model.glob(f"*/{_EXP}"))]
    if not folders:
        raise _no_codes(model)
    named = _frame_and_face if model.parent.name == _RESULTS else _crop_and_face
    frame, face = np.array([named(folder) for folder in folders], np.int64).T  # (N,)
    need_unique(model, frame[face == 0])  # before `from_zero`: the message names their numbers
    return folders, from_zero(model, frame), face


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
        raise AdapterError(
            f"{folder}: not named <frame>_<face>, as EMOCA does for videos; a folder of images "
            f"must not be called {_RESULTS}"
        )
    return frame_number(folder, stem), int(face)


def _crop_and_face(folder: Path) -> tuple[int, int]:
    """Number of a picture that was cut from a video, and the two digits behind it."""
    name, face = _image_and_face(folder)
    return frame_number(folder, name), face


def _image_and_face(folder: Path) -> tuple[str, int]:
    """Name of the picture, and the two digits behind it."""
    if _OF_VIDEO.fullmatch(folder.name):
        raise AdapterError(
            f"{folder}: named as a frame of a video; read the folder above the video's `{_RESULTS}`"
        )
    if not (found := _IMAGE.fullmatch(folder.name)):
        raise AdapterError(f"{folder}: not named <image><two digits>, as EMOCA does for images")
    return found[1], int(found[2])


def _no_codes(model: Path) -> AdapterError:
    return AdapterError(f"{model}: no {_EXP} below it; {_AGAIN}")


def _find(folder: Path) -> Mapping[str, Files]:
    results = list(_results(folder))
    return _find_videos(folder, results) if results else _find_images(folder)


def _find_videos(folder: Path, results: list[Path]) -> Mapping[str, Files]:
    """Video -> the folder of its results with the one model."""
    found: dict[str, Files] = {}
    for path in results:
        if (model := _model(path)) is None:
            continue
        clip = _clip(folder, path.parent)
        if clip in found:
            raise AdapterError(
                f"{folder}: {clip} was processed twice, in {found[clip][0].parents[1]} and in "
                f"{path.parent}; move one of them away"
            )
        if next(model.glob(f"*/{_EXP}"), None) is None:
            raise _no_codes(model)
        found[clip] = (model,)
    return dict(sorted(found.items()))


def _find_images(folder: Path) -> Mapping[str, Files]:
    """Image -> the folders of its faces."""
    found: dict[str, Files] = {}
    for path in sorted(path.parent for path in folder.glob(f"**/*/{_EXP}")):
        name, _ = _image_and_face(path)
        above = path.parent.relative_to(folder).parts[:-1]  # without the folder of the model
        clip = "/".join([*above, name])
        faces = found.get(clip, ())
        if faces and faces[0].parent != path.parent:
            raise AdapterError(
                f"{folder}: {clip} lies in {faces[0].parent.name} and in {path.parent.name}, as if "
                "two models had read it; move one of them away, or read them one by one"
            )
        found[clip] = (*faces, path)
    return dict(sorted(found.items()))


def _find_crops(folder: Path) -> Mapping[str, Files]:
    """Recording -> the folder of its pictures with the one model; videos where there are some."""
    if results := list(_results(folder)):
        _refuse_pictures(folder)
        return _find_videos(folder, results)
    found: dict[str, Files] = {}
    for model in sorted({path.parents[1] for path in folder.glob(f"**/*/{_EXP}")}):
        if folder in (model, model.parent):
            raise AdapterError(
                f"{model}: pictures without a folder for their recording; run EMOCA on those of "
                "each video with an output folder of its own"
            )
        clip = model.parent.relative_to(folder).as_posix()
        if clip in found:
            raise AdapterError(
                f"{folder}: {clip} lies in {found[clip][0].name} and in {model.name}, as if two "
                "models had read it; move one of them away"
            )
        found[clip] = (model,)
    return dict(sorted(found.items()))


def _refuse_pictures(folder: Path) -> None:
    """Refuse pictures beside videos, which would be left out without a word."""
    for root, names, files in os.walk(folder):
        names[:] = [name for name in names if name != _RESULTS]
        if _EXP in files:
            raise AdapterError(
                f"{root}: pictures beside the `{_RESULTS}` of videos; read all recordings of a "
                "folder as videos, or all as pictures"
            )


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
    names = (_EXP, _POSE) if jaw else (_EXP,)
    codes = f"{{{_EXP},{_POSE}}}" if jaw else _EXP
    return Adapter(
        name=name,
        title=title,
        kind="psi",
        face=Flame.name,
        columns=EXPRESSION + JAW if jaw else EXPRESSION,
        find=_find,
        read=partial(read_emoca, jaw=jaw),
        layout=f"<video>/{_RESULTS}/<model>/<frame>_<face>/{codes} for videos and "
        f"<model>/<image><face>/{codes} for images, if run with --save_codes True",
        inside=(*names, *(f"*/{name}" for name in names)),
        find_crops=_find_crops,
    )


EMOCA = _adapter("emoca", "EMOCA v2", jaw=False)
EMOCA_WITH_JAW = _adapter("emoca-jaw", "EMOCA v2 with the jaw", jaw=True)
