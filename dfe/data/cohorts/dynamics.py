"""How a plan becomes movement: displays come and go as events, and talk moves the mouth.

Everything happens in continuous time and is read at the times of the frames, as a camera with a
short shutter does: a blink between two frames is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dfe.data.cohorts.displays import CENTRAL, DISPLAYS
from dfe.data.cohorts.script import Plan

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class Timing(NamedTuple):
    """Median lengths of the three phases of an event, in seconds."""

    onset: float
    apex: float
    offset: float


#: A blink lasts 0.1 to 0.4 s (Harvard's database BioNumbers). The lid closes in 66 ms on average
#: (from "Kinematic comparison of spontaneously generated blinks and voluntary blinks": voluntary
#: ones take 77.6 ms, 17.6 % longer), and to open again it takes 0.1 s and more (Stern et al. 1984,
#: Psychophysiology 21).
BLINK = Timing(0.07, 0.03, 0.15)
#: Brow raises of talk: from the flash of a fifth of a second (Grammer et al. 1988, Ethology 77) to
#: raises that are held (Clift and Rossi 2023, Social Interaction 6).
BROW = Timing(0.2, 0.35, 0.3)
#: Expressions last 0.5 to 4 s (Matsumoto and Hwang 2011), and smiles of enjoyment two thirds of a
#: second to 4 s (Ekman and Friesen 1982, Felt, false, and miserable smiles).
EXPRESSION = Timing(0.4, 0.7, 0.6)
#: Displays that do not last as long as an expression.
TIMING: Mapping[str, Timing] = MappingProxyType(
    {"AU1": BROW, "AU2": BROW, "AU5": BROW, "AU45": BLINK}
)

#: Spread of the length of a phase: sd of its log, cut at two sd on both sides. An expression
#: then lasts 0.8 to 3.8 s, a blink 0.11 to 0.56 s.
LENGTH_SPREAD, LENGTH_CUT = 0.4, 2.0
#: Peaks follow a beta distribution about the planned strength. The sum of its two parameters: the
#: sd is a sixth at strength 0.5. Our choice.
PEAK_CONCENTRATION = 8.0
#: Sd of the asymmetry from event to event, at a lean of 0. Our choice.
LEAN_SPREAD = 0.1

#: The mouth opens and closes at 2 to 7 Hz (Chandrasekaran et al. 2009, PLoS Comput. Biol. 5), and
#: goes with the voice most closely at 5 Hz, the rhythm of syllables (Hauswald et al. 2018, Curr.
#: Biol. 28). Syllables per second, and the shape of the gamma distribution of their lengths (sd
#: 30 % of the mean).
SYLLABLE_RATE, SYLLABLE_SHAPE = 4.5, 11.0
#: A movement of the mouth reaches into the next syllable: its length in syllables. Our choice.
SYLLABLE_REACH = 1.4
#: Mean length of a phrase between two pauses, in seconds. Our choice.
PHRASE = 3.0
#: How far a mouth that talks moves: each syllable takes one of these shapes, at 0.6 to 1 times
#: its strength. They follow the visible classes of speech sounds; the numbers are our choice.
VISEMES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "open vowel": {"AU25": 0.5, "AU26": 0.5},
        "spread vowel": {"AU25": 0.5, "AU26": 0.2, "AU20": 0.3},
        "round vowel": {"AU18": 0.5, "AU25": 0.3, "AU26": 0.25},
        "closed lips": {"AU24": 0.5},
        "lower lip to teeth": {"AU10": 0.3, "AU25": 0.3, "AU26": 0.1},
        "tongue to teeth": {"AU16": 0.4, "AU25": 0.4, "AU26": 0.15},
        "funnel": {"AU22": 0.5, "AU25": 0.3, "AU26": 0.15},
    }
)
EFFORT = (0.6, 1.0)

_TIMINGS = np.array([TIMING.get(name, EXPRESSION) for name in DISPLAYS])  # (A, 3)
_LONGEST = _TIMINGS.sum(1) * np.exp(LENGTH_SPREAD * LENGTH_CUT)  # (A,) seconds
_SIDED = np.array([name not in CENTRAL for name in DISPLAYS])  # (A,)
_SHAPES = np.array([[v.get(d, 0.0) for d in DISPLAYS] for v in VISEMES.values()])  # (V, A)
_CHUNK_FRAMES = 20_000  # frames at work at once: bounds the memory


class Events(NamedTuple):
    """E movements of one display each; times in seconds since the first frame.

    clip, display : (E,) int64.
    start : (E,), when the onset begins.
    phases : (E, 3), lengths of onset, apex and offset; onset and offset above 0.
    peak : (E, 2), intensity at the apex on the left and the right side, 0 to 1.
    """

    clip: Indices
    display: Indices
    start: Floats
    phases: Floats
    peak: Floats


def perform(plan: Plan, frames: int, fps: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Intensity of each display on each side in each frame.

    Events of a display are a Poisson process, those that began before the first frame included.
    Each rises, stays and falls along half cosines. Its peak is drawn about the planned strength,
    its asymmetry a about the planned lean: the left side gets peak (1 + a), the right side
    peak (1 - a), at most 1. Where events overlap, and over the tonic level, the larger intensity
    counts. Displays without sides (`CENTRAL`) do not lean.

    Parameters
    ----------
    plan
        What each of N clips shows.
    frames
        T, number of frames of each clip.
    fps
        Frames per second; frame i is taken at i / fps seconds.
    rng
        Source of all chance.

    Returns
    -------
    (N, T, A, 2) float32 in [0, 1]; last axis left, right side of the person.

    Raises
    ------
    ValueError
        A shape of the plan is wrong, a value is out of its range or not finite, or `frames` or
        `fps` is not positive.
    """
    _check(plan, frames, fps)
    n = len(plan.rate)
    shape = (n, frames, len(DISPLAYS), 2)
    actions = np.empty(shape, np.float32)
    actions[:] = plan.tonic[:, None, :, None]
    step = max(1, _CHUNK_FRAMES // frames)
    for first in range(0, n, step):
        part = Plan(*(values[first : first + step] for values in plan))
        for events in (_expressions(part, frames / fps, rng), _speech(part, frames / fps, rng)):
            _draw(actions[first : first + step], events, fps)
    return actions


def _check(plan: Plan, frames: int, fps: float) -> None:
    """Refuse what is no plan; the message says which of its arrays is wrong, and where."""
    if not (frames > 0 and 0 < fps < np.inf):
        raise ValueError(f"frames and fps must be positive, not {frames} and {fps}")
    n = len(plan.rate)
    ranges = {"rate": (0, np.inf), "lean": (-1, 1)}
    for name, values in zip(Plan._fields, plan, strict=True):
        shape = (n,) if name == "speech" else (n, len(DISPLAYS))
        if values.shape != shape:
            raise ValueError(f"plan.{name} must have shape {shape}, not {values.shape}")
        low, high = ranges.get(name, (0, 1))
        wrong = ~(np.isfinite(values) & (values >= low) & (values <= high))
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"plan.{name}{list(where)} is {values[where]}; it must lie in [{low}, {high}]"
            )


def _expressions(plan: Plan, seconds: float, rng: np.random.Generator) -> Events:
    """Events of all displays that can be seen within the first `seconds` of each clip."""
    span = seconds + _LONGEST  # (A,) events may begin before the clip does
    counts = rng.poisson(plan.rate / 60 * span)  # (N, A)
    clip, display = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    start = rng.random(len(clip)) * span[display] - _LONGEST[display]
    spread = rng.standard_normal((len(clip), 3)).clip(-LENGTH_CUT, LENGTH_CUT)
    phases = _TIMINGS[display] * np.exp(LENGTH_SPREAD * spread)  # (E, 3)
    peak = _peaks(plan.strength[clip, display], rng)  # (E,)
    lean = plan.lean[clip, display]
    # No spread is left at a lean of 1 or -1: a display of one side only stays on it.
    lean = lean + LEAN_SPREAD * (1 - lean**2) * rng.standard_normal(len(clip))
    lean = np.where(_SIDED[display], lean.clip(-1, 1), 0)
    sides = np.stack([peak * (1 + lean), peak * (1 - lean)], 1)  # (E, 2)
    return Events(clip, display, start, phases, sides.clip(0, 1))


def _peaks(mean: Floats, rng: np.random.Generator) -> Floats:
    """Draw peaks in [0, 1] about the means (E,); a mean of 0 or 1 leaves no choice."""
    tiny = 1e-9  # the parameters of a beta distribution are positive
    inside = mean.clip(tiny, 1 - tiny)
    drawn = rng.beta(PEAK_CONCENTRATION * inside, PEAK_CONCENTRATION * (1 - inside))
    return np.where((mean > 0) & (mean < 1), drawn, mean)


def _speech(plan: Plan, seconds: float, rng: np.random.Generator) -> Events:
    """Movements of the mouth in the syllables of each clip during which the person talks."""
    talkers = np.flatnonzero(plan.speech > 0)
    start, length = _syllables(len(talkers), seconds, rng)  # (n, K), (n, K)
    talks = _talks(plan.speech[talkers], length, rng)  # (n, K)
    row, column = np.nonzero(talks)
    viseme = rng.integers(len(_SHAPES), size=len(row))
    effort = rng.uniform(*EFFORT, size=len(row))
    syllable, display = np.nonzero(_SHAPES[viseme])  # one event for each display of a viseme
    row, column = row[syllable], column[syllable]
    half = length[row, column] * SYLLABLE_REACH / 2
    peak = _SHAPES[viseme[syllable], display] * effort[syllable]
    return Events(
        clip=talkers[row],
        display=display,
        start=start[row, column],
        phases=np.stack([half, np.zeros_like(half), half], 1),
        peak=np.stack([peak, peak], 1),
    )


def _syllables(n: int, seconds: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Starts and lengths (n, K) of syllables that follow each other from before 0 to the end."""
    mean = 1 / SYLLABLE_RATE
    warm_up = 3 * mean  # the first syllable begins before the clip
    # Half as many again as the mean number, and ten: too few has a chance below 1e-9.
    k = int(1.5 * (seconds + warm_up) / mean) + 10
    length = rng.gamma(SYLLABLE_SHAPE, mean / SYLLABLE_SHAPE, size=(n, k))
    begin = -warm_up - mean * rng.random((n, 1))
    return begin + np.cumsum(length, 1) - length, length


def _talks(share: Floats, length: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether the person talks in each syllable: (n,), (n, K) -> (n, K).

    Phrases and pauses alternate as a Markov process in time, in its steady state from the start;
    phrases last `PHRASE` seconds on average.
    """
    talks = np.empty(length.shape, bool)
    chance = rng.random(length.shape)
    rate = 1 / (PHRASE * np.maximum(1 - share, 1e-9))  # (n,) of forgetting the state
    expected = share  # (n,) chance to talk, given the syllable before
    for k in range(length.shape[1]):
        talks[:, k] = chance[:, k] < expected
        expected = share + (talks[:, k] - share) * np.exp(-rate * length[:, k])
    return talks


def _draw(actions: NDArray[np.float32], events: Events, fps: float) -> None:
    """Raise the actions (n, T, A, 2) of a chunk, in place, to the intensities of the events."""
    n_frames = actions.shape[1]
    flat = actions.reshape(-1)  # a view: chunks of clips are contiguous
    for event, frame in _frames(events, n_frames, fps):
        level = _envelope(frame / fps - events.start[event], events.phases[event])  # (F,)
        place = (events.clip[event] * n_frames + frame) * len(DISPLAYS) + events.display[event]
        for side in range(2):
            intensity = (level * events.peak[event, side]).astype(np.float32)
            np.maximum.at(flat, 2 * place + side, intensity)


def _frames(events: Events, n_frames: int, fps: float) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of an event and a frame within it, as two arrays (F,), some events at a time."""
    end = events.start + events.phases.sum(1)
    first = np.ceil(events.start * fps).clip(0, n_frames).astype(np.int64)
    last = np.floor(end * fps).clip(-1, n_frames - 1).astype(np.int64)
    count = (last - first + 1).clip(0)  # (E,)
    block = np.cumsum(count) // (20 * _CHUNK_FRAMES)  # events of one block share its number
    for chosen in np.split(np.arange(len(count)), np.flatnonzero(np.diff(block)) + 1):
        size = count[chosen]
        event = np.repeat(chosen, size)  # (F,)
        begin = np.repeat(np.cumsum(size) - size, size)
        yield event, first[event] + np.arange(len(event)) - begin


def _envelope(time: Floats, phases: Floats) -> Floats:
    """Share of the peak at a time (F,) since the onset began, for phases (F, 3)."""
    rise = time / phases[:, 0]
    fall = (phases.sum(1) - time) / phases[:, 2]
    return (1 - np.cos(np.pi * np.minimum(rise, fall).clip(0, 1))) / 2
