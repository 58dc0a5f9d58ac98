"""Facial Basis: against scikit-learn's own dictionary learning and the optimality of its codes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.decomposition import DictionaryLearning
from sklearn.exceptions import NotFittedError

import dfe.facial_basis
from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.data.simulate import sample_units
from dfe.face import OpenHead
from dfe.face.landmarks import LANDMARK_REGIONS, LANDMARKS
from dfe.facial_basis import ATOMS, FacialBasis, compare_alphas, rescaled_alpha

HEAD = OpenHead()
PSI = HEAD.units_to_psi(sample_units(260, 0))  # (260, 50)
TRAIN, OTHER = PSI[:200], PSI[200:]
_ENDS = np.cumsum(list(ATOMS.values()))
COLUMNS = dict(zip(ATOMS, np.split(np.arange(50), _ENDS[:-1]), strict=True))


@pytest.fixture(scope="module")
def basis() -> FacialBasis:
    return FacialBasis(max_iter=5).fit(TRAIN)


def displacements(psi: NDArray[np.float32]) -> NDArray[np.float64]:
    directions = HEAD.basis.reshape(50, -1, 3)[:, LANDMARKS].astype(np.float64)  # (50, 51, 3)
    return np.einsum("np,pld->nld", psi.astype(np.float64), directions)


def stacked(psi: NDArray[np.float32], region: str) -> NDArray[np.float64]:
    part = displacements(psi)[:, LANDMARK_REGIONS[region]]
    return np.hstack([part[..., axis] for axis in range(3)])  # (N, 3 L): all x, all y, all z


def test_the_regions_have_the_published_numbers_of_atoms() -> None:
    assert list(ATOMS) == list(LANDMARK_REGIONS)
    assert list(ATOMS.values()) == [5, 5, 3, 7, 7, 23]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # rounds on the way
@pytest.mark.parametrize("region", ATOMS)
def test_a_region_is_learned_and_coded_as_scikit_learn_does(
    basis: FacialBasis, region: str
) -> None:
    theirs = DictionaryLearning(
        ATOMS[region],
        alpha=0.21 * 83.04 / 89,
        fit_algorithm="cd",
        transform_algorithm="lasso_cd",
        transform_alpha=basis.alpha_,
        max_iter=5,
        random_state=0,
    )
    drawn = np.random.default_rng(0).permutation(len(TRAIN))  # the order matters in the last digits
    theirs.fit(stacked(TRAIN[drawn], region))
    np.testing.assert_allclose(basis.components_[region], theirs.components_, atol=1e-3)
    theirs.components_, theirs.transform_max_iter = basis.components_[region], 20_000
    found = basis.transform(OTHER)[:, COLUMNS[region]]
    np.testing.assert_allclose(found, theirs.transform(stacked(OTHER, region)), atol=1e-4)
    assert (found < 0).any() and (found > 0).any()


@pytest.mark.parametrize("region", ATOMS)
def test_the_codes_minimize_the_penalized_error(basis: FacialBasis, region: str) -> None:
    x, atoms = stacked(OTHER, region), basis.components_[region]
    codes = basis.transform(OTHER)[:, COLUMNS[region]].astype(np.float64)
    gradient = (x - codes @ atoms) @ atoms.T  # (N, atoms), alpha at most (subgradient of the norm)
    tolerance = 1e-3 * basis.alpha_
    assert np.abs(gradient).max() <= basis.alpha_ + tolerance
    active = codes != 0
    assert active.any()
    at_bound = basis.alpha_ * np.sign(codes[active])
    np.testing.assert_allclose(gradient[active], at_bound, atol=tolerance)


def test_atoms_are_no_longer_than_one(basis: FacialBasis) -> None:
    for region, n in ATOMS.items():
        assert basis.components_[region].shape == (n, stacked(TRAIN[:1], region).shape[1])
        length = np.linalg.norm(basis.components_[region], axis=1)
        assert length.max() == pytest.approx(1) and (length > 0).all()


@pytest.mark.parametrize("region", ATOMS)
def test_landmarks_of_one_region_use_only_its_atoms(basis: FacialBasis, region: str) -> None:
    alone = np.zeros((len(OTHER), 51, 3))
    alone[:, LANDMARK_REGIONS[region]] = displacements(OTHER)[:, LANDMARK_REGIONS[region]]
    codes = basis.encode_landmarks(alone)
    assert codes.dtype == np.float32 and codes.shape == (len(OTHER), 50)
    assert codes[:, COLUMNS[region]].any()
    assert not np.delete(codes, COLUMNS[region], axis=1).any()
    together = basis.transform(OTHER)[:, COLUMNS[region]]
    np.testing.assert_allclose(codes[:, COLUMNS[region]], together, atol=1e-5)


@pytest.mark.parametrize("region", ATOMS)
def test_a_coefficient_stands_for_its_atom(basis: FacialBasis, region: str) -> None:
    codes = np.eye(50, dtype=np.float32)[COLUMNS[region]]
    moved = basis.decode(codes)
    part = moved[:, LANDMARK_REGIONS[region]]
    flat = np.hstack([part[..., axis] for axis in range(3)])
    np.testing.assert_array_equal(flat, basis.components_[region])
    assert np.isclose(np.square(moved).sum(), np.square(part).sum())  # nothing else moves
    np.testing.assert_allclose(basis.decode(-2 * codes), -2 * moved)


def test_the_neutral_face_has_no_coefficients(basis: FacialBasis) -> None:
    assert not basis.transform(np.zeros((3, 50), np.float32)).any()
    assert basis.transform(np.zeros((0, 50), np.float32)).shape == (0, 50)


def test_frames_are_coded_one_by_one(basis: FacialBasis, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = basis.transform(OTHER)
    monkeypatch.setattr(dfe.facial_basis, "_BATCH", 7)
    np.testing.assert_allclose(basis.transform(OTHER), whole, atol=1e-5)


def test_the_default_penalty_follows_the_size_of_the_head(basis: FacialBasis) -> None:
    assert basis.alpha_ == rescaled_alpha(HEAD) == pytest.approx(0.21 * 83.04 / 89, rel=1e-3)
    twice = SimpleNamespace(template=2 * HEAD.template)
    assert rescaled_alpha(twice) == pytest.approx(2 * basis.alpha_)  # type: ignore[arg-type]
    assert FacialBasis(alpha=1, max_iter=1).fit(TRAIN).alpha_ == 1


def test_a_larger_penalty_is_sparser_and_keeps_less() -> None:
    table = compare_alphas(TRAIN, OTHER, [0.05, 1.0, 4.0, 1e6], max_iter=2)
    assert list(table.index.names) == ["alpha", "region"] and len(table) == 4 * 7
    active = table["active"].unstack("region")
    assert (active["all"].diff().dropna() < 0).all() and (active.loc[1e6] == 0).all()
    explained = table["explained"].unstack("region")["all"]
    assert (explained.diff().dropna() < 0).all()
    assert explained[0.05] > 0.9 and explained[1e6] == 0
    assert table.loc[(1.0, "mouth"), "active"] == pytest.approx(
        (FacialBasis(1.0, max_iter=2).fit(TRAIN).transform(OTHER)[:, 27:] != 0).sum(1).mean()
    )


def test_the_summary_of_a_region_is_what_one_counts(basis: FacialBasis) -> None:
    found, codes = basis.summary(OTHER), basis.transform(OTHER)
    truth, rest = displacements(OTHER), displacements(OTHER) - basis.decode(codes)
    eye, columns = LANDMARK_REGIONS["eye_left"], COLUMNS["eye_left"]
    row = found.loc["eye_left"]
    assert row["atoms"] == 7 and found.loc["all", "atoms"] == 50
    assert row["active"] == pytest.approx(np.count_nonzero(codes[:, columns]) / len(codes))
    assert row["used"] == sum(codes[:, k].any() for k in columns)
    lengths = np.linalg.norm(truth[:, eye], axis=-1)
    assert row["rms"] == pytest.approx(np.sqrt((lengths**2).mean()), rel=1e-4)
    left = np.square(rest[:, eye]).sum() / np.square(truth[:, eye]).sum()
    assert row["explained"] == pytest.approx(1 - left, abs=1e-4)
    everything = np.square(rest).sum() / np.square(truth).sum()
    assert found.loc["all", "explained"] == pytest.approx(1 - everything, abs=1e-4)
    still = basis.summary(np.zeros((2, 50)))
    assert still["explained"].isna().all() and (still["used"] == 0).all()


def test_it_learns_from_a_random_part_of_the_frames() -> None:
    fits = [FacialBasis(rows=40, max_iter=2, random_state=s).fit(TRAIN) for s in (1, 1, 2)]
    assert fits[0].sha256() == fits[1].sha256() != fits[2].sha256()
    drawn = np.random.default_rng(1).permutation(len(TRAIN))[:40]
    by_hand = FacialBasis(rows=40, max_iter=2, random_state=1).fit(TRAIN[np.sort(drawn)])
    alike = np.abs((by_hand.components_["nose"] * fits[0].components_["nose"]).sum(1))
    np.testing.assert_allclose(alike, 1, atol=1e-4)


def test_more_rounds_fit_better() -> None:
    def cost(rounds: int) -> float:
        basis = FacialBasis(max_iter=rounds).fit(TRAIN)
        codes = basis.transform(TRAIN).astype(np.float64)
        rest = displacements(TRAIN) - basis.decode(codes)
        return float(np.square(rest).sum() / 2 + basis.alpha_ * np.abs(codes).sum())

    assert cost(8) < 0.99 * cost(1)


def test_save_and_load_give_the_same_coefficients(basis: FacialBasis, tmp_path: Path) -> None:
    path = tmp_path / "basis.safetensors"
    basis.save(path, {"corpus": "abc"})
    again = FacialBasis.load(path)
    assert np.array_equal(again.transform(OTHER), basis.transform(OTHER))
    assert again.sha256() == basis.sha256() and again.alpha_ == basis.alpha_
    assert again.get_params() == basis.get_params() and again.n_features_in_ == 50
    assert again.provenance == {"corpus": "abc"} and basis.provenance == {}
    assert again.fit(TRAIN).provenance == {}  # it has learned from other frames now


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "0" * 64}, "another head"),
        ({"landmarks": "[1, 2]"}, "another landmarks"),
        ({"parameters": '{"atoms": 3}'}, "lacks a part"),
        ({"provenance": "[]"}, "lacks a part"),
        ({"format": "dfe-tokens/1"}, "format"),
    ],
)
def test_a_file_of_something_else_is_refused(
    basis: FacialBasis, tmp_path: Path, change: dict[str, str], message: str
) -> None:
    path = tmp_path / "basis.safetensors"
    basis.save(path)
    tensors, metadata = read_checkpoint(path, "dfe-facial-basis/1")
    write_checkpoint(path, tensors, metadata | change)
    with pytest.raises(CheckpointError, match=message):
        FacialBasis.load(path)


def test_a_file_without_whole_dictionaries_is_refused(basis: FacialBasis, tmp_path: Path) -> None:
    path = tmp_path / "basis.safetensors"
    with pytest.raises(CheckpointError, match="no checkpoint"):
        FacialBasis.load(path)
    basis.save(path)
    tensors, metadata = read_checkpoint(path, "dfe-facial-basis/1")
    write_checkpoint(path, tensors | {"nose": torch.zeros(3, 26)}, metadata)
    with pytest.raises(CheckpointError, match=r"nose has atoms of shape \(3, 26\)"):
        FacialBasis.load(path)
    write_checkpoint(path, {k: v for k, v in tensors.items() if k != "mouth"}, metadata)
    with pytest.raises(CheckpointError, match="mouth"):
        FacialBasis.load(path)


@pytest.mark.parametrize("call", ["transform", "encode_landmarks", "decode", "save", "summary"])
def test_nothing_works_before_fitting(call: str, tmp_path: Path) -> None:
    argument = tmp_path / "basis" if call == "save" else np.zeros((1, 50))
    with pytest.raises(NotFittedError):
        getattr(FacialBasis(), call)(argument)
    with pytest.raises(NotFittedError):
        FacialBasis().sha256()


def test_it_is_an_estimator(basis: FacialBasis) -> None:
    copy = clone(basis)
    assert copy.get_params() == basis.get_params() and not hasattr(copy, "components_")
    names = basis.get_feature_names_out().tolist()
    assert len(set(names)) == 50
    assert (names[0], names[10], names[49]) == ("brow_right_0", "nose_0", "mouth_22")
    framed = clone(basis).set_output(transform="pandas").fit(TRAIN).transform(OTHER)
    assert list(framed.columns) == names
    np.testing.assert_allclose(framed.to_numpy(), basis.transform(OTHER))


@pytest.mark.parametrize("call", ["fit", "transform", "summary"])
@pytest.mark.parametrize(
    ("psi", "error"),
    [
        (np.zeros((30, 49)), ValueError),
        (np.zeros((30, 50), int), TypeError),
        (np.full((30, 50), np.nan), ValueError),
    ],
)
def test_a_wrong_psi_is_refused(
    basis: FacialBasis, call: str, psi: np.ndarray, error: type[Exception]
) -> None:
    estimator = clone(basis) if call == "fit" else basis
    with pytest.raises(error, match="psi"):
        getattr(estimator, call)(psi)


def test_wrong_shapes_and_parameters_are_refused(basis: FacialBasis) -> None:
    with pytest.raises(ValueError, match=r"\(N, 51, 3\)"):
        basis.encode_landmarks(np.zeros((2, 50, 3)))
    with pytest.raises(ValueError, match=r"\(N, 51, 3\)"):
        basis.encode_landmarks(np.zeros((51, 3)))
    with pytest.raises(ValueError, match="coefficients"):
        basis.decode(np.zeros((2, 49)))
    with pytest.raises(ValueError, match="23 atoms.*got 22 frames"):
        FacialBasis().fit(TRAIN[:22])
    with pytest.raises(ValueError, match="rows=22"):
        FacialBasis(rows=22).fit(TRAIN)
    for alpha in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="alpha is a positive length"):
            FacialBasis(alpha).fit(TRAIN)
