"""The residual quantizer against an independent implementation, hand-worked numbers and calculus.

Hand-worked example used below (K = 3 codes in 2 dimensions, L = 2 stages):

    e_0 = (4, 0)   e_1 = (0, 2)   e_2 = (1, 1)
    z = (5, 3):  squared distances 10, 26, 20  ->  k_1 = 0, rest (1, 3)
                 squared distances 18,  2,  4  ->  k_2 = 1, rest (1, 1)
    z = (1, 1):  squared distances 10,  2,  0  ->  k_1 = 2, rest (0, 0)
                 squared distances 16,  4,  2  ->  k_2 = 2, rest (-1, -1)
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from torch import Tensor
from vector_quantize_pytorch import ResidualVQ

from dfe.quantizer import CodeUsage, ResidualQuantizer, nearest_code

CODES = torch.tensor([[4.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
Z = torch.tensor([[5.0, 3.0], [1.0, 1.0]])
EXPECTED = torch.tensor([[0, 1], [2, 2]])


def quantizer_with(codes: Tensor, stages: int, update: str = "gradient") -> ResidualQuantizer:
    quantizer = ResidualQuantizer(*codes.shape, stages, update).to(codes.dtype)
    quantizer.set_codes(torch.arange(len(codes)), codes)
    return quantizer


def random_case(n: int = 40, k: int = 7, d: int = 5, stages: int = 3) -> tuple:
    """A quantizer in float64 and rows z that require a gradient."""
    generator = torch.Generator().manual_seed(3)
    codes = torch.randn(k, d, generator=generator, dtype=torch.float64)
    z = 2 * torch.randn(n, d, generator=generator, dtype=torch.float64)
    return quantizer_with(codes, stages), z.requires_grad_()


# Equations 2 and 3


def test_hand_worked_codes_and_sum() -> None:
    quantizer = quantizer_with(CODES, stages=2)
    assert torch.equal(quantizer.encode(Z), EXPECTED)
    assert torch.equal(quantizer.decode(EXPECTED), torch.tensor([[4.0, 2.0], [2.0, 2.0]]))


def test_hand_worked_losses() -> None:
    # Row 1: |(1, 3)|^2 + |(1, 1)|^2 = 10 + 2; row 2: 0 + 2; mean (12 + 2) / 2.
    result = quantizer_with(CODES, stages=2)(Z)
    assert result.commitment_loss.item() == result.codebook_loss.item() == 7.0
    assert torch.equal(result.codes, EXPECTED)
    assert torch.equal(result.z_q, torch.tensor([[4.0, 2.0], [2.0, 2.0]]))


def test_partial_codes_decode_to_partial_sums() -> None:
    quantizer, z = random_case()
    codes = quantizer.encode(z.detach())
    steps = [quantizer.decode(codes[:, : i + 1]) for i in range(3)]
    assert torch.equal(steps[0], quantizer.codebook[codes[:, 0]])
    for i in (1, 2):
        increment = steps[i] - steps[i - 1]
        torch.testing.assert_close(increment, quantizer.codebook[codes[:, i]].detach())


def test_the_lowest_index_wins_a_tie() -> None:
    twice = torch.tensor([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert nearest_code(torch.tensor([[2.0, 0.0], [0.5, 0.5]]), twice).tolist() == [1, 1]


def test_encode_and_forward_choose_the_same_codes() -> None:
    quantizer, z = random_case(500)
    assert torch.equal(quantizer.encode(z.detach()), quantizer(z).codes)


@given(st.integers(0, 1000), st.integers(2, 9), st.integers(1, 6), st.integers(1, 4))
def test_each_code_is_the_nearest_to_the_rest(seed: int, k: int, d: int, stages: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(k, d, generator=generator, dtype=torch.float64)
    rest = torch.randn(6, d, generator=generator, dtype=torch.float64)
    chosen = quantizer_with(codes, stages).encode(rest)
    assert chosen.shape == (6, stages) and chosen.dtype == torch.int64
    for stage in chosen.T:
        distance = torch.cdist(rest, codes)
        picked = distance.gather(1, stage[:, None])[:, 0]
        torch.testing.assert_close(picked, distance.min(1).values)
        rest = rest - codes[stage]


# Oracle


def differing_stage(z: Tensor, codes: Tensor, ours: Tensor, theirs: Tensor) -> tuple:
    """Squared distances of both choices at the first stage where one row's codes differ."""
    rest = z.double()
    for a, b in zip(ours.tolist(), theirs.tolist(), strict=True):
        if a != b:
            return tuple((rest - codes[i].double()).square().sum().item() for i in (a, b))
        rest = rest - codes[a].double()
    raise AssertionError("the rows do not differ")


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_codes_agree_with_vector_quantize_pytorch(scale: float) -> None:
    n, d, k, stages = 20_000, 50, 64, 4
    generator = torch.Generator().manual_seed(0)
    codes = scale * torch.randn(k, d, generator=generator)
    z = torch.randn(n, d, generator=generator)
    theirs = ResidualVQ(dim=d, num_quantizers=stages, codebook_size=k, shared_codebook=True).eval()
    for layer in theirs.layers:
        layer._codebook.embed.data.copy_(codes[None])
    with torch.inference_mode():
        expected = theirs(z)[1]  # (N, L)
        found = quantizer_with(codes, stages).encode(z)
    assert len(found.unique()) > k / 2  # a case in which the codes matter
    differ = (found != expected).any(1).nonzero().flatten()
    assert (found != expected).double().mean().item() <= 1e-4
    for row in differ.tolist():
        ours, other = differing_stage(z[row], codes, found[row], expected[row])
        assert ours == pytest.approx(other, rel=1e-5)


# Gradients


def test_straight_through_gradient_is_exactly_one() -> None:
    quantizer, z = random_case()
    quantizer(z).z_q.sum().backward()
    assert torch.equal(z.grad, torch.ones_like(z))
    assert quantizer.codebook.grad is None  # z_q itself does not move the codebook


def test_straight_through_jacobian_is_the_identity() -> None:
    quantizer, z = random_case(n=1)
    jacobian = torch.autograd.functional.jacobian(lambda x: quantizer(x).z_q, z.detach())
    assert torch.equal(jacobian[0, :, 0], torch.eye(5, dtype=torch.float64))


def rests(quantizer: ResidualQuantizer, z: Tensor) -> Tensor:
    """What is left over after each stage, z_1 ... z_L: (L, N, D)."""
    z, codes = z.detach(), quantizer.encode(z.detach())
    stages = range(1, codes.shape[1] + 1)
    return torch.stack([z - quantizer.decode(codes[:, :i]).detach() for i in stages])


def test_commitment_as_printed_uses_what_is_left() -> None:
    codebook = torch.tensor([[1.0], [4.0]])
    quantizer = ResidualQuantizer(2, 1, stages=2, commitment_residual="after")
    quantizer.set_codes(torch.arange(2), codebook)
    # z = 4.5: code 4 leaves 0.5, code 1 leaves -0.5; equation 5 compares (0.5, 4) and (-0.5, 1).
    result = quantizer(torch.tensor([[4.5]]))
    assert result.codes.tolist() == [[1, 0]]
    assert result.commitment_loss.item() == (0.5 - 4) ** 2 + (-0.5 - 1) ** 2
    assert result.codebook_loss.item() == 0.5**2 + 0.5**2


def test_commitment_gradient_reaches_every_stage() -> None:
    # d/dz of (1/N) sum_i |z_{i-1} - sg(e_{k_i})|^2, where dz_{i-1}/dz = 1 for every stage i.
    quantizer, z = random_case()
    quantizer(z).commitment_loss.backward()
    per_stage = 2 * rests(quantizer, z) / len(z)  # (L, N, D)
    torch.testing.assert_close(z.grad, per_stage.sum(0))
    assert quantizer.codebook.grad is None
    for i in range(len(per_stage)):  # each stage's part is there: without it, it would not match
        assert not torch.allclose(z.grad, per_stage.sum(0) - per_stage[i], rtol=0.01)


def test_codebook_gradient_comes_from_every_stage_of_the_codebook_loss() -> None:
    # d/de_k of (1/N) sum_i |sg(z_{i-1}) - e_{k_i}|^2 = -2/N times the sum of z_i where k_i = k.
    quantizer, z = random_case()
    result = quantizer(z)
    result.codebook_loss.backward()
    expected = torch.zeros_like(quantizer.codebook)
    for rest, codes in zip(rests(quantizer, z), result.codes.T, strict=True):
        expected.index_add_(0, codes, -2 * rest / len(z))
    torch.testing.assert_close(quantizer.codebook.grad, expected)
    assert z.grad is None


# Moving averages


def test_hand_worked_moving_average() -> None:
    # Stage 1 sends (5, 3) to code 0; stage 2 sends the rest (1, 3) to code 1; code 2 gets nothing.
    decay, tiny = 0.75, 1e-5
    quantizer = ResidualQuantizer(3, 2, stages=2, update="ema", decay=decay)
    quantizer.set_codes(torch.arange(3), CODES)
    quantizer.train()(Z[:1])
    count = torch.tensor([1.0, 1.0, 0.75])  # a quarter of the way from 1, 1, 1 to 1, 1, 0
    total = torch.tensor([[4.25, 0.75], [0.25, 2.25], [0.75, 0.75]])  # to (5, 3), (1, 3), (0, 0)
    smooth = (count + tiny) / (2.75 + 3 * tiny) * 2.75
    torch.testing.assert_close(quantizer.ema_count, count)
    torch.testing.assert_close(quantizer.ema_sum, total)
    torch.testing.assert_close(quantizer.codebook, total / smooth[:, None])


def test_moving_averages_are_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a batch, told what the other half counted, ends at the codebook of the whole."""
    z = random_case()[1].detach().float()
    codes = z[:5] / 2

    def averages(rows: Tensor, *elsewhere: Tensor) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        quantizer, own = quantizer_with(codes, stages=2, update="ema").train(), []

        def add(*tensors: Tensor) -> tuple[Tensor, ...]:
            own.extend(tensors)
            return tuple(t + e for t, e in zip(tensors, elsewhere or (0, 0), strict=True))

        monkeypatch.setattr("dfe.quantizer.sum_over_ranks", add)
        quantizer(rows)
        return [quantizer.codebook, quantizer.ema_count, quantizer.ema_sum], tuple(own)

    whole, _ = averages(z)
    (_, first), (_, second) = averages(z[:25]), averages(z[25:])
    for rows, other in ((z[:25], second), (z[25:], first)):
        for ours, expected in zip(averages(rows, *other)[0], whole, strict=True):
            torch.testing.assert_close(ours, expected)


def test_moving_averages_rest_outside_training() -> None:
    quantizer = quantizer_with(CODES, stages=2, update="ema").eval()
    quantizer(Z)
    assert torch.equal(quantizer.codebook, CODES)
    assert list(quantizer.parameters()) == []


def test_moving_averages_find_the_centres() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[10.0, 0.0], [-10.0, 5.0]])
    quantizer = ResidualQuantizer(2, 2, stages=1, update="ema", decay=0.8)
    quantizer.set_codes(torch.arange(2), torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    for _ in range(60):
        noise = 0.01 * torch.randn(64, 2, generator=generator)
        quantizer.train()(centres.repeat(32, 1) + noise)
    torch.testing.assert_close(quantizer.codebook, centres, atol=0.01, rtol=0)


@pytest.mark.parametrize("update", ["gradient", "ema"])
def test_set_codes_overwrites_only_what_it_names(update: str) -> None:
    quantizer = quantizer_with(CODES, stages=2, update=update)
    quantizer.set_codes(torch.tensor([1]), torch.tensor([[7.0, 7.0]]))
    assert quantizer.codebook.tolist() == [[4.0, 0.0], [7.0, 7.0], [1.0, 1.0]]
    if update == "ema":
        assert quantizer.ema_sum.tolist() == quantizer.codebook.tolist()


# Usage


def test_hand_counted_usage() -> None:
    usage = CodeUsage.of(torch.tensor([[0, 1], [0, 3], [2, 3]]), codebook_size=5)
    assert usage.counts.tolist() == [[2, 0, 1, 0, 0], [0, 1, 0, 2, 0]]
    assert usage.used.tolist() == [2, 2]
    assert usage.dead.tolist() == [4]


code_arrays = st.integers(2, 20).flatmap(
    lambda k: st.tuples(
        st.just(k),
        st.integers(1, 3).flatmap(
            lambda stages: st.lists(
                st.lists(st.integers(0, k - 1), min_size=stages, max_size=stages),
                min_size=1,
                max_size=30,
            )
        ),
    )
)


@given(code_arrays)
def test_usage_against_scipy(case: tuple[int, list[list[int]]]) -> None:
    k, rows = case
    usage = CodeUsage.of(torch.tensor(rows), k)
    counts = np.stack([np.bincount(stage, minlength=k) for stage in np.array(rows).T])
    np.testing.assert_array_equal(usage.counts, counts)
    np.testing.assert_allclose(usage.perplexity, np.exp(entropy(counts, axis=1)), rtol=1e-12)
    overall = entropy(counts.sum(0)) / np.log(k)
    assert usage.normalized_entropy == pytest.approx(overall, rel=1e-12, abs=1e-12)
    assert 0 <= usage.normalized_entropy <= 1 + 1e-12
    assert (usage.perplexity <= usage.used + 1e-9).all()  # at most as many as are used
    assert len(usage.dead) + len(np.unique(rows)) == k


@pytest.mark.parametrize("k", [2, 3, 50, 64, 97])
def test_normalized_entropy_at_its_ends(k: int) -> None:
    uniform = CodeUsage.of(torch.arange(k)[:, None], k)
    collapsed = CodeUsage.of(torch.full((9, 4), k - 1), k)
    assert uniform.normalized_entropy == pytest.approx(1, rel=1e-12)
    assert uniform.perplexity.tolist() == pytest.approx([k])
    assert collapsed.normalized_entropy == 0
    assert collapsed.perplexity.tolist() == [1] * 4
