"""Off-screen OpenGL: choose a window type, keep its chatter off the page, say what is missing.

VTK wheels carry three kinds of render window for Linux (X, EGL, OSMesa) and try them in this order
at run time. Without a display the first one prints a warning, and with neither of the other two
libraries the process dies in a segmentation fault. This file therefore names the window type
before VTK makes one, and looks at what VTK made before anything is drawn with it.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import cache

log = logging.getLogger(__name__)

WINDOW_VARIABLE = "VTK_DEFAULT_OPENGL_WINDOW"
EGL_WINDOW = "vtkEGLRenderWindow"
OSMESA_WINDOW = "vtkOSOpenGLRenderWindow"
EGL_LIBRARIES = ("libEGL.so.1", "libEGL.so")
# The sonames VTK tries; Mesa removed this library in release 25.1, hence only the second choice.
OSMESA_LIBRARIES = ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")
TERMINAL_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

INSTALL_HINTS = {
    "Debian, Ubuntu": "apt-get install libegl1 libgl1-mesa-dri  (or libosmesa6, before Mesa 25.1)",
    "Fedora": "dnf install mesa-libEGL mesa-dri-drivers",
    "conda": "conda install -c conda-forge libegl mesa-llvmpipe",
}


class RenderingError(RuntimeError):
    """Drawing failed; the message carries what the graphics stack wrote to its error stream."""


class RenderingUnavailable(RenderingError):
    """The machine has no usable OpenGL; the message names the packages to install."""


class CapturedText:
    """What the C libraries wrote while `captured_stderr` was active; empty until it ends."""

    text: str = ""


@contextmanager
def captured_stderr() -> Iterator[CapturedText]:
    """Divert file descriptor 2, where C++ libraries write, away from the terminal or page.

    Replacing `sys.stderr` would not do: VTK and Mesa never go through Python. The diversion is
    process-wide, so keep the block short. The text goes to the debug log, or, when the block
    fails, into the error.

    Raises
    ------
    RenderingError
        In place of any exception of the block, with the captured text in its message.
    """
    captured = CapturedText()
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        failure: Exception | None = None
        try:
            yield captured
        except Exception as error:
            failure = error
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            sink.seek(0)
            captured.text = sink.read().decode(errors="replace").strip()
    if failure is not None:
        raise RenderingError(
            _with_details(f"drawing failed: {failure}", captured.text)
        ) from failure
    if captured.text:
        log.debug("graphics stack: %s", captured.text)


def _with_details(message: str, details: str) -> str:
    """The message, followed by what the C libraries said, without its terminal colours."""
    plain = TERMINAL_COLOUR.sub("", details)
    return f"{message}\nThe graphics stack reported:\n{plain}" if plain else message


def _loads(names: tuple[str, ...]) -> bool:
    """Whether the dynamic linker finds one of these libraries."""
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def configure(environment: MutableMapping[str, str] | None = None) -> str | None:
    """Name the window type for VTK on a Linux machine without a display; a choice made stays.

    Parameters
    ----------
    environment
        The variables to read and to extend; the process's own by default.

    Returns
    -------
    str or None
        The value of ``VTK_DEFAULT_OPENGL_WINDOW`` that is now in force, None where VTK decides.
    """
    environment = os.environ if environment is None else environment
    headless = sys.platform.startswith("linux") and not environment.get("DISPLAY")
    if headless and not environment.get(WINDOW_VARIABLE):
        only_osmesa = not _loads(EGL_LIBRARIES) and _loads(OSMESA_LIBRARIES)
        environment[WINDOW_VARIABLE] = OSMESA_WINDOW if only_osmesa else EGL_WINDOW
    return environment.get(WINDOW_VARIABLE)


def _probe_window() -> tuple[str, str]:
    """Class name of the window VTK makes here, and the renderer it names ("" when unusable)."""
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  registers the window types
    from vtkmodules.vtkRenderingCore import vtkRenderWindow

    window = vtkRenderWindow()
    kind = window.GetClassName()
    # VTK ends at OSMesa when all else fails, claims that it works, and crashes at the first draw.
    if kind == OSMESA_WINDOW and not _loads(OSMESA_LIBRARIES):
        return kind, ""
    window.SetOffScreenRendering(True)
    window.SetSize(8, 8)
    if not window.SupportsOpenGL():
        return kind, ""
    window.Render()
    report = window.ReportCapabilities().splitlines()
    window.Finalize()
    named = [line.split(":", 1)[1].strip() for line in report if "renderer string" in line]
    return kind, named[0] if named else "unnamed renderer"


@cache
def check_rendering() -> str:
    """Make sure that off-screen drawing works, before VTK gets a chance to crash the process.

    Returns
    -------
    str
        Window type and renderer, for example ``vtkEGLRenderWindow (llvmpipe ...)``.

    Raises
    ------
    RenderingUnavailable
        With the packages to install on Debian/Ubuntu, Fedora and conda.
    """
    configure()
    with captured_stderr() as captured:
        kind, renderer = _probe_window()
    if not renderer:
        raise RenderingUnavailable(_unavailable_message(kind, captured.text))
    return f"{kind} ({renderer})"


def _unavailable_message(kind: str, details: str) -> str:
    hints = "\n".join(f"  {system}: {command}" for system, command in INSTALL_HINTS.items())
    message = (
        f"no usable OpenGL on this machine: VTK is left with {kind}, which cannot draw.\n"
        f"Pictures are drawn off-screen through EGL (or OSMesa); a GPU is not needed. Install:\n"
        f"{hints}"
    )
    return _with_details(message, details)
