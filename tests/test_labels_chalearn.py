"""First Impressions: pickles as Python 2 wrote them become a table of clips."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from labels_support import check_form

from dfe.data.labels import LabelError, read_chalearn
from dfe.data.labels.chalearn import LABELS, SPLITS, TRAITS, verify_counts

Scores = dict[str, dict[str, float]]
NAMES = {
    "training": ["J4GQm9j0JZ0.003.mp4", "J4GQm9j0JZ0.000.mp4", "-2qsCrkXdWs.001.mp4"],
    "validation": ["zEyRyTnIw5I.005.mp4"],
    "test": ["_uNup91ZYw0.002.mp4", "98fnGDVky00.005.mp4"],
}
#: In the order in which the release holds them, which is not ours.
STORED = ("extraversion", "neuroticism", "agreeableness", "conscientiousness", "interview")


def score(name: str, label: str) -> float:
    return (sum(map(ord, name)) * 7 + LABELS.index(label) * 13) % 101 / 100


def python_2(tree: Scores, protocol: int) -> bytes:
    """A pickle with byte strings, as `cPickle.dumps` of Python 2 writes it."""

    def text(value: str) -> bytes:
        raw = value.encode("latin1")
        return b"S'%s'\n" % raw if protocol == 0 else b"U" + bytes([len(raw)]) + raw

    def number(value: float) -> bytes:
        return b"F%r\n" % value if protocol == 0 else b"G" + struct.pack(">d", value)

    def mapping(items: dict[str, bytes]) -> bytes:
        return b"(d" + b"".join(text(key) + value + b"s" for key, value in items.items())

    inner = {
        label: mapping({name: number(value) for name, value in scores.items()})
        for label, scores in tree.items()
    }
    return (b"\x80\x02" if protocol == 2 else b"") + mapping(inner) + b"."


def release(
    folder: Path,
    change: Callable[[str, Scores], object] = lambda part, tree: None,
    protocol: int = 2,
) -> Path:
    for part, names in NAMES.items():
        tree = {
            label: {name: score(name, label) for name in names} for label in (*STORED, "openness")
        }
        change(part, tree)
        path = folder / part / "Annotation" / f"annotation_{part}.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(python_2(tree, protocol))
    return folder


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_scores_by_clip(tmp_path: Path, protocol: int) -> None:
    clips = read_chalearn(release(tmp_path, protocol=protocol))
    assert list(clips) == ["clip", "subject", "split", *TRAITS, "interview"]
    names = [name for part in NAMES.values() for name in part]
    assert clips["clip"].tolist() == [name[:-4] for name in names]
    assert clips["subject"].tolist() == [name.split(".")[0] for name in names]
    assert clips["split"].tolist() == ["train"] * 3 + ["dev"] + ["test"] * 2
    for label in LABELS:
        assert clips[label].tolist() == [score(name, label) for name in names]
    check_form(clips, tmp_path)


def test_the_order_of_clips_within_a_trait_does_not_matter(tmp_path: Path) -> None:
    def turn(part: str, tree: Scores) -> None:
        tree["agreeableness"] = dict(reversed(tree["agreeableness"].items()))

    turned = read_chalearn(release(tmp_path / "a", turn))
    assert turned.equals(read_chalearn(release(tmp_path / "b")))


def change_in_validation(change: Callable[[Scores], object]) -> Callable[[str, Scores], object]:
    return lambda part, tree: change(tree) if part == "validation" else None


ONE = NAMES["validation"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree.pop("interview"), r"lacks \['interview'\]; it has \['extraversion'"),
        (lambda tree: tree.pop("openness"), r"lacks \['openness'\]"),
        (lambda tree: tree["openness"].update({ONE: 1.01}), f"openness, {ONE}: 1.01 is not"),
        (lambda tree: tree["openness"].update({ONE: -0.01}), f"{ONE}: -0.01 is not"),
        (lambda tree: tree["openness"].update({ONE: float("nan")}), f"{ONE}: nan is not"),
        (lambda tree: tree["interview"].update({"x.000.mp4": 0.5}), r"differ in .*x\.000\.mp4"),
        (lambda tree: tree["interview"].clear(), f"openness and interview differ.*{ONE}"),
        (lambda tree: [part.update({"x.avi": 0.5}) for part in tree.values()], "'x.avi' is not a"),
        (lambda tree: [part.update({"x.mp4": 0.5}) for part in tree.values()], "'x.mp4' is not a"),
        (lambda tree: [part.clear() for part in tree.values()], "no clips"),
        (
            lambda tree: [part.update({NAMES["training"][0]: 0.5}) for part in tree.values()],
            r"'J4GQm9j0JZ0\.003' comes twice",
        ),
    ],
)
def test_what_is_not_the_release(
    tmp_path: Path, change: Callable[[Scores], object], message: str
) -> None:
    with pytest.raises(LabelError, match=message):
        read_chalearn(release(tmp_path, change_in_validation(change)))


def test_pickles_of_another_form(tmp_path: Path) -> None:
    path = release(tmp_path) / "test" / "Annotation" / "annotation_test.pkl"
    number = b"G" + struct.pack(">d", score(NAMES["test"][0], "interview"))
    assert number in path.read_bytes()
    for data, message in (
        (b"(lp0\n.", "expected scores by trait and clip, got list"),
        (b"(dS'openness'\nF0.5\ns.", "expected scores by trait and clip"),
        (b"cos\nsystem\n.", "refused: it names os.system"),
        (path.read_bytes().replace(number, b"\x88"), "a bool instead of a number"),
        (path.read_bytes()[:-9], "not a whole pickle"),
        (path.read_bytes().replace(number, b"U\x011"), "_uNup91ZYw0.*: a str instead of a number"),
    ):
        path.write_bytes(data)
        with pytest.raises(LabelError, match=message):
            read_chalearn(tmp_path)
        release(tmp_path)


def test_files_that_are_missing_or_double(tmp_path: Path) -> None:
    release(tmp_path)
    copy = tmp_path / "copy" / "annotation_training.pkl"
    copy.parent.mkdir()
    copy.touch()
    with pytest.raises(LabelError, match="annotation_training.pkl lies in several places"):
        read_chalearn(tmp_path)
    copy.unlink()
    (tmp_path / "validation" / "Annotation" / "annotation_validation.pkl").unlink()
    with pytest.raises(LabelError, match="no annotation_validation.pkl in it or below"):
        read_chalearn(tmp_path)


def test_counts(tmp_path: Path) -> None:
    clips = read_chalearn(release(tmp_path))
    assert verify_counts(clips) == [
        "train clips: 3 instead of 6000",
        "dev clips: 1 instead of 2000",
        "test clips: 2 instead of 2000",
    ]
    whole = clips.iloc[[0] * 6000 + [3] * 2000 + [4] * 2000]
    assert verify_counts(whole) == []
    assert set(SPLITS.values()) == {"train", "dev", "test"}
