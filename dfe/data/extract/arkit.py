"""The 52 ARKit shape names, and putting named scores into their order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dfe.data.extract.errors import ExtractionError

# fmt: off
_PAIRED = (
    "browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut",
    "eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown",
    "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
)
_SINGLE = (
    "browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose",
    "mouthFunnel", "mouthLeft", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "tongueOut",
)
# fmt: on

#: Sorted names of Apple's ARKit blend shapes; the column order of `Track.scores`.
ARKIT_NAMES: tuple[str, ...] = tuple(
    sorted([*_SINGLE, *(name + side for name in _PAIRED for side in ("Left", "Right"))])
)

_NOT_SCORED = "tongueOut"  # MediaPipe has no score for it
_NOT_A_SHAPE = "_neutral"  # MediaPipe's score for the absence of an expression


def to_arkit_order(names: Sequence[str], scores: np.ndarray) -> np.ndarray:
    """Reorder named score columns to `ARKIT_NAMES`.

    Parameters
    ----------
    names
        Names of the columns; ``_L`` and ``_R`` are read as ``Left`` and ``Right``. MediaPipe's
        ``_neutral`` is left out, and `tongueOut`, which it does not score, becomes 0.
    scores
        (N, len(names)) float.

    Returns
    -------
    (N, 52) float32.

    Raises
    ------
    ExtractionError
        If a name is missing, unknown or repeated.
    """
    column = {_long_name(name): i for i, name in enumerate(names)}
    column.pop(_NOT_A_SHAPE, None)
    missing = set(ARKIT_NAMES) - set(column) - {_NOT_SCORED}
    unknown = set(column) - set(ARKIT_NAMES)
    if missing or unknown or len(set(names)) != len(names):
        raise ExtractionError(
            f"score names are not ARKit's: missing {sorted(missing)}, unknown {sorted(unknown)}, "
            f"{len(names) - len(set(names))} repeated"
        )
    ordered = np.zeros((len(scores), len(ARKIT_NAMES)), np.float32)  # (N, 52)
    for i, name in enumerate(ARKIT_NAMES):
        if name in column:
            ordered[:, i] = scores[:, column[name]]
    return ordered


def _long_name(name: str) -> str:
    for short, long in (("_L", "Left"), ("_R", "Right")):
        if name.endswith(short):
            return name.removesuffix(short) + long
    return name
