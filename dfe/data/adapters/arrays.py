"""Arrays that other programs saved with numpy: numbers only, and nothing is unpickled.

A file that is empty, cut off or of another format is an error, and so is an array of objects, which
could run code when it is loaded.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfe.data.adapters.base import AdapterError
from dfe.data.adapters.tables import need_columns

_AGAIN = "let the program write the file again, or copy it again from where it is whole"
#: What `np.load` raises for files that are cut off, overwritten in places, or hold objects.
_DAMAGED = (
    ValueError,  # also UnicodeDecodeError
    EOFError,
    SyntaxError,
    TokenError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def load_array(path: Path) -> NDArray[Any]:
    """Numbers of one `.npy` file, of any shape.

    Raises
    ------
    AdapterError
        If the file is missing, damaged or no `.npy`, or holds anything but real numbers.
    """
    found = _load(path)
    if not isinstance(found, np.ndarray):
        found.close()
        raise AdapterError(f"{path}: an archive of several arrays, not one array as .npy")
    return need_numbers(path, found)


def load_archive(
    path: Path, needed: Sequence[str], optional: Sequence[str] = ()
) -> Mapping[str, NDArray[Any]]:
    """Numbers of some arrays of one `.npz` file by name; other arrays in it are not read.

    Raises
    ------
    AdapterError
        As `load_array`; also if an array is missing, listing those that are there.
    """
    found = _load(path)
    if isinstance(found, np.ndarray):
        raise AdapterError(f"{path}: one array, not an archive of named arrays; use np.savez")
    with found:
        need_columns(path, found.files, needed)
        names = [*needed, *(name for name in optional if name in found.files)]
        try:
            return {name: need_numbers(path, found[name]) for name in names}
        except AdapterError:
            raise
        except (OSError, *_DAMAGED) as error:
            raise _damaged(path, error) from error


def load_vector(path: Path, width: int) -> NDArray[Any]:
    """Numbers of one frame, (width,), from a `.npy` file of shape (width,) or (1, width).

    Raises
    ------
    AdapterError
        As `load_array`; also if the shape is another.
    """
    found = load_array(path)
    if found.shape not in ((width,), (1, width)):
        raise AdapterError(f"{path}: expected {width} numbers, got shape {found.shape}")
    return found.reshape(width)


def need_numbers(path: Path, values: object) -> NDArray[Any]:
    """Refuse what is no array of real numbers; half precision and whole numbers are fine.

    Raises
    ------
    AdapterError
        Naming the file and the type that it holds.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        kind = getattr(values, "dtype", type(values).__name__)
        raise AdapterError(f"{path}: expected real numbers, got {kind}; save an array of floats")
    return values


def frame_number(path: Path, name: str) -> int:
    """The digits at the end of a name, which is that of a file or folder for one frame.

    Raises
    ------
    AdapterError
        If there are none; the message names `path`.
    """
    if not (digits := re.search(r"[0-9]+$", name)):
        raise AdapterError(
            f"{path}: no frame number at the end of {name!r}; "
            "number the pictures before the program reads them"
        )
    return int(digits[0])


def _load(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise AdapterError(f"{path}: cannot be read ({error})") from error
    except _DAMAGED as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> AdapterError:
    if "pickle" in str(error):  # so numpy calls whatever it does not know; it advises to load it
        return AdapterError(
            f"{path}: cut off, no file from numpy, or one with Python objects, which are not "
            "loaded because they can run code; write it again as an array of floats"
        )
    return AdapterError(f"{path}: not a whole file from numpy ({error}); {_AGAIN}")
