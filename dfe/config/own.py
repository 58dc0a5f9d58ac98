"""Settings of the reader's own data: which data set takes the place of which part of the book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from dfe.config.base import Settings
from dfe.config.utility import TaskName

DataId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class OwnConfig(Settings):
    """Data sets that `dfe data ingest` has read, by id; the rest of the book stays on open data.

    Everything is looked for below `$DFE_DATA/ingested/<data set>/`.
    """

    psi: DataId = "emoca"  # extractor of the expression vectors (paper, section 4.3)
    face: Path | None = None  # FLAME file, in $DFE_DATA or absolute; None = the open head
    training: DataId | None = None  # the models are trained on its frames; the paper: affectnet
    frames: DataId | None = None  # frames of sections 5.1 and 5.2; the paper: aff-wild2
    tasks: dict[TaskName, DataId] = {}  # task -> data set, instead of its simulated cohort

    @model_validator(mode="after")
    def _a_model_of_this_face(self) -> Self:
        if self.face and not self.training:
            raise ValueError(
                "a face of your own needs `training`: no model here knows its expression vectors"
            )
        return self
