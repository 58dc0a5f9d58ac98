"""The landmarks of the open head: their order, their places, and which units move them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dfe.face import OpenHead
from dfe.face.landmarks import (
    LANDMARK_REGIONS,
    LANDMARKS,
    MIRROR,
    landmark_basis,
    landmark_displacements,
)
from dfe.metrics import mirror_vertices

HEAD = OpenHead()
POINTS = HEAD.template[list(LANDMARKS)].astype(np.float64)  # (51, 3)
X, Y, Z = POINTS.T


def moved(*units: str) -> np.ndarray:
    """Displacement (51, 3) of the landmarks by the sum of these units."""
    rows = [HEAD.unit_names.index(name) for name in units]
    return HEAD.unit_displacements[rows][:, list(LANDMARKS)].sum(0)


def test_there_are_51_different_vertices_of_the_skin() -> None:
    assert len(set(LANDMARKS)) == len(LANDMARKS) == 51
    assert {HEAD.part_names[HEAD.parts[v]] for v in LANDMARKS} == {"skin"}


def test_the_regions_follow_each_other_as_in_the_scheme() -> None:
    sizes = {name: part.stop - part.start for name, part in LANDMARK_REGIONS.items()}
    assert sizes == {
        "brow_right": 5,
        "brow_left": 5,
        "nose": 9,
        "eye_right": 6,
        "eye_left": 6,
        "mouth": 20,
    }
    together = [k for part in LANDMARK_REGIONS.values() for k in range(part.start, part.stop)]
    assert together == list(range(51))


@pytest.mark.parametrize("name", LANDMARK_REGIONS)
def test_each_landmark_lies_in_its_region_of_the_head(name: str) -> None:
    found = [HEAD.region_names[HEAD.regions[v]] for v in LANDMARKS[LANDMARK_REGIONS[name]]]
    assert found == [name] * len(found)


def test_partners_are_mirror_images() -> None:
    mirror = mirror_vertices(HEAD.template)
    assert [LANDMARKS[k] for k in MIRROR] == mirror[list(LANDMARKS)].tolist()
    own = [k for k in range(51) if MIRROR[k] == k]
    assert own == [10, 11, 12, 13, 16, 34, 40, 45, 49]


def test_the_scheme_runs_from_the_subjects_right_to_the_left() -> None:
    for run in (range(10), range(14, 19), range(31, 38), range(43, 48)):
        assert (np.diff(X[list(run)]) > 0).all()  # x points to the subject's left
    for run in (range(37, 43), range(47, 51)):  # the lower lip runs back
        assert (np.diff(X[list(run)]) < 0).all()
    assert (X[19:25] < 0).all() and (X[25:31] > 0).all()


@pytest.mark.parametrize("column", range(5, 10))
def test_a_brow_point_moves_most_among_the_vertices_above_and_below_it(column: int) -> None:
    names = [n for n in HEAD.unit_names if n.startswith("unit/eyebrows-left")]
    names += ["browDownLeft", "browInnerUp", "browOuterUpLeft"]
    rows = [HEAD.unit_names.index(n) for n in names]
    energy = np.square(HEAD.unit_displacements[rows]).sum((0, 2))  # (V,)
    x, y, z = HEAD.template.T
    above = (np.abs(x - X[column]) < 2) & (y > 8) & (y < 32) & (z > 0) & (HEAD.parts == 0)
    assert above.sum() >= 4
    assert np.where(above, energy, 0).argmax() == LANDMARKS[column]


def test_the_bridge_of_the_nose_has_equal_steps_down_to_the_tip() -> None:
    front = (np.abs(HEAD.template[:, 0]) < 0.01) & (HEAD.parts == 0)
    assert np.where(front, HEAD.template[:, 2], -np.inf).argmax() == LANDMARKS[13]
    np.testing.assert_allclose(np.diff(Y[10:14]), (Y[13] - Y[10]) / 3, atol=2)
    assert abs(Y[10] - Y[25]) < 2  # level with the inner eye corner
    assert Y[16] < Y[17] < Y[18] < Y[13] and Z[16] < Z[13] - 5
    nose = HEAD.template[HEAD.regions == HEAD.region_names.index("nose")]
    assert 0.7 * nose[:, 0].max() < X[18] < nose[:, 0].max()


@pytest.mark.parametrize(
    ("side", "upper", "lower", "corners"),
    [("Left", [26, 27], [29, 30], [25, 28]), ("Right", [20, 21], [23, 24], [19, 22])],
)
def test_blinking_lowers_the_upper_lid(
    side: str, upper: list[int], lower: list[int], corners: list[int]
) -> None:
    blink, squint = moved(f"eyeBlink{side}"), moved(f"eyeSquint{side}")
    assert (blink[upper, 1] < -8).all()
    assert (np.abs(blink[lower + corners, 1]) < 3).all()
    assert (squint[lower, 1] > 2.5).all() and (np.abs(squint[upper]) < 0.5).all()
    opening = Y[upper[0]] - Y[lower[-1]]
    assert 5 < opening < 12
    assert abs(blink[upper[0], 1]) > opening - 1  # the lid comes down to the other one


@pytest.mark.parametrize("run", [[25, 26, 27, 28], [25, 30, 29, 28]])
def test_lid_points_divide_the_width_of_the_eye_into_thirds(run: list[int]) -> None:
    share = (X[run] - X[25]) / (X[28] - X[25])
    np.testing.assert_allclose(share, [0, 1 / 3, 2 / 3, 1], atol=0.06)


def test_smiling_moves_the_corners_of_the_mouth_most_up_and_out() -> None:
    smile = moved("mouthSmileLeft")
    size = np.linalg.norm(smile, axis=1)
    assert size.argmax() == 37 and size[47] > 0.95 * size[37]
    assert smile[37, 0] > 5 and smile[37, 1] > 10
    assert size[LANDMARK_REGIONS["brow_left"]].max() < 0.05 * size[37]


def test_the_inner_line_lies_on_both_lips() -> None:
    opened, upper = moved("jawOpen"), moved("mouthUpperUpLeft", "mouthUpperUpRight")
    gap = [(44, 50), (45, 49), (46, 48)]
    assert all(0 < Y[a] - Y[b] < 2.5 for a, b in gap)  # closed
    assert all(opened[a, 1] - opened[b, 1] > 20 for a, b in gap)
    assert (upper[[44, 45, 46], 1] > 3).all() and (np.abs(upper[[48, 49, 50], 1]) < 0.5).all()
    assert np.abs(opened[37] - opened[47]).max() < 1.5  # the corners stay together


def test_the_outer_line_encloses_the_inner_one_and_has_two_peaks() -> None:
    assert Y[33] == Y[35] > Y[34] > Y[45] > Y[49] > Y[40]
    assert Y[32] < Y[33] and Y[31] < Y[32]
    assert X[37] > X[47] and np.hypot(X[37] - X[47], Y[37] - Y[47]) < 3
    middle = (np.abs(HEAD.template[:, 0]) < 0.01) & (np.abs(HEAD.template[:, 1] + 60) < 6)
    assert np.where(middle, HEAD.template[:, 2], -np.inf).argmax() == LANDMARKS[34]


def test_displacements_are_those_of_the_vertices() -> None:
    psi = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    found = landmark_displacements(HEAD, psi)
    assert found.dtype == np.float64
    expected = HEAD.displacements(psi)[:, list(LANDMARKS)]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not landmark_displacements(HEAD, np.zeros((2, 50))).any()
    assert landmark_displacements(HEAD, psi[:0]).shape == (0, 51, 3)
    basis = landmark_basis(HEAD)
    assert basis.dtype == np.float64 and basis.shape == (50, 51, 3)
    np.testing.assert_allclose(basis[7], HEAD.basis[7].reshape(-1, 3)[[*LANDMARKS]])


def test_another_face_or_a_wrong_psi_is_refused() -> None:
    with pytest.raises(ValueError, match="'open-head', not of 'flame'"):
        landmark_basis(SimpleNamespace(name="flame"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(N, 50\)"):
        landmark_displacements(HEAD, np.zeros((2, 49)))
    with pytest.raises(TypeError, match="floating point"):
        landmark_displacements(HEAD, np.zeros((2, 50), int))
