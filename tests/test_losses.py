"""Equations 5 to 7 by hand, their invariances, and which weight belongs to which term."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dfe.config import LossConfig, vary
from dfe.losses import l1_penalty, orthogonality_loss, reconstruction_loss, total_loss

PSI = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
PSI_HAT = torch.tensor([[0.0, 4.0], [-3.0, -1.0]])
CODEBOOK = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]])


def total(config: LossConfig) -> dict[str, float]:
    terms = total_loss(PSI, PSI_HAT, CODEBOOK, torch.tensor(5.0), torch.tensor(11.0), config)
    return {name: value.item() for name, value in terms._asdict().items()}


def random_codebook(seed: int, k: int = 6, d: int = 4) -> Tensor:
    return torch.randn(k, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(seed: int, d: int) -> Tensor:
    return torch.linalg.qr(random_codebook(seed, d, d)).Q


def test_hand_worked_reconstruction() -> None:
    assert reconstruction_loss(PSI, PSI_HAT).item() == (1 + 4 + 9 + 0) / 2


def test_hand_worked_orthogonality() -> None:
    # Inner products 1, 0 and 3, each pair twice among 3 * 2 ordered pairs.
    assert orthogonality_loss(CODEBOOK).item() == pytest.approx(2 * (1 + 0 + 9) / 6)
    # Squared cosines 1/2, 0 and 1/2.
    cosine = orthogonality_loss(CODEBOOK, "cosine").item()
    assert cosine == pytest.approx(2 * (0.5 + 0 + 0.5) / 6)


def test_hand_worked_l1() -> None:
    assert l1_penalty(PSI_HAT, CODEBOOK).item() == (4 + 4) / 2
    assert l1_penalty(PSI_HAT, CODEBOOK, "codes").item() == (1 + 2 + 3) / 3


def test_l1_target_receives_the_gradient() -> None:
    for target, moved in (("reconstruction", 0), ("codes", 1)):
        inputs = [PSI_HAT.clone().requires_grad_(), CODEBOOK.clone().requires_grad_()]
        l1_penalty(inputs[0], inputs[1], target).backward()
        assert inputs[moved].grad is not None and inputs[1 - moved].grad is None


def test_hand_worked_total() -> None:
    terms = total(LossConfig(commitment_weight=0.25, orthogonality_weight=2, l1_weight=0.1))
    assert terms["total"] == pytest.approx(7 + 0.25 * 5 + 11 + 2 * 20 / 6 + 0.1 * 4)
    expected = {"commitment": 5, "codebook": 11, "l1": 4, "reconstruction": 7}
    assert {name: terms[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("weight", "term"),
    [
        ("commitment_weight", "commitment"),
        ("codebook_weight", "codebook"),
        ("orthogonality_weight", "orthogonality"),
        ("l1_weight", "l1"),
    ],
)
def test_each_weight_belongs_to_its_term(weight: str, term: str) -> None:
    base, more = total(LossConfig()), total(vary(LossConfig(), **{weight: 8.0}))
    default = getattr(LossConfig(), weight)
    assert more["total"] - base["total"] == pytest.approx((8 - default) * base[term], rel=1e-5)
    assert {k: v for k, v in more.items() if k != "total"} == {
        k: v for k, v in base.items() if k != "total"
    }


def test_weights_of_zero_leave_the_reconstruction() -> None:
    names = ("commitment", "codebook", "orthogonality", "l1")
    terms = total(LossConfig(**{f"{name}_weight": 0.0 for name in names}))
    assert terms["total"] == terms["reconstruction"]


def test_moving_averages_leave_the_codebook_term_out() -> None:
    ema, gradient = total(LossConfig(codebook_update="ema")), total(LossConfig())
    assert gradient["total"] - ema["total"] == pytest.approx(11)


def test_options_reach_the_total() -> None:
    terms = total(LossConfig(orthogonality_norm="cosine", l1_target="codes"))
    assert terms["orthogonality"] == pytest.approx(1 / 3)
    assert terms["l1"] == 2


def test_norms_as_means_divide_by_the_coordinates() -> None:
    terms = total(LossConfig(squared_norm="mean"))
    expected = {"reconstruction": 7 / 2, "commitment": 5 / 2, "codebook": 11 / 2, "l1": 4 / 2}
    assert {name: terms[name] for name in expected} == expected
    assert terms["orthogonality"] == total(LossConfig())["orthogonality"]
    wide = torch.ones(3, 8)  # codes of 8 coordinates, faces of 2
    config = LossConfig(squared_norm="mean", l1_target="codes")
    terms = total_loss(PSI, PSI_HAT, wide, torch.tensor(8.0), torch.tensor(16.0), config)
    assert [t.item() for t in terms[1:4]] == [3.5, 1, 2] and terms.l1.item() == 1


def test_decoded_codes_replace_the_codes_in_equation_6_alone() -> None:
    config = LossConfig(orthogonality_of="decoded")
    decoded = 2 * CODEBOOK
    inputs = (PSI, PSI_HAT, CODEBOOK, torch.tensor(5.0), torch.tensor(11.0), config)
    terms = total_loss(*inputs, decoded=decoded)
    assert terms.orthogonality.item() == pytest.approx(16 * 20 / 6)
    assert terms.l1.item() == 4
    with pytest.raises(ValueError, match="decoded"):
        total_loss(*inputs)


# Equation 6


@given(st.integers(0, 10_000), st.sampled_from(["raw", "cosine"]))
def test_orthogonality_does_not_change_under_rotation(seed: int, norm: str) -> None:
    codebook = random_codebook(seed)
    turned = codebook @ rotation(seed + 1, 4)
    torch.testing.assert_close(orthogonality_loss(turned, norm), orthogonality_loss(codebook, norm))


@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_only_the_raw_form_follows_the_scale(seed: int, scale: float) -> None:
    codebook = random_codebook(seed)
    raw, cosine = orthogonality_loss(codebook), orthogonality_loss(codebook, "cosine")
    torch.testing.assert_close(orthogonality_loss(scale * codebook), scale**4 * raw)
    torch.testing.assert_close(orthogonality_loss(scale * codebook, "cosine"), cosine)


@pytest.mark.parametrize("norm", ["raw", "cosine"])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_orthogonal_codes_cost_nothing(norm: str, scale: float) -> None:
    limit = 1e-13 if norm == "cosine" else 1e-13 * scale**4
    for seed in range(5):
        lengths = torch.linspace(0.1, 1, 50, dtype=torch.float64)[:, None]
        codes = (scale * lengths * rotation(seed, 50)).float()
        assert 0 <= orthogonality_loss(codes, norm).item() <= limit


def test_orthogonality_pulls_codes_apart() -> None:
    codebook = torch.tensor([[1.0, 0.0], [1.0, 0.5]], requires_grad=True)
    before = orthogonality_loss(codebook, "cosine")
    before.backward()
    after = orthogonality_loss(codebook.detach() - 0.1 * codebook.grad, "cosine")
    assert after < before
    # d/de_1 of 2 (e_1 . e_2)^2 / 2 is 2 (e_1 . e_2) e_2.
    (gradient,) = torch.autograd.grad(orthogonality_loss(codebook), codebook)
    torch.testing.assert_close(gradient[0], torch.tensor([2.0, 1.0]))
