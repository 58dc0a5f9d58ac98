"""What an ingest is going to read: recordings, their clips, and how they are cut into parts."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from dfe.data.adapters.base import Adapter
from dfe.data.gated import ClipNames, GatedManifest
from dfe.data.ingest_parts import IngestError, Part, Source, State, key_of, states
from dfe.files import atomic

#: A part ends with the recording that reaches one of these.
RECORDINGS, FILES, BYTES = 500, 10_000, 32 << 20

_FORMAT = "dfe-ingest/1"  # of parts; another one makes them anew
_PLAN = "plan.json"

Size = tuple[int, int]  # input files of a recording, and their bytes


def clip_names(manifest: GatedManifest, names: str | None) -> ClipNames:
    """The rule that gives the clip of a recording: the manifest's, or the pattern `names`.

    Raises
    ------
    IngestError
        If there is none, or `names` is no regular expression with a group.
    """
    if names is not None:
        try:
            return ClipNames(pattern=names, subject="(.+)")
        except ValidationError as error:
            why = "; ".join(one["msg"] for one in error.errors())
            raise IngestError(
                f"{names!r} does not name clips ({why}); give a regular expression whose group 1 "
                "is the clip, such as '([^/]+)$'"
            ) from error
    if manifest.clips is None:
        raise IngestError(f"{manifest.id} has no recordings; nothing is ingested for it")
    return manifest.clips


def find_sources(
    adapter: Adapter, folder: Path, rule: ClipNames, crops: bool = False
) -> list[Source]:
    """All recordings of a folder, in the order of their names; `crops` as in `recordings`.

    Raises
    ------
    AdapterError
        If there is none.
    IngestError
        If one stands for no clip, or two for the same.
    """
    found = adapter.recordings(folder, crops)
    clips = {name: rule.clip(name) or "" for name in sorted(found)}
    remedy = (
        "rename the files, or give a regular expression whose group 1 is the clip by --names "
        "(it is searched in the path below the folder, without its suffix)"
    )
    if strangers := [name for name, clip in clips.items() if not clip]:
        raise IngestError(
            f"{folder}: {len(strangers)} of {len(clips)} recordings stand for no clip, such as "
            f"{', '.join(strangers[:3])}: {rule.pattern!r} finds nothing there; {remedy}"
        )
    first: dict[str, str] = {}
    for name, clip in clips.items():
        if (other := first.setdefault(clip, name)) != name:
            raise IngestError(
                f"{folder}: {other} and {name} both stand for clip {clip!r} by {rule.pattern!r}; "
                f"move one of them away, {remedy}"
            )
    return [Source(name, clip, found[name]) for name, clip in clips.items()]


def plan_of(
    manifest: GatedManifest,
    adapter: Adapter,
    folder: Path,
    every: int,
    sources: Sequence[Source],
) -> str:
    """Hash of everything that decides about the rows, besides the contents of the files."""
    how = (adapter.name, adapter.title, adapter.kind, *adapter.columns, adapter.face)
    head = [_FORMAT, manifest.id, str(folder.resolve()), str(every), *how, *adapter.inside]
    digest = hashlib.sha256(json.dumps(head).encode())
    for source in sources:
        files = [path.relative_to(folder).as_posix() for path in source.files]
        digest.update(json.dumps([source.name, source.clip, *files]).encode())
    return digest.hexdigest()


def survey(
    adapter: Adapter, folder: Path, sources: Sequence[Source], plan: str
) -> tuple[str, list[Size]]:
    """Key of a plan with the input files as they are now, and the size of each source."""
    sizes: list[Size] = []

    def seen() -> Iterator[State]:
        for source in sources:
            files = total = 0
            for state in states(adapter, source, folder):
                files, total = files + 1, total + state[1]
                yield state
            sizes.append((files, total))

    return key_of(plan, seen()), sizes


def cut(
    place: Path,
    folder: Path,
    plan: str,
    every: int,
    sources: Sequence[Source],
    sizes: Sequence[Size],
) -> list[Part]:
    """The parts of a plan, in the folder `place`; what another plan left there is removed.

    They are those of an earlier call with the same plan: the cuts must not move if a file that was
    repaired has another size.
    """
    ends = _kept_ends(place, plan)
    if ends is None:
        shutil.rmtree(place, ignore_errors=True)
        ends = _ends(sizes)
        with atomic(place / _PLAN) as unfinished:
            unfinished.write_text(json.dumps({"plan": plan, "ends": ends}), encoding="utf-8")
    for leftover in place.glob(".*"):  # of writers whose parent was killed
        leftover.unlink(missing_ok=True)
    starts = [0, *ends[:-1]]
    return [
        Part(i, place, folder, plan, every, tuple(sources[start:end]))
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _kept_ends(place: Path, plan: str) -> list[int] | None:
    try:
        kept = json.loads((place / _PLAN).read_text(encoding="utf-8"))
        return kept["ends"] if kept["plan"] == plan else None
    except (OSError, ValueError, KeyError, TypeError):  # none, or none of ours
        return None


def _ends(sizes: Sequence[Size]) -> list[int]:
    """Number of the recording after the last one of each part."""
    ends, start, files, total = [], 0, 0, 0
    for i, (more, size) in enumerate(sizes, 1):
        files, total = files + more, total + size
        if i - start >= RECORDINGS or files >= FILES or total >= BYTES or i == len(sizes):
            ends.append(i)
            start, files, total = i, 0, 0
    return ends
