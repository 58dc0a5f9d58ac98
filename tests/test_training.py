"""Training: batches, rates, two-part schedule, resuming to the bit, and failing loudly."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from training_support import (
    CORPUS,
    SHORT,
    TINY,
    TWO_PARTS,
    Stopped,
    assert_same_weights,
    corpus_of,
    easy_faces,
    stop_at,
    weights_of,
)

import dfe.runs
import dfe.training
from dfe.checkpoint import CheckpointError, read_checkpoint
from dfe.config import LossConfig, ModelConfig, Profile, TrainingConfig, load_profile, vary
from dfe.data.corpus import Corpus
from dfe.dictionary import encode_additive
from dfe.losses import total_loss
from dfe.metrics import explained_variance
from dfe.model import DFE
from dfe.schedule import batches, learning_rate, total_steps
from dfe.training import (
    STATE_FORMAT,
    TrainingError,
    evaluate,
    initialize_from_dictionary,
    new_state,
    pick_device,
    train,
)

# Batches


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**31 - 1), st.integers(0, 60))
def test_batches_continue_from_anywhere(n: int, size: int, seed: int, first: int) -> None:
    straight = list(islice(batches(n, size, seed), first, first + 5))
    resumed = list(islice(batches(n, size, seed, first), 5))
    assert [b.tolist() for b in straight] == [b.tolist() for b in resumed]


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 1000))
def test_no_row_comes_twice_in_an_epoch(n: int, size: int, seed: int) -> None:
    size = min(size, n)
    stream = batches(n, size, seed)
    for _ in range(3):
        epoch = torch.cat(list(islice(stream, n // size))).tolist()
        assert len(set(epoch)) == len(epoch) == n // size * size
        assert set(epoch) <= set(range(n))


def test_an_epoch_without_rest_is_a_permutation_and_a_new_one_each_time() -> None:
    stream = batches(40, 10, seed=0)
    first, second = (torch.cat(list(islice(stream, 4))).tolist() for _ in range(2))
    other = torch.cat(list(islice(batches(40, 10, seed=1), 4))).tolist()
    assert sorted(first) == sorted(second) == sorted(other) == list(range(40))
    assert first != second and first != other and second != other


# Schedule


def test_steps_of_the_paper() -> None:
    paper = load_profile("paper").training
    assert total_steps(paper, 350_000) == round(500 * 350_000 / 512) == 341_797


def test_steps_follow_epochs_unless_set() -> None:
    config = TrainingConfig(batch_size=32, epochs=3)
    assert total_steps(config, 320) == 30
    assert total_steps(vary(config, steps=7), 320) == 7
    assert total_steps(config, 20) == 3  # a corpus smaller than a batch
    assert total_steps(vary(config, epochs=0.001), 320) == 1


def test_constant_rate() -> None:
    assert {learning_rate(i, 100, vary(SHORT, learning_rate=0.5)) for i in range(100)} == {0.5}


def test_warm_up_then_constant() -> None:
    config = vary(SHORT, learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(i, 100, config) for i in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert set(rates[10:]) == {1.0}


def test_cosine() -> None:
    config = vary(SHORT, learning_rate=1.0, schedule="cosine")
    assert learning_rate(0, 100, config) == 1
    assert learning_rate(25, 100, config) == pytest.approx(0.5 + 0.5 / np.sqrt(2))
    assert learning_rate(50, 100, config) == pytest.approx(0.5)
    assert learning_rate(100, 100, config) == pytest.approx(0)


@given(st.integers(1, 300), st.floats(0, 0.9), st.sampled_from(["constant", "cosine"]))
def test_rates_rise_then_fall(total: int, warmup: float, schedule: str) -> None:
    config = vary(SHORT, learning_rate=1.0, warmup=warmup, schedule=schedule)
    rates = np.array([learning_rate(i, total, config) for i in range(total)])
    assert (0 < rates).all() and (rates <= 1).all()
    after = max(0, round(warmup * total) - 1)
    assert (np.diff(rates[after:]) <= 1e-12).all()


def test_each_step_uses_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    step = torch.optim.Adam.step

    def record(self: torch.optim.Adam, *args: Any) -> Any:
        used.append([group["lr"] for group in self.param_groups])
        return step(self, *args)

    monkeypatch.setattr(torch.optim.Adam, "step", record)
    config = vary(SHORT, schedule="cosine", warmup=0.2)
    log = train(CORPUS, TINY, LossConfig(), config)[1]
    assert used == [[learning_rate(i, 30, config)] for i in range(30)]
    assert [row["rate"] for row in log] == [used[row["step"] - 1][0] for row in log]


# Runs


def test_the_seed_decides() -> None:
    first, second, other = (
        train(CORPUS, TINY, LossConfig(), vary(TWO_PARTS, seed=seed))[0] for seed in (5, 5, 6)
    )
    psi = CORPUS.held_out["simulated"]
    assert_same_weights(weights_of(first), weights_of(second))
    assert_array_equal(first.encode(psi), second.encode(psi))
    assert not np.array_equal(first.encode(psi), other.encode(psi))


@pytest.mark.parametrize(("share", "reached"), [(0.0, 0.5), (0.5, 0.8)])
def test_training_learns_an_easy_corpus(share: float, reached: float) -> None:
    config = vary(SHORT, steps=250, gradient_clip=1.0, adam_betas=(0.9, 0.98), log_every=250)
    config = vary(config, codebook_init="additive", initialization_share=share)
    untrained = new_state(TINY, LossConfig(), config).model
    model, log = train(CORPUS, TINY, LossConfig(), config)
    psi = CORPUS.held_out["simulated"]
    assert evaluate(untrained, psi).r2 < 0.1
    assert evaluate(model, psi).r2 > reached
    assert log[-1]["r2/simulated"] == pytest.approx(evaluate(model, psi).r2)
    assert not model.training


def test_evaluate_is_what_its_parts_say() -> None:
    model, psi = DFE(TINY), CORPUS.held_out["simulated"]
    result, codes = evaluate(model, psi), model.encode(psi)
    assert result.r2 == explained_variance(psi, model.reconstruct(psi))
    assert_array_equal(result.usage.counts[1], np.bincount(codes[:, 1], minlength=8))


def test_the_log_has_both_parts() -> None:
    log = train(CORPUS, TINY, LossConfig(), vary(TWO_PARTS, steps=25))[1]
    assert [row["step"] for row in log] == [10, 20, 25]  # and always the last step
    assert "loss/pointing" in log[0] and "loss/commitment" not in log[0]
    assert "loss/commitment" in log[1] and "loss/pointing" not in log[1]
    for row in log:
        assert {"rate", "loss/total", "r2/simulated", "r2/real", "entropy/real"} <= row.keys()
        assert all(np.isfinite(list(row.values())))


def test_logging_does_not_change_the_run() -> None:
    model = vary(TINY, dropout=0.2, decoder="transformer")
    often, seldom = (
        train(CORPUS, model, LossConfig(), vary(SHORT, log_every=every))[0] for every in (1, 30)
    )
    assert_same_weights(weights_of(often), weights_of(seldom))


def test_the_second_part_minimises_equation_7() -> None:
    loss = LossConfig(commitment_weight=0.7, orthogonality_weight=0.3, l1_weight=0.01)
    config = vary(SHORT, steps=1, log_every=1, batch_size=200)
    row = train(CORPUS, TINY, loss, config)[1][0]
    model = new_state(TINY, loss, config).model
    psi = torch.from_numpy(CORPUS.train)  # one batch is the whole corpus, in some order
    output = model(psi)
    quantized = output.quantized
    codebook = model.quantizer.codebook
    terms = (quantized.commitment_loss, quantized.codebook_loss)
    expected = total_loss(psi, output.psi_hat, codebook, *terms, loss)
    for name, value in expected._asdict().items():
        assert row[f"loss/{name}"] == pytest.approx(value.item(), rel=1e-4), name


def test_the_gradient_is_clipped() -> None:
    for clip, low, high in ((0.5, 0.49, 0.5001), (None, 1.0, np.inf)):
        model = train(CORPUS, TINY, LossConfig(), vary(SHORT, steps=1, gradient_clip=clip))[0]
        norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm().item()
        assert low <= norm <= high


def test_reduced_precision_trains_too() -> None:
    model, log = train(CORPUS, TINY, LossConfig(), vary(TWO_PARTS, precision="bfloat16"))
    assert {tensor.dtype for tensor in weights_of(model).values()} == {torch.float32}
    assert np.isfinite(log[-1]["loss/total"])


def test_device_names() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


# Start from a dictionary


@pytest.mark.parametrize("n_atoms", [8, 64])
@pytest.mark.parametrize("update", ["gradient", "ema"])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_codes_start_at_the_atoms(n_atoms: int, update: str, scale: float) -> None:
    model = DFE(vary(TINY, codebook_size=n_atoms), LossConfig(codebook_update=update))
    atoms = torch.randn(n_atoms, 50, generator=torch.Generator().manual_seed(0))
    initialize_from_dictionary(model, atoms, scale)
    assert_allclose(model.templates(), atoms, atol=1e-4)
    codes = model.quantizer.codebook.detach()
    if n_atoms < 50:
        torch.testing.assert_close(codes @ codes.T, scale**2 * torch.eye(n_atoms))
    else:
        torch.testing.assert_close(codes.T @ codes, scale**2 * torch.eye(50), atol=1e-4, rtol=0)
    if update == "ema":
        assert torch.equal(model.quantizer.ema_sum, codes)


def test_a_small_code_space_holds_the_best_projection() -> None:
    model = DFE(vary(TINY, codebook_size=30, code_dim=6))
    atoms = np.random.default_rng(0).normal(size=(30, 50)).astype(np.float32)
    initialize_from_dictionary(model, torch.from_numpy(atoms), 4.0)
    u, s, vt = np.linalg.svd(atoms, full_matrices=False)
    assert_allclose(model.templates(), u[:, :6] * s[:6] @ vt[:6], atol=1e-4)


def test_the_first_part_learns_the_dictionary_s_codes() -> None:
    config = vary(TWO_PARTS, steps=400, initialization_share=0.999, log_every=400)
    state = new_state(TINY, LossConfig(), config)
    dfe.training._start(state, torch.from_numpy(CORPUS.train), config)
    psi = CORPUS.held_out["simulated"]
    wanted = encode_additive(torch.from_numpy(psi), state.atoms, 2).numpy()
    model = train(CORPUS, TINY, LossConfig(), config)[0]
    agreement = (np.sort(model.encode(psi), 1) == wanted).mean()
    assert (np.sort(state.model.encode(psi), 1) == wanted).mean() < 0.5 < 0.9 < agreement


# Resume


@pytest.mark.parametrize(
    ("model", "loss", "config"),
    [
        (TINY, LossConfig(), SHORT),
        (TINY, LossConfig(codebook_update="ema"), SHORT),
        (vary(TINY, dropout=0.3), LossConfig(), vary(SHORT, schedule="cosine", warmup=0.7)),
        (vary(TINY, dropout=0.3, decoder="transformer"), LossConfig(), SHORT),
        (TINY, LossConfig(), vary(TWO_PARTS, initialization_share=0.9)),
        (vary(TINY, dropout=0.3), LossConfig(), vary(TWO_PARTS, initialization_share=0.3)),
        (TINY, LossConfig(codebook_update="ema"), vary(TWO_PARTS, initialization_share=0.55)),
    ],
    ids=["plain", "ema", "dropout", "transformer", "first part", "second part", "across, ema"],
)
def test_a_resumed_run_is_the_same_to_the_bit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: ModelConfig,
    loss: LossConfig,
    config: TrainingConfig,
) -> None:
    config = vary(config, checkpoint_every=15, log_every=4)
    straight, log = train(CORPUS, model, loss, config, tmp_path / "a")
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_at(patch, 18)
        train(CORPUS, model, loss, config, tmp_path / "b")
    torch.manual_seed(12345)  # another process has another generator state
    with monkeypatch.context() as patch:
        ran = stop_at(patch, -1)
        resumed, log_again = train(CORPUS, model, loss, config, tmp_path / "b", resume=True)
    assert ran == list(range(15, 30))
    assert_same_weights(weights_of(straight), weights_of(resumed))
    assert log == log_again and [row["step"] for row in log][-2:] == [28, 30]
    states = [
        read_checkpoint(tmp_path / name / "state.safetensors", STATE_FORMAT) for name in ("a", "b")
    ]
    assert_same_weights(states[0][0], states[1][0])  # moments, atoms and generator too
    assert states[0][1] == states[1][1]


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the state of a run of SHORT that died after step 20."""
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_at(patch, 25)
        train(CORPUS, TINY, LossConfig(), vary(SHORT, checkpoint_every=20), tmp_path)
    return tmp_path


def resume(folder: Path, corpus: Corpus = CORPUS, **changes: Any) -> tuple[DFE, list]:
    config = vary(SHORT, checkpoint_every=20)
    parts: dict[str, Any] = {"model": TINY, "loss": LossConfig(), "config": config} | changes
    return train(corpus, folder=folder, resume=True, **parts)


@pytest.mark.parametrize(
    "changes",
    [
        {"config": vary(SHORT, checkpoint_every=20, steps=40)},
        {"config": vary(SHORT, checkpoint_every=20, seed=1)},
        {"loss": LossConfig(l1_weight=0.5)},
        {"model": vary(TINY, dropout=0.1)},
        {"corpus": corpus_of(easy_faces(200, 9))},
    ],
    ids=["steps", "seed", "loss", "model", "data"],
)
def test_another_run_s_state_is_refused(stopped: Path, changes: dict[str, Any]) -> None:
    before = (stopped / "state.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match="state.safetensors was written with other settings"):
        resume(stopped, **changes)
    assert (stopped / "state.safetensors").read_bytes() == before


@pytest.mark.parametrize("share", [0, 0.01, 0.6, 0.999])
def test_a_truncated_state_is_refused(stopped: Path, share: float) -> None:
    path = stopped / "state.safetensors"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        resume(stopped)


def test_a_killed_write_keeps_the_last_state(
    stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(tensors: Any, path: Path, metadata: Any) -> None:
        path.write_bytes(b"half")
        raise Stopped

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("dfe.checkpoint.save_file", half)
        resume(stopped)
    assert [path.name for path in stopped.iterdir()] == ["state.safetensors"]
    assert [row["step"] for row in resume(stopped)[1]] == [10, 20, 30]


def test_a_finished_run_only_loads(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resume(stopped)
    ran = stop_at(monkeypatch, -1)
    second = resume(stopped)
    assert ran == [] and first[1] == second[1]
    assert_same_weights(weights_of(first[0]), weights_of(second[0]))


def test_without_resume_a_run_starts_anew(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = stop_at(monkeypatch, -1)
    train(CORPUS, TINY, LossConfig(), vary(SHORT, checkpoint_every=20), stopped)
    assert ran == list(range(30))


def test_resume_without_a_state_starts_anew(tmp_path: Path) -> None:
    assert [row["step"] for row in resume(tmp_path / "new")[1]] == [10, 20, 30]


def test_no_checkpoints_but_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = []
    monkeypatch.setattr(dfe.training, "save_state", lambda state, *_: saved.append(state.step))
    train(CORPUS, TINY, LossConfig(), vary(SHORT, checkpoint_every=0), tmp_path)
    assert saved == [30]
    train(CORPUS, TINY, LossConfig(), vary(SHORT, checkpoint_every=0))  # no folder: no file
    assert saved == [30]


# Failure


@pytest.mark.parametrize(
    ("rows", "rate", "step"),
    [
        (easy_faces(64, 0), 1e30, 2),
        (np.full((64, 50), 1e25, np.float32), 1e-3, 1),
    ],
    ids=["rate", "data"],
)
def test_a_loss_that_is_not_finite_is_named(rows: np.ndarray, rate: float, step: int) -> None:
    with pytest.raises(TrainingError, match=f"the loss became (nan|inf) by step {step}: .*lower"):
        train(corpus_of(rows), TINY, LossConfig(), vary(SHORT, learning_rate=rate, log_every=1))


def test_a_broken_run_does_not_replace_a_good_state(tmp_path: Path) -> None:
    config = vary(SHORT, learning_rate=1e30, log_every=1000, checkpoint_every=1)
    with pytest.raises(TrainingError, match="by step 2"):
        train(CORPUS, TINY, LossConfig(), config, tmp_path)
    metadata = read_checkpoint(tmp_path / "state.safetensors", STATE_FORMAT)[1]
    assert metadata["step"] == "1"


# A profile's run


def small_profile(**training: Any) -> Profile:
    return Profile(name="mine", model=TINY, training=vary(SHORT, **training))


def test_run_training_keeps_model_log_and_provenance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = np.zeros((1, 50), np.float32)  # R^2 of a single face is undefined, and left out
    corpus = corpus_of(CORPUS.train, simulated=CORPUS.held_out["simulated"], real=one)
    monkeypatch.setattr(dfe.runs, "load_corpus", lambda profile: corpus)
    path = dfe.runs.run_training(small_profile(), tmp_path / "run")
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "log.csv",
        "model.safetensors",
        "state.safetensors",
    ]
    model = DFE.from_pretrained(path)
    expected = train(corpus, TINY, LossConfig(), SHORT)[0]
    assert_same_weights(weights_of(model), weights_of(expected))
    held_out = model.provenance["held_out"]
    assert held_out == {"simulated": evaluate(model, corpus.held_out["simulated"]).r2}
    settings = json.loads(small_profile().model_dump_json(exclude={"pages"}))
    assert model.provenance["profile"] == settings
    assert model.provenance["data"]["hashes"] == dict(corpus.hashes)
    steps = (path.parent / "log.csv").read_text().splitlines()
    assert steps[0].startswith("step,rate,") and len(steps) == 4


def test_a_scratch_profile_trains_once(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dfe.runs, "load_corpus", lambda profile: CORPUS)
    ran, profile = stop_at(monkeypatch, -1), small_profile()
    first, log = dfe.runs.load_model(profile), dfe.runs.load_log(profile)
    assert_same_weights(weights_of(first), weights_of(dfe.runs.load_model(profile)))
    assert ran == list(range(30)) and log["step"].tolist() == [10, 20, 30]
    assert (checkout / "build" / "mine" / "model" / "model.safetensors").is_file()


def test_a_pretrained_profile_shows_the_packaged_model() -> None:
    profile = vary(small_profile(), train="pretrained")
    packaged = DFE.from_pretrained("open")
    assert_same_weights(weights_of(dfe.runs.load_model(profile)), weights_of(packaged))
    log = dfe.runs.load_log(profile)
    assert log["step"].is_monotonic_increasing and log["loss/total"].notna().all()
