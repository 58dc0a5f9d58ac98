"""The additive dictionary: beam search against brute force, fits against planted dictionaries."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dfe.dictionary import encode_additive, fit_additive
from dfe.metrics import explained_variance


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def errors(psi: Tensor, atoms: Tensor, codes: Tensor) -> Tensor:
    return (psi - atoms[codes].sum(1)).square().sum(1)  # (N,)


def planted(n_atoms: int, stages: int, rows: int = 600, width: int = 12) -> tuple[Tensor, Tensor]:
    """Orthogonal atoms of different lengths, and faces that are sums of `stages` of them."""
    directions = torch.linalg.qr(normal(0, width, width)).Q[:n_atoms]
    atoms = directions * torch.linspace(2, 4, n_atoms, dtype=torch.float64)[:, None]
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(n_atoms, (rows, stages), generator=generator)
    return atoms, atoms[codes].sum(1)


# Beam search


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 4))
def test_a_beam_that_holds_every_set_is_exact(seed: int, k: int, stages: int) -> None:
    psi, atoms = 2 * normal(seed, 5, 3), normal(seed + 1, k, 3)
    every = torch.tensor(list(combinations_with_replacement(range(k), stages)))  # (C, L)
    best = (psi[:, None] - atoms[every].sum(1)).square().sum(2).min(1).values  # (N,)
    beam = max(k, comb(k + stages - 2, stages - 1))  # the sets of one member less
    codes = encode_additive(psi, atoms, stages, beam)
    torch.testing.assert_close(errors(psi, atoms, codes), best)


def beam_by_hand(face: Tensor, atoms: Tensor, stages: int, beam: int) -> tuple[int, ...]:
    """Keep the `beam` best different sets of 1, 2, ..., then take the best of the last."""

    def error(members: tuple[int, ...]) -> float:
        return (face - atoms[list(members)].sum(0)).square().sum().item()

    kept: list[tuple[int, ...]] = [()]
    for _ in range(stages):
        grown = {tuple(sorted((*members, k))) for members in kept for k in range(len(atoms))}
        kept = sorted(grown, key=error)[:beam]
    return kept[0]


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 4))
def test_a_narrow_beam_keeps_the_best_different_sets(seed: int, beam: int, stages: int) -> None:
    psi, atoms = 2 * normal(seed, 4, 3), normal(seed + 1, 6, 3)
    expected = [beam_by_hand(face, atoms, stages, beam) for face in psi]
    assert encode_additive(psi, atoms, stages, beam).tolist() == [list(e) for e in expected]


@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 4))
def test_codes_are_sorted_atoms(seed: int, beam: int, stages: int) -> None:
    codes = encode_additive(normal(seed, 7, 3), normal(seed + 1, 6, 3), stages, beam)
    assert codes.shape == (7, stages) and codes.dtype == torch.int64
    assert torch.equal(codes, codes.sort(1).values)
    assert 0 <= codes.min() and codes.max() < 6


def test_one_stage_is_the_nearest_atom() -> None:
    psi, atoms = normal(0, 50, 4), normal(1, 9, 4)
    nearest = torch.cdist(psi, atoms).argmin(1, keepdim=True)
    assert torch.equal(encode_additive(psi, atoms, 1, beam=3), nearest)


def test_a_wider_beam_is_no_worse_on_average() -> None:
    psi, atoms = 2 * normal(0, 400, 8), normal(1, 20, 8)
    means = [
        errors(psi, atoms, encode_additive(psi, atoms, 4, beam)).mean().item()
        for beam in (1, 2, 4, 16, 64)
    ]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.95 * means[0]


def test_an_atom_may_stand_twice() -> None:
    atoms = torch.tensor([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    psi = torch.tensor([[3.0, 0.0], [1.0, 2.0]])
    assert encode_additive(psi, atoms, 3).tolist() == [[0, 0, 0], [0, 1, 1]]


def test_long_inputs_are_coded_row_by_row() -> None:
    psi, atoms = normal(0, 4100, 3), normal(1, 4, 3)
    codes = encode_additive(psi, atoms, 2)
    assert torch.equal(codes[4090:], encode_additive(psi[4090:], atoms, 2))
    assert encode_additive(psi[:0], atoms, 2).shape == (0, 2)


# Fit


@pytest.mark.parametrize(("n_atoms", "stages"), [(8, 2), (6, 1)])
def test_a_planted_dictionary_is_recovered(n_atoms: int, stages: int) -> None:
    truth, psi = planted(n_atoms, stages)
    atoms = fit_additive(psi, n_atoms, stages)
    psi_hat = atoms[encode_additive(psi, atoms, stages)].sum(1)
    assert explained_variance(psi, psi_hat) > 0.99
    assert torch.cdist(truth, atoms).min(1).values.max() < 0.1  # the atoms themselves, up to order


def test_more_atoms_and_stages_explain_more() -> None:
    psi = normal(5, 500, 6)

    def r2(n_atoms: int, stages: int) -> float:
        atoms = fit_additive(psi, n_atoms, stages, iterations=10)
        return explained_variance(psi, atoms[encode_additive(psi, atoms, stages)].sum(1))

    assert 0.2 < r2(8, 1) < r2(8, 2) < r2(16, 3)


def test_the_fit_depends_on_nothing_but_the_seed() -> None:
    psi = normal(5, 200, 6)
    first = fit_additive(psi, 8, 2, iterations=5, seed=3)
    torch.manual_seed(99)
    assert torch.equal(first, fit_additive(psi, 8, 2, iterations=5, seed=3))
    assert not torch.equal(first, fit_additive(psi, 8, 2, iterations=5, seed=4))


def test_the_faces_stay_as_they_were() -> None:
    psi = normal(5, 50, 6)
    before = psi.clone()
    fit_additive(psi, 8, 2, iterations=5)
    assert torch.equal(psi, before)


def test_fewer_faces_than_atoms_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot fit 64 atoms to 63 faces"):
        fit_additive(normal(0, 63, 5), 64, 4)
    assert fit_additive(normal(0, 64, 5), 64, 2, iterations=2).isfinite().all()


@pytest.mark.parametrize(
    "psi",
    [
        torch.zeros(100, 5),
        torch.ones(100, 5),
        torch.cat([torch.zeros(97, 5), torch.eye(3, 5)]),
        torch.eye(2, 5).repeat(50, 1),
    ],
    ids=["neutral only", "one face", "mostly neutral", "two faces"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_atoms_without_use_stay_finite(psi: Tensor, dtype: torch.dtype) -> None:
    psi = psi.to(dtype)
    atoms = fit_additive(psi, 16, 2)
    assert atoms.isfinite().all()
    codes = encode_additive(psi, atoms, 2)
    assert errors(psi, atoms, codes).max() < 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_atoms_out_of_use_are_put_to_use(seed: int) -> None:
    # Nearly all faces are alike, so that all atoms start equal, and only one of equals is used.
    faces = 20 * torch.eye(3, 5, dtype=torch.float64)
    psi = torch.cat([faces[:1].repeat(500, 1), faces[1:].repeat(20, 1)])
    atoms = fit_additive(psi, 3, 1, iterations=20, seed=seed)
    assert errors(faces, atoms, encode_additive(faces, atoms, 1)).max() < 1
