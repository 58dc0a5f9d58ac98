"""Where the project's repository is published, and the links that open its notebooks there.

The address is taken from what a build knows: a setting, GitHub's own variables, or the checkout's
remote. Where none of them names a repository on GitHub there are no links: none is better than a
dead one.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from dfe.evidence import read_commit

GITHUB = "https://github.com"
BINDER = "https://mybinder.org"
COLAB = "https://colab.research.google.com"
DEFAULT_BRANCH = "HEAD"  # git's name for it, which GitHub, Binder and Colab understand

_NAME = r"(?P<owner>[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)/(?P<name>[A-Za-z0-9._-]+?)"
_ADDRESS = re.compile(
    rf"(?:https://(?:[^@/\s]+@)?github\.com/|(?:ssh://)?git@github\.com[:/]){_NAME}(?:\.git)?/?"
)
_REF = re.compile(r"refs/(?:heads|tags)/([A-Za-z0-9][A-Za-z0-9._-]*)")


class RepositoryError(ValueError):
    """What should name the repository does not; the message says what was expected."""


class Repository(BaseModel):
    """A public repository on GitHub, and the branch or tag that links lead to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str
    name: str
    ref: str = DEFAULT_BRANCH

    @property
    def url(self) -> str:
        """Address of its page, which is also that for `git clone`."""
        return f"{GITHUB}/{self.owner}/{self.name}"


def parse_repository(address: str, ref: str = DEFAULT_BRANCH) -> Repository | None:
    """Read an address of GitHub, in its https or ssh form; None for any other host.

    A name or a token in the address (``https://token@github.com/...``) is not kept.
    """
    found = _ADDRESS.fullmatch(address.strip())
    return Repository(owner=found["owner"], name=found["name"], ref=ref) if found else None


def find_repository(
    root: Path, given: str | None = None, environment: Mapping[str, str] = os.environ
) -> Repository | None:
    """Find the repository of the checkout at `root`, or None where it is not on GitHub.

    Parameters
    ----------
    given
        Its address, if somebody named it. Otherwise `GITHUB_REPOSITORY` and `GITHUB_SERVER_URL`
        decide, as GitHub's workflows set them, and then the remote `origin` of the checkout.
    environment
        The environment variables. A branch or tag in `GITHUB_REF` is what the links lead to;
        else it is the default branch. A name with a slash would not survive in the links.

    Raises
    ------
    RepositoryError
        If the given address, or that of the variables, names no repository of GitHub.
    """
    found = _REF.fullmatch(environment.get("GITHUB_REF", ""))
    ref = found[1] if found else DEFAULT_BRANCH
    if given is not None:
        return _need(given, "the repository's address")
    if name := environment.get("GITHUB_REPOSITORY"):
        if environment.get("GITHUB_SERVER_URL", GITHUB).rstrip("/") != GITHUB:
            return None  # a company's own server, which Binder and Colab cannot reach
        return _need(f"{GITHUB}/{name}", "GITHUB_REPOSITORY", ref)
    return parse_repository(_origin(root))


def _need(address: str, what: str, ref: str = DEFAULT_BRANCH) -> Repository:
    if (found := parse_repository(address, ref)) is None:
        raise RepositoryError(f"{what} is {address!r}: expected {GITHUB}/OWNER/NAME")
    return found


def _origin(root: Path) -> str:
    """Address of the remote `origin`; empty outside git or without one."""
    if read_commit(root).hash == "unknown":  # not a checkout, or inside somebody else's
        return ""
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def launch_settings(repository: Repository | None) -> dict[str, Any]:
    """Settings of Jupyter Book's `_config.yml` that put launch links on the notebook pages.

    The theme joins `path_to_book`, the page and its suffix. Our pages are named like the
    repository's notebooks, so the links lead to the notebook that a reader would run, and not to
    the executed copy that the page was made from. Thebe stays off: it loads from other hosts.
    """
    if repository is None:  # no links; with Jupyter Book's defaults, they would lead to its own
        return {}
    return {
        "repository": {"url": repository.url, "branch": repository.ref, "path_to_book": ""},
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": BINDER,
            "colab_url": COLAB,
            "thebe": False,
        },
    }
