"""Frames of sections 5.1 and 5.2 as programs, coders and observers see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_support import ingest, profile

from dfe.action_units import AU_NAMES, action_units
from dfe.appearance import appearance_path
from dfe.config import Profile
from dfe.data.observations import (
    Observation,
    ObservationError,
    ObservationMetadata,
    write_observation,
)
from dfe.data.own import OwnDataError
from dfe.data.real import load_frames
from dfe.data.table import FeatureTable, Metadata, Source
from dfe.examples import pick_examples
from dfe.face import OpenHead
from dfe.frames import (
    automatic_units,
    frame_observers,
    human_units,
    need_units,
    observer_paths,
    scored_units,
)
from dfe.gallery import credits, frame_pictures, shows_photo
from dfe.observers import landmark_geometry

RNG = np.random.default_rng(0)
CLIPS = ["v1", "v2", "v3"]
PSI = RNG.normal(size=(12, 50))
COLUMNS = ("AU1", "AU4", "AU1_intensity", "AU9_intensity", "AU25_intensity")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("DFE_DATA", str(tmp_path))
    ingest("aff-wild2", "mediapipe-blendshapes-psi", CLIPS, PSI, face="open-head")
    return profile({"psi": "mediapipe-blendshapes-psi", "frames": "aff-wild2"})


@pytest.fixture
def table(own: Profile) -> FeatureTable:
    return load_frames(own)


def libreface(clips: list[str] = CLIPS[:2]) -> np.ndarray:
    """Two labels and three ratings, of two of three clips."""
    labels = RNG.integers(0, 2, (4 * len(clips), 2))
    ratings = RNG.uniform(-1, 7, (4 * len(clips), 3))  # the program does not keep to 0 to 5
    values = np.concatenate([labels, ratings.clip(0)], axis=1)
    ingest("aff-wild2", "libreface", clips, values, columns=COLUMNS, kind="action_units")
    return values


def open_table() -> FeatureTable:
    """Three frames of each of two people, with scores and landmarks."""
    person, sha = np.repeat(["a", "b"], 3), "0" * 64
    source = Source(manifest="pyfame", extractor="x", extractor_version="1", inputs_sha256=sha)
    return FeatureTable(
        dataset=np.full(6, "pyfame"),
        clip=person,
        subject=person,
        frame=np.arange(6),
        timestamp=np.zeros(6),
        psi=np.zeros((6, 50), np.float32),
        scores=RNG.random((6, 52)).astype(np.float32),
        landmarks=RNG.normal(size=(6, 478, 3)).astype(np.float32),
        metadata=Metadata(origin="real", face="open-head", face_sha256=sha, sources=(source,)),
    )


def looks(path: Path, table: FeatureTable, width: int) -> np.ndarray:
    """Write what an observer says of the first four frames of a table."""
    values = RNG.normal(size=(4, width)).astype(np.float32)
    metadata = ObservationMetadata(
        name="looks", kind="features", origin="gated", extractor="x", extractor_version="1"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = table.dataset[:4], table.clip[:4], table.frame[:4]
    write_observation(path, Observation(*keys, values, metadata))
    return values


def test_open_frames_have_two_observers_and_those_that_a_page_names(
    checkout: Path, tmp_path: Path
) -> None:
    chosen, table = profile({}), open_table()
    described = looks(appearance_path(chosen), table, 5)
    named = looks(tmp_path / "named.parquet", table, 2)
    found = frame_observers(chosen, table, {"mine": tmp_path / "named.parquet"})
    assert list(found) == ["landmark geometry", "appearance", "mine"]
    geometry, appearance, mine = found.values()
    np.testing.assert_array_equal(geometry.values, landmark_geometry(table))
    np.testing.assert_array_equal(appearance.values[:4], described)
    np.testing.assert_array_equal(mine.values[:4], named)
    assert geometry.seen.all() and appearance.seen.tolist() == [True] * 4 + [False] * 2
    assert [seen.origin for seen in found.values()] == ["real", "real", "gated"]
    assert [seen.says for seen in found.values()] == ["landmark geometry", "appearance", "looks"]
    assert observer_paths(chosen, {"mine": tmp_path / "named.parquet"}) == {
        "mine": tmp_path / "named.parquet"
    }


def test_open_frames_have_the_units_of_their_scores_and_no_coder() -> None:
    chosen, table = profile({}), open_table()
    assert table.scores is not None
    for threshold in (0.2, 0.6):
        found = automatic_units(chosen, table, threshold)
        assert found is not None and found.feature == ""
        expected = scored_units(table.scores, threshold)
        np.testing.assert_array_equal(found.on, expected.on)
    assert human_units(chosen, table, None) is None


def test_a_named_file_comes_before_what_was_ingested(
    own: Profile, table: FeatureTable, tmp_path: Path
) -> None:
    ingest("aff-wild2", "human-action-units", CLIPS, np.zeros((12, 1)))
    ingest("aff-wild2", "smirk", CLIPS, PSI)
    named = tmp_path / "named.parquet"
    values = looks(named, table, 3)
    coded = human_units(own, table, named)
    assert coded is not None
    np.testing.assert_array_equal(coded.values[:4], values)
    found = frame_observers(own, table, {"SMIRK": named})
    assert list(found) == ["SMIRK"]
    np.testing.assert_array_equal(found["SMIRK"].values[:4], values)
    files = observer_paths(own, {"SMIRK": named, "gone": tmp_path / "none.parquet"})
    assert files["SMIRK"] == named and "gone" not in files


def test_units_of_open_frames_come_from_their_scores() -> None:
    scores = RNG.random((5, 52)).astype(np.float32)
    found = scored_units(scores, 0.3)
    intensity = action_units(scores, OpenHead().arkit_names)
    np.testing.assert_array_equal(found.intensity, intensity)
    np.testing.assert_array_equal(found.on, intensity > np.float32(0.3))
    assert found.names == found.rated == AU_NAMES and found.seen.all() and found.feature == ""


def test_libreface_says_itself_what_is_active(own: Profile, table: FeatureTable) -> None:
    values = libreface()
    found = automatic_units(own, table, 0.9)
    assert found is not None and found.feature == "libreface"
    assert found.seen.tolist() == [True] * 8 + [False] * 4
    assert (found.names, found.rated) == (("AU1", "AU4"), ("AU1", "AU9", "AU25"))
    np.testing.assert_array_equal(found.on[:8], values[:, :2] == 1)
    np.testing.assert_allclose(found.intensity[:8], values[:, 2:].clip(0, 5) / 5, rtol=1e-6)
    assert not found.on[8:].any() and np.isfinite(found.intensity).all()


def test_without_any_units_the_page_says_what_to_ingest(own: Profile, table: FeatureTable) -> None:
    assert automatic_units(own, table, 0.2) is None
    assert human_units(own, table, None) is None
    with pytest.raises(OwnDataError, match="--extractor libreface or --extractor human-action"):
        need_units(None, None)
    libreface()
    need_units(automatic_units(own, table, 0.2), None)


def test_coders_are_taken_from_what_was_ingested_or_named(
    own: Profile, table: FeatureTable, tmp_path: Path
) -> None:
    coded = RNG.integers(0, 2, (4, 12)).astype(float)
    ingest("aff-wild2", "human-action-units", ["v2"], coded, columns=AU_NAMES, kind="action_units")
    found = human_units(own, table, None)
    assert found is not None and found.origin == "gated"
    assert found.seen.tolist() == [False] * 4 + [True] * 4 + [False] * 4
    np.testing.assert_array_equal(found.values[4:8], coded)
    other = ingest("elsewhere", "human-action-units", ["v2"], coded, columns=AU_NAMES)
    with pytest.raises(ObservationError, match="share no frame"):
        human_units(own, table, other)
    with pytest.raises(ObservationError, match="does not exist"):
        human_units(own, table, tmp_path / "none.parquet")


def test_observers_are_the_readers_own(own: Profile, table: FeatureTable) -> None:
    with pytest.raises(OwnDataError, match="aff-wild2: no observer .* --extractor smirk"):
        frame_observers(own, table, {})
    libreface()
    with pytest.raises(OwnDataError, match="no observer"):
        frame_observers(own, table, {})  # action units are not one of them
    smirk = ingest("aff-wild2", "smirk", CLIPS, PSI[:, :20], name="a title", face="flame")
    ingest("aff-wild2", "human-action-units", ["v2"], np.ones((4, 1)))
    found = frame_observers(own, table, {"mine": smirk})
    assert list(found) == ["SMIRK", "mine"] and found["mine"].says == "SMIRK"
    np.testing.assert_array_equal(found["SMIRK"].values, PSI[:, :20].astype(np.float32))
    assert found["SMIRK"].origin == "gated" and found["SMIRK"].seen.all()
    named = observer_paths(own, {"mine": smirk})
    assert set(named) == {"LibreFace", "SMIRK", "human-action-units", "mine"}


def test_nothing_of_a_readers_own_is_shown_as_a_photograph(table: FeatureTable) -> None:
    assert not shows_photo(table).any() and credits(table, [0, 5]) == []
    rows = pick_examples(table, 2)
    strength = np.linalg.norm(table.psi, axis=1)
    assert rows[0] == strength.argmax() and len(rows) == 2
    pictures = frame_pictures(table, rows[:1].tolist(), OpenHead(), 48)
    assert pictures.shape == (1, 48, 48, 3)
