"""Where a page's numbers come from: what ran, on which commit, versions, machine and data."""

from __future__ import annotations

import hashlib
import html
import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict, JsonValue

from dfe.config import Profile, output_folder, project_root
from dfe.data.fetch import sha256_file
from dfe.files import atomic
from dfe.metrics import Interval
from dfe.results import Recorder, write_results

PACKAGES = ("dfe-companion", "torch", "numpy", "pyvista", "mediapipe")


class Commit(BaseModel):
    """State of the checkout when a page started: full hash or "unknown", and local changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash: str
    dirty: bool | None = None  # None: not known

    def __str__(self) -> str:
        """Short hash, followed by what is known about local changes."""
        if self.dirty is None:
            return self.hash
        return f"{self.hash[:12]} ({'with local changes' if self.dirty else 'clean'})"


class Provenance(BaseModel):
    """What one execution of a page used; shows itself as a table in a notebook."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: str
    profile: str
    parameters: dict[str, JsonValue]  # the page's parameters; None = the profile's value
    settings: dict[str, JsonValue]  # the whole profile after the overrides
    seeds: tuple[int, ...]
    commit: Commit
    versions: dict[str, str]
    hardware: dict[str, str]
    threads: int  # torch's intra-operation threads: sums, and so low digits, depend on them
    determinism: dict[str, str] = {}  # switches that decide whether a second run gives the same
    data: dict[str, str]  # data set -> sha256
    started: datetime  # UTC
    seconds: float

    def rows(self) -> list[tuple[str, str]]:
        """Lines of the table, as (name, value)."""
        settings = json.dumps(self.settings, sort_keys=True).encode()
        digest = hashlib.sha256(settings).hexdigest()
        data = {name: _short(digest) for name, digest in self.data.items()}
        given = {name: value for name, value in self.parameters.items() if value is not None}
        return [
            ("page", self.page),
            ("profile", f"{self.profile} (settings sha256 {_short(digest)})"),
            ("parameters", _join(given, "{} = {}") or "the profile's own"),
            ("seeds", ", ".join(map(str, self.seeds)) or "none"),
            ("commit", str(self.commit)),
            ("versions", _join(self.versions, "{} {}")),
            ("hardware", _join(self.hardware, "{}: {}", "; ")),
            ("threads", str(self.threads)),
            ("determinism", _join(self.determinism, "{}: {}", "; ")),
            ("data (sha256)", _join(data, "{} {}") or "none"),
            ("started", self.started.strftime("%Y-%m-%d %H:%M:%S UTC")),
            ("duration", f"{self.seconds:.1f} s"),
        ]

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self.rows()
        )
        return f'<table class="provenance">{cells}</table>'

    def _repr_markdown_(self) -> str:
        lines = [f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in self.rows()]
        return "\n".join(["| provenance | |", "|---|---|", *lines])


@dataclass(frozen=True)
class RunRecord:
    """A page's execution that has begun; `start_run` makes it, `provenance` ends it.

    `results` takes the numbers that the page measures for claims of the paper.
    """

    page: str
    profile: Profile
    parameters: Mapping[str, Any]
    seeds: Sequence[int]
    data_hashes: Mapping[str, str]
    commit: Commit
    started: datetime
    clock: float = field(repr=False)  # monotonic seconds at the start
    results: Recorder = field(repr=False)

    def provenance(self) -> Provenance:
        """Record the run up to now, write it and its results, and return it for display.

        `<page>.results.json` and `<page>.provenance.json` go to the results folder.
        """
        record = Provenance(
            page=self.page,
            profile=self.profile.name,
            parameters=dict(self.parameters),
            settings=self.profile.model_dump(mode="json"),
            seeds=tuple(self.seeds),
            commit=self.commit,
            versions=versions(),
            hardware=hardware(),
            threads=thread_count(),
            determinism=determinism(),
            data=dict(self.data_hashes),
            started=self.started,
            seconds=round(time.monotonic() - self.clock, 3),
        )
        folder = results_folder(self.profile)
        write_results(self.results.page_results(self.profile.name, self.parameters), folder)
        write_json(record, folder)
        return record


def start_run(
    page: str,
    profile: Profile,
    parameters: Mapping[str, Any],
    seeds: Sequence[int] = (),
    data_hashes: Mapping[str, str] | None = None,
) -> RunRecord:
    """Begin the record of a page: call it once, before the page's work.

    Parameters
    ----------
    page
        Name of the notebook, without its suffix, such as ``"02_training"``.
    profile
        The settings after all overrides.
    parameters
        The notebook's parameters as given; ``None`` means the profile's own value.
    seeds
        Every seed that the page uses.
    data_hashes
        Name of a data file -> its sha256 (64 hexadecimal digits; see `file_hashes`).

    Raises
    ------
    ValueError
        If a data hash is not a sha256 in hexadecimal digits.
    """
    for name, value in (data_hashes or {}).items():
        if len(value) != 64 or set(value) - set("0123456789abcdef"):
            raise ValueError(f"data hash of {name!r} is not a sha256 in lower-case hex: {value!r}")
    now = datetime.now(UTC)
    commit, clock = read_commit(), time.monotonic()
    return RunRecord(
        page, profile, parameters, seeds, data_hashes or {}, commit, now, clock, Recorder(page)
    )


def results_folder(profile: Profile) -> Path:
    """Folder of a build's results: `build/<profile>/results`."""
    return output_folder(profile) / "results"


def write_json(record: Provenance, folder: Path) -> Path:
    """Write `record` to `folder/<page>.provenance.json`, whole or not at all."""
    path = folder / f"{record.page}.provenance.json"
    with atomic(path) as partial:
        partial.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return path


def save_figure(figure: Figure, profile: Profile, name: str) -> Path:
    """Keep a figure for the prose pages, as `build/<profile>/figures/<name>.png`."""
    path = output_folder(profile) / "figures" / f"{name}.png"
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=160)
    return path


def save_table(frame: pd.DataFrame, profile: Profile, name: str) -> Path:
    """Keep a table's numbers at full precision, as `build/<profile>/results/<name>.csv`.

    A column of intervals becomes three columns: its name, and the name with "low" and "high".
    """
    path = results_folder(profile) / f"{name}.csv"
    with atomic(path) as temporary:
        pd.concat([_numbers(frame[column]) for column in frame], axis=1).to_csv(temporary)
    return path


def _numbers(column: pd.Series) -> pd.DataFrame:
    if not len(column) or not all(isinstance(value, Interval) for value in column):
        return column.to_frame()
    names = [column.name, f"{column.name} low", f"{column.name} high"]
    return pd.DataFrame(column.tolist(), column.index, names)


def file_hashes(**files: str | Path) -> dict[str, str]:
    """Return the sha256 of each named file, in hexadecimal digits."""
    return {name: sha256_file(Path(path)) for name, path in files.items()}


def read_commit(root: Path | None = None) -> Commit:
    """Read the commit of the checkout at `root`; "unknown" outside git or without it."""
    root = (root or project_root()).resolve()
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root:  # an export inside somebody else's checkout
        return Commit(hash="unknown")
    head, status = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    if head is None or status is None:  # no commit yet, or an unreadable checkout
        return Commit(hash="unknown")
    return Commit(hash=head, dirty=bool(status))


def _git(root: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},  # a read must not lock the index
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a number."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def hardware() -> dict[str, str]:
    """Processor, cores, memory and accelerator of this machine, in words."""
    import psutil
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    memory = psutil.virtual_memory().total / 2**30
    return {
        "CPU": _processor(),
        "cores": str(os.cpu_count()),
        "RAM": f"{memory:.0f} GiB",
        "GPU": gpu,
    }


def thread_count() -> int:
    """Threads that torch uses inside one operation."""
    import torch

    return torch.get_num_threads()


def determinism() -> dict[str, str]:
    """Switches of torch and of the environment on which bit-for-bit repetition depends.

    On a CPU our computations repeat with the same number of threads. On a GPU some sums do not,
    unless torch's deterministic algorithms are on.
    """
    import torch

    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED")
    variables = {name: os.environ.get(name, "not set") for name in names}
    return variables | {
        "deterministic algorithms": _on(torch.are_deterministic_algorithms_enabled()),
        "cuDNN deterministic": _on(torch.backends.cudnn.deterministic),
        "TF32 products": _on(torch.backends.cuda.matmul.allow_tf32),
    }


def _on(flag: bool) -> str:
    return "on" if flag else "off"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _short(digest: str) -> str:
    return digest[:12]


def _join(items: Mapping[str, object], pattern: str, separator: str = ", ") -> str:
    return separator.join(pattern.format(name, value) for name, value in items.items())
