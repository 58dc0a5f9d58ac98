"""The displays that simulated people show: units of FACS, each with a left and a right side.

A display is a movement that FACS names (`facs`), and the table `UNITS` says which units of the
open head make it. No validated table from FACS to the shapes of ARKit exists
(`dfe.action_units`), so this one is a choice, made by these rules:

- Intensity 1 is the most that the display can do, and so is weight 1 of the ARKit shape that is
  the same movement. Only the jaw drop stops short of its shape, because jawOpen goes on to the
  mouth stretch, AU27.
- Where a shape of ARKit misses a part of the movement, or joins both sides, units of MakeHuman
  add to it.
- A display has sides if each side of the face can make it alone. The muscle around the lips is
  one ring, the chin has one boss and the jaw is one bone, so eight displays have no sides: AU17,
  AU18, AU22, AU23, AU24, AU25, AU26 and AU28. FACS codes some of them on one side only; the
  simulated people never show that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

#: Names of the A displays, in the order of every array with an axis of displays.
DISPLAYS: tuple[str, ...] = (
    "AU1",
    "AU2",
    "AU4",
    "AU5",
    "AU6",
    "AU7",
    "AU9",
    "AU10",
    "AU12",
    "AU14",
    "AU15",
    "AU16",
    "AU17",
    "AU18",
    "AU20",
    "AU22",
    "AU23",
    "AU24",
    "AU25",
    "AU26",
    "AU28",
    "AU45",
)

#: Displays without sides: what an array says of their two sides counts half each.
CENTRAL: frozenset[str] = frozenset(
    ("AU17", "AU18", "AU22", "AU23", "AU24", "AU25", "AU26", "AU28")
)

#: Units of the open head that make a display at intensity 1. {Side} stands for Left or Right (of
#: the person), {side} for the same in lower case.
UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        # The inner brow rises. ARKit joins both sides; psi keeps only half of MakeHuman's
        # one-sided unit, so the whole brow and a little of ARKit's shape help it.
        "AU1": {
            "unit/eyebrows-{side}-inner-up": 1.0,
            "unit/eyebrows-{side}-up": 0.5,
            "browInnerUp": 0.3,
        },
        "AU2": {"browOuterUp{Side}": 1.0},  # the outer brow rises
        "AU4": {"browDown{Side}": 1.0},  # the brow is lowered and drawn in
        "AU5": {"eyeWide{Side}": 1.0, "unit/eye-{side}-opened-up": 0.5},  # the upper lid rises
        # The cheek rises and lifts the skin under the eye.
        "AU6": {"cheekSquint{Side}": 1.0, "eyeSquint{Side}": 0.4},
        # The lids tighten: the lower one rises (ARKit), the upper one sinks a little (MakeHuman).
        "AU7": {"eyeSquint{Side}": 1.0, "unit/eye-{side}-slit": 0.4},
        "AU9": {"noseSneer{Side}": 1.0, "unit/nose-{side}-elevation": 0.5},  # the nose wrinkles
        # The upper lip rises and takes the wing of the nose along.
        "AU10": {"mouthUpperUp{Side}": 1.0, "unit/nose-{side}-elevation": 0.2},
        "AU12": {"mouthSmile{Side}": 1.0},  # the lip corner is pulled up
        "AU14": {"mouthDimple{Side}": 1.0},  # the lip corner tightens and makes a dimple
        "AU15": {"mouthFrown{Side}": 1.0},  # the lip corner is pulled down
        "AU16": {"mouthLowerDown{Side}": 1.0},  # the lower lip is pulled down
        "AU17": {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.4},  # the chin pushes the lips up
        "AU18": {"mouthPucker": 1.0},  # the lips pucker
        "AU20": {"mouthStretch{Side}": 1.0},  # the lip corner is drawn back
        "AU22": {"mouthFunnel": 1.0},  # the lips make a funnel
        # The lips tighten: their red parts get narrow, and the mouth as well.
        "AU23": {"mouthRollLower": 0.4, "mouthRollUpper": 0.4, "mouthPucker": 0.3},
        # The lips press together. On this head mouthPress lifts the corners much like a smile, so
        # it has a small weight.
        "AU24": {
            "mouthPress{Side}": 0.2,
            "mouthRollLower": 0.3,
            "mouthRollUpper": 0.3,
            "mouthShrugLower": 0.5,
        },
        "AU25": {"mouthLowerDown{Side}": 0.5, "mouthUpperUp{Side}": 0.3},  # the lips part
        "AU26": {"jawOpen": 0.5},  # the jaw drops
        "AU28": {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},  # the lips are sucked in
        "AU45": {"eyeBlink{Side}": 1.0},  # a blink
    }
)

_SIDES = ({"Side": "Left", "side": "left"}, {"Side": "Right", "side": "right"})


def display_matrix(unit_names: Sequence[str]) -> NDArray[np.float32]:
    """Weights of units for each display and side.

    Parameters
    ----------
    unit_names
        Names of the U units, such as `OpenHead.unit_names`.

    Returns
    -------
    (2A, U) float32; row 2a is the left side of display a, row 2a + 1 its right side. Both rows of
    a central display are the same half of it.

    Raises
    ------
    ValueError
        A unit of the table is not among the names.
    """
    column = {name: index for index, name in enumerate(unit_names)}
    matrix = np.zeros((len(DISPLAYS), 2, len(unit_names)), np.float32)
    for row, display in zip(matrix, DISPLAYS, strict=True):
        for side, words in zip(row, _SIDES, strict=True):
            for template, weight in UNITS[display].items():
                name = template.format(**words)
                if name not in column:
                    raise ValueError(
                        f"display {display} needs the unit {name!r}, which is not among the "
                        f"{len(column)} names; pass OpenHead.unit_names"
                    )
                side[column[name]] = weight
        if display in CENTRAL:
            row[:] = row.max(0) / 2
    return matrix.reshape(2 * len(DISPLAYS), -1)


def to_units(actions: NDArray[np.float32], unit_names: Sequence[str]) -> NDArray[np.float32]:
    """Unit weights of faces that show displays.

    Displays that share a unit add up, and no unit goes beyond 1. A central display acts with the
    mean of its two sides.

    Parameters
    ----------
    actions
        (M, A, 2) float32, intensity of each display on the left and the right side, 0 to 1.
    unit_names
        Names of the U units, such as `OpenHead.unit_names`.

    Returns
    -------
    (M, U) float32 in [0, 1].

    Raises
    ------
    ValueError
        The shape is wrong, or a unit of the table is not among the names.
    """
    if actions.ndim != 3 or actions.shape[1:] != (len(DISPLAYS), 2):
        raise ValueError(f"actions must be (M, {len(DISPLAYS)}, 2), not {actions.shape}")
    flat = np.asarray(actions, np.float32).reshape(len(actions), 2 * len(DISPLAYS))  # (M, 2A)
    return np.clip(flat @ display_matrix(unit_names), 0, 1)  # (M, U)
