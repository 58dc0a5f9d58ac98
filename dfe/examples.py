"""Which faces a figure shows: strong expressions, one per clip, chosen without a random draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfe.data.manifest import load_manifest, manifest_ids
from dfe.data.table import FeatureTable


def pick_examples(table: FeatureTable, count: int, photos: bool = True) -> NDArray[np.intp]:
    """Rows of `table` with the strongest expression (largest ||psi||) of their clip.

    Clips of sources whose frames may be shown come first when `photos` is set, then the others,
    each in falling order of strength; a source's clips take turns with those of other sources.

    Returns
    -------
    (M,) row indices, M = count, or the number of clips if that is smaller
    """
    strength = np.linalg.norm(table.psi, axis=1)  # (N,)
    best: dict[tuple[str, str], int] = {}
    for row in np.argsort(-strength, kind="stable"):
        best.setdefault((str(table.dataset[row]), str(table.clip[row])), int(row))
    showable = {
        str(name): photos
        and str(name) in manifest_ids()  # no frame of a reader's own data is shown
        and load_manifest(str(name)).terms.show_frames
        for name in np.unique(table.dataset)
    }
    turn: dict[str, int] = {}
    ranked: list[tuple[bool, int, int, int]] = []
    for (dataset, _), row in best.items():  # in falling order of strength
        turn[dataset] = turn.get(dataset, -1) + 1
        ranked.append((not showable[dataset], turn[dataset], len(ranked), row))
    return np.array([row for *_, row in sorted(ranked)[:count]], dtype=np.intp)
