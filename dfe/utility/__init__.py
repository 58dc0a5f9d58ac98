"""Classifiers on features of clips: the protocols of sections 5.2 and 5.3, and their tables."""

from dfe.utility.comparison import Comparison, beside_paper, compare, paired_table
from dfe.utility.features import (
    DFE_TOKENS,
    FACIAL_BASIS,
    PSI_STATISTICS,
    PUBLISHED_BASIS,
    bag_method,
    task_methods,
)
from dfe.utility.methods import (
    NEEDS_FEATURES,
    Method,
    Role,
    UtilityError,
    check_same_ids,
)
from dfe.utility.protocols import (
    Predictions,
    classify,
    learning_curve,
    logistic_coefficients,
    majority,
    mean_value,
    regress,
)
from dfe.utility.recording import record_comparison
from dfe.utility.reported import reported_power
from dfe.utility.splits import (
    grouped_folds,
    leave_one_group_out,
    leave_one_out,
    official_dev,
    official_split,
    ungrouped_folds,
)

__all__ = [
    "DFE_TOKENS",
    "FACIAL_BASIS",
    "PSI_STATISTICS",
    "PUBLISHED_BASIS",
    "NEEDS_FEATURES",
    "Comparison",
    "Method",
    "Predictions",
    "Role",
    "UtilityError",
    "bag_method",
    "beside_paper",
    "check_same_ids",
    "classify",
    "compare",
    "grouped_folds",
    "learning_curve",
    "leave_one_group_out",
    "leave_one_out",
    "logistic_coefficients",
    "majority",
    "mean_value",
    "official_dev",
    "official_split",
    "paired_table",
    "record_comparison",
    "regress",
    "reported_power",
    "task_methods",
    "ungrouped_folds",
]
