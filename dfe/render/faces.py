"""Pictures of faces: deformation heatmaps and plain meshes, as pixel arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, to_rgb
from numpy.typing import ArrayLike, NDArray

from dfe.render.colours import HEAT, NEUTRAL_COLOUR, check_clim, colour_values, shared_clim
from dfe.render.stage import Colouring, Stage

if TYPE_CHECKING:
    from dfe.face import FaceModel

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Clim = tuple[float, float] | Literal["each"] | None

PORTRAIT = (208, 256)  # width, height: the shape of a head


def render_faces(
    face: FaceModel,
    psi: ArrayLike,
    view: str = "front",
    size: tuple[int, int] = PORTRAIT,
    clim: Clim = None,
    *,
    colormap: str | Colormap = HEAT,
    deformed: bool = True,
    eyes: bool = True,
) -> Pixels:
    """Deformation heatmaps of expression vectors (section 3.3 of the paper).

    Parameters
    ----------
    face
        The face model.
    psi
        (N, 50) floating point expression vectors.
    view
        A name in `VIEWS`.
    size
        Width and height in pixels.
    clim
        Lower and upper end of the colour scale in mm; ``"each"`` scales every picture by its own
        maximum; None gives all of them the largest maximum, as `shared_clim` does.
    colormap
        Name or matplotlib colormap.
    deformed
        Draw the colours on the deformed mesh, as the paper does; otherwise on the neutral mesh.
    eyes
        Draw iris and pupil.

    Returns
    -------
    ndarray
        (N, H, W, 3) uint8.

    Raises
    ------
    ValueError, TypeError
        A bad psi, view, size or clim.
    RenderingUnavailable
        This machine cannot draw; the message says what to install.
    """
    return render_displacements(
        face,
        face.displacements(psi),
        view,
        size,
        clim,
        colormap=colormap,
        deformed=deformed,
        eyes=eyes,
    )


def render_displacements(
    face: FaceModel,
    displacements: ArrayLike,
    view: str = "front",
    size: tuple[int, int] = PORTRAIT,
    clim: Clim = None,
    *,
    colormap: str | Colormap = HEAT,
    deformed: bool = True,
    eyes: bool = True,
) -> Pixels:
    """Like `render_faces`, for vertex displacements (N, V, 3) in mm instead of psi."""
    offsets = _checked(face, displacements)  # (N, V, 3)
    magnitude = np.linalg.norm(offsets, axis=-1)  # (N, V)
    chosen = mpl.colormaps[colormap] if isinstance(colormap, str) else colormap
    colourings = [_heat(limits, chosen) for limits in _limits(magnitude, clim)]
    return _draw_all(face, offsets, colourings, view, size, deformed=deformed, eyes=eyes)


def render_mesh(
    face: FaceModel,
    psi: ArrayLike,
    view: str = "front",
    size: tuple[int, int] = PORTRAIT,
    *,
    colour: str = NEUTRAL_COLOUR,
    eyes: bool = True,
) -> Pixels:
    """Plain shaded faces, (N, H, W, 3) uint8; parameters and errors as in `render_faces`."""
    offsets = _checked(face, face.displacements(psi))
    return _draw_all(face, offsets, [_plain(colour)] * len(offsets), view, size, eyes=eyes)


def heatmap(
    face: FaceModel,
    psi: ArrayLike | None = None,
    *,
    displacement: ArrayLike | None = None,
    view: str = "front",
    size: tuple[int, int] = (416, 512),
    clim: Clim = None,
    colormap: str | Colormap = HEAT,
    deformed: bool = True,
    eyes: bool = True,
) -> Pixels:
    """One deformation heatmap, of a psi (50,) or of a displacement (V, 3) in mm.

    Returns
    -------
    ndarray
        (H, W, 3) uint8.

    Raises
    ------
    ValueError
        Both or neither of psi and displacement are given, or they hold more than one face;
        otherwise as `render_faces`.
    """
    if (psi is None) == (displacement is None):
        raise ValueError("heatmap: give either psi (50,) or displacement (V, 3), not both")
    offsets = np.asarray(displacement)[None] if psi is None else face.displacements(psi)
    if len(offsets) != 1:
        raise ValueError(f"heatmap: expected one face, got {len(offsets)}; see render_faces")
    pictures = render_displacements(
        face, offsets, view, size, clim, colormap=colormap, deformed=deformed, eyes=eyes
    )
    picture: Pixels = pictures[0]
    return picture


def _checked(face: FaceModel, displacements: ArrayLike) -> Floats:
    """Displacements as float32 (N, V, 3); a wrong shape or a NaN is a ValueError."""
    offsets = np.asarray(displacements, dtype=np.float32)
    if offsets.ndim != 3 or offsets.shape[1:] != face.template.shape:
        expected = f"(N, {len(face.template)}, 3)"
        raise ValueError(f"displacements: expected shape {expected}, got {offsets.shape}")
    if not np.isfinite(offsets).all():
        raise ValueError("displacements: expected finite millimetres, found NaN or infinity")
    return offsets


def _limits(magnitude: Floats, clim: Clim) -> list[tuple[float, float]]:
    """Colour limits of each picture."""
    if clim == "each":
        return [shared_clim(row[None]) for row in magnitude]
    if isinstance(clim, str):
        raise ValueError(f"clim: expected two numbers in mm, 'each' or None, got {clim!r}")
    if clim is not None:
        return [check_clim(clim)] * len(magnitude)
    return [shared_clim(magnitude)] * len(magnitude) if len(magnitude) else []


def _heat(clim: tuple[float, float], colormap: Colormap) -> Colouring:
    return lambda magnitude: colour_values(magnitude, clim, colormap)


def _plain(colour: str) -> Colouring:
    return lambda magnitude: np.full((len(magnitude), 3), to_rgb(colour), dtype=np.float32)


def _draw_all(
    face: FaceModel,
    offsets: Floats,
    colourings: Sequence[Colouring],
    view: str,
    size: tuple[int, int],
    *,
    deformed: bool = True,
    eyes: bool = True,
) -> Pixels:
    """One window for all pictures: setting it up costs as much as drawing twenty of them."""
    width, height = size
    pictures = np.empty((len(offsets), height, width, 3), dtype=np.uint8)
    with Stage(face, size, view, eyes=eyes) as stage:
        for index, (offset, colouring) in enumerate(zip(offsets, colourings, strict=True)):
            pictures[index] = stage.draw(offset, colouring, deformed=deformed)
    return pictures
