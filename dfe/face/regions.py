"""Divide the head into named regions, by which units move what most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

REGION_NAMES = (
    "brow_left",
    "brow_right",
    "eye_left",
    "eye_right",
    "nose",
    "cheek_left",
    "cheek_right",
    "mouth",
    "jaw",
    "rest",
)
# Units that show where a region is; a unit that moves both sides of the face speaks for each side
# on its own half. Nose, eye sockets and mouth are places too: `_nose`, `_socket`, `_mouth`.
_SIDED_UNITS = {
    "brow": ("browDown{}", "browOuterUp{}", "browInnerUp"),
    "eye": ("eyeBlink{}", "eyeWide{}", "eyeLookUp{}", "eyeLookDown{}"),
    "cheek": ("cheekPuff", "cheekSquint{}"),
}
_JAW_UNITS = ("jawOpen", "jawForward", "jawLeft", "jawRight")
_REST = REGION_NAMES.index("rest")
_PART_REGIONS = {
    "eye_left": "eye_left",
    "eye_right": "eye_right",
    "teeth_upper": "mouth",
    "teeth_lower": "mouth",
    "tongue": "mouth",
}
QUIET = 0.15  # a vertex that no unit moves by this share of its largest displacement is "rest"
ROUNDS = 10  # of the majority filter


def label_regions(
    template: NDArray[np.float64],
    triangles: NDArray[np.int64],
    units: dict[str, NDArray[np.float64]],
    parts: NDArray[np.uint8],
    part_names: tuple[str, ...],
) -> NDArray[np.uint8]:
    """Return (V,) an index into `REGION_NAMES`.

    A vertex belongs to the region whose ARKit units move it most, nose, eye sockets and mouth are
    drawn by simple shapes, and a majority filter over mesh neighbours cleans the borders.

    Parameters
    ----------
    template
        (V, 3) neutral face, millimetres; x to the subject's left, y up, z forward; the
        origin is midway between the eyeballs.
    triangles
        (F, 3) vertex indices.
    units
        Displacement (V, 3) of each unit at weight 1, by name.
    parts
        (V,) index into `part_names`; eyeballs, teeth and tongue follow from their part.
    """
    neighbours = _neighbours(triangles, len(template))
    evidence = _evidence(template, units)  # (V, R)
    labels = np.where(evidence.max(axis=1) > QUIET, evidence.argmax(axis=1), _REST)
    labels[_nose(template)] = REGION_NAMES.index("nose")
    for side, sign in (("left", 1), ("right", -1)):
        labels[_socket(template, sign)] = REGION_NAMES.index(f"eye_{side}")
    labels[_mouth(template)] = REGION_NAMES.index("mouth")
    labels = _absorb_islands(_majority(labels, neighbours), neighbours)
    for part, region in _PART_REGIONS.items():
        labels[parts == part_names.index(part)] = REGION_NAMES.index(region)
    return labels.astype(np.uint8)


def _evidence(
    template: NDArray[np.float64], units: dict[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Strongest displacement (V, R) by a region's units, as a share of each unit's largest."""

    def strongest(*names: str) -> NDArray[np.float64]:
        size = np.stack([np.linalg.norm(units[name], axis=1) for name in names])  # (n, V)
        return np.asarray((size / size.max(axis=1, keepdims=True)).max(axis=0))

    evidence = np.zeros((len(template), len(REGION_NAMES)))
    evidence[:, REGION_NAMES.index("jaw")] = strongest(*_JAW_UNITS)
    for region, names in _SIDED_UNITS.items():
        for side, sign in (("left", 1), ("right", -1)):
            sided = strongest(*(name.format(side.capitalize()) for name in names))
            column = REGION_NAMES.index(f"{region}_{side}")
            evidence[:, column] = sided * (sign * template[:, 0] >= 0)
    return evidence


def _nose(template: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark (V,) a wedge from between the eyes, 13 mm to each side, to the wings, 23 mm."""
    x, y, z = template.T
    down = (4 - y) / 51  # 0 at the bridge, 1 under the nose
    return (down >= 0) & (down <= 1) & (np.abs(x) < 13 + 10 * down) & (z > -50)


def _socket(template: NDArray[np.float64], sign: int) -> NDArray[np.bool_]:
    """Mark (V,) the wall around the eyeball whose centre is at x = 29 mm times `sign`."""
    x, y, z = template.T
    return ((sign * x - 29) ** 2 + y**2 + z**2 < 20**2) & (z < 10)


def _mouth(template: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark (V,) the lips with their surroundings, and the cavity behind them."""
    x, y, z = template.T
    lips = (x / 33) ** 2 + ((y + 68) / 20) ** 2 < 1
    cavity = (x / 38) ** 2 + ((z + 25) / 48) ** 2 < 1
    return (lips & (z > 0)) | (cavity & (y > -92) & (y < -36))


def _neighbours(triangles: NDArray[np.int64], n_vertices: int) -> csr_matrix:
    """Return the adjacency (V, V) of the mesh's vertices, each its own neighbour too."""
    a = np.concatenate([triangles.ravel(), np.roll(triangles, 1, axis=1).ravel()])
    b = np.concatenate([np.roll(triangles, 1, axis=1).ravel(), triangles.ravel()])
    loop = np.arange(n_vertices)
    rows, columns = np.concatenate([a, loop]), np.concatenate([b, loop])
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n_vertices, n_vertices))
    graph = graph.tocsr()
    graph.data[:] = 1.0
    return graph


def _majority(labels: NDArray[np.int64], neighbours: csr_matrix) -> NDArray[np.int64]:
    """Give each vertex (V,) the label that most of its neighbours have; ties keep the old one."""
    for _ in range(ROUNDS):
        votes = neighbours @ np.eye(len(REGION_NAMES))[labels]  # (V, R)
        votes[np.arange(len(labels)), labels] += 0.5
        labels = votes.argmax(axis=1)
    return labels


def _absorb_islands(labels: NDArray[np.int64], neighbours: csr_matrix) -> NDArray[np.int64]:
    """Keep the largest connected piece of each region; the others join what surrounds them."""
    labels = labels.copy()
    links = neighbours.tocoo()
    same = labels[links.row] == labels[links.col]
    pairs = (links.row[same], links.col[same])
    piece = connected_components(coo_matrix((links.data[same], pairs), shape=links.shape))[1]
    size = np.bincount(piece)[piece]  # (V,) vertices in the piece of each vertex
    for region in np.unique(labels):
        inside = labels == region
        island = inside & (size < size[inside].max())
        while island.any():
            votes = neighbours[island] @ (np.eye(len(REGION_NAMES))[labels] * ~island[:, None])
            votes[:, region] = 0
            reached = np.flatnonzero(island)[votes.max(axis=1) > 0]
            if not len(reached):  # a part of its own, such as an eyeball
                break
            labels[reached] = votes.argmax(axis=1)[votes.max(axis=1) > 0]
            island[reached] = False
    return labels
