"""The scoreboard: every claim of the paper beside what this build measured, with a verdict."""

from dfe.scoreboard.board import (
    SCHEMA_VERSION,
    board,
    statements_board,
    summary,
    write_scoreboard,
)
from dfe.scoreboard.html import (
    COLORS,
    cell_link,
    configuration_link,
    statements_html,
    strip_html,
    table_html,
)

__all__ = [
    "COLORS",
    "SCHEMA_VERSION",
    "board",
    "cell_link",
    "configuration_link",
    "statements_board",
    "statements_html",
    "strip_html",
    "summary",
    "table_html",
    "write_scoreboard",
]
