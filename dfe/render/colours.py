"""Displacement magnitudes and their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import seaborn  # noqa: F401  registers "rocket" with matplotlib
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from dfe.face import FaceModel

Floats = NDArray[np.float32]

NEUTRAL_COLOUR = "#e4ded7"  # light clay: bright enough that shading never reads as displacement
# Of rocket, reversed: before 0.1 it is lighter than clay, beyond 0.75 too dark to show shape.
ROCKET_SPAN = (0.1, 0.75)
NEUTRAL_SHARE = 0.2  # the lower share of the scale over which clay fades into the map


def heat_colormap() -> LinearSegmentedColormap:
    """Colormap of the deformation heatmaps: clay grey at zero, then orange, red, dark purple.

    A picture of a lit head uses lightness twice, for shape and for the value, so the choice was
    made by looking at heads. Seaborn's perceptually uniform "rocket", reversed and cut short of
    its black end, won: its hue runs along with its lightness, so a shaded cheek (darker, same
    hue) is not taken for a moving one. "magma" puts a yellow fringe around each moving patch;
    "YlOrRd" does too, and has less range; "mako" reads as a bruise. Zero is a neutral clay, such
    that skin at rest looks like plain skin. Lightness falls strictly along the whole map.

    Returns
    -------
    LinearSegmentedColormap
        Named ``dfe_heat``.
    """
    share = np.linspace(0, 1, 256)
    entries = mpl.colormaps["rocket_r"](share)[:, :3]  # (256, 3)
    within = np.linspace(*ROCKET_SPAN, 256)
    rocket = np.stack([np.interp(within, share, channel) for channel in entries.T], axis=1)
    clay = np.clip(1 - share / NEUTRAL_SHARE, 0, 1)[:, None] ** 1.5
    colours = clay * np.array(to_rgb(NEUTRAL_COLOUR)) + (1 - clay) * rocket  # (256, 3)
    return LinearSegmentedColormap.from_list("dfe_heat", colours, N=256)


HEAT = heat_colormap()


def displacement_magnitude(face: FaceModel, psi: ArrayLike) -> Floats:
    """Distance of each vertex from its place on the neutral face (section 3.3 of the paper).

    Parameters
    ----------
    face
        The face model; its psi = 0 is the neutral face.
    psi
        (N, 50) floating point expression vectors.

    Returns
    -------
    ndarray
        (N, V) float32 millimetres.

    Raises
    ------
    ValueError, TypeError
        From the face model, when psi has another width, is not floating point or not finite.
    """
    return np.linalg.norm(face.displacements(psi), axis=-1)  # (N, V, 3) -> (N, V)


def shared_clim(magnitude: ArrayLike, quantile: float = 1.0) -> tuple[float, float]:
    """One colour scale, in mm, for a whole set of pictures.

    Parameters
    ----------
    magnitude
        (N, V) mm.
    quantile
        The upper end is this quantile of the pictures' maxima. Below 1 the strongest pictures
        saturate, in exchange for more colour in the others.

    Returns
    -------
    tuple
        ``(0, upper)``; the upper end is 1 mm where nothing moves at all.

    Raises
    ------
    ValueError
        The array is empty or not two-dimensional.
    """
    magnitude = np.asarray(magnitude)
    if magnitude.ndim != 2 or not magnitude.size:
        raise ValueError(f"magnitude: expected shape (N, V), got {magnitude.shape}")
    upper = float(np.quantile(magnitude.max(axis=1), quantile))
    return 0.0, upper if upper > 0 else 1.0


def check_clim(clim: tuple[float, float]) -> tuple[float, float]:
    """Return the colour limits as floats; refuse limits that are not finite and increasing."""
    lower, upper = map(float, clim)
    if not (np.isfinite([lower, upper]).all() and lower < upper):
        raise ValueError(f"clim: expected two finite, increasing numbers in mm, got {clim}")
    return lower, upper


def colour_values(values: ArrayLike, clim: tuple[float, float], colormap: Colormap) -> Floats:
    """Map values in mm to colours: shape (...,) to (..., 3) float32 in [0, 1]."""
    lower, upper = clim
    share = (np.asarray(values, dtype=np.float64) - lower) / (upper - lower)
    return colormap(np.clip(share, 0, 1))[..., :3].astype(np.float32)
