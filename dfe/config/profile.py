"""A profile: all parameters of a whole build, read from one YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from dfe.config.base import ConfigError, Seed, Settings, describe_errors
from dfe.config.cohorts import CohortsConfig
from dfe.config.data import CorpusConfig, DatabaseConfig, DataConfig
from dfe.config.model import LossConfig, ModelConfig, TrainingConfig
from dfe.config.own import OwnConfig
from dfe.config.pages import Pages
from dfe.config.utility import UtilityConfig


class VariantsConfig(Settings):
    """The runs of the ablation and loss chapters; `dfe.variants` says what each of them changes."""

    seeds: tuple[Seed, ...] = Field((0,), min_length=1)  # one run of each variant per seed
    steps: int | None = Field(None, ge=1)  # optimizer steps of each run; None = as in `training`
    initialization_share: float | None = Field(None, ge=0, lt=1)  # None = as in `training`


class Profile(Settings):
    """All parameters of a whole build; one YAML file in `profiles/`."""

    name: str
    description: str = ""
    announcement: str = ""  # shown at the head of every page of the book
    train: Literal["scratch", "pretrained"] = "scratch"  # the model that the figures show
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig()
    data: DataConfig = DataConfig()
    corpus: CorpusConfig = CorpusConfig()
    database: DatabaseConfig = DatabaseConfig()
    variants: VariantsConfig = VariantsConfig()
    cohorts: CohortsConfig = CohortsConfig()
    utility: UtilityConfig = UtilityConfig()
    own: OwnConfig = OwnConfig()
    pages: Pages = Pages()

    @model_validator(mode="after")
    def _own_data_need_training(self) -> Profile:
        if self.own.training and self.train != "scratch":
            raise ValueError(
                "own.training needs `train: scratch`: the committed checkpoint has learned from "
                "open data"
            )
        return self


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


def build_folder(profile: Profile) -> Path:
    """Folder of everything that a build of `profile` generates: `build/<name>`."""
    return project_root() / "build" / profile.name


def _read_tree(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected settings by name, got {tree!r}")
    return tree


def _set_dotted(tree: dict[str, Any], name: str, value: Any) -> None:
    *parents, leaf = name.split(".")
    for parent in parents:
        tree[parent] = tree.get(parent) or {}
        tree = tree[parent]
        if not isinstance(tree, dict):
            raise ConfigError(f"{name}: {parent} is not a group of settings (got {tree!r})")
    tree[leaf] = value


def load_profile(name: str | Path, overrides: dict[str, Any] | None = None) -> Profile:
    """Read a profile by name (`smoke`, `quick`, `paper`) or path, and apply overrides.

    Parameters
    ----------
    name
        Stem of a file in `profiles/`, or the path of a YAML file.
    overrides
        Dotted setting -> value, such as ``{"training.steps": 500}``. A value of ``None`` leaves
        the profile's own value in place, so that a notebook can list its parameters as ``None``.

    Raises
    ------
    ConfigError
        If the file is missing, or a setting is unknown, mistyped or out of range.
    """
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else None
    path = path or project_root() / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.yaml"))
        raise ConfigError(f"no profile {str(name)!r}: {path} is missing; known profiles: {known}")
    tree = _read_tree(path)
    tree.setdefault("name", path.stem)
    return _validated(tree, overrides or {}, path.name)


def override(profile: Profile, overrides: dict[str, Any]) -> Profile:
    """Return a copy of a profile with dotted settings changed; see `load_profile`.

    Raises
    ------
    ConfigError
        If a setting is unknown, mistyped or out of range.
    """
    return _validated(profile.model_dump(mode="json"), overrides, profile.name)


def _validated(tree: dict[str, Any], overrides: dict[str, Any], name: str) -> Profile:
    for dotted, value in overrides.items():
        if value is not None:
            _set_dotted(tree, dotted, value)
    try:
        return Profile.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{name}, with overrides:\n{describe_errors(error)}") from error
