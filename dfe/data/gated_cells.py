"""What may stand in a cell of a table, by the manifest of its data, and the same in words."""

from __future__ import annotations

import math
from collections.abc import Iterable

from dfe.data.gated import Column

SHOWN = 12  # names that a message lists


def accepts(column: Column, cell: str) -> bool:
    """Say whether a cell, without spaces around it, may stand in a column.

    Whole numbers may be written as ``1`` or ``1.0``. A missing value
    may be written as one of the codes of the column, or as the same whole number.
    """
    if cell in column.missing or whole(cell) in column.missing:
        return True
    if column.dtype in ("text", "category"):
        return cell in column.values if column.values else bool(cell)
    if (number := _number(cell)) is None:
        return False
    if column.dtype == "integer" and not number.is_integer():
        return False
    if column.values and whole(cell) not in column.values and cell not in column.values:
        return False
    low = -math.inf if column.least is None else column.least
    high = math.inf if column.most is None else column.most
    return low <= number <= high


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def whole(cell: str) -> str:
    """``1.0`` as ``1``; what is no whole number stays as it is."""
    number = _number(cell)
    return str(int(number)) if number is not None and number.is_integer() else cell


def allowed(column: Column) -> str:
    """What may stand in a cell, in words."""
    missing = f" or {either(repr(code) for code in column.missing)}" if column.missing else ""
    if column.values:
        shown = ", ".join(column.values[:SHOWN])
        return f"one of {shown}{' …' if len(column.values) > SHOWN else ''}{missing}"
    kinds = {"text": "a text", "category": "", "integer": "a whole number", "number": "a number"}
    limits = (column.least, column.most)
    limited = "" if limits == (None, None) else f" of {span(*limits)}"
    return f"{kinds[column.dtype]}{limited}{missing}"


def span(least: float | None, most: float | None) -> str:
    """Limits in words, at least one of them."""
    if least == most and least is not None:
        return f"{least:g}"
    if most is None:
        return f"at least {least:g}"
    return f"at most {most:g}" if least is None else f"{least:g} to {most:g}"


def either(words: Iterable[str]) -> str:
    """Words with "or" between them."""
    return " or ".join(words)
