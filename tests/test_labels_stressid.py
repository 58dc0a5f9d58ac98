"""StressID: each rule of the classes, and a report of where the two files disagree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labels_support import check_form

from dfe.data.cohorts.stress import three_class as cohort_classes
from dfe.data.labels import LabelError, read_stressid
from dfe.data.labels.stressid import RATINGS, TASKS, read_ratings, three_class, verify_counts

Ratings = dict[
    tuple[str, str], tuple[object, object, object, object]
]  # relax stress valence arousal
BLANK = ("", "", "", "")
CALM, TENSE, EVEN = (8, 1, 8, 2), (1, 8, 2, 8), (5, 5, 5, 5)
#: All tasks of a subject are calm but for those below.
SUBJECTS = ("2ea4", "hh2e", "1e10")
CHANGED: Ratings = {
    ("2ea4", "Stroop"): TENSE,
    ("2ea4", "Math"): EVEN,
    ("2ea4", "Relax"): BLANK,
    **{("hh2e", task): (7, 6, "", "") for task in TASKS},
}


def rated(changed: Ratings = CHANGED) -> Ratings:
    return {(s, t): CALM for s in SUBJECTS for t in TASKS} | changed


def assessments(path: Path, ratings: Ratings, by_subject: bool = False) -> None:
    rows = [f"{task}_{rating}" for task in TASKS for rating in RATINGS]
    cells = {
        subject: [value for task in TASKS for value in ratings[subject, task]]
        for subject in dict.fromkeys(subject for subject, _ in ratings)
    }
    table = pd.DataFrame(cells, index=pd.Index(rows, name="Tasks"), dtype=object)
    if by_subject:
        table = table.T.rename_axis("ID")
    table.to_csv(path, sep=";")


def labels(path: Path, rows: dict[str, tuple[object, object, object]]) -> None:
    lines = [f"{clip},{b},{three},{v2}" for clip, (b, three, v2) in rows.items()]
    header = "subject/task,binary-stress,affect3-class,affect3-class-v2"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")


def shipped() -> dict[str, tuple[object, object, object]]:
    """What the file holds: by the rule of the paper, but for one clip of each label."""
    rows: dict[str, tuple[object, object, object]] = {}
    for (subject, task), values in rated().items():
        if values == BLANK:
            continue
        if subject == "hh2e":
            rows[f"{subject}_{task}"] = 1, "", ""
        else:
            binary, three = {CALM: (0, 0), TENSE: (1, 2), EVEN: (1, 0)}[values]
            rows[f"{subject}_{task}"] = binary, three, 1.0
    rows["1e10_Video1"] = 1, 0, 2
    rows["1e10_Video2"] = 0, 1, 0
    return rows


def release(folder: Path) -> Path:
    assessments(folder / "self_assessments.csv", rated())
    labels(folder / "labels.csv", shipped() | {"2ea4_Baseline": ("", "", "")})
    return folder


def by_clip(clips: pd.DataFrame, label: str) -> dict[str, int]:
    return dict(zip(clips["clip"], clips[label], strict=True))


@pytest.mark.parametrize("rule", ["file", "file-v2", "paper", "site"])
def test_a_table_of_clips(tmp_path: Path, rule: str) -> None:
    clips, report = read_stressid(release(tmp_path), rule)
    assert list(clips) == ["clip", "subject", "split", "binary", "three_class"]
    assert len(clips) == 2 * 11 - 1 and set(clips["subject"]) == {"2ea4", "1e10"}
    assert set(clips["split"]) == {""}
    assert len(report.left_out) == 11, "all of hh2e; the clip without ratings is in neither file"
    assert set(report.left_out.values()) == {"no three_class"}
    assert report.unmatched == ()
    assert not any("Baseline" in clip for clip in [*clips["clip"], *report.left_out])
    check_form(clips, tmp_path)


def test_the_labels_of_the_file(tmp_path: Path) -> None:
    clips, report = read_stressid(release(tmp_path), "file")
    assert by_clip(clips, "three_class")["1e10_Video2"] == 1
    assert by_clip(clips, "binary")["1e10_Video1"] == 1
    assert by_clip(clips, "three_class")["1e10_Video1"] == 0
    assert report.differences.to_dict("records") == [
        {"clip": "1e10_Video1", "label": "binary", "computed": 0, "shipped": 1},
        {"clip": "1e10_Video2", "label": "three_class", "computed": 0, "shipped": 1},
    ]
    clips, report = read_stressid(tmp_path, "file-v2")
    assert by_clip(clips, "three_class")["1e10_Video1"] == 2
    assert by_clip(clips, "three_class")["2ea4_Stroop"] == 1
    assert report.differences["label"].tolist() == ["binary"], "its classes have no known rule"


def test_the_labels_of_the_ratings(tmp_path: Path) -> None:
    clips, report = read_stressid(release(tmp_path), "paper")
    tense, even = "2ea4_Stroop", "2ea4_Math"
    assert [by_clip(clips, "three_class")[c] for c in (tense, even, "1e10_Video2")] == [2, 0, 0]
    assert [by_clip(clips, "binary")[c] for c in (tense, even, "1e10_Video1")] == [1, 1, 0]
    assert len(report.differences) == 2
    clips, report = read_stressid(tmp_path, "site")
    assert by_clip(clips, "three_class")[even] == 1
    assert report.differences["clip"].tolist() == ["1e10_Video1", even, "1e10_Video2"]
    assert report.lines()[0] == "1e10_Video1: binary is 0 by its ratings, 1 in labels.csv"
    assert report.lines()[3] == "hh2e_Breathing: left out, no three_class"


def test_clips_of_one_file_only_are_reported(tmp_path: Path) -> None:
    release(tmp_path)
    rows = shipped()
    del rows["1e10_Math"]
    labels(tmp_path / "labels.csv", rows | {"zzz9_Math": (0, 0, 0)})
    clips, report = read_stressid(tmp_path, "paper")
    assert report.unmatched == ("1e10_Math",) and "1e10_Math" in set(clips["clip"])
    assert report.left_out["zzz9_Math"] == "only the other file has it"
    assert "1e10_Math: in one of the two files only" in report.lines()
    clips, report = read_stressid(tmp_path, "file")
    assert report.unmatched == ("zzz9_Math",) and "1e10_Math" in report.left_out


# Ratings


def test_ratings_in_both_orientations(tmp_path: Path) -> None:
    path = tmp_path / "self_assessments.csv"
    assessments(path, rated())
    one = read_ratings(path)
    assessments(path, rated(), by_subject=True)
    pd.testing.assert_frame_equal(one, read_ratings(path))
    assert list(one) == list(RATINGS) and len(one) == 3 * 11 - 1
    assert one.loc["2ea4_Stroop"].tolist() == [1, 8, 2, 8]
    np.testing.assert_array_equal(one.loc["hh2e_Math"], [7, 6, np.nan, np.nan])


@pytest.mark.parametrize(
    ("ratings", "paper", "site"),
    [
        ((5, 0, 5, 5), 0, 1),
        ((6, 0, 6, 4), 0, 0),
        ((6, 0, 6, 5), 0, 1),
        ((5, 0, 6, 4), 0, 1),
        ((6, 0, 5, 4), 0, 1),
        ((4.9, 0, 5, 5), 1, 1),
        ((5, 0, 4.9, 5), 1, 1),
        ((5, 0, 5, 5.1), 1, 1),
        ((0, 6, 4, 6), 2, 2),
        ((0, 5, 4, 6), 1, 1),
        ((0, 6, 5, 6), 1, 1),
        ((0, 6, 4, 5), 1, 1),
    ],
)
def test_the_edges_of_the_classes(ratings: tuple[float, ...], paper: int, site: int) -> None:
    table = pd.DataFrame([ratings], columns=RATINGS)
    assert [three_class(table, rule).item() for rule in ("paper", "site")] == [paper, site]


@given(
    st.lists(st.tuples(*[st.integers(0, 10)] * 4), min_size=1), st.sampled_from(["paper", "site"])
)
def test_whole_ratings_have_the_classes_of_the_simulated_cohort(rows: list, rule: str) -> None:
    table = pd.DataFrame(rows, columns=RATINGS)
    values = {name: table[name].to_numpy() for name in RATINGS}
    assert three_class(table, rule).tolist() == cohort_classes(**values, rule=rule).tolist()


def test_one_missing_rating_leaves_no_class() -> None:
    for name in RATINGS:
        table = pd.DataFrame([(1.0, 8.0, 2.0, 8.0)], columns=RATINGS).assign(**{name: np.nan})
        assert three_class(table, "paper").isna().all()


# Refusals


def test_wrong_ratings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "self_assessments.csv"
    assessments(path, rated({("2ea4", "Math"): (11, 1, 1, 1)}))
    with pytest.raises(LabelError, match="subject 2ea4, column 'Math_relax': '11' is not a number"):
        read_ratings(path)
    assessments(path, rated())
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Math_valence", "Math_mood"), encoding="utf-8")
    with pytest.raises(LabelError, match=r"lacks \['Math_valence'\]"):
        read_ratings(path)
    path.write_text(text.replace("Math_valence", "Math_stress"), encoding="utf-8")
    with pytest.raises(LabelError, match="'Math_stress' comes twice"):
        read_ratings(path)
    path.write_text(text.replace("hh2e", "2ea4"), encoding="utf-8")
    with pytest.raises(LabelError, match=r"the columns \['2ea4'\] come twice"):
        read_ratings(path)
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(LabelError, match="self_assessments.csv"):
        read_ratings(path)


@pytest.mark.parametrize(
    ("key", "row", "message"),
    [
        ("a_Nap", (0, 0, 0), "'a_Nap' is not <subject>_<Task>"),
        ("Math", (0, 0, 0), "'Math' is not"),
        ("_Math", (0, 0, 0), "'_Math' is not"),
        ("a_Math", (2, 0, 0), "column 'binary-stress': '2'"),
        ("a_Math", (0, 3, 0), "column 'affect3-class': '3'"),
        ("a_Math", (0, 0.5, 0), "'0.5' is not a whole number"),
        ("2ea4_Math ", (0, 0, 0), "'2ea4_Math' comes twice"),
    ],
)
def test_wrong_labels_are_named(
    tmp_path: Path, key: str, row: tuple[object, object, object], message: str
) -> None:
    release(tmp_path)
    labels(tmp_path / "labels.csv", shipped() | {key: row})
    with pytest.raises(LabelError, match=message):
        read_stressid(tmp_path, "file")


def test_a_column_or_rule_that_is_not_there(tmp_path: Path) -> None:
    path = release(tmp_path) / "labels.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("-v2", "-v3"), encoding="utf-8")
    with pytest.raises(LabelError, match=r"lacks .*'affect3-class-v2'.*it has .*-v3"):
        read_stressid(tmp_path, "file-v2")
    read_stressid(tmp_path, "file")
    with pytest.raises(LabelError, match="rule 'notebook' of the three classes is none of"):
        read_stressid(tmp_path, "notebook")


def test_counts() -> None:
    def table(*counts: int) -> pd.DataFrame:
        return pd.DataFrame({"three_class": np.repeat([0, 1, 2], counts)})

    assert verify_counts(table(138, 470, 92), "file") == []
    assert verify_counts(table(138, 470, 92), "paper") == []
    assert verify_counts(table(257, 242, 201), "file-v2") == []
    assert verify_counts(table(1, 2, 3), "site") == []
    assert verify_counts(table(138, 471, 0), "file") == [
        "clips of class 1: 471 instead of 470",
        "clips of class 2: 0 instead of 92",
    ]
