"""Does what held still hold? A build's verdicts and values against those of the recorded build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from dfe.claims import Claims, book_claims
from dfe.config import Profile, describe_errors, project_root
from dfe.evidence import Provenance, results_folder
from dfe.files import atomic
from dfe.results import PageResults, ResultsError, read_results
from dfe.scoreboard import board, statements_board
from dfe.verdicts import HELD, UNMEASURED, Verdict

_WIDENED = 0.05  # of an interval's width: a value may leave it so far
_RELATIVE = 0.01  # a value without an interval may move so far
_ROUNDING = 1e-9
_NUMBERS = {"value": "ours", "low": "low", "high": "high"}  # of an entry -> column of a board
_FAILED: tuple[Verdict, ...] = ("direction fails", "differs")


class CheckError(RuntimeError):
    """A build cannot be compared or recorded, or a claim no longer holds; one line a problem."""


class Entry(BaseModel):
    """What a build found of one claim."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict
    value: FiniteFloat | None  # None for a sentence without a number of its own
    low: FiniteFloat | None
    high: FiniteFloat | None
    page: str

    def __str__(self) -> str:
        """The value with its interval, to four digits."""
        if self.low is None or self.high is None:
            return f"{self.value:.4g}"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


class RecordedBuild(BaseModel):
    """The build with which later ones are compared.

    Attributes
    ----------
    commits, date
        Of the provenance of its pages: every commit that one of them ran on, and when the last
        one started.
    claims
        Id -> what was found, of every claim that was measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    profile: str
    commits: tuple[str, ...]
    date: datetime
    claims: dict[str, Entry]


class Changes(NamedTuple):
    """Lines on what is worse than recorded, and on what else is new."""

    problems: list[str]
    news: list[str]


def recorded_path(profile: Profile) -> Path:
    """Where the recorded build of a profile is committed: `book/recorded/<profile>.json`."""
    return project_root() / "book" / "recorded" / f"{profile.name}.json"


def check_build(profile: Profile) -> list[str]:
    """Compare `build/<profile>/results` with the recorded build.

    Returns
    -------
    Lines that say what is new, and last that nothing is worse

    Raises
    ------
    CheckError
        If a claim that held no longer does, one that was measured is missing, a value left its
        recorded interval, a page ran with parameters other than the profile's, a results file is
        damaged, or no build is recorded.
    """
    recorded, pages = _read_recorded(profile), _read_pages(profile)
    found = compare(recorded.claims, _entries(book_claims(), pages))
    if problems := [*_other_settings(profile, pages), *found.problems]:
        raise CheckError(_listed(f"the {profile.name} build is not as good as recorded", problems))
    held = sum(entry.verdict in HELD for entry in recorded.claims.values())
    all_well = (
        f"{len(recorded.claims)} recorded claims: all {held} that held still hold, and no value "
        f"left its interval (recorded {recorded.date:%Y-%m-%d}, {', '.join(recorded.commits)})"
    )
    return [*found.news, all_well]


def record_build(profile: Profile) -> Path:
    """Make `build/<profile>/results` the recorded build, and return the path of its record.

    Raises
    ------
    CheckError
        If a page that measures claims has no results or ran with other parameters, or a file is
        damaged.
    """
    pages = _read_pages(profile)
    entries = _entries(book_claims(), pages)
    never = [entry.page for entry in entries.values() if entry.verdict == "not run"]
    problems = [f"{page} has no results: execute it first" for page in _absent(never, pages)]
    if problems := [*problems, *_other_settings(profile, pages)]:
        raise CheckError(_listed(f"the {profile.name} build cannot be recorded", problems))
    measured = {id: entry for id, entry in entries.items() if entry.verdict not in UNMEASURED}
    commits, date = _when(results_folder(profile), pages)
    record = RecordedBuild(profile=profile.name, commits=commits, date=date, claims=measured)
    return _write_record(profile, record)


def widen_record(profile: Profile) -> Path:
    """Take this build into the recorded one: what differs between the two no longer counts.

    Short training runs end elsewhere on another processor. A claim then has to hold only where it
    holds in both builds, and its interval covers both intervals. Commits and date stay those of
    the first build.

    Raises
    ------
    CheckError
        As `check_build`, but not for what is worse or moved; also if a recorded claim is not
        measured here.
    """
    recorded, pages = _read_recorded(profile), _read_pages(profile)
    now, problems = _entries(book_claims(), pages), [*_other_settings(profile, pages)]
    lost = [id for id in recorded.claims if id not in now or now[id].verdict in UNMEASURED]
    if problems := [*problems, *(f"{id} is not measured in this build" for id in lost)]:
        raise CheckError(_listed(f"the {profile.name} build cannot widen the recorded", problems))
    both = {id: _either(was, now[id]) for id, was in recorded.claims.items()}
    return _write_record(profile, recorded.model_copy(update={"claims": both}))


def _either(was: Entry, now: Entry) -> Entry:
    """What two builds have in common: the weaker verdict, and an interval around both."""
    numbers = [x for entry in (was, now) for x in (entry.value, entry.low, entry.high)]
    known = [x for x in numbers if x is not None]
    held = was.verdict in HELD and now.verdict not in HELD
    verdict = now.verdict if held else was.verdict
    if not known:
        return was.model_copy(update={"verdict": verdict})
    return was.model_copy(update={"verdict": verdict, "low": min(known), "high": max(known)})


def _write_record(profile: Profile, record: RecordedBuild) -> Path:
    with atomic(recorded_path(profile)) as partial:
        partial.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return recorded_path(profile)


def compare(recorded: Mapping[str, Entry], now: Mapping[str, Entry]) -> Changes:
    """Compare two builds claim by claim.

    Parameters
    ----------
    recorded
        Id -> what was found of each claim that was measured.
    now
        Id -> the same for every claim there is.
    """
    problems, news = [], []
    for id, was in recorded.items():
        if id not in now:
            problems.append(f"{id}: recorded, but book/claims.yml no longer has it: record anew")
            continue
        problems += [f"{id}: {text}" for text in _worse(was, now[id])]
    for id, entry in now.items():
        before = recorded[id].verdict if id in recorded else "not measured"
        if entry.verdict in HELD and before not in HELD:
            news.append(f"{id}: holds now ({entry.verdict}; recorded: {before})")
        elif entry.verdict not in UNMEASURED and entry.verdict != before and before not in HELD:
            news.append(f"{id}: {entry.verdict} now (recorded: {before})")
    return Changes(problems, news)


def _worse(was: Entry, now: Entry) -> Iterator[str]:
    if now.verdict in UNMEASURED and _is_loss(was, now):
        yield f"was measured ({was.verdict}) and is not now ({now.verdict}, {now.page})"
        return
    if was.verdict in HELD and now.verdict != was.verdict and now.verdict != "reproduced":
        yield f"{was.verdict} in the recorded build, {now.verdict} now"
    if was.value is None or now.value is None:
        return
    if _moved(was, now.value):
        yield f"moved from {was} to {now.value:.4g}: rerun, or record the new build with --record"


def _is_loss(was: Entry, now: Entry) -> bool:
    """Whether the claim itself is lost.

    A sentence that failed in one pair waits for its unmeasured pairs as soon as none fails. That
    is none, and a cell that it lost has a line of its own.
    """
    waits = was.value is None and was.verdict in _FAILED and now.verdict == "needs gated data"
    return not waits


def _moved(was: Entry, value: float) -> bool:
    assert was.value is not None
    if was.low is None or was.high is None:
        return abs(value - was.value) > _RELATIVE * abs(was.value) + _ROUNDING * abs(value)
    low, high = min(was.low, was.value), max(was.high, was.value)
    room = _WIDENED * (high - low) + _ROUNDING * max(abs(low), abs(high))
    return not low - room <= value <= high + room


def _entries(claims: Claims, pages: Mapping[str, PageResults]) -> dict[str, Entry]:
    """Every claim of the book: id -> what this build found, cells first."""
    try:
        frames = [board(claims, pages), statements_board(claims, pages)]
    except ResultsError as error:
        raise CheckError(str(error)) from error
    rows = [row for frame in frames for row in frame.to_dict("records")]
    return {
        row["id"]: Entry(
            verdict=row["verdict"],
            **{name: _number(row[key]) for name, key in _NUMBERS.items()},
            page=row["page"],
        )
        for row in rows
    }


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _read_pages(profile: Profile) -> dict[str, PageResults]:
    try:
        return read_results(results_folder(profile))
    except ResultsError as error:
        raise CheckError(f"a results file is damaged, execute its page again: {error}") from error


def _read_recorded(profile: Profile) -> RecordedBuild:
    path = recorded_path(profile)
    if not path.is_file():
        raise CheckError(
            f"no build of {profile.name} is recorded ({path} is missing): look at its scoreboard, "
            f"then run `dfe check --profile {profile.name} --record` and commit the file"
        )
    try:
        return RecordedBuild.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise CheckError(f"{path}: take the committed one:\n{describe_errors(error)}") from error


def _absent(named: Iterable[str], pages: Mapping[str, PageResults]) -> list[str]:
    """Pages without results among those that boards name, which may be several in one text."""
    one_by_one = [page for text in named for page in text.split(", ")]
    return sorted({page for page in one_by_one if page and page not in pages})


def _other_settings(profile: Profile, pages: Mapping[str, PageResults]) -> Iterator[str]:
    """A line for each page that measured a claim with settings that are not the profile's own."""
    own = _dotted(profile.model_dump(mode="json"))
    for page in pages.values():
        if page.profile != profile.name:
            yield f"{page.page} ran with the profile {page.profile}: execute it again"
        given = page.parameters if page.results else {}
        other = [f"{name} = {value}" for name, value in given.items() if own.get(name) != value]
        if other:
            claims = ", ".join(result.claim for result in page.results)
            yield f"{page.page} ran with {', '.join(other)}, not as the profile says: {claims}"


def _dotted(tree: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Settings by dotted name, such as ``"training.steps"``; groups of them too."""
    found = {}
    for name, value in tree.items():
        found[f"{head}{name}"] = value
        if isinstance(value, dict):
            found |= _dotted(value, f"{head}{name}.")
    return found


def _when(folder: Path, pages: Iterable[str]) -> tuple[tuple[str, ...], datetime]:
    """Commits that the pages ran on, in the order of first use, and when the last one started."""
    found = []
    for page in pages:
        path = folder / f"{page}.provenance.json"
        try:
            found.append(Provenance.model_validate_json(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise CheckError(f"{path} is missing: execute {page} again") from error
        except ValidationError as error:
            raise CheckError(f"{path}, execute it again:\n{describe_errors(error)}") from error
    if not found:
        return (), datetime.fromtimestamp(0, UTC)
    found.sort(key=lambda record: record.started)
    return tuple(dict.fromkeys(str(record.commit) for record in found)), found[-1].started


def _listed(head: str, lines: list[str]) -> str:
    return "\n".join([f"{head}:", *(f"  {line}" for line in lines)])
