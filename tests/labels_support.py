"""Makes a task of a table of labels, the way a reader does: files named in a profile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dfe.config import TaskFiles
from dfe.data.labels import write_clips
from dfe.data.observations import Observation, ObservationMetadata, write_observation
from dfe.data.task import Task
from dfe.data.task_store import load_own_task

METADATA = ObservationMetadata(
    name="EMOCA", kind="features", origin="gated", extractor="EMOCA", extractor_version="2"
)


def as_task(clips: pd.DataFrame, folder: Path) -> Task:
    """Write a table of clips and made-up expression vectors, a frame each, and load the task."""
    write_clips(folder / "out" / "clips.csv", clips)
    n = len(clips)
    values = np.random.default_rng(0).normal(size=(n, 50))
    names = clips["clip"].to_numpy(str)
    seen = Observation(np.full(n, "made-up"), names, np.zeros(n, np.int64), values, METADATA)
    write_observation(folder / "out" / "psi.parquet", seen)
    files = TaskFiles(clips=folder / "out" / "clips.csv", psi=folder / "out" / "psi.parquet")
    return load_own_task("made-up", files)


def check_form(clips: pd.DataFrame, folder: Path) -> None:
    """The table comes back from the disk as it is: names as texts, labels with their values."""
    assert list(clips)[:3] == ["clip", "subject", "split"]
    assert clips.index.equals(pd.RangeIndex(len(clips)))
    back = as_task(clips, folder).clips.reset_index()
    pd.testing.assert_frame_equal(back, clips, check_exact=False, rtol=1e-12)
