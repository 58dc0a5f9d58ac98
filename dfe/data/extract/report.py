"""What extraction kept and what it dropped, per data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dfe.data.track import Track


@dataclass(frozen=True)
class ExtractionReport:
    """Counts of one data set."""

    dataset: str
    clips: int
    empty_clips: int  # clips without a single frame kept
    subjects: int
    frames: int  # frames kept
    skipped: Mapping[str, int]  # reason -> number of frames


def summarize(tracks: Iterable[Track]) -> list[ExtractionReport]:
    """Count clips, frames and skipped frames, one report per data set in order of appearance."""
    groups: dict[str, list[Track]] = {}
    for track in tracks:
        groups.setdefault(track.dataset, []).append(track)
    return [_report(dataset, members) for dataset, members in groups.items()]


def _report(dataset: str, tracks: list[Track]) -> ExtractionReport:
    skipped: Counter[str] = Counter()
    for track in tracks:
        skipped.update(track.skipped)
    return ExtractionReport(
        dataset=dataset,
        clips=len(tracks),
        empty_clips=sum(len(track.frame) == 0 for track in tracks),
        subjects=len({track.subject for track in tracks}),
        frames=sum(len(track.frame) for track in tracks),
        skipped=dict(sorted(skipped.items())),
    )
