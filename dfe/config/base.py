"""What all settings share: immutable, unknown names are errors, and errors say where."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

Seed = Annotated[int, Field(ge=0, lt=2**31)]  # small enough to derive other seeds from


class ConfigError(ValueError):
    """A setting is unknown, mistyped or out of range; the message says which and where."""


class Settings(BaseModel):
    """Base of all settings: immutable, and unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = (set(get_args(annotation)) or {annotation}) - {type(None)}
        if isinstance(value, bool) and kinds <= {int, float}:
            raise ValueError("a number is wanted, not true or false")
        if isinstance(value, list | tuple) and any(isinstance(one, bool) for one in value):
            raise ValueError("no list has true or false in it")
        if kinds == {bool} and not isinstance(value, bool | None):
            raise ValueError("true or false is wanted")
        return value


S = TypeVar("S", bound=Settings)


def vary(settings: S, **changes: Any) -> S:
    """Return a copy of model, loss or training settings with some fields changed, checked anew.

    Raises
    ------
    pydantic.ValidationError
        If a name is unknown or a value out of range.
    """
    return type(settings).model_validate(settings.model_dump() | changes)


def describe_errors(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """One line per invalid field: where it is, what is wrong, and what was given.

    Parameters
    ----------
    model
        What was validated, to say which known name is nearest to an unknown one.
    """
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "(top level)"
        what, more = item["msg"].removeprefix("Value error, "), ""
        if model and item["type"] == "extra_forbidden":
            what, more = "no such setting", _nearest(model, item["loc"])
        lines.append(f"  {where}: {what} (got {item['input']!r}){more}")
    return "\n".join(lines)


def _nearest(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """`did_you_mean` for the last name of `loc` among the fields of the model that it is in."""
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return ""
        model = field.annotation
    return did_you_mean(str(loc[-1]), model.model_fields)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'steps'?"`` for the known name nearest to `name`, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
