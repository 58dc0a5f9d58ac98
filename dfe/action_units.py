"""Automatic action units: the 12 units of Aff-Wild2, read from the 52 ARKit scores of a frame.

They are a translation, not a coding by people. The shapes of ARKit are defined by Apple and
described one by one in the documentation of Unity's Live Capture package (bib keys `arkitshapes`,
`unityarkit`). We found no validated table from them to the units of FACS: Wolff et al. (2024,
`wolff`) call the mapping underinvestigated, and Ozel (`ozel`) warns of many wrong ones. So the
table below follows the descriptions of both sides, and the notes say where sources differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfe.checks import as_rows

Term = tuple[str, float]  # an ARKit shape and its weight


class ActionUnit(NamedTuple):
    """Which ARKit shapes speak for a unit of FACS.

    The intensity of the unit is that of its strongest cause, and a cause is a weighted sum.
    """

    unit: str  # such as "AU12"
    name: str  # its name in FACS
    shapes: tuple[tuple[Term, ...], ...]  # one weighted sum for each possible cause
    note: str  # how good the correspondence is, and where sources differ

    @property
    def formula(self) -> str:
        """The weighted sums in words, such as ``mean of mouthSmileLeft and mouthSmileRight``."""
        causes = [_words(cause) for cause in self.shapes]
        return causes[0] if len(causes) == 1 else "largest of: " + "; ".join(causes)


def _words(cause: tuple[Term, ...]) -> str:
    if all(weight == 0.5 for _, weight in cause):
        return "mean of " + " and ".join(shape for shape, _ in cause)
    return " ".join(f"minus {shape}" if weight < 0 else shape for shape, weight in cause)


def _mean(first: str, second: str) -> tuple[Term, ...]:
    return (first, 0.5), (second, 0.5)


def _both(shape: str) -> tuple[Term, ...]:
    """Mean of left and right: a movement of one side alone counts half."""
    return _mean(f"{shape}Left", f"{shape}Right")


#: The units that Aff-Wild2 annotates, in its order.
ACTION_UNITS: tuple[ActionUnit, ...] = (
    ActionUnit("AU1", "inner brow raiser", ((("browInnerUp", 1.0),),), "one shape for both sides"),
    ActionUnit("AU2", "outer brow raiser", (_both("browOuterUp"),), "same movement"),
    ActionUnit(
        "AU4",
        "brow lowerer",
        (_both("browDown"),),
        "the shape is described for the outer brow; AU4 also draws the brows together",
    ),
    ActionUnit(
        "AU6",
        "cheek raiser",
        (_both("cheekSquint"),),
        "same movement, but this extractor's score rarely leaves 0",
    ),
    ActionUnit(
        "AU7",
        "lid tightener",
        (_both("eyeSquint"),),
        "also answers to the raised cheeks of a smile, which are AU6",
    ),
    ActionUnit(
        "AU10",
        "upper lip raiser",
        (_both("mouthUpperUp"),),
        "same movement; some tables add noseSneer, which rarely leaves 0 here",
    ),
    ActionUnit("AU12", "lip corner puller", (_both("mouthSmile"),), "same movement"),
    ActionUnit(
        "AU15",
        "lip corner depressor",
        (_both("mouthFrown"),),
        "same movement, but this extractor's score rarely leaves 0",
    ),
    # ARKit has no shape that tightens the lips: a standard that joins several trackers (`vrcft`)
    # has one, and leaves it without an ARKit partner. Others read AU23 from mouthPress. That would
    # make it a copy of AU24, and two equal columns would count as redundancy of action units.
    ActionUnit(
        "AU23",
        "lip tightener",
        (_mean("mouthRollLower", "mouthRollUpper"),),
        "weak: ARKit has no such shape; rolled lips are rather AU28, lip suck",
    ),
    ActionUnit(
        "AU24",
        "lip pressor",
        (_both("mouthPress"),),
        "weak: the shape is described for the lower lip only",
    ),
    # FACS codes AU25 whatever parts the lips, so the strongest cause decides. mouthClose shuts
    # the lips whatever the jaw does (`arkitshapes`): at equal weights it undoes jawOpen.
    ActionUnit(
        "AU25",
        "lips part",
        (
            (("jawOpen", 1.0), ("mouthClose", -1.0)),
            _both("mouthLowerDown"),
            _both("mouthUpperUp"),
            (("mouthFunnel", 1.0),),
        ),
        "no shape of its own: whatever parts the lips; it goes with AU26 unless mouthClose is high",
    ),
    ActionUnit(
        "AU26",
        "jaw drop",
        ((("jawOpen", 1.0),),),
        "the shape goes on to a wide open mouth, which is AU27",
    ),
)
AU_NAMES: tuple[str, ...] = tuple(unit.unit for unit in ACTION_UNITS)


def action_units(scores: ArrayLike, names: Sequence[str]) -> NDArray[np.float32]:
    """Intensity of the 12 action units of Aff-Wild2, by the table `ACTION_UNITS`.

    Intensities are clipped to [0, 1] at the end, not shape by shape. Scores relative to a
    reference face may be negative; FACS has no negative intensity, but errors of the two sides
    that cancel should cancel before the cut.

    Parameters
    ----------
    scores
        (N, len(names)) float, ARKit weights.
    names
        Names of the columns, such as `OpenHead.arkit_names`; shapes that no unit needs may be
        missing, and others may be there.

    Returns
    -------
    (N, 12) float32, columns in the order of `AU_NAMES`.

    Raises
    ------
    TypeError, ValueError
        The scores are not finite floats of this shape, or a shape that a unit needs is missing
        from `names` or there twice.
    """
    weights = _weights(names)
    rows = as_rows(scores, len(names), "ARKit scores")  # (N, S)
    causes = rows @ weights  # (N, C)
    first = np.cumsum([0, *(len(unit.shapes) for unit in ACTION_UNITS[:-1])])  # (12,)
    return np.maximum.reduceat(causes, first, axis=1).clip(0, 1)  # (N, 12)


def _weights(names: Sequence[str]) -> NDArray[np.float32]:
    """Return (len(names), C): the weight of each shape in each of the C causes, unit by unit."""
    causes = [cause for unit in ACTION_UNITS for cause in unit.shapes]
    needed = {shape for cause in causes for shape, _ in cause}
    counts = Counter(names)
    missing, repeated = needed - set(counts), {n for n in needed if counts[n] > 1}
    if missing or repeated:
        raise ValueError(
            f"names of the ARKit scores: missing {sorted(missing)}, repeated {sorted(repeated)}; "
            "pass one name per column, such as OpenHead.arkit_names"
        )
    weights = np.zeros((len(names), len(causes)), np.float32)
    for column, cause in enumerate(causes):
        for shape, weight in cause:
            weights[list(names).index(shape), column] = weight
    return weights


def active(intensity: ArrayLike, threshold: ArrayLike) -> NDArray[np.bool_]:
    """Units whose intensity is strictly greater than the threshold.

    Parameters
    ----------
    intensity
        (N, 12) float.
    threshold
        One number, or (12,), one for each unit. It is compared in float32, as intensities are
        stored, so that an intensity equal to it is not active.

    Returns
    -------
    (N, 12) bool.

    Raises
    ------
    TypeError, ValueError
        The intensities are not finite floats of this shape, or the threshold is neither form or
        not finite.
    """
    rows = as_rows(intensity, len(AU_NAMES), "action units")  # (N, 12)
    limit = np.asarray(threshold, np.float32)
    if limit.shape not in ((), (len(AU_NAMES),)) or not np.isfinite(limit).all():
        raise ValueError(
            f"threshold must be one finite number or {len(AU_NAMES)} of them, not {threshold!r}"
        )
    return rows > limit
