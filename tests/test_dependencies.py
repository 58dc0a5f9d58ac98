"""Packages behind imports: with all that they need, in the versions installed and pinned."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from dfe import dependencies
from dfe.dependencies import distributions, package_versions

CACHED = (dependencies._distributions, dependencies._needs, dependencies._version)
#: Name as its own metadata spell it -> version and requirements.
INSTALLED: dict[str, tuple[str, list[str]]] = {
    "Py_Top": ("1.0+cpu", ["mid.dle>=1", "gone", 'windows-only; sys_platform == "win32"']),
    "mid-dle": ("2.0", ["PY-TOP", 'more; extra == "all"', 'least; python_version >= "3"']),
    "least": ("3.0", []),
    "more": ("4.0", []),
    "windows-only": ("5.0", []),
    "dfe-companion": ("0.1", ["py-top"]),
}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Made-up packages in the place of the installed ones; names are found as in reality."""
    spelled = {dependencies.canonicalize_name(name): found for name, found in INSTALLED.items()}

    def look_up(name: str) -> tuple[str, list[str]]:
        try:
            return spelled[dependencies.canonicalize_name(name)]
        except KeyError:
            raise metadata.PackageNotFoundError(name) from None

    found = {"top": ["Py_Top", "Py_Top"], "ours": ["dfe-companion"], "space": ["least", "more"]}
    monkeypatch.setattr(metadata, "version", lambda name: look_up(name)[0])
    monkeypatch.setattr(metadata, "requires", lambda name: look_up(name)[1])
    monkeypatch.setattr(metadata, "packages_distributions", lambda: found)
    for cached in CACHED:
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in CACHED:
        cached.cache_clear()


@pytest.mark.parametrize(
    ("names", "behind"),
    [
        (["top"], ("least", "mid-dle", "py-top")),  # round a circle, without extras
        (["space"], ("least", "more")),  # several packages fill one name
        (["ours"], ("least", "mid-dle", "py-top")),  # what it needs, but not itself
        (["json", "nothing_of_this_name"], ()),
        ([], ()),
    ],
)
def test_packages_behind_names(installed: None, names: list[str], behind: tuple[str, ...]) -> None:
    assert distributions(names) == behind


def test_versions_stand_beside_other_pins(installed: None, checkout: Path) -> None:
    pins = "# Py_Top==0.1\nPy.Top==1.0\nLeast==2.9\nmid-dle==2.0+cpu\nmore==1\n"
    (checkout / "constraints.txt").write_text(pins)
    python = platform.python_version().rpartition(".")[0]
    assert package_versions(["top"]) == {
        "python": python,
        "py-top": "1.0+cpu",  # of whatever build
        "mid-dle": "2.0",
        "least": "3.0, pinned 2.9",
    }


def test_versions_without_pins(installed: None, checkout: Path) -> None:
    assert package_versions(["space"]) | {"python": ""} == {
        "python": "",
        "least": "3.0",
        "more": "4.0",
    }


def test_the_packages_of_this_environment(checkout: Path) -> None:
    found = package_versions(["sklearn", "yaml"])
    assert found["scikit-learn"] == metadata.version("scikit-learn")
    assert found["numpy"] == metadata.version("numpy"), "scikit-learn needs it"
    assert found["pyyaml"] == metadata.version("pyyaml")
    assert not {"pytest", "dfe-companion", "torch"} & found.keys()
