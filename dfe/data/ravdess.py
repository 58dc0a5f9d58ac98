"""Landmark tracking of RAVDESS (Zenodo 3255102) as a task: which emotion does an actor show?

Files are those of OpenFace 2, one for each recording; their names hold the labels
(`dfe.data.labels.ravdess`). The landmarks of an actor become expression vectors of the open head
(`dfe.data.landmark_fit`), with the median of the actor's neutral recordings as identity. An actor
without any gets the median of all of his or her frames, which lie on all sides of neutral.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.data.adapters.base import from_zero
from dfe.data.adapters.openface import INTENSITIES, read_openface
from dfe.data.adapters.tables import need_unique, numbers, read_table, whole_numbers
from dfe.data.fetch import cache_root
from dfe.data.gated import load_gated
from dfe.data.labels.ravdess import RavdessName, parse_name
from dfe.data.landmark_fit import LandmarkError, LandmarkFit, fit_psi, neutral_shape, to_head_axes
from dfe.data.task import PSI, Frames, Task, TaskError

DATASET = "ravdess-landmarks"
TASK = "emotions"
FEWEST_ACTORS = 3  # one to score, and two to choose hyper-parameters by

#: Observers of the task beside psi.
OPENFACE_UNITS = "action units (OpenFace)"
LANDMARK_MOTION = "landmark displacements"  # (M, 153) millimeters, as `LandmarkFit` has them
FIT_RESIDUAL = "residual of the fit"  # (M, 1) millimeters

Channel = Literal["speech", "song", "both"]

_POINTS = range(17, 68)  # without the outline of the face, which no vertex of the head stands for
_SPACE = tuple(f"{axis}_{point}" for point in _POINTS for axis in "XYZ")
_PLACES = tuple(f"{point}_{axis}" for point in _POINTS for axis in "xyz")


@dataclass(frozen=True, eq=False)
class Track:
    """The usable frames of one recording.

    Attributes
    ----------
    name
        What the name of the file says.
    landmarks
        (M, 51, 3) millimeters, in the axes of the head.
    units
        (M, 17) intensities of action units, 0 to 5.
    dropped
        How many frames could not be used.
    """

    name: RavdessName
    landmarks: NDArray[np.float64]  # (M, 51, 3)
    units: NDArray[np.float32]  # (M, 17)
    dropped: int

    def thinned(self, every: int) -> Track:
        """The track with each n-th frame, from the first on."""
        return Track(self.name, self.landmarks[::every], self.units[::every], self.dropped)


def emotions_folder() -> Path:
    """Where the files are looked for: ``$DFE_DATA/ravdess-landmarks``."""
    return cache_root() / DATASET


def tracks_state() -> str:
    """One hash for names, sizes and times of the files that are there; empty if there are none.

    A build compares it with that of the last build, without reading the files.
    """
    paths = sorted(emotions_folder().rglob("*.csv"))
    stats = [(path.as_posix(), path.stat()) for path in paths]
    lines = "".join(f"{name} {stat.st_size} {stat.st_mtime_ns}\n" for name, stat in stats)
    return hashlib.sha256(lines.encode()).hexdigest() if lines else ""


def expected_clips() -> int:
    """Number of recordings of the whole archive, from its manifest."""
    return load_gated(DATASET).group("tracks").least


def find_tracks(folder: Path, channel: Channel = "both") -> dict[str, Path]:
    """Recording, such as ``01-01-03-02-01-02-05``, -> its file, sorted; empty if there are none.

    A recording that is there with sound and without, as two files, is taken once: the first one.

    Raises
    ------
    dfe.data.labels.base.LabelError
        If a name is not one of RAVDESS.
    TaskError
        If two files have one name.
    """
    patterns = load_gated(DATASET).group("tracks").patterns
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise TaskError(f"{path} and {found[path.stem]} are of one recording: remove one")
        if channel in ("both", parse_name(path.stem).channel):
            found[path.stem] = path
    return _without_modalities(found)


def _without_modalities(found: Mapping[str, Path]) -> dict[str, Path]:
    """Drop what differs from an earlier name in its first field alone."""
    first: dict[str, str] = {}
    for name in sorted(found):
        first.setdefault(name.partition("-")[2], name)
    return {name: found[name] for name in sorted(first.values())}


def read_track(path: Path) -> Track:
    """Read one file of OpenFace with landmarks in space.

    Raises
    ------
    AdapterError
        If the file is damaged, lacks a column, or holds two faces in one frame.
    dfe.data.labels.base.LabelError
        If its name is not one of RAVDESS.
    """
    seen = read_openface(path.stem, (path,))  # checks the file, and drops frames without a face
    table = read_table(path, ("frame", *_SPACE))
    frame, space = whole_numbers(path, table, "frame"), _space(path, table)
    need_unique(path, frame)
    frame = from_zero(path, frame)
    order = np.argsort(frame)
    rows = order[np.searchsorted(frame, seen.frame, sorter=order)]  # (M,)
    points = to_head_axes(space[rows].reshape(-1, len(_POINTS), 3))
    whole = np.isfinite(points).all((1, 2))
    units = seen.values[whole, : len(INTENSITIES)]
    return Track(parse_name(path.stem), points[whole], units, len(frame) - len(units))


def _space(path: Path, table: pd.DataFrame) -> NDArray[np.float64]:
    """Landmarks in space, (N, 153)."""
    cells = table[list(_SPACE)]
    if all(kind.kind in "iuf" for kind in cells.dtypes):  # a hundred times as fast as by column
        return cells.to_numpy(np.float64)
    return numbers(path, table, _SPACE)  # names the cell that is no number


def load_tracks(files: Mapping[str, Path], every: int = 1) -> tuple[dict[str, Track], int]:
    """Read recordings, and leave out those without any usable frame.

    Returns
    -------
    Recording -> track with each n-th frame, and how many recordings were left out.
    """
    tracks = {name: read_track(path).thinned(every) for name, path in files.items()}
    usable = {name: track for name, track in tracks.items() if len(track.landmarks)}
    return usable, len(tracks) - len(usable)


def fit_tracks(tracks: Mapping[str, Track], noise: float) -> dict[str, LandmarkFit]:
    """Fit each actor with a neutral shape of his or her own; recording -> fit.

    Raises
    ------
    TaskError
        If landmarks of a recording cannot be fitted.
    """
    neutral = {actor: _neutral(tracks, actor) for actor in {t.name.actor for t in tracks.values()}}
    found = {}
    for name, track in tracks.items():
        try:
            found[name] = fit_psi(track.landmarks, neutral[track.name.actor], noise)
        except LandmarkError as error:
            raise TaskError(f"{DATASET}, recording {name}: {error}") from error
    return found


def _neutral(tracks: Mapping[str, Track], actor: int) -> NDArray[np.float64]:
    own = [track for track in tracks.values() if track.name.actor == actor]
    calm = [track for track in own if track.name.emotion == "neutral"] or own
    try:
        return neutral_shape(np.concatenate([track.landmarks for track in calm]))
    except LandmarkError as error:
        raise TaskError(f"{DATASET}, actor {actor:02d}: {error}") from error


def emotion_task(tracks: Mapping[str, Track], fits: Mapping[str, LandmarkFit]) -> Task:
    """The task of some recordings.

    Returns
    -------
    Clips with the labels ``emotion``, ``intensity``, ``channel``, ``statement`` and ``sex``, and
    with how many frames were used (``frames``) and could not be (``dropped``). Observers: psi,
    `OPENFACE_UNITS`, `LANDMARK_MOTION` and `FIT_RESIDUAL`.

    Raises
    ------
    TaskError
        If there are fewer than three actors, which no protocol with actors kept apart can use.
    """
    clips = pd.DataFrame([_row(name, track) for name, track in tracks.items()]).set_index("clip")
    if (actors := clips["subject"].nunique()) < FEWEST_ACTORS:
        raise TaskError(
            f"{emotions_folder()}: recordings of {actors} actors, and at least {FEWEST_ACTORS} are "
            f"needed; fetch the others: dfe data fetch {DATASET}"
        )
    clip = np.repeat(np.arange(len(tracks)), [len(track.units) for track in tracks.values()])
    values = {
        PSI: (np.concatenate([fits[name].psi for name in tracks]), ()),
        OPENFACE_UNITS: (np.concatenate([t.units for t in tracks.values()]), INTENSITIES),
        LANDMARK_MOTION: (_flat([fits[name].displacements for name in tracks]), _PLACES),
        FIT_RESIDUAL: (_flat([fits[name].residual for name in tracks]), ("residual",)),
    }
    frames = {  # copies, because a file of tensors refuses those that share memory
        name: Frames(clip.copy(), table, columns) for name, (table, columns) in values.items()
    }
    return Task(TASK, "real", clips, frames, DATASET)


def _row(name: str, track: Track) -> dict[str, str | int]:
    said = track.name
    return {
        "clip": name,
        "subject": f"actor{said.actor:02d}",
        "split": "",
        "emotion": said.emotion,
        "intensity": said.intensity,
        "channel": said.channel,
        "statement": said.statement,
        "sex": said.sex,
        "frames": len(track.units),
        "dropped": track.dropped,
    }


def _flat(parts: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Arrays (n, ...) of several recordings as one (M, D)."""
    joined = np.concatenate(parts)
    return joined.reshape(len(joined), -1).astype(np.float32)
