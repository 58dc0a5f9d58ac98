"""A made-up model in the format of FLAME that looks like a head: the open head, in other numbers.

It is smaller, and its coefficients are a rotation of the open head's, so the two cannot be mistaken
for one another.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flame_support import made_up, write_model

from dfe.face import OpenHead
from dfe.face.base import N_PSI
from miniatures.base import Miniature
from miniatures.faces import Rng

SIZE = 0.9  # of the open head
_EYE_LEFT, _EYE_RIGHT, _JAW, _NECK = 3, 4, 2, 1  # joints


def write_flame(folder: Path, rng: Rng) -> Miniature:
    data, head = folder / "flame", OpenHead()
    n = len(head.template)
    eyes = [head.parts == head.part_names.index(f"eye_{side}") for side in ("left", "right")]
    jaw = head.regions == head.region_names.index("jaw")
    joints = np.stack([np.ones(n), np.ones(n), jaw, *eyes]).astype(float)  # (5, V)
    turn = np.linalg.qr(rng.normal(size=(N_PSI, N_PSI)))[0]
    moves = (turn @ head.basis).reshape(N_PSI, n, 3).transpose(1, 2, 0)  # (V, 3, 50)
    directions = np.zeros((n, 3, 400), np.float32)
    directions[:, :, 300 : 300 + N_PSI] = moves * SIZE / 1000
    model = made_up(n_vertices=5) | {
        "v_template": head.template * np.float32(SIZE / 1000),
        "f": head.triangles.astype(np.uint32),
        "shapedirs": directions,
        "posedirs": np.zeros((n, 3, 36), np.float32),
        "J_regressor": joints / joints.sum(axis=1, keepdims=True),
        "weights": np.eye(5)[np.select([*eyes, jaw], [_EYE_LEFT, _EYE_RIGHT, _JAW], _NECK)],
    }
    path = data / "FLAME2020" / "generic_model.pkl"
    path.parent.mkdir(parents=True)
    write_model(path, model)
    groups = {"flame-2020": "FLAME2020/generic_model.pkl"}
    return Miniature("flame", data, {}, {}, None, groups)
