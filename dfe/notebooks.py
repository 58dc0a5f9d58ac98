"""Run one notebook with papermill: strict about parameters, kernels and half-done results."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dfe.config import ConfigError, Profile, build_folder, project_root

INJECTED = "# Parameters\n"  # papermill starts the cell that it injects with this line
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(RuntimeError):
    """A notebook failed, or is not fit for the book; the message names notebook, cell and cause."""


def check_parameters() -> None:
    """Refuse a parameter that papermill injected but the notebook does not declare.

    Papermill only logs a warning for ``-p stpes 100`` and runs with the default, so the second
    cell of each notebook calls this. Outside IPython there is nothing to check.

    Raises
    ------
    ConfigError
        If an injected name is assigned nowhere else in the cells run so far.
    """
    from IPython import get_ipython  # type: ignore[attr-defined]

    shell = get_ipython()
    if shell is not None:
        reject_unknown(shell.user_ns["In"][:-1])  # the last one is the cell that calls us


def reject_unknown(cells: Iterable[str]) -> None:
    """Raise `ConfigError` when an injected cell among `cells` (sources) assigns an unknown name."""
    cells = list(cells)
    declared = _assigned(cell for cell in cells if not cell.startswith(INJECTED))
    injected = _assigned(cell for cell in cells if cell.startswith(INJECTED))
    if unknown := sorted(injected - declared):
        raise ConfigError(
            f"unknown parameter {', '.join(unknown)}: this notebook knows {sorted(declared)}"
        )


def _assigned(cells: Iterable[str]) -> set[str]:
    """Names that plain assignments at the top of `cells` bind (cell magics are skipped)."""
    names: set[str] = set()
    for cell in cells:
        try:
            body = ast.parse(cell).body
        except SyntaxError:
            continue
        for node in body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", 0)]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def execute(name: str, profile: Profile, parameters: dict[str, Any] | None = None) -> Path:
    """Execute `notebooks/<name>.ipynb` and return `build/<profile>/notebooks/<name>.ipynb`.

    The result appears under its final name only when every cell ran. After a failure the
    half-executed notebook stands in `build/<profile>/failed/`.

    Raises
    ------
    NotebookError
        If the notebook is missing, a cell fails, or the kernel dies.
    """
    source = project_root() / "notebooks" / f"{name}.ipynb"
    if not source.is_file():
        known = sorted(path.stem for path in source.parent.glob("*.ipynb"))
        raise NotebookError(f"no notebook {name!r}: {source} is missing; known: {known}")
    build = build_folder(profile)
    done, failed = (build / part / f"{name}.ipynb" for part in ("notebooks", "failed"))
    partial = done.with_suffix(".partial.ipynb")
    for folder in (done.parent, failed.parent):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        _papermill(source, partial, {"profile": profile.name} | (parameters or {}))
    except Exception as error:
        kept = f"\nThe half-executed notebook: {failed}" if partial.is_file() else ""
        if partial.is_file():
            os.replace(partial, failed)
        raise NotebookError(f"{source.name}: {describe_failure(error)}{kept}") from error
    os.replace(partial, done)
    failed.unlink(missing_ok=True)
    return done


def _papermill(source: Path, target: Path, parameters: dict[str, Any]) -> None:
    """Run papermill quietly, with the kernel of this very Python."""
    import papermill  # slow to import, and notebooks import this file
    from traitlets.config import Config

    prefer_own_kernel()
    os.environ.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")  # tqdm, on each import
    # Encrypt the channel to the kernel where both sides can: other users may share the machine.
    private = Config({"AsyncKernelManager": {"transport_encryption": "auto"}})
    papermill.execute_notebook(
        source,
        target,
        parameters=parameters,
        kernel_name="python3",
        cwd=project_root(),
        config=private,
        log_output=False,
        progress_bar=sys.stderr.isatty(),
    )


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
