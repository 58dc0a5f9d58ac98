"""Average NMI of all pairs of units: one matrix product beside scikit-learn's function in a loop.

    python benchmarks/nmi.py [--rows 300000] [--units 64] [--output benchmarks/results/nmi.json]

Both sides see the same matrix in the same run. Ours is the median of five runs; the double loop
runs once, on columns of the integer type that scikit-learn handles fastest.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from sklearn.metrics import normalized_mutual_info_score

from dfe.files import atomic
from dfe.metrics.diversity import average_nmi, pairwise_nmi
from dfe.metrics.presence import presence

REPEATS = 5
TOLERANCE = 1e-9
STAGES = 4
SEED = 0


def zipf_tokens(rows: int, units: int) -> NDArray[np.bool_]:
    """Four draws a row from units with Zipf frequencies: (rows, units) bool."""
    frequency = 1 / np.arange(1, units + 1)
    rng = np.random.default_rng(SEED)
    codes = rng.choice(units, size=(rows, STAGES), p=frequency / frequency.sum())
    return presence(codes, units)


def ours(active: NDArray[np.bool_]) -> list[float]:
    """Seconds of each run of `average_nmi`."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        average_nmi(active)
        seconds.append(time.perf_counter() - start)
    return seconds


def double_loop(active: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
    """Seconds of scikit-learn over all pairs i < j, and its value for each: (pairs,)."""
    columns = np.ascontiguousarray(active.T).astype(np.int8)  # (K, N)
    start = time.perf_counter()
    values = [
        normalized_mutual_info_score(first, second, average_method="geometric")
        for first, second in itertools.combinations(columns, 2)
    ]
    return time.perf_counter() - start, np.array(values)


def cpu_model() -> str:
    """Name of the processor as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def measure(rows: int, units: int) -> dict[str, object]:
    """Time both sides and compare all pairs.

    Raises
    ------
    AssertionError
        If a pair differs by more than 1e-9.
    """
    active = zipf_tokens(rows, units)
    runs = ours(active)
    loop, expected = double_loop(active)
    found = pairwise_nmi(active)[np.triu_indices(units, 1)]
    difference = float(np.abs(found - expected).max())
    assert difference <= TOLERANCE, f"a pair differs from scikit-learn by {difference}"
    seconds = statistics.median(runs)
    return {
        "rows": rows,
        "units": units,
        "pairs": len(expected),
        "seconds": {"dfe": seconds, "dfe_runs": runs, "scikit-learn": loop},
        "ratio": loop / seconds,
        "max_abs_difference": difference,
        "average_nmi": average_nmi(active).value,
        "cores": os.cpu_count(),
        "cpu": cpu_model(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }


def main() -> None:
    """Measure, print and, where asked, write the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    text = json.dumps(measure(args.rows, args.units), indent=2) + "\n"
    print(text, end="")
    if args.output:
        with atomic(args.output) as path:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
