"""Face models: a mesh driven by an expression vector."""

from __future__ import annotations

from dfe.face.base import FaceModel
from dfe.face.flame import Flame
from dfe.face.flame_file import FlameError
from dfe.face.open_head import OpenHead
from dfe.face.variance import variance_kept

__all__ = ["FaceModel", "Flame", "FlameError", "OpenHead", "variance_kept", "load_face"]

_MODELS = {OpenHead.name: OpenHead}


def load_face(name: str = OpenHead.name) -> FaceModel:
    """Return the face model of that name.

    Raises
    ------
    ValueError
        There is no such model.
    """
    if name not in _MODELS:
        raise ValueError(f"unknown face model {name!r}; known: {', '.join(sorted(_MODELS))}")
    return _MODELS[name]()
