"""The page on emotions: landmarks of RAVDESS, where they are fetched, and what they tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from warnings import catch_warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import confusion_matrix

from dfe.basis import facial_basis_path, load_facial_basis
from dfe.config import Profile, kept_path
from dfe.data.corpus import fresh_units, sha256_array
from dfe.data.features import files_sha256
from dfe.data.fetch import sha256_file
from dfe.data.labels.ravdess import EMOTIONS, INTENSITIES
from dfe.data.landmark_recovery import recovery
from dfe.data.ravdess import (
    DATASET,
    FIT_RESIDUAL,
    LANDMARK_MOTION,
    emotion_task,
    emotions_folder,
    expected_clips,
    find_tracks,
    fit_tracks,
    load_tracks,
)
from dfe.data.task import Task, TaskError
from dfe.data.task_store import read_task, write_task
from dfe.face import OpenHead
from dfe.metrics import ACCURACY, BALANCED_ACCURACY, F1_WEIGHTED
from dfe.model import DFE
from dfe.tasks import task_codes
from dfe.tokens import computed_once
from dfe.utility import (
    Comparison,
    Method,
    check_same_ids,
    classify,
    compare,
    grouped_folds,
    majority,
    task_methods,
)

MEASURES = (ACCURACY, BALANCED_ACCURACY, F1_WEIGHTED)
#: Label -> its classes, in the order of the tables.
LABELS: dict[str, tuple[str, ...]] = {"emotion": EMOTIONS, "intensity": INTENSITIES}
_BASIS_FORMAT = "dfe-facial-basis-codes/1"
_LEFT_OUT = (LANDMARK_MOTION, FIT_RESIDUAL)  # observers that are no method of the tables


def emotions_path(profile: Profile) -> Path:
    """Where a build keeps the fitted recordings: `build/<profile>/emotions/task.safetensors`."""
    return kept_path(profile, "emotions/task.safetensors", ("pages.emotions",))


def load_emotions(profile: Profile) -> Task | None:
    """The recordings of `$DFE_DATA/ravdess-landmarks`, all that are there; None if there are none.

    They are read and fitted once for a build, and again when a file or a setting changes.

    Raises
    ------
    dfe.data.adapters.base.AdapterError
        If a file is damaged or holds no landmarks; the message names it.
    dfe.data.labels.base.LabelError
        If a name is not one of RAVDESS.
    TaskError
        If there are too few actors, or landmarks that cannot be fitted.
    """
    page = profile.pages.emotions
    files = find_tracks(emotions_folder(), page.channel)
    if not files:
        return None
    how = page.model_dump(include={"channel", "every", "noise"})
    how["files"] = files_sha256((name, sha256_file(path)) for name, path in files.items())
    wanted, path = json.dumps(how), emotions_path(profile)
    try:
        task, made_with = read_task(path)
        if made_with == wanted:
            return task
    except TaskError:  # missing, damaged, or of another format
        pass
    tracks, _ = load_tracks(files, page.every)
    task = emotion_task(tracks, fit_tracks(tracks, page.noise))
    write_task(path, task, wanted)
    return task


def emotion_hashes(profile: Profile, task: Task | None) -> dict[str, str]:
    """One sha256 over the files behind the task that `load_emotions` gave; {} without any."""
    if task is None:
        return {}
    return {DATASET: json.loads(read_task(emotions_path(profile))[1])["files"]}


def fit_recovery(profile: Profile) -> pd.DataFrame:
    """How well the fit finds simulated faces again, with the settings of the page.

    See `dfe.data.landmark_recovery.recovery`.
    """
    page = profile.pages.emotions
    psi = OpenHead().units_to_psi(fresh_units(page.simulated, page.seed))
    return recovery(psi, page.people, page.tracker_noise, page.noise, page.seed)


def clip_counts(task: Task) -> pd.DataFrame:
    """Recordings of each emotion (rows) by intensity, with actors and frames."""
    clips = task.clips
    there = [name for name in EMOTIONS if (clips["emotion"] == name).any()]
    found = pd.crosstab(clips["emotion"], clips["intensity"])
    found = found.reindex(index=there, columns=list(INTENSITIES), fill_value=0)
    grouped = clips.groupby("emotion")
    found["actors"] = grouped["subject"].nunique()
    found["frames"] = grouped["frames"].sum()
    found["frames without a face"] = grouped["dropped"].sum()
    return found.rename_axis(columns=None)


def residuals(task: Task) -> pd.DataFrame:
    """How far the fit stays from the landmarks, for each emotion and for all frames.

    Returns
    -------
    ``frames``; ``motion``, the root mean square distance of a landmark from its neutral place;
    ``residual``, the same between landmarks and fit; both in millimeters on the open head; and
    ``explained``, the share of the squared motion that the fit has.
    """
    moved, rest = task.frames[LANDMARK_MOTION], task.frames[FIT_RESIDUAL]
    squares = np.square(moved.values.astype(np.float64)).sum(1) / (moved.values.shape[1] // 3)
    frames = pd.DataFrame(
        {
            "emotion": task.clips["emotion"].to_numpy()[moved.clip],
            "frames": 1,
            "motion": squares,  # (M,)
            "residual": np.square(rest.values[:, 0].astype(np.float64)),
        }
    )
    parts = frames.groupby("emotion").agg({"frames": "sum", "motion": "mean", "residual": "mean"})
    parts = parts.reindex([name for name in EMOTIONS if name in parts.index])
    parts.loc["all"] = [len(frames), frames["motion"].mean(), frames["residual"].mean()]
    parts["explained"] = 1 - parts["residual"] / parts["motion"]
    parts[["motion", "residual"]] = np.sqrt(parts[["motion", "residual"]])
    return parts.astype({"frames": int})


def emotion_methods(profile: Profile, task: Task, model: DFE) -> list[Method]:
    """Action units, Facial Basis, tokens and psi itself, for the same recordings.

    Facial Basis codes the landmarks as they were measured, and not those of the fit.
    """
    basis, moved = load_facial_basis(profile), task.frames[LANDMARK_MOTION].values
    path = facial_basis_path(profile).with_name(f"{task.name}-landmarks.safetensors")
    wanted = {"format": _BASIS_FORMAT, "basis": basis.sha256(), "landmarks": sha256_array(moved)}
    places = moved.astype(np.float64).reshape(len(moved), -1, 3)  # (M, 51, 3)
    with catch_warnings(category=ConvergenceWarning, action="ignore"):
        # Frames with large motions may stop a little early: at gaps of 1e-6, which change nothing.
        codes = computed_once(path, "coefficients", wanted, lambda: basis.encode_landmarks(places))
    kept = {name: seen for name, seen in task.frames.items() if name not in _LEFT_OUT}
    tokens = task_codes(profile, task, model)
    methods = task_methods(replace(task, frames=kept), tokens, model.config.codebook_size, codes)
    check_same_ids(methods)
    return methods


def compare_emotions(
    profile: Profile, task: Task, methods: Sequence[Method], label: str
) -> Comparison:
    """Predict a label with actors kept apart: a support vector machine on each method's features.

    Parameters
    ----------
    label
        "emotion", or "intensity", for which neutral recordings are left out: they have one only.
    """
    rules = profile.utility
    rows = _labelled(task, label)
    truth = task.clips[label].to_numpy(str)[rows]
    actor = task.clips["subject"].to_numpy(str)[rows]
    folds = grouped_folds(actor, min(profile.pages.emotions.folds, len(np.unique(actor))))
    chosen = [replace(m, features=m.features[rows], ids=m.ids[rows]) for m in methods]
    made = {m.name: classify(m, truth, folds, rules, groups=actor) for m in chosen}
    roles = {"majority": "floor"} | {m.name: m.role for m in chosen}
    predictions = {"majority": majority(truth, folds)} | made
    return compare(truth, actor, MEASURES, predictions, roles, rules)  # type: ignore[arg-type]


def _labelled(task: Task, label: str) -> NDArray[np.intp]:
    """Rows of the clips that are scored."""
    scored = np.ones(len(task.clips), bool)
    if label == "intensity":
        scored = task.clips["emotion"].to_numpy() != "neutral"
    return np.flatnonzero(scored)


def confusion(comparison: Comparison, method: str, label: str) -> pd.DataFrame:
    """How often each class (rows) was taken for which (columns): numbers of recordings."""
    truth, guess = comparison.truth, comparison.predictions[method].predicted
    names = [name for name in LABELS[label] if name in truth]
    counts = confusion_matrix(truth, guess, labels=names)
    return pd.DataFrame(counts, pd.Index(names, name=f"true {label}"), names)


def made_of(task: Task) -> str:
    """What the numbers of the page rest on, for captions."""
    clips = task.clips
    part = ", ".join(sorted(clips["channel"].unique()))
    return (
        f"{task.origin} recordings ({part}), N = {len(clips):,} of the {expected_clips():,} in the "
        f"archive, {clips['subject'].nunique()} actors, {clips['frames'].sum():,} frames"
    )


def waiting(what: str) -> str:
    """What the page says in the place of numbers, as Markdown."""
    return f"**Not fetched.** {what} will stand here once the landmarks are there."


#: How to get the landmarks, as Markdown.
NOT_FETCHED = f"""\
**The landmarks are not fetched**, so this build has no numbers on emotions. Anyone may download
them, for non-commercial use under CC BY-NC-SA:

```
dfe data fetch {DATASET}
```

This puts the files into `$DFE_DATA/{DATASET}`; files that you unpacked yourself may lie there as
well. Then build the page again.
"""
