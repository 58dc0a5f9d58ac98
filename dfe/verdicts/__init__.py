"""Verdicts: how each claim of the paper stands against what this build measured.

Only a number from gated data, with all that the paper used, is held against the paper's own
number. Any other one can only show whether a direction holds here.
"""

from dfe.verdicts.build import (
    HELD,
    UNMEASURED,
    VERDICTS,
    Judgement,
    Outcome,
    Verdict,
    table_page,
)
from dfe.verdicts.cells import judge_cells
from dfe.verdicts.statements import Finding, judge_pairs, judge_statements, printed_support
from dfe.verdicts.words import written

__all__ = [
    "HELD",
    "UNMEASURED",
    "VERDICTS",
    "Finding",
    "Judgement",
    "Outcome",
    "Verdict",
    "judge_cells",
    "judge_pairs",
    "judge_statements",
    "printed_support",
    "table_page",
    "written",
]
