"""Pictures of single frames for figures: the photograph where its terms allow, else the mesh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from dfe.data.manifest import PICTURE_KINDS, load_manifest, manifest_ids
from dfe.data.pictures import crop_face, read_frame
from dfe.data.table import FeatureTable
from dfe.face import FaceModel
from dfe.render import render_mesh


def frame_pictures(
    table: FeatureTable, rows: Sequence[int], face: FaceModel, size: int, photos: bool = True
) -> NDArray[np.uint8]:
    """Square pictures of frames.

    Parameters
    ----------
    table
        Real frames.
    rows
        M row indices.
    size
        Pixels along each side.
    photos
        Show photographs of sources whose terms let frames be shown; False shows meshes only.

    Returns
    -------
    (M, size, size, 3) uint8
    """
    photo = shows_photo(table.rows(np.asarray(rows, np.intp))) & photos  # (M,)
    return np.stack(
        [
            _photo(table, int(row), size)
            if show
            else render_mesh(face, table.psi[[row]], "front", (size, size))[0]
            for row, show in zip(rows, photo, strict=True)
        ]
    )


def shows_photo(table: FeatureTable) -> NDArray[np.bool_]:
    """Which frames are pictures, of sources whose terms let the book show them: (N,)."""
    shown = np.zeros(len(table), bool)
    for name in np.intersect1d(table.dataset, manifest_ids()):  # no frame of a reader's own data
        manifest = load_manifest(str(name))
        if manifest.terms.show_frames:
            pictures = [str(m.clip) for m in manifest.members if m.kind in PICTURE_KINDS]
            shown |= (table.dataset == name) & np.isin(table.clip, pictures)
    return shown


def credits(table: FeatureTable, rows: Sequence[int]) -> list[str]:
    """Attribution of every source whose photographs are among the rows, each once."""
    chosen = np.unique(np.asarray(rows, np.intp))
    part = table.rows(chosen)
    shown = np.unique(part.dataset[shows_photo(part)])
    return [load_manifest(str(name)).terms.attribution for name in shown]


def retrieved(
    cells: ArrayLike, query: int, groups: ArrayLike, count: int, seed: int = 0
) -> NDArray[np.intp]:
    """Draw some of the frames that a query retrieves, none of them of its own group.

    Parameters
    ----------
    cells, groups
        (N,) labels.
    query
        Row of the query.
    count
        How many to draw at most.
    seed
        The draw is random: the nearest matches would flatter any coding.

    Returns
    -------
    (M,) row indices in rising order, M <= count
    """
    cell, group = np.asarray(cells), np.asarray(groups)
    matches = np.flatnonzero((cell == cell[query]) & (group != group[query]))
    drawn = np.random.default_rng(seed).permutation(matches)[:count]
    return np.sort(drawn)


def example_queries(
    table: FeatureTable,
    codings: Sequence[ArrayLike],
    groups: ArrayLike,
    count: int,
    minimum: int = 1,
) -> list[int]:
    """Choose queries without a random draw: the strongest expressions, one per group.

    Photographs come before frames that can only be drawn, and within each the largest ||psi||
    comes first. Only frames for which each coding retrieves `minimum` frames of other groups
    are chosen, so there may be fewer than `count`.

    Parameters
    ----------
    codings
        (N,) cells of each coding.
    groups
        (N,) labels.

    Returns
    -------
    Row indices of the table.
    """
    group = np.asarray(groups)
    found = np.min([_foreign_matches(np.asarray(cells), group) for cells in codings], axis=0)
    rows = np.flatnonzero(found >= minimum)
    part = table.rows(rows)
    order = np.lexsort((-np.linalg.norm(part.psi, axis=1), ~shows_photo(part)))
    first: dict[object, int] = {}
    for row in rows[order].tolist():
        first.setdefault(group[row], row)
    return list(first.values())[:count]


def _foreign_matches(cells: NDArray[np.generic], groups: NDArray[np.generic]) -> NDArray[np.int64]:
    """How many rows of other groups share the cell of each row: (N,)."""
    frame = pd.DataFrame({"cell": cells, "group": groups})
    in_cell = frame.groupby("cell")["cell"].transform("size")
    own = frame.groupby(["cell", "group"])["cell"].transform("size")
    return (in_cell - own).to_numpy()


def _photo(table: FeatureTable, row: int, size: int) -> NDArray[np.uint8]:
    """Photograph of a frame, cropped to the face: (size, size, 3)."""
    manifest = load_manifest(str(table.dataset[row]))
    photo = crop_face(read_frame(manifest, str(table.clip[row]), int(table.frame[row])))
    return np.asarray(Image.fromarray(photo).resize((size, size), Image.Resampling.LANCZOS))
