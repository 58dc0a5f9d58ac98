"""ARKit weights: Live Link Face and MediaPipe spell the same shapes in other ways and orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dfe.data.adapters import Adapter, AdapterError, Recording
from dfe.data.adapters.arkit import (
    LIVE_LINK,
    LIVE_LINK_PSI,
    MEDIAPIPE,
    MEDIAPIPE_PSI,
    REPEATED_TIMECODE,
    arkit_psi,
)
from dfe.data.adapters.base import LOW_CONFIDENCE, NOT_FINITE
from dfe.face import OpenHead

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "livelink" / "alex_rom_3.csv"
NAMES = OpenHead().arkit_names
_AXES = ("Yaw", "Pitch", "Roll")
ROTATIONS = [f"{of}{axis}" for of in ("Head", "LeftEye", "RightEye") for axis in _AXES]


def weights(n: int) -> np.ndarray:
    return np.random.default_rng(1).random((n, 52)).round(6).astype(np.float32)


def live_link(n: int) -> pd.DataFrame:
    """A table as the app writes it, in another order than that of the head."""
    table = pd.DataFrame({"Timecode": [f"13:13:04:{31 + 2 * i}.652" for i in range(n)]})
    table["BlendShapeCount"] = 61
    shapes = pd.DataFrame(weights(n), columns=[name[0].upper() + name[1:] for name in NAMES])
    table = table.join(shapes[shapes.columns[::-1]])
    table[ROTATIONS] = -0.5
    return table


def mediapipe(n: int) -> pd.DataFrame:
    table = pd.DataFrame(weights(n), columns=list(NAMES)).drop(columns="tongueOut")
    table.insert(0, "_neutral", 0.01)
    return table


def save(table: pd.DataFrame, tmp_path: Path) -> tuple[Path, ...]:
    table.to_csv(tmp_path / "v.csv", index=False)
    return LIVE_LINK.recordings(tmp_path)["v"]


def test_live_link_in_the_order_of_the_head(tmp_path: Path) -> None:
    found = LIVE_LINK.read("v", save(live_link(3), tmp_path))
    assert LIVE_LINK.columns == NAMES and LIVE_LINK.kind == "features"
    assert found.frame.tolist() == [0, 1, 2] and found.skipped == {}
    np.testing.assert_array_equal(found.values, weights(3))


def test_live_link_frames_that_are_dropped(tmp_path: Path) -> None:
    table = live_link(6)
    table.loc[2, "Timecode"] = table.loc[0, "Timecode"]
    table.loc[3, "BlendShapeCount"] = 0
    table.loc[4, "JawOpen"] = np.nan
    found = LIVE_LINK.read("v", save(table, tmp_path))
    assert found.frame.tolist() == [0, 1, 5]
    assert found.skipped == {REPEATED_TIMECODE: 1, LOW_CONFIDENCE: 1, NOT_FINITE: 1}
    np.testing.assert_array_equal(found.values, weights(6)[[0, 1, 5]])


@pytest.mark.parametrize("code", ["13:13:04", "later", "", "13:13:04:31.652x", "13:1:04:31"])
def test_live_link_timecode_of_another_form(tmp_path: Path, code: str) -> None:
    table = live_link(2)
    table.loc[1, "Timecode"] = code
    with pytest.raises(AdapterError, match="in line 3, column timecode is not HH:MM:SS:FF"):
        LIVE_LINK.read("v", save(table, tmp_path))


@pytest.mark.parametrize("code", ["00:00:00:00", "23:59:59;29.000", "13:13:04:119.5"])
def test_live_link_timecodes(tmp_path: Path, code: str) -> None:
    table = live_link(2)
    table.loc[1, "Timecode"] = code
    assert len(LIVE_LINK.read("v", save(table, tmp_path))) == 2


def test_mediapipe_with_and_without_frames(tmp_path: Path) -> None:
    expected = weights(3)
    expected[:, NAMES.index("tongueOut")] = 0
    found = MEDIAPIPE.read("v", save(mediapipe(3), tmp_path))
    assert found.frame.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.values, expected)
    numbered = mediapipe(3).assign(frame=[9, 0, 6])
    found = MEDIAPIPE.read("v", save(numbered, tmp_path))
    assert found.frame.tolist() == [0, 6, 9]  # it calls the first frame 0
    np.testing.assert_array_equal(found.values, expected[[1, 2, 0]])


def test_mediapipe_keeps_a_tongue_that_someone_scored(tmp_path: Path) -> None:
    table = mediapipe(2).assign(tongueOut=[0.25, 0.5])
    found = MEDIAPIPE.read("v", save(table, tmp_path))
    assert found.values[:, NAMES.index("tongueOut")].tolist() == [0.25, 0.5]


def test_mediapipe_frames_that_come_twice_or_are_nan(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="v.csv: frame 4 comes 2 times"):
        MEDIAPIPE.read("v", save(mediapipe(3).assign(frame=[4, 4, 6]), tmp_path))
    table = mediapipe(2)
    table.loc[0, "jawOpen"] = np.nan
    found = MEDIAPIPE.read("v", save(table, tmp_path))
    assert found.frame.tolist() == [1] and found.skipped == {NOT_FINITE: 1}


@pytest.mark.parametrize("missing", ["Timecode", "BlendShapeCount", "JawOpen", "TongueOut"])
def test_live_link_without_a_column(tmp_path: Path, missing: str) -> None:
    files = save(live_link(2).drop(columns=missing), tmp_path)
    small = missing[0].lower() + missing[1:]
    with pytest.raises(AdapterError, match=rf"v\.csv: no column {small}; there are .* more"):
        LIVE_LINK.read("v", files)


def test_mediapipe_without_a_column_or_with_two_spellings(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"v\.csv: no column jawOpen; there are _neutral"):
        MEDIAPIPE.read("v", save(mediapipe(2).drop(columns="jawOpen"), tmp_path))
    with pytest.raises(AdapterError, match="column 'jawOpen' comes 2 times"):
        MEDIAPIPE.read("v", save(mediapipe(2).assign(JawOpen=0.0), tmp_path))


@pytest.mark.parametrize("adapter", [LIVE_LINK, MEDIAPIPE], ids=lambda adapter: adapter.name)
def test_empty_and_cut_files(tmp_path: Path, adapter: Adapter) -> None:
    tables: Mapping[str, pd.DataFrame] = {
        LIVE_LINK.name: live_link(2),
        MEDIAPIPE.name: mediapipe(2),
    }
    read, table = adapter.read, tables[adapter.name]
    (path,) = save(table, tmp_path)
    path.write_text(path.read_text()[:-60])
    with pytest.raises(AdapterError, match=r"v\.csv: line 3 has \d+ fields"):
        read("v", (path,))
    path.write_text("")
    with pytest.raises(AdapterError, match="v.csv: no column names"):
        read("v", (path,))


def test_psi_is_that_of_the_open_head() -> None:
    values, head = weights(4), OpenHead()
    units = np.hstack([values, np.zeros((4, len(head.unit_names) - 52), np.float32)])
    given = Recording("v", np.array([3, 4, 6, 9]), values, {NOT_FINITE: 2})
    found = arkit_psi(given)
    np.testing.assert_allclose(found.values, head.units_to_psi(units), rtol=1e-5, atol=1e-5)
    assert found.values.shape == (4, 50) and found.frame.tolist() == [3, 4, 6, 9]
    assert found.clip == "v" and found.skipped == {NOT_FINITE: 2}
    with pytest.raises(AdapterError, match=r"needs 52 ARKit weights .* got shape \(4, 51\)"):
        arkit_psi(Recording("v", given.frame, values[:, :51]))


@pytest.mark.parametrize(
    ("weights_of", "psi_of", "table"),
    [(LIVE_LINK, LIVE_LINK_PSI, live_link), (MEDIAPIPE, MEDIAPIPE_PSI, mediapipe)],
    ids=["live-link", "mediapipe"],
)
def test_the_same_files_as_expression_vectors(
    tmp_path: Path, weights_of: Adapter, psi_of: Adapter, table: Callable[[int], pd.DataFrame]
) -> None:
    assert psi_of.name == f"{weights_of.name}-psi" and psi_of.title != weights_of.title
    assert (psi_of.kind, psi_of.face, len(psi_of.columns)) == ("psi", OpenHead.name, 50)
    assert (weights_of.kind, weights_of.face) == ("features", "")
    frames = table(4)
    frames.loc[2, frames.columns[-1] if weights_of is MEDIAPIPE else "JawOpen"] = np.nan
    (path,) = save(frames, tmp_path)
    assert psi_of.recordings(tmp_path) == {"v": (path,)}
    weights, found = weights_of.read("v", (path,)), psi_of.read("v", (path,))
    assert found.frame.tolist() == [0, 1, 3] and found.skipped == {NOT_FINITE: 1}
    np.testing.assert_array_equal(found.values, arkit_psi(weights).values)


@pytest.mark.parametrize("psi_of", [LIVE_LINK_PSI, MEDIAPIPE_PSI], ids=lambda adapter: adapter.name)
def test_a_recording_without_a_face_has_no_expression_vector(
    tmp_path: Path, psi_of: Adapter
) -> None:
    table = live_link(2) if psi_of is LIVE_LINK_PSI else mediapipe(2)
    table[table.columns[5]] = np.nan
    assert psi_of.read("v", save(table, tmp_path)).values.shape == (0, 50)


def test_the_real_recording() -> None:
    if not REAL.is_file():
        pytest.skip(f"{REAL} is not there: a recording of Live Link Face, see the README beside it")
    found = LIVE_LINK.read("alex_rom_3", (REAL,))
    oracle = pd.read_csv(REAL)
    assert len(found) == len(oracle) == 4030 and found.skipped == {}
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileRight", "tongueOut"):
        column = oracle[name[0].upper() + name[1:]].to_numpy(np.float32)
        np.testing.assert_array_equal(found.values[:, NAMES.index(name)], column)
    assert arkit_psi(found).values.shape == (4030, 50)
