"""From what a page measured to the cells and statements of the paper (Tables 1, 2, 7 and 8)."""

from dfe.recording.accuracy import paper_observers, record_accuracy
from dfe.recording.diversity import Coding, record_diversity
from dfe.recording.pairs import asked_pairs
from dfe.recording.sources import corpus_origin, gated_sources, joint_origin
from dfe.recording.tasks import record_variant_tasks
from dfe.recording.templates import record_asymmetry, record_displacement, record_templates

__all__ = [
    "Coding",
    "asked_pairs",
    "corpus_origin",
    "gated_sources",
    "joint_origin",
    "paper_observers",
    "record_accuracy",
    "record_asymmetry",
    "record_displacement",
    "record_diversity",
    "record_templates",
    "record_variant_tasks",
]
