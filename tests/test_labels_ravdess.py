"""RAVDESS: what the names of the files say, and which names are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from labels_support import check_form

from dfe.data.labels import LabelError, read_ravdess
from dfe.data.labels.ravdess import RavdessName, parse_name

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "openface_ravdess"


def test_a_name_field_by_field() -> None:
    assert parse_name("01-01-03-02-01-02-05") == RavdessName(
        "audio and video", "speech", "happy", "strong", "Kids are talking by the door", 2, 5
    )
    assert parse_name("02-02-06-01-02-01-24") == RavdessName(
        "video", "song", "fearful", "normal", "Dogs are sitting by the door", 1, 24
    )
    assert [parse_name(f"03-01-01-01-01-01-{a}").sex for a in ("01", "02")] == ["male", "female"]


def test_emotions_by_their_codes() -> None:
    words = "neutral calm happy sad angry fearful disgust surprised".split()
    for code, word in enumerate(words, 1):
        assert parse_name(f"01-01-{code:02d}-01-01-01-01").emotion == word


RANGES = {
    "modality": 3,
    "channel": 2,
    "emotion": 8,
    "intensity": 2,
    "statement": 2,
    "repetition": 2,
    "actor": 24,
}


@pytest.mark.parametrize("at", range(7))
@pytest.mark.parametrize("beyond", [-1, 0, 1, 50])
def test_every_field_has_its_range(at: int, beyond: int) -> None:
    field = list(RANGES)[at]
    code = RANGES[field] + beyond if beyond >= 0 else 0
    codes = [1, 1, 3, 1, 1, 1, 1]
    codes[at] = code
    name = "-".join(f"{one:02d}" for one in codes)
    if 1 <= code <= RANGES[field]:
        parse_name(name)
    else:
        with pytest.raises(LabelError, match=f"{field} {code:02d} is not from 01"):
            parse_name(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("01-01-01-02-01-01-01", "neutral was recorded in normal intensity only"),
        ("01-02-07-01-01-01-01", "disgust was recorded in speech only"),
        ("01-02-08-01-01-01-01", "surprised was recorded in speech only"),
        ("01-01-03-02-01-02", "is not seven numbers"),
        ("01-01-03-02-01-02-5", "is not seven numbers"),
        ("01-01-03-02-01-02-05-01", "is not seven numbers"),
        ("01-01-03-02-01-02-05.mp4", "is not seven numbers"),
    ],
)
def test_names_that_do_not_exist(name: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        parse_name(name)


def test_a_folder(tmp_path: Path) -> None:
    for name in ("Actor_02/01-01-03-02-01-02-02.csv", "Actor_01/01-02-01-01-02-01-01.csv"):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / name).touch()
    clips = read_ravdess(tmp_path / "data")
    assert clips.to_dict("records") == [
        {
            "clip": "Actor_01/01-02-01-01-02-01-01",
            "subject": "actor01",
            "split": "",
            "emotion": "neutral",
            "intensity": "normal",
            "channel": "song",
            "statement": "Dogs are sitting by the door",
            "repetition": 1,
            "modality": "audio and video",
            "sex": "male",
        },
        {
            "clip": "Actor_02/01-01-03-02-01-02-02",
            "subject": "actor02",
            "split": "",
            "emotion": "happy",
            "intensity": "strong",
            "channel": "speech",
            "statement": "Kids are talking by the door",
            "repetition": 2,
            "modality": "audio and video",
            "sex": "female",
        },
    ]
    check_form(clips, tmp_path)
    with pytest.raises(LabelError, match=r"no files \*\*/\*.mp4 here"):
        read_ravdess(tmp_path / "data", "**/*.mp4")
    (tmp_path / "data" / "readme.csv").touch()
    with pytest.raises(LabelError, match="'readme' is not seven numbers"):
        read_ravdess(tmp_path / "data")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no RAVDESS files at {REAL}")
def test_real_names() -> None:
    clips = read_ravdess(REAL)
    assert clips["subject"].value_counts().to_dict() == {"actor01": 60, "actor02": 60}
    # In speech every actor says each of two sentences twice, at two intensities but for neutral.
    one = clips[clips["subject"] == "actor01"]
    counts = one.groupby(["emotion", "intensity"]).size()
    assert len(counts) == 15 and set(counts) == {4}
    assert set(one["sex"]) == {"male"} and set(clips["channel"]) == {"speech"}
