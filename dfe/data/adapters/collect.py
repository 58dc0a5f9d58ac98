"""All recordings of a folder as one observation, with a report of what was left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from dfe.data.adapters.base import Adapter, AdapterError, Recording
from dfe.data.features import files_sha256
from dfe.data.fetch import sha256_file
from dfe.data.manifest import Origin
from dfe.data.observations import Observation, ObservationMetadata


def observe(
    adapter: Adapter, folder: Path, *, dataset: str, origin: Origin, version: str, name: str = ""
) -> tuple[Observation, pd.DataFrame]:
    """Read every recording below a folder into one observation, which is held in memory.

    Parameters
    ----------
    adapter
        How the program's files are read.
    folder
        Where they lie.
    dataset
        Id of the data set, as in `book/claims.yml`.
    origin
        "gated" for data under a signed license, "real" for other recordings.
    version
        Of the program that wrote the files.
    name
        How tables and figures call it; the id of the adapter if empty.

    Returns
    -------
    observation
        For `dfe.data.observations.write_observation`. Expression vectors count as features.
    report
        One row for each clip: ``frames`` that are usable, and a column for each reason for which
        frames were dropped.

    Raises
    ------
    AdapterError
        If the folder holds no recording, a file is not what the program writes, or no recording
        has a usable frame.
    """
    files = adapter.recordings(folder)
    found = [adapter.read(clip, paths) for clip, paths in files.items()]
    report = _report(found)
    if not report["frames"].any():
        reasons = ", ".join(name for name in report if name != "frames")
        raise AdapterError(f"{folder}: no usable frame in {len(found)} recordings ({reasons})")
    metadata = ObservationMetadata(
        name=name or adapter.name,
        kind="features" if adapter.kind == "psi" else adapter.kind,
        columns=adapter.columns,
        origin=origin,
        extractor=adapter.title,
        extractor_version=version,
        inputs_sha256=files_sha256(
            (path.relative_to(folder).as_posix(), sha256_file(path))
            for paths in files.values()
            for path in paths
        ),
    )
    clip = np.concatenate([np.full(len(one), one.clip) for one in found])
    observation = Observation(
        dataset=np.full(len(clip), dataset),
        clip=clip,
        frame=np.concatenate([one.frame for one in found]),
        values=np.concatenate([one.values for one in found if len(one)]),
        metadata=metadata,
    )
    return observation, report


def _report(found: Iterable[Recording]) -> pd.DataFrame:
    rows = {one.clip: {"frames": len(one), **one.skipped} for one in found}
    report = pd.DataFrame.from_dict(rows, orient="index").rename_axis("clip")
    return report.fillna(0).astype(int)
