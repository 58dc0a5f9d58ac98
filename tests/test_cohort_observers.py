"""Four observers of simulated behaviour: what each sees, misses and mixes up."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from dfe.config import ObserversConfig
from dfe.config.base import vary
from dfe.data.cohorts import observers as module
from dfe.data.cohorts.displays import DISPLAYS, to_units
from dfe.data.cohorts.observers import (
    AUTOMATIC_COLUMNS,
    OTHER_LIMIT,
    automatic_units,
    draw_scenes,
    embed,
    human_units,
    observe,
    other_3dmm,
    other_basis,
    present,
    remembered_noise,
    unit_statistics,
)
from dfe.data.task import AUTOMATIC_UNITS, EMBEDDING, HUMAN_UNITS, OTHER_3DMM, Frames
from dfe.face import OpenHead

FPS = 10.0
NO_ERRORS = ObserversConfig(**dict.fromkeys(ObserversConfig.model_fields, 0.0))
AFF_WILD2 = "AU1 AU2 AU4 AU6 AU7 AU10 AU12 AU15 AU23 AU24 AU25 AU26".split()
DETECTED = "AU1 AU2 AU4 AU6 AU7 AU10 AU12 AU14 AU15 AU17 AU23 AU24".split()
RATED = "AU1 AU2 AU4 AU5 AU6 AU9 AU12 AU15 AU17 AU20 AU25 AU26".split()


@pytest.fixture(scope="module")
def face() -> OpenHead:
    return OpenHead()


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def still(n: int, frames: int) -> NDArray[np.float32]:
    return np.zeros((n, frames, len(DISPLAYS), 2), np.float32)


def lively(n: int = 6, frames: int = 20, seed: int = 0) -> NDArray[np.float32]:
    """Half of the displays at random intensities, the two sides apart."""
    draw = rng(seed)
    shape = (n, frames, len(DISPLAYS), 2)
    return (draw.random(shape) * (draw.random(shape) < 0.5)).astype(np.float32)


def showing(name: str, left: float, right: float, n: int = 1, frames: int = 3) -> NDArray:
    actions = still(n, frames)
    actions[:, :, DISPLAYS.index(name)] = left, right
    return actions


def column(values: NDArray, name: str) -> NDArray:
    """The column of automatic units with this name."""
    return values[..., AUTOMATIC_COLUMNS.index(name)]


def see_automatically(
    actions: NDArray, settings: ObserversConfig, person: NDArray | None = None
) -> NDArray[np.float32]:
    person = np.arange(len(actions)) if person is None else person
    return automatic_units(actions, person, FPS, settings, rng(3))


# --- all observers together


def test_observe_gives_frames_of_four_observers(face: OpenHead) -> None:
    seen = observe(
        lively(5, 7), np.array([0, 0, 1, 2, 1]), rng().random((3, 32)), FPS, ObserversConfig(),
        face, rng(),
    )  # fmt: skip
    shapes = {HUMAN_UNITS: (5, 7, 12), AUTOMATIC_UNITS: (5, 7, 24), OTHER_3DMM: (5, 7, 50)}
    assert {name: values.shape for name, (values, _) in seen.items()} == {
        **shapes,
        EMBEDDING: (5, 768),
    }
    for name, (values, columns) in seen.items():
        rows = values.reshape(-1, values.shape[-1])
        clip = np.repeat(np.arange(5), len(rows) // 5)
        assert len(set(columns)) == len(columns) == rows.shape[1], name
        Frames(clip, rows, columns)  # float32 and finite, or it raises
    assert seen[HUMAN_UNITS][1] == tuple(AFF_WILD2)
    assert seen[AUTOMATIC_UNITS][1] == (*DETECTED, *(f"{unit}_intensity" for unit in RATED))


def test_same_seed_same_bits_and_observers_do_not_disturb_each_other(face: OpenHead) -> None:
    person, identity = np.array([0, 1, 1]), rng().standard_normal((2, 32))

    def look(**changes: float) -> dict[str, NDArray]:
        settings = ObserversConfig(**changes)
        seen = observe(lively(3), person, identity, FPS, settings, face, rng(8))
        return {name: values for name, (values, _) in seen.items()}

    plain = look()
    for name, values in look().items():
        np.testing.assert_array_equal(values, plain[name])
    owners = {
        "coder_error": HUMAN_UNITS,
        "coder_slip": HUMAN_UNITS,
        "tracker_noise": AUTOMATIC_UNITS,
        "tracker_bias": AUTOMATIC_UNITS,
        "tracker_rating": AUTOMATIC_UNITS,
        "tracker_crosstalk": AUTOMATIC_UNITS,
        "other_noise": OTHER_3DMM,
        "other_identity": OTHER_3DMM,
        "embedding_identity": EMBEDDING,
        "embedding_scene": EMBEDDING,
        "embedding_noise": EMBEDDING,
    }
    assert set(owners) == set(ObserversConfig.model_fields)
    for setting, owner in owners.items():
        for name, values in look(**{setting: 0.9}).items():
            assert np.array_equal(values, plain[name]) == (name != owner), (setting, name)


def test_chunks_do_not_change_what_is_seen(face: OpenHead, monkeypatch: pytest.MonkeyPatch) -> None:
    args = lively(7, 9), np.arange(7) % 3, rng().standard_normal((3, 32)), FPS
    constant = vary(NO_ERRORS, tracker_bias=0.1, other_identity=0.3, embedding_identity=1.0)
    whole = observe(*args, constant, face, rng(1))
    for frames in (1, 20, 27):  # one clip, two clips, and three clips at a time
        monkeypatch.setattr(module, "CHUNK", frames)
        for name, (values, _) in observe(*args, constant, face, rng(1)).items():
            np.testing.assert_allclose(values, whole[name][0], atol=1e-5)


def test_chunks_are_bounded_and_cover_all_clips() -> None:
    for n, frames in ((1, 1), (5, 4000), (10_001, 60), (3, 100_000)):
        actions = np.broadcast_to(np.float32(0), (n, frames, 22, 2))
        rows = [range(n)[part] for part in module._chunks(actions)]
        assert [row for part in rows for row in part] == list(range(n))
        assert all(len(part) * frames <= max(module.CHUNK, frames) for part in rows)


@pytest.mark.parametrize(
    ("actions", "person", "identity", "fps", "message"),
    [
        (np.zeros((2, 3, 21, 2), np.float32), [0, 0], (1, 32), FPS, "actions must be"),
        (np.zeros((2, 0, 22, 2), np.float32), [0, 0], (1, 32), FPS, "actions must be"),
        (still(2, 3), [0], (1, 32), FPS, "person must be"),
        (still(2, 3), [0, 0], (32,), FPS, "person must be"),
        (still(2, 3), [0, 1], (1, 32), FPS, "0 .. 1, but identity has 1"),
        (still(2, 3), [0, -1], (1, 32), FPS, "-1 .. 0"),
        (still(2, 3), [0, 0], (1, 32), 0.0, "fps must be positive"),
    ],
)
def test_what_does_not_fit_is_refused(
    face: OpenHead, actions: NDArray, person: list[int], identity: tuple[int, ...], fps: float,
    message: str,
) -> None:  # fmt: skip
    args = actions, np.array(person), np.zeros(identity), fps, NO_ERRORS, face, rng()
    with pytest.raises(ValueError, match=message):
        observe(*args)


# --- people


def test_coders_without_errors_report_the_stronger_side() -> None:
    actions = lively(4, 15)
    coded = human_units(actions, FPS, NO_ERRORS, rng())
    for clip, frame, place in np.ndindex(coded.shape):
        sides = actions[clip, frame, DISPLAYS.index(AFF_WILD2[place])]
        assert coded[clip, frame, place] == float(max(sides) > 0.2)
    np.testing.assert_array_equal(present(actions, tuple(AFF_WILD2)), coded == 1)


def test_presence_begins_above_the_criterion() -> None:
    for level, there in ((0.2, False), (np.nextafter(np.float32(0.2), np.float32(1)), True)):
        actions = showing("AU4", level, level)
        coded = human_units(actions, FPS, NO_ERRORS, rng())
        assert coded[..., AFF_WILD2.index("AU4")].all() == there
        assert present(actions, ("AU4",)).all() == there
        assert column(see_automatically(actions, NO_ERRORS), "AU4").all() == there


def test_criteria_scatter_and_share_the_coder() -> None:
    settings = vary(NO_ERRORS, coder_error=0.05)
    for level in (0.15, 0.2, 0.27):
        coded = human_units(np.full((8000, 1, 22, 2), level, np.float32), FPS, settings, rng(2))
        expected = norm.cdf((level - 0.2) / 0.05)
        np.testing.assert_allclose(coded.mean((0, 1)), expected, atol=0.02)
    # At the criterion itself a correlation of one half makes both of two units present in
    # 1/4 + arcsin(1/2) / (2 pi) = 1/3 of the clips.
    coded = human_units(np.full((8000, 1, 22, 2), 0.2, np.float32), FPS, settings, rng(2))[:, 0]
    both = coded.T @ coded / len(coded)
    np.testing.assert_allclose(both[~np.eye(12, dtype=bool)], 1 / 3, atol=0.02)


def test_no_coder_codes_a_still_face() -> None:
    settings = vary(NO_ERRORS, coder_error=10.0)
    assert not human_units(still(200, 2), FPS, settings, rng()).any()
    assert human_units(np.full((200, 2, 22, 2), 0.03, np.float32), FPS, settings, rng()).any()


def test_onsets_and_offsets_slip_independently() -> None:
    actions = still(3000, 100)
    actions[:, 40:60] = 1
    coded = human_units(actions, FPS, vary(NO_ERRORS, coder_slip=0.3), rng(5))
    onset = coded.argmax(axis=1).astype(float).ravel()
    offset = 100 - coded[:, ::-1].argmax(axis=1).astype(float).ravel()
    assert (np.diff(coded, axis=1) != 0).sum() == 2 * onset.size  # still one event each
    rounded = np.sqrt(0.3**2 * FPS**2 + 1 / 12)  # a whole number of frames adds 1/12
    for edge, place in ((onset, 40), (offset, 60)):
        assert edge.mean() == pytest.approx(place, abs=0.05)
        assert edge.std() == pytest.approx(rounded, rel=0.02)
    assert np.corrcoef(onset, offset)[0, 1] == pytest.approx(0, abs=0.02)


def test_slips_know_the_ends_of_a_clip_and_may_lose_an_event() -> None:
    wild = vary(NO_ERRORS, coder_slip=1.0)
    always = human_units(np.ones((50, 30, 22, 2), np.float32), FPS, wild, rng())
    assert always.all()
    begun = np.ones((50, 30, 22, 2), np.float32)
    begun[:, 15:] = 0
    coded = human_units(begun, FPS, wild, rng())
    lasting = coded.sum(axis=1)  # the offset may slip to before the clip
    assert coded[:, 0][lasting > 0].all()
    late = still(50, 60)
    late[:, 45:58] = 1
    last = human_units(late, FPS, wild, rng())[:, -1]
    assert 0.2 < last.mean() < 0.8  # the offset may slip to after the clip
    brief = still(50, 60)
    brief[:, 30] = 1
    coded = human_units(brief, FPS, wild, rng())
    assert 0.3 < (coded.sum(axis=1) == 0).mean() < 0.7  # missed by whoever began after it ended
    assert (np.diff(coded, axis=1, prepend=0) == 1).sum(axis=1).max() == 1


# --- automatic units


def test_program_without_errors_reports_the_mean_of_both_sides() -> None:
    actions = lively(4, 15)
    values = see_automatically(actions, NO_ERRORS)
    mean = {name: actions[:, :, place].mean(-1) for place, name in enumerate(DISPLAYS)}
    for name in DETECTED:
        np.testing.assert_array_equal(column(values, name), mean[name] > np.float32(0.2))
    for name in RATED:
        np.testing.assert_allclose(column(values, f"{name}_intensity"), 5 * mean[name], rtol=1e-6)


def test_one_sided_display_is_seen_by_people_but_not_by_the_program() -> None:
    actions = showing("AU12", 0.36, 0)
    assert human_units(actions, FPS, NO_ERRORS, rng())[..., AFF_WILD2.index("AU12")].all()
    values = see_automatically(actions, NO_ERRORS)
    assert not column(values, "AU12").any()
    np.testing.assert_allclose(column(values, "AU12_intensity"), 0.9, rtol=1e-6)


def test_units_are_blind_to_a_swap_of_sides_and_the_3dmm_is_not(face: OpenHead) -> None:
    actions, person, identity = lively(4), np.array([0, 1, 0, 1]), rng().standard_normal((2, 32))
    settings = ObserversConfig()
    seen = observe(actions, person, identity, FPS, settings, face, rng(4))
    swapped = observe(actions[..., ::-1], person, identity, FPS, settings, face, rng(4))
    for name in (HUMAN_UNITS, AUTOMATIC_UNITS):
        np.testing.assert_array_equal(seen[name][0], swapped[name][0])
    assert np.abs(seen[OTHER_3DMM][0] - swapped[OTHER_3DMM][0]).max() > 0.5
    assert np.abs(seen[EMBEDDING][0] - swapped[EMBEDDING][0]).max() > 0.05


def test_noise_of_the_program_has_its_sd_and_memory() -> None:
    noise = remembered_noise((3000, 40, 4), FPS, rng(6))
    assert noise.dtype == np.float32
    np.testing.assert_allclose(noise.std((0, 2)), 1, atol=0.03)  # from the first frame on
    for lag in (1, 3, 8):
        measured = (noise[:, lag:] * noise[:, :-lag]).mean()
        assert measured == pytest.approx(np.exp(-lag / FPS / 0.3), abs=0.02)
    half = np.full((200, 50, 22, 2), 0.5, np.float32)
    values = see_automatically(half, vary(NO_ERRORS, tracker_noise=0.03, tracker_rating=0.04))
    assert column(values, "AU5_intensity").std() == pytest.approx(5 * 0.05, rel=0.05)


def test_false_alarms_and_misses_follow_the_errors() -> None:
    settings = vary(NO_ERRORS, tracker_noise=0.08, tracker_bias=0.06)
    limit = 0.2 + 0.7 * 0.1  # CAUTION times the sd of both errors
    for level in (0.1, 0.25, 0.3):
        values = see_automatically(np.full((4000, 1, 22, 2), level, np.float32), settings)
        seen = values[..., : len(DETECTED)].mean()
        assert seen == pytest.approx(norm.cdf((level - limit) / 0.1), abs=0.01)


def test_ratings_have_errors_that_detections_do_not() -> None:
    actions = lively()
    plain = see_automatically(actions, NO_ERRORS)
    rated = see_automatically(actions, vary(NO_ERRORS, tracker_rating=0.2))
    np.testing.assert_array_equal(plain[..., :12], rated[..., :12])
    assert np.abs(plain[..., 12:] - rated[..., 12:]).max() > 0.5


def test_bias_belongs_to_the_person() -> None:
    person = np.repeat(np.arange(300), 2)
    half = np.full((600, 5, 22, 2), 0.5, np.float32)
    values = see_automatically(half, vary(NO_ERRORS, tracker_bias=0.04), person)
    bias = column(values, "AU9_intensity") / 5 - 0.5  # (600, 5)
    np.testing.assert_allclose(bias, np.broadcast_to(bias[::2, :1].repeat(2, 0), bias.shape))
    assert bias[::2, 0].std() == pytest.approx(0.04, rel=0.15)


def test_neighbors_look_like_each_other() -> None:
    settings = vary(NO_ERRORS, tracker_crosstalk=0.25)
    smile = see_automatically(showing("AU12", 0.8, 0.8), settings)
    np.testing.assert_allclose(column(smile, "AU12_intensity"), 4.0, rtol=1e-6)
    np.testing.assert_allclose(column(smile, "AU6_intensity"), 5 * 0.2, rtol=1e-5)
    assert not column(smile, "AU1_intensity").any()
    cheeks = see_automatically(showing("AU6", 0.8, 0.8), settings)
    np.testing.assert_allclose(column(cheeks, "AU12_intensity"), 5 * 0.2, rtol=1e-5)
    table = module._neighbors()
    np.testing.assert_array_equal(table, table.T)
    assert not np.diag(table).any() and table.sum() == 2 * len(module.NEIGHBORS)


@given(
    level=st.floats(0, 1, width=32),
    sizes=st.lists(st.floats(0, 2), min_size=11, max_size=11),
    seed=st.integers(0, 99),
)
def test_values_stay_in_range_whatever_the_errors(
    level: float, sizes: list[float], seed: int
) -> None:
    settings = ObserversConfig(**dict(zip(ObserversConfig.model_fields, sizes, strict=True)))
    actions = np.full((2, 4, 22, 2), level, np.float32)
    coded = human_units(actions, FPS, settings, rng(seed))
    values = automatic_units(actions, np.zeros(2, np.int64), FPS, settings, rng(seed))
    assert np.isin(coded, (0, 1)).all() and np.isin(values[..., :12], (0, 1)).all()
    assert values.min() >= 0 and values.max() <= 5
    assert coded.dtype == values.dtype == np.float32


# --- independent 3DMM


def test_other_3dmm_is_a_bounded_function_of_the_units(face: OpenHead) -> None:
    actions = lively(3, 4)
    identity = rng().standard_normal((3, 32))
    values = other_3dmm(actions, identity, FPS, NO_ERRORS, face, rng())
    units = to_units(actions.reshape(-1, 22, 2), face.unit_names)  # (12, 86)
    linear = (units @ other_basis(face)).reshape(values.shape)
    np.testing.assert_allclose(values, 3 * np.tanh(linear / 3), atol=1e-5)
    assert np.abs(linear).max() > 1  # so the limit was felt
    assert OTHER_LIMIT == 3


def test_other_3dmm_has_unit_sd_on_its_own_faces(face: OpenHead) -> None:
    weights = module.OTHER_DESIGN.sample(20_000, seed=1)
    np.testing.assert_allclose((weights @ other_basis(face)).std(0), 1, rtol=0.08)


def test_other_3dmm_measures_distance_in_another_way(face: OpenHead) -> None:
    weights = module.OTHER_DESIGN.sample(400, seed=2)
    psi, other = face.units_to_psi(weights), weights @ other_basis(face)
    near = np.corrcoef(_distances(psi), _distances(other))[0, 1]
    assert 0.3 < near < 0.98  # both see faces, but one is not a rotation of the other


def _distances(rows: NDArray) -> NDArray:
    return np.linalg.norm(rows[::2] - rows[1::2], axis=1)


def test_other_3dmm_looks_at_skin_alone_and_weighs_its_regions(face: OpenHead) -> None:
    fields = {name: getattr(face, name) for name in module.Face.__annotations__}
    expected = other_basis(face)
    moves = fields["unit_displacements"].copy()
    moves[:, face.parts != face.part_names.index("skin")] += 5
    skin_only = other_basis(SimpleNamespace(**fields | {"unit_displacements": moves}))
    np.testing.assert_array_equal(skin_only, expected)
    # A region of weight 3 counts as one of weight 1 whose movements are sqrt(3) times as large.
    weights = {"eye": 3, "brow": 2, "mouth": 2, "jaw": 0.5, "cheek": 0.5, "nose": 1, "rest": 1}
    weight = np.array([weights[name.split("_")[0]] for name in face.region_names])[face.regions]
    moves = fields["unit_displacements"] * np.sqrt(weight)[:, None]
    names = ("rest",) * len(face.region_names)
    same = other_basis(
        SimpleNamespace(**fields | {"unit_displacements": moves, "region_names": names})
    )
    np.testing.assert_allclose(same, expected, atol=1e-3)


def test_other_3dmm_keeps_some_identity(face: OpenHead) -> None:
    identity = rng(1).standard_normal((400, 32)).repeat(2, axis=0)
    settings = vary(NO_ERRORS, other_identity=0.1)
    values = other_3dmm(still(800, 2), identity, FPS, settings, face, rng())
    np.testing.assert_array_equal(values[::2], values[1::2])
    np.testing.assert_array_equal(values[:, 0], values[:, 1])
    size = np.sqrt((values[::2, 0] ** 2).mean())
    assert size == pytest.approx(0.1, rel=0.1)


def test_observers_give_each_clip_the_identity_of_its_person(face: OpenHead) -> None:
    person = np.array([0, 0, 1, 2])
    settings = vary(NO_ERRORS, other_identity=0.1, embedding_identity=1.0, tracker_bias=0.1)
    args = np.full((4, 2, 22, 2), 0.3, np.float32), person, rng(1).standard_normal((3, 32))
    seen = observe(*args, FPS, settings, face, rng())
    for name in (AUTOMATIC_UNITS, OTHER_3DMM, EMBEDDING):
        values = seen[name][0]
        np.testing.assert_allclose(values[0], values[1], atol=1e-5)
        assert min(np.abs(values[i] - values[j]).max() for i, j in ((0, 2), (0, 3), (2, 3))) > 0.05


def test_noise_of_the_other_3dmm(face: OpenHead) -> None:
    settings = vary(NO_ERRORS, other_noise=0.3)
    values = other_3dmm(still(100, 30), np.zeros((100, 32)), FPS, settings, face, rng())
    assert values.std() == pytest.approx(0.3, rel=0.02)
    assert (values[:, 1:] * values[:, :-1]).mean() / 0.09 == pytest.approx(np.exp(-1 / 3), abs=0.03)


# --- holistic embedding


def test_unit_statistics_are_means_and_sds_over_the_clip(face: OpenHead) -> None:
    actions = lively(3, 12)
    values = unit_statistics(actions, face)
    for clip in range(3):
        units = to_units(actions[clip], face.unit_names)  # (12, 86)
        np.testing.assert_allclose(values[clip, :86], units.mean(0), atol=1e-6)
        np.testing.assert_allclose(values[clip, 86:], units.std(0), atol=1e-6)


def test_scenes_are_standard_normal_and_half_the_persons() -> None:
    scenes = draw_scenes(np.repeat(np.arange(4000), 2), rng(2))
    assert scenes.shape == (8000, 6)
    assert scenes.std() == pytest.approx(1, abs=0.02)
    assert (scenes[::2] * scenes[1::2]).mean() == pytest.approx(0.5, abs=0.03)
    assert (scenes[:-2:2] * scenes[2::2]).mean() == pytest.approx(0, abs=0.03)


def _inputs(n: int, seed: int = 0) -> dict[str, NDArray]:
    draw = rng(seed)
    return {
        "expression": 0.05 * draw.standard_normal((n, 172)),
        "identity": draw.standard_normal((n, 32)),
        "scene": draw.standard_normal((n, 6)),
    }


def test_clips_of_one_person_embed_closer_together(face: OpenHead) -> None:
    person = np.repeat(np.arange(20), 4)
    seen = observe(
        lively(80, 8), person, rng(1).standard_normal((20, 32)), FPS, ObserversConfig(), face,
        rng(2),
    )  # fmt: skip
    values = seen[EMBEDDING][0].astype(float)
    distance = np.linalg.norm(values[:, None] - values[None], axis=-1)
    same = person[:, None] == person[None]
    within = distance[same & ~np.eye(80, dtype=bool)]
    assert within.mean() < 0.75 * distance[~same].mean()


def test_strengths_of_zero_remove_their_part() -> None:
    inputs = _inputs(30)
    for name, setting in (("identity", "embedding_identity"), ("scene", "embedding_scene")):
        other = inputs | {name: _inputs(30, seed=9)[name]}
        for strength in (0.0, 1.0):
            settings = vary(NO_ERRORS, **{setting: strength})
            first, second = (embed(**x, settings=settings, rng=rng()) for x in (inputs, other))
            assert np.array_equal(first, second) == (strength == 0)
    first, second = (embed(**inputs, settings=NO_ERRORS, rng=rng(seed)) for seed in (1, 2))
    np.testing.assert_array_equal(first, second)  # no noise, and always the same network


def test_embedding_holds_parts_by_their_squared_strengths() -> None:
    settings = vary(NO_ERRORS, embedding_identity=1.5, embedding_scene=0.5, embedding_noise=1.0)
    total = 1 + 1.5**2 + 0.5**2 + 1.0**2
    inputs, others = _inputs(1500), _inputs(1500, seed=1)
    inputs["expression"] *= 0.5 / 0.05 / np.sqrt(172)  # the size that counts as 1
    others["expression"] *= 0.5 / 0.05 / np.sqrt(172)
    raw = embed(**inputs, settings=settings, rng=rng(1))
    values = raw - raw.mean(0)
    for name, strength in (("expression", 1.0), ("identity", 1.5), ("scene", 0.5)):
        again = embed(**others | {name: inputs[name]}, settings=settings, rng=rng(2))
        share = (values * (again - again.mean(0))).sum() / (values**2).sum()
        assert share == pytest.approx(strength**2 / total, abs=0.05), name
    # Squashing keeps the scale whatever the strengths are.
    strong = vary(settings, embedding_identity=15.0)
    assert embed(**inputs, settings=strong, rng=rng(1)).std() == pytest.approx(raw.std(), rel=0.05)
