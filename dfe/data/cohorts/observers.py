"""What people and programs make of the same truth: four observers of simulated behaviour.

None of them is a model of how a picture becomes a number. Each keeps what its kind is known for:

- *Human coders* judge presence by criteria that differ between clips and between units, and place
  onsets and offsets a little early or late. One side of the face is enough for them.
- *Automatic action units* have the columns of LibreFace (Chang et al. 2024, arXiv 2308.10713).
  They see the mean of both sides, err from frame to frame, err in one direction for one person,
  and take units for their neighbors.
- *The independent 3DMM* describes the skin in 50 other numbers than ours, with other units, another
  metric and a soft limit, and keeps some of the person's identity.
- *The holistic embedding* is one vector for a clip that holds expression, identity, pose and light.

How accurate they are is measured in `dfe.data.cohorts.calibration`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from dfe.action_units import AU_NAMES
from dfe.config import PSI_DIM, ObserversConfig
from dfe.data.cohorts.displays import DISPLAYS, to_units
from dfe.data.task import AUTOMATIC_UNITS, EMBEDDING, HUMAN_UNITS, OTHER_3DMM
from dfe.face.basis import expression_basis
from dfe.face.design import DesignDistribution

Values = NDArray[np.float32]
Seen = tuple[Values, tuple[str, ...]]  # what an observer saw, and the names of its columns

#: Intensity above which a unit counts as present: one fifth of the full range, where the five
#: levels of intensity of FACS begin if they divide it evenly.
CRITERION = np.float32(0.2)
LEAST_CRITERION = np.float32(0.02)  # no coder takes a still face for a moving one

#: What LibreFace detects (trained on BP4D) and what it rates from 0 to 5 (trained on DISFA).
DETECTED = tuple(f"AU{n}" for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24))
RATED = tuple(f"AU{n}" for n in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26))
AUTOMATIC_COLUMNS = DETECTED + tuple(f"{unit}_intensity" for unit in RATED)
FULL_INTENSITY = 5.0
#: Units that move the same skin, which makes each look like the other.
NEIGHBORS = (
    ("AU1", "AU2"),
    ("AU6", "AU7"),
    ("AU6", "AU12"),
    ("AU9", "AU10"),
    ("AU15", "AU17"),
    ("AU23", "AU24"),
    ("AU25", "AU26"),
)
#: A program is trained until it raises about as many false alarms as it misses events. Where units
#: are rare that takes a criterion that is higher by this share of the sd of its errors.
CAUTION = 0.7
MEMORY = 0.3  # seconds after which the errors of a program have fallen to 1/e

OTHER_COLUMNS = tuple(f"other_{i}" for i in range(PSI_DIM))
#: Other faces than those that psi is built on (`dfe.face.design`): fewer units, and stronger ones.
OTHER_DESIGN = DesignDistribution(max_active=4, alpha=1.5, beta=1.5)
OTHER_REGIONS = {"eye": 3.0, "brow": 2.0, "mouth": 2.0, "jaw": 0.5, "cheek": 0.5}  # else 1
OTHER_UNITS_SD = 0.3  # of the log size of a unit, against ours
OTHER_LIMIT = 3.0  # its coefficients, which have sd 1 on its design, bend towards this

EMBEDDING_DIM = 768  # as of a ViT-B
EMBEDDING_COLUMNS = tuple(f"embedding_{i}" for i in range(EMBEDDING_DIM))
HIDDEN = 512
N_SCENE = 6  # three numbers of pose, three of light
SCENE_OF_PERSON = 0.5  # share of a scene's variance that a person's clips have in common
#: Root of the summed variances, between clips, of the means and sds of units. Lively behaviour has
#: 0.7 and everyday behaviour 0.3; this one size for all keeps a lively clip lively.
EXPRESSION_SIZE = 0.5

CHUNK = 20_000  # frames at a time, so that memory stays bounded whatever the cohort's size
# Other seeds would be other programs.
_OTHER_SEED, _OTHER_IDENTITY_SEED, _ENCODER_SEED = 20240617, 20240618, 20240619


class Face(Protocol):
    """The part of `dfe.face.OpenHead` that observers need, for U units and V vertices."""

    unit_names: tuple[str, ...]
    unit_displacements: NDArray[np.float32]  # (U, V, 3)
    regions: NDArray[np.uint8]  # (V,) index into region_names
    region_names: tuple[str, ...]
    parts: NDArray[np.uint8]  # (V,) index into part_names
    part_names: tuple[str, ...]


def observe(
    actions: Values,
    person: NDArray[np.int64],
    identity: NDArray[np.floating],
    fps: float,
    settings: ObserversConfig,
    face: Face,
    rng: np.random.Generator,
) -> dict[str, Seen]:
    """Let all four observers look at the same clips.

    Each observer draws from a stream of its own, so its errors do not depend on the settings of
    the others.

    Parameters
    ----------
    actions
        (N, T, 22, 2) float32, intensity 0 to 1 of `DISPLAYS`, left and right.
    person
        (N,) int64, the person of each clip, a row of `identity`.
    identity
        (S, I) float, standard normal: what makes a person look like nobody else.
    fps
        Frames per second.

    Returns
    -------
    Name of the observer, as in `dfe.data.task`, -> values and their column names: (N, T, 12)
    human units 0/1, (N, T, 24) automatic units, (N, T, 50) coefficients of the independent 3DMM,
    (N, 768) embeddings; all float32.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, a person has no identity, or fps is not positive.
    """
    _check(actions, person, identity, fps)
    coder, tracker, other, encoder = rng.spawn(4)
    scene = draw_scenes(person, encoder)
    return {
        HUMAN_UNITS: (human_units(actions, fps, settings, coder), AU_NAMES),
        AUTOMATIC_UNITS: (
            automatic_units(actions, person, fps, settings, tracker),
            AUTOMATIC_COLUMNS,
        ),
        OTHER_3DMM: (
            other_3dmm(actions, identity[person], fps, settings, face, other),
            OTHER_COLUMNS,
        ),
        EMBEDDING: (
            embed(unit_statistics(actions, face), identity[person], scene, settings, encoder),
            EMBEDDING_COLUMNS,
        ),
    }


def present(actions: Values, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Units as coders without any error see them: the stronger side exceeds `CRITERION`.

    Parameters
    ----------
    actions
        (N, T, 22, 2) float32.
    names
        K displays.

    Returns
    -------
    (N, T, K) bool.
    """
    return actions[:, :, _places(names)].max(axis=-1) > CRITERION


def human_units(
    actions: Values, fps: float, settings: ObserversConfig, rng: np.random.Generator
) -> Values:
    """Presence of the 12 units of Aff-Wild2, coded by people.

    The criterion of a clip and unit is shifted by a part that all units of the clip share, because
    one coder does them all, and by an equally large part of its own. Onsets and offsets slip
    independently; an event whose onset slips behind its offset is missed.

    Returns
    -------
    (N, T, 12) float32, 0 or 1, in the order of `dfe.action_units.AU_NAMES`.
    """
    places = _places(AU_NAMES)
    coded = np.empty((*actions.shape[:2], len(places)), np.float32)
    for rows in _chunks(actions):
        strength = actions[rows][:, :, places].max(axis=-1)  # (C, T, 12)
        coder = rng.standard_normal((len(strength), 1))
        unit = rng.standard_normal((len(strength), len(places)))
        shift = settings.coder_error * (coder + unit) / np.sqrt(2)  # (C, 12)
        criterion = np.maximum(CRITERION + shift, LEAST_CRITERION).astype(np.float32)
        coded[rows] = _slipped(strength > criterion[:, None], settings.coder_slip * fps, rng)
    return coded


def _slipped(active: NDArray[np.bool_], sd: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Move each onset and offset by a whole number of frames; (C, T, K) to (C, T, K)."""
    frames = active.shape[1]
    steps = np.diff(active.astype(np.int8), axis=1, prepend=0)  # 1 at onsets, -1 at offsets
    clip, frame, unit = np.nonzero(steps)
    slip = np.rint(sd * rng.standard_normal(len(frame))).astype(np.int64)
    slip[frame == 0] = 0  # under way before the clip began: nothing to place
    moved = np.zeros((len(active), frames + 1, active.shape[2]), np.int16)
    # The last row takes what slips out of the clip.
    place = clip, (frame + slip).clip(0, frames), unit
    np.add.at(moved, place, steps[clip, frame, unit])
    return moved[:, :frames].cumsum(axis=1) > 0


def automatic_units(
    actions: Values,
    person: NDArray[np.int64],
    fps: float,
    settings: ObserversConfig,
    rng: np.random.Generator,
) -> Values:
    """Action units of a program with the columns of LibreFace.

    The program is trained on labels that do not tell sides apart, so it sees the mean of both.
    Presence and intensity are read from the same evidence, and intensity, which another network
    with other labels rates, has errors of its own besides.

    Returns
    -------
    (N, T, 24) float32: presence 0/1 of `DETECTED`, then intensity 0 to 5 of `RATED`.
    """
    n_units = actions.shape[2]
    bias = rng.standard_normal((int(person.max()) + 1, n_units), np.float32)  # (S, A)
    bias *= settings.tracker_bias
    mixing = (np.eye(n_units) + settings.tracker_crosstalk * _neighbors()).astype(np.float32)
    limit = CRITERION + CAUTION * np.float32(
        np.hypot(settings.tracker_noise, settings.tracker_bias)
    )
    detected, rated = _places(DETECTED), _places(RATED)
    out = np.empty((*actions.shape[:2], len(AUTOMATIC_COLUMNS)), np.float32)
    for rows in _chunks(actions):
        evidence = actions[rows].mean(axis=-1) @ mixing + bias[person[rows], None]  # (C, T, A)
        evidence += settings.tracker_noise * remembered_noise(evidence.shape, fps, rng)
        out[rows, :, : len(detected)] = evidence[..., detected] > limit
        rating = evidence[..., rated]  # (C, T, 12)
        rating += settings.tracker_rating * remembered_noise(rating.shape, fps, rng)
        out[rows, :, len(detected) :] = rating.clip(0, 1) * FULL_INTENSITY
    return out


def other_3dmm(
    actions: Values,
    identity: NDArray[np.floating],
    fps: float,
    settings: ObserversConfig,
    face: Face,
    rng: np.random.Generator,
) -> Values:
    """Expression coefficients of another 3DMM than the one that gives psi.

    Parameters
    ----------
    identity
        (N, I) float, of the person of each clip.

    Returns
    -------
    (N, T, 50) float32. Before noise, identity and the soft limit each has unit standard deviation
    on `OTHER_DESIGN`.
    """
    basis = other_basis(face)  # (U, 50)
    leak = np.random.default_rng(_OTHER_IDENTITY_SEED).standard_normal(
        (identity.shape[1], PSI_DIM)
    ) / np.sqrt(identity.shape[1])
    constant = settings.other_identity * identity @ leak  # (N, 50)
    out = np.empty((*actions.shape[:2], PSI_DIM), np.float32)
    for rows in _chunks(actions):
        moved = _units(actions[rows], face) @ basis  # (C, T, 50)
        bent = OTHER_LIMIT * np.tanh((moved + constant[rows, None]) / OTHER_LIMIT)
        out[rows] = bent + settings.other_noise * remembered_noise(bent.shape, fps, rng)
    return out


def other_basis(face: Face) -> NDArray[np.float64]:
    """Map from unit weights to the coefficients of the independent 3DMM, (U, 50).

    It is no rotation of psi: it sees the skin only, each region counts by `OTHER_REGIONS`, its
    units have other sizes, and its directions are those of another design.
    """
    skin = face.parts == face.part_names.index("skin")  # (V,)
    kinds = [name.split("_")[0] for name in face.region_names]  # without the side
    weight = np.array([OTHER_REGIONS.get(kind, 1.0) for kind in kinds])[face.regions]  # (V,)
    moves = face.unit_displacements * np.sqrt(weight * skin)[:, None]  # (U, V, 3)
    size = np.exp(
        OTHER_UNITS_SD * np.random.default_rng(_OTHER_SEED).standard_normal(len(moves))
    )  # (U,)
    flat = moves.reshape(len(moves), -1).astype(np.float64) * size[:, None]  # (U, 3 V)
    return expression_basis(flat, OTHER_DESIGN, PSI_DIM).to_psi


def unit_statistics(actions: Values, face: Face) -> Values:
    """Mean and sd over the time of each clip of the weights of the face's units, (N, 2 U)."""
    out = np.empty((len(actions), 2 * len(face.unit_names)), np.float32)
    for rows in _chunks(actions):
        weights = _units(actions[rows], face)  # (C, T, U)
        out[rows] = np.hstack([weights.mean(axis=1), weights.std(axis=1)])
    return out


def draw_scenes(person: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw pose (3) and light (3) of each clip, (N, 6) standard normal, in part the person's."""
    own = rng.standard_normal((int(person.max()) + 1, N_SCENE))[person]  # (N, 6)
    clip = rng.standard_normal((len(person), N_SCENE))
    return np.sqrt(SCENE_OF_PERSON) * own + np.sqrt(1 - SCENE_OF_PERSON) * clip


def embed(
    expression: NDArray[np.floating],
    identity: NDArray[np.floating],
    scene: NDArray[np.floating],
    settings: ObserversConfig,
    rng: np.random.Generator,
) -> Values:
    """Embed each clip by a fixed random network of two layers.

    Identity, scene and noise have the strengths of the settings, against 1 for expression, and
    their sum is brought back to unit variance. So the squared strengths are about the shares of
    the variance, and no setting drives the network into saturation. Noise enters before the first
    nonlinearity, as whatever else a picture shows would.

    Parameters
    ----------
    expression
        (N, 2 U) float, such as `unit_statistics` gives.
    identity, scene
        (N, I) and (N, 6) float, standard normal, of each clip.

    Returns
    -------
    (N, 768) float32.
    """
    fixed = np.random.default_rng(_ENCODER_SEED)  # the encoder is the same program for all
    blocks = (  # each size gives each hidden unit unit variance
        (expression, EXPRESSION_SIZE, 1.0),
        (identity, np.sqrt(identity.shape[1]), settings.embedding_identity),
        (scene, np.sqrt(N_SCENE), settings.embedding_scene),
    )
    hidden = settings.embedding_noise * rng.standard_normal((len(expression), HIDDEN))
    for values, size, strength in blocks:
        weights = fixed.standard_normal((values.shape[1], HIDDEN)) / size
        hidden += strength * (values @ weights)
    hidden /= np.hypot(settings.embedding_noise, np.linalg.norm([row[2] for row in blocks]))
    hidden += fixed.standard_normal(HIDDEN) / 2
    out = fixed.standard_normal((HIDDEN, EMBEDDING_DIM)) / np.sqrt(HIDDEN)
    return (np.tanh(hidden) @ out).astype(np.float32)


def remembered_noise(
    shape: tuple[int, ...], fps: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Standard normal noise (C, T, K) that fades along the axis of time as `MEMORY` says."""
    kept = np.exp(-1 / (fps * MEMORY))
    noise = rng.standard_normal(shape, np.float32)
    noise[:, 1:] *= np.sqrt(1 - kept**2)  # the first frame has the stationary variance already
    return lfilter([1.0], [1.0, -kept], noise, axis=1).astype(np.float32)


def _check(
    actions: Values, person: NDArray[np.int64], identity: NDArray[np.floating], fps: float
) -> None:
    if actions.ndim != 4 or actions.shape[2:] != (len(DISPLAYS), 2) or not actions.size:
        raise ValueError(
            f"actions must be (N, T, {len(DISPLAYS)}, 2) with N, T > 0, not {actions.shape}"
        )
    if person.shape != actions.shape[:1] or identity.ndim != 2:
        raise ValueError(
            f"person must be ({len(actions)},) and identity (S, I), one row for each person; got "
            f"{person.shape} and {identity.shape}"
        )
    if person.min() < 0 or person.max() >= len(identity):
        raise ValueError(
            f"persons are {person.min()} .. {person.max()}, but identity has {len(identity)} rows"
        )
    if not 0 < fps < np.inf:
        raise ValueError(f"fps must be positive, not {fps}")


def _chunks(actions: Values) -> Iterator[slice]:
    """Slices of clips that hold about `CHUNK` frames each."""
    step = max(1, CHUNK // actions.shape[1])
    return (slice(start, start + step) for start in range(0, len(actions), step))


def _places(names: tuple[str, ...]) -> list[int]:
    return [DISPLAYS.index(name) for name in names]


def _neighbors() -> NDArray[np.float64]:
    """Return (A, A), 1 for each pair of `NEIGHBORS` and its mirror image, else 0."""
    table = np.zeros((len(DISPLAYS), len(DISPLAYS)))
    first, second = np.array([_places(pair) for pair in NEIGHBORS]).T
    table[first, second] = table[second, first] = 1
    return table


def _units(actions: Values, face: Face) -> NDArray[np.floating]:
    """Weights of the face's units, (C, T, U), that show actions (C, T, A, 2)."""
    flat = to_units(actions.reshape(-1, *actions.shape[2:]), face.unit_names)
    return flat.reshape(*actions.shape[:2], -1)
