"""Peak memory and speed of bulk encoding, over data sets of 10^5 to 10^7 rows.

    python benchmarks/encoding_memory.py [--rows 100000 1000000 10000000] [--output PATH]

Each data set is one Parquet file, written and encoded in fresh processes, so that the peak memory
is that of encoding alone. The largest is written in two ways: in row groups of modest size, and as
a single row group. The memory curve is of a model with one small layer, since the time of the
packaged model is no part of it; that model encodes the smallest data set.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from dfe.config import ModelConfig
from dfe.encoding import encode_dataset, read_tokens
from dfe.files import atomic
from dfe.model import DFE

WIDTH = 50
ROWS_PER_GROUP = 1 << 16
ROWS_PER_CLIP = 500
THREADS = 1
SEED = 0
FACE = "open-head"
TINY = ModelConfig(layers=1, width=16, feedforward=16, heads=2)
SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("clip", pa.string()),
        ("frame", pa.int64()),
        ("psi", pa.list_(pa.float32(), WIDTH)),
    ]
)


class Case(NamedTuple):
    """One data set and the model that encodes it."""

    rows: int
    one_group: bool
    packaged: bool


def groups(rows: int, per_group: int) -> Iterator[pa.Table]:
    """Random expression vectors with keys, group by group."""
    rng = np.random.default_rng(SEED)
    for start in range(0, rows, per_group):
        row = np.arange(start, min(start + per_group, rows))
        psi = rng.standard_normal(len(row) * WIDTH, np.float32)
        columns = [
            pa.array(np.full(len(row), "synthetic")),
            pa.array(np.char.add("clip", (row // ROWS_PER_CLIP).astype(np.str_))),
            pa.array(row % ROWS_PER_CLIP),
            pa.FixedSizeListArray.from_arrays(pa.array(psi), WIDTH),
        ]
        yield pa.Table.from_arrays(columns, schema=SCHEMA)


def write(path: Path, case: Case) -> None:
    """Write the Parquet file of a case."""
    per_group = case.rows if case.one_group else ROWS_PER_GROUP
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for table in groups(case.rows, per_group):
            writer.write_table(table, row_group_size=per_group)


def peak_mb() -> float:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux gives KiB


def measure(folder: Path, case: Case) -> dict[str, Any]:
    """Encode the file of a case."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    model = DFE.from_pretrained("open") if case.packaged else DFE(TINY).eval()
    source, output = folder / "source.parquet", folder / "tokens"
    load, before, start = os.getloadavg()[0], peak_mb(), time.perf_counter()
    encode_dataset(model, source, output, FACE, unnamed=FACE, error=True)
    seconds, peak = time.perf_counter() - start, peak_mb()
    assert len(read_tokens(output)) == case.rows
    return {
        "rows": case.rows,
        "row groups": pq.ParquetFile(source).num_row_groups,
        "model": "open" if case.packaged else "one small layer",
        "file, MB": round(source.stat().st_size / 1e6, 1),
        "peak RSS before, MB": round(before, 1),
        "peak RSS, MB": round(peak, 1),
        "seconds": round(seconds, 2),
        "rows per second": round(case.rows / seconds),
        "load average before": load,
    }


def run(case: Case) -> dict[str, Any]:
    """Write, then encode: a process each."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name, spawn.Pool(1, maxtasksperchild=1) as pool:
        pool.apply(write, (Path(name) / "source.parquet", case))
        return pool.apply(measure, (Path(name), case))


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cores": os.cpu_count(),
        "cpu": models[0] if models else platform.processor(),
        "threads": THREADS,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "torch": torch.__version__,
    }


def main() -> None:
    """Measure all cases, print the results, and write them if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    sizes = sorted(options.rows)
    cases = [Case(rows, False, False) for rows in sizes]
    cases += [Case(sizes[-1], True, False), Case(sizes[0], False, True)]
    results = []
    for case in cases:
        results.append(run(case))
        print(json.dumps(results[-1]), flush=True)
    curve = [one["peak RSS, MB"] for one in results[:-1]]
    found = {
        "machine": machine(),
        "largest ratio of peaks, one model": round(max(curve) / min(curve), 3),
        "results": results,
    }
    text = json.dumps(found, indent=2) + "\n"
    print(text, end="")
    if options.output:
        with atomic(options.output) as path:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
