"""Settings: typed, validated, and equal to the paper's section 4.3 unless a profile says otherwise.

Every default names its source. Where the paper is silent or ambiguous the comment says so and
gives the reason for our choice; the book's method page lists the same points.
"""

from dfe.config.base import (
    ConfigError,
    Seed,
    Settings,
    describe_errors,
    did_you_mean,
    vary,
)
from dfe.config.cohorts import (
    Cohort,
    CohortsConfig,
    DepressionCohort,
    ObserversConfig,
    PeopleConfig,
    PersonalityCohort,
    SmilesCohort,
    StressCohort,
)
from dfe.config.data import CorpusConfig, DatabaseConfig, DataConfig
from dfe.config.folders import project_root
from dfe.config.kept import build_folder, kept_path, output_folder
from dfe.config.model import PSI_DIM, LossConfig, ModelConfig, TrainingConfig
from dfe.config.own import OwnConfig
from dfe.config.pages import Pages
from dfe.config.profile import Profile, load_profile, override
from dfe.config.scope import (
    CLIP_PAGES,
    FRAME_PAGES,
    NO_FRAMES,
    NO_MODEL,
    PAGE_READS,
    PAGE_TASKS,
    SIMULATED_PAGES,
    TASKS,
    page_settings,
    task_settings,
)
from dfe.config.utility import TaskFiles, TaskName, UtilityConfig

__all__ = [
    "CLIP_PAGES",
    "FRAME_PAGES",
    "NO_FRAMES",
    "NO_MODEL",
    "PAGE_READS",
    "PAGE_TASKS",
    "PSI_DIM",
    "SIMULATED_PAGES",
    "TASKS",
    "Cohort",
    "CohortsConfig",
    "ConfigError",
    "CorpusConfig",
    "DataConfig",
    "DatabaseConfig",
    "DepressionCohort",
    "LossConfig",
    "ModelConfig",
    "ObserversConfig",
    "OwnConfig",
    "Pages",
    "PeopleConfig",
    "PersonalityCohort",
    "Profile",
    "Seed",
    "Settings",
    "SmilesCohort",
    "StressCohort",
    "TaskFiles",
    "TaskName",
    "TrainingConfig",
    "UtilityConfig",
    "build_folder",
    "describe_errors",
    "did_you_mean",
    "kept_path",
    "load_profile",
    "output_folder",
    "override",
    "page_settings",
    "project_root",
    "task_settings",
    "vary",
]
