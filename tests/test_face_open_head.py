"""The packaged open head: algebra, geometry, sides and regions."""

from __future__ import annotations

import numpy as np
import pytest

from dfe.checks import as_rows
from dfe.face import FaceModel, OpenHead, load_face
from dfe.face.design import DesignDistribution


@pytest.fixture(scope="module")
def face():
    return load_face()


def boundary(triangles):
    """Directed edges (E, 2) whose reverse belongs to no triangle; checks the winding on the way."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)
    directed = set(map(tuple, edges.tolist()))
    return np.array([edge for edge in directed if edge[::-1] not in directed]).reshape(-1, 2)


def part_triangles(face, part):
    return face.triangles[face.parts[face.triangles[:, 0]] == face.part_names.index(part)]


def rim_loop(face):
    """The neck's rim as a list of vertices in order."""
    following = dict(boundary(part_triangles(face, "skin")).tolist())
    start = min(following)
    loop = [start]
    while following[loop[-1]] != start:
        loop.append(following[loop[-1]])
    assert len(loop) == len(following)  # one loop, and nothing besides
    return loop


def motion(face, unit):
    """Squared displacement of each vertex by a unit, (V,)."""
    return (face.unit_displacements[face.unit_names.index(unit)].astype(float) ** 2).sum(axis=1)


def share(face, unit, *regions):
    moved = motion(face, unit)
    inside = np.isin(face.regions, [face.region_names.index(region) for region in regions])
    return moved[inside].sum() / moved.sum()


# Interface and algebra


def test_interface(face):
    n = len(face.template)
    assert isinstance(face, FaceModel)
    assert isinstance(face, OpenHead)
    assert (face.name, face.n_psi) == ("open-head", 50)
    assert face.template.dtype == np.float32 and face.triangles.dtype == np.int32
    assert face.unit_displacements.shape == (86, n, 3)
    assert face.basis.shape == (50, 3 * n) and face.basis.dtype == np.float32
    assert face.regions.shape == face.parts.shape == (n,)
    assert 4500 <= n <= 5000


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown face model 'flam'.*open-head"):
        load_face("flam")


def test_names(face):
    assert len(set(face.unit_names)) == 86
    assert face.unit_names[:52] == face.arkit_names
    assert all(name.startswith("unit/") for name in face.unit_names[52:])
    for name in ("browInnerUp", "eyeBlinkLeft", "jawOpen", "mouthSmileRight", "tongueOut"):
        assert name in face.arkit_names


def test_no_unit_is_empty_and_all_are_independent(face):
    units = face.unit_displacements.reshape(86, -1).astype(float)
    assert np.abs(units).max(axis=1).min() > 1  # mm
    assert np.linalg.matrix_rank(units) == 86


def test_psi_zero_is_neutral(face):
    np.testing.assert_array_equal(face.vertices(np.zeros(50, np.float32))[0], face.template)
    assert not face.psi_to_units(np.zeros((2, 50), np.float32)).any()


def test_units_psi_and_vertices_are_matrix_products(face):
    psi = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    weights = face.psi_to_units(psi)
    by_units = np.tensordot(weights, face.unit_displacements, axes=1)
    np.testing.assert_allclose(face.displacements(psi), by_units, atol=2e-3)  # mm
    np.testing.assert_allclose(face.units_to_psi(weights), psi, atol=1e-3)
    np.testing.assert_allclose(face.vertices(psi) - face.template, by_units, atol=2e-3)
    total = face.displacements(psi.sum(axis=0))
    np.testing.assert_allclose(total[0], face.displacements(psi).sum(axis=0), atol=2e-3)
    assert face.vertices(psi).dtype == face.displacements(psi).dtype == np.float32


def test_psi_gives_the_nearest_face(face):
    weights = DesignDistribution().sample(5, seed=0)
    psi = face.units_to_psi(weights)
    moved = np.tensordot(weights, face.unit_displacements, axes=1).reshape(5, -1)
    lost = (moved - face.displacements(psi).reshape(5, -1)).astype(float)
    np.testing.assert_allclose(face.basis.astype(float) @ lost.T, 0, atol=1)  # mm² of 1e4
    assert np.abs(lost).max() < 10  # mm


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (np.zeros((2, 49), np.float32), ValueError, r"psi: expected shape \(N, 50\).*\(2, 49\)"),
        (np.zeros((1, 2, 50), np.float32), ValueError, r"psi: expected shape"),
        (np.zeros((2, 50), np.int64), TypeError, "psi: expected floating point.*int64"),
        (np.array([["a"] * 50]), TypeError, "psi: expected floating point"),
        (np.full((2, 50), np.nan, np.float32), ValueError, "2 of 2 rows.*first: row 0"),
    ],
)
def test_bad_psi_is_refused(face, values, error, message):
    with pytest.raises(error, match=message):
        face.vertices(values)


def test_bad_rows_are_counted():
    rows = np.zeros((4, 3))
    rows[2, 1] = np.inf
    with pytest.raises(ValueError, match=r"1 of 4 rows.*row 2"):
        as_rows(rows, 3, "rows")


def test_bad_weights_are_refused(face):
    with pytest.raises(ValueError, match=r"unit weights: expected shape \(N, 86\)"):
        face.units_to_psi(np.zeros((1, 52), np.float32))


def test_shared_arrays_are_read_only(face):
    for array in (face.template, face.triangles, face.unit_displacements, face.regions):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


# Geometry


def test_size_in_millimetres(face):
    extent = np.ptp(face.template, axis=0)
    assert 130 < extent[0] < 190 and 220 < extent[1] < 300 and 180 < extent[2] < 240
    eyes = [
        face.template[face.parts == face.part_names.index(f"eye_{s}")] for s in ("left", "right")
    ]
    left, right = (ball.mean(axis=0) for ball in eyes)
    assert 55 < left[0] - right[0] < 70
    np.testing.assert_allclose(left + right, 0, atol=0.5)


def test_no_vertex_is_unused_and_no_triangle_degenerate(face):
    assert np.array_equal(np.unique(face.triangles), np.arange(len(face.template)))
    a, b, c = face.template[face.triangles].astype(float).swapaxes(0, 1)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    assert area.min() > 0.05  # mm²


def test_neck_rim_is_one_planar_smooth_loop(face):
    loop = face.template[rim_loop(face)].astype(float)
    plane = np.linalg.svd(loop - loop.mean(axis=0))[2]
    assert np.abs((loop - loop.mean(axis=0)) @ plane[2]).max() < 1e-3  # mm
    step = np.roll(loop, -1, axis=0) - loop
    length = np.linalg.norm(step, axis=1)
    assert length.min() > 0.5  # mm, no slivers
    along = step / length[:, None]
    turn = np.degrees(np.arccos(np.clip((along * np.roll(along, -1, axis=0)).sum(axis=1), -1, 1)))
    assert turn.max() < 40
    assert loop[:, 1].max() < face.template[:, 1].min() + 50  # at the bottom of the head


def test_neck_rim_does_not_move(face):
    assert not face.unit_displacements[:, rim_loop(face)].any()


@pytest.mark.parametrize("part", ["eye_left", "eye_right", "tongue"])
def test_eyes_and_tongue_are_closed(face, part):
    assert len(boundary(part_triangles(face, part))) == 0


@pytest.mark.parametrize("part", ["skin", "eye_left", "eye_right", "tongue"])
def test_triangles_face_outward(face, part):
    triangles = part_triangles(face, part)
    centre = face.template[np.unique(triangles)].mean(axis=0)
    if part == "skin":  # the open neck adds nothing to a volume measured from its own plane
        centre = face.template[rim_loop(face)].mean(axis=0)
    a, b, c = (face.template[triangles] - centre).astype(float).swapaxes(0, 1)
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 > 0


def test_skin_is_mirror_symmetric(face):
    points = {tuple(p) for p in np.round(face.template, 2).tolist()}
    mirrored = {(-x + 0.0, y, z) for x, y, z in points}
    assert mirrored == {(x + 0.0, y, z) for x, y, z in points}


# Sides and regions


@pytest.mark.parametrize("name", ["eyeBlink", "browDown", "mouthSmile", "cheekSquint", "noseSneer"])
def test_left_is_the_subjects_left(face, name):
    x = face.template[:, 0].astype(float)
    for side, sign in (("Left", 1), ("Right", -1)):
        moved = motion(face, name + side)
        assert sign * (moved * x).sum() / moved.sum() > 5  # mm
    left, right = motion(face, name + "Left").sum(), motion(face, name + "Right").sum()
    assert left == pytest.approx(right, rel=0.05)


def test_jaw_opens_downward(face):
    unit = face.unit_displacements[face.unit_names.index("jawOpen")]
    assert unit[:, 1].min() < -20 and unit[:, 1].max() < 5
    teeth = face.parts == face.part_names.index("teeth_lower")
    assert unit[teeth, 1].max() < -3


def test_regions_follow_the_units(face):
    assert face.region_names == (
        *("brow_left", "brow_right", "eye_left", "eye_right", "nose"),
        *("cheek_left", "cheek_right", "mouth", "jaw", "rest"),
    )
    for side in ("Left", "Right"):
        assert share(face, f"eyeBlink{side}", f"eye_{side.lower()}") > 0.95
        assert share(face, f"browDown{side}", f"brow_{side.lower()}") > 0.8
        assert share(face, f"cheekSquint{side}", f"cheek_{side.lower()}") > 0.7
    assert share(face, "mouthFunnel", "mouth") > 0.7
    assert share(face, "jawOpen", "mouth", "jaw") > 0.9
    assert share(face, "unit/nose-depression", "nose", "mouth") > 0.9
    for unit in set(face.unit_names) - {"unit/neck-platysma"}:
        assert share(face, unit, "rest") < 0.15, unit


def test_regions_are_mirrored(face):
    by_place = {
        tuple(p): face.region_names[r]
        for p, r in zip(np.round(face.template, 2).tolist(), face.regions, strict=True)
    }
    swap = {"left": "right", "right": "left"}
    for (x, y, z), region in by_place.items():
        if x != 0:  # the middle belongs to one side
            stem, _, side = region.partition("_")
            expected = f"{stem}_{swap[side]}" if side else region
            assert by_place[(-x, y, z)] == expected


def test_each_region_is_one_piece_of_skin(face):
    skin = part_triangles(face, "skin")
    for region in range(len(face.region_names)):
        inside = skin[(face.regions[skin] == region).all(axis=1)]
        parent = {int(v): int(v) for v in np.unique(inside)}

        def find(v, parent=parent):
            while parent[v] != v:
                v = parent[v]
            return v

        for a, b, c in inside.tolist():
            parent[find(a)] = parent[find(b)] = find(c)
        assert len({find(v) for v in parent}) == 1, face.region_names[region]


def test_eyeballs_teeth_and_tongue_have_their_regions(face):
    expected = {"eye_left": "eye_left", "eye_right": "eye_right"}
    for index, part in enumerate(face.part_names[1:], start=1):
        labels = {face.region_names[r] for r in face.regions[face.parts == index]}
        assert labels == {expected.get(part, "mouth")}
