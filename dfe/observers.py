"""Observers: views of a frame that judge what a coding retrieves (section 5.1).

An observer has not seen the coding. Landmark geometry stands for SMIRK, a view of the expression;
appearance stands for MAE-Face, a view of everything. True geometry exists for simulated frames
only and has no error.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from rich.progress import track as progress

from dfe.checks import as_rows
from dfe.data.extract import landmarker_model
from dfe.data.extract.errors import require
from dfe.data.extract.landmarker import face_detector, milliseconds, read_image
from dfe.data.extract.quiet import native_stderr_silenced
from dfe.data.extract.video import frame_times, iter_images
from dfe.data.features import inputs_sha256
from dfe.data.fetch import fetch
from dfe.data.manifest import PICTURE_KINDS, Manifest, Member
from dfe.data.observations import Observation, ObservationMetadata
from dfe.data.table import FeatureTable

CROP = 128  # pixels, side of the square that appearance is computed on
EYE_CORNERS = (33, 263)  # landmarks: outer corners of the subject's right and left eye
#: Where they lie in the crop, (x, y) pixels. The chin of a closed mouth then lies at y = 110 or
#: so, which leaves an open jaw inside.
EYE_PLACES = ((36.0, 40.0), (92.0, 40.0))
# Nine directions, blocks of 2 x 2 cells and clipped norms are the best setting of Dalal and
# Triggs (2005). Their cell of 8 pixels would give 8,100 numbers here; 16 gives 1,764.
ORIENTATIONS, CELL, BLOCK = 9, 16, 2
N_APPEARANCE = (CROP // CELL - BLOCK + 1) ** 2 * BLOCK**2 * ORIENTATIONS


class UnitMesh(Protocol):
    """The part of a face model that true geometry needs, for A units and V vertices."""

    unit_displacements: NDArray[np.float32]  # (A, V, 3) millimetres
    parts: NDArray[np.uint8]  # (V,) index into part_names
    part_names: tuple[str, ...]


def landmark_geometry(table: FeatureTable) -> NDArray[np.float32]:
    """Aligned landmarks minus the median face of their subject.

    The median over all frames of a (dataset, subject) takes out most of the identity.

    Returns
    -------
    (N, 1434) float32, millimetres: x, y, z of each of the 478 landmarks. A row is NaN where a
    frame has no landmarks, and where it is the only one of its subject that has: it would be its
    own median, and its zeros would say "neutral" of any expression.

    Raises
    ------
    ValueError
        If the table has no landmarks at all.
    """
    if table.landmarks is None or not table.has_landmarks.any():
        raise ValueError("no frame of the table has landmarks; read it with the column 'landmarks'")
    points = table.landmarks.reshape(len(table), -1)  # (N, 1434)
    group, _ = pd.MultiIndex.from_arrays([table.dataset, table.subject]).factorize()  # (N,)
    group[~table.has_landmarks] = -1
    geometry = np.full(points.shape, np.float32(np.nan))
    for subject in range(int(group.max()) + 1):
        rows = group == subject  # (N,)
        if rows.sum() > 1:
            geometry[rows] = points[rows] - np.median(points[rows], axis=0)
    return geometry


def true_geometry(face: UnitMesh, units: ArrayLike) -> NDArray[np.float32]:
    """Coordinates of faces in which distance and angle are those of their skin displacements.

    The skin moves by `units` times the unit displacements, so inner products of two movements
    need only the Gram matrix G of the units. With G = B B^T, they are those of the rows of
    units @ B, which are much shorter than 3 V.

    Parameters
    ----------
    face
        Its skin alone counts: not the eyes, the teeth or the tongue.
    units
        (N, A) float unit weights, such as `dfe.data.simulate.sample_units` draws.

    Returns
    -------
    (N, A) float32, millimetres. The Euclidean norm of a row is the root mean square of the
    displacement over the vertices of the skin, and so is the distance between two rows.

    Raises
    ------
    TypeError, ValueError
        If the units are not finite floats of this shape, or the face has no part "skin".
    """
    if "skin" not in face.part_names:
        raise ValueError(f"the face has no part 'skin'; it has {face.part_names}")
    weights = as_rows(units, len(face.unit_displacements), "unit weights").astype(np.float64)
    skin = face.parts == face.part_names.index("skin")  # (V,)
    moves = face.unit_displacements[:, skin].astype(np.float64)  # (A, S, 3)
    flat = moves.reshape(len(moves), -1)  # (A, 3 S)
    gram = flat @ flat.T / skin.sum()  # (A, A), mm^2
    variance, directions = np.linalg.eigh(gram)
    # Units that move no skin make G singular, and rounding may push a zero below 0.
    factor = directions * np.sqrt(variance.clip(min=0))  # (A, A)
    return (weights @ factor).astype(np.float32)


def align_face(image: NDArray[np.uint8], landmarks: ArrayLike) -> NDArray[np.float64]:
    """Turn, scale and move a picture so that the outer eye corners lie at `EYE_PLACES`.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB. Beyond its border the last pixel is repeated.
    landmarks
        (478, 2) or (478, 3) float, pixels; x, y first.

    Returns
    -------
    (128, 128) float64 gray, 0 to 1.

    Raises
    ------
    ValueError
        If the eye corners coincide or are not finite.
    """
    color, filters, transform = map(
        require, ("skimage.color", "skimage.filters", "skimage.transform")
    )
    corners = np.asarray(landmarks, np.float64)[list(EYE_CORNERS), :2]  # (2, 2)
    if not np.isfinite(corners).all() or (corners[0] == corners[1]).all():
        raise ValueError(f"eye corners {corners.tolist()} give the face no size; drop the frame")
    right, left = corners @ [1, 1j]
    place_right, place_left = np.asarray(EYE_PLACES) @ [1, 1j]
    # As complex numbers, picture = ratio * crop + shift is the one similarity through two points.
    ratio = (left - right) / (place_left - place_right)
    shift = right - ratio * place_right
    scale = float(abs(ratio))  # pixels of the picture for each pixel of the crop
    gray = color.rgb2gray(image)  # (H, W)
    if scale > 1:  # blurred as `skimage.transform.resize` does, or fine texture aliases
        gray = filters.gaussian(gray, (scale - 1) / 2)
    to_picture = transform.SimilarityTransform(
        scale=scale, rotation=np.angle(ratio), translation=(shift.real, shift.imag)
    )
    crop = transform.warp(gray, to_picture, output_shape=(CROP, CROP), mode="edge")
    return np.asarray(crop, np.float64)


def describe_face(image: NDArray[np.uint8], landmarks: ArrayLike) -> NDArray[np.float32]:
    """Histogram of oriented gradients of the aligned face (Dalal and Triggs, 2005).

    Parameters and errors are those of `align_face`.

    Returns
    -------
    (1764,) float32, not negative: 9 directions in 7 x 7 blocks of 2 x 2 cells of 16 x 16 pixels.
    All are 0 for a picture without any contrast.
    """
    descriptor = require("skimage.feature").hog(
        align_face(image, landmarks),
        orientations=ORIENTATIONS,
        pixels_per_cell=(CELL, CELL),
        cells_per_block=(BLOCK, BLOCK),
        block_norm="L2-Hys",
    )
    return np.asarray(descriptor, np.float32)


class _Clip(NamedTuple):
    """A video or an image of a source, and the frames of it that the table has."""

    dataset: str
    member: Member
    path: Path
    frames: frozenset[int]


def appearance(table: FeatureTable, sources: Sequence[Manifest]) -> Observation:
    """Appearance of the face in each frame that is a picture, as `describe_face` sees it.

    The face is found again as extraction found it: a video from its first frame on, because the
    tracker smooths over time. A frame of the table in which no face is found this time gets no
    row, and a warning counts such frames. Only numbers are kept, no pictures.

    Parameters
    ----------
    table
        Its frames are described, and no others.
    sources
        Manifests; those that the table does not hold and those without videos and images are
        passed over.

    Returns
    -------
    Observation with (M, 1764) values, in the order of sources, clips and frames, M <= N.

    Raises
    ------
    ValueError
        If no frame of the table is a picture of these sources, or none shows a face.
    dfe.data.fetch.FetchError, dfe.data.extract.ExtractionError
        If a source cannot be had or a file of it cannot be read.
    """
    clips = _clips(table, sources)
    if not clips:
        raise ValueError(
            f"the table holds no video or image of {[m.id for m in sources]}; "
            f"its data sets are {np.unique(table.dataset).tolist()}"
        )
    model = landmarker_model()
    shown = progress(clips, "appearance", disable=not sys.stdout.isatty())
    rows = [
        (clip.dataset, clip.member.clip, frame, values)
        for clip in shown
        for frame, values in _describe_clip(clip, model).items()
    ]
    if not rows:
        raise ValueError("no face was found in any frame; extract the features again")
    datasets, names, frames, values = zip(*rows, strict=True)
    return Observation(
        dataset=np.array(datasets),
        clip=np.array(names),
        frame=np.array(frames, np.int64),
        values=np.stack(values),
        metadata=ObservationMetadata(
            name="appearance",
            kind="features",
            origin=table.metadata.origin,
            extractor="histogram of oriented gradients of the aligned face",
            extractor_version=f"scikit-image {version('scikit-image')}, "
            f"mediapipe {version('mediapipe')}",
            inputs_sha256=inputs_sha256(clip.member for clip in clips),
        ),
    )


def _clips(table: FeatureTable, sources: Sequence[Manifest]) -> list[_Clip]:
    """Pictures that the table has frames of; only sources with any are fetched."""
    clips = []
    for manifest in sources:
        ours = table.dataset == manifest.id  # (N,)
        wanted = {
            member: frozenset(table.frame[ours & (table.clip == member.clip)].tolist())
            for member in manifest.members
            if member.kind in PICTURE_KINDS
        }
        if any(wanted.values()):
            folder = fetch(manifest)
            clips += [
                _Clip(manifest.id, member, folder / member.path, frames)
                for member, frames in wanted.items()
                if frames
            ]
    return clips


def _describe_clip(clip: _Clip, model: Path) -> dict[int, NDArray[np.float32]]:
    """Return the descriptor of each wanted frame that shows a face, by frame number."""
    video = clip.member.kind == "video"
    images = iter_images(clip.path) if video else iter([read_image(clip.path)])
    clock = milliseconds(frame_times(clip.path).seconds) if video else [0]
    described: dict[int, NDArray[np.float32]] = {}
    with native_stderr_silenced(), face_detector(model, video=video) as detect:
        for frame, (image, time) in enumerate(zip(images, clock, strict=False)):
            face = detect(image, time)  # of every frame: the tracker has to see them all
            if face is not None and frame in clip.frames:
                described[frame] = describe_face(image, face.landmarks)
    _warn_of_lost(clip, described)
    return described


def _warn_of_lost(clip: _Clip, described: Collection[int]) -> None:
    if lost := len(clip.frames) - len(described):
        warnings.warn(
            f"{clip.dataset}/{clip.member.clip}: no face found again in {lost} of "
            f"{len(clip.frames)} frames; they have no appearance",
            stacklevel=3,
        )
