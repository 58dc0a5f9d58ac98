"""Where the project is."""

from __future__ import annotations

from pathlib import Path

from dfe.config.base import ConfigError


def project_root() -> Path:
    """Return the folder that holds `profiles/`: the working directory's tree, else the package's.

    Raises
    ------
    ConfigError
        If neither holds it, which happens when `dfe` runs from a copied package.
    """
    candidates = [Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[2]]
    for folder in candidates:
        if (folder / "profiles").is_dir() and (folder / "_config.yml").is_file():
            return folder
    raise ConfigError(
        f"no project found above {Path.cwd()}: run from a checkout (the folder with _config.yml)"
    )
