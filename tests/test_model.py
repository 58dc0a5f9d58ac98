"""The model: shapes, sizes, additivity, refusals, checkpoints and frozen numbers.

`tests/golden/` holds tiny frozen weights (`tiny.safetensors`) with the faces, latents, codes and
reconstructions that belong to them (`expected.safetensors`, computed in double precision). The
script `tests/golden/make.py` writes both; run it only when the numbers are meant to change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.torch import load_file
from torch import Tensor, nn

from dfe.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from dfe.config import LossConfig, ModelConfig, vary
from dfe.face import load_face
from dfe.model import ASSETS, DFE, FORMAT, LinearDecoder

GOLDEN = Path(__file__).parent / "golden"
TINY = ModelConfig(layers=1, width=16, heads=2, feedforward=16)
DEEP = vary(TINY, decoder="transformer")


def tiny_model(config: ModelConfig = TINY, update: str = "gradient") -> DFE:
    """Random weights, with codes at the scale of the latents so that many are chosen."""
    torch.manual_seed(0)
    model = DFE(config, LossConfig(codebook_update=update)).eval()
    spread = 0.3 * torch.randn(config.codebook_size, config.code_dim)
    model.quantizer.set_codes(torch.arange(config.codebook_size), spread)
    return model


def faces(n: int = 40, seed: int = 0) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=(n, 50)).astype(np.float32)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# Architecture


@pytest.mark.parametrize("config", [TINY, DEEP, vary(TINY, code_dim=7, stages=2, codebook_size=5)])
def test_shapes_and_types(config: ModelConfig) -> None:
    model, psi = tiny_model(config), faces(6)
    codes = model.encode(psi)
    assert codes.shape == (6, config.stages) and codes.dtype == np.int64
    assert model.decode(codes).shape == (6, 50) and model.decode(codes).dtype == np.float32
    assert model.templates().shape == (config.codebook_size, 50)
    output = model(torch.from_numpy(psi))
    assert output.z.shape == output.quantized.z_q.shape == (6, config.code_dim)
    assert output.psi_hat.shape == (6, 50)
    assert_array_equal(output.quantized.codes, codes)
    assert_allclose(output.psi_hat.detach(), model.reconstruct(psi), atol=1e-5)


def test_as_plain_autoencoder() -> None:
    model, psi = tiny_model(), torch.from_numpy(faces(6))
    output = model(psi, quantize=False)
    assert output.quantized is None
    torch.testing.assert_close(output.psi_hat, model.decoder(output.z))


def test_the_paper_s_sizes() -> None:
    t, d, width, hidden, layers, k, code, psi = 10, 5, 128, 512, 6, 64, 50, 50
    attention = 4 * (width * width + width)  # query, key, value, output
    feedforward = (width * hidden + hidden) + (hidden * width + width)
    layer = attention + feedforward + 2 * (2 * width)  # and two norms
    encoder = (d * width + width) + t * width + layers * layer + 2 * width + (width * code + code)
    model = DFE()
    assert model.encoder.shape == (t, d)
    assert parameters(model.encoder) == encoder
    assert tuple(model.quantizer.codebook.shape) == (k, code)
    assert type(model.decoder) is LinearDecoder
    assert tuple(model.decoder.weight.shape) == (psi, code)
    assert parameters(model) == encoder + k * code + psi * code == 1_204_086


def test_every_weight_takes_part_in_training() -> None:
    for config in (TINY, DEEP):
        model = tiny_model(config).train()
        output = model(torch.from_numpy(faces()))
        quantized = output.quantized
        loss = output.psi_hat.square().sum() + quantized.commitment_loss + quantized.codebook_loss
        loss.backward()
        still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
        # The softmax ignores what is added to all keys, so their bias has (nearly) no gradient,
        # but it shares one tensor with the biases of queries and values.
        assert still == []


def test_tokens_are_told_apart_by_their_position() -> None:
    model, psi = tiny_model(), torch.from_numpy(faces())
    turned = psi.unflatten(1, (10, 5)).flip(1).flatten(1)
    assert (model.encoder(turned) - model.encoder(psi)).abs().max() > 0.01
    nn.init.zeros_(model.encoder.position)
    torch.testing.assert_close(model.encoder(turned), model.encoder(psi), atol=1e-5, rtol=1e-5)


# Additivity (section 3.3)


@given(st.integers(0, 1000))
def test_a_face_is_the_sum_of_its_tokens(seed: int) -> None:
    model = tiny_model()
    codes = np.random.default_rng(seed).integers(0, 64, (5, 4))
    expected = model.templates()[codes].sum(1)
    scale = np.abs(expected).max()
    assert_allclose(model.decode(codes), expected, rtol=1e-5, atol=1e-5 * scale)


def test_partial_codes_build_a_face_up() -> None:
    model = tiny_model()
    codes, templates = model.encode(faces()), model.templates()
    steps = [model.decode(codes[:, :length]) for length in (1, 2, 3, 4)]
    assert_allclose(steps[0], templates[codes[:, 0]], atol=1e-6)
    for i in (1, 2, 3):
        assert_allclose(steps[i] - steps[i - 1], templates[codes[:, i]], atol=1e-5)
    assert_array_equal(steps[3], model.reconstruct(faces()))


def test_token_displacements_are_those_of_the_face() -> None:
    face, model = load_face(), tiny_model(vary(TINY, codebook_size=6))
    per_token = model.token_displacements(face)  # (K, V, 3)
    assert per_token.shape == (6, *face.template.shape) and per_token.dtype == np.float32
    assert_array_equal(per_token, face.displacements(model.templates()))
    codes = np.array([[0, 3, 5, 5], [1, 2, 3, 4]])
    whole = face.displacements(model.decode(codes))
    assert_allclose(per_token[codes].sum(1), whole, atol=1e-5 * np.abs(whole).max())


# Encoding


def test_batch_size_does_not_matter() -> None:
    model, psi = tiny_model(), faces(300)
    codes = model.encode(psi)
    assert len(np.unique(codes)) > 10
    for size in (1, 7, 299, 300):
        assert_array_equal(model.encode(psi, batch_size=size), codes)
    assert_array_equal(model.encode(psi[17]), codes[17:18])  # one vector is a batch of one


def test_rows_in_flight_fit_the_cache_of_each_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes = tiny_model(), []
    model.encoder.register_forward_hook(lambda _, rows, z: sizes.append(len(rows[0])))
    for threads, expected in ((1, [512, 512, 176]), (2, [1024, 176])):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        sizes.clear()
        model.encode(faces(1200))
        assert sizes == expected
    sizes.clear()
    model.encode(faces(1200), batch_size=1000)
    assert sizes == [1000, 200]


def test_any_layout_gives_the_same_codes() -> None:
    model, psi = tiny_model(), faces(6)
    codes = model.encode(psi)
    assert_array_equal(model.encode(psi[::-1]), codes[::-1])
    assert_array_equal(model.encode(psi.astype(np.float64)), codes)
    assert_array_equal(model.encode(torch.from_numpy(psi)), codes)
    # Some processors sum the rows at the end of a matrix in another order.
    assert_allclose(model.decode(codes[::-1]), model.decode(codes)[::-1], atol=1e-6)
    assert model.encode(psi[:0]).shape == (0, 4)
    assert model.decode(codes[:0]).shape == (0, 50)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("config", [TINY, DEEP], ids=["linear", "transformer"])
def test_use_does_not_depend_on_the_mode_nor_change_it(config: ModelConfig, training: bool) -> None:
    model, psi = tiny_model(vary(config, dropout=0.5)), faces()
    codes, psi_hat = model.encode(psi), model.reconstruct(psi)
    model.train(training)
    before = torch.get_rng_state()
    assert_array_equal(model.encode(psi), codes)
    assert_array_equal(model.reconstruct(psi), psi_hat)
    model.templates()
    assert model.training is training and model.encoder.training is training
    assert torch.equal(torch.get_rng_state(), before)


def test_use_does_not_move_the_averages() -> None:
    model = tiny_model(update="ema").train()
    before = model.quantizer.codebook.clone()
    model.reconstruct(faces())
    assert torch.equal(model.quantizer.codebook, before)


def wrong(value: float) -> np.ndarray:
    psi = faces(3)
    psi[1, 7] = value
    return psi


@pytest.mark.parametrize(
    ("psi", "error", "message"),
    [
        (wrong(np.nan), ValueError, r"expected finite values, but 1 of 3 rows .* row 1"),
        (wrong(-np.inf), ValueError, r"expected finite values, but 1 of 3 rows .* row 1"),
        (np.full((1, 50), 1e300), ValueError, "expected finite values"),
        (np.zeros((3, 49)), ValueError, r"expected shape \(N, 50\) or \(50,\), got \(3, 49\)"),
        (np.zeros((2, 10, 5)), ValueError, r"expected shape \(N, 50\)"),
        (np.zeros((3, 50), int), TypeError, "expected floating point values, got dtype int64"),
        (np.zeros((3, 50), bool), TypeError, "expected floating point values, got dtype bool"),
        (np.zeros((3, 50), object), TypeError, "expected floating point values, got dtype object"),
        (np.full((3, 50), "0"), TypeError, "expected floating point values, got dtype <U1"),
    ],
    ids=["nan", "inf", "too large", "width", "3d", "int", "bool", "object", "str"],
)
def test_bad_faces_are_refused(psi: Any, error: type[Exception], message: str) -> None:
    for use in (tiny_model().encode, tiny_model().reconstruct):
        with pytest.raises(error, match=f"psi: {message}"):
            use(psi)


@pytest.mark.parametrize(
    ("codes", "error", "message"),
    [
        ([[0, 64]], ValueError, r"0 .. 63, got 0 .. 64"),
        ([[-1, 3]], ValueError, r"0 .. 63, got -1 .. 3"),
        ([[0.0, 1.0]], TypeError, "integers, got dtype float64"),
        (np.zeros((2, 0), int), ValueError, "got \\(2, 0\\)"),
        (np.zeros((2, 5), int), ValueError, r"\(N, 1 .. 4\), got \(2, 5\)"),
    ],
)
def test_bad_codes_are_refused(codes: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tiny_model().decode(codes)


# Checkpoints


@pytest.mark.parametrize("update", ["gradient", "ema"])
@pytest.mark.parametrize("config", [TINY, DEEP], ids=["linear", "transformer"])
def test_a_saved_model_comes_back(tmp_path: Path, config: ModelConfig, update: str) -> None:
    model = tiny_model(config, update)
    model.save(tmp_path / "m.safetensors", {"seed": 3, "note": "é"})
    torch.manual_seed(1)
    loaded = DFE.from_pretrained(tmp_path / "m.safetensors")
    assert loaded.config == config and loaded.quantizer.update == update
    assert loaded.provenance == {"seed": 3, "note": "é"}
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert_array_equal(loaded.encode(faces()), model.encode(faces()))
    assert_array_equal(loaded.reconstruct(faces()), model.reconstruct(faces()))
    loaded.save(tmp_path / "again.safetensors")  # keeps what it was loaded with
    assert read_checkpoint(tmp_path / "again.safetensors", FORMAT)[1]["provenance"] == json.dumps(
        {"seed": 3, "note": "é"}, sort_keys=True
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    tiny_model().save(path)
    return path


def test_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint at .*none.safetensors"):
        DFE.from_pretrained(tmp_path / "none.safetensors")


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_truncated_model(saved: Path, share: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="m.safetensors is not a whole safetensors file"):
        DFE.from_pretrained(saved)


Parts = tuple[dict[str, Tensor], dict[str, str]]


def without_weight(tensors: dict[str, Tensor], metadata: dict[str, str]) -> Parts:
    return {n: t for n, t in tensors.items() if n != "decoder.weight"}, metadata


def other_shape(tensors: dict[str, Tensor], metadata: dict[str, str]) -> Parts:
    return tensors | {"decoder.weight": torch.zeros(50, 49)}, metadata


def without_config(tensors: dict[str, Tensor], metadata: dict[str, str]) -> Parts:
    return tensors, {n: t for n, t in metadata.items() if n != "config"}


def other_config(tensors: dict[str, Tensor], metadata: dict[str, str]) -> Parts:
    return tensors, metadata | {"config": '{"layers": 0}'}


def half_provenance(tensors: dict[str, Tensor], metadata: dict[str, str]) -> Parts:
    return tensors, metadata | {"provenance": '{"a": '}


@pytest.mark.parametrize(
    "damage", [without_weight, other_shape, without_config, other_config, half_provenance]
)
def test_a_damaged_model(saved: Path, damage: Any) -> None:
    write_checkpoint(saved, *damage(*read_checkpoint(saved, FORMAT)))
    with pytest.raises(CheckpointError, match="m.safetensors does not hold a whole model"):
        DFE.from_pretrained(saved)


def test_a_file_of_another_format(saved: Path) -> None:
    tensors, metadata = read_checkpoint(saved, FORMAT)
    write_checkpoint(saved, tensors, metadata | {"format": "dfe-training-state/1"})
    with pytest.raises(CheckpointError, match="format 'dfe-training-state/1', not 'dfe-checkpoint"):
        DFE.from_pretrained(saved)


def test_the_packaged_model_is_the_paper_s_architecture() -> None:
    model = DFE.from_pretrained()
    assert model.config == ModelConfig()
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    assert (ASSETS / "dfe-open.safetensors").stat().st_size <= 8_000_000
    assert {"profile", "data", "versions", "hardware", "commit"} <= model.provenance.keys()


# Frozen numbers


@pytest.fixture(scope="module")
def golden() -> tuple[DFE, dict[str, Tensor]]:
    return DFE.from_pretrained(GOLDEN / "tiny.safetensors"), load_file(
        GOLDEN / "expected.safetensors"
    )


def test_frozen_codes(golden: tuple[DFE, dict[str, Tensor]]) -> None:
    model, expected = golden
    assert len(expected["codes"].unique()) == model.config.codebook_size  # none is left untested
    assert_array_equal(model.encode(expected["psi"]), expected["codes"])


def test_frozen_reconstruction(golden: tuple[DFE, dict[str, Tensor]]) -> None:
    model, expected = golden
    scale = expected["psi_hat"].abs().max().item()
    found = model.reconstruct(expected["psi"])
    assert_allclose(found, expected["psi_hat"], rtol=1e-6, atol=1e-6 * scale)


def test_frozen_latents(golden: tuple[DFE, dict[str, Tensor]]) -> None:
    expected = golden[1]
    model = DFE.from_pretrained(GOLDEN / "tiny.safetensors").double()
    with torch.inference_mode():
        output = model(expected["psi"].double())
    assert_allclose(output.z, expected["z"], rtol=1e-6)
    assert_allclose(output.psi_hat, expected["psi_hat"], rtol=1e-6)
