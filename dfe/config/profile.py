"""A profile: all parameters of a whole build, read from one YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, PrivateAttr, ValidationError, model_validator

from dfe.config.base import ConfigError, Seed, Settings, describe_errors, did_you_mean
from dfe.config.cohorts import CohortsConfig
from dfe.config.data import CorpusConfig, DatabaseConfig, DataConfig
from dfe.config.folders import project_root
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
    checkpoint: Path | None = None  # a model file for the figures, in the place of that model
    notebook_hours: float = Field(12, gt=0)  # a notebook that runs longer is stopped
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
    _written: dict[str, Any] = PrivateAttr(default_factory=dict)  # the settings of the file

    _asked: str = PrivateAttr(default="")

    @property
    def asked(self) -> str:
        """What `load_profile` finds the profile by: its name, or the path of its file.

        A path inside the project is relative to it, so that it says nothing of the machine.
        """
        return self._asked or self.name

    def __eq__(self, other: object) -> bool:  # whatever file they were read from
        return isinstance(other, Profile) and self.model_dump() == other.model_dump()

    def tweaks(self) -> dict[str, Any]:
        """Dotted settings that differ from the profile's file, with their values."""
        return dict(_differences(self._written, self.model_dump(mode="json")))

    @model_validator(mode="after")
    def _own_data_need_training(self) -> Profile:
        if self.own.training and self.train != "scratch":
            raise ValueError(
                "own.training needs `train: scratch`: the committed checkpoint has learned from "
                "open data"
            )
        return self


def _read_tree(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected settings by name, got {tree!r}")
    return {name: value for name, value in tree.items() if value is not None}  # empty sections


def _set_dotted(tree: dict[str, Any], name: str, value: Any) -> None:
    *parents, leaf = name.split(".")
    for parent in parents:
        tree[parent] = tree.get(parent) or {}
        tree = tree[parent]
        if not isinstance(tree, dict):
            raise ConfigError(f"{name}: {parent} is not a group of settings (got {tree!r})")
    tree[leaf] = value


def load_profile(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Profile:
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
    path = _profile_path(name)
    if not path.is_file():
        raise ConfigError(f"no profile {str(name)!r}: {path} is missing; {_known(name, path)}")
    tree = _read_tree(path)
    tree.setdefault("name", path.stem)
    profile = _validated(tree, path.name)
    profile._written = profile.model_dump(mode="json")
    profile._asked = _shown(path) if _is_path(name) else str(name)
    return override(profile, overrides or {})


def _is_path(name: str | Path) -> bool:
    return str(name).endswith((".yaml", ".yml"))


def _profile_path(name: str | Path) -> Path:
    """File of a profile: a path is taken from here, or else from the project."""
    if not _is_path(name):
        return project_root() / "profiles" / f"{name}.yaml"
    return Path(name) if Path(name).is_file() else project_root() / name


def _shown(path: Path) -> str:
    """A path as seen from the project, or absolute where it lies outside."""
    path, root = path.resolve(), project_root().resolve()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _known(name: str | Path, path: Path) -> str:
    known = sorted(p.stem for p in path.parent.glob("*.yaml"))
    return f"known profiles: {known}{did_you_mean(str(name), known)}"


def override(profile: Profile, overrides: Mapping[str, Any]) -> Profile:
    """Return a copy of a profile with dotted settings changed; see `load_profile`.

    Raises
    ------
    ConfigError
        If a setting is unknown, mistyped or out of range.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if not given:
        return profile
    tree = profile.model_dump(mode="json")
    for dotted, value in given.items():
        _set_dotted(tree, dotted, value)
    changed = _validated(tree, f"{profile.name}, with overrides")
    changed._written, changed._asked = profile._written, profile._asked
    return changed


def _differences(old: Any, new: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and new values of what differs between two plain trees."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()) if old or name else ():  # () : no file was read
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))
    elif old != new:
        yield name, new


def _validated(tree: dict[str, Any], name: str) -> Profile:
    try:
        return Profile.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{name}:\n{describe_errors(error, Profile)}") from error
