"""Pictures of faces: colours, eyes, hollows, cameras, figures, and a silent graphics stack."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from scipy.spatial.transform import Rotation

from dfe import render
from dfe.face import OpenHead
from dfe.render import __main__ as command
from dfe.render import backend, camera, cavities, colours, eyes, figures

SIZE = (104, 128)


@pytest.fixture(scope="module")
def head() -> OpenHead:
    return OpenHead()


def unit(head: OpenHead, name: str) -> np.ndarray:
    """Displacement (V, 3) of one expression unit at full weight."""
    return head.unit_displacements[head.unit_names.index(name)]


def some_psi(count: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, 50)).astype(np.float32)


def sphere(radius: float, rings: int = 12, segments: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A closed sphere around the origin: (P, 3) points, (T, 3) triangles."""
    angles = np.linspace(0, np.pi, rings)
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    x = np.sin(angles)[:, None] * np.cos(turn)
    y = np.sin(angles)[:, None] * np.sin(turn)
    z = np.broadcast_to(np.cos(angles)[:, None], x.shape)
    points = radius * np.stack([x, y, z], axis=-1).reshape(-1, 3)
    return points.astype(np.float32), eyes._strip_triangles(rings, segments)


# ---------------------------------------------------------------- magnitudes and colours


def test_magnitude_is_the_euclidean_distance_in_mm() -> None:
    offsets = np.array([[[3, 4, 0], [0, 0, 0]], [[1, 2, 2], [0, 0, -7]]], dtype=np.float32)
    face = SimpleNamespace(displacements=lambda psi: offsets)
    magnitude = render.displacement_magnitude(face, np.zeros((2, 50), np.float32))
    np.testing.assert_allclose(magnitude, [[5, 0], [3, 7]])


def test_magnitude_of_the_neutral_face_is_zero(head: OpenHead) -> None:
    assert not render.displacement_magnitude(head, np.zeros((1, 50), np.float32)).any()


def test_shared_clim_is_the_largest_or_a_quantile_of_the_maxima() -> None:
    magnitude = np.array([[0.0, 2.0], [1.0, 4.0], [10.0, 3.0]])
    assert render.shared_clim(magnitude) == (0.0, 10.0)
    assert render.shared_clim(magnitude, quantile=0.5) == (0.0, 4.0)
    assert render.shared_clim(np.zeros((2, 3))) == (0.0, 1.0)
    with pytest.raises(ValueError, match=r"\(N, V\)"):
        render.shared_clim(np.zeros((0, 3)))


def test_heat_colours_start_neutral_and_darken_strictly() -> None:
    shades = render.heat_colormap()(np.linspace(0, 1, 256))[:, :3]
    # CIE L* of sRGB colours, from its definition (IEC 61966-2-1, CIE 15).
    linear = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16  # all above the linear toe
    np.testing.assert_allclose(shades[0], to_rgb(render.NEUTRAL_COLOUR), atol=1e-6)
    assert (np.diff(lightness) < 0).all()
    assert lightness[0] > 85  # light skin
    assert 15 < lightness[-1] < 30  # dark, yet lighter than a shadow


def test_colours_depend_on_millimetres_only() -> None:
    first = colours.colour_values([1.0, 5.0], (0, 10), render.HEAT)
    second = colours.colour_values([5.0, 99.0, -1.0], (0, 10), render.HEAT)
    np.testing.assert_array_equal(first[1], second[0])
    np.testing.assert_allclose(second[1], render.HEAT(1.0)[:3], atol=1e-6)
    np.testing.assert_allclose(second[2], render.HEAT(0.0)[:3], atol=1e-6)


@pytest.mark.parametrize("clim", [(1, 1), (2, 1), (0, np.nan), (0, np.inf)])
def test_clim_must_increase_and_be_finite(clim: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="clim"):
        colours.check_clim(clim)


# ---------------------------------------------------------------- eyes and hollows


def test_sphere_fit_recovers_centre_and_radius() -> None:
    points, _ = sphere(12.0)
    centre, radius, deviation = eyes.fit_sphere(points + np.float32([5, -3, 80]))
    np.testing.assert_allclose(centre, [5, -3, 80], atol=1e-3)
    assert radius == pytest.approx(12, abs=1e-3)
    assert deviation < 1e-3


def test_open_head_has_two_mirrored_eyeballs(head: OpenHead) -> None:
    left, right = sorted(
        eyes.find_eyeballs(head.template, head.triangles), key=lambda eye: -eye.centre[0]
    )
    np.testing.assert_allclose(left.centre * [-1, 1, 1], right.centre, atol=0.05)
    assert left.centre[0] > 20  # x grows to the subject's left
    pupil = left.points[np.argmin(left.paint.sum(1))]
    assert pupil[2] == pytest.approx(left.centre[2] + left.radius, abs=0.5)  # looks forward


def test_a_mesh_without_eyeballs_gives_none() -> None:
    assert eyes.find_eyeballs(*sphere(90.0)) == []


@settings(deadline=None, max_examples=25)
@given(angles=st.tuples(*[st.floats(-0.6, 0.6)] * 3), shift=st.tuples(*[st.floats(-5, 5)] * 3))
def test_eye_follows_any_rigid_motion(angles: tuple[float, ...], shift: tuple[float, ...]) -> None:
    points, _ = sphere(12.0)
    neutral = points + np.float32([30, 0, 10])
    eye = eyes._fine_eyeball(np.arange(len(points)), np.float32([30, 0, 10]), 12.0)
    turn = Rotation.from_rotvec(angles)

    def move(some: np.ndarray) -> np.ndarray:
        return turn.apply(some - eye.centre) + eye.centre + np.array(shift)

    np.testing.assert_allclose(eye.pose(neutral, move(neutral)), move(eye.points), atol=2e-3)


def test_gaze_units_turn_one_eye_and_blinks_none(head: OpenHead) -> None:
    left = max(eyes.find_eyeballs(head.template, head.triangles), key=lambda eye: eye.centre[0])
    outward = left.pose(head.template, head.template + unit(head, "eyeLookOutLeft"))
    assert outward[0, 0] > left.points[0, 0] + 2  # the pupil, mm
    for still in ("eyeBlinkLeft", "eyeLookOutRight"):
        posed = left.pose(head.template, head.template + unit(head, still))
        np.testing.assert_array_equal(posed, left.points)


@pytest.mark.parametrize("cut", [0, 24], ids=["closed", "with a hole"])
def test_what_lies_inside_is_hidden_even_behind_a_hole(cut: int) -> None:
    outer, shell = sphere(60.0)
    inner, core = sphere(15.0)
    opened = shell[(shell >= cut).all(axis=1)]  # without the first ring of triangles
    vertices = np.concatenate([outer, inner])
    triangles = np.concatenate([opened, core + len(outer)])
    hidden = cavities.hidden_vertices(vertices, triangles.astype(np.int32))
    assert hidden[len(outer) :].all()
    assert not hidden[cut : len(outer)].any()


def test_tongue_is_tinted_and_outer_skin_is_not(head: OpenHead) -> None:
    paint = cavities.cavity_paint(head.template, head.triangles)
    _, tongue, *_ = eyes.mesh_parts(head.triangles, len(head.template))
    np.testing.assert_allclose(paint[tongue], np.tile(cavities.TONGUE_COLOUR, (len(tongue), 1)))
    nose_tip = np.argmax(head.template[:, 2])
    np.testing.assert_array_equal(paint[nose_tip], 1)
    dark = np.flatnonzero((paint == np.float32(cavities.CAVITY_COLOUR)).all(1))
    regions = {head.region_names[region] for region in np.unique(head.regions[dark])}
    assert len(dark) > 50 and not regions & {"brow_left", "brow_right", "eye_left", "eye_right"}


# ---------------------------------------------------------------- cameras


@pytest.mark.parametrize("view", list(render.VIEWS))
@pytest.mark.parametrize("size", [SIZE, (128, 128), (80, 160)])
def test_head_fills_the_picture_and_is_not_cut(
    head: OpenHead, view: str, size: tuple[int, int]
) -> None:
    picture = render.render_mesh(head, np.zeros((1, 50), np.float32), view, size)[0]
    ink = (picture < 255).any(axis=-1)  # (H, W)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    assert rows[0] > 0 and columns[0] > 0 and columns[-1] < size[0] - 1
    assert max(np.ptp(rows) / size[1], np.ptp(columns) / size[0]) > 0.85


def test_an_open_jaw_stays_in_the_frame(head: OpenHead) -> None:
    lowered = head.template + unit(head, "jawOpen")
    labelled = np.array([name != "rest" for name in head.region_names])[head.regions]
    bottom = camera.frame_bottom(head.template, labelled)
    assert lowered[labelled, 1].min() > bottom
    assert camera.frame_bottom(head.template, np.zeros_like(labelled)) == head.template[:, 1].min()


def test_left_and_right_views_are_mirror_images(head: OpenHead) -> None:
    neutral = np.zeros((1, 50), np.float32)
    left, right = (
        (render.render_mesh(head, neutral, f"three-quarter-{side}", SIZE)[0] < 255).any(-1)
        for side in ("left", "right")
    )
    assert (left == right[:, ::-1]).mean() > 0.995
    assert (left != right).mean() > 0.05


def test_unknown_view_lists_the_known_ones(head: OpenHead) -> None:
    with pytest.raises(ValueError, match="'behind'.*front, three-quarter"):
        render.render_faces(head, some_psi(1), "behind", SIZE)


# ---------------------------------------------------------------- pictures


def test_same_psi_same_pixels_and_no_noise(
    head: OpenHead, capfd: pytest.CaptureFixture[str]
) -> None:
    psi = some_psi(3)
    first = render.render_faces(head, psi, "front", SIZE)
    second = render.render_faces(head, psi, "front", SIZE)
    assert first.shape == (3, 128, 104, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_pictures_do_not_depend_on_their_neighbours(head: OpenHead) -> None:
    psi = some_psi(3)
    together = render.render_faces(head, psi, "three-quarter", SIZE, (0, 20))
    alone = render.render_faces(head, psi[2:], "three-quarter", SIZE, (0, 20))
    np.testing.assert_array_equal(together[2], alone[0])
    single = render.heatmap(head, psi[2], view="three-quarter", size=SIZE, clim=(0, 20))
    np.testing.assert_array_equal(single, alone[0])


def test_neutral_face_has_the_neutral_colour_everywhere(head: OpenHead) -> None:
    neutral = np.zeros((1, 50), np.float32)
    heat = render.render_faces(head, neutral, size=SIZE, clim=(0, 5))
    np.testing.assert_array_equal(heat, render.render_mesh(head, neutral, size=SIZE))
    # Under white light a pixel of skin is the neutral colour times its shading.
    forehead = heat[0, 20:40, 40:64].reshape(-1, 3).astype(float)
    shading = forehead / (255 * np.array(to_rgb(render.NEUTRAL_COLOUR)))
    assert np.ptp(shading, axis=1).max() < 0.012  # three roundings to 1/255


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_one_brow_colours_one_half(head: OpenHead, side: str) -> None:
    # The unit itself reaches over to the other brow; here only one half of the face may move,
    # and a triangle at the middle, up to 12 mm wide, may not carry its colour across.
    outward = 1 if side == "Left" else -1  # x grows to the subject's left
    own_half = outward * head.template[:, :1] > 12  # (V, 1)
    brow = unit(head, f"browDown{side}") * own_half
    offsets = np.stack([np.zeros_like(brow), brow])
    still, moved = render.render_displacements(
        head, offsets, "front", SIZE, (0, 5), deformed=False
    ).astype(int)
    columns = np.flatnonzero((still != moved).any(axis=(0, 2)))
    assert len(columns) > 10
    middle = SIZE[0] / 2
    # The subject's left is on the right of the picture.
    assert columns.min() >= middle if side == "Left" else columns.max() < middle


def test_each_picture_on_its_own_scale(head: OpenHead) -> None:
    smile = unit(head, "mouthSmileLeft")
    offsets = np.stack([smile, 2 * smile])
    each = render.render_displacements(head, offsets, "front", SIZE, "each", deformed=False)
    np.testing.assert_allclose(each[0].astype(int), each[1], atol=1)
    shared = render.render_displacements(head, offsets, "front", SIZE, deformed=False)
    assert (shared[0] != shared[1]).any()
    np.testing.assert_array_equal(shared[1], each[1])


def test_deformed_and_neutral_mesh_differ(head: OpenHead) -> None:
    offsets = unit(head, "jawOpen")[None]
    deformed, neutral = (
        render.render_displacements(head, offsets, "front", SIZE, deformed=choice)
        for choice in (True, False)
    )
    assert (deformed != neutral).any()


def test_painted_eyes_are_darker_than_plain_ones(head: OpenHead) -> None:
    neutral = np.zeros((1, 50), np.float32)
    painted, plain = (
        render.render_mesh(head, neutral, size=SIZE, eyes=choice)[0].astype(int)
        for choice in (True, False)
    )
    darker = plain.sum(-1) - painted.sum(-1) > 150
    assert 8 < darker.sum() < 200


def test_no_psi_gives_no_pictures(head: OpenHead) -> None:
    assert render.render_faces(head, np.zeros((0, 50), np.float32), size=SIZE).shape[0] == 0


def test_bad_input_is_refused(head: OpenHead) -> None:
    with pytest.raises(ValueError, match=r"expected shape \(N, \d+, 3\), got \(1, 5, 3\)"):
        render.render_displacements(head, np.zeros((1, 5, 3)))
    with pytest.raises(ValueError, match="finite"):
        render.render_displacements(head, np.full((1, *head.template.shape), np.nan))
    with pytest.raises(ValueError, match="finite"):
        render.render_faces(head, np.full((1, 50), np.nan, np.float32))
    with pytest.raises(ValueError, match="'every'"):
        render.render_faces(head, some_psi(1), clim="every")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size"):
        render.render_faces(head, some_psi(1), size=(8, 200))
    with pytest.raises(ValueError, match="either psi"):
        render.heatmap(head)
    with pytest.raises(ValueError, match="one face, got 2"):
        render.heatmap(head, some_psi(2))


# ---------------------------------------------------------------- figures


def noise(count: int, height: int = 32, width: int = 26) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def shown(figure: mpl.figure.Figure) -> list[mpl.axes.Axes]:
    return [axes for axes in figure.axes if axes.images]


def test_grid_shows_each_picture_with_its_caption() -> None:
    pictures, names = noise(5), [f"token {index}" for index in range(5)]
    figure = render.heatmap_grid(pictures, names, ncols=3, clim=(0, 7.5), title="All")
    assert [axes.get_title() for axes in shown(figure)] == names
    for axes, picture in zip(shown(figure), pictures, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), picture)
    (bar,) = [axes for axes in figure.axes if axes.get_xlabel()]
    assert bar.get_xlabel() == figures.BAR_LABEL
    assert bar.get_xlim() == (0, 7.5)


def test_grid_without_shared_scale_says_so() -> None:
    figure = render.heatmap_grid(noise(2), ["a", "b"])
    (bar,) = [axes for axes in figure.axes if axes.get_xlabel()]
    assert bar.get_xlim() == (0, 1)
    assert "maximum per picture" in bar.get_xlabel()


def test_plain_pictures_need_no_scale() -> None:
    pictures, names = noise(5), list("abcde")
    figure = render.picture_grid(pictures, names, ncols=3, title="All")
    assert [axes.get_title() for axes in shown(figure)] == names
    for axes, picture in zip(shown(figure), pictures, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), picture)
    assert not any(axes.get_xlabel() for axes in figure.axes)
    with pytest.raises(ValueError, match="expected 5, one per picture, got 4"):
        render.picture_grid(pictures, names[:4])


def test_figures_are_not_shown_twice() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    render.heatmap_grid(noise(2), ["a", "b"])
    assert plt.get_fignums() == before


def test_grid_of_64_tokens_is_a_small_file(head: OpenHead) -> None:
    pictures = render.render_faces(head, some_psi(8), size=(160, 196))
    figure = render.heatmap_grid(np.tile(pictures, (8, 1, 1, 1)), ["token"] * 64, clim=(0, 9))
    page = io.BytesIO()
    figure.savefig(page)
    assert page.tell() < 1.5e6


def test_grid_refuses_what_it_cannot_show() -> None:
    with pytest.raises(ValueError, match="expected 2, one per picture, got 1"):
        render.heatmap_grid(noise(2), ["a"])
    with pytest.raises(ValueError, match="uint8"):
        render.heatmap_grid(noise(2) / 255, ["a", "b"])
    with pytest.raises(ValueError, match=r"\(N, H, W, 3\)"):
        render.heatmap_grid(noise(1)[0], ["a"])


@pytest.mark.parametrize("with_photo", [True, False])
def test_decomposition_has_two_rows(with_photo: bool) -> None:
    photo = noise(1, 50, 40)[0] if with_photo else None
    figure = render.decomposition_strip(
        photo, noise(1)[0], noise(3), noise(3), ["a", "b", "c"], clim=(0, 4), credit="A. Person"
    )
    titles = [axes.get_title() for axes in shown(figure)]
    assert titles[: 1 + with_photo] == ["photo", "expression"][1 - with_photo :]
    assert sorted(titles[1 + with_photo :]) == sorted(
        ["a", "b", "c", "$e_{1}$", "$e_{1} + e_{2}$", "$e_{1} + e_{2} + e_{3}$"]
    )
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert ("A. Person" in texts) == with_photo


def test_decomposition_counts_must_agree() -> None:
    with pytest.raises(ValueError, match="buildup: expected 3"):
        render.decomposition_strip(None, noise(1)[0], noise(3), noise(2), ["a", "b", "c"])
    with pytest.raises(ValueError, match="labels: expected 3"):
        render.decomposition_strip(None, noise(1)[0], noise(3), noise(3), ["a"])


# ---------------------------------------------------------------- the graphics stack


@pytest.mark.parametrize(
    ("given", "egl", "osmesa", "expected"),
    [
        ({}, True, True, backend.EGL_WINDOW),
        ({}, False, True, backend.OSMESA_WINDOW),
        ({}, False, False, backend.EGL_WINDOW),
        ({"DISPLAY": ":0"}, True, True, None),
        ({backend.WINDOW_VARIABLE: "mine"}, True, True, "mine"),
    ],
)
def test_window_type_follows_the_libraries(
    monkeypatch: pytest.MonkeyPatch, given: dict, egl: bool, osmesa: bool, expected: str | None
) -> None:
    found = {backend.EGL_LIBRARIES: egl, backend.OSMESA_LIBRARIES: osmesa}
    monkeypatch.setattr(backend, "_loads", found.__getitem__)
    monkeypatch.setattr(backend.sys, "platform", "linux")
    environment = dict(given)
    assert backend.configure(environment) == expected
    assert environment.get(backend.WINDOW_VARIABLE) == expected


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.sys, "platform", "darwin")
    assert backend.configure({}) is None


def test_guard_swallows_what_c_code_writes(capfd: pytest.CaptureFixture[str]) -> None:
    with backend.captured_stderr() as captured:
        os.write(2, b"libEGL warning: something\n")
    os.write(2, b"after\n")
    assert captured.text == "libEGL warning: something"
    assert capfd.readouterr().err == "after\n"


def test_guard_puts_the_noise_into_the_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(render.RenderingError) as caught, backend.captured_stderr():
        os.write(2, b"\x1b[33mGLSL 1.50 is not supported\x1b[0m\n")
        raise OSError("no picture")
    assert str(caught.value).splitlines() == [
        "drawing failed: no picture",
        "The graphics stack reported:",
        "GLSL 1.50 is not supported",
    ]
    assert isinstance(caught.value.__cause__, OSError)
    assert capfd.readouterr().err == ""


@pytest.fixture
def no_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which VTK finds neither EGL nor OSMesa."""

    def failing_probe() -> tuple[str, str]:
        os.write(2, b"WARN| Failed to load EGL!\n")
        return backend.OSMESA_WINDOW, ""

    monkeypatch.setattr(backend, "_probe_window", failing_probe)
    backend.check_rendering.cache_clear()
    yield
    backend.check_rendering.cache_clear()


@pytest.mark.usefixtures("no_opengl")
def test_missing_opengl_names_the_packages(
    head: OpenHead, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(render.RenderingUnavailable) as caught:
        render.render_faces(head, some_psi(1), size=SIZE)
    message = str(caught.value)
    for words in (
        "apt-get install libegl1 libgl1-mesa-dri",
        "libosmesa6",
        "dnf install mesa-libEGL mesa-dri-drivers",
        "conda install -c conda-forge libegl mesa-llvmpipe",
        "Failed to load EGL!",
    ):
        assert words in message
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("no_opengl")
def test_check_command_reports_failure(capfd: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--check"]) == 1
    assert "apt-get install" in capfd.readouterr().err


def test_check_command_reports_success(capfd: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--check"]) == 0
    captured = capfd.readouterr()
    assert captured.out.startswith("off-screen rendering works: vtk")
    assert captured.err == ""


def test_check_survives_a_forced_but_missing_library() -> None:
    """Without the look at the window, VTK ends this process with a segmentation fault."""
    if not sys.platform.startswith("linux") or backend._loads(backend.OSMESA_LIBRARIES):
        pytest.skip("needs a Linux machine without the OSMesa library")
    environment = os.environ | {backend.WINDOW_VARIABLE: backend.OSMESA_WINDOW}
    call = [sys.executable, "-m", "dfe.render", "--check"]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Install:" in done.stderr


def test_an_empty_picture_is_an_error(head: OpenHead, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = np.full((96, 96, 3), 255, np.uint8)
    monkeypatch.setattr("pyvista.Plotter.screenshot", lambda *_, **__: blank)
    with pytest.raises(render.RenderingError, match="empty"):
        render.render_faces(head, some_psi(1), size=(32, 32))
