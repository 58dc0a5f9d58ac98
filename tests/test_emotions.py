"""The task of the RAVDESS landmarks: names, files, fits, and what the page compares."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emotions_support import camera_landmarks, csv_text, names, write_actor, write_archive

from dfe.config import Profile, UtilityConfig, vary
from dfe.data.adapters import AdapterError
from dfe.data.adapters.openface import INTENSITIES, OPENFACE
from dfe.data.corpus import fresh_units
from dfe.data.gated import load_gated
from dfe.data.labels.base import LabelError
from dfe.data.labels.ravdess import EMOTIONS, read_ravdess
from dfe.data.landmark_fit import neutral_shape
from dfe.data.landmark_recovery import recovery
from dfe.data.ravdess import (
    FIT_RESIDUAL,
    LANDMARK_MOTION,
    OPENFACE_UNITS,
    emotion_task,
    emotions_folder,
    expected_clips,
    find_tracks,
    fit_tracks,
    load_tracks,
    read_track,
    tracks_state,
)
from dfe.data.task import PSI, Frames, Task, TaskError
from dfe.data.task_store import read_task
from dfe.data.verify import verify
from dfe.emotions import (
    LABELS,
    NOT_FETCHED,
    clip_counts,
    compare_emotions,
    confusion,
    emotion_hashes,
    emotions_path,
    fit_recovery,
    load_emotions,
    made_of,
    residuals,
    waiting,
)
from dfe.face import OpenHead
from dfe.face.landmarks import LANDMARKS, landmark_displacements
from dfe.utility import DFE_TOKENS, Comparison, Method, Predictions

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "openface_ravdess"
HEAD = OpenHead()
POINTS = HEAD.template[list(LANDMARKS)].astype(np.float64)  # (51, 3)
NAME = "01-01-03-02-01-02-05"


def write(
    folder: Path, name: str, psi: np.ndarray, confidence: list[float] | None = None, size: float = 1
) -> Path:
    """A recording of the open head itself, half a meter from the camera."""
    inner = size * (POINTS + landmark_displacements(HEAD, psi)) - (0, 0, 500)
    units = np.full((len(psi), 17), 1.25) + np.arange(len(psi))[:, None] / 10
    sure = confidence or [0.98] * len(psi)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    path.write_text(csv_text(camera_landmarks(inner), units, sure), encoding="utf-8")
    return path


def psi(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, 50)).astype(np.float32)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """Small settings, an empty cache and a build folder of their own."""
    monkeypatch.setenv("DFE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles").mkdir()  # what makes a folder a project, with the next file
    (tmp_path / "_config.yml").write_text("title: small\n", encoding="utf-8")
    rules = UtilityConfig(
        penalties=(1.0,), kernels=("linear",), inner_folds=2, bootstrap=20, permutations=20
    )
    profile = Profile(name="small", utility=rules)
    pages = vary(profile.pages, emotions={"every": 1, "folds": 3, "simulated": 40, "people": 2})
    return profile.model_copy(update={"pages": pages})


# Files


def test_landmarks_are_turned_into_the_axes_of_the_head(tmp_path: Path) -> None:
    shown = psi(3)
    track = read_track(write(tmp_path, NAME, shown))
    place = POINTS + landmark_displacements(HEAD, shown) - (0, 0, 500)
    np.testing.assert_allclose(track.landmarks, place, atol=1e-3)
    assert (track.name.emotion, track.name.intensity, track.name.actor) == ("happy", "strong", 5)
    np.testing.assert_allclose(track.units[:, 0], [1.25, 1.35, 1.45])
    assert track.units.shape == (3, 17) and track.dropped == 0
    assert track.thinned(2).landmarks.tolist() == track.landmarks[::2].tolist()
    assert len(track.thinned(2).units) == 2


def test_frames_that_the_program_does_not_trust_are_dropped(tmp_path: Path) -> None:
    shown = psi(4)
    track = read_track(write(tmp_path, NAME, shown, [0.98, 0.1, 0.7, 0.9]))
    assert track.dropped == 2
    kept = POINTS + landmark_displacements(HEAD, shown[[0, 3]]) - (0, 0, 500)
    np.testing.assert_allclose(track.landmarks, kept, atol=1e-3)
    np.testing.assert_allclose(track.units[:, 0], [1.25, 1.55])


def test_rows_in_another_order_are_those_of_their_frames(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, psi(5))
    whole = read_track(path)
    first, *rows = path.read_text().splitlines()
    path.write_text("\n".join([first, rows[3], rows[0], rows[4], rows[1], rows[2]]) + "\n")
    again = read_track(path)
    np.testing.assert_array_equal(again.landmarks, whole.landmarks)
    np.testing.assert_array_equal(again.units, whole.units)


def test_a_landmark_that_is_no_number_drops_its_frame(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, psi(3))
    table = pd.read_csv(path, skipinitialspace=True)
    table.loc[1, "Y_40"] = np.nan
    table.to_csv(path, index=False)
    track = read_track(path)
    assert len(track.landmarks) == 2 and track.dropped == 1
    np.testing.assert_allclose(track.units[:, 0], [1.25, 1.45])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace(", X_30", ", other"), "no column X_30"),
        (lambda text: text.replace(", AU12_r", ", other"), "no column AU12_r"),
        (lambda text: text[: len(text) * 2 // 3], "fields, the header"),
        (lambda text: text.replace("\n2, 0", "\n1, 0"), "frame 1 comes 2 times"),
        (lambda text: "", "no column names"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, edit: Callable[[str], str], message: str) -> None:
    path = write(tmp_path, NAME, psi(3))
    path.write_text(edit(path.read_text()))
    with pytest.raises(AdapterError, match=message) as caught:
        read_track(path)
    assert str(path) in str(caught.value)


def test_a_cell_that_is_text_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, psi(3))
    lines = path.read_text().splitlines()
    at = lines[0].split(", ").index("Z_20")
    cells = lines[2].split(", ")
    cells[at] = "oops"
    path.write_text("\n".join([*lines[:2], ", ".join(cells), lines[3]]) + "\n")
    with pytest.raises(AdapterError, match="oops in line 3, column Z_20"):
        read_track(path)


def test_two_faces_in_one_frame_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, psi(3))
    text = path.read_text()
    path.write_text(text + text.splitlines()[3].replace("3, 0,", "3, 1,", 1) + "\n")
    with pytest.raises(AdapterError, match="frame 3 comes 2 times.*two faces"):
        read_track(path)


def test_recordings_are_found_wherever_they_lie(tmp_path: Path) -> None:
    for place, name in (("a/b", NAME), ("", "01-02-04-01-01-01-02"), ("c", "01-01-01-01-01-01-01")):
        write(tmp_path / place, name, psi(1))
    (tmp_path / "notes.csv").write_text("no recording")
    assert list(find_tracks(tmp_path)) == sorted(
        [NAME, "01-02-04-01-01-01-02", "01-01-01-01-01-01-01"]
    )
    assert list(find_tracks(tmp_path, "song")) == ["01-02-04-01-01-01-02"]
    assert list(find_tracks(tmp_path, "speech")) == ["01-01-01-01-01-01-01", NAME]
    assert find_tracks(tmp_path / "nowhere") == {}


def test_a_recording_with_and_without_sound_counts_once(tmp_path: Path) -> None:
    for modality in ("02", "01"):
        write(tmp_path, f"{modality}{NAME[2:]}", psi(1))
    write(tmp_path, "02-01-04-01-01-01-05", psi(1))
    assert list(find_tracks(tmp_path)) == [NAME, "02-01-04-01-01-01-05"]


def test_names_that_cannot_be_are_errors(tmp_path: Path) -> None:
    write(tmp_path / "a", NAME, psi(1))
    write(tmp_path / "b", NAME, psi(1))
    with pytest.raises(TaskError, match="are of one recording"):
        find_tracks(tmp_path)
    write(tmp_path / "c", "01-01-09-01-01-01-01", psi(1))
    with pytest.raises(LabelError, match="emotion 09"):
        find_tracks(tmp_path / "c", "speech")


def test_the_made_up_archive_is_what_the_manifest_describes(tmp_path: Path) -> None:
    write_archive(tmp_path, (1, 2), (1, 3))
    found = verify(load_gated("ravdess-landmarks"), tmp_path)
    assert [one.kind for one in found] == ["count"], [str(one) for one in found]
    assert expected_clips() == 2452


# Fits


def test_identity_is_the_median_of_the_neutral_recordings(tmp_path: Path) -> None:
    happy, still = psi(6, 1), np.zeros((6, 50), np.float32)
    write(tmp_path, "01-01-03-02-01-01-07", happy, size=1.2)
    write(tmp_path, "01-01-01-01-01-01-07", still, size=1.2)
    write(tmp_path, "01-01-03-02-01-01-08", happy)  # another actor, without neutral ones
    tracks, absent = load_tracks(find_tracks(tmp_path))
    fits = fit_tracks(tracks, 0.05)
    moved = landmark_displacements(HEAD, happy)
    found = fits["01-01-03-02-01-01-07"].displacements
    assert 1 - np.square(found - moved).sum() / np.square(moved).sum() > 0.98
    assert np.abs(fits["01-01-01-01-01-01-07"].psi).max() < 0.05
    alone = neutral_shape(tracks["01-01-03-02-01-01-08"].landmarks)
    assert np.abs(alone - POINTS).max() > 0.5, "the median of what the actor shows"
    assert np.abs(np.median(fits["01-01-03-02-01-01-08"].displacements, 0)).max() < 0.6
    assert absent == 0


def test_recordings_without_a_face_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, NAME, psi(3), [0.1, 0.2, 0.0])
    write(tmp_path, "01-01-04-01-01-01-05", psi(3))
    tracks, absent = load_tracks(find_tracks(tmp_path), every=2)
    assert list(tracks) == ["01-01-04-01-01-01-05"] and absent == 1
    assert len(tracks["01-01-04-01-01-01-05"].units) == 2


def test_landmarks_that_cannot_be_fitted_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, psi(2))
    table = pd.read_csv(path, skipinitialspace=True)
    table.loc[:, [c for c in table if c[0] in "XYZ"]] = 1.0
    table.to_csv(path, index=False)
    tracks, _ = load_tracks(find_tracks(tmp_path))
    with pytest.raises(TaskError, match="actor 05: the points of row 0 coincide"):
        fit_tracks(tracks, 1.0)


def test_the_task_has_labels_and_four_observers(tmp_path: Path) -> None:
    for actor in (1, 2, 13):
        write_actor(tmp_path, actor, names(actor, (1, 8)), frames=4)
    tracks, _ = load_tracks(find_tracks(tmp_path))
    fits = fit_tracks(tracks, 1.0)
    task = emotion_task(tracks, fits)
    assert (task.name, task.origin, task.dataset) == ("emotions", "real", "ravdess-landmarks")
    assert task.face == HEAD.name
    assert set(task.frames) == {PSI, OPENFACE_UNITS, LANDMARK_MOTION, FIT_RESIDUAL}
    assert {len(seen) for seen in task.frames.values()} == {3 * 4 * 4}
    assert task.frames[OPENFACE_UNITS].columns == INTENSITIES
    row = task.clips.loc["01-01-08-02-01-01-13"]
    assert row[["subject", "emotion", "intensity", "channel", "sex"]].tolist() == [
        "actor13",
        "surprised",
        "strong",
        "speech",
        "male",
    ]
    assert (row["split"], row["frames"], row["dropped"]) == ("", 4, 0)
    last = list(tracks)[-1]
    at = task.frames[PSI].clip == len(tracks) - 1
    np.testing.assert_array_equal(task.frames[PSI].values[at], fits[last].psi)
    np.testing.assert_allclose(
        task.frames[LANDMARK_MOTION].values[at].reshape(-1, 51, 3),
        fits[last].displacements,
        atol=1e-5,
    )
    assert len(set(task.frames[LANDMARK_MOTION].columns)) == 153


# The page's numbers


def test_nothing_is_fetched(settings: Profile) -> None:
    assert load_emotions(settings) is None
    assert emotion_hashes(settings, None) == {}
    assert "dfe data fetch ravdess-landmarks" in NOT_FETCHED
    assert "not fetched" in NOT_FETCHED and "Not fetched" in waiting("A table")


def test_a_part_of_the_archive_is_used_and_read_once(
    settings: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_archive(emotions_folder(), (1, 2, 3), (1, 4))
    task = load_emotions(settings)
    assert task is not None
    assert "N = 12 of the 2,452 in the archive, 3 actors, 108 frames" in made_of(task)
    (digest,) = emotion_hashes(settings, task).values()
    assert emotions_path(settings).is_file() and len(digest) == 64
    assert emotions_path(settings).is_relative_to(Path.cwd()), "a test writes into no real build"

    def never(*_: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr("dfe.emotions.load_tracks", never)
        again = load_emotions(settings)
        assert again is not None
        np.testing.assert_array_equal(again.frames[PSI].values, task.frames[PSI].values)
        pd.testing.assert_frame_equal(again.clips, task.clips)
        pages = vary(settings.pages, emotions={"every": 2})
        with pytest.raises(AssertionError, match="read again"):
            load_emotions(settings.model_copy(update={"pages": pages}))
    path = next(emotions_folder().rglob("*.csv"))
    path.write_text(path.read_text().replace("0.98", "0.97"))
    changed = load_emotions(settings)
    assert changed is not None and [*emotion_hashes(settings, changed).values()] != [digest]


def test_too_few_actors_say_what_to_do(settings: Profile) -> None:
    write_archive(emotions_folder(), (1, 2), (1, 4))
    with pytest.raises(TaskError, match="of 2 actors, and at least 3.*dfe data fetch"):
        load_emotions(settings)


def test_a_damaged_file_stops_the_page(settings: Profile) -> None:
    write_archive(emotions_folder(), (1, 2, 3), (1, 4))
    path = sorted(emotions_folder().rglob("*.csv"))[5]
    path.write_text(path.read_text()[:-100])
    with pytest.raises(AdapterError, match=path.name):
        load_emotions(settings)


def small_task() -> Task:
    """Four actors, three emotions in two intensities (neutral in one), two frames each."""
    rows = [
        (f"{actor}-{emotion}-{intensity}", f"actor{actor}", emotion, intensity)
        for actor in range(4)
        for emotion, intensity in (
            ("neutral", "normal"),
            ("sad", "normal"),
            ("sad", "strong"),
            ("happy", "normal"),
            ("happy", "strong"),
        )
    ]
    clips = pd.DataFrame(rows, columns=["clip", "subject", "emotion", "intensity"])
    clips = clips.assign(split="", channel="speech", frames=2, dropped=1).set_index("clip")
    clip = np.repeat(np.arange(20), 2)
    moved = np.ones((40, 153), np.float32) * (1 + clip[:, None] % 5).astype(np.float32)
    rest = np.full((40, 1), 0.5, np.float32)
    frames = {
        PSI: Frames(clip, np.zeros((40, 50), np.float32)),
        LANDMARK_MOTION: Frames(clip, moved),
        FIT_RESIDUAL: Frames(clip, rest),
    }
    return Task("emotions", "real", clips, frames, "ravdess-landmarks")


def test_counts_of_recordings() -> None:
    found = clip_counts(small_task())
    assert list(found.index) == ["neutral", "happy", "sad"], "in the order of the data set"
    assert found.loc["neutral"].tolist() == [4, 0, 4, 8, 4]
    assert found.loc["sad"].tolist() == [4, 4, 4, 16, 8]


def test_residuals_by_hand() -> None:
    found = residuals(small_task())
    assert list(found.index) == ["neutral", "happy", "sad", "all"]
    # Each coordinate of a neutral frame is 1 mm: a landmark moves sqrt(3). Sad ones are 2 and 3.
    assert found.loc["neutral", "motion"] == pytest.approx(np.sqrt(3))
    assert found.loc["sad", "motion"] == pytest.approx(np.sqrt(3 * (4 + 9) / 2))
    assert found.loc["all", "motion"] == pytest.approx(np.sqrt(3 * 55 / 5))
    assert found["residual"].tolist() == pytest.approx([0.5] * 4)
    assert found.loc["sad", "explained"] == pytest.approx(1 - 0.25 / 19.5)
    assert found["frames"].tolist() == [8, 16, 16, 40]


def features(name: str, values: np.ndarray, task: Task) -> Method:
    return Method(name, values, task.clips.index.to_numpy().astype(str), role="baseline")


def test_actors_are_kept_apart_and_neutral_has_no_intensity(settings: Profile) -> None:
    task, rng = small_task(), np.random.default_rng(0)
    sort = np.array([LABELS["emotion"].index(name) for name in task.clips["emotion"]])
    strong = (task.clips["intensity"] == "strong").to_numpy(float)
    tell = np.eye(8)[sort] + 0.01 * rng.standard_normal((20, 8))
    person = np.eye(4)[np.repeat(np.arange(4), 5)]
    methods = [
        features("both", np.column_stack([tell, strong]), task),
        features("person", person, task),
    ]
    emotion = compare_emotions(settings, task, methods, "emotion")
    assert len(emotion.truth) == 20 and list(emotion.roles) == ["majority", "both", "person"]
    assert emotion.values().loc["both", "accuracy"].value == 1
    assert emotion.values().loc["person", "accuracy"].value <= 0.45, "no actor was seen before"
    assert set(emotion.groups) == {f"actor{k}" for k in range(4)}
    intensity = compare_emotions(settings, task, methods, "intensity")
    assert len(intensity.truth) == 16 and set(intensity.truth) == {"normal", "strong"}
    assert intensity.values().loc["both", "balanced accuracy"].value == 1
    table = confusion(emotion, "both", "emotion")
    assert table.to_numpy().tolist() == [[4, 0, 0], [0, 8, 0], [0, 0, 8]]
    assert list(table.index) == list(table.columns) == ["neutral", "happy", "sad"]


def test_rows_of_the_confusion_are_the_truth() -> None:
    truth = np.array(["sad", "sad", "happy"])
    guess = np.array(["happy", "sad", "happy"])
    made = {DFE_TOKENS: Predictions(np.arange(3), guess, None, [])}
    rules = UtilityConfig(bootstrap=10, permutations=10)
    comparison = Comparison(truth, np.arange(3), (), made, {DFE_TOKENS: "dfe"}, rules)
    table = confusion(comparison, DFE_TOKENS, "emotion")
    assert table.loc["sad", "happy"] == 1 and table.loc["happy", "sad"] == 0


def test_the_recovery_uses_the_settings_of_the_page(settings: Profile) -> None:
    found = fit_recovery(settings)
    assert found.loc["all", "fitted"] > 0.85
    faces = HEAD.units_to_psi(fresh_units(40, 0))
    assert found.equals(recovery(faces, people=2, noise=0.5, fit_noise=1.0, seed=0))
    clean = vary(settings.pages, emotions={"tracker_noise": 0.0, "noise": 0.05})
    better = fit_recovery(settings.model_copy(update={"pages": clean}))
    assert better.loc["all", "fitted"] > found.loc["all", "fitted"]


# Real files, without landmarks


@pytest.fixture
def real_files() -> Path:
    if not REAL.is_dir():
        pytest.skip(f"no real OpenFace files at {REAL}: that folder is not part of the project")
    return REAL


def test_names_of_real_files_give_labels(real_files: Path) -> None:
    labels = read_ravdess(real_files)
    found = find_tracks(real_files)
    assert sorted(found) == sorted(Path(clip).name for clip in labels["clip"])
    assert set(labels["subject"]) == {"actor01", "actor02"}
    assert set(labels["emotion"]) == set(EMOTIONS)


def test_action_units_of_real_files_tell_emotions(real_files: Path, settings: Profile) -> None:
    labels = read_ravdess(real_files).set_index("clip")
    seen = [
        OPENFACE.read(clip, files).values for clip, files in OPENFACE.recordings(real_files).items()
    ]
    assert len(seen) == len(labels)
    means = np.stack([np.r_[v[:, :17].mean(0), v[:, :17].std(0)] for v in seen])
    assert np.isfinite(means).all() and (means[:, :17] <= 5).all()
    sessions = labels.assign(subject=labels["subject"] + labels["repetition"].astype(str))
    task = Task(
        "emotions",
        "real",
        sessions.assign(split=""),
        {PSI: Frames(np.arange(len(labels)), np.zeros((len(labels), 50), np.float32))},
    )
    made = compare_emotions(settings, task, [features(OPENFACE_UNITS, means, task)], "emotion")
    value = made.values().loc[OPENFACE_UNITS, "accuracy"].value
    assert value > 1.5 / len(EMOTIONS), "better than chance across repetitions"


def test_real_files_without_landmarks_are_refused_by_name(real_files: Path) -> None:
    path = next(iter(find_tracks(real_files).values()))
    with pytest.raises(AdapterError, match="no column .*X_17") as caught:
        read_track(path)
    assert str(path) in str(caught.value)


def test_settings_of_the_cache_are_plain_json(settings: Profile) -> None:
    write_archive(emotions_folder(), (1, 2, 3), (1, 4))
    task = load_emotions(settings)
    made = json.loads(read_task(emotions_path(settings))[1])
    assert task is not None and set(made) == {"channel", "every", "noise", "files"}


def test_the_state_of_the_files_tells_a_build_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DFE_DATA", str(tmp_path))
    assert tracks_state() == ""
    path = emotions_folder() / "a.csv"
    path.parent.mkdir()
    path.write_text("1", encoding="utf-8")
    one = tracks_state()
    assert one and tracks_state() == one
    path.write_text("12", encoding="utf-8")
    two = tracks_state()
    path.rename(path.with_name("b.csv"))
    assert len({"", one, two, tracks_state()}) == 4
