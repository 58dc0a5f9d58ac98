"""Which installed packages a piece of code depends on, and in which versions."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dfe.config import project_root

OWN = "dfe-companion"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of all packages behind imported names, what they require included.

    Where `constraints.txt` asks for another version than the installed one, both are given: then
    a changed pin counts at once, and so does a package that was replaced without one.

    Parameters
    ----------
    names
        Top-level names as in an import statement, such as ``"sklearn"``.
    """
    pins = _pins(project_root() / "constraints.txt")
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python} | {
        name: _described(_version(name), pins.get(name)) for name in distributions(names)
    }


def _described(installed: str, pin: str | None) -> str:
    same = pin is None or installed.partition("+")[0] == pin.partition("+")[0]
    return installed if same else f"{installed}, pinned {pin}"


def _pins(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {canonicalize_name(n): v for n, v in PIN.findall(path.read_text(encoding="utf-8"))}


@cache
def _distributions() -> dict[str, list[str]]:
    return {k: sorted(set(v)) for k, v in metadata.packages_distributions().items()}


@cache
def _needs(distribution: str) -> frozenset[str]:
    """Installed distributions that a distribution requires, extras left out."""
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return frozenset()
    wanted = (Requirement(line) for line in lines)
    return frozenset(
        canonicalize_name(r.name)
        for r in wanted
        if not r.marker or r.marker.evaluate({"extra": ""})
    )


def distributions(names: Iterable[str]) -> tuple[str, ...]:
    """Distributions behind imported names, with all that they require, in normal spelling."""
    found: set[str] = set()
    waiting: list[str] = [
        canonicalize_name(d) for name in names for d in _distributions().get(name, ())
    ]
    while waiting:
        name = waiting.pop()
        if name not in found and _version(name):
            found.add(name)
            waiting += _needs(name)
    return tuple(sorted(found - {OWN}))


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
