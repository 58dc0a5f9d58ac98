"""Tasks on disk: a simulated one as one safetensors file, a reader's own from tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from pydantic import TypeAdapter

from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.config import TaskFiles
from dfe.data.manifest import Origin
from dfe.data.observations import Observation, read_observation
from dfe.data.task import KEYS, PSI, Frames, Task, TaskError
from dfe.face import OpenHead

FORMAT = "dfe-task/1"


def write_task(path: Path, task: Task, settings: str) -> None:
    """Write a task, with the text of the settings that made it.

    Parameters
    ----------
    settings
        Kept as it is; `read_task` gives it back, so that a stale file can be told.
    """
    tensors = {
        f"{part}/{name}": torch.from_numpy(getattr(frames, part))
        for name, frames in task.frames.items()
        for part in ("clip", "values")
    }
    columns = {name: frames.columns for name, frames in task.frames.items()}
    clips = task.clips.rename_axis("clip").reset_index()
    table = {name: clips[name].tolist() for name in clips}  # floats keep every bit in JSON
    metadata = {
        "format": FORMAT,
        "name": task.name,
        "origin": task.origin,
        "face": task.face,
        "settings": settings,
        "columns": json.dumps(columns),
        "clips": json.dumps(table),
    }
    for name in ("dataset", "extractor"):  # a simulated one has none
        if text := getattr(task, name):
            metadata[name] = text
    write_checkpoint(path, tensors, metadata)


def read_task(path: Path) -> tuple[Task, str]:
    """Read a file of `write_task`: the task and the text of its settings.

    Raises
    ------
    TaskError
        If the file is missing, damaged, or no task.
    """
    try:
        tensors, metadata = read_checkpoint(path, FORMAT)
    except CheckpointError as error:
        raise TaskError(str(error)) from error
    clips = pd.DataFrame(json.loads(metadata["clips"])).set_index("clip")
    frames = {
        name: Frames(
            tensors[f"clip/{name}"].numpy(), tensors[f"values/{name}"].numpy(), tuple(columns)
        )
        for name, columns in json.loads(metadata["columns"]).items()
    }
    origin: Origin = TypeAdapter(Origin).validate_python(metadata["origin"])
    made = Task(
        metadata["name"],
        origin,
        clips,
        frames,
        dataset=metadata.get("dataset", ""),
        face=metadata.get("face", OpenHead.name),
        extractor=metadata.get("extractor", ""),
    )
    return made, metadata["settings"]


def load_own_task(name: str, files: TaskFiles) -> Task:
    """A task of the reader's own data.

    The table of clips has the columns clip, subject, split and the labels of the task. The
    observation files, one of them with the expression vectors, are joined to it by the name of
    the clip; frames of clips that the table does not list are left out. The data set is the one
    that the expression vectors of these clips name.

    Methods can only be compared on the same clips, so a clip that any observer lacks is left out
    and counted (`Task.left_out`): first those without expression vectors, which no program found
    a face in or which were never recorded, then those that another observer lacks.

    Raises
    ------
    TaskError
        If a file cannot be read, a clip name is not unique, no clip has expression vectors, or
        another observer lacks more than half of the clips that have.
    dfe.data.observations.ObservationError
        If an observation file is not what it should be.
    """
    clips = read_clips(files.clips)
    seen = {
        observer: read_observation(path)
        for observer, path in {PSI: files.psi, **files.observers}.items()
    }
    clips, left_out = _seen_by_all(clips, seen)
    frames = {
        observer: join_frames(clips.index, found, observer) for observer, found in seen.items()
    }
    listed = np.isin(seen[PSI].clip, clips.index.to_numpy(str))  # (M,)
    dataset = "+".join(np.unique(seen[PSI].dataset[listed]))
    about = seen[PSI].metadata
    face = about.face or OpenHead.name
    return Task(name, about.origin, clips, frames, dataset, face, about.adapter, left_out)


def _seen_by_all(
    clips: pd.DataFrame, seen: Mapping[str, Observation]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The clips that every observer saw, and how many each of them lacks, ψ before the others."""
    left_out: dict[str, int] = {}
    has_psi = clips.index.isin(np.unique(seen[PSI].clip))  # (N,)
    kept = has_psi.copy()
    for observer, found in seen.items():
        lacks = ~clips.index.isin(np.unique(found.clip))  # (N,)
        if observer != PSI and has_psi.any():
            lacks &= has_psi
            _need_half(observer, clips.index[lacks], int(has_psi.sum()))
        if lacks.any():
            left_out[observer] = int(lacks.sum())
        kept &= ~lacks
    if not kept.any() and has_psi.any():
        raise TaskError(
            f"no clip was seen by all of {', '.join(seen)}: "
            + ", ".join(f"{count} lack {name}" for name, count in left_out.items())
        )
    # Where no clip has expression vectors, what is wrong shows when the frames are joined.
    return (clips[kept], left_out) if kept.any() else (clips, {})


def _need_half(observer: str, lacking: pd.Index, total: int) -> None:
    if 2 * len(lacking) > total:
        raise TaskError(
            f"{observer} has no frame of {len(lacking)} of {total} clips, such as "
            f"{', '.join(map(repr, lacking[:3]))}: run the program on them, or leave it out"
        )


def read_clips(path: Path) -> pd.DataFrame:
    """Read a table of clips (CSV or Parquet), indexed by clip.

    Raises
    ------
    TaskError
        If the file cannot be read, a column of `KEYS` or "clip" is missing or has gaps, or a clip
        comes twice.
    """
    text = {"clip": str, **dict.fromkeys(KEYS, str)}
    try:
        if path.suffix == ".parquet":
            clips = pd.read_parquet(path)
        else:
            clips = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=["nan"])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TaskError(f"{path}: not a table of clips: {error}") from error
    if missing := [name for name in text if name not in clips]:
        raise TaskError(f"{path} lacks the columns {missing}; it has {list(clips)}")
    if (gaps := clips.isna().any()).any():
        raise TaskError(f"{path}: column {gaps.idxmax()!r} has gaps; leave unlabeled clips out")
    if (repeated := clips["clip"].duplicated()).any():
        raise TaskError(f"{path}: clip {clips['clip'][repeated].iloc[0]!r} comes twice")
    return clips.set_index("clip")


def join_frames(index: pd.Index, seen: Observation, where: str) -> Frames:
    """Frames of the clips in `index`, sorted by clip and time.

    Raises
    ------
    TaskError
        If no frame belongs to a clip of the index, or a frame of a clip comes twice (the same
        clip name in two data sets).
    """
    row = index.get_indexer(seen.clip)  # (M,), -1 where the table has no such clip
    order = np.lexsort((seen.frame, row))
    order = order[row[order] >= 0]
    if not len(order):
        raise TaskError(f"{where} and the table of clips share no clip, such as {index[0]!r}")
    at, time = row[order], seen.frame[order]
    same = (np.diff(at) == 0) & (np.diff(time) == 0)
    if same.any():
        name = index[at[:-1][same][0]]
        raise TaskError(f"{where}: clip {name!r} holds a frame twice; name clips uniquely")
    return Frames(at.astype(np.int64), seen.values[order], seen.metadata.columns)
