"""Run one notebook with papermill: strict about parameters, kernels and half-done results."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dfe.config import Profile, build_folder, project_root
from dfe.config.kept import OUTPUT
from dfe.jobs import Job

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(RuntimeError):
    """A notebook failed, or is not fit for the book; the message names notebook, cell and cause."""


def execute(
    name: str,
    profile: Profile,
    parameters: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    job: Job | None = None,
) -> Path:
    """Execute `notebooks/<name>.ipynb` and return `<folder>/notebooks/<name>.ipynb`.

    The result appears under its final name only when every cell ran. After a failure the
    half-executed notebook stands in `<folder>/failed/`. Results, tables and figures of the page
    go to `<folder>`, too.

    Parameters
    ----------
    parameters
        Parameters of the notebook other than `profile`.
    folder
        The build folder, `build/<profile>`, unless another one is given.
    job
        Record of the run, told at each cell where the notebook is.

    Raises
    ------
    NotebookError
        If the notebook is missing, a cell fails, the kernel dies, or the notebook runs for longer
        than `profile.notebook_hours`.
    """
    source = project_root() / "notebooks" / f"{name}.ipynb"
    if not source.is_file():
        known = sorted(path.stem for path in source.parent.glob("*.ipynb"))
        raise NotebookError(f"no notebook {name!r}: {source} is missing; known: {known}")
    build = folder or build_folder(profile)
    done, failed = (build / part / f"{name}.ipynb" for part in ("notebooks", "failed"))
    partial = done.with_suffix(".partial.ipynb")
    for parent in (done.parent, failed.parent):
        parent.mkdir(parents=True, exist_ok=True)
    run = _Run(source, partial, build, profile.notebook_hours * 3600, job)
    try:
        run.papermill({"profile": profile.asked} | dict(parameters or {}))
    except Exception as error:
        kept = f"\nThe half-executed notebook: {failed}" if partial.is_file() else ""
        if partial.is_file():
            os.replace(partial, failed)
        raise NotebookError(f"{source}: {run.describe(error)}{kept}") from error
    os.replace(partial, done)
    failed.unlink(missing_ok=True)
    return done


class _Run:
    """One execution of a notebook by papermill, with the kernel of this very Python."""

    def __init__(
        self, source: Path, target: Path, folder: Path, limit: float, job: Job | None
    ) -> None:
        self.source, self.target, self.folder = source, target, folder
        self.limit, self.job = limit, job  # s, of the whole notebook
        self.cell = 0  # number of code cells begun
        self.text = ""  # source of the last of them
        self.clock = time.monotonic()

    def papermill(self, parameters: dict[str, Any]) -> None:
        """Execute; raises whatever papermill does."""
        import papermill  # slow to import
        from traitlets.config import Config

        prefer_own_kernel()
        os.environ.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")  # tqdm, on import
        # Encrypt the channel to the kernel where both sides can: others may share the machine.
        private = Config({"AsyncKernelManager": {"transport_encryption": "auto"}})
        with _variable(OUTPUT, str(self.folder)):  # the kernel inherits it
            papermill.execute_notebook(
                self.source,
                self.target,
                parameters=parameters,
                kernel_name="python3",
                cwd=project_root(),
                config=private,
                log_output=False,
                progress_bar=False,
                on_cell_execute=self._begin,
                timeout_func=self._left,
            )

    def _begin(self, cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code":
            self.cell, self.text = self.cell + 1, cell.source
            if self.job:
                self.job.at_cell(self.cell, self._cells(), cell.source)

    def _cells(self) -> int:
        """Number of code cells; papermill may have added one with the parameters."""
        cells = json.loads(self.target.read_text(encoding="utf-8"))["cells"]
        return sum(cell["cell_type"] == "code" for cell in cells)

    def _left(self, cell: Any) -> float:
        """Seconds that the notebook may still run; nbclient takes 0 for no limit."""
        return max(1.0, self.limit - (time.monotonic() - self.clock))

    def describe(self, error: Exception) -> str:
        """Text of a failure, with the cell."""
        shown = f"--- the cell\n{self.text.rstrip()}"
        if isinstance(error, TimeoutError):
            hours = self.limit / 3600
            return (
                f"stopped in cell [{self.cell}] after {hours:g} h, the limit of a notebook "
                f"(`notebook_hours` of the profile)\n{shown}"
            )
        if type(error).__name__ == "DeadKernelError":
            return (
                f"the kernel died in cell [{self.cell}] (DeadKernelError); a process that needs "
                f"too much memory is killed like this\n{shown}"
            )
        return describe_failure(error)


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def prefer_own_kernel() -> None:
    """Make Jupyter find this environment's `python3` kernel before one in the user's home."""
    own = str(Path(sys.prefix) / "share" / "jupyter")
    rest = [part for part in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if part]
    os.environ["JUPYTER_PATH"] = os.pathsep.join([own, *(part for part in rest if part != own)])


def describe_failure(error: Exception) -> str:
    """Text of a papermill failure: the cell's number and source, then its traceback."""
    if not hasattr(error, "ename"):
        return f"{type(error).__name__}: {error}"
    trace = _ANSI.sub("", "\n".join(error.traceback))  # type: ignore[attr-defined]
    return (
        f"cell [{error.exec_count}] failed with {error.ename}: {error.evalue}\n"  # type: ignore[attr-defined]
        f"--- the cell\n{error.source.rstrip()}\n--- the error\n{trace}"  # type: ignore[attr-defined]
    )
