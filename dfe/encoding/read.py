"""Read the tokens of a data set, after checking that all parts are there and belong together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.dataset as pds
from numpy.typing import NDArray

from dfe.encoding.encode import part_metadata, token_schema
from dfe.encoding.plan import PartMetadata, Plan, read_plan
from dfe.encoding.source import SUFFIX, EncodingError

_SHOWN = 5  # names in a message


@dataclass(frozen=True)
class TokenSet:
    """Tokens of a whole data set, in its order; nothing is read before it is asked for.

    Attributes
    ----------
    dataset
        Columns dataset, clip, frame, token_1 … token_L and maybe error; `to_batches` streams them
        and `to_table` reads all.
    plan
        Model, face and parts.
    """

    dataset: pds.Dataset
    plan: Plan

    def __len__(self) -> int:
        return self.plan.rows

    def codes(self) -> NDArray[np.int64]:
        """All tokens in memory: (N, L) int64."""
        names = [f"token_{stage}" for stage in range(1, self.plan.stages + 1)]
        table = self.dataset.to_table(columns=names)
        return np.stack([table[name].to_numpy() for name in names], axis=1).astype(np.int64)


def read_tokens(folder: str | Path) -> TokenSet:
    """Tokens that `encode_dataset` wrote, whichever jobs shared the work.

    Raises
    ------
    EncodingError
        If a part is missing, damaged or there twice, is of another model, of another data set or
        of another state of its file than the other parts of it, or if a file is no part at all.
    """
    folder = Path(folder)
    plan = read_plan(folder)
    found = _found(folder)
    _check_each(found, plan, folder)
    _check_inputs(found)
    missing = [part.output for part in plan.parts if part.output not in found]
    if missing:
        raise EncodingError(
            f"{folder}: {len(missing)} of {len(plan.parts)} parts are missing ({_some(missing)}); "
            "run the same `dfe encode` again, it makes only these"
        )
    paths = [str(folder / part.output) for part in plan.parts]
    schema = token_schema(plan.codebook_size, plan.stages, plan.error)
    return TokenSet(pds.dataset(paths, schema=schema, format="parquet"), plan)


def _found(folder: Path) -> dict[str, PartMetadata]:
    """Name below the folder -> what the file says; hidden ones are being written."""
    paths = [path for path in folder.rglob(f"*{SUFFIX}") if not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): part_metadata(path) for path in sorted(paths)}


def _check_each(found: dict[str, PartMetadata], plan: Plan, folder: Path) -> None:
    planned = set(plan.parts)
    for name, seen in found.items():
        path = folder / name
        if seen.model != plan.model:
            raise EncodingError(
                f"{path} is of the model {seen.model[:12]}, and the plan is for "
                f"{plan.model[:12]}; encode again, or keep models in separate folders"
            )
        if (seen.face, seen.error) != (plan.face, plan.error):
            raise EncodingError(f"{path} was made with other settings; encode again")
        if seen.part not in planned:
            raise EncodingError(
                f"{path} is part of {seen.part.file}, which is not, or not as it is now, in the "
                "data set of the plan; delete it, or encode again"
            )
        if seen.part.output != name:
            raise EncodingError(f"{path} is a copy of the part {seen.part.output}; delete it")


def _check_inputs(found: dict[str, PartMetadata]) -> None:
    inputs: dict[str, str] = {}
    for name, seen in found.items():
        if inputs.setdefault(seen.part.file, seen.input_sha256) != seen.input_sha256:
            raise EncodingError(
                f"{name}: {seen.part.file} was another file when the other parts of it were "
                "encoded; encode again, so that all parts are of one state"
            )


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:_SHOWN]) + (", …" if len(shown) > _SHOWN else "")
