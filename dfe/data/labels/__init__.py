"""Labels of the paper's data sets, and of RAVDESS, as tables of clips.

Each reader takes the files as their owners distribute them and returns a table with the columns
``clip``, ``subject``, ``split`` and the labels, which `write_clips` writes for
`dfe.data.task_store.read_clips`.
"""

from __future__ import annotations

from dfe.data.labels.affectnet import read_affectnet, read_affectnet_npy
from dfe.data.labels.base import LabelError, write_clips
from dfe.data.labels.chalearn import read_chalearn
from dfe.data.labels.edaic import read_edaic
from dfe.data.labels.ravdess import read_ravdess
from dfe.data.labels.smilestimuli import read_smilestimuli
from dfe.data.labels.stressid import read_stressid

__all__ = [
    "LabelError",
    "read_affectnet",
    "read_affectnet_npy",
    "read_chalearn",
    "read_edaic",
    "read_ravdess",
    "read_smilestimuli",
    "read_stressid",
    "write_clips",
]
