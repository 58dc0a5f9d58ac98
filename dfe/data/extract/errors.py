"""What can go wrong before the first frame: a source that cannot be read, a missing library."""

from __future__ import annotations

import importlib
from types import ModuleType

_HOW_TO_INSTALL = "install the extraction extra: pip install 'dfe[extract]'"
_OPENGL = (
    "the system lacks an OpenGL ES or EGL library; install libegl1 and libgles2 (Debian, Ubuntu), "
    "mesa-libEGL and mesa-libGLES (Fedora) or libegl and libgles (conda-forge)"
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
        hint = _OPENGL if "GL" in str(error) else _HOW_TO_INSTALL
        raise ExtractionError(f"{module} cannot be loaded ({error}): {hint}") from error
