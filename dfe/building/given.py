"""`--set 11_ablations.codebook_size=128`: parameters of notebooks, and grids of them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from dfe.config import ConfigError, Profile
from dfe.parameters import with_parameters

Parameters = Mapping[str, Any]


class Given(NamedTuple):
    """What a build was asked to change.

    Attributes
    ----------
    pages
        Notebook -> the parameters of its page.
    sweeps
        Notebook -> the points of its grid, each with a name for its folder.
    """

    pages: dict[str, Parameters]
    sweeps: dict[str, dict[str, Parameters]]


NOTHING = Given({}, {})


def parse_given(profile: Profile, texts: Sequence[str]) -> Given:
    """Read texts such as ``"10_stress.effect=0.5"``; values are YAML.

    A list where the parameter takes one value is an axis of a grid: the notebook runs once for
    each combination, beside the book's own page. Where a parameter is itself a list, as `seeds`,
    an axis is a list of lists.

    Raises
    ------
    ConfigError
        If a text has another form, a parameter is given twice or unknown, or a value has the wrong
        type or is out of range.
    """
    pages: dict[str, Parameters] = {}
    sweeps: dict[str, dict[str, Parameters]] = {}
    for notebook, parameters in _by_notebook(texts).items():
        with_parameters(profile, notebook, dict.fromkeys(parameters))  # are all names known?
        axes = {n: v for n, v in parameters.items() if _is_axis(profile, notebook, n, v)}
        points = list(_grid(parameters, axes))
        for point in points:
            with_parameters(profile, notebook, point)
        if axes:
            sweeps[notebook] = _named(notebook, points, axes)
        else:
            pages[notebook] = points[0]
    return Given(pages, sweeps)


def _by_notebook(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        notebook, dot, parameter = name.strip().partition(".")
        if not (equals and dot and parameter):
            raise ConfigError(f"--set {text}: write NOTEBOOK.PARAMETER=VALUE")
        if parameter in found.setdefault(notebook, {}):
            raise ConfigError(f"--set {text}: {name.strip()} is given twice")
        found[notebook][parameter] = _value(text, value)
    return found


def _value(text: str, value: str) -> Any:
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: {value!r} is no value: {error}") from error
    if found is None or found == []:
        raise ConfigError(f"--set {text}: a value is missing")
    return found


def _is_axis(profile: Profile, notebook: str, name: str, value: Any) -> bool:
    if not isinstance(value, list):
        return False
    try:
        with_parameters(profile, notebook, {name: value})
    except ConfigError:
        return True
    return False


def _grid(parameters: Parameters, axes: Mapping[str, list[Any]]) -> Iterator[Parameters]:
    for values in itertools.product(*axes.values()):
        yield dict(parameters) | dict(zip(axes, values, strict=True))


def _named(
    notebook: str, points: Sequence[Parameters], axes: Mapping[str, Any]
) -> dict[str, Parameters]:
    found: dict[str, Parameters] = {}
    for point in points:
        name = _point_name(point, axes)
        if name in found:
            raise ConfigError(f"{notebook}: two points of the grid are called {name}")
        found[name] = point
    return found


def _point_name(point: Parameters, axes: Mapping[str, Any]) -> str:
    """Name of a folder such as ``"effect=0.5,labels=site"``."""
    texts = (f"{name}={_plain(point[name])}" for name in axes)
    return re.sub(r"[^\w.,=+-]+", "_", ",".join(texts))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=("+", ""))
