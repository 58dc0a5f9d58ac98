"""Time and memory of `dfe.metrics.retrieve`, side by side with a plain loop over queries.

    python benchmarks/retrieval.py [--rows 300000] [--queries 2000] [--output PATH]

Each regime runs in a fresh process, so that its peak memory is its own. The loop treats a random
subset of the queries; its time for all of them is extrapolated.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dfe.metrics.retrieval import Retrieval, retrieve

FEATURES = 86
CLIP_ROWS = 480  # 300,000 rows are 625 clips
REPEATS = 3
SEED = 0
REGIMES = {
    "small cells": (False, False),
    "one cell of 60 % of the rows": (True, False),
    "small cells, own clip excluded": (False, True),
    "one cell of 60 % of the rows, own clip excluded": (True, True),
}


class Inputs(NamedTuple):
    """What `retrieve` is given."""

    features: NDArray[np.float32]  # (N, 86)
    cells: NDArray[np.int64]  # (N,)
    clips: NDArray[np.int64]  # (N,)
    exclude: bool


def inputs(rows: int, one_large: bool, exclude: bool) -> Inputs:
    """Cells of about 7.5 rows, or 12-bit codes of which one holds 60 % of the rows."""
    rng = np.random.default_rng(SEED)
    cells = rng.integers(0, 2**12 if one_large else max(1, rows * 2 // 15), rows)
    if one_large:
        cells[rng.random(rows) < 0.6] = 0
    features = rng.standard_normal((rows, FEATURES), np.float32)
    features += rng.standard_normal((cells.max() + 1, FEATURES), np.float32)[cells]
    return Inputs(features, cells, np.arange(rows) // CLIP_ROWS, exclude)


def loop(data: Inputs, queries: NDArray[np.int64], minimum: int = 5) -> NDArray[np.float64]:
    """Cosine, distance and spread of each query, from all of its matches: (Q, 3)."""
    found = np.full((len(queries), 3), np.nan)
    norms = np.linalg.norm(data.features, axis=1)
    for number, query in enumerate(queries):
        same = data.cells == data.cells[query]
        same[query] = False
        if data.exclude:
            same &= data.clips != data.clips[query]
        if same.sum() < minimum:
            continue
        x, y = data.features[query], data.features[same]
        cosine = (y @ x / (norms[same] * norms[query])).mean(dtype=np.float64)
        distance = np.linalg.norm(y - x, axis=1).mean(dtype=np.float64)
        found[number] = cosine, distance, y.std(0, dtype=np.float64).mean()
    return found


def peak_mb() -> int:
    """Largest resident size of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # Linux gives KiB


def timed(data: Inputs) -> tuple[Retrieval, list[float], list[float]]:
    """Result, wall seconds and CPU seconds of each repeat."""
    wall, cpu = [], []
    for _ in range(REPEATS):
        start, start_cpu = time.perf_counter(), time.process_time()
        result = retrieve(data.features, data.cells, data.clips, exclude_own_clip=data.exclude)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return result, wall, cpu


def deviations(
    result: Retrieval, queries: NDArray[np.int64], expected: NDArray[np.float64]
) -> dict[str, Any]:
    """Largest difference to the loop; distances that are sampled have their own line."""
    ours = np.column_stack([result.cosine, result.distance, result.spread])[queries]
    off = np.abs(ours - expected)  # (Q, 3)
    sampled = result.sampled[queries]
    groups = {
        "cosine": off[:, 0],
        "distance": off[~sampled, 1],
        "distance, sampled": off[sampled, 1],
        "spread": off[:, 2],
    }
    if not np.array_equal(np.isnan(ours), np.isnan(expected)):
        raise AssertionError("the loop keeps other queries than retrieve")
    return {name: float(np.nanmax(gap)) for name, gap in groups.items() if len(gap)}


def measure(name: str, rows: int, n_queries: int) -> dict[str, Any]:
    """One regime, both ways."""
    load = os.getloadavg()[0]
    data = inputs(rows, *REGIMES[name])
    before = peak_mb()
    result, wall, cpu = timed(data)
    after = peak_mb()
    queries = np.random.default_rng(SEED).choice(rows, min(rows, n_queries), replace=False)
    start = time.perf_counter()
    expected = loop(data, queries)
    loop_seconds = time.perf_counter() - start
    scaled = loop_seconds * rows / len(queries)
    return {
        "regime": name,
        "rows": rows,
        "features": data.features.shape[1],
        "cells": result.occupied,
        "kept share": result.kept_share,
        "seconds": min(wall),
        "seconds of each repeat": wall,
        "CPU seconds of each repeat": cpu,
        "peak RSS with inputs only, MB": before,
        "peak RSS, MB": after,
        "loop": {
            "queries": len(queries),
            "seconds": loop_seconds,
            "seconds for all rows": scaled,
            "extrapolated": len(queries) < rows,
            "ratio to ours": scaled / min(wall),
            "largest difference": deviations(result, queries, expected),
        },
        "load average before": load,
    }


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cores": os.cpu_count(),
        "cpu": models[0] if models else platform.processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS"),
    }


def main() -> None:
    """Measure all regimes, print the results, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1, maxtasksperchild=1) as pool:
        results = [pool.apply(measure, (name, options.rows, options.queries)) for name in REGIMES]
    text = json.dumps({"machine": machine(), "results": results}, indent=2) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
