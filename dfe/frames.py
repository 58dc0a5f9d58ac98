"""Frames of sections 5.1 and 5.2 as others see them: action units, coders and observers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dfe.action_units import AU_NAMES, action_units, active
from dfe.appearance import load_appearance
from dfe.config import Profile
from dfe.data.ingested import ingested_path
from dfe.data.manifest import Origin
from dfe.data.observations import join, read_observation
from dfe.data.own import HUMAN_UNITS, LIBREFACE, OBSERVERS, OwnDataError, observer_files
from dfe.data.table import FeatureTable
from dfe.face import OpenHead
from dfe.observers import landmark_geometry

HIGHEST = 5.0  # intensity of an action unit on the scale of FACS, as LibreFace rates it
_RATED = "_intensity"  # end of the names of LibreFace's intensities; its labels are without


class AutomaticUnits(NamedTuple):
    """Action units as a program sees them in N frames.

    Attributes
    ----------
    names, on
        A names, and (N, A) bool whether the program calls a unit active.
    rated, intensity
        B names, and (N, B) float32 intensities from 0 to 1; the same units, or others.
    seen
        (N,) bool, frames that the program has read; what stands in the others means nothing.
    feature
        Id of the program in `needs` of `book/claims.yml`; empty for a stand-in.
    """

    names: tuple[str, ...]
    on: NDArray[np.bool_]  # (N, A)
    rated: tuple[str, ...]
    intensity: NDArray[np.float32]  # (N, B)
    seen: NDArray[np.bool_]  # (N,)
    feature: str


class Observed(NamedTuple):
    """What one observer or coder says about N frames.

    Attributes
    ----------
    values
        (N, D) float32, NaN throughout where a frame was not seen.
    origin
        Where the values come from.
    says
        Which observer it is: by its adapter, or else by the name that its file gives.
    """

    values: NDArray[np.float32]  # (N, D)
    origin: Origin
    says: str

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(N,) frames that have values."""
        return np.isfinite(self.values[:, 0])


def scored_units(scores: NDArray[np.float32], threshold: float) -> AutomaticUnits:
    """Action units from ARKit weights (N, 52) of the open head, by `dfe.action_units`."""
    intensity = action_units(scores, OpenHead().arkit_names)
    on = active(intensity, threshold)
    return AutomaticUnits(AU_NAMES, on, AU_NAMES, intensity, np.ones(len(on), bool), "")


def automatic_units(
    profile: Profile, table: FeatureTable, threshold: float
) -> AutomaticUnits | None:
    """Action units of the frames without a coder: from their scores, or from LibreFace.

    LibreFace calls 12 units active by itself, so the threshold does not count there, and rates 12
    units, of which five are others, from 0 to 5; the ratings are divided by 5 and cut to [0, 1].

    Returns
    -------
    None where frames of the reader's own come without LibreFace.
    """
    if table.scores is not None:
        return scored_units(table.scores, threshold)
    if not profile.own.frames:
        raise OwnDataError("the open frames were read without their scores: read these, too")
    path = ingested_path(profile.own.frames, LIBREFACE)
    if not path.is_file():
        return None
    observation = read_observation(path)
    columns, values = observation.metadata.columns, join(table, observation)  # (N, A + B)
    rates = np.array([name.endswith(_RATED) for name in columns])
    seen = np.isfinite(values[:, 0])
    known = np.where(seen[:, None], values, 0)
    return AutomaticUnits(
        tuple(name for name in columns if not name.endswith(_RATED)),
        known[:, ~rates] > 0,
        tuple(name.removesuffix(_RATED) for name in columns if name.endswith(_RATED)),
        np.clip(known[:, rates] / np.float32(HIGHEST), 0, 1),
        seen,
        LIBREFACE,
    )


def human_units(profile: Profile, table: FeatureTable, path: Path | None) -> Observed | None:
    """Action units that people have coded, > 0 where a unit is there; None without any.

    Parameters
    ----------
    path
        Observation file that a page names; None takes what was ingested of the profile's frames.

    Raises
    ------
    dfe.data.observations.ObservationError
        If the file is not what it should be or shares no frame with the table.
    """
    if path is None and profile.own.frames:
        ingested = ingested_path(profile.own.frames, HUMAN_UNITS)
        path = ingested if ingested.is_file() else None
    return None if path is None else _observed(table, path)


def frame_observers(
    profile: Profile, table: FeatureTable, named: Mapping[str, Path]
) -> dict[str, Observed]:
    """Observers of the frames: the open ones where the frames are open, and the reader's own.

    Parameters
    ----------
    named
        Name -> observation file that a page names.

    Raises
    ------
    OwnDataError
        If frames of the reader's own come without any observer.
    dfe.data.observations.ObservationError
        If a file is not what it should be or shares no frame with the table.
    """
    found: dict[str, Observed] = {}
    files = dict(named)
    if profile.own.frames:
        ingested = observer_files(profile.own.frames, profile.own.psi)
        files = {name: path for name, path in ingested.items() if path.stem != LIBREFACE} | files
        if not files:
            raise OwnDataError(
                f"{profile.own.frames}: no observer to judge by; make one with, for example, "
                f"dfe data ingest {profile.own.frames} --extractor smirk --from FOLDER"
            )
    else:
        origin = table.metadata.origin
        geometry, looks = landmark_geometry(table), join(table, load_appearance(profile))
        found["landmark geometry"] = Observed(geometry, origin, "landmark geometry")
        found["appearance"] = Observed(looks, origin, "appearance")
    return found | {name: _observed(table, path) for name, path in files.items()}


def observer_paths(profile: Profile, named: Mapping[str, Path]) -> dict[str, Path]:
    """Every file behind `frame_observers`, `automatic_units` and `human_units`, for provenance."""
    own = profile.own.frames
    ingested = {} if not own else observer_files(own, profile.own.psi)
    human = {} if not own else {HUMAN_UNITS: ingested_path(own, HUMAN_UNITS)}
    return {name: path for name, path in (ingested | human | dict(named)).items() if path.is_file()}


def _observed(table: FeatureTable, path: Path) -> Observed:
    observation = read_observation(path)
    about = observation.metadata
    says = OBSERVERS.get(about.adapter, about.name)
    return Observed(join(table, observation), about.origin, says)


def need_units(units: AutomaticUnits | None, human: Observed | None) -> None:
    """Refuse frames of which neither a program nor a coder has action units.

    Raises
    ------
    OwnDataError
        Saying what to ingest.
    """
    if units is None and human is None:
        raise OwnDataError(
            "no action units to compare the tokens with; ingest some of the frames' data set with "
            f"--extractor {LIBREFACE} or --extractor {HUMAN_UNITS}"
        )
