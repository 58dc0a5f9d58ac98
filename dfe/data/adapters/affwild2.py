"""Aff-Wild2: action units that people coded, one text file for each video.

Layout (Kollias and Zafeiriou; releases of the ABAW challenges): `AU_Detection_Challenge/` with
`Train_Set/` and `Validation_Set/`, in older releases `AU_Set/`. A file `<video>.txt` has the header
`AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26` and one line for each frame: 1 is there, 0
is not, -1 is not annotated. Line i below the header, from 0, is frame i here; it belongs to picture
i+1 of the video, `%05d.jpg`. Pictures may be missing where no face was found.

Where two people are seen, a video has files for them that end in `_left` and `_right`. They stay in
the name of the clip, because each has its own face; a split has to keep them together.

A frame in which any unit is -1 is dropped as a whole.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from dfe.action_units import AU_NAMES
from dfe.data.adapters.base import NOT_ANNOTATED, Adapter, Files, Recording, by_stem, recording
from dfe.data.adapters.tables import need_labels, numbers, read_table, row_numbers

UNKNOWN = -1


def read_affwild2(clip: str, files: Files) -> Recording:
    """Read the labels of one video: (M, 12), 0 or 1; frames are its lines, from 0.

    Raises
    ------
    AdapterError
        If the file is damaged, lacks a unit, or a value is none of -1, 0 and 1.
    """
    (path,) = files
    table = read_table(path, AU_NAMES)
    values = numbers(path, table, AU_NAMES)  # (N, 12)
    need_labels(path, AU_NAMES, values, (UNKNOWN, 0, 1))
    unknown = (values == UNKNOWN).any(axis=1)  # (N,)
    return recording(clip, row_numbers(table), values, {NOT_ANNOTATED: unknown})


def _find(folder: Path) -> dict[str, Files]:
    """Files of action units; those of the other challenges beside them are left alone."""
    found = by_stem(folder, "**/*.txt")
    ours = {clip: files for clip, files in found.items() if _is_of_units(clip)}
    return ours or found


def _is_of_units(clip: str) -> bool:
    return any(part.startswith("AU_") for part in PurePosixPath(clip).parts[:-1])


AFFWILD2 = Adapter(
    name="human-action-units",
    title="action units of Aff-Wild2",
    kind="action_units",
    columns=AU_NAMES,
    find=_find,
    read=read_affwild2,
    layout="{Train_Set,Validation_Set}/<video>.txt below AU_Detection_Challenge/",
)
