"""LibreFace 0.2: its columns are those of the simulated units; frames without a face are gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dfe.data.adapters import AdapterError
from dfe.data.adapters.base import NOT_FINITE
from dfe.data.adapters.libreface import COLUMNS, LIBREFACE
from dfe.data.cohorts.observers import AUTOMATIC_COLUMNS

DETECTED = [f"au_{n}" for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)]
RATED = [f"au_{n}_intensity" for n in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)]


def frames(numbers: list[int]) -> pd.DataFrame:
    """A table as `save_facial_attributes_video` writes it."""
    n = len(numbers)
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"frame_idx": numbers, "frame_time_in_ms": [i / 30 for i in numbers]})
    table[["pitch", "yaw", "roll", "lm_mp_0_x"]] = rng.normal(size=(n, 4))
    table[DETECTED] = rng.integers(0, 2, (n, 12))
    table[RATED] = rng.uniform(0, 5, (n, 12)).round(3)
    table["facial_expression"] = "Happiness"
    table[["gaze_yaw", "gaze_pitch"]] = rng.normal(size=(n, 2))
    return table


def save(table: pd.DataFrame, tmp_path: Path) -> tuple[Path, ...]:
    table.to_csv(tmp_path / "v.csv", index=False)
    return LIBREFACE.recordings(tmp_path)["v"]


def test_the_columns_are_those_of_the_simulated_units() -> None:
    assert COLUMNS == AUTOMATIC_COLUMNS == LIBREFACE.columns
    assert [name.replace("AU", "au_") for name in COLUMNS] == DETECTED + RATED


def test_values_and_gaps(tmp_path: Path) -> None:
    table = frames([0, 1, 4, 5])
    found = LIBREFACE.read("v", save(table, tmp_path))
    assert found.frame.tolist() == [0, 1, 4, 5] and found.skipped == {}
    np.testing.assert_array_equal(found.values, table[DETECTED + RATED].to_numpy(np.float32))


def test_columns_are_found_by_name_and_frames_sorted(tmp_path: Path) -> None:
    table = frames([2, 0, 1])
    files = save(table[sorted(table.columns)], tmp_path)
    found = LIBREFACE.read("v", files)
    assert found.frame.tolist() == [0, 1, 2]
    ordered = table.sort_values("frame_idx")[DETECTED + RATED]
    np.testing.assert_array_equal(found.values, ordered.to_numpy(np.float32))


def test_intensities_that_the_default_model_does_not_limit(tmp_path: Path) -> None:
    table = frames([0, 1])
    table.loc[0, "au_12_intensity"], table.loc[1, "au_1_intensity"] = 5.2, -0.1
    found = LIBREFACE.read("v", save(table, tmp_path)).values
    assert found[0, COLUMNS.index("AU12_intensity")] == np.float32(5.2)
    assert found[1, COLUMNS.index("AU1_intensity")] == 0


def test_infinite_intensities_below_zero_are_no_zero(tmp_path: Path) -> None:
    table = frames([0, 1])
    table.loc[0, "au_1_intensity"] = -np.inf
    found = LIBREFACE.read("v", save(table, tmp_path))
    assert found.frame.tolist() == [1] and found.skipped == {NOT_FINITE: 1}


def test_nan_drops_the_frame(tmp_path: Path) -> None:
    table = frames([0, 1, 2])
    table["au_4"] = table["au_4"].astype(float)
    table.loc[1, "au_4"] = np.nan
    table.loc[2, "au_9_intensity"] = np.inf
    table.loc[0, "pitch"] = np.nan  # not one of ours
    found = LIBREFACE.read("v", save(table, tmp_path))
    assert found.frame.tolist() == [0] and found.skipped == {NOT_FINITE: 2}


@pytest.mark.parametrize("name", ["frame_idx", "au_24", "au_26_intensity"])
def test_a_missing_column(tmp_path: Path, name: str) -> None:
    files = save(frames([0, 1]).drop(columns=name), tmp_path)
    with pytest.raises(AdapterError, match=rf"v\.csv: no column {name}; there are frame_"):
        LIBREFACE.read("v", files)


@pytest.mark.parametrize("value", [2.0, -1.0, 0.5])
def test_a_label_that_is_none(tmp_path: Path, value: float) -> None:
    table = frames([0, 1]).astype({"au_24": float})
    table.loc[1, "au_24"] = value
    with pytest.raises(AdapterError, match=f"{value} in line 3, column au_24 is not 0 or 1"):
        LIBREFACE.read("v", save(table, tmp_path))


def test_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="v.csv: frame 1 comes 2 times"):
        LIBREFACE.read("v", save(frames([0, 1, 1]), tmp_path))
    with pytest.raises(AdapterError, match="no line below"):
        LIBREFACE.read("v", save(frames([]), tmp_path))
    (path,) = save(frames([0, 1]), tmp_path)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(AdapterError, match=r"v\.csv: line 3 has \d+ fields"):
        LIBREFACE.read("v", (path,))
    path.write_text("")
    with pytest.raises(AdapterError, match="no column names"):
        LIBREFACE.read("v", (path,))
