"""Facial Basis: sparse codes of the landmarks of each region of the face, a baseline of section 5.

The method is that of Sariyanidi et al. (github.com/sariyanidi/FacialBasis): the displacements of
51 landmarks by the expression alone, one dictionary of signed atoms for each of six regions, 50
atoms in all, and no temporal difference. Its dictionaries belong to the Basel Face Model; here
they are learned again on the open head.

The penalty alpha is a length: scikit-learn minimizes ``||x - c D||^2 / 2 + alpha ||c||_1`` with
atoms D of length 1 at most, so an atom stays out unless what the other atoms leave over has a
projection larger than alpha on it. The published alpha is 0.21 on a face model whose outer eye
corners (landmarks 19 and 28) are 89 apart (`prepare_BFM.py` there), so `rescaled_alpha` multiplies
it by the distance between these corners of the head in use over 89. `FacialBasis.summary` and
`compare_alphas` show what this alpha and others keep, and how many atoms they need.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from warnings import catch_warnings

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import DictionaryLearning, sparse_encode
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.checks import as_rows
from dfe.data.corpus import sha256_array
from dfe.data.fetch import sha256_file
from dfe.face.landmarks import LANDMARK_REGIONS, LANDMARKS, landmark_displacements
from dfe.face.open_head import ASSET, OpenHead

#: Atoms of each region, in the order of the coefficients.
ATOMS: Mapping[str, int] = MappingProxyType(
    {"brow_right": 5, "brow_left": 5, "nose": 3, "eye_right": 7, "eye_left": 7, "mouth": 23}
)
N_COEFFICIENTS = sum(ATOMS.values())  # 50
PUBLISHED_ALPHA = 0.21
PUBLISHED_EYES = 89.0  # between the outer eye corners of the face model which that alpha is for
_EYE_CORNERS = (19, 28)  # landmarks
_SWEEPS = 20_000  # of coordinate descent at most; near-parallel atoms need more than the usual 1000
_BATCH = 20_000  # frames coded at a time
_FORMAT = "dfe-facial-basis/1"


def rescaled_alpha(head: OpenHead) -> float:
    """Return the published penalty for a head of this size, in millimeters: 0.196 for ours."""
    right, left = head.template[[LANDMARKS[k] for k in _EYE_CORNERS]].astype(np.float64)
    return PUBLISHED_ALPHA * float(np.linalg.norm(left - right)) / PUBLISHED_EYES


class FacialBasis(TransformerMixin, BaseEstimator):
    """Sparse coefficients of the landmarks of each region, learned on the open head.

    Parameters
    ----------
    alpha
        Penalty of learning and of coding, in millimeters, the same for all regions; None for the
        published one rescaled to the head (`rescaled_alpha`).
    rows
        Frames to learn from at most, drawn at random.
    max_iter
        Rounds of dictionary learning for each region.
    random_state
        Seed of the draw and of the learning.

    Attributes
    ----------
    alpha_
        The penalty in use, millimeters.
    components_
        Region -> (atoms, 3 L) float64: over all x, then all y, then all z of the L landmarks of
        the region. Atoms have length 1, or less where the last round drew them anew.
    n_features_in_
        50.

    Examples
    --------
    >>> psi = np.random.default_rng(0).normal(size=(60, 50)).astype(np.float32)
    >>> FacialBasis(max_iter=2).fit(psi).transform(psi).shape
    (60, 50)
    """

    def __init__(
        self,
        alpha: float | None = None,
        rows: int = 2000,
        max_iter: int = 100,
        random_state: int = 0,
    ) -> None:
        self.alpha = alpha
        self.rows = rows
        self.max_iter = max_iter
        self.random_state = random_state

    @property
    def provenance(self) -> dict[str, str]:
        """What `save` was told about the frames, after `load`; else empty."""
        return dict(getattr(self, "_provenance", {}))

    def fit(self, psi: ArrayLike, y: None = None) -> Self:
        """Learn the six dictionaries from psi (N, 50) floating point.

        Raises
        ------
        TypeError, ValueError
            psi is not finite floats of this shape, there are fewer frames than atoms of a region,
            or alpha is not positive.
        """
        head, fewest = OpenHead(), max(ATOMS.values())
        frames = as_rows(psi, head.n_psi, "psi")
        if min(len(frames), self.rows) < fewest:
            raise ValueError(
                f"the mouth has {fewest} atoms, which need as many frames: "
                f"got {len(frames)} frames and rows={self.rows}"
            )
        alpha = rescaled_alpha(head) if self.alpha is None else float(self.alpha)
        if not 0 < alpha < np.inf:
            raise ValueError(f"alpha is a positive length in millimeters, got {alpha}")
        drawn = np.random.default_rng(self.random_state).permutation(len(frames))[: self.rows]
        moved = landmark_displacements(head, frames[drawn])  # (n, 51, 3)
        self.alpha_, self.n_features_in_ = alpha, head.n_psi
        self._provenance: dict[str, str] = {}
        self.components_ = {region: self._learn(moved, region) for region in ATOMS}
        return self

    def _learn(self, moved: NDArray[np.float64], region: str) -> NDArray[np.float64]:
        learning = DictionaryLearning(
            ATOMS[region],
            alpha=self.alpha_,
            fit_algorithm="cd",
            transform_algorithm="lasso_cd",
            max_iter=self.max_iter,
            random_state=self.random_state,
        )
        with catch_warnings(category=ConvergenceWarning, action="ignore"):
            # Codes of a dictionary on the way may stop early: the next round starts from them.
            return learning.fit(_stacked(moved, region)).components_

    def transform(self, psi: ArrayLike) -> NDArray[np.float32]:
        """Coefficients (N, 50) float32 of psi (N, 50), in millimeters; frames are independent.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            There are no dictionaries yet.
        TypeError, ValueError
            psi is not finite floats of shape (N, 50).
        """
        check_is_fitted(self, "components_")
        return self.encode_landmarks(landmark_displacements(OpenHead(), psi))

    def encode_landmarks(self, displacements: NDArray[np.float64]) -> NDArray[np.float32]:
        """Coefficients (N, 50) float32 of landmark displacements (N, 51, 3), millimeters.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            There are no dictionaries yet.
        ValueError
            The shape is wrong.
        """
        check_is_fitted(self, "components_")
        moved = np.asarray(displacements, np.float64)
        if moved.ndim != 3 or moved.shape[1:] != (len(LANDMARKS), 3):
            expected = f"(N, {len(LANDMARKS)}, 3)"
            raise ValueError(f"landmark displacements must have shape {expected}: {moved.shape}")
        codes = np.zeros((len(moved), N_COEFFICIENTS), np.float32)
        for batch in gen_batches(len(moved), _BATCH) if len(moved) else ():
            for region, columns in _columns().items():
                codes[batch, columns] = sparse_encode(
                    _stacked(moved[batch], region),
                    self.components_[region],
                    algorithm="lasso_cd",
                    alpha=self.alpha_,
                    max_iter=_SWEEPS,
                )
        return codes

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Landmark displacements (N, 51, 3) in millimeters that coefficients (N, 50) stand for.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            There are no dictionaries yet.
        TypeError, ValueError
            The coefficients are not finite floats of this shape.
        """
        check_is_fitted(self, "components_")
        rows = as_rows(codes, N_COEFFICIENTS, "coefficients").astype(np.float64)
        moved = np.empty((len(rows), len(LANDMARKS), 3))
        for region, columns in _columns().items():
            flat = rows[:, columns] @ self.components_[region]  # (N, 3 L)
            moved[:, LANDMARK_REGIONS[region]] = flat.reshape(len(rows), 3, -1).transpose(0, 2, 1)
        return moved

    def get_feature_names_out(self, input_features: None = None) -> NDArray[np.object_]:
        """Name each coefficient by its region and atom: ``brow_right_0`` to ``mouth_22``."""
        return np.array([f"{name}_{k}" for name, n in ATOMS.items() for k in range(n)], object)

    def summary(self, psi: ArrayLike) -> pd.DataFrame:
        """How sparse and how faithful the coefficients of psi (N, 50) are.

        Returns
        -------
        A row for each region and one for "all": `atoms`, `used` (atoms that some frame uses),
        `active` (atoms in use per frame, mean), `rms` (root mean square displacement of a
        landmark, millimeters) and `explained` (share of the squared displacement from the neutral
        face that the coefficients keep; NaN where nothing moves).
        """
        truth = landmark_displacements(OpenHead(), psi)
        codes = self.encode_landmarks(truth)
        rest = truth - self.decode(codes)  # (N, 51, 3)
        places = {name: (LANDMARK_REGIONS[name], columns) for name, columns in _columns().items()}
        places["all"] = (slice(None), slice(None))
        rows = {
            name: _describe(truth[:, landmarks], rest[:, landmarks], codes[:, columns] != 0)
            for name, (landmarks, columns) in places.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("region")

    def sha256(self) -> str:
        """SHA-256 over the penalty and the atoms of all regions."""
        check_is_fitted(self, "components_")
        digest = hashlib.sha256(f"alpha:{self.alpha_.hex()}\n".encode())
        for region in ATOMS:
            digest.update(f"{region}:{sha256_array(self.components_[region])}\n".encode())
        return digest.hexdigest()

    def save(self, path: Path, provenance: Mapping[str, str] | None = None) -> None:
        """Write the dictionaries to a safetensors file, with texts that say what they learned from.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            There are no dictionaries yet.
        """
        check_is_fitted(self, "components_")
        tensors = {region: torch.from_numpy(atoms) for region, atoms in self.components_.items()}
        metadata = {
            "format": _FORMAT,
            "alpha": repr(self.alpha_),
            "parameters": json.dumps(self.get_params()),
            "provenance": json.dumps(dict(provenance or {})),
        }
        write_checkpoint(path, tensors, metadata | _geometry())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        dfe.checkpoint.CheckpointError
            The file is missing, damaged or of another format, or it was learned on another head
            or from other landmarks.
        """
        tensors, metadata = read_checkpoint(path, _FORMAT)
        for part, value in _geometry().items():
            if metadata.get(part) != value:
                raise CheckpointError(f"{path} is for another {part}: fit the Facial Basis again")
        try:
            basis = cls(**_json(metadata["parameters"]))
            basis.alpha_ = float(metadata["alpha"])
            basis._provenance = _json(metadata["provenance"])
            basis.components_ = {region: tensors[region].numpy() for region in ATOMS}
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} lacks a part of a Facial Basis: {error!r}") from error
        for region, n in ATOMS.items():
            shape, landmarks = basis.components_[region].shape, LANDMARK_REGIONS[region]
            if shape != (n, 3 * (landmarks.stop - landmarks.start)):
                raise CheckpointError(f"{path}: {region} has atoms of shape {shape}")
        basis.n_features_in_ = OpenHead().n_psi
        return basis


def compare_alphas(
    train: ArrayLike, held_out: ArrayLike, alphas: Iterable[float], **parameters: Any
) -> pd.DataFrame:
    """Fit a basis for each penalty and sum it up on other frames.

    Parameters
    ----------
    train, held_out
        psi (N, 50) to learn from, and psi (M, 50) to describe.
    alphas
        Penalties, millimeters.
    parameters
        Further parameters of `FacialBasis`.

    Returns
    -------
    As `FacialBasis.summary`, with the levels `alpha` and `region` in the index.
    """
    found = {a: FacialBasis(a, **parameters).fit(train).summary(held_out) for a in alphas}
    return pd.concat(found, names=["alpha"])


def _stacked(moved: NDArray[np.float64], region: str) -> NDArray[np.float64]:
    """Displacements (N, 51, 3) of a region's landmarks as (N, 3 L): all x, all y, all z."""
    part = moved[:, LANDMARK_REGIONS[region]]  # (N, L, 3)
    return part.transpose(0, 2, 1).reshape(len(part), -1)


def _columns() -> dict[str, slice]:
    """Columns of each region among the 50 coefficients."""
    ends = np.cumsum(list(ATOMS.values())).tolist()
    return {name: slice(end - ATOMS[name], end) for name, end in zip(ATOMS, ends, strict=True)}


def _describe(
    truth: NDArray[np.float64], rest: NDArray[np.float64], active: NDArray[np.bool_]
) -> dict[str, float]:
    """One row of a summary: (N, L, 3) displacements, what is left of them, (N, atoms) in use."""
    total = float(np.square(truth).sum())
    return {
        "atoms": active.shape[1],
        "used": int(active.any(0).sum()),
        "active": float(active.sum(1).mean()),
        "rms": float(np.sqrt(np.square(truth).sum(-1).mean())),
        "explained": 1 - float(np.square(rest).sum()) / total if total else np.nan,
    }


def _geometry() -> dict[str, str]:
    """What coefficients mean depends on the head and on the landmarks."""
    return {"head": sha256_file(ASSET), "landmarks": json.dumps(LANDMARKS)}


def _json(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {text[:80]}")
    return value
