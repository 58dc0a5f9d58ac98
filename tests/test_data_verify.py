from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from dfe.action_units import AU_NAMES
from dfe.data.gated import GatedManifest, load_gated
from dfe.data.verify import Difference, unread, verify

SUBJECTS = ("2ea4", "hh2e", "y9z6")
TASKS = (
    *("Breathing", "Video1", "Video2", "Counting1", "Counting2", "Counting3"),
    *("Stroop", "Speaking", "Math", "Reading", "Relax"),
)
RATINGS = ("relax", "stress", "valence", "arousal")
EDAIC = ("Participant_ID", "Gender", "PHQ_Binary", "PHQ_Score", "PCL-C (PTSD)", "PTSD Severity")
OPENFACE = "_OpenFace2.1.0_Pose_gaze_AUs.csv"


def write(path: Path, rows: Iterable[Sequence[object]], separator: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows(rows)


def openface_header() -> list[str]:
    rated = [f"AU{n:02d}_r" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)]
    seen = [name.replace("_r", "_c") for name in rated] + ["AU28_c"]
    pose = [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]
    gaze = [f"gaze_{eye}_{axis}" for eye in "01" for axis in "xyz"]
    gaze += ["gaze_angle_x", "gaze_angle_y"]
    return ["frame", "timestamp", "confidence", "success", *pose, *gaze, *rated, *seen]


def stressid(folder: Path) -> Path:
    """Three subjects of 65; hh2e has ratings of relaxation and stress only."""
    keys = [(subject, task) for subject in SUBJECTS for task in TASKS]
    rows = [(f"{s}_{t}", i % 2, "" if s == "hh2e" else i % 3) for i, (s, t) in enumerate(keys)]
    write(folder / "labels.csv", [("subject/task", "binary-stress", "affect3-class"), *rows])
    ratings = [
        (f"{task}_{rating}", 6, "" if rating in ("valence", "arousal") else 5, 10)
        for task in TASKS
        for rating in RATINGS
    ]
    write(folder / "self_assessments.csv", [("Tasks", *SUBJECTS), *ratings], ";")
    return folder


def edaic(folder: Path, sizes: tuple[int, int, int] = (163, 56, 56), positives: int = 17) -> Path:
    """The official numbers of people, unless others are asked for."""
    first = {"train": 300, "dev": 500, "test": 600}
    for (split, start), size in zip(first.items(), sizes, strict=True):
        people = range(start, start + size)
        rows = [(pid, "male", int(i < positives), 12, 0, 30.5) for i, pid in enumerate(people)]
        write(folder / "labels" / f"{split}_split.csv", [EDAIC, *rows])
        for pid in people:
            header = openface_header()
            path = folder / f"{pid}_P" / "features" / f"{pid}{OPENFACE}"
            write(path, [header, [0] * len(header)])
    return folder


def affwild2(folder: Path, release: str = "AU_Detection_Challenge") -> Path:
    parts = {"Train_Set": ("1-30-1280x720", "46-30-484x360_left"), "Validation_Set": ("7-60-1920",)}
    for part, videos in parts.items():
        for video in videos:
            rows = [[0, 1] * 6, [-1] * 12, [1, 0] * 6]
            write(folder / "annotations" / release / part / f"{video}.txt", [AU_NAMES, *rows])
    return folder


LAYOUTS = {"stressid": stressid, "avec2019-dds": edaic, "aff-wild2": affwild2}


def of_kind(differences: Iterable[Difference], *kinds: str) -> list[Difference]:
    return [difference for difference in differences if difference.kind in kinds]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("id", LAYOUTS)
def test_a_miniature_differs_in_counts_alone(id: str, tmp_path: Path) -> None:
    differences = verify(load_gated(id), LAYOUTS[id](tmp_path))
    assert not [d for d in differences if d.kind != "count"]


def test_complete_interviews_are_as_expected(tmp_path: Path) -> None:
    assert verify(load_gated("avec2019-dds"), edaic(tmp_path)) == ()


def test_complete_smiles_are_as_expected(tmp_path: Path) -> None:
    smiles = ("reward", "affiliation", "dominance")
    rows = [(f"{actor}{smile}", actor, smile) for actor in range(15) for smile in smiles]
    write(tmp_path / "smiles.csv", [("clip", "actor", "smile"), *rows])
    assert verify(load_gated("smilestimuli"), tmp_path) == ()
    write(tmp_path / "smiles.csv", [("clip", "actor", "smile"), *rows[:-1]])
    rows_, class_ = verify(load_gated("smilestimuli"), tmp_path)
    assert (rows_.expected, rows_.found) == ("45", "44")
    assert (class_.place, class_.found) == ("rows with smile = dominance", "14")
    write(tmp_path / "smiles.csv", [("clip", "actor", "smile"), *rows, ("again", 1, "reward")])
    rows_, class_ = verify(load_gated("smilestimuli"), tmp_path)
    assert (rows_.found, class_.found) == ("46", "16")


@pytest.mark.parametrize(
    ("id", "removed"),
    [
        ("stressid", "labels.csv"),
        ("stressid", "self_assessments.csv"),
        ("avec2019-dds", "labels/dev_split.csv"),
        ("avec2019-dds", f"301_P/features/301{OPENFACE}"),
        ("avec2019-dds", f"655_P/features/655{OPENFACE}"),
        ("aff-wild2", "annotations/AU_Detection_Challenge/Validation_Set/7-60-1920.txt"),
    ],
)
def test_a_file_that_is_removed_is_named(id: str, removed: str, tmp_path: Path) -> None:
    folder = LAYOUTS[id](tmp_path)
    (folder / removed).unlink()
    (missing,) = of_kind(verify(load_gated(id), folder), "file")
    pattern = removed.replace("7-60-1920", "*")
    assert missing.file.startswith(pattern)
    assert missing.found == "nothing"


def test_a_row_says_which_file_it_names(tmp_path: Path) -> None:
    folder = edaic(tmp_path)
    (folder / f"302_P/features/302{OPENFACE}").unlink()
    missing, count = verify(load_gated("avec2019-dds"), folder)[::-1]
    assert "line 4 of labels/train_split.csv names it" in missing.expected
    assert (count.kind, count.expected, count.found) == ("count", "275", "274")


def test_numbers_of_people_are_compared_with_the_official_split(tmp_path: Path) -> None:
    differences = verify(load_gated("avec2019-dds"), edaic(tmp_path, (162, 56, 55), 16))
    assert {d.kind for d in differences} == {"count"}
    found = {d.place: (d.expected, d.found) for d in differences}
    assert found == {
        "number of files": ("275", "273"),
        "number of rows": ("275", "273"),
        "number of people of train": ("163", "162"),
        "number of people of test": ("56", "55"),
        "people of test with PHQ_Binary = 1": ("17", "16"),
    }


def test_classes_written_as_decimals_count(tmp_path: Path) -> None:
    folder = stressid(tmp_path)
    places = {d.place: d.found for d in verify(load_gated("stressid"), folder)}
    path = folder / "labels.csv"
    rows = list(csv.reader(path.open(encoding="utf-8")))
    write(path, [rows[0], *([a, b, f"{c}.0" if c else ""] for a, b, c in rows[1:])])
    assert {d.place: d.found for d in verify(load_gated("stressid"), folder)} == places
    # Class 0 of every third of 11 + 11 clips: numbers 0, 3, 6, 9 and 24, 27, 30 of all 33.
    assert places["rows with affect3-class = 0"] == "7"


def test_a_column_that_the_file_lacks_has_no_classes(tmp_path: Path) -> None:
    places = [d.place for d in verify(load_gated("stressid"), stressid(tmp_path))]
    assert not [place for place in places if "v2" in place]


def test_subjects_are_counted(tmp_path: Path) -> None:
    differences = verify(load_gated("stressid"), stressid(tmp_path))
    (subjects,) = (d for d in differences if "columns" in d.place)
    assert (subjects.kind, subjects.expected, subjects.found) == ("count", "65", "3")


def only(id: str, folder: Path) -> Difference:
    (difference,) = (d for d in verify(load_gated(id), folder) if d.kind != "count")
    return difference


@pytest.mark.parametrize(
    ("old", "new", "place", "found"),
    [
        ("2ea4_Video1,1,1", "2ea4_Video1,2,1", "line 3, column binary-stress", "'2'"),
        ("2ea4_Video1,1,1", "2ea4_Video1,0.5,1", "line 3, column binary-stress", "'0.5'"),
        ("2ea4_Video1,1,1", "2ea4_Video1,yes,1", "line 3, column binary-stress", "'yes'"),
        ("2ea4_Video1,1,1", "2ea4_Video1,1", "line 3", "2"),
        ("2ea4_Video1,1,1", "2ea4_Video1,1,1,1", "line 3", "4"),
        ("2ea4_Video1,", "2ea4_Breathing,", "line 3, column subject/task", "'2ea4_Breathing'"),
        ("2ea4_Video1", "\n2ea4_Video1", "line 3", "0"),
    ],
)
def test_what_is_wrong_in_labels_is_named(
    tmp_path: Path, old: str, new: str, place: str, found: str
) -> None:
    folder = stressid(tmp_path)
    edit(folder / "labels.csv", old, new)
    difference = only("stressid", folder)
    assert difference.kind == ("value" if "column" in place else "table")
    assert (difference.file, difference.place, difference.found) == ("labels.csv", place, found)


@pytest.mark.parametrize(
    ("old", "new", "kind", "place", "found"),
    [
        ("Video1_relax;6", "Video1_relax;11", "value", "line 6, column 2ea4", "'11'"),
        ("Video1_relax;6", "Video1_relax;-1", "value", "line 6, column 2ea4", "'-1'"),
        ("Video1_relax;6", "Video1_relax;6.5", "value", "line 6, column 2ea4", "'6.5'"),
        ("Video1_relax", "Baseline_relax", "value", "line 6, column Tasks", "'Baseline_relax'"),
        (";y9z6", ";Y9Z6!", "column", "column Y9Z6!", "it"),
        (";y9z6", ";y9z6a", "column", "column y9z6a", "it"),
    ],
)
def test_what_is_wrong_in_ratings_is_named(
    tmp_path: Path, old: str, new: str, kind: str, place: str, found: str
) -> None:
    folder = stressid(tmp_path)
    edit(folder / "self_assessments.csv", old, new)
    difference = only("stressid", folder)
    assert (difference.kind, difference.file) == (kind, "self_assessments.csv")
    assert (difference.place, difference.found) == (place, found)


def test_a_renamed_column_is_missing_and_its_new_name_is_not_expected(tmp_path: Path) -> None:
    folder = stressid(tmp_path)
    edit(folder / "labels.csv", "binary-stress", "binary")
    missing, extra = of_kind(verify(load_gated("stressid"), folder), "column")
    assert (missing.place, missing.expected) == ("column binary-stress", "it")
    assert missing.found == "subject/task, binary, affect3-class"
    assert (extra.place, extra.expected) == ("column binary", "no such column")


def test_a_column_that_comes_twice_is_named(tmp_path: Path) -> None:
    folder = stressid(tmp_path)
    edit(folder / "self_assessments.csv", "y9z6", "hh2e")
    assert only("stressid", folder).found == "it 2 times"


def test_many_wrong_cells_are_one_difference(tmp_path: Path) -> None:
    folder = stressid(tmp_path)
    rows = [(f"{task}_{rating}", 12, 3, 3) for task in TASKS for rating in RATINGS]
    write(folder / "self_assessments.csv", [("Tasks", *SUBJECTS), *rows], ";")
    difference = only("stressid", folder)
    assert difference.place == "line 2, column 2ea4"
    assert difference.found == "'12' (and 43 more such cells)"
    assert difference.expected == "a whole number of 0 to 10 or '' or 'NaN' or 'nan'"


def test_torn_lines_are_counted_and_their_cells_left_alone(tmp_path: Path) -> None:
    folder = affwild2(tmp_path)
    path = folder / "annotations/AU_Detection_Challenge/Train_Set/1-30-1280x720.txt"
    write(path, [AU_NAMES, [0] * 12, [5] * 11, [7] * 3, [1] * 12])
    difference = only("aff-wild2", folder)
    assert (difference.kind, difference.place) == ("table", "line 3")
    assert (difference.expected, difference.found) == ("12 fields", "11 (and 1 more such lines)")


def test_a_value_that_is_no_annotation_is_named(tmp_path: Path) -> None:
    folder = affwild2(tmp_path, "AU_Set")
    edit(folder / "annotations/AU_Set/Validation_Set/7-60-1920.txt", "-1,", "-2,")
    difference = only("aff-wild2", folder)
    assert str(difference) == (
        "annotations/AU_Set/Validation_Set/7-60-1920.txt, line 3, column AU1: "
        "expected one of -1, 0, 1, found '-2'"
    )


def test_spaces_quotes_byte_order_marks_and_last_blank_lines_are_no_difference(
    tmp_path: Path,
) -> None:
    folder = affwild2(tmp_path)
    path = folder / "annotations/AU_Detection_Challenge/Train_Set/1-30-1280x720.txt"
    text = path.read_text(encoding="utf-8").replace(",", ", ").replace(", 0", ', "0"')
    path.write_text(f"\ufeff{text}\n\n", encoding="utf-8")
    assert verify(load_gated("aff-wild2"), folder) == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "names of columns"),
        (b"\xff\xfe\x00a", "a table in UTF-8 text"),
        (b"subject/task,binary-stress,affect3-class\n", "rows below the names"),
    ],
)
def test_a_file_that_is_no_table_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    folder = stressid(tmp_path)
    (folder / "labels.csv").write_bytes(content)
    difference = only("stressid", folder)
    assert (difference.kind, difference.file) == ("table", "labels.csv")
    assert difference.expected.startswith(words)


def test_people_in_two_splits_are_named(tmp_path: Path) -> None:
    folder = edaic(tmp_path)
    edit(folder / "labels/test_split.csv", "600,", "300,")
    difference = only("avec2019-dds", folder)
    assert (difference.file, difference.place) == (
        "labels/test_split.csv",
        "line 2, column Participant_ID",
    )
    assert (difference.expected, difference.found) == ("each value once", "'300'")


def test_an_id_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = edaic(tmp_path / "data")
    edit(folder / "labels/test_split.csv", "600,", "../600,")
    kinds = [d for d in verify(load_gated("avec2019-dds"), folder) if d.kind != "count"]
    assert [d.kind for d in kinds] == ["value", "value"]
    assert not [d for d in kinds if d.file.startswith("..")]


def test_features_are_read_for_their_names_only(tmp_path: Path) -> None:
    folder = edaic(tmp_path, (1, 1, 1))
    path = folder / "300_P" / "features" / f"300{OPENFACE}"
    write(path, [openface_header(), ["nothing"]])
    assert not of_kind(verify(load_gated("avec2019-dds"), folder), "value", "table")
    edit(path, "AU01_r", "AU1_r")
    counted = of_kind(verify(load_gated("avec2019-dds"), folder), "count")
    (units,) = (d for d in counted if "AU" in d.place)
    assert (units.expected, units.found) == ("17", "16")


def test_media_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, folder = load_gated("aff-wild2"), affwild2(tmp_path)
    write(folder / "cropped_aligned" / "7-60-1920" / "00001.jpg", [["no picture"]])
    opened = []
    real = Path.open

    def spy(self: Path, *args: object, **kwargs: object) -> object:
        opened.append(self.suffix)
        return real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", spy)
    assert verify(manifest, folder) == ()
    assert opened == [".txt"] * 3


def test_one_edition_is_enough(tmp_path: Path) -> None:
    manifest = load_gated("affectnet")
    (nothing,) = verify(manifest, tmp_path)
    assert nothing.expected == "files of one of csv or npy"
    header = ("subDirectory_filePath", "face_x", "expression", "valence", "arousal")
    for name in ("training", "validation"):
        rows = [(f"1/{name}.jpg", 4, 8, -2, "-2.0"), (f"2/{name}.jpg", 4, 1, 0.5, -1)]
        write(tmp_path / "Manually_Annotated" / f"{name}.csv", [header, *rows])
    assert verify(manifest, tmp_path) == ()
    (tmp_path / "Manually_Annotated" / "validation.csv").unlink()
    (missing,) = verify(manifest, tmp_path)
    assert (missing.kind, missing.file) == ("file", "Manually_Annotated/validation.csv")


def test_the_other_edition_is_complete_by_itself(tmp_path: Path) -> None:
    manifest = load_gated("affectnet")
    for part in ("train_set", "val_set"):
        for kind in ("exp", "val", "aro"):
            write(tmp_path / part / "annotations" / f"0_{kind}.npy", [])
    assert verify(manifest, tmp_path) == ()
    (tmp_path / "train_set/annotations/0_aro.npy").unlink()
    (missing,) = verify(manifest, tmp_path)
    assert missing.file == "train_set/annotations/*_aro.npy"


def test_pickles_are_looked_for_and_not_opened(tmp_path: Path) -> None:
    manifest = load_gated("chalearn-first-impressions")
    for part in ("training", "validation", "test"):
        write(tmp_path / "below" / f"annotation_{part}.pkl", [["no pickle"]])
    assert verify(manifest, tmp_path) == ()
    assert unread(manifest) == ("scores: not opened, its reader checks it",)
    write(tmp_path / "annotation_test.pkl", [])
    (twice,) = verify(manifest, tmp_path)
    assert (twice.kind, twice.expected, twice.found) == ("count", "1", "2")


def test_what_is_not_read_in_full_is_said() -> None:
    (words,) = unread(load_gated("avec2019-dds"))
    assert words.startswith("openface: names of columns only")
    assert unread(load_gated("stressid")) == ()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (difference,) = verify(load_gated("stressid"), tmp_path / "nowhere")
    assert (difference.kind, difference.file) == ("file", str(tmp_path / "nowhere"))
    assert "StressID" in difference.expected


@pytest.mark.parametrize("id", ["flame", "ravdess-landmarks", "smilestimuli"])
def test_an_empty_folder_lacks_everything(id: str, tmp_path: Path) -> None:
    manifest: GatedManifest = load_gated(id)
    assert {d.kind for d in verify(manifest, tmp_path)} == {"file"}
