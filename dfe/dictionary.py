"""An additive dictionary: each face as a sum of L out of K shared atoms.

This is what the model's decoder can express (section 3.2: one shared codebook, a linear decoder),
found without an encoder: codes by beam search, atoms by least squares, in turns. It is additive
quantization (Babenko & Lempitsky, CVPR 2014) with one dictionary for all L places. It serves twice:
as the ceiling for any encoder over the same dictionary, and as the start of training.
"""

from __future__ import annotations

import torch
from torch import Tensor

_RIDGE = 1e-3  # of the mean count of an atom: keeps the least squares solvable for rare atoms
_TINY = 1e-12  # draw weight of a face without error: last, but possible where there are only such
_RARE = 0.05  # atoms used less than this share of the average are replaced


def encode_additive(psi: Tensor, atoms: Tensor, stages: int, beam: int = 16) -> Tensor:
    """Choose `stages` atoms for each face by beam search over the squared error.

    Parameters
    ----------
    psi
        (N, P) float.
    atoms
        (K, P) float.
    stages
        L, how many atoms make a face; an atom may be chosen more than once.
    beam
        Partial sums kept per face after each choice.

    Returns
    -------
    (N, L) int64, each row sorted (the order of a sum is free)
    """
    chunks = psi.split(4096)  # bounds the memory of (rows, beam, K)
    return torch.cat([_beam_search(chunk, atoms, stages, beam) for chunk in chunks])


def _beam_search(psi: Tensor, atoms: Tensor, stages: int, beam: int) -> Tensor:
    gram = atoms @ atoms.T  # (K, K)
    # ||psi - sum||^2 grows by `alone[k] + 2 <sum so far, atom k>` when atom k joins.
    alone = gram.diagonal() - 2.0 * psi @ atoms.T  # (N, K)
    cost, first = alone.topk(min(beam, len(atoms)), dim=1, largest=False)  # (N, W)
    codes = first[:, :, None]  # (N, W, 1)
    for stage in range(1, stages):
        grown = cost[:, :, None] + alone[:, None, :] + 2.0 * gram[codes].sum(2)  # (N, W, K)
        width = 1 if stage == stages - 1 else beam
        cost, codes = _best_extensions(grown, codes, width)
    return codes[:, 0].sort(dim=1).values  # (N, L)


def _best_extensions(grown: Tensor, codes: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Keep the `width` cheapest distinct sets: (N, W, K), (N, W, l) -> (N, width), (.., l + 1)."""
    n_atoms = grown.shape[2]
    # A set of atoms is reached once per order of its members, hence more candidates than needed.
    wanted = min(width * (codes.shape[2] + 1), grown.shape[1] * n_atoms)
    cost, flat = grown.flatten(1).topk(wanted, dim=1, largest=False)  # (N, C)
    parents = codes.gather(1, (flat // n_atoms)[:, :, None].expand(-1, -1, codes.shape[2]))
    sets = torch.cat([parents, (flat % n_atoms)[:, :, None]], dim=2).sort(dim=2).values
    cost = cost.masked_fill(_repeats(sets, n_atoms), torch.inf)
    cost, best = cost.topk(min(width, wanted), dim=1, largest=False)  # (N, width)
    return cost, sets.gather(1, best[:, :, None].expand(-1, -1, sets.shape[2]))


def _repeats(sets: Tensor, n_atoms: int) -> Tensor:
    """Which sorted sets (N, C, l) have stood before in their row: (N, C) bool."""
    place = n_atoms ** torch.arange(sets.shape[2], device=sets.device)
    key, order = (sets * place).sum(2).sort(dim=1, stable=True)  # (N, C)
    repeated = torch.zeros_like(key, dtype=torch.bool)
    repeated[:, 1:] = key[:, 1:] == key[:, :-1]
    return torch.zeros_like(repeated).scatter(1, order, repeated)


def fit_additive(
    psi: Tensor, n_atoms: int, stages: int, iterations: int = 40, beam: int = 8, seed: int = 0
) -> Tensor:
    """Fit a dictionary by turns of beam search and least squares.

    Parameters
    ----------
    psi
        (N, P) float, N >= n_atoms.
    n_atoms, stages
        K and L.
    iterations
        Turns; atoms that fall out of use are replaced by large residuals in the first 70 %.

    Returns
    -------
    (K, P) float atoms

    Raises
    ------
    ValueError
        If there are fewer rows than atoms.
    """
    if len(psi) < n_atoms:
        raise ValueError(f"cannot fit {n_atoms} atoms to {len(psi)} faces: need at least as many")
    generator = torch.Generator().manual_seed(seed)
    start = torch.randperm(len(psi), generator=generator)[:n_atoms]
    atoms = psi[start.to(psi.device)] / 2.0  # half: several of them add up to a face
    for turn in range(iterations):
        codes = encode_additive(psi, atoms, stages, beam)
        counts = torch.zeros(len(psi), n_atoms, dtype=psi.dtype, device=psi.device)
        counts.scatter_add_(1, codes, torch.ones_like(codes, dtype=psi.dtype))  # (N, K)
        atoms = _least_squares(counts, psi)
        if turn < 0.7 * iterations:
            _replace_rare(atoms, counts, psi, generator)
    return atoms


def _least_squares(counts: Tensor, psi: Tensor) -> Tensor:
    normal = counts.T @ counts  # (K, K)
    normal.diagonal().add_(_RIDGE * len(psi) / len(normal))
    return torch.linalg.solve(normal, counts.T @ psi)  # (K, P)


def _replace_rare(atoms: Tensor, counts: Tensor, psi: Tensor, generator: torch.Generator) -> None:
    """Point atoms that hardly any face uses at what is worst explained, in place."""
    used = counts.sum(0)  # (K,)
    rare = (used < _RARE * used.mean()).nonzero().flatten()
    if len(rare):
        residual = psi - counts @ atoms  # (N, P)
        weight = residual.square().sum(1).clamp(min=_TINY).cpu()
        chosen = torch.multinomial(weight, len(rare), generator=generator)
        atoms[rare] = residual[chosen.to(psi.device)]
