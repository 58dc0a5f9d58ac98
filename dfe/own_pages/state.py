"""What a reader has of each data set that cannot be fetched, and what a build makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from dfe.config import Profile, Settings
from dfe.data.fetch import cache_root
from dfe.data.gated import GatedManifest, gated_ids, load_gated
from dfe.data.ingested import clips_path, ingested_extractors, ingested_path
from dfe.data.own import HUMAN_UNITS, LIBREFACE, face_path

Degree = Literal["in this build", "ingested", "not here"]
Part = Literal["face", "training", "frames", "smiles", "personality", "depression", "stress"]
LABELS = "labels"  # among what is missing, beside ids of extractors
OBSERVER = "an observer, such as smirk or mae-face"  # the same


class Have(Settings):
    """How much of one data set is there.

    Attributes
    ----------
    degree
        "in this build": `own` of the profile names it, and all that it reads is there; or it was
        fetched, and a page reads it. "ingested": some of it was, and the build does not use it.
        "not here": nothing was.
    parts
        Parts of the book for which the profile names it.
    extractors
        Ids of those whose output was ingested, sorted.
    labels
        Whether its table of clips is there.
    copy_here
        Whether `$DFE_DATA/<id>`, the folder of the reader's own copy, holds anything.
    missing
        What the profile reads and is not there: ids of extractors, `LABELS`, `OBSERVER`, or the
        path of the face.
    """

    degree: Degree
    parts: tuple[Part, ...] = ()
    extractors: tuple[str, ...] = ()
    labels: bool = False
    copy_here: bool = False
    missing: tuple[str, ...] = ()


def own_state(profile: Profile) -> dict[str, Have]:
    """How much of each data set is there: id of its manifest -> what a build of `profile` has."""
    return {id: have(profile, load_gated(id)) for id in gated_ids()}


def state_text(profile: Profile) -> str:
    """All of `own_state` as one text, for the graph of a build: another text, other pages."""
    found = own_state(profile)
    return json.dumps({id: one.model_dump(mode="json") for id, one in found.items()})


def have(profile: Profile, manifest: GatedManifest) -> Have:
    """How much of one data set is there for a build of `profile`."""
    id = manifest.id
    parts = _parts(profile, manifest)
    missing = tuple(dict.fromkeys(_missing(profile, id, parts)))
    extractors, labels = ingested_extractors(id), clips_path(id).is_file()
    degree: Degree = "ingested" if extractors or labels else "not here"
    if (parts and not missing) or _fetched(manifest):
        degree = "in this build"
    return Have(
        degree=degree,
        parts=parts,
        extractors=extractors,
        labels=labels,
        copy_here=_holds_anything(cache_root() / id),
        missing=missing,
    )


def _parts(profile: Profile, manifest: GatedManifest) -> tuple[Part, ...]:
    own = profile.own
    named: list[tuple[Part, str | None]] = [("training", own.training), ("frames", own.frames)]
    parts = [part for part, id in [*named, *own.tasks.items()] if id == manifest.id]
    if own.face and manifest.role == "face-model":
        parts.insert(0, "face")
    return tuple(parts)


def _missing(profile: Profile, id: str, parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        if part == "face":
            if not ((path := face_path(profile)) and path.is_file()):
                yield str(profile.own.face)
            continue
        if not ingested_path(id, profile.own.psi).is_file():
            yield profile.own.psi
        if part == "frames":
            known = {*ingested_extractors(id)} - {profile.own.psi, LIBREFACE, HUMAN_UNITS}
            if not known:
                yield OBSERVER
        elif part != "training" and not clips_path(id).is_file():
            yield LABELS


def _fetched(manifest: GatedManifest) -> bool:
    """Whether anything of its archive was unpacked; a page of the book reads it from there."""
    if manifest.archive is None:
        return False
    folder, patterns = cache_root() / manifest.id, manifest.group(manifest.archive.unpack).patterns
    return any(next(folder.glob(pattern), None) for pattern in patterns)


def _holds_anything(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is not None
