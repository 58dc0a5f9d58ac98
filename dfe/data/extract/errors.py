"""What can go wrong before the first frame: a source that cannot be read, a missing library."""

from __future__ import annotations

import importlib
from types import ModuleType

_HOW_TO_INSTALL = "install the extraction extra in the checkout: pip install -e '.[extract]'"
_SYSTEM = (
    "the system lacks a library that MediaPipe needs; install libegl1 libgles2 libgl1 libglib2.0-0 "
    "(Debian, Ubuntu), mesa-libEGL mesa-libGLES mesa-libGL glib2 (Fedora) or libegl libgles libgl "
    "glib (conda-forge)"
)


class ExtractionError(RuntimeError):
    """A source cannot be turned into frames; the message names the file and what to do."""


def require(module: str) -> ModuleType:
    """Import an optional `module`, or say how to get it.

    Raises
    ------
    ExtractionError
        If the package is not installed, or a system library that it needs is missing.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ExtractionError(f"{module} is not installed: {_HOW_TO_INSTALL}") from error
    except (ImportError, OSError) as error:  # the loader found the package but not its .so files
        hint = _SYSTEM if ".so" in str(error) else _HOW_TO_INSTALL
        raise ExtractionError(f"{module} cannot be loaded ({error}): {hint}") from error
