"""Which data stand behind the numbers of a page: real, simulated or gated ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfe.data.corpus import Corpus
from dfe.data.table import FeatureTable
from dfe.results import Origin


def joint_origin(*origins: Origin) -> Origin:
    """Origin of a number that rests on data of several: gated as soon as one of them is.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not origins:
        raise ValueError("a number has at least one origin")
    found = set(origins)
    if "gated" in found:
        return "gated"
    return origins[0] if len(found) == 1 else "real and simulated"


def corpus_origin(corpus: Corpus) -> Origin:
    """Where the frames come from that a model of this corpus has learned from."""
    origins: dict[str, Origin] = {"real": "real", "simulated": "simulated", "gated": "gated"}
    found = [origins[name] for name in corpus.held_out]
    return joint_origin(*found)


def gated_sources(table: FeatureTable, rows: NDArray[np.bool_] | None = None) -> tuple[str, ...]:
    """Ids of the data sets of a table, sorted; none where its frames are not gated.

    Parameters
    ----------
    rows
        (N,) bool, the frames that count; None for all of them.
    """
    if table.metadata.origin != "gated":
        return ()
    names = table.dataset if rows is None else table.dataset[rows]
    return tuple(np.unique(names).tolist())
