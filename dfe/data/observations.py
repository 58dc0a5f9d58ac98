"""Observation files: what another extractor or a human coder says about frames.

An observation has its own rows, named by (dataset, clip, frame). `join` puts them beside the rows
of a feature table. The file is Parquet and carries its provenance, as a feature file does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from dfe.checks import as_rows
from dfe.config import describe_errors
from dfe.data.features import to_list_array, to_matrix, to_strings
from dfe.data.manifest import Origin, Sha256, Text
from dfe.data.table import FeatureTable
from dfe.files import atomic

OBSERVATION_KEY = b"dfe-observation"  # of the metadata in the file
KEYS = ("dataset", "clip", "frame")


class ObservationError(ValueError):
    """An observation or its file is not what it should be; the message says where."""


class ObservationMetadata(BaseModel):
    """What an observation says about itself.

    Attributes
    ----------
    name
        How tables and figures call it.
    kind
        ``"action_units"`` are intensities or 0/1 labels and never negative; ``"features"`` are
        any numbers.
    columns
        Names of the D values. Features may do without.
    origin
        Whether people, a simulator or gated data are behind it.
    extractor, extractor_version
        The program or the coder, and its version.
    inputs_sha256
        One hash for all input files, as `dfe.data.features.inputs_sha256` makes it.
    adapter
        Id of the adapter that read the files (`dfe.data.adapters.registry`); empty if none did.
    face
        Name of the face model whose expression vectors these are; empty where they are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: Text
    kind: Literal["features", "action_units"]
    columns: tuple[Text, ...] = ()
    origin: Origin
    extractor: Text
    extractor_version: Text
    inputs_sha256: Sha256 | None = None
    adapter: str = ""
    face: str = ""

    @model_validator(mode="after")
    def _named(self) -> ObservationMetadata:
        if self.kind == "action_units" and not self.columns:
            raise ValueError("action units need the names of their columns")
        if repeated := [name for name, n in Counter(self.columns).items() if n > 1]:
            raise ValueError(f"columns repeat the name {repeated[0]!r}")
        return self


@dataclass(frozen=True, eq=False)
class Observation:
    """D values for each of N frames; a frame that was not observed has no row.

    Parameters
    ----------
    dataset, clip
        (N,) strings, as in the feature table.
    frame
        (N,) int64 index in the source, from 0.
    values
        (N, D) float, finite; kept as float32.
    metadata
        Name, kind, columns and origin.

    Raises
    ------
    ObservationError
        If there is no frame, a shape, dtype or value is wrong, a frame repeats, the width differs
        from the number of columns, or an action unit is negative.
    """

    dataset: np.ndarray  # (N,)
    clip: np.ndarray  # (N,)
    frame: np.ndarray  # (N,)
    values: np.ndarray  # (N, D)
    metadata: ObservationMetadata

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", self._checked_values())
        self._check_keys()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def _where(self) -> str:
        return f"observation {self.metadata.name!r}"

    def _checked_values(self) -> NDArray[np.float32]:
        values = np.asarray(self.values)
        if values.ndim != 2 or 0 in values.shape:
            raise ObservationError(
                f"{self._where}: values must be (N, D) with at least one frame and one value, "
                f"not {values.shape}"
            )
        columns = self.metadata.columns
        if columns and len(columns) != values.shape[1]:
            raise ObservationError(
                f"{self._where}: {len(columns)} columns but {values.shape[1]} values per frame"
            )
        try:
            rows = as_rows(values, values.shape[1], "values")
        except (TypeError, ValueError) as error:
            raise ObservationError(f"{self._where}: {error}") from error
        if self.metadata.kind == "action_units" and rows.min() < 0:
            # Some data sets write -1 for "not coded", which must not be read as "not active".
            raise ObservationError(
                f"{self._where}: an action unit is negative in row "
                f"{int((rows < 0).any(1).argmax())}; leave frames that are not coded out"
            )
        return rows

    def _check_keys(self) -> None:
        for name, kind in (("dataset", "U"), ("clip", "U"), ("frame", "i")):
            array, wanted = getattr(self, name), "str" if kind == "U" else "int64"
            right = array.dtype.kind == "U" if kind == "U" else array.dtype == np.int64
            if not right or array.shape != (len(self),):
                raise ObservationError(
                    f"{self._where}: {name} must be {wanted} ({len(self)},), "
                    f"not {array.dtype} {array.shape}"
                )
        wrong = (self.dataset == "") | (self.clip == "") | (self.frame < 0)  # (N,)
        if wrong.any():
            raise ObservationError(
                f"{self._where}: row {int(wrong.argmax())} has an empty name or a frame below 0"
            )
        if (repeated := _key_index(self).duplicated()).any():
            row = int(repeated.argmax())
            raise ObservationError(f"{self._where}: {_key(self, row)} comes more than once")


def _key_index(rows: Observation | FeatureTable) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([rows.dataset, rows.clip, rows.frame], names=KEYS)


def _key(rows: Observation | FeatureTable, row: int) -> str:
    return f"{rows.dataset[row]}/{rows.clip[row]} frame {rows.frame[row]}"


def join(table: FeatureTable, observation: Observation) -> NDArray[np.float32]:
    """Values of the observation at the rows of the table.

    Returns
    -------
    (N, D) float32 for the N rows of the table; a frame without observation is NaN throughout.

    Raises
    ------
    ObservationError
        If not one frame of the table was observed: then the keys are written differently.
    """
    row = _key_index(observation).get_indexer(_key_index(table))  # (N,), -1 where there is none
    found = row >= 0
    if not found.any():
        there = f"such as {_key(table, 0)}" if len(table) else "the table is empty"
        raise ObservationError(
            f"observation {observation.metadata.name!r} and the table share no frame; the "
            f"observation has {len(observation)}, such as {_key(observation, 0)}, and the table "
            f"{len(table)}, {there}"
        )
    values = np.full((len(table), observation.values.shape[1]), np.float32(np.nan))
    values[found] = observation.values[row[found]]
    return values


def write_observation(path: str | Path, observation: Observation) -> None:
    """Write an observation as one Parquet file, all of it or nothing."""
    columns = {
        "dataset": pa.array(observation.dataset).dictionary_encode(),
        "clip": pa.array(observation.clip).dictionary_encode(),
        "frame": pa.array(observation.frame),
        "values": to_list_array(observation.values),
    }
    metadata = {OBSERVATION_KEY: observation.metadata.model_dump_json().encode()}
    arrow = pa.table(columns).replace_schema_metadata(metadata)
    with atomic(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read_observation(path: str | Path) -> Observation:
    """Read an observation file and check all of it.

    Parameters
    ----------
    path
        A file that `write_observation` wrote.

    Raises
    ------
    ObservationError
        If the file is missing, truncated, not an observation, of another schema or version, or
        its rows are not those of an `Observation`.
    """
    path = Path(path)
    if not path.is_file():
        raise ObservationError(f"{path} does not exist; write it with write_observation")
    try:
        with pq.ParquetFile(path) as file:
            return _from_arrow(file.read())
    except (pa.ArrowException, OSError) as error:
        raise ObservationError(
            f"{path} is damaged or not Parquet: {error}; write it again with write_observation"
        ) from error
    except ValidationError as error:
        raise ObservationError(f"{path}: its metadata:\n{describe_errors(error)}") from error
    except ObservationError as error:
        raise ObservationError(f"{path}: {error}") from error


def _from_arrow(arrow: pa.Table) -> Observation:
    text = (arrow.schema.metadata or {}).get(OBSERVATION_KEY)
    if text is None:
        raise ObservationError(
            f"not an observation file: its metadata lack {OBSERVATION_KEY.decode()!r}"
        )
    metadata = ObservationMetadata.model_validate_json(text)
    _check_schema(arrow)
    return Observation(
        dataset=to_strings(arrow["dataset"]),
        clip=to_strings(arrow["clip"]),
        frame=arrow["frame"].to_numpy(),
        values=to_matrix(arrow["values"]),
        metadata=metadata,
    )


def _check_schema(arrow: pa.Table) -> None:
    """Check names, types and absence of nulls; the width is checked against the columns later."""
    names = (*KEYS, "values")
    if set(arrow.column_names) != set(names) or len(arrow.column_names) != len(names):
        raise ObservationError(f"its columns are {arrow.column_names}, not {list(names)}")
    text = pa.dictionary(pa.int32(), pa.string())
    for name, wanted in (("dataset", text), ("clip", text), ("frame", pa.int64())):
        if (found := arrow.schema.field(name).type) != wanted:
            raise ObservationError(f"column {name!r} is {found}, not {wanted}")
    found = arrow.schema.field("values").type
    if not pa.types.is_fixed_size_list(found) or found.value_type != pa.float32():
        raise ObservationError(f"column 'values' is {found}, not a fixed-size list of float32")
    if nulls := [name for name in names if arrow[name].null_count]:
        raise ObservationError(f"column {nulls[0]!r} holds nulls")
