"""Other programs' files of a data set become one observation file, however many there are.

The recordings are read in parts, by several processes, and each part is a small file beside the
observation file that is to come. When all parts are there they are put together and removed. A
process that is killed at any point leaves the observation file absent or whole; the next call goes
on with the parts that are finished. The memory that is needed depends on the longest recording and
on the number of recordings, not on the number of frames.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from dfe.data.adapters.base import Adapter, AdapterError
from dfe.data.gated import GatedManifest
from dfe.data.ingest_parts import KEY, IngestError, Part
from dfe.data.ingest_plan import clip_names, cut, find_sources, plan_of, survey
from dfe.data.ingest_pool import make_parts
from dfe.data.ingest_whole import count_dropped, whole_sha256, write_report, write_whole
from dfe.data.ingested import ingested_path, report_path
from dfe.data.observations import OBSERVATION_KEY, ObservationMetadata
from dfe.files import atomic

__all__ = ["IngestError", "Progress", "Step", "ingest"]

UNKNOWN = "unknown"  # version of a program that nobody named

_WHOLE, _REPORT = "whole.parquet", "report.csv"


@dataclass(frozen=True)
class Step:
    """How far an ingest is.

    Parameters
    ----------
    what
        "start", "part" (one more is finished), "write" (all are), "already" (nothing to do).
    done, of
        Recordings that are finished, and all.
    frames
        Usable frames in the former.
    reused
        Recordings among the finished ones that an earlier call had read.
    """

    what: Literal["start", "part", "write", "already"]
    done: int
    of: int
    frames: int = 0
    reused: int = 0


Progress = Callable[[Step], None]


def ingest(
    manifest: GatedManifest,
    adapter: Adapter,
    folder: Path,
    *,
    version: str = UNKNOWN,
    every: int = 1,
    names: str | None = None,
    jobs: int = 2,
    progress: Progress = lambda step: None,
) -> Path:
    """Read all recordings of a folder into one observation file, and return its path.

    Nothing is done if the file is there and was made of the same files with the same options.

    Parameters
    ----------
    manifest
        The data set; its `clips` says which clip a recording is.
    adapter
        How the program's files are read.
    folder, version
        Where they lie, and the version of the program.
    every
        Keep the frames whose number it divides, where all of them would not fit into memory.
    names
        Regular expression in the place of the manifest's: group 1 is the clip.
    jobs
        Processes that read. An adapter that is not registered is read by this one.
    progress
        Called after each step.

    Raises
    ------
    AdapterError
        If the folder holds no recording, a file is not what the program writes, or no recording
        has a usable frame. Parts that are finished stay, so that the next call goes on.
    IngestError
        If a recording stands for no clip or two for one, an option makes no sense, or another
        process is ingesting the same.
    """
    if every < 1 or jobs < 1:
        raise IngestError(f"every ({every}) and jobs ({jobs}) must be at least 1")
    crops = manifest.role == "recordings"
    sources = find_sources(adapter, folder, clip_names(manifest, names), crops)
    about = _metadata(manifest, adapter, version)
    plan = plan_of(manifest, adapter, folder, every, sources)
    target = ingested_path(manifest.id, adapter.name)
    place = target.with_name(f"{target.name}.parts")
    with _locked(target.with_name(f"{target.name}.lock")):
        progress(Step("start", 0, len(sources)))
        key, sizes = survey(adapter, folder, sources, plan)
        if _is_made(target, key, about) and report_path(manifest.id, adapter.name).is_file():
            shutil.rmtree(place, ignore_errors=True)
            progress(Step("already", len(sources), len(sources)))
            return target
        parts = cut(place, folder, plan, every, sources, sizes)
        _read(parts, adapter, jobs, progress)
        _publish(parts, manifest.id, adapter.name, about)
    return target


def _metadata(manifest: GatedManifest, adapter: Adapter, version: str) -> ObservationMetadata:
    return ObservationMetadata(
        name=adapter.title,
        kind="features" if adapter.kind == "psi" else adapter.kind,
        columns=adapter.columns,
        # A number can only be held against the paper's if it rests on the paper's own data.
        origin="real" if manifest.used_in is None else "gated",
        extractor=adapter.title,
        extractor_version=version.strip() or UNKNOWN,
        adapter=adapter.name,
        face=adapter.face,
    )


def _is_made(target: Path, key: str, about: ObservationMetadata) -> bool:
    """Whether the observation file was made of these inputs, with this metadata."""
    try:
        found = pq.read_schema(target).metadata or {}
        said = ObservationMetadata.model_validate_json(found.get(OBSERVATION_KEY, b""))
    except (OSError, pa.ArrowException, ValidationError):
        return False
    same = said.model_copy(update={"inputs_sha256": None}) == about
    return same and found.get(KEY) == key.encode()


def _read(parts: Sequence[Part], adapter: Adapter, jobs: int, progress: Progress) -> None:
    """Make all parts.

    Raises
    ------
    AdapterError
        As `make_part`; also if there is no usable frame in any. Then no part is kept.
    IngestError
        If a part cannot be written, or a process was killed.
    """
    of = sum(len(part.sources) for part in parts)
    done = frames = reused = 0
    try:
        for made in make_parts(parts, adapter, jobs):
            done, frames = done + made.recordings, frames + made.frames
            reused += made.recordings * made.reused
            progress(Step("part", done, of, frames, reused))
    except OSError as error:  # of writing: files that cannot be read are an AdapterError
        raise IngestError(
            f"{parts[0].place}: a part cannot be written ({error}); make room and run this again, "
            "finished parts are kept"
        ) from error
    if not frames:
        reasons = ", ".join(f"{why}: {n}" for why, n in count_dropped(parts).items())
        shutil.rmtree(parts[0].place)
        raise AdapterError(
            f"{parts[0].folder}: no usable frame in {of} recordings ({reasons or 'none at all'})"
        )
    progress(Step("write", done, of, frames, reused))


# The results


def _publish(
    parts: Sequence[Part], dataset: str, extractor: str, about: ObservationMetadata
) -> None:
    """Write the report, then the observation file, then remove the parts.

    Both are written among the parts, so that nothing unfinished ever lies beside the results.
    """
    place = parts[0].place
    try:
        metadata = about.model_copy(update={"inputs_sha256": whole_sha256(parts)})
        with atomic(place / _REPORT) as unfinished:
            write_report(unfinished, parts)
        with atomic(place / _WHOLE) as unfinished:
            write_whole(unfinished, parts, dataset, metadata)
    except (OSError, pa.ArrowException) as error:
        raise IngestError(
            f"{place}: a part cannot be read back, or there is no room ({error}); if it happens "
            "again, delete this folder"
        ) from error
    os.replace(place / _REPORT, report_path(dataset, extractor))
    os.replace(place / _WHOLE, ingested_path(dataset, extractor))
    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep others from writing the same file; the lock of a process that died does not count.

    Raises
    ------
    IngestError
        If another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise IngestError(
                f"{path}: another process is ingesting the same; wait until it is done"
            ) from error
        if _is_at(path, handle):
            break
        os.close(handle)  # its holder removed it between our two calls
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
