"""What all settings share: immutable, unknown names are errors, and errors say where."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Seed = Annotated[int, Field(ge=0, lt=2**31)]  # small enough to derive other seeds from


class ConfigError(ValueError):
    """A setting is unknown, mistyped or out of range; the message says which and where."""


class Settings(BaseModel):
    """Base of all settings: immutable, and unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


S = TypeVar("S", bound=Settings)


def vary(settings: S, **changes: Any) -> S:
    """Return a copy of model, loss or training settings with some fields changed, checked anew.

    Raises
    ------
    pydantic.ValidationError
        If a name is unknown or a value out of range.
    """
    return type(settings).model_validate(settings.model_dump() | changes)


def describe_errors(error: ValidationError) -> str:
    """One line per invalid field: where it is, what is wrong, and what was given."""
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "(top level)"
        lines.append(f"  {where}: {item['msg']} (got {item['input']!r})")
    return "\n".join(lines)
