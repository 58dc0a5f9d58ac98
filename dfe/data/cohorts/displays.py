"""The displays that simulated people show: units of FACS, each with a left and a right side."""

from __future__ import annotations

#: Names of the A displays, in the order of every array with an axis of displays.
DISPLAYS: tuple[str, ...] = (
    "AU1",
    "AU2",
    "AU4",
    "AU5",
    "AU6",
    "AU7",
    "AU9",
    "AU10",
    "AU12",
    "AU14",
    "AU15",
    "AU16",
    "AU17",
    "AU18",
    "AU20",
    "AU22",
    "AU23",
    "AU24",
    "AU25",
    "AU26",
    "AU28",
    "AU45",
)
