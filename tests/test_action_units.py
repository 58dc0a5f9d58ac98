"""Automatic action units: a table over ARKit names, and a strict threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dfe.action_units import ACTION_UNITS, AU_NAMES, action_units, active
from dfe.data.extract.arkit import ARKIT_NAMES
from dfe.face import OpenHead

SIDED = {
    "AU2": "browOuterUp",
    "AU4": "browDown",
    "AU6": "cheekSquint",
    "AU7": "eyeSquint",
    "AU10": "mouthUpperUp",
    "AU12": "mouthSmile",
    "AU15": "mouthFrown",
    "AU24": "mouthPress",
}


def intensity(unit: str, **scores: float) -> float:
    """Intensity of one unit where the named shapes have these scores and all others are 0."""
    row = np.zeros((1, 52), np.float32)
    for name, score in scores.items():
        row[0, ARKIT_NAMES.index(name)] = score
    return float(action_units(row, ARKIT_NAMES)[0, AU_NAMES.index(unit)])


def test_the_units_are_those_of_affwild2_and_each_needs_shapes_that_exist() -> None:
    assert [int(unit.removeprefix("AU")) for unit in AU_NAMES] == [
        *(1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
    ]
    named = {shape for unit in ACTION_UNITS for cause in unit.shapes for shape, _ in cause}
    assert named <= set(ARKIT_NAMES)
    assert tuple(OpenHead().arkit_names) == ARKIT_NAMES


@pytest.mark.parametrize(("unit", "shape"), SIDED.items())
def test_a_sided_unit_is_the_mean_of_left_and_right(unit: str, shape: str) -> None:
    both = {f"{shape}Left": 0.75, f"{shape}Right": 0.25}
    assert intensity(unit, **both) == 0.5
    assert intensity(unit, **{f"{shape}Right": 1.0}) == 0.5
    row = np.zeros((1, 52), np.float32)
    row[0, [ARKIT_NAMES.index(name) for name in both]] = 1
    others = {AU_NAMES[i] for i in np.flatnonzero(action_units(row, ARKIT_NAMES)[0])} - {unit}
    assert others == ({"AU25"} if unit == "AU10" else set())  # a raised upper lip parts the lips


def test_units_of_shapes_without_sides() -> None:
    assert intensity("AU1", browInnerUp=0.5) == 0.5
    assert intensity("AU26", jawOpen=0.5) == 0.5
    assert intensity("AU26", jawOpen=0.5, mouthClose=0.5) == 0.5
    assert intensity("AU23", mouthRollLower=0.75, mouthRollUpper=0.25) == 0.5


def test_lips_part_by_the_strongest_cause() -> None:
    assert intensity("AU25", jawOpen=0.75) == 0.75
    assert intensity("AU25", jawOpen=0.75, mouthClose=0.25) == 0.5
    assert intensity("AU25", jawOpen=0.75, mouthClose=1.0) == 0
    assert intensity("AU25", mouthFunnel=0.5, jawOpen=0.25) == 0.5
    assert intensity("AU25", mouthLowerDownLeft=0.5, mouthLowerDownRight=0.5) == 0.5
    assert intensity("AU25", mouthUpperUpLeft=0.25, mouthUpperUpRight=0.75, jawOpen=0.25) == 0.5


def test_errors_of_the_two_sides_cancel_before_the_cut_at_zero_and_one() -> None:
    assert intensity("AU12", mouthSmileLeft=-0.5, mouthSmileRight=0.5) == 0
    assert intensity("AU12", mouthSmileLeft=-0.25, mouthSmileRight=0.75) == 0.25
    assert intensity("AU12", mouthSmileLeft=-1, mouthSmileRight=0.5) == 0
    assert intensity("AU12", mouthSmileLeft=2, mouthSmileRight=1) == 1


@given(arrays(np.float32, (3, 52), elements=st.floats(-1, 1, width=32)), st.permutations(range(52)))
def test_columns_may_stand_in_any_order_and_intensities_lie_in_0_1(
    scores: np.ndarray, order: list[int]
) -> None:
    units = action_units(scores, ARKIT_NAMES)
    assert units.shape == (3, 12) and units.dtype == np.float32
    assert units.min() >= 0 and units.max() <= 1
    shuffled = action_units(scores[:, order], [ARKIT_NAMES[i] for i in order])
    np.testing.assert_allclose(shuffled, units, atol=1e-6)


def test_no_frames_give_no_rows_and_other_columns_do_not_matter() -> None:
    assert action_units(np.zeros((0, 52), np.float32), ARKIT_NAMES).shape == (0, 12)
    scores = np.random.default_rng(0).uniform(size=(4, 53)).astype(np.float32)
    more = action_units(scores, [*ARKIT_NAMES, "_neutral"])
    np.testing.assert_array_equal(more, action_units(scores[:, :52], ARKIT_NAMES))


def test_names_that_lack_or_repeat_a_needed_shape_are_refused() -> None:
    scores = np.zeros((1, 52), np.float32)
    with pytest.raises(ValueError, match=r"missing \['jawOpen'\], repeated \['mouthClose'\]"):
        action_units(scores, [n if n != "jawOpen" else "mouthClose" for n in ARKIT_NAMES])
    with pytest.raises(ValueError, match=r"missing \['jawOpen'\], repeated \[\]"):
        action_units(scores, [n if n != "jawOpen" else "jawAjar" for n in ARKIT_NAMES])
    with pytest.raises(ValueError, match="ARKit scores: expected shape"):
        action_units(scores[:, :51], ARKIT_NAMES)
    with pytest.raises(ValueError, match="ARKit scores: expected finite"):
        action_units(np.full((1, 52), np.nan, np.float32), ARKIT_NAMES)
    with pytest.raises(TypeError, match="ARKit scores"):
        action_units(np.zeros((1, 52), int), ARKIT_NAMES)


def test_a_unit_at_the_threshold_is_not_active() -> None:
    intensities = np.full((2, 12), 0.1, np.float32)  # a little more than 0.1 in float64
    intensities[1] = np.nextafter(np.float32(0.1), np.float32(1))
    marked = active(intensities, 0.1)
    assert marked.dtype == bool and marked.tolist() == [[False] * 12, [True] * 12]
    assert not active(np.zeros((1, 12)), 0).any()


def test_each_unit_may_have_its_own_threshold() -> None:
    threshold = np.linspace(0, 1, 12)
    marked = active(np.full((3, 12), 0.5), threshold)
    assert marked.tolist() == [[True] * 6 + [False] * 6] * 3


@pytest.mark.parametrize("threshold", [np.nan, np.inf, np.zeros(11), np.zeros((1, 12))])
def test_a_threshold_of_another_form_is_refused(threshold: object) -> None:
    with pytest.raises(ValueError, match="threshold must be one finite number or 12"):
        active(np.zeros((1, 12)), threshold)  # type: ignore[arg-type]


def test_intensities_that_are_not_known_are_not_inactive() -> None:
    with pytest.raises(ValueError, match="action units: expected finite"):
        active(np.full((1, 12), np.nan), 0.5)


def test_formulas_say_what_is_computed() -> None:
    formulas = {unit.unit: unit.formula for unit in ACTION_UNITS}
    assert formulas["AU26"] == "jawOpen"
    assert formulas["AU2"] == "mean of browOuterUpLeft and browOuterUpRight"
    assert formulas["AU25"] == (
        "largest of: jawOpen minus mouthClose; mean of mouthLowerDownLeft and mouthLowerDownRight; "
        "mean of mouthUpperUpLeft and mouthUpperUpRight; mouthFunnel"
    )


def test_the_page_prints_the_table(root: Path) -> None:
    page = (root / "book" / "action_units.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| AU")]
    assert rows == [f"| {u.unit} | {u.name} | {u.formula} | {u.note} |" for u in ACTION_UNITS]
