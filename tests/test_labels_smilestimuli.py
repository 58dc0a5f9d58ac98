"""SmileStimuli: the reader's own table, checked against the design of 15 actors by three smiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from labels_support import check_form

from dfe.data.labels import LabelError, read_smilestimuli
from dfe.data.labels.smilestimuli import SMILES, verify_counts

DESIGN = [(f"v{a}{smile[0]}", str(a), smile) for a in range(1, 16) for smile in SMILES]


def table(folder: Path, rows: list[tuple[str, str, str]], header: str = "clip,actor,smile") -> Path:
    path = folder / "smiles.csv"
    path.write_text("\n".join([header, *map(",".join, rows)]) + "\n", encoding="utf-8")
    return path


def test_the_whole_design(tmp_path: Path) -> None:
    clips = read_smilestimuli(table(tmp_path, DESIGN))
    assert list(clips) == ["clip", "subject", "split", "smile"] and len(clips) == 45
    assert list(zip(clips["clip"], clips["subject"], clips["smile"], strict=True)) == DESIGN
    assert verify_counts(clips) == []
    check_form(clips, tmp_path)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    rows = [row for row in DESIGN if row[1] != "4" and row[0] not in ("v2r", "v7a", "v7d")]
    assert verify_counts(read_smilestimuli(table(tmp_path, rows))) == [
        "actors: 14 instead of 15",
        "actor 2 lacks reward",
        "actor 7 lacks affiliation, dominance",
    ]
    more = [*DESIGN, ("v16r", "16", "reward")]
    assert verify_counts(read_smilestimuli(table(tmp_path, more))) == [
        "actors: 16 instead of 15",
        "actor 16 lacks affiliation, dominance",
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("v1r", "99", "reward"), "smiles.csv: 'v1r' comes twice"),
        (("", "99", "reward"), "a row without a name in column 'clip'"),
        (("new", "1", "reward"), "line 47: actor 1 shows reward twice"),
        (("new", "", "reward"), "line 47: no actor"),
        (("new", "99", "Reward"), r"line 47: smile 'Reward' is none of \['reward'"),
    ],
)
def test_wrong_rows(tmp_path: Path, row: tuple[str, str, str], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_smilestimuli(table(tmp_path, [*DESIGN, row]))


def test_a_missing_column(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"lacks the columns \['actor'\]; it has \['clip', 'who'"):
        read_smilestimuli(table(tmp_path, DESIGN, "clip,who,smile"))
