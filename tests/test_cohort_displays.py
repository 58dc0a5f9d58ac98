"""Displays: what each of them does to the open head, on which side, and how they add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dfe.data.cohorts.displays import CENTRAL, DISPLAYS, UNITS, display_matrix, to_units
from dfe.face import OpenHead
from dfe.metrics import asymmetry, mirror_vertices

FACE = OpenHead()
NAMES = FACE.unit_names
A = len(DISPLAYS)
SIDED = [name for name in DISPLAYS if name not in CENTRAL]
# Lips are one tissue: what pulls one half of the lower lip pulls the other one a little.
LEAST_OWN_SIDE = {"AU16": 0.8, "AU1": 0.85}

#: Where a display moves the face most, and which way its fastest vertex goes: up, down, forward.
EXPECTED = {
    "AU1": ("brow", "up"),
    "AU2": ("brow", "up"),
    "AU4": ("brow", "down"),
    "AU5": ("eye", "up"),
    "AU6": ("cheek", "up"),
    "AU7": ("eye", "up"),
    "AU9": ("nose", None),
    "AU10": ("mouth", "up"),
    "AU12": ("mouth", "up"),
    "AU14": ("mouth", "sideways"),
    "AU15": ("mouth", "down"),
    "AU16": ("mouth", "down"),
    "AU17": ("mouth", "up"),
    "AU18": ("mouth", "forward"),
    "AU20": ("mouth", "sideways"),
    "AU22": ("mouth", "forward"),
    "AU23": ("mouth", None),
    "AU24": ("mouth", "up"),
    "AU25": ("mouth", None),
    "AU26": ("mouth", "down"),
    "AU28": ("mouth", None),
    "AU45": ("eye", "down"),
}


def shown(display: str, left: float, right: float) -> np.ndarray:
    """(1, A, 2) one display alone."""
    actions = np.zeros((1, A, 2), np.float32)
    actions[0, DISPLAYS.index(display)] = left, right
    return actions


def field(actions: np.ndarray) -> np.ndarray:
    """(M, V, 3) displacements in mm, through the expression space as the simulator goes."""
    return FACE.displacements(FACE.units_to_psi(to_units(actions, NAMES))).astype(float)


def weights(actions: np.ndarray) -> dict[str, float]:
    """The units that are not 0 in the first row."""
    row = to_units(actions, NAMES)[0]
    return {name: pytest.approx(float(w)) for name, w in zip(NAMES, row, strict=True) if w}


def test_the_table_has_every_display_once_with_weights_up_to_one() -> None:
    assert tuple(UNITS) == DISPLAYS and set(DISPLAYS) == set(EXPECTED)
    assert set(DISPLAYS) > CENTRAL
    assert all(0 < weight <= 1 for units in UNITS.values() for weight in units.values())
    for name in SIDED:  # its sides must differ
        assert any("{" in template for template in UNITS[name])


def test_a_smile_on_one_side_is_one_shape() -> None:
    assert weights(shown("AU12", 0.4, 0)) == {"mouthSmileLeft": 0.4}
    assert weights(shown("AU12", 0, 0.4)) == {"mouthSmileRight": 0.4}
    assert weights(shown("AU5", 1, 0.5)) == {
        "eyeWideLeft": 1,
        "eyeWideRight": 0.5,
        "unit/eye-left-opened-up": 0.5,
        "unit/eye-right-opened-up": 0.25,
    }


def test_a_central_display_acts_with_the_mean_of_its_sides() -> None:
    assert weights(shown("AU26", 1, 1)) == {"jawOpen": 0.5}
    assert weights(shown("AU26", 0.6, 0.2)) == {"jawOpen": 0.2}
    parted = {f"mouthLowerDown{s}": 0.25 for s in ("Left", "Right")}
    parted |= {f"mouthUpperUp{s}": 0.15 for s in ("Left", "Right")}
    assert weights(shown("AU25", 1, 0)) == parted
    for name in CENTRAL:
        np.testing.assert_array_equal(field(shown(name, 1, 0)), field(shown(name, 0, 1)))


def test_rows_of_the_matrix_are_displays_and_sides() -> None:
    matrix = display_matrix(NAMES)
    assert matrix.shape == (2 * A, len(NAMES)) and matrix.dtype == np.float32
    row = 2 * DISPLAYS.index("AU15")
    assert NAMES[matrix[row].argmax()] == "mouthFrownLeft"
    assert NAMES[matrix[row + 1].argmax()] == "mouthFrownRight"
    assert (matrix[[row, row + 1]] > 0).sum() == 2


def test_shared_units_add_up_to_one_at_most() -> None:
    both = shown("AU10", 0.5, 0) + shown("AU25", 0.5, 0.5)
    assert weights(both)["mouthUpperUpLeft"] == pytest.approx(0.65)
    assert weights(2 * both)["mouthUpperUpLeft"] == 1
    assert weights(2 * both)["mouthUpperUpRight"] == pytest.approx(0.3)


def test_names_may_come_in_any_order() -> None:
    actions = np.random.default_rng(0).random((3, A, 2), np.float32)
    order = np.random.default_rng(1).permutation(len(NAMES))
    turned = to_units(actions, [NAMES[i] for i in order])
    np.testing.assert_allclose(turned, to_units(actions, NAMES)[:, order], rtol=1e-6)


@pytest.mark.parametrize("name", SIDED)
def test_one_side_moves_that_side(name: str) -> None:
    x = FACE.template[:, 0]
    for side, own in enumerate((x > 0, x < 0)):
        energy = np.square(field(shown(name, 1 - side, side))[0]).sum(-1)  # (V,)
        share = energy[own].sum() / energy[x != 0].sum()
        assert share > LEAST_OWN_SIDE.get(name, 0.9), f"{name} {side}: {share:.3f}"


def test_swapped_sides_are_the_mirrored_face() -> None:
    mirror = mirror_vertices(FACE.template)
    actions = np.random.default_rng(2).random((5, A, 2), np.float32)
    left, right = field(actions), field(actions[..., ::-1])
    image = right[:, mirror] * [-1, 1, 1]
    error = np.square(left - image).sum() / np.square(left).sum()
    assert error < 0.01
    assert asymmetry(field(np.repeat(actions[..., :1], 2, -1)), mirror).max() < 0.005
    assert asymmetry(field(shown("AU14", 1, 0)), mirror)[0] > 0.4


@pytest.mark.parametrize("name", DISPLAYS)
def test_displays_move_the_right_region_the_right_way(name: str) -> None:
    region, direction = EXPECTED[name]
    moved = field(shown(name, 1, 1))[0]  # (V, 3)
    length = np.linalg.norm(moved, axis=1)
    fastest = moved[length.argmax()]
    energy = np.bincount(FACE.regions, np.square(length), len(FACE.region_names))
    by_name = {n.split("_")[0]: 0.0 for n in FACE.region_names}
    for n, value in zip(FACE.region_names, energy, strict=True):
        by_name[n.split("_")[0]] += value
    assert max(by_name, key=lambda key: by_name[key]) == region
    assert 2 < length.max() < 21  # mm
    ways = {
        "up": fastest[1],
        "down": -fastest[1],
        "forward": fastest[2],
        "sideways": abs(fastest[0]),
    }
    if direction:
        assert ways[direction] > 0.4 * length.max()


@given(arrays(np.float32, (2, A, 2), elements=st.floats(0, 1, width=32)))
def test_weights_stay_in_range_and_grow_with_the_displays(actions: np.ndarray) -> None:
    units = to_units(actions, NAMES)
    assert units.dtype == np.float32 and units.shape == (2, len(NAMES))
    assert 0 <= units.min() and units.max() <= 1
    assert (to_units(np.minimum(actions + np.float32(0.1), 1), NAMES) >= units - 1e-6).all()


def test_what_is_no_action_or_no_head_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(M, 22, 2\), not \(22, 2\)"):
        to_units(np.zeros((A, 2), np.float32), NAMES)
    with pytest.raises(ValueError, match=r"must be \(M, 22, 2\), not \(1, 22, 1\)"):
        to_units(np.zeros((1, A, 1), np.float32), NAMES)
    with pytest.raises(ValueError, match="AU12 needs the unit 'mouthSmileRight'"):
        display_matrix([name for name in NAMES if name != "mouthSmileRight"])
