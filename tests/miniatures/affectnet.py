"""AffectNet: some hundred images, in both editions; EMOCA read the images one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfe.data.adapters.base import OTHER_FACE
from dfe.data.labels.affectnet import EXPRESSIONS
from miniatures.base import Extracted, Miniature, table, write_rows
from miniatures.extractors import emoca_image
from miniatures.faces import DIRECTIONS, FACES, NOISE, Rng

TRAINING, VALIDATION = 320, 80
NPY_TRAINING, NPY_VALIDATION = 40, 20
_HEADER = (
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
)


def write_affectnet(folder: Path, rng: Rng) -> Miniature:
    """The CSV edition: images lie in numbered folders, and their names are hashes."""
    data, out = folder / "affectnet", folder / "affectnet-extracted" / "emoca"
    names = [f"{i % 3 + 1}/{rng.bytes(8).hex()}" for i in range(TRAINING + VALIDATION)]
    suffixes = [(".jpg", ".png", ".JPG")[i % 3] for i in range(len(names))]
    splits = ["train"] * TRAINING + ["dev"] * VALIDATION
    codes, affects = _annotations(len(names), rng)
    rows = [
        (f"{name}{suffix}", 134, 134, 899, 899, "181.64;530.91;188.32;627.25", code, *affect)
        for name, suffix, code, affect in zip(names, suffixes, codes, affects, strict=True)
    ]
    for part, chosen in (("training", rows[:TRAINING]), ("validation", rows[TRAINING:])):
        write_rows(data / "Manually_Annotated" / f"{part}.csv", [_HEADER, *chosen])
    extracted = _images(out, {Path(name).name: (out, Path(name).name) for name in names}, rng)
    groups = {
        "training": "Manually_Annotated/training.csv",
        "validation": "Manually_Annotated/validation.csv",
    }
    return _miniature(data, names, splits, codes, affects, extracted, groups)


def write_affectnet_npy(folder: Path, rng: Rng) -> Miniature:
    """The npy edition: both parts number their images from 0."""
    data, out = folder / "affectnet-npy", folder / "affectnet-npy-extracted" / "emoca"
    ids = [("train_set", i) for i in range(NPY_TRAINING)]
    ids += [("val_set", i) for i in range(NPY_VALIDATION)]
    codes, affects = _annotations(len(ids), rng)
    for (part, i), code, affect in zip(ids, codes, affects, strict=True):
        annotations = data / part / "annotations"
        annotations.mkdir(parents=True, exist_ok=True)
        np.save(annotations / f"{i}_exp.npy", np.array(str(code)))  # a text, as in the release
        for kind, value in zip(("val", "aro"), affect, strict=True):
            np.save(annotations / f"{i}_{kind}.npy", np.array(value))
        np.save(annotations / f"{i}_lnd.npy", rng.uniform(0, 224, 136))
    names = [f"{part}/{i}" for part, i in ids]
    splits = ["train" if part == "train_set" else "dev" for part, _ in ids]
    places = {f"{part}/{i}": (out / part, str(i)) for part, i in ids}
    groups = {
        "training-expressions": "train_set/annotations/*_exp.npy",
        "training-valence": "train_set/annotations/*_val.npy",
        "training-arousal": "train_set/annotations/*_aro.npy",
        "validation-expressions": "val_set/annotations/*_exp.npy",
    }
    return _miniature(data, names, splits, codes, affects, _images(out, places, rng), groups)


def _annotations(n: int, rng: Rng) -> tuple[list[int], list[tuple[float, float]]]:
    """Expression, valence and arousal; the latter two are -2 where the code is 9 or 10."""
    codes = [int(code) for code in np.resize(np.arange(len(EXPRESSIONS)), n)]
    drawn = rng.uniform(-1, 1, (n, 2)).round(6).tolist()
    return codes, [
        (-2.0, -2.0) if c >= 9 else (v, a) for c, (v, a) in zip(codes, drawn, strict=True)
    ]


def _miniature(
    data: Path,
    names: Sequence[str],
    splits: Sequence[str],
    codes: Sequence[int],
    affects: Sequence[tuple[float, float]],
    extracted: Extracted,
    groups: Mapping[str, str],
) -> Miniature:
    values = np.array(affects)
    values[values == -2] = np.nan
    labels = table(
        [(name, "", split) for name, split in zip(names, splits, strict=True)],
        expression=codes,
        expression_name=[EXPRESSIONS[code] for code in codes],
        valence=values[:, 0].tolist(),
        arousal=values[:, 1].tolist(),
    )
    return Miniature("affectnet", data, {}, {"emoca": extracted}, labels, groups)


def _images(out: Path, places: Mapping[str, tuple[Path, str]], rng: Rng) -> Extracted:
    """EMOCA's folders of all images but the last, which shows no face; the first shows two."""
    psi = expressions(len(places), rng)
    *seen, lost = places
    for row, name in enumerate(seen):
        emoca_image(*places[name], psi[row], rng)
    emoca_image(*places[seen[0]], rng.normal(size=50), rng, face=1)
    frames: dict[str, tuple[int, ...]] = {name: (0,) for name in seen}
    return Extracted(out, frames, {seen[0]: {OTHER_FACE: 1}})


def expressions(n: int, rng: Rng) -> NDArray[np.float64]:
    """(n, 50) every other one a face of the videos, the others one to three movements."""
    some = rng.random((n, len(DIRECTIONS))).argsort(1) < rng.integers(1, 4, (n, 1))  # (n, 6)
    mixed = (some * rng.uniform(0.5, 1.2, some.shape)) @ DIRECTIONS
    psi = np.where(np.arange(n)[:, None] % 2, mixed, FACES[rng.integers(0, len(FACES), n)])
    return psi + rng.normal(0, NOISE, psi.shape)
