"""Several processes make the parts of an ingest; what one of them raises ends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from dfe.data.adapters.base import Adapter
from dfe.data.adapters.registry import ADAPTERS, adapter
from dfe.data.ingest_parts import IngestError, Made, Part, make_part

IDLE = 5  # seconds after which a process ends whose parent was killed


def make_parts(parts: Sequence[Part], adapter: Adapter, jobs: int) -> Iterator[Made]:
    """Make parts in any order, by `jobs` processes.

    An adapter that is not registered is read by this process: adapters hold functions, which
    cannot be sent to others, so those look it up by its name.

    Raises
    ------
    dfe.data.adapters.base.AdapterError, OSError
        The first one that `make_part` raises in any process. The others may finish the part that
        they are reading.
    IngestError
        If a process is killed.
    """
    jobs = min(jobs, len(parts))
    if jobs < 2 or ADAPTERS.get(adapter.name) is not adapter:
        yield from (make_part(part, adapter) for part in parts)
        return
    pool = Parallel(
        n_jobs=jobs,
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch=jobs,
        idle_worker_timeout=IDLE,
    )
    try:
        yield from pool(delayed(_make)(part, adapter.name) for part in parts)
    except TerminatedWorkerError as error:
        raise IngestError(
            "a process that reads was killed, perhaps for want of memory; finished parts are kept: "
            "run this again, with --jobs 1 if it happens again"
        ) from error


def _make(part: Part, name: str) -> Made:
    return make_part(part, adapter(name))
