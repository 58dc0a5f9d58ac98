"""Figures made of pictures: grids of heatmaps, and one expression taken apart token by token.

All figures are returned closed: a notebook shows one when it is the last value of a cell, and
`Figure.savefig` works as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any, Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure, SubFigure
from numpy.typing import ArrayLike, NDArray

from dfe.render.colours import HEAT, check_clim

Pixels = NDArray[np.uint8]

DPI = 144
CELL_WIDTH = 1.05  # inches
CAPTION_HEIGHT = 0.19  # inches
BAR_HEIGHT = 0.55  # inches, with its labels
TITLE_HEIGHT = 0.32  # inches
CREDIT_HEIGHT = 0.14  # inches
CAPTION_SIZE = 7.5  # points
CREDIT_SIZE = 4.5  # points
TEXT_COLOUR = "#333333"
BAR_LABEL = "distance from the neutral face (mm)"


def heatmap_grid(
    images: ArrayLike,
    labels: Sequence[str],
    ncols: int = 8,
    clim: tuple[float, float] | None = None,
    cmap: str | Colormap = HEAT,
    title: str | None = None,
    *,
    bar_label: str = BAR_LABEL,
    extend: Literal["neither", "max"] = "neither",
) -> Figure:
    """Grid of heatmaps, row by row, with one colour bar for all of them.

    Parameters
    ----------
    images
        (N, H, W, 3) uint8, from `render_faces` with the same `clim` and colormap.
    labels
        N captions.
    ncols
        Pictures per row.
    clim
        Ends of the shared scale in mm, as given to `render_faces`; None means that each picture
        has its own scale, and labels the bar from 0 to 1.
    cmap
        Name or matplotlib colormap.
    title
        One line above the grid.
    bar_label
        Text under the colour bar.
    extend
        ``"max"`` ends the bar in an arrow: some pictures go beyond the scale.

    Raises
    ------
    ValueError
        The images are not (N, H, W, 3) uint8 with N >= 1, or there are not N labels.
    """
    figure, foot = _picture_grid(images, labels, ncols, title, BAR_HEIGHT)
    _colour_bar(foot, clim, cmap, bar_label, extend)
    return figure


def picture_grid(
    images: ArrayLike, labels: Sequence[str], ncols: int = 8, title: str | None = None
) -> Figure:
    """Grid of pictures with captions, row by row, without a color bar.

    Parameters and errors are those of `heatmap_grid`.
    """
    figure, _ = _picture_grid(images, labels, ncols, title, 0.05)
    return figure


def _picture_grid(
    images: ArrayLike, labels: Sequence[str], ncols: int, title: str | None, foot_height: float
) -> tuple[Figure, SubFigure]:
    """The grid, and the empty band of `foot_height` inches below it."""
    pictures = _checked(images, "images")
    _same_length(labels, "labels", len(pictures))
    ncols = max(1, min(ncols, len(pictures)))
    nrows = -(-len(pictures) // ncols)
    cell_height = CELL_WIDTH * pictures.shape[1] / pictures.shape[2] + CAPTION_HEIGHT
    heights = [TITLE_HEIGHT if title else 0.05, nrows * cell_height, foot_height]
    figure, (head, body, foot) = _bands(ncols * CELL_WIDTH, heights)
    if title:
        head.suptitle(title, fontsize=10, color=TEXT_COLOUR, y=0.75)
    grid = body.subplots(nrows, ncols, squeeze=False, gridspec_kw=_tight(cell_height, nrows))
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture, label in zip(grid.flat, pictures, labels, strict=False):
        _show(axes, picture, label)
    return figure, foot


def decomposition_strip(
    photo: ArrayLike | None,
    mesh: ArrayLike,
    tokens: ArrayLike,
    buildup: ArrayLike,
    labels: Sequence[str],
    *,
    clim: tuple[float, float] | None = None,
    cmap: str | Colormap = HEAT,
    credit: str | None = None,
    bar_label: str = BAR_LABEL,
) -> Figure:
    """One expression taken apart (Figure 4 of the paper): photo, mesh, tokens, and their sums.

    The top row shows each token by itself, the bottom row the sum of all tokens so far.

    Parameters
    ----------
    photo
        (h, w, 3) uint8 image of the face, or None where there is none or its terms forbid it.
    mesh
        (H, W, 3) uint8, the expression as a plain mesh (`render_mesh`).
    tokens
        (L, H, W, 3) uint8, heatmap of each token alone.
    buildup
        (L, H, W, 3) uint8, heatmaps or meshes of the sums of the first 1, 2, ..., L tokens.
    labels
        L names of the tokens.
    clim, cmap, bar_label
        As in `heatmap_grid`.
    credit
        Source and terms of the photo, in small print below it.

    Raises
    ------
    ValueError
        A picture is not uint8 RGB, or tokens, build-up and labels differ in number.
    """
    singles, sums = _checked(tokens, "tokens"), _checked(buildup, "buildup")
    _same_length(sums, "buildup", len(singles))
    _same_length(labels, "labels", len(singles))
    whole = _checked(np.asarray(mesh)[None], "mesh")[0]
    cell_height = CELL_WIDTH * singles.shape[1] / singles.shape[2] + CAPTION_HEIGHT
    columns = len(singles) + 1.25
    figure, (_, body, foot) = _bands(columns * CELL_WIDTH, [0.05, 2 * cell_height, BAR_HEIGHT])
    left, right = _parts(body, 1, 2, width_ratios=[1.25, len(singles)])
    _show_sources(left, photo, whole, cell_height, credit)
    grid = right.subplots(2, len(singles), squeeze=False, gridspec_kw=_tight(cell_height, 2))
    for index, label in enumerate(labels):
        _show(grid[0, index], singles[index], label)
        _show(grid[1, index], sums[index], _sum_label(index + 1))
    _colour_bar(foot, clim, cmap, bar_label)
    return figure


def _show_sources(
    part: SubFigure, photo: ArrayLike | None, mesh: Pixels, cell_height: float, credit: str | None
) -> None:
    """Left column: the photo above the mesh, or the mesh alone."""
    below_photo = CAPTION_HEIGHT + (CREDIT_HEIGHT if credit else 0)
    spacing = _tight(cell_height, 2, below_photo) | {"left": 0.02, "right": 0.86}
    if photo is None:
        _show(
            part.subplots(gridspec_kw=spacing | {"top": 0.78, "bottom": 0.22}), mesh, "expression"
        )
        return
    upper, lower = part.subplots(2, 1, gridspec_kw=spacing)
    _show(upper, _checked(np.asarray(photo)[None], "photo")[0], "photo")
    _show(lower, mesh, "expression")
    if credit:
        style: dict[str, Any] = {
            "ha": "center",
            "va": "top",
            "fontsize": CREDIT_SIZE,
            "color": TEXT_COLOUR,
        }
        upper.text(0.5, -0.02, fill(credit, 36), transform=upper.transAxes, **style)


def _sum_label(count: int) -> str:
    """Caption of the sum of the first `count` tokens; long sums are abbreviated."""
    terms = [rf"e_{{{index}}}" for index in range(1, count + 1)]
    if count > 4:
        terms = [terms[0], r"\cdots", terms[-1]]
    return f"${' + '.join(terms)}$"


def _bands(width: float, heights: Sequence[float]) -> tuple[Figure, Sequence[SubFigure]]:
    """A closed white figure of stacked bands, sizes in inches."""
    figure = plt.figure(figsize=(width, sum(heights)), dpi=DPI, facecolor="white")
    plt.close(figure)
    return figure, _parts(figure, len(heights), 1, height_ratios=list(heights))


def _parts(whole: Figure | SubFigure, nrows: int, ncols: int, **ratios: Any) -> list[SubFigure]:
    """Divide a figure; always a list, whatever the number of parts."""
    parts: Any = whole.subfigures(nrows, ncols, squeeze=False, **ratios)
    return list(parts.flat)


def _tight(cell_height: float, rows: int, caption: float = CAPTION_HEIGHT) -> dict[str, float]:
    """Grid spacing that leaves room for the captions (inches, one above each row) and no more."""
    share = caption / (cell_height - caption)
    top = 1 - CAPTION_HEIGHT / (rows * cell_height)
    return {"left": 0, "right": 1, "bottom": 0, "top": top, "wspace": 0, "hspace": share}


def _show(axes: Axes, picture: Pixels, caption: str) -> None:
    axes.imshow(picture, interpolation="antialiased")
    axes.set_title(caption, fontsize=CAPTION_SIZE, color=TEXT_COLOUR, pad=2)
    axes.axis("off")


def _colour_bar(
    part: SubFigure,
    clim: tuple[float, float] | None,
    cmap: str | Colormap,
    label: str,
    extend: Literal["neither", "max"] = "neither",
) -> None:
    """Horizontal colour bar in the middle of a band, at most 3 inches wide."""
    lower, upper = (0.0, 1.0) if clim is None else check_clim(clim)
    chosen = mpl.colormaps[cmap] if isinstance(cmap, str) else cmap
    width = min(0.9, 3.0 / part.bbox.width * part.figure.dpi)
    axes = part.add_axes((0.5 - width / 2, 0.66, width, 0.17))
    scale = ScalarMappable(Normalize(lower, upper), chosen)
    bar = part.colorbar(scale, cax=axes, orientation="horizontal", extend=extend)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(labelsize=6.5, length=2, colors=TEXT_COLOUR, pad=1.5)
    text = label if clim is not None else "distance from the neutral face / its maximum per picture"
    bar.set_label(text, fontsize=CAPTION_SIZE, color=TEXT_COLOUR, labelpad=2)


def _checked(images: ArrayLike, name: str) -> Pixels:
    """Pictures as (N, H, W, 3) uint8."""
    pictures = np.asarray(images)
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or not len(pictures):
        raise ValueError(f"{name}: expected shape (N, H, W, 3), got {pictures.shape}")
    if pictures.dtype != np.uint8:
        raise ValueError(f"{name}: expected dtype uint8, got {pictures.dtype}")
    return pictures


def _same_length(values: Sequence[str] | Pixels, name: str, count: int) -> None:
    if len(values) != count:
        raise ValueError(f"{name}: expected {count}, one per picture, got {len(values)}")
