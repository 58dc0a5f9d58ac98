"""Every data set that a reader may bring, with a few made-up clips in its real layout.

Nothing in them was ever recorded. The files have the names, columns, separators and defects of the
real ones, and each miniature says what has to be found in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from miniatures.affectnet import write_affectnet, write_affectnet_npy
from miniatures.affwild2 import write_affwild2
from miniatures.base import Defects, Extracted, Miniature
from miniatures.chalearn import write_chalearn
from miniatures.edaic import write_edaic
from miniatures.faces import Rng
from miniatures.flame import write_flame
from miniatures.ravdess import write_ravdess
from miniatures.smilestimuli import write_smilestimuli
from miniatures.stressid import write_stressid

__all__ = ["WRITERS", "Defects", "Extracted", "Miniature", "write_all"]

#: Name of a miniature -> its writer. AffectNet has two editions, so there are two of it.
WRITERS: Mapping[str, Callable[[Path, Rng], Miniature]] = MappingProxyType(
    {
        "affectnet": write_affectnet,
        "affectnet-npy": write_affectnet_npy,
        "aff-wild2": write_affwild2,
        "smilestimuli": write_smilestimuli,
        "stressid": write_stressid,
        "avec2019-dds": write_edaic,
        "chalearn-first-impressions": write_chalearn,
        "flame": write_flame,
        "ravdess-landmarks": write_ravdess,
    }
)


def write_all(folder: Path, seed: int = 0) -> dict[str, Miniature]:
    """Write all of them below a folder; each has random numbers of its own."""
    streams = np.random.default_rng(seed).spawn(len(WRITERS))
    return {
        name: write(folder, rng)
        for (name, write), rng in zip(WRITERS.items(), streams, strict=True)
    }
