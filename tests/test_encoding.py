"""Bulk encoding gives the tokens of `DFE.encode`, whoever does which share of it, and once."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from encoding_support import FACE, encode, names, plain, small_model, vectors, write
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import dfe.cli
import dfe.encoding.plan
from dfe.encoding import EncodingError, Shard, read_tokens
from dfe.encoding.encode import BLOCK, encode_rows
from dfe.model import DFE

ROOT = Path(__file__).resolve().parents[1]
MODEL = small_model()


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dfe.encoding.plan, "ROWS_PER_PART", 10)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two files of 33 and 7 rows; parts of 12, 8, 12 and 1 rows, and one of 7."""
    write(tmp_path / "in" / "a" / "x.parquet", plain(vectors(33)))
    write(tmp_path / "in" / "b.parquet", plain(vectors(7, seed=1)))
    return tmp_path / "in"


PARTS = [*(f"a/x-0000{i}.parquet" for i in range(4)), "b-00000.parquet"]


def whole() -> np.ndarray:
    return np.concatenate([vectors(33), vectors(7, seed=1)])


# Values


@settings(max_examples=12)
@given(
    sizes=st.lists(st.integers(1, 25), min_size=1, max_size=3),
    per_group=st.integers(1, 15),
    batch=st.integers(1, 30),
    shards=st.integers(1, 4),
)
def test_any_batch_and_any_shards_give_the_tokens_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    per_group: int,
    batch: int,
    shards: int,
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    psi, tables = vectors(sum(sizes)), []
    for number, part in enumerate(np.split(psi, np.cumsum(sizes)[:-1])):
        tables.append(plain(part))
        write(folder / "in" / f"{number}.parquet", tables[-1], per_group)
    made: list[str] = []
    for index in range(shards, 0, -1):  # in any order
        options = {"shard": Shard(index, shards), "rows_per_batch": batch}
        made += names(encode(folder / "in", folder / "out", MODEL, error=True, **options))
    assert len(made) == len(set(made))
    tokens = read_tokens(folder / "out")
    np.testing.assert_array_equal(tokens.codes(), MODEL.encode(psi))
    table = tokens.dataset.to_table()
    for name in ("dataset", "clip", "frame"):
        assert table[name].to_pylist() == [v for t in tables for v in t[name].to_pylist()]
    gap = psi.astype(np.float64) - MODEL.reconstruct(psi)
    np.testing.assert_allclose(table["error"].to_numpy(), np.sqrt((gap**2).mean(1)), rtol=1e-5)
    assert len(tokens) == len(psi) == tokens.plan.rows


def test_the_error_of_a_row_is_the_root_mean_square(tmp_path: Path) -> None:
    psi = vectors(1)
    path = write(tmp_path / "x.parquet", plain(psi))
    encode(path, tmp_path / "out", MODEL, error=True)
    (found,) = read_tokens(tmp_path / "out").dataset.to_table()["error"].to_pylist()
    gaps = [float(a) - float(b) for a, b in zip(psi[0], MODEL.reconstruct(psi)[0], strict=True)]
    assert found == pytest.approx((sum(gap * gap for gap in gaps) / 6) ** 0.5, rel=1e-5)


def test_columns_are_as_narrow_as_the_codebook_allows(corpus: Path, tmp_path: Path) -> None:
    encode(corpus, tmp_path / "out", MODEL)
    schema = read_tokens(tmp_path / "out").dataset.schema
    assert [str(schema.field(f"token_{i}").type) for i in (1, 2, 3)] == ["uint16"] * 3
    assert "error" not in schema.names
    codes = read_tokens(tmp_path / "out").codes()
    assert codes.max() > 255 and codes.dtype == np.int64


def test_the_model_never_sees_more_than_a_batch(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    encode_really = DFE.encode
    monkeypatch.setattr(
        DFE, "encode", lambda self, psi: seen.append(len(psi)) or encode_really(self, psi)
    )
    encode(corpus, tmp_path / "out", MODEL, rows_per_batch=3)
    assert set(seen) == {BLOCK}, "few rows are filled up to one block"


@pytest.mark.parametrize("n", [1, 63, 64, 65, 333])
def test_rows_are_filled_up_and_cut_again(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    psi, seen = vectors(n), []
    encode_really = DFE.encode
    monkeypatch.setattr(
        DFE, "encode", lambda self, psi: seen.append(len(psi)) or encode_really(self, psi)
    )
    np.testing.assert_array_equal(encode_rows(MODEL, psi), encode_really(MODEL, psi))
    assert seen == [-(-n // 64) * 64]


# Shards


def test_a_job_writes_its_share_only(corpus: Path, tmp_path: Path) -> None:
    done = encode(corpus, tmp_path / "out", shard=Shard(2, 3))
    found = {path.relative_to(tmp_path / "out").as_posix() for path in
             (tmp_path / "out").rglob("*.parquet")}  # fmt: skip
    assert found == set(names(done)) == {"a/x-00001.parquet", "a/x-00002.parquet"}
    assert encode(corpus, tmp_path / "more", shard=Shard(3, 50)) == [], "more jobs than parts"


# Again, and after a stop


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("encoded again")


def test_what_is_there_is_kept(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert names(encode(corpus, tmp_path / "out", MODEL)) == PARTS
    monkeypatch.setattr(DFE, "encode", refuse)
    done = encode(corpus, tmp_path / "out", MODEL, rows_per_batch=2, shard=Shard(1, 1))
    assert names(done, made=False) == PARTS and not names(done)


def test_what_was_made_otherwise_is_made_again(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    encode(corpus, out, MODEL)
    psi = vectors(7, seed=2)
    write(corpus / "b.parquet", plain(psi))  # other rows in as many row groups
    assert names(encode(corpus, out, MODEL)) == ["b-00000.parquet"]
    np.testing.assert_array_equal(read_tokens(out).codes()[33:], MODEL.encode(psi))
    assert names(encode(corpus, out, MODEL, error=True)) == PARTS
    other = small_model(seed=5)
    assert names(encode(corpus, out, other, error=True)) == PARTS
    np.testing.assert_array_equal(read_tokens(out).codes()[33:], other.encode(psi))


@pytest.mark.parametrize("content", [b"", b"half a file"])
def test_damaged_missing_and_strange_parts_are_made_again(
    corpus: Path, tmp_path: Path, content: bytes
) -> None:
    out = tmp_path / "out"
    encode(corpus, out, MODEL)
    (out / PARTS[0]).write_bytes(content)
    (out / PARTS[2]).unlink()
    shutil.copy(corpus / "b.parquet", out / PARTS[3])
    shutil.copy(out / PARTS[1], out / PARTS[4])
    assert names(encode(corpus, out, MODEL)) == [PARTS[i] for i in (0, 2, 3, 4)]
    np.testing.assert_array_equal(read_tokens(out).codes(), MODEL.encode(whole()))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import dfe.encoding.plan
from dfe.model import DFE
from encoding_support import encode
dfe.encoding.plan.ROWS_PER_PART = 10
really, calls = DFE.encode, []
def kill(self, psi):
    calls.append(1)
    if len(calls) == 5:  # in the second of three batches of the second part
        os.kill(os.getpid(), signal.SIGKILL)
    return really(self, psi)
DFE.encode = kill
encode(Path(sys.argv[2]), Path(sys.argv[3]), rows_per_batch=4)
"""


def test_a_killed_job_leaves_whole_files_and_goes_on(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [sys.executable, "-c", KILLED, str(ROOT / "tests"), str(corpus), str(out)]
    stopped = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert stopped.returncode == -signal.SIGKILL, stopped.stderr
    left = sorted(path.name for path in (out / "a").iterdir())
    assert left[1:] == ["x-00000.parquet"] and left[0].startswith(".x-00001-")
    with pytest.raises(EncodingError, match="4 of 5 parts are missing"):
        read_tokens(out)
    assert names(encode(corpus, out)) == PARTS[1:]
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == sorted(
        [*PARTS, "plan.json"]
    )
    np.testing.assert_array_equal(read_tokens(out).codes(), MODEL.encode(whole()))


def test_a_file_that_changes_during_the_work_is_found_out(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_really = DFE.encode

    def change(self: DFE, psi: np.ndarray) -> np.ndarray:
        write(corpus / "b.parquet", plain(vectors(7, seed=9)))
        return encode_really(self, psi)

    monkeypatch.setattr(DFE, "encode", change)
    with pytest.raises(EncodingError, match=r"b\.parquet changed while it was read"):
        encode(corpus / "b.parquet", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_tokens_are_never_among_the_input(corpus: Path, tmp_path: Path) -> None:
    for source, output in [
        (corpus, corpus),
        (corpus, corpus / "tokens"),
        (corpus, tmp_path),
        (corpus / "b.parquet", corpus),
    ]:
        with pytest.raises(EncodingError, match="is among the files to encode"):
            encode(source, output)
    assert encode(corpus / "b.parquet", corpus / "tokens")
    with pytest.raises(EncodingError, match="is a file; choose a folder"):
        encode(corpus / "b.parquet", write(tmp_path / "out", plain(vectors(1))))


# Reading


@pytest.fixture
def out(corpus: Path, tmp_path: Path) -> Path:
    encode(corpus, tmp_path / "out", MODEL)
    return tmp_path / "out"


def test_missing_parts_are_named(out: Path) -> None:
    (out / PARTS[1]).unlink()
    (out / PARTS[4]).unlink()
    missing = re.escape("2 of 5 parts are missing (a/x-00001.parquet, b-00000.parquet)")
    with pytest.raises(EncodingError, match=missing):
        read_tokens(out)


def test_a_part_of_another_model_is_named(corpus: Path, out: Path, tmp_path: Path) -> None:
    encode(corpus, tmp_path / "other", small_model(seed=5))
    shutil.copy(tmp_path / "other" / PARTS[4], out / PARTS[4])
    with pytest.raises(EncodingError, match=r"b-00000\.parquet is of the model [0-9a-f]{12}"):
        read_tokens(out)


def test_a_part_that_is_there_twice_is_named(out: Path) -> None:
    shutil.copy(out / PARTS[0], out / "again.parquet")
    with pytest.raises(EncodingError, match=r"again\.parquet is a copy of the part a/x-00000"):
        read_tokens(out)


def test_other_settings_and_other_files_are_named(corpus: Path, out: Path, tmp_path: Path) -> None:
    encode(corpus, tmp_path / "other", MODEL, error=True)
    kept = (out / PARTS[4]).read_bytes()
    shutil.copy(tmp_path / "other" / PARTS[4], out / PARTS[4])
    with pytest.raises(EncodingError, match=r"b-00000\.parquet was made with other settings"):
        read_tokens(out)
    (out / PARTS[4]).write_bytes(kept)
    shutil.copy(corpus / "b.parquet", out / "stray.parquet")
    with pytest.raises(EncodingError, match=r"stray\.parquet is no file of tokens"):
        read_tokens(out)


def test_parts_of_a_former_data_set_are_named(corpus: Path, out: Path) -> None:
    (corpus / "b.parquet").unlink()
    encode(corpus, out, MODEL)
    with pytest.raises(
        EncodingError, match=r"b-00000\.parquet is part of b\.parquet, which is not"
    ):
        read_tokens(out)


def test_parts_of_two_states_of_a_file_are_named(corpus: Path, out: Path) -> None:
    write(corpus / "a" / "x.parquet", plain(vectors(33, seed=8)))
    encode(corpus, out, MODEL, shard=Shard(1, 3))
    with pytest.raises(EncodingError, match=r"a/x\.parquet was another file when"):
        read_tokens(out)


def test_a_plan_that_is_missing_or_damaged_is_named(out: Path, tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match=r"plan\.json is missing; write tokens with"):
        read_tokens(tmp_path / "nowhere")
    (out / "plan.json").write_text("{}")
    with pytest.raises(EncodingError, match=r"plan\.json is damaged:\n  model: "):
        read_tokens(out)


def test_a_part_keeps_what_its_source_said(corpus: Path, tmp_path: Path) -> None:
    said = plain(vectors(3)).replace_schema_metadata({b"other": b"x"})
    path = write(tmp_path / "x.parquet", said)
    encode(path, tmp_path / "out")
    metadata = pq.read_schema(tmp_path / "out" / "x-00000.parquet").metadata
    assert metadata[b"dfe-encoding-source"] == b"" and b"dfe" not in metadata
    assert json.loads(metadata[b"dfe-encoding-made-by"])["rows_per_batch"] == 5


# The command, its page and its benchmark


def test_the_command_encodes_and_a_bad_one_is_one_message(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    MODEL.save(tmp_path / "model.safetensors", {"face": "flame"})
    base = ["encode", str(corpus), "--output", str(tmp_path / "out")]
    base += ["--model", str(tmp_path / "model.safetensors"), "--device", "cpu", "--face"]
    result = CliRunner().invoke(dfe.cli.app, [*base, "flame", "--shard", "1/3", "--error"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "a/x-00000.parquet: 12 rows, encoded",
        "shard 1/3: 1 parts, 12 rows",
    ]
    result = CliRunner().invoke(dfe.cli.app, [*base, "flame", "--error"])
    assert "a/x-00000.parquet: 12 rows, there already" in result.stdout
    assert "error" in read_tokens(tmp_path / "out").dataset.schema.names
    monkeypatch.setattr(sys, "argv", ["dfe", *base, FACE])
    with pytest.raises(SystemExit) as stop:
        dfe.cli.main()
    assert stop.value.code == 1
    assert "error: " in (said := capsys.readouterr().err) and "the model reads those of" in said


def test_the_commands_of_the_page_are_those_of_the_command_line() -> None:
    page = (ROOT / "book" / "own_data.md").read_text(encoding="utf-8")
    lines = re.findall(r"^ *dfe encode (.*)$", page, re.MULTILINE)
    assert lines
    command: Any = typer.main.get_command(dfe.cli.app)
    for line in lines:
        text = line.replace("$SLURM_ARRAY_TASK_ID", "3")
        values = command.commands["encode"].make_context("dfe", shlex.split(text)).params
        Shard.parse(values["shard"])


def test_recorded_memory_is_flat() -> None:
    recorded = json.loads((ROOT / "benchmarks/results/encoding_memory.json").read_text())
    curve = [one for one in recorded["results"] if one["model"] != "open"]
    assert {10**5, 10**6, 10**7} == {one["rows"] for one in curve}
    assert any(one["rows"] == 10**7 and one["row groups"] == 1 for one in curve)
    peaks = [one["peak RSS, MB"] for one in curve]
    assert max(peaks) / min(peaks) < 1.1
    assert max(peaks) / min(peaks) == pytest.approx(
        recorded["largest ratio of peaks, one model"], abs=1e-3
    )
