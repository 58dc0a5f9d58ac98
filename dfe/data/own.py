"""The reader's own data in the place of open ones: which files, on which face, and whose frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from dfe.config import Profile, TaskFiles, TaskName
from dfe.data.fetch import cache_root, sha256_file
from dfe.data.gated import GatedManifest, load_gated
from dfe.data.ingested import clips_path, ingested_extractors, ingested_path
from dfe.data.observations import Observation, read_observation
from dfe.data.table import N_PSI, FeatureTable, Metadata, Source
from dfe.face import FaceModel, Flame, OpenHead
from dfe.face.open_head import ASSET

#: Adapter -> how the pages call what it reads; others keep the name in their file.
OBSERVERS: Mapping[str, str] = MappingProxyType(
    {
        "libreface": "LibreFace",
        "mae-face": "MAE-Face",
        "marlin": "MARLIN",
        "videomae": "VideoMAE",
        "smirk": "SMIRK",
        "facial-basis": "Facial Basis (published)",
    }
)
LIBREFACE, HUMAN_UNITS = "libreface", "human-action-units"


class OwnDataError(ValueError):
    """A data set of the reader's own lacks a file, or its files do not fit together."""


def face_path(profile: Profile) -> Path | None:
    """The FLAME file that a profile names, below `$DFE_DATA` unless absolute; None for none."""
    named = profile.own.face
    return None if named is None else cache_root() / named.expanduser()


def own_face_name(profile: Profile) -> str:
    """Name of the face of the profile's models, without reading its file."""
    return OpenHead.name if profile.own.face is None else Flame.name


def own_face(profile: Profile) -> FaceModel:
    """The face of the profile's models: the reader's FLAME, or the open head.

    Raises
    ------
    FileNotFoundError, dfe.face.FlameError
        If the file that the profile names is missing or no FLAME model.
    """
    path = face_path(profile)
    return OpenHead() if path is None else Flame(path)


def ingested(dataset: str, extractor: str) -> Path:
    """The observation file of an extractor.

    Raises
    ------
    OwnDataError
        If it is not there; the message says how to make it.
    """
    path = ingested_path(dataset, extractor)
    if not path.is_file():
        known = ", ".join(ingested_extractors(dataset)) or "nothing"
        raise OwnDataError(
            f"{path} is missing (of {dataset}, {known} was ingested); make it with: "
            f"dfe data ingest {dataset} --extractor {extractor} --from FOLDER"
        )
    return path


def task_files(profile: Profile, name: TaskName) -> TaskFiles | None:
    """Files of a task that the reader brings: named one by one, or a data set; None if simulated.

    Raises
    ------
    OwnDataError
        If expression vectors or the table of clips of the data set are missing.
    """
    if name in profile.utility.tasks:
        return profile.utility.tasks[name]
    if name not in profile.own.tasks:
        return None
    dataset, clips = profile.own.tasks[name], clips_path(profile.own.tasks[name])
    if not clips.is_file():
        raise OwnDataError(f"{clips} is missing; make it with: dfe data labels {dataset} --from …")
    psi = ingested(dataset, profile.own.psi)
    return TaskFiles(clips=clips, psi=psi, observers=observer_files(dataset, profile.own.psi))


def observer_files(dataset: str, psi: str) -> dict[str, Path]:
    """Name -> file of everything that was ingested of a data set, besides ψ and human labels."""
    others = [id for id in ingested_extractors(dataset) if id not in (psi, HUMAN_UNITS)]
    return {OBSERVERS.get(id, id): ingested_path(dataset, id) for id in others}


def own_inputs(profile: Profile, dataset: str) -> list[Path]:
    """Every file that was made of a data set, for the graph of the build."""
    paths = [ingested_path(dataset, id) for id in ingested_extractors(dataset)]
    clips = clips_path(dataset)
    face = face_path(profile)
    return [*paths, *([clips] if clips.is_file() else []), *([face] if face else [])]


def training_inputs(profile: Profile) -> list[Path]:
    """What the models learn from, where it is the reader's own: expression vectors and the face."""
    dataset, face = profile.own.training, face_path(profile)
    if not dataset:
        return []
    return [ingested(dataset, profile.own.psi), *([face] if face else [])]


def own_table(profile: Profile, dataset: str) -> FeatureTable:
    """Expression vectors of a data set as a feature table, with the subject of each clip.

    There are no scores and no landmarks in it, and no times (NaN).

    Raises
    ------
    OwnDataError
        If the file is missing, does not hold expression vectors of the profile's face, or a clip
        has no subject by the manifest.
    """
    path = ingested(dataset, profile.own.psi)
    seen, manifest = read_observation(path), load_gated(dataset)
    face = own_face_name(profile)
    check_psi(seen, face, path)
    sha256 = sha256_file(face_path(profile) or ASSET)
    source = Source(
        manifest=dataset,
        extractor=seen.metadata.adapter or seen.metadata.extractor,
        extractor_version=seen.metadata.extractor_version,
        inputs_sha256=seen.metadata.inputs_sha256 or sha256_file(path),
    )
    return FeatureTable(
        dataset=seen.dataset,
        clip=seen.clip,
        subject=_subjects(seen.clip, manifest),
        frame=seen.frame,
        timestamp=np.full(len(seen), np.nan),
        psi=seen.values,
        scores=None,
        landmarks=None,
        metadata=Metadata(
            origin=seen.metadata.origin, face=face, face_sha256=sha256, sources=(source,)
        ),
    )


def check_psi(seen: Observation, face: str, where: object) -> None:
    """Refuse what are not expression vectors of a face.

    Raises
    ------
    OwnDataError
        Naming the file, and the face that it is of.
    """
    if seen.values.shape[1] != N_PSI:
        raise OwnDataError(f"{where}: {seen.values.shape[1]} values a frame, not {N_PSI}")
    if seen.metadata.face != face:
        found = seen.metadata.face or "no face that it names"
        raise OwnDataError(
            f"{where}: expression vectors of {found}, but the profile's face is {face!r}; set "
            "`own.face` to the FLAME file that the extractor used, or ingest vectors of that face"
        )


def _subjects(clip: np.ndarray, manifest: GatedManifest) -> np.ndarray:
    """(N,) subject of each frame's clip."""
    names, row = np.unique(clip, return_inverse=True)
    rule = manifest.clips
    owners = [rule.owner(str(name)) if rule else None for name in names]
    if None in owners:
        name = str(names[owners.index(None)])
        raise OwnDataError(f"{manifest.id}: the manifest names no subject for clip {name!r}")
    return np.array(owners, np.str_)[row]
