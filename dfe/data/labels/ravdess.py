"""RAVDESS (Livingstone and Russo 2018, PLoS ONE 13:e0196391): labels in the names of the files.

A name is ``modality-channel-emotion-intensity-statement-repetition-actor``, two digits each, as
``01-01-03-02-01-02-05``. Odd actors are male, even ones female.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from dfe.data.adapters.base import by_stem
from dfe.data.labels.base import LabelError

MODALITIES = ("audio and video", "video", "audio")
CHANNELS = ("speech", "song")
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
SUNG = EMOTIONS[:6]  # disgust and surprise were only spoken
INTENSITIES = ("normal", "strong")
STATEMENTS = ("Kids are talking by the door", "Dogs are sitting by the door")
REPETITIONS = (1, 2)
ACTORS = tuple(range(1, 25))

T = TypeVar("T")

_NAME = re.compile("-".join(["([0-9]{2})"] * 7))


@dataclass(frozen=True)
class RavdessName:
    """What the name of a file says."""

    modality: str
    channel: str
    emotion: str
    intensity: str
    statement: str
    repetition: int
    actor: int  # 1 to 24

    @property
    def sex(self) -> str:
        """Sex of the actor."""
        return "male" if self.actor % 2 else "female"


def parse_name(name: str) -> RavdessName:
    """Read a name without its suffix.

    Raises
    ------
    LabelError
        If it has another form, a field is out of range, or it names what was never recorded: a
        strong neutral face, or disgust or surprise in song.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise LabelError(f"{name!r} is not seven numbers of two digits, as 01-01-03-02-01-02-05")
    modality, channel, emotion, intensity, statement, repetition, actor = map(int, match.groups())
    found = RavdessName(
        _coded(MODALITIES, modality, "modality", name),
        _coded(CHANNELS, channel, "channel", name),
        _coded(EMOTIONS, emotion, "emotion", name),
        _coded(INTENSITIES, intensity, "intensity", name),
        _coded(STATEMENTS, statement, "statement", name),
        _coded(REPETITIONS, repetition, "repetition", name),
        _coded(ACTORS, actor, "actor", name),
    )
    if found.emotion == "neutral" and found.intensity == "strong":
        raise LabelError(f"{name}: neutral was recorded in normal intensity only")
    if found.channel == "song" and found.emotion not in SUNG:
        raise LabelError(f"{name}: {found.emotion} was recorded in speech only")
    return found


def _coded(values: tuple[T, ...], code: int, field: str, name: str) -> T:
    """The value of a code from 1."""
    if not 1 <= code <= len(values):
        raise LabelError(f"{name}: {field} {code:02d} is not from 01 to {len(values):02d}")
    return values[code - 1]


def read_ravdess(folder: Path, pattern: str = "**/*.csv") -> pd.DataFrame:
    """Labels of all files in a folder, by their names.

    Parameters
    ----------
    pattern
        Which files; one for each recording.

    Returns
    -------
    DataFrame
        ``clip`` (path below the folder without suffix, as the adapters name it), ``subject``
        ("actor01" to "actor24"), ``split`` (empty: there are no official ones), ``emotion``,
        ``intensity``, ``channel``, ``statement``, ``repetition``, ``modality`` and ``sex``.

    Raises
    ------
    LabelError
        If there is no file, or a name is not one of RAVDESS.
    """
    found = {clip: parse_name(Path(clip).name) for clip in by_stem(folder, pattern)}
    if not found:
        raise LabelError(f"{folder}: no files {pattern} here; unpack the archives of the actors")
    rows = [
        {
            "clip": clip,
            "subject": f"actor{one.actor:02d}",
            "split": "",
            "emotion": one.emotion,
            "intensity": one.intensity,
            "channel": one.channel,
            "statement": one.statement,
            "repetition": one.repetition,
            "modality": one.modality,
            "sex": one.sex,
        }
        for clip, one in found.items()
    ]
    return pd.DataFrame(rows)
