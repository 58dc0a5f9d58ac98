"""Where `dfe data ingest` keeps what it made of a reader's own files."""

from __future__ import annotations

from pathlib import Path

from dfe.data.fetch import cache_root


def ingested_folder(dataset: str) -> Path:
    """Everything that was made of one data set: `$DFE_DATA/ingested/<data set>`."""
    return cache_root() / "ingested" / dataset


def ingested_path(dataset: str, extractor: str) -> Path:
    """Observation file with what one extractor (id of an adapter) says of a data set."""
    return ingested_folder(dataset) / f"{extractor}.parquet"


def report_path(dataset: str, extractor: str) -> Path:
    """CSV beside it: clips, usable frames, and how many were dropped for which reason."""
    return ingested_folder(dataset) / f"{extractor}.report.csv"


def clips_path(dataset: str) -> Path:
    """Table of clips, subjects, splits and labels of a data set."""
    return ingested_folder(dataset) / "clips.csv"


def ingested_extractors(dataset: str) -> tuple[str, ...]:
    """Sorted ids of the extractors whose files of a data set are there and whole."""
    return tuple(sorted(path.stem for path in ingested_folder(dataset).glob("[!.]*.parquet")))
