"""Pictures of faces and of what tokens do to them: off-screen, deterministic, quiet.

``python -m dfe.render --check`` tells whether this machine can draw, and if not, what to install.
"""

from __future__ import annotations

from dfe.render.backend import RenderingError, RenderingUnavailable, check_rendering, configure

configure()  # before PyVista makes its first window

from dfe.render.camera import VIEWS  # noqa: E402
from dfe.render.colours import (  # noqa: E402
    HEAT,
    NEUTRAL_COLOUR,
    displacement_magnitude,
    heat_colormap,
    shared_clim,
)
from dfe.render.faces import (  # noqa: E402
    PORTRAIT,
    heatmap,
    render_displacements,
    render_faces,
    render_mesh,
)
from dfe.render.figures import decomposition_strip, heatmap_grid, picture_grid  # noqa: E402

__all__ = [
    "HEAT",
    "NEUTRAL_COLOUR",
    "PORTRAIT",
    "VIEWS",
    "RenderingError",
    "RenderingUnavailable",
    "check_rendering",
    "decomposition_strip",
    "displacement_magnitude",
    "heat_colormap",
    "heatmap",
    "heatmap_grid",
    "picture_grid",
    "render_displacements",
    "render_faces",
    "render_mesh",
    "shared_clim",
]
