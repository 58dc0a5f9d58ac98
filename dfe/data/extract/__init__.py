"""Extraction: the files of a manifest become tracks of ARKit scores and aligned landmarks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path

from rich.progress import track as progress

from dfe.data.extract.blendshapes import BlendshapeNetwork
from dfe.data.extract.errors import ExtractionError
from dfe.data.extract.facecap import glb_frames
from dfe.data.extract.frames import Frames
from dfe.data.extract.landmarker import image_frames, video_frames
from dfe.data.extract.poses import pose_frames
from dfe.data.extract.report import ExtractionReport, summarize
from dfe.data.fetch import fetch
from dfe.data.manifest import FRAME_KINDS, Manifest, Member, load_manifest
from dfe.data.track import Track

__all__ = [
    "ExtractionError",
    "ExtractionReport",
    "choose_members",
    "extract",
    "landmarker_model",
    "summarize",
]

LANDMARKER = "mediapipe-face-landmarker"  # manifest of the model file

Adapter = Callable[[Path], Frames]


def extract(manifest: Manifest, limit: int | None = None) -> list[Track]:
    """Fetch the files of `manifest` and turn each into a track.

    A clip in which no frame has a face still gives a track, of length 0, that carries its
    `skipped` counts. A progress bar shows on a terminal and nowhere else.

    Parameters
    ----------
    manifest
        A source of frames.
    limit
        At most this many clips, chosen by `choose_members`; None = all.

    Raises
    ------
    ExtractionError
        If the manifest lists no frames, or a file cannot be read.
    """
    members = choose_members([m for m in manifest.members if m.kind in FRAME_KINDS], limit)
    if not members:
        raise ExtractionError(f"manifest {manifest.id!r} lists no videos, images or other frames")
    folder = fetch(manifest)
    adapters = _adapters(reference=manifest.reference == "first-frame")
    shown = progress(members, f"extract {manifest.id}", disable=not sys.stdout.isatty())
    return [
        Track(manifest.id, str(m.clip), str(m.subject), *adapters[m.kind](folder / m.path))
        for m in shown
    ]


def choose_members(members: Sequence[Member], limit: int | None) -> list[Member]:
    """Choose at most `limit` members, spread over subjects, always the same ones.

    Takes the first clip of each subject, then the second of each, and so on, both sorted by
    name. The chosen members keep the order that they have in the manifest.

    Raises
    ------
    ValueError
        If `limit` is less than 1.
    """
    if limit is None:
        return list(members)
    if limit < 1:
        raise ValueError(f"limit must be at least 1 clip or None, not {limit}")
    by_subject: dict[str, list[Member]] = {}
    for member in sorted(members, key=lambda m: (str(m.subject), str(m.clip))):
        by_subject.setdefault(str(member.subject), []).append(member)
    rounds = chain.from_iterable(zip_longest(*by_subject.values()))
    chosen = [member.path for member in rounds if member is not None][:limit]
    return [member for member in members if member.path in set(chosen)]


def landmarker_model() -> Path:
    """Fetch the Face Landmarker's model and return the path of its `.task` file."""
    landmarker = load_manifest(LANDMARKER)
    (path,) = (m.path for m in landmarker.members if m.kind == "model")
    return fetch(landmarker) / path


def _adapters(*, reference: bool) -> dict[str, Adapter]:
    """One reader per kind of member; the model is fetched when the first of them needs it."""
    model = cache(landmarker_model)
    network = cache(lambda: BlendshapeNetwork(model()))

    return {
        "image": lambda path: image_frames(path, model()),
        "video": lambda path: video_frames(path, model()),
        "pose": lambda path: pose_frames(path, network(), reference=reference),
        "glb": glb_frames,
    }
