"""The archive of a public data set: broken downloads, kept hashes, and what is never unpacked."""

from __future__ import annotations

import hashlib
import io
import logging
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dfe.data import archive as archives
from dfe.data.archive import STEP, ResumingDownloader, archive_path, fetch_archive
from dfe.data.fetch import FetchError, cache_root
from dfe.data.gated import GatedManifest, load_gated

NAMES = [f"Actor_{a:02d}/01-01-0{e}-01-01-01-{a:02d}.csv" for a in (1, 2) for e in (1, 3)]
FILES = {name: f"{name}\n".encode() * 3000 for name in NAMES}
OTHERS = {
    "readme.txt": b"not listed",
    "__MACOSX/Actor_01/._01-01-01-01-01-01-01.csv": b"not listed either",
    "Actor_01/01-01-01-01-01-01-01.csv.bak": b"nor this",
    "Actor_01/": b"",
}


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # stored: bytes can be broken
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


class Server(ThreadingHTTPServer):
    """One file on loopback; `breaks` lists after how many bytes each answer is cut off."""

    body: bytes
    breaks: list[int | None]
    ranges: bool = True
    shift: int = 0  # bytes by which a range begins too late
    most: int | None = None  # bytes of an answer to a range, which may be shorter than asked
    status: int = 0  # answer with this error instead

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.breaks = body, []
        self.asked: list[str | None] = []  # the Range of each request
        self.sent: list[int] = []  # bytes of each body

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/all.zip?download=1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        assert self.headers.get("Accept-Encoding") == "identity"
        if server.status:
            self.send_error(server.status)
            return
        start, body, most = 0, server.body, None
        if asked and server.ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-")) + server.shift
            if start >= len(body):
                self.send_error(416)
                return
            most = server.most
            end = min(len(body), start + (most or len(body)))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(body)}")
        else:
            self.send_response(200)
        whole = body[start:][:most]
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        limit = server.breaks.pop(0) if server.breaks else None
        part = whole[:limit]
        server.sent.append(len(part))
        self.wfile.write(part)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(zipped(FILES | OTHERS))
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DFE_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(archives.time, "sleep", lambda seconds: None)


def manifest(server: Server, **changes: Any) -> GatedManifest:
    tree = load_gated("ravdess-landmarks").model_dump(mode="json")
    tree["archive"] |= {"url": server.url} | changes
    return GatedManifest.model_validate(tree)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def below(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_listed_files_are_unpacked_and_the_hash_is_kept(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    made_up = manifest(server)
    with caplog.at_level(logging.WARNING):
        folder = fetch_archive(made_up)
    assert folder == cache_root() / "ravdess-landmarks"
    assert below(folder) == FILES
    path, digest = archive_path(made_up), sha(server.body)
    assert path == cache_root() / "archives/ravdess-landmarks/FacialTracking_Actors_01-24.zip"
    kept = path.with_name(f"{path.name}.sha256").read_text()
    assert kept == f"{digest}  {path.name}\n"
    assert digest in caplog.text
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, f"{path.name}.sha256"]


def test_another_folder(server: Server, tmp_path: Path) -> None:
    assert fetch_archive(manifest(server), tmp_path / "here") == tmp_path / "here"
    assert below(tmp_path / "here") == FILES


def test_a_second_call_asks_nobody_and_mends_what_is_damaged(server: Server) -> None:
    folder = fetch_archive(manifest(server))
    first, second, third, _ = (folder / name for name in NAMES)
    first.write_bytes(b"x" * first.stat().st_size)  # of the same size
    second.unlink()
    before = third.stat().st_mtime_ns
    fetch_archive(manifest(server))
    assert below(folder) == FILES
    assert third.stat().st_mtime_ns == before, "what is whole is not written again"
    assert len(server.asked) == 1


def test_a_broken_download_goes_on_where_it_stopped(server: Server) -> None:
    server.breaks = [10 * STEP, 3 * STEP]
    assert below(fetch_archive(manifest(server))) == FILES
    assert server.asked == [None, f"bytes={10 * STEP}-", f"bytes={13 * STEP}-"]
    assert sum(server.sent) == len(server.body), "no byte came twice"


def test_a_break_costs_less_than_a_step(server: Server) -> None:
    server.breaks = [10 * STEP + 77]
    assert below(fetch_archive(manifest(server))) == FILES
    assert server.asked == [None, f"bytes={10 * STEP}-"]


def test_a_later_call_goes_on_after_a_failure(server: Server) -> None:
    size = len(server.body)
    server.breaks = [STEP] * archives.ATTEMPTS
    with pytest.raises(FetchError, match="Run it again to go on"):
        fetch_archive(manifest(server))
    path = archive_path(manifest(server))
    assert not path.exists() and below(cache_root() / "ravdess-landmarks") == {}
    assert path.with_name(f"{path.name}.part").stat().st_size == STEP * archives.ATTEMPTS
    assert below(fetch_archive(manifest(server))) == FILES
    assert sum(server.sent) == size


def test_a_server_without_ranges_begins_anew(server: Server) -> None:
    server.ranges, server.breaks = False, [10 * STEP]
    assert below(fetch_archive(manifest(server))) == FILES
    assert len(server.asked) == 2
    assert archive_path(manifest(server)).read_bytes() == server.body


def test_a_wrong_range_is_not_appended(server: Server) -> None:
    server.shift, server.breaks = 7, [STEP]
    assert below(fetch_archive(manifest(server))) == FILES
    assert server.asked == [None, f"bytes={STEP}-", None], "anew after the wrong answer"


def test_a_server_may_send_less_than_it_was_asked_for(server: Server) -> None:
    server.breaks, server.most = [STEP], 10 * STEP  # of about 25 steps
    assert below(fetch_archive(manifest(server))) == FILES
    assert server.sent == [STEP, 10 * STEP, 10 * STEP, len(server.body) - 21 * STEP]


def test_a_part_that_is_too_long_is_thrown_away(server: Server) -> None:
    path = archive_path(manifest(server))
    path.parent.mkdir(parents=True)
    path.with_name(f"{path.name}.part").write_bytes(b"x" * (len(server.body) + 5))
    assert below(fetch_archive(manifest(server))) == FILES


def test_a_missing_file_is_asked_for_once(server: Server) -> None:
    server.status = 404
    with pytest.raises(FetchError, match="(?s)404.*put it at .*FacialTracking"):
        fetch_archive(manifest(server))
    assert len(server.asked) == 1


def test_an_overloaded_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.status = 503
    with pytest.raises(OSError, match="503"):
        ResumingDownloader(tmp_path / "part", attempts=3)(server.url, str(tmp_path / "out"), None)
    assert len(server.asked) == 3


def test_nobody_answers(server: Server) -> None:
    closed = manifest(server, url="http://127.0.0.1:9/all.zip")
    with pytest.raises(FetchError, match="did not give the archive"):
        fetch_archive(closed)


def test_another_file_on_second_use_is_refused(server: Server) -> None:
    folder, path = fetch_archive(manifest(server)), archive_path(manifest(server))
    other = zipped(FILES | {NAMES[0]: b"forged"})
    path.write_bytes(other)
    with pytest.raises(FetchError, match="when it was fetched first") as caught:
        fetch_archive(manifest(server))
    for part in (sha(server.body), sha(other), f"{path.name}.sha256"):
        assert part in str(caught.value)
    assert below(folder) == FILES, "nothing of it was unpacked"


def test_the_kept_hash_holds_for_a_new_download_too(server: Server) -> None:
    fetch_archive(manifest(server))
    path, first = archive_path(manifest(server)), sha(server.body)
    path.unlink()
    server.body = zipped(FILES)
    with pytest.raises(FetchError, match=first):
        fetch_archive(manifest(server))
    assert not path.exists()


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_hash_of_the_manifest_decides(server: Server, kind: str) -> None:
    good = hashlib.new(kind, server.body).hexdigest()
    bad = hashlib.new(kind, b"").hexdigest()
    with pytest.raises(FetchError, match=bad):
        fetch_archive(manifest(server, hash=f"{kind}:{bad}"))
    assert not archive_path(manifest(server)).exists()
    known = manifest(server, hash=f"{kind}:{good}", bytes=len(server.body))
    assert below(fetch_archive(known)) == FILES
    path = archive_path(known)
    assert not path.with_name(f"{path.name}.sha256").exists(), "the manifest knows it"


def test_another_size_than_that_of_the_manifest_is_refused(server: Server) -> None:
    with pytest.raises(FetchError, match=f"{len(server.body):,} bytes, not 12 "):
        fetch_archive(manifest(server, bytes=12))


def test_a_kept_hash_that_is_none_is_refused(server: Server) -> None:
    fetch_archive(manifest(server))
    path = archive_path(manifest(server))
    path.with_name(f"{path.name}.sha256").write_text("hello\n")
    with pytest.raises(FetchError, match="holds no SHA-256"):
        fetch_archive(manifest(server))


@pytest.mark.parametrize(
    "name", ["../out.csv", "a/../../out.csv", "/tmp/out.csv", "C:/out.csv", "..\\out.csv"]
)
def test_paths_out_of_the_folder_are_refused(server: Server, name: str, tmp_path: Path) -> None:
    server.body = zipped(FILES | {name: b"must never be written"})
    with pytest.raises(FetchError, match="no plain relative path; nothing was unpacked") as caught:
        fetch_archive(manifest(server))
    assert repr(name) in str(caught.value)
    assert not below(cache_root() / "ravdess-landmarks")
    assert not list(tmp_path.rglob("out.csv"))


def test_too_many_bytes_are_refused_before_any_is_written(server: Server) -> None:
    total = sum(map(len, FILES.values()))
    fetch_archive(manifest(server, most_unpacked=total), cache_root() / "enough")
    with pytest.raises(FetchError, match=f"{total:,} bytes, more than the {total - 1:,}"):
        fetch_archive(manifest(server, most_unpacked=total - 1))
    assert not below(cache_root() / "ravdess-landmarks")


def lying(size: int) -> bytes:
    """A member of a million bytes that claims to have `size`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NAMES[0], bytes(1_000_000))
    data = bytearray(stream.getvalue())
    central = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, 22, size)
    struct.pack_into("<I", data, central + 24, size)
    return bytes(data)


def test_a_member_cannot_be_longer_than_it_says(server: Server) -> None:
    server.body = lying(10)
    with pytest.raises(FetchError, match="is damaged"):
        fetch_archive(manifest(server, most_unpacked=1000))
    assert not below(cache_root() / "ravdess-landmarks")


def broken_member(body: bytes) -> bytes:
    """The same with another byte in the second file."""
    at = body.find(FILES[NAMES[1]]) + 50
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (lambda body: body[:-300], set()),
        (lambda body: b"<html>no such record</html>", set()),
        (lambda body: b"", set()),
        (broken_member, {NAMES[0]}),
    ],
    ids=["truncated", "page", "empty", "byte"],
)
def test_a_damaged_archive_is_named_and_its_hash_is_not_kept(
    server: Server, damage: Callable[[bytes], bytes], kept: set[str]
) -> None:
    whole, server.body = server.body, damage(server.body)
    path = archive_path(manifest(server))
    with pytest.raises(FetchError, match="is damaged.*fetch it anew") as caught:
        fetch_archive(manifest(server))
    assert str(path) in str(caught.value)
    assert set(below(cache_root() / "ravdess-landmarks")) == kept, "whole files stay, others not"
    assert not path.with_name(f"{path.name}.sha256").exists()
    path.unlink()  # as the message says
    server.body = whole
    assert below(fetch_archive(manifest(server))) == FILES


def test_encrypted_members_are_an_error(server: Server) -> None:
    data = bytearray(zipped({NAMES[0]: b"secret"}))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + place] |= 1  # the flag alone is looked at
    server.body = bytes(data)
    with pytest.raises(FetchError, match="encrypted"):
        fetch_archive(manifest(server))


def test_an_archive_of_other_files_is_refused(server: Server) -> None:
    server.body = zipped(OTHERS)
    with pytest.raises(FetchError, match="no member is called .*correct the manifest"):
        fetch_archive(manifest(server))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_comes_twice_is_refused(server: Server) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(NAMES[0], b"first")
        archive.writestr(NAMES[0], b"second")
    server.body = stream.getvalue()
    with pytest.raises(FetchError, match="comes 2 times"):
        fetch_archive(manifest(server))


def test_data_without_an_archive_say_where_to_ask() -> None:
    with pytest.raises(FetchError, match="stressid has no archive to download; see https://"):
        fetch_archive(load_gated("stressid"))


def test_the_manifest_says_what_is_not_known() -> None:
    real = load_gated("ravdess-landmarks")
    assert real.archive is not None
    assert real.archive.url.startswith("https://zenodo.org/records/3255102/files/FacialTracking")
    assert real.archive.hash is None and real.archive.bytes is None
    assert any("hash of the archive" in line for line in real.unverified)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hash": "sha256:12"}, "hash"),
        ({"filename": "../a.zip"}, "filename"),
        ({"unpack": "nothing"}, "archive: files 'nothing' is not among tracks"),
    ],
)
def test_a_wrong_archive_is_refused(change: dict[str, str], message: str) -> None:
    tree = load_gated("ravdess-landmarks").model_dump(mode="json")
    tree["archive"] |= change
    with pytest.raises(ValueError, match=message):
        GatedManifest.model_validate(tree)


def test_data_for_which_one_must_ask_have_no_archive() -> None:
    tree = load_gated("ravdess-landmarks").model_dump(mode="json")
    tree["access"]["route"] = "registration"
    with pytest.raises(ValueError, match="an archive is for public data"):
        GatedManifest.model_validate(tree)
