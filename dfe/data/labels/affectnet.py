"""AffectNet (Mollahosseini et al. 2019, IEEE Trans. Affect. Comput. 10:18), in both editions.

CSV edition: ``Manually_Annotated/{training,validation}.csv``, one row an image, with (among
others) ``subDirectory_filePath, expression, valence, arousal``. npy edition:
``{train_set,val_set}/annotations/{id}_{exp,val,aro,lnd}.npy``, one number a file (``lnd``, the
landmarks, is not read); ``exp`` may be stored as a text. Both layouts are taken from public code
that reads them; which edition the paper used is not stated.

Images have no subjects: the column is empty, and no split by person is possible. Valence and
arousal are -2 where nobody annotated them; they become NaN, so drop these rows before you write a
table of clips.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from dfe.data.labels.base import LabelError, need_unique, numbers, read_cells, single

#: Names of the expression codes, 0 to 10.
EXPRESSIONS = (
    *("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt"),
    *("none", "uncertain", "no face"),
)
NOT_ANNOTATED = -2.0  # of valence and arousal

_LAST = len(EXPRESSIONS) - 1
_PATH = "subDirectory_filePath"
_AFFECTS = {"valence": "val", "arousal": "aro"}


def read_affectnet(folder: Path) -> pd.DataFrame:
    """Labels of the CSV edition.

    Parameters
    ----------
    folder
        Holds ``Manually_Annotated``.

    Returns
    -------
    DataFrame
        ``clip`` (``subDirectory_filePath`` without its suffix), ``subject`` (empty), ``split``
        ("train" or "dev"), ``expression`` (0 to 10), ``expression_name``, ``valence`` and
        ``arousal`` (-1 to 1, or NaN).

    Raises
    ------
    LabelError
        If a file is not what it should be, a value is out of range, or an image comes twice.
    """
    parts = {"training": "train", "validation": "dev"}
    tables = [
        _csv_split(folder / "Manually_Annotated" / f"{name}.csv", split)
        for name, split in parts.items()
    ]
    return _joined(tables, folder)


def _csv_split(path: Path, split: str) -> pd.DataFrame:
    cells = read_cells(path, (_PATH, "expression", *_AFFECTS))
    code = numbers(cells["expression"], path, 0, _LAST, whole=True).astype(int)
    affect = {name: _annotated(numbers(cells[name], path, -2, 1), path) for name in _AFFECTS}
    clip = cells[_PATH].map(lambda name: PurePosixPath(name).with_suffix("").as_posix())
    return _table(clip.tolist(), split, code.tolist(), affect)


def _annotated(values: pd.Series, path: Path) -> list[float]:
    """Values from -1 to 1; NaN where not annotated."""
    values = values.mask(values == NOT_ANNOTATED)
    if (low := values < -1).any():
        raise LabelError(
            f"{path}, line {low.idxmax()}: {values.name} {values[low.idxmax()]} lies between -2 "
            "(not annotated) and -1"
        )
    return values.tolist()


def read_affectnet_npy(folder: Path) -> pd.DataFrame:
    """Labels of the npy edition.

    Parameters
    ----------
    folder
        Holds ``train_set`` and ``val_set``.

    Returns
    -------
    DataFrame
        As `read_affectnet`; ``clip`` is ``train_set/<id>`` or ``val_set/<id>``, since the two may
        number their images alike.

    Raises
    ------
    LabelError
        If a folder is empty, an image lacks one of its files, or a file is not one number in its
        range.
    """
    parts = {"train_set": "train", "val_set": "dev"}
    return _joined([_npy_split(folder / name, split) for name, split in parts.items()], folder)


def _npy_split(folder: Path, split: str) -> pd.DataFrame:
    annotations = folder / "annotations"
    ids = _ids(annotations)
    code = [_code(annotations / f"{one}_exp.npy") for one in ids]
    affect = {
        name: [_affect(annotations / f"{one}_{short}.npy") for one in ids]
        for name, short in _AFFECTS.items()
    }
    return _table([f"{folder.name}/{one}" for one in ids], split, code, affect)


def _ids(annotations: Path) -> list[str]:
    """Ids of the images, in numeric order where they are numbers."""
    ids: dict[str, set[str]] = {
        kind: {path.name.removesuffix(f"_{kind}.npy") for path in annotations.glob(f"*_{kind}.npy")}
        for kind in ("exp", *_AFFECTS.values())
    }
    everyone = set().union(*ids.values())
    if not everyone:
        raise LabelError(f"{annotations}: no files <id>_exp.npy; unpack the archive here")
    for kind, known in ids.items():
        if lost := sorted(everyone - known):
            raise LabelError(
                f"{annotations}: {len(lost)} images lack their _{kind}.npy, such as {lost[0]}; "
                "unpack the archive again"
            )
    return sorted(everyone, key=lambda one: (len(one), one))


def _number(path: Path) -> float:
    try:
        return float(np.load(path, allow_pickle=False).item())
    except (OSError, ValueError, EOFError, TypeError, AttributeError) as error:
        raise LabelError(f"{path}: not one number ({error}); unpack the archive again") from error


def _code(path: Path) -> int:
    code = single(_number(path), 0, _LAST, path)
    if code % 1:
        raise LabelError(f"{path}: expression {code} is not a whole number")
    return int(code)


def _affect(path: Path) -> float:
    value = _number(path)
    return float("nan") if value == NOT_ANNOTATED else single(value, -1, 1, path)


def _table(
    clip: list[str], split: str, code: list[int], affect: dict[str, list[float]]
) -> pd.DataFrame:
    keys = {"clip": clip, "subject": "", "split": split}
    labels = {"expression": code, "expression_name": [EXPRESSIONS[one] for one in code]}
    return pd.DataFrame(keys | labels | affect)


def _joined(tables: list[pd.DataFrame], folder: Path) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)
    need_unique(table["clip"], folder)
    return table
