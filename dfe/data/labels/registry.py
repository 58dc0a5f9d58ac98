"""Which reader makes the table of clips of a data set, by the id of its manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import get_args

import pandas as pd

from dfe.data.gated import GatedManifest
from dfe.data.labels import chalearn, edaic, smilestimuli, stressid
from dfe.data.labels.affectnet import read_affectnet, read_affectnet_npy
from dfe.data.labels.base import LabelError
from dfe.data.labels.ravdess import read_ravdess

RULES: tuple[stressid.Rule, ...] = get_args(stressid.Rule)
DEFAULT_RULE: stressid.Rule = "paper"


@dataclass(frozen=True, eq=False)
class Labels:
    """A table of clips for `dfe.data.labels.base.write_clips`, and remarks about it in words."""

    clips: pd.DataFrame
    notes: tuple[str, ...] = ()


Reader = Callable[[GatedManifest, Path], Labels]


def read_labels(manifest: GatedManifest, folder: Path, rule: str | None = None) -> Labels:
    """Read the labels of a data set as its owners distribute them.

    Clips get the names that `dfe.data.ingest` gives them, by the pattern of the manifest.

    Parameters
    ----------
    folder
        The reader's copy of the data set.
    rule
        Of the three classes of StressID, one of `RULES`; None is `DEFAULT_RULE`. Other data sets
        have none.

    Raises
    ------
    LabelError
        If the data set has no table of clips, a file is not what it should be, or the rule is
        none of this data set.
    """
    if manifest.id == "stressid":
        found = _stressid(folder, rule or DEFAULT_RULE)
    elif rule is not None:
        raise LabelError(f"{manifest.id} has no rules to choose from; leave --rule out")
    elif manifest.id not in READERS:
        raise LabelError(_no_table(manifest, folder))
    else:
        found = READERS[manifest.id](manifest, folder)
    return _renamed(manifest, found)


def _renamed(manifest: GatedManifest, labels: Labels) -> Labels:
    """Clips by the names that the manifest's pattern finds in those of the reader."""
    if manifest.clips is None:
        return labels
    names = labels.clips["clip"]
    clips = names.map(manifest.clips.clip)
    if (strange := clips.isna()).any():
        raise LabelError(
            f"{manifest.id}: {int(strange.sum())} of {len(names)} clips have names that ingest "
            f"would not give, such as {', '.join(names[strange][:3])}: "
            f"{manifest.clips.pattern!r} finds nothing there"
        )
    if (twice := clips.duplicated()).any():
        note = (
            f"clips keep the names of their folders, because {clips[twice].iloc[0]} is in several; "
            "ingest their features by --names '(.+)' from a folder with the same folders in it"
        )
        return Labels(labels.clips, (*labels.notes, note))
    return Labels(labels.clips.assign(clip=clips), labels.notes)


def _no_table(manifest: GatedManifest, folder: Path) -> str:
    known = ", ".join(sorted({*READERS, "stressid"}))
    if manifest.id == "aff-wild2":
        return (
            "aff-wild2 has no table of clips: people coded its frames. Use dfe data ingest "
            f"aff-wild2 --extractor human-action-units --from {folder}"
        )
    return f"{manifest.id} has no labels; these have some: {known}"


# One for each data set


def _affectnet(manifest: GatedManifest, folder: Path) -> Labels:
    """Expressions of either edition; valence and arousal have gaps and stay out of the table."""
    editions = {"Manually_Annotated": read_affectnet, "train_set": read_affectnet_npy}
    here = [name for name in editions if (folder / name).is_dir()]
    if len(here) != 1:
        found = " and ".join(here) or "neither"
        raise LabelError(
            f"{folder}: Manually_Annotated (one edition) or train_set (the other) is expected, "
            f"found {found}; name a folder with one edition of AffectNet"
        )
    return Labels(editions[here[0]](folder).drop(columns=["valence", "arousal"]))


def _chalearn(manifest: GatedManifest, folder: Path) -> Labels:
    clips = chalearn.read_chalearn(folder)
    return Labels(clips, tuple(chalearn.verify_counts(clips)))


def _edaic(manifest: GatedManifest, folder: Path) -> Labels:
    clips = edaic.read_edaic(folder)
    return Labels(clips, tuple(edaic.verify_counts(clips)))


def _ravdess(manifest: GatedManifest, folder: Path) -> Labels:
    return Labels(read_ravdess(folder))


def _smilestimuli(manifest: GatedManifest, folder: Path) -> Labels:
    path = folder / manifest.group("smiles").patterns[0]
    if not path.is_file():
        raise LabelError(
            f"{path}: no such file; write it yourself, with the columns clip, actor and smile "
            f"({', '.join(smilestimuli.SMILES)})"
        )
    clips = smilestimuli.read_smilestimuli(path)
    return Labels(clips, tuple(smilestimuli.verify_counts(clips)))


def _stressid(folder: Path, rule: str) -> Labels:
    if rule not in RULES:
        raise LabelError(f"rule {rule!r} of the three classes is none of {', '.join(RULES)}")
    clips, report = stressid.read_stressid(folder, rule)
    return Labels(clips, (*report.lines(), *stressid.verify_counts(clips, rule)))


#: Id of a manifest -> its reader; "stressid" has a rule besides.
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "affectnet": _affectnet,
        "avec2019-dds": _edaic,
        "chalearn-first-impressions": _chalearn,
        "ravdess-landmarks": _ravdess,
        "smilestimuli": _smilestimuli,
    }
)
