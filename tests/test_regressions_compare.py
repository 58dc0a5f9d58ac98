"""Two builds claim by claim: what is worse, what is good news, and when a value has moved."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dfe.regressions import Entry, compare


def entry(verdict: str = "direction holds", *numbers: float | None) -> Entry:
    value, low, high = (*numbers, None, None, None)[:3]
    fields = {"verdict": verdict, "value": value, "low": low, "high": high, "page": "p"}
    return Entry.model_validate(fields)


def changed(was: Entry, now: Entry) -> tuple[int, int]:
    """Numbers of problems and of news."""
    problems, news = compare({"a": was}, {"a": now})
    assert all(line.startswith("a: ") for line in problems + news)
    return len(problems), len(news)


@pytest.mark.parametrize(
    ("was", "now", "problems", "news"),
    [
        ("direction holds", "direction holds", 0, 0),
        ("direction holds", "undecided", 1, 0),
        ("direction holds", "direction fails", 1, 0),
        ("direction holds", "differs", 1, 0),
        ("direction holds", "reproduced", 0, 0),
        ("reproduced", "direction holds", 1, 0),  # less than it was
        ("reproduced", "differs", 1, 0),
        ("undecided", "direction holds", 0, 1),
        ("direction fails", "direction holds", 0, 1),
        ("differs", "reproduced", 0, 1),
        ("undecided", "direction fails", 0, 1),  # it did not hold before
        ("undecided", "undecided", 0, 0),
        ("undecided", "not run", 1, 0),
        ("undecided", "needs gated data", 1, 0),
        ("direction fails", "not run", 1, 0),
        ("direction holds", "needs gated data", 1, 0),
    ],
)
def test_changes_of_a_verdict(was: str, now: str, problems: int, news: int) -> None:
    assert changed(entry(was), entry(now)) == (problems, news)


def test_a_sentence_that_fails_no_longer_may_wait_for_data() -> None:
    for failed in ("direction fails", "differs"):
        assert changed(entry(failed), entry("needs gated data")) == (0, 0)
        assert changed(entry(failed, 1.0), entry("needs gated data")) == (1, 0)


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        (0.38, False),
        (0.44, False),
        (0.377, False),  # 5 % of the width of 0.06
        (0.443, False),
        (0.3769, True),
        (0.4431, True),
        (0.52, True),
    ],
)
def test_a_value_may_leave_its_interval_by_a_twentieth(value: float, moved: bool) -> None:
    for better in (1, -1):  # the interval below 0 as well
        low, middle, high = sorted(better * end for end in (0.38, 0.41, 0.44))
        was = entry("undecided", middle, low, high)
        assert changed(was, entry("undecided", better * value)) == (int(moved), 0)


def test_a_value_outside_its_own_interval_is_part_of_it() -> None:
    """As the bootstrap of a bounded measure may have it."""
    was = entry("undecided", 0.004, 0.006, 0.008)
    assert changed(was, entry("undecided", 0.005)) == (0, 0)
    assert changed(was, entry("undecided", 0.0037)) == (1, 0)


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (100.0, 101.0, False),
        (100.0, 101.1, True),
        (-100.0, -98.9, True),
        (-100.0, -99.1, False),
        (0.0, 0.0, False),
        (0.0, 1e-6, True),
    ],
)
def test_without_an_interval_a_value_may_move_by_a_hundredth(
    before: float, after: float, moved: bool
) -> None:
    was = entry("undecided", before)
    assert changed(was, entry("undecided", after)) == (int(moved), 0)


def test_an_interval_without_width_allows_rounding_only() -> None:
    was = entry("undecided", 100.0, 100.0, 100.0)
    assert changed(was, entry("undecided", 100.0 + 1e-8)) == (0, 0)
    assert changed(was, entry("undecided", 100.0 + 1e-6)) == (1, 0)


def test_a_moved_value_and_a_lost_verdict_are_two_lines() -> None:
    was = entry("direction holds", 0.41, 0.38, 0.44)
    problems, _ = compare({"a": was}, {"a": entry("undecided", 0.52)})
    assert problems == [
        "a: direction holds in the recorded build, undecided now",
        "a: moved from 0.41 [0.38, 0.44] to 0.52: rerun, or record the new build with --record",
    ]


def test_a_gone_claim_and_a_new_one() -> None:
    now: Mapping[str, Entry] = {"b": entry("reproduced"), "c": entry("needs gated data")}
    problems, news = compare({"a": entry()}, now)
    assert len(problems) == 1 and "no longer has it" in problems[0]
    assert news == ["b: holds now (reproduced; recorded: not measured)"]
