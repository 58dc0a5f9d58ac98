"""FLAME as a face: equation 1 against smplx and against a slow reference; units, parts, regions."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flame_support import PARENTS, made_up, write_model
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from dfe.ablations import template_measures
from dfe.face import FaceModel, Flame, FlameError, OpenHead
from dfe.render import render_faces

MODEL = made_up()
TOLERANCE = 1e-5  # m


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Flame:
    return Flame(write_model(tmp_path_factory.mktemp("flame") / "generic_model.pkl", MODEL))


def drawn(seed: int, n: int = 6) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return psi (N, 50) and jaws (N, 3) as strong as they come."""
    rng = np.random.default_rng(seed)
    psi = rng.normal(scale=1.5, size=(n, 50)).astype(np.float32)
    return psi, rng.normal(scale=0.4, size=(n, 3)).astype(np.float32)


def in_meters(face: Flame, vertices: NDArray[np.float32]) -> NDArray[np.float64]:
    """Positions in the unit and about the origin of the file."""
    return (vertices + face.origin) / 1000


# Equation 1


def skinned(model: dict[str, Any], psi: NDArray[Any], jaw: NDArray[Any]) -> NDArray[np.float64]:
    """Equation 1 for one face, vertex by vertex, with all five joints as 4 x 4 matrices: (V, 3)."""
    rotations = [Rotation.from_rotvec(jaw * (joint == 2)).as_matrix() for joint in range(5)]
    feature = np.concatenate([(r - np.eye(3)).ravel() for r in rotations[1:]])  # (36,)
    shaped = model["v_template"] + model["shapedirs"][:, :, 300:350] @ psi  # (V, 3)
    joints = model["J_regressor"] @ shaped  # (5, 3)
    world = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if joint else 0)
        world.append(world[parent] @ local if joint else local)
    moved = []
    for vertex, at in enumerate(shaped + model["posedirs"] @ feature):
        point = np.zeros(3)
        for joint, weight in enumerate(model["weights"][vertex]):
            rest = at - joints[joint]
            point += weight * (world[joint] @ [*rest, 1])[:3]
        moved.append(point)
    return np.array(moved)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_equation_1_by_a_slow_reference(face: Flame, seed: int) -> None:
    psi, jaw = drawn(seed, 3)
    expected = np.stack([skinned(MODEL, p, j) for p, j in zip(psi, jaw, strict=True)])
    found = in_meters(face, face.vertices(psi, jaw))
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    assert np.abs(expected - MODEL["v_template"]).max() > 1000 * TOLERANCE


@pytest.mark.parametrize("opened", [True, False])
def test_equation_1_by_smplx(face: Flame, tmp_path: Path, opened: bool) -> None:
    smplx, torch = pytest.importorskip("smplx"), pytest.importorskip("torch")
    plain = MODEL | {"J_regressor": csc_matrix(MODEL["J_regressor"])}
    (tmp_path / "FLAME_NEUTRAL.pkl").write_bytes(pickle.dumps(plain))
    landmarks = {"lmk_face_idx": np.zeros(1, np.int64), "lmk_b_coords": np.ones((1, 3)) / 3}
    (tmp_path / "flame_static_embedding.pkl").write_bytes(pickle.dumps(landmarks))
    psi, jaw = drawn(0, 20)
    jaw = jaw if opened else np.zeros_like(jaw)
    other = smplx.FLAME(str(tmp_path), num_expression_coeffs=50, batch_size=20, dtype=torch.float64)
    with torch.no_grad():
        made = other(expression=torch.tensor(psi).double(), jaw_pose=torch.tensor(jaw).double())
    expected = made.vertices.numpy()  # (20, V, 3), meters
    found = in_meters(face, face.vertices(psi, jaw if opened else None))
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    np.testing.assert_array_equal(face.triangles, other.faces)


# Algebra


def test_interface(face: Flame) -> None:
    assert isinstance(face, FaceModel)
    assert (face.name, face.n_psi, face.template.shape) == ("flame", 50, (40, 3))
    assert face.template.dtype == face.basis.dtype == np.float32
    assert face.triangles.dtype == np.int32 and face.regions.dtype == face.parts.dtype == np.uint8
    assert face.regions.shape == face.parts.shape == (40,)
    assert face.provenance["file"] == "generic_model.pkl" and len(face.provenance["sha256"]) == 64
    public = {name for name in vars(OpenHead()) if "unit" not in name and "arkit" not in name}
    assert {name for name in public if not name.startswith("_")} <= {*dir(face)}


def test_psi_zero_is_neutral_and_a_closed_jaw_moves_nothing(face: Flame) -> None:
    none, psi = np.zeros((2, 50), np.float32), drawn(0, 2)[0]
    np.testing.assert_array_equal(face.vertices(none), [face.template] * 2)
    np.testing.assert_array_equal(face.vertices(none, np.zeros(3)), [face.template] * 2)
    np.testing.assert_array_equal(face.vertices(psi, np.zeros((2, 3))), face.vertices(psi))


def test_only_the_first_50_expression_components_count(tmp_path: Path, face: Flame) -> None:
    psi, jaw = drawn(1)
    other = {key: np.copy(value) for key, value in MODEL.items()}
    other["shapedirs"][:, :, :300] = 7.0
    other["shapedirs"][:, :, 350:] = 7.0
    again = Flame(write_model(tmp_path / "model", other))
    np.testing.assert_array_equal(again.vertices(psi, jaw), face.vertices(psi, jaw))
    np.testing.assert_array_equal(again.regions, face.regions)
    one = np.eye(50)[[7]]
    expected = MODEL["shapedirs"][:, :, 307] * 1000
    np.testing.assert_allclose(face.displacements(one)[0], expected, rtol=1e-5, atol=1e-5)


def test_displacements_are_linear_in_psi_and_in_millimeters(face: Flame) -> None:
    psi, jaw = drawn(2)
    np.testing.assert_allclose(
        face.displacements(psi).reshape(6, -1), psi @ face.basis, rtol=1e-5, atol=1e-4
    )
    np.testing.assert_array_equal(
        face.vertices(psi, jaw), face.template + face.displacements(psi, jaw)
    )
    assert face.displacements(psi[0]).shape == (1, 40, 3)
    assert face.vertices(psi, jaw).dtype == np.float32


def test_rows_do_not_depend_on_their_neighbors(face: Flame) -> None:
    psi, jaw = drawn(3)
    all_at_once = face.vertices(psi, jaw)
    for row in range(6):
        np.testing.assert_allclose(
            face.vertices(psi[row], jaw[row])[0], all_at_once[row], atol=1e-3
        )
    same = face.vertices(psi, jaw[0])
    np.testing.assert_allclose(same, face.vertices(psi, np.tile(jaw[0], (6, 1))), atol=1e-3)
    assert face.vertices(np.zeros((0, 50)), jaw[0]).shape == (0, 40, 3)
    assert face.vertices(np.zeros((0, 50)), np.zeros((0, 3))).shape == (0, 40, 3)


@pytest.mark.parametrize(
    ("psi", "jaw", "error", "message"),
    [
        (np.zeros((2, 100)), None, ValueError, r"psi: expected shape \(N, 50\)"),
        (np.zeros((2, 50), int), None, TypeError, "psi: expected floating point"),
        (np.full((2, 50), np.nan), None, ValueError, "psi: expected finite"),
        (np.zeros((2, 50)), np.zeros((3, 3)), ValueError, "jaw: expected 1 or 2 rows.*: 3"),
        (np.zeros((2, 50)), np.zeros((2, 6)), ValueError, r"jaw: expected shape \(N, 3\)"),
        (np.zeros((2, 50)), np.full((2, 3), np.inf), ValueError, "jaw: expected finite"),
    ],
)
def test_bad_arguments_are_refused(
    face: Flame, psi: Any, jaw: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        face.vertices(psi, jaw)


def test_arrays_are_read_only(face: Flame) -> None:
    for array in (face.template, face.triangles, face.basis, face.regions, face.parts, face.origin):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_what_is_not_flame_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flame.pkl").write_bytes(b"not a pickle")
    with pytest.raises(FlameError, match=r"flame\.pkl: not a readable pickle"):
        Flame(tmp_path / "flame.pkl")
    with pytest.raises(FileNotFoundError):
        Flame(str(tmp_path / "none.pkl"))


# A model whose parts are known


def grid_head() -> tuple[dict[str, Any], list[str]]:
    """Return a flat, symmetric head of known regions: a column of rows, y from 0.10 m down."""
    rows = [  # height, leading joint (left, right), movement, region (left, right)
        (0.10, (1, 1), 0.0, ("rest", "rest")),  # scalp
        (0.03, (3, 4), 0.0, ("eyeball_left", "eyeball_right")),
        (0.02, (3, 4), 1.0, ("eyeball_left", "eyeball_right")),
        (0.00, (1, 1), 1.0, ("upper_left", "upper_right")),
        (-0.02, (1, 1), 0.03, ("upper_left", "upper_right")),
        (-0.03, (1, 1), 0.01, ("rest", "rest")),
        (-0.05, (2, 2), 1.0, ("jaw", "jaw")),
        (-0.08, (2, 2), 0.0, ("rest", "rest")),  # under the chin
        (-0.12, (0, 0), 0.0, ("rest", "rest")),
    ]
    places = [(x, y, 0.0) for y, *_ in rows for x in (0.03, -0.03)]
    leaders = [joint for _, joints, *_ in rows for joint in joints]
    moves = np.repeat([move for _, _, move, _ in rows], 2)
    model = made_up(n_vertices=len(places))
    model["v_template"] = np.array(places)
    model["weights"] = 0.1 + 0.5 * np.eye(5)[leaders]
    model["shapedirs"] = np.zeros((len(places), 3, 400))
    model["shapedirs"][:, 1, 300:350] = 0.001 * moves[:, None]
    model["shapedirs"][:, :, 350:] = 9.0
    model["J_regressor"] = np.eye(len(places))[[17, 0, 12, 2, 3]]  # each joint is a vertex
    model["f"] = np.array([[0, 2, 1], [1, 2, 3]])
    return model, [region for *_, pair in rows for region in pair]


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Flame:
    return Flame(write_model(tmp_path_factory.mktemp("flat") / "flame", grid_head()[0]))


def test_regions_follow_joints_movement_and_sides(flat: Flame) -> None:
    assert [flat.region_names[r] for r in flat.regions] == grid_head()[1]
    parts = [flat.part_names[p] for p in flat.parts]
    assert parts == ["skin"] * 2 + ["eye_left", "eye_right"] * 2 + ["skin"] * 12


def test_the_origin_is_between_the_eyes(flat: Flame) -> None:
    np.testing.assert_allclose(flat.origin, [0, 30, 0], atol=1e-9)
    np.testing.assert_allclose(flat.template[2:4], [[30, 0, 0], [-30, 0, 0]], atol=1e-5)


def test_a_positive_jaw_opens_the_mouth_about_its_joint(tmp_path: Path) -> None:
    model, _ = grid_head()
    model["posedirs"] = np.zeros_like(model["posedirs"])
    model["v_template"][13, 2] = 0.05  # a chin, 50 mm in front of the joint of the jaw
    face = Flame(write_model(tmp_path / "flame", model))
    moved = face.displacements(np.zeros(50), np.array([0.1, 0, 0]))[0]
    down = [0, -np.sin(0.1), np.cos(0.1) - 1]
    np.testing.assert_allclose(moved[13], 0.6 * 50 * np.array(down), atol=1e-3)  # its share is 0.6
    np.testing.assert_allclose(moved[12], 0, atol=1e-3)  # the joint itself


def test_the_measures_of_templates_take_it(flat: Flame) -> None:
    moved = flat.displacements(np.eye(50)[:3])
    found = template_measures(moved, flat)
    assert found["asymmetry"] == pytest.approx(0) and 0 < found["locality"] < 1
    assert found["cosine"] == pytest.approx(1)


# The open head in the format of FLAME: the same faces from both


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Flame:
    head = OpenHead()
    n = len(head.template)
    eyes = [head.parts == head.part_names.index(f"eye_{side}") for side in ("left", "right")]
    jaw = head.regions == head.region_names.index("jaw")
    leader = np.select([*eyes, jaw], [3, 4, 2], 1)
    model = made_up(n_vertices=5) | {
        "v_template": head.template / np.float32(1000),
        "f": head.triangles,
        "shapedirs": np.zeros((n, 3, 400), np.float32),
        "posedirs": np.zeros((n, 3, 36), np.float32),
        "J_regressor": np.stack([np.ones(n), np.ones(n), jaw, *eyes]).astype(float),
        "weights": np.eye(5)[leader],
    }
    model["J_regressor"] /= model["J_regressor"].sum(axis=1, keepdims=True)
    model["shapedirs"][:, :, 300:350] = head.basis.reshape(50, n, 3).transpose(1, 2, 0) / 1000
    return Flame(write_model(tmp_path_factory.mktemp("twin") / "flame.npz", model, "npz"))


def test_a_twin_of_the_open_head_has_its_faces(twin: Flame) -> None:
    psi, head = drawn(4)[0], OpenHead()
    np.testing.assert_allclose(twin.template + twin.origin, head.template, atol=1e-3)
    np.testing.assert_allclose(twin.origin, 0, atol=0.5)
    np.testing.assert_allclose(twin.displacements(psi), head.displacements(psi), atol=1e-3)
    for part in ("eye_left", "eye_right"):
        mine, theirs = (f.parts == f.part_names.index(part) for f in (twin, head))
        np.testing.assert_array_equal(mine, theirs)


def test_a_twin_of_the_open_head_is_drawn_like_it(twin: Flame) -> None:
    psi, head = drawn(4, 1)[0], OpenHead()
    # The regions decide where the neck is cut, so the head gets those of its twin.
    same = SimpleNamespace(**{**vars(twin), **vars(head)})
    same.region_names, same.regions = twin.region_names, twin.regions
    same.displacements = head.displacements
    mine, theirs = (
        render_faces(face, psi, size=(64, 80), clim=(0, 20)).astype(float) for face in (twin, same)
    )
    assert np.abs(mine - theirs).mean() < 0.5  # of 255
    assert np.abs(mine[:, :, ::-1] - theirs).mean() > 5


def test_movement_tells_the_face_from_the_head(twin: Flame) -> None:
    head = OpenHead()
    rest = twin.regions == twin.region_names.index("rest")
    for region, most in (("brow_left", 0.05), ("cheek_right", 0.01), ("jaw", 0.0)):
        assert rest[head.regions == head.region_names.index(region)].mean() <= most
    assert rest[head.regions == head.region_names.index("rest")].mean() > 0.9
