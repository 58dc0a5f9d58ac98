"""Silence for the C++ libraries under MediaPipe, which write to stderr past Python."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_stderr_silenced(tail_lines: int = 5) -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2 (the OpenGL and TFLite logs).

    If the block raises, the last lines are attached to the exception as a note, because then
    they may hold the cause. Affects the whole process while the block runs.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        saved = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception as error:
            log.seek(0)
            lines = log.read().decode(errors="replace").splitlines()[-tail_lines:]
            error.add_note("\n".join(["last lines of the native log:", *lines]))
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
