"""Made-up data of a reader's own, as `dfe data ingest` and `dfe data labels` leave them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.config import Profile
from dfe.data.ingested import clips_path, ingested_path
from dfe.data.manifest import Origin
from dfe.data.observations import Observation, ObservationMetadata, write_observation


def ingest(
    dataset: str,
    extractor: str,
    clips: list[str],
    values: NDArray[np.floating],
    *,
    face: str = "",
    origin: Origin = "gated",
    columns: tuple[str, ...] = (),
    kind: str = "features",
    name: str = "",
) -> Path:
    """Write one observation file: clip after clip, with as many frames in each."""
    n = len(values) // len(clips)
    metadata = ObservationMetadata(
        name=name or extractor,
        kind=kind,  # type: ignore[arg-type]
        columns=columns,
        origin=origin,
        extractor=extractor,
        extractor_version="1",
        inputs_sha256="0" * 64,
        adapter=extractor,
        face=face,
    )
    observation = Observation(
        dataset=np.full(len(values), dataset),
        clip=np.repeat(clips, n),
        frame=np.tile(np.arange(n), len(clips)),
        values=values.astype(np.float32),
        metadata=metadata,
    )
    path = ingested_path(dataset, extractor)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_observation(path, observation)
    return path


def label(dataset: str, **columns: object) -> Path:
    """Write a table of clips."""
    path = clips_path(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def profile(own: dict[str, object], **more: object) -> Profile:
    """A tiny profile of the reader's own data."""
    tree: dict[str, object] = {
        "name": "mine",
        "train": "scratch",
        "own": own,
        "model": {"layers": 1, "width": 16, "feedforward": 16, "codebook_size": 8},
        "training": {"steps": 2, "batch_size": 8, "log_every": 1, "dictionary_rows": 20},
        "corpus": {"simulated": 60, "held_out": 10},
    }
    return Profile.model_validate(tree | more)
