"""Mirror images of vertices and the asymmetry of movements, by hand and on the packaged head."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfe.face import OpenHead
from dfe.metrics.symmetry import asymmetry, mirror_vertices

# Left and right vertex, and one in the plane of symmetry.
TEMPLATE = np.array([[2.0, 1, 0], [-2, 1, 0], [0, 5, 3]])
MIRROR = np.array([1, 0, 2])
STILL = [0.0, 0, 0]


def test_each_vertex_finds_the_one_on_the_other_side() -> None:
    np.testing.assert_array_equal(mirror_vertices(TEMPLATE), MIRROR)
    shifted = TEMPLATE + np.array([0.2, 0, 0])  # the mirror image is 0.4 away
    np.testing.assert_array_equal(mirror_vertices(shifted, tolerance=0.5), MIRROR)


def test_vertices_without_a_partner_are_counted() -> None:
    with pytest.raises(ValueError, match="3 of 3 vertices .* within 0.3"):
        mirror_vertices(TEMPLATE + np.array([0.2, 0, 0]), tolerance=0.3)
    lone = np.concatenate([TEMPLATE, [[9.0, 9, 9]]])
    with pytest.raises(ValueError, match="1 of 4 vertices"):
        mirror_vertices(lone)


def test_a_partner_exactly_at_the_tolerance_counts() -> None:
    pair = np.array([[1.0, 0, 0], [-1, 1, 0]])
    np.testing.assert_array_equal(mirror_vertices(pair, tolerance=1.0), [1, 0])


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (np.zeros((4, 2)), "shape"),
        (np.zeros((0, 3)), "shape"),
        (np.full((2, 3), np.nan), "NaN"),
        (np.full((2, 3), np.inf), "infinity"),
    ],
)
def test_bad_templates_are_refused(template: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mirror_vertices(template)


@pytest.mark.parametrize("tolerance", [-1.0, np.nan])
def test_a_tolerance_is_a_distance(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        mirror_vertices(TEMPLATE, tolerance)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ([[1, 2, 3], [-1, 2, 3], [0, 1, 1]], 0),  # both sides alike
        ([[1, 2, 3], STILL, STILL], 0.5),  # one side
        ([[1, 2, 3], [1, -2, -3], STILL], 1),  # opposite
        ([[1, 0, 0], [1, 0, 0], [1, 0, 0]], 1),  # everything to the left
        ([STILL, STILL, [3, 4, 0]], 9 / 25),  # in the plane only x is antisymmetric
        ([[2, 0, 0], [0, 0, 0], [0, 2, 0]], 0.25),  # half of 4, of 8 in all
    ],
)
def test_asymmetry_by_hand(field: list[list[float]], expected: float) -> None:
    assert asymmetry([field], MIRROR)[0] == pytest.approx(expected, abs=1e-15)


def test_a_field_that_does_not_move_has_no_asymmetry() -> None:
    fields = np.zeros((2, 3, 3))
    fields[1, 0] = 1
    np.testing.assert_allclose(asymmetry(fields, MIRROR), [np.nan, 0.5])


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e3))
def test_shares_of_the_two_parts_add_up_and_ignore_size(seed: int, scale: float) -> None:
    fields = np.random.default_rng(seed).normal(size=(4, 3, 3))
    image = fields[:, MIRROR] * [-1, 1, 1]
    share = asymmetry(fields, MIRROR)
    energy = np.square((fields - image) / 2).sum((1, 2)) / np.square(fields).sum((1, 2))
    np.testing.assert_allclose(share, energy, rtol=1e-12)
    symmetric = np.square((fields + image) / 2).sum((1, 2)) / np.square(fields).sum((1, 2))
    np.testing.assert_allclose(share + symmetric, 1, rtol=1e-12)
    for same in (image, -fields, scale * fields):
        np.testing.assert_allclose(asymmetry(same, MIRROR), share, rtol=1e-9)


def test_bad_fields_and_mirrors_are_refused() -> None:
    field = np.ones((1, 3, 3))
    with pytest.raises(ValueError, match=r"\(K, V, 3\)"):
        asymmetry(field[0], MIRROR)
    with pytest.raises(ValueError, match="NaN"):
        asymmetry(field * np.nan, MIRROR)
    with pytest.raises(TypeError, match="integers"):
        asymmetry(field, MIRROR.astype(float))
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        asymmetry(field, MIRROR[:2])
    for outside in ([1, 0, 3], [-1, 0, 2]):
        with pytest.raises(ValueError, match="0 .. 2"):
            asymmetry(field, outside)


def test_the_packaged_head_is_exactly_symmetric() -> None:
    face = OpenHead()
    mirror = mirror_vertices(face.template, tolerance=0)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    assert {p for p in zip(face.parts, face.parts[mirror], strict=True) if p[0] != p[1]} == {
        (face.part_names.index(a), face.part_names.index(b))
        for a, b in [("eye_left", "eye_right"), ("eye_right", "eye_left")]
    }


def test_arkit_shapes_are_as_asymmetric_as_their_names_say() -> None:
    face = OpenHead()
    mirror = mirror_vertices(face.template)
    unit = dict(zip(face.unit_names, face.unit_displacements, strict=True))
    names = ["eyeBlinkLeft", "mouthSmileLeft", "mouthSmileRight", "jawOpen"]
    share = asymmetry(np.stack([unit[name] for name in names]), mirror)
    np.testing.assert_allclose(share, [0.5, 0.5, 0.5, 0], atol=0.01)
    smile = unit["mouthSmileLeft"] + unit["mouthSmileRight"]
    sideways = unit["mouthLeft"] - unit["mouthRight"]  # what the two have in common is symmetric
    np.testing.assert_allclose(asymmetry(np.stack([smile, sideways]), mirror), [0, 1], atol=1e-3)
    assert asymmetry(unit["mouthLeft"][None], mirror)[0] > 0.85
