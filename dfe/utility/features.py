"""From a task's frames to the methods of the tables: one row of features for each clip."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfe.bags import BagOfTokens, clip_statistics, padded_codes
from dfe.data.task import (
    AUTOMATIC_UNITS,
    EMBEDDING,
    HUMAN_UNITS,
    OTHER_3DMM,
    PSI,
    TRUE_DISPLAYS,
    TRUE_STATE,
    Frames,
    Task,
)
from dfe.utility.methods import Method, Role

DFE_TOKENS = "DFE tokens"
FACIAL_BASIS = "Facial Basis"  # fitted here, on the open head
PUBLISHED_BASIS = "Facial Basis (published)"  # coefficients that its authors' program wrote
PSI_STATISTICS = "ψ itself"
PRETRAINED = ("LibreFace", "MAE-Face", "MARLIN", "VideoMAE")  # need features of the real clips

#: Method -> labels of its row in Tables 3 to 6 of the paper, which name it differently.
PAPER_ROWS: Mapping[str, tuple[str, ...]] = {
    DFE_TOKENS: ("Ours (VQ-VAE)", "Ours"),
    FACIAL_BASIS: ("Facial Basis",),
    PUBLISHED_BASIS: ("Facial Basis",),
    "LibreFace": ("AU (LibreFace)", "AU", "AU-based"),
    "MAE-Face": ("FaceMAE",),
    "MARLIN": ("Marlin",),
    "VideoMAE": ("VideoMAE",),
}
_ROLES: Mapping[str, Role] = {
    PSI_STATISTICS: "control",
    TRUE_DISPLAYS: "ceiling",
    TRUE_STATE: "ceiling",
}
_NOTES: Mapping[str, str] = {
    PSI_STATISTICS: "mean and standard deviation of ψ: what the step to tokens costs",
    TRUE_DISPLAYS: "mean and standard deviation of the displays, without any error",
    TRUE_STATE: "the state that drove the displays",
}
#: Order of the rows in a table; observers of the reader's own follow the known baselines.
ORDER = (
    HUMAN_UNITS,
    AUTOMATIC_UNITS,
    FACIAL_BASIS,
    PUBLISHED_BASIS,
    OTHER_3DMM,
    EMBEDDING,
    *PRETRAINED,
    DFE_TOKENS,
    PSI_STATISTICS,
    TRUE_DISPLAYS,
    TRUE_STATE,
)


def paper_row(method: str, labels: Container[str]) -> str | None:
    """Label of a method's row among those of a table of the paper; None where it has none."""
    return next((label for label in PAPER_ROWS.get(method, ()) if label in labels), None)


def task_methods(
    task: Task,
    codes: NDArray[np.int64],
    codebook_size: int,
    basis: NDArray[np.float32] | None = None,
) -> list[Method]:
    """Features of every observer of a task, in the order of the tables.

    Parameters
    ----------
    codes
        (M, L) tokens of the frames of ψ.
    codebook_size
        K.
    basis
        (M, 50) coefficients of the Facial Basis that was fitted here, of the same frames; None
        leaves that method out.

    Returns
    -------
    One method for the tokens (a bag of words), one for each other observer (mean and standard
    deviation over the frames of a clip), and one for ψ itself. Each has a row for every clip of
    the task that its observer saw.
    """
    seen: dict[str, Frames] = dict(task.frames)
    psi = seen.pop(PSI)
    seen[PSI_STATISTICS] = psi
    if basis is not None:
        seen[FACIAL_BASIS] = Frames(psi.clip, np.asarray(basis, np.float32))
    methods = {name: _pooled(name, frames, task) for name, frames in seen.items()}
    methods[DFE_TOKENS] = bag_method(task, codes, codebook_size)
    own = [name for name in methods if name not in ORDER]
    place = ORDER.index(DFE_TOKENS)
    order = [*ORDER[:place], *own, *ORDER[place:]]
    return [methods[name] for name in order if name in methods]


def bag_method(
    task: Task,
    codes: NDArray[np.int64],
    codebook_size: int,
    name: str = DFE_TOKENS,
    **options: Any,
) -> Method:
    """The bag of tokens of section 4.3 as a method; `options` are those of `BagOfTokens`."""
    padded = padded_codes(codes, task.frames[PSI].clip, len(task.clips))  # (N, F L)
    bag = BagOfTokens(n_codes=codebook_size, n_stages=codes.shape[1], **options)
    return Method(name, padded, _ids(task), steps=(("bag", bag),), role="dfe")


def _pooled(name: str, frames: Frames, task: Task) -> Method:
    """Mean and standard deviation of each value over the frames of each clip that was seen."""
    rows, clip = np.unique(frames.clip, return_inverse=True)  # (n,), (M,)
    features = clip_statistics(frames.values, clip, len(rows))
    if len(frames) == len(rows):  # one vector per clip has no spread
        features = features[:, : frames.values.shape[1]]
    return Method(
        name,
        features,
        _ids(task)[rows],
        role=_ROLES.get(name, "baseline"),
        note=_NOTES.get(name, ""),
    )


def _ids(task: Task) -> NDArray[np.str_]:
    return task.clips.index.to_numpy().astype(str)
