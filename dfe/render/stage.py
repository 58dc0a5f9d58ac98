"""One off-screen window, drawn many times: the head, its eyes and the lights."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import csr_array

from dfe.render.backend import RenderingError, captured_stderr, check_rendering
from dfe.render.camera import FIELD_OF_VIEW, frame_bottom, frame_camera
from dfe.render.cavities import CAVITY_COLOUR, cavity_paint
from dfe.render.eyes import Eyeball, find_eyeballs

if TYPE_CHECKING:
    from dfe.face import FaceModel

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Colouring = Callable[[Floats], Floats]  # magnitudes (P,) in mm -> colours (P, 3) in [0, 1]

SMALLEST_SIDE = 16  # pixels
# Drawn at three times the size and averaged: smoother than multisampling, cheaper on a CPU than
# VTK's own supersampling pass, and the same on every OpenGL implementation.
SUPERSAMPLING = 3
# White lights only: a pixel is then the vertex colour times one number, and keeps its hue.
# (azimuth, elevation, intensity) of key, fill and under light, relative to the camera.
LIGHTS = ((-30.0, 32.0, 0.66), (48.0, 8.0, 0.30), (0.0, -35.0, 0.10))
# Strong mixtures push the walls of the mouth out through the cheek. Drawn this much (mm) further
# away, along the line of sight, the hidden skin stays behind the visible one and looks the same.
HOLLOW_DEPTH = 10.0
SKIN_MATERIAL = {"ambient": 0.38, "diffuse": 0.68, "specular": 0.0}
EYE_MATERIAL = {"ambient": 0.40, "diffuse": 0.60, "specular": 0.45, "specular_power": 60.0}


class Body:
    """A mesh in the window whose points and colours are replaced for each picture."""

    def __init__(self, points: Floats, triangles: NDArray[np.int32]) -> None:
        self._triangles = triangles
        corners = np.repeat(np.arange(len(triangles)), 3)
        ones = np.ones(triangles.size, dtype=np.float32)
        shape = (len(points), len(triangles))
        self._corners_at = csr_array((ones, (triangles.ravel(), corners)), shape=shape)
        # Any: PyVista's annotations know double precision only.
        self.mesh: Any = pv.PolyData.from_regular_faces(
            cast(Any, points.astype(np.float32)), cast(Any, triangles)
        )
        self.mesh.point_data["colours"] = np.zeros((len(points), 3), dtype=np.uint8)
        self.mesh.point_data["Normals"] = np.zeros((len(points), 3), dtype=np.float32)
        self.mesh.point_data.active_normals_name = "Normals"

    def update(self, points: Floats, colours: Floats) -> None:
        """Move the mesh to (P, 3) points in mm and give it (P, 3) colours in [0, 1]."""
        self.mesh.points[:] = points
        self.mesh.point_data["Normals"][:] = self._normals(points)
        self.mesh.point_data["colours"][:] = np.rint(np.clip(colours, 0, 1) * 255)
        self.mesh.GetPoints().Modified()
        for name in ("Normals", "colours"):
            self.mesh.GetPointData().GetArray(name).Modified()
        self.mesh.Modified()

    def _normals(self, points: Floats) -> Floats:
        """Area-weighted vertex normals, (P, 3)."""
        first, second, third = (points[self._triangles[:, corner]] for corner in range(3))
        normals = self._corners_at @ np.cross(second - first, third - first)
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.asarray(normals / np.maximum(lengths, 1e-12), dtype=np.float32)


class Stage:
    """Draw many states of one face in one window; use it as a context manager.

    Parameters
    ----------
    face
        The face model.
    size
        Width and height of the pictures in pixels.
    view
        A name in `dfe.render.VIEWS`.
    eyes
        Draw iris and pupil (`dfe.render.eyes`); otherwise the mesh's plain eyeballs.

    Raises
    ------
    RenderingUnavailable
        This machine cannot draw; the message says what to install.
    ValueError
        The view is unknown or the size too small.
    """

    def __init__(
        self, face: FaceModel, size: tuple[int, int], view: str = "front", *, eyes: bool = True
    ) -> None:
        width, height = size
        if min(width, height) < SMALLEST_SIDE:
            raise ValueError(f"size: expected at least {SMALLEST_SIDE} x {SMALLEST_SIDE}: {size}")
        self.template = np.asarray(face.template, dtype=np.float32)  # (V, 3)
        labelled = np.array([name != "rest" for name in face.region_names])[face.regions]
        bottom = frame_bottom(self.template, labelled)
        camera = frame_camera(self.template, bottom, view, width / height)
        self._eyeballs = find_eyeballs(self.template, face.triangles) if eyes else []
        self._paint = cavity_paint(self.template, face.triangles)  # (V, 3)
        hollow = np.all(self._paint == np.array(CAVITY_COLOUR, dtype=np.float32), axis=1)  # (V,)
        away = np.subtract(camera.focal_point, camera.position)
        self._sink = (HOLLOW_DEPTH * away / np.linalg.norm(away) * hollow[:, None]).astype(
            np.float32
        )  # (V, 3)
        self._skin = Body(self.template, _without(face.triangles, self._eyeballs))
        self._globes = [Body(eye.points, eye.triangles) for eye in self._eyeballs]
        check_rendering()
        with captured_stderr():
            self._plotter: Any = pv.Plotter(
                off_screen=True,
                lighting="none",
                window_size=[width * SUPERSAMPLING, height * SUPERSAMPLING],
            )
            self._furnish()
            self._plotter.camera_position = [camera.position, camera.focal_point, (0, 1, 0)]
            self._plotter.camera.view_angle = FIELD_OF_VIEW

    def _furnish(self) -> None:
        self._plotter.render_window.SetMultiSamples(0)
        self._plotter.set_background("white")
        self._add(self._skin, SKIN_MATERIAL)
        for globe in self._globes:
            self._add(globe, EYE_MATERIAL)
        for azimuth, elevation, intensity in LIGHTS:
            self._plotter.add_light(_light(azimuth, elevation, intensity))

    def _add(self, body: Body, material: dict[str, float]) -> None:
        self._plotter.add_mesh(
            body.mesh,
            scalars="colours",
            rgb=True,
            interpolation="Phong",
            show_scalar_bar=False,
            copy_mesh=False,
            **material,
        )

    def draw(self, displacement: Floats, colouring: Colouring, *, deformed: bool = True) -> Pixels:
        """Draw one state of the face.

        Parameters
        ----------
        displacement
            (V, 3) offsets from the neutral face, mm.
        colouring
            Turns magnitudes (P,) in mm into colours (P, 3) in [0, 1].
        deformed
            Draw the displaced mesh; otherwise its colours on the neutral mesh.

        Returns
        -------
        ndarray
            (H, W, 3) uint8.

        Raises
        ------
        RenderingError
            The graphics stack failed, or the picture is empty.
        """
        moved = self.template + displacement
        heat = colouring(np.linalg.norm(displacement, axis=1))
        shown = moved if deformed else self.template
        self._skin.update(shown + self._sink, heat * self._paint)
        for eye, globe in zip(self._eyeballs, self._globes, strict=True):
            points = eye.pose(self.template, moved)  # (P, 3)
            heat = colouring(np.linalg.norm(points - eye.points, axis=1))
            globe.update(points if deformed else eye.points, heat * eye.paint)
        return self._picture()

    def _picture(self) -> Pixels:
        with captured_stderr() as captured:
            self._plotter.renderer.ResetCameraClippingRange()
            self._plotter.render()
            large = np.asarray(self._plotter.screenshot(return_img=True))
        if large.min() == large.max():
            raise RenderingError(f"the picture came out empty\n{captured.text}".rstrip())
        return np.asarray(Image.fromarray(large).reduce(SUPERSAMPLING))

    def close(self) -> None:
        """Free the window."""
        with captured_stderr():
            self._plotter.close()

    def __enter__(self) -> Self:
        """Return the stage itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free the window."""
        self.close()


def _light(azimuth: float, elevation: float, intensity: float) -> pv.Light:
    """White directional light, fixed to the camera; angles in degrees, positive: right and up."""
    turn, lift = np.radians([azimuth, elevation])
    light = pv.Light(light_type="camera light", intensity=intensity)
    light.position = (np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift))
    light.focal_point = (0.0, 0.0, 0.0)
    return light


def _without(triangles: NDArray[np.int32], eyeballs: list[Eyeball]) -> NDArray[np.int32]:
    """The triangles that belong to none of the eyeballs."""
    members = [eye.members for eye in eyeballs]
    return triangles[~np.isin(triangles, np.concatenate(members)).any(1)] if members else triangles
