"""SMIRK: FLAME coefficients in an archive that the reader writes.

SMIRK (github.com/georgeretsi/smirk; Retsinas et al. 2024) saves nothing but pictures. The form that
is read here is ours: one `<clip>.npz` for each recording with `frame` (M,), whole numbers that call
the first frame 0, and `expression_params` (M, 50). `jaw_params` (M, 3) and `eyelid_params` (M, 2)
may be there; their shape is checked and they are not used. Other arrays are ignored. A frame
without a face has no row.

In SMIRK's `demo_video.py`, with `numbers, codes = [], []` and a counter `i` of the frames from 0,
append after the line that calls the encoder, and save at the end. Let frames without landmarks
`continue` instead of leaving the program:

    outputs = smirk_encoder(cropped_image)
    numbers.append(i)
    codes.append({name: outputs[name][0].detach().cpu().numpy() for name in outputs})

    names = ("expression_params", "jaw_params", "eyelid_params")
    columns = {name: np.stack([code[name] for code in codes]) for name in names}
    np.savez(f"{clip}.npz", frame=np.array(numbers), **columns)

The names and widths are those of SMIRK's code. These lines were not run with SMIRK.
"""

from __future__ import annotations

import numpy as np

from dfe.data.adapters.arrays import load_archive
from dfe.data.adapters.base import Adapter, AdapterError, Files, Recording, by_stem, recording
from dfe.data.adapters.emoca import EXPRESSION
from dfe.data.adapters.tables import need_unique
from dfe.face import Flame

_FRAME, _EXPRESSION = "frame", "expression_params"
_OPTIONAL = {"jaw_params": 3, "eyelid_params": 2}


def read_smirk(clip: str, files: Files) -> Recording:
    """Read one recording: (M, 50) expression coefficients.

    Raises
    ------
    AdapterError
        If the file is damaged, lacks an array, holds a frame twice, has another shape, or its
        frames are no whole numbers.
    """
    (path,) = files
    arrays = load_archive(path, (_FRAME, _EXPRESSION), tuple(_OPTIONAL))
    frame = arrays[_FRAME]
    if frame.ndim != 1 or frame.dtype.kind not in "iu":
        raise AdapterError(
            f"{path}: {_FRAME} must be whole numbers of shape (M,), got {frame.dtype} {frame.shape}"
        )
    if not len(frame):
        raise AdapterError(f"{path}: no frame in it; leave out recordings without a face")
    widths = {_EXPRESSION: len(EXPRESSION), **_OPTIONAL}
    for name, width in widths.items():
        if name in arrays and arrays[name].shape != (len(frame), width):
            raise AdapterError(
                f"{path}: {name} must be {(len(frame), width)}, a row for each number in {_FRAME}, "
                f"got shape {arrays[name].shape}"
            )
    need_unique(path, frame.astype(np.int64))
    return recording(clip, frame, arrays[_EXPRESSION])


SMIRK = Adapter(
    name="smirk",
    title="SMIRK",
    kind="psi",
    face=Flame.name,
    columns=EXPRESSION,
    find=lambda folder: by_stem(folder, "**/*.npz"),
    read=read_smirk,
    layout="nothing by itself: write one <clip>.npz for each recording as its adapter describes",
)
