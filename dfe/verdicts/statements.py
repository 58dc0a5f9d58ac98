"""Verdicts on the comparative sentences of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

from dfe.claims import STATEMENTS_PAGE, Claims, Pair, Statement
from dfe.results import Difference, PageResults
from dfe.verdicts.build import (
    Build,
    Judgement,
    Outcome,
    Verdict,
    gain_of,
    gather,
    on_paper_data,
    outcome_of,
    printed_gain,
    table_page,
    verdict_of,
)
from dfe.verdicts.words import interval_text, lead_text

_DIGITS = 2  # of a statement's own number


class Finding(NamedTuple):
    """What was found of one pair of cells that a statement compares."""

    pair: Pair
    outcome: Outcome
    difference: Difference | None = None  # first cell of the pair minus the second


def judge_statements(claims: Claims, pages: Mapping[str, PageResults]) -> dict[str, Judgement]:
    """Judge every comparative sentence: id -> judgement; arguments and errors as `judge_cells`.

    A sentence fails with one of its pairs, and holds only with all of them. One that has a number
    of its own holds where the interval of that number lies above 0.
    """
    build = gather(claims, pages)
    return {id: _judge(build, statement) for id, statement in claims.statements.items()}


def judge_pairs(claims: Claims, pages: Mapping[str, PageResults]) -> dict[str, tuple[Finding, ...]]:
    """Id of a statement -> what was found of each of its pairs; else as `judge_statements`."""
    build = gather(claims, pages)
    return {id: _findings(build, id) for id in claims.statements}


def printed_support(claims: Claims, statement: str) -> str:
    """Say whether the printed numbers bear a statement out, with nothing measured.

    Returns
    -------
    ``"yes"``; or such as ``"no: 3 ties, 0 against"``; ``"no number printed"`` for a statement with
    a measure of its own. A tie is no objection where "not better" is claimed.
    """
    pairs = claims.pairs[statement]
    if not pairs:
        return "no number printed"
    gains = [(p.expected, printed_gain(*(claims.cells[id] for id in p[:2]))) for p in pairs]
    ties = sum(gain == 0 and expected != "not better" for expected, gain in gains)
    against = sum(gain < 0 if expected == "better" else gain > 0 for expected, gain in gains)
    if not ties and not against:
        return "yes"
    return f"no: {ties} {'tie' if ties == 1 else 'ties'}, {against} against"


def _judge(build: Build, statement: Statement) -> Judgement:
    found = _by_measure(build, statement) if statement.measure else _by_pairs(build, statement)
    if not statement.significant:
        return found
    return found._replace(reason=f"{found.reason}. The paper says significant and gives no test")


def _by_measure(build: Build, statement: Statement) -> Judgement:
    result = build.results.get(statement.id)
    if result is None:
        return build.unmeasured(STATEMENTS_PAGE, statement.needs)
    outcome = outcome_of("better", result.interval())
    sides = {"holds": "above 0", "fails": "below 0"}
    none = result.low is None or result.high is None
    side = sides.get(outcome, "without an interval" if none else "an interval that includes 0")
    reason = f"{interval_text(result.interval(), _DIGITS, result.unit)}, {side}"
    paper_data = on_paper_data(statement.needs, result)
    return Judgement(verdict_of(outcome, paper_data), reason, result)


def _by_pairs(build: Build, statement: Statement) -> Judgement:
    findings = _findings(build, statement.id)
    of: dict[Outcome, list[Finding]] = {name: [] for name in get_args(Outcome)}
    for finding in findings:
        of[finding.outcome].append(finding)
    decisive = (*of["fails"], *of["undecided"], None)[0]
    verdict, absent = _verdict(build, of)
    parts = [_counted(of), _pair_lead(build, decisive), absent]
    reason = "; ".join(part for part in parts if part)
    return Judgement(verdict, reason, None, decisive and decisive.difference)


def _verdict(build: Build, of: Mapping[Outcome, Sequence[Finding]]) -> tuple[Verdict, str]:
    """Give the verdict, and say what is absent where that decides it."""
    cells = {id for findings in of.values() for f in findings for id in f.pair[:2]}
    paper_data = all(_on_paper_data(build, id) for id in cells)
    if of["fails"]:
        return verdict_of("fails", paper_data), ""
    if of["not measured"]:
        return _absent(build, of["not measured"])
    return verdict_of("undecided" if of["undecided"] else "holds", paper_data), ""


def _findings(build: Build, statement: str) -> tuple[Finding, ...]:
    return tuple(_finding(build, pair) for pair in build.claims.pairs[statement])


def _finding(build: Build, pair: Pair) -> Finding:
    if pair.first not in build.results or pair.second not in build.results:
        return Finding(pair, "not measured")
    difference = build.difference(pair.first, pair.second)
    if difference is None:
        return Finding(pair, "undecided")
    return Finding(pair, outcome_of(pair.expected, gain_of(pair.better, difference)), difference)


def _on_paper_data(build: Build, cell: str) -> bool:
    result = build.results.get(cell)
    return result is not None and on_paper_data(build.claims.cells[cell].needs, result)


def _counted(of: Mapping[Outcome, Sequence[Finding]]) -> str:
    """Count the pairs, such as "4 of 20 pairs measured, 3 hold, 1 undecided"."""
    total = sum(map(len, of.values()))
    held, failed, undecided = (len(of[name]) for name in ("holds", "fails", "undecided"))
    text = f"{total - len(of['not measured'])} of {total} pairs measured, "
    text += f"{held} {'holds' if held == 1 else 'hold'}"
    if loose := sum(_includes_zero(finding) for finding in of["holds"]):
        text += f" ({loose} of them with an interval that includes 0)"
    text += f", {failed} {'fails' if failed == 1 else 'fail'}" if failed else ""
    return text + (f", {undecided} undecided" if undecided else "")


def _includes_zero(finding: Finding) -> bool:
    """Whether "not better" holds without a sign: a pair that holds otherwise never does so."""
    assert finding.difference is not None  # without one it would be undecided
    _, low, high = finding.difference.interval()
    return low <= 0 <= high


def _pair_lead(build: Build, finding: Finding | None) -> str:
    if finding is None:
        return ""
    first, second = (build.claims.cells[id] for id in finding.pair[:2])
    where = ", ".join((*first.row[:-1], first.column))
    if finding.difference is None:
        return f"in {where}, no paired difference was recorded"
    return f"in {where}, {lead_text(build, first, second, finding.difference)}"


def _absent(build: Build, findings: Sequence[Finding]) -> tuple[Verdict, str]:
    ids = [id for finding in findings for id in finding.pair[:2] if id not in build.results]
    cells = [build.claims.cells[id] for id in ids]
    for cell in cells:
        found = build.unmeasured(table_page(cell.table), cell.needs)
        if found.verdict == "not run":
            return found.verdict, found.reason
    needs = sorted(set().union(*(cell.needs for cell in cells)))
    return "needs gated data", f"the other pairs need {', '.join(needs)}"
