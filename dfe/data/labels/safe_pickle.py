"""Pickles of plain data, read without running anything that they name.

A pickle is a small program that may call any function it can name. This reader lets it name
nothing. What is left are the values that the format builds by itself: dict, list, tuple, set, str,
bytes, float, int, bool and None.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import NoReturn

from dfe.data.labels.base import LabelError


class _Plain(pickle.Unpickler):
    """An unpickler for which every name is an error."""

    def find_class(self, module: str, name: str, /) -> NoReturn:
        raise LabelError(
            f"it names {module}.{name}, and a file of labels holds only plain numbers and texts; "
            "do not open it by other means before you know where it came from"
        )

    def persistent_load(self, pid: object, /) -> NoReturn:
        raise LabelError(f"it refers to an object outside the file, {pid!r}")


def load_plain(path: Path) -> object:
    """Read a pickle of plain data, of any protocol, from Python 2 as well.

    Strings of Python 2 hold bytes; they are read as latin-1, in which every byte is a character.

    Raises
    ------
    LabelError
        If the file is missing, empty, cut off or damaged, or names anything at all (a function, a
        class, a numpy array): the message says what. Nothing is imported or called.
    """
    try:
        with path.open("rb") as file:
            return _Plain(file, encoding="latin1").load()
    except FileNotFoundError as error:
        raise LabelError(f"{path}: no such file; name the folder that holds it") from error
    except LabelError as error:
        raise LabelError(f"{path}: refused: {error}") from error
    except Exception as error:  # the documentation leaves open what a damaged pickle raises
        raise LabelError(
            f"{path}: not a whole pickle ({type(error).__name__}: {error}); copy it again"
        ) from error
