"""Fetch the one archive of a public data set: download it, keep its hash, unpack what is listed.

A broken download goes on where it stopped: its bytes wait in a file with the suffix `.part`, and
the server is asked for the rest (HTTP range requests, RFC 9110, section 14). A server that knows no
ranges sends everything, and the download begins anew.

Where the manifest knows no hash, that of the first archive that could be unpacked is written to a
file beside it, in the format of `sha256sum`, and is checked on every later use. So a first
download is trusted, and a change after it is found.

Untested against the real host, zenodo.org: the tests run a server on the same machine.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
import zipfile
import zlib
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pooch
from pydantic import TypeAdapter, ValidationError

from dfe.data.fetch import CHUNK, FetchError, cache_root, sha256_file
from dfe.data.gated import Archive, GatedManifest
from dfe.data.manifest import RelativePath
from dfe.files import atomic

ATTEMPTS = 5
STEP = 1 << 14  # bytes that are written at a time; of a step that breaks off nothing is kept
_SAFE: TypeAdapter[str] = TypeAdapter(RelativePath)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_NO_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)

log = logging.getLogger(__name__)


def fetch_archive(manifest: GatedManifest, folder: Path | None = None) -> Path:
    """Download the archive of a data set, and unpack the files that its manifest lists.

    What is there already is checked and kept, so a call after a break does only the rest.

    Parameters
    ----------
    manifest
        With an `archive`.
    folder
        Where the files go; ``$DFE_DATA/<id>`` if None. They keep their paths in the archive.

    Returns
    -------
    The folder.

    Raises
    ------
    FetchError
        If there is no archive to download, the server does not send it, it is not the file that
        was fetched before, or it is no archive that may be unpacked: a damaged one, one with paths
        out of the folder, or one that holds more bytes than the manifest expects.
    """
    archive, path = _archive(manifest), archive_path(manifest)
    known = archive.hash or _kept_hash(path)
    if not path.is_file():
        _download(manifest.id, archive, path, known)
    _check(manifest.id, archive, path, known)
    target = folder or cache_root() / manifest.id
    try:
        _unpack(path, archive, manifest.group(archive.unpack).patterns, target)
    except FetchError as error:
        raise FetchError(f"{manifest.id}: {path}: {error}") from error
    except _NO_ARCHIVE as error:
        raise FetchError(f"{manifest.id}: {path} is damaged: {error}; {_anew(path)}") from error
    if known is None:
        _keep_hash(path)
    return target


def archive_path(manifest: GatedManifest) -> Path:
    """Where the archive is kept: ``$DFE_DATA/archives/<id>/<file>``."""
    return cache_root() / "archives" / manifest.id / _archive(manifest).filename


def _archive(manifest: GatedManifest) -> Archive:
    if manifest.archive is None:
        raise FetchError(f"{manifest.id} has no archive to download; see {manifest.page}")
    return manifest.archive


def _anew(path: Path) -> str:
    return f"delete it and {_hash_file(path).name} beside it, if that is there, and fetch it anew"


# The hash


def _hash_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _kept_hash(path: Path) -> str | None:
    """The hash of the first use as ``"sha256:..."``; None if there was none."""
    note = _hash_file(path)
    if not note.is_file():
        return None
    digest = note.read_text(encoding="utf-8").partition(" ")[0]
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise FetchError(f"{note} holds no SHA-256: delete it if you trust {path.name}")
    return f"sha256:{digest}"


def _keep_hash(path: Path) -> None:
    digest = sha256_file(path)
    with atomic(_hash_file(path)) as temporary:
        temporary.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    log.warning("%s: no hash is known of it; from now on it has to be SHA-256 %s", path, digest)


def _check(id: str, archive: Archive, path: Path, known: str | None) -> None:
    """Refuse a file of another size or hash than the one that is expected."""
    size = path.stat().st_size
    if archive.bytes is not None and size != archive.bytes:
        raise FetchError(
            f"{id}: {path} has {size:,} bytes, not {archive.bytes:,} as in the manifest; "
            f"{_anew(path)}"
        )
    if known is None:
        return
    kind, _, digest = known.partition(":")
    if (got := pooch.file_hash(str(path), kind)) != digest:
        first = "in the manifest" if archive.hash else "when it was fetched first"
        raise FetchError(f"{id}: {path} has {kind} {got}, not {digest} as {first}; {_anew(path)}")


# The download


def _download(id: str, archive: Archive, path: Path, known: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        pooch.retrieve(
            url=archive.url,
            known_hash=known,
            fname=path.name,
            path=path.parent,
            downloader=ResumingDownloader(path.with_name(f"{path.name}.part")),
        )
    except (OSError, ValueError) as error:
        raise FetchError(
            f"{id}: {archive.url} did not give the archive: {error}\n"
            f"Run it again to go on, or get the file in another way and put it at {path}"
        ) from error


class ResumingDownloader:
    """A downloader for pooch that keeps what it got of a file, and goes on from there.

    Parameters
    ----------
    part
        Holds the bytes until all are there.
    attempts
        How often to ask the server. Answers that say that the file is not there are final.
    wait
        Seconds before the second attempt, doubled before each further one.
    """

    def __init__(self, part: Path, attempts: int = ATTEMPTS, wait: float = 1.0) -> None:
        self.part = part
        self.attempts = attempts
        self.wait = wait

    def __call__(self, url: str, output_file: str, _: object) -> None:
        """Download to `output_file`; OSError where the server does not send the whole file."""
        for attempt in range(self.attempts):
            try:
                self._go_on(url)
                break
            except OSError as error:
                if attempt + 1 == self.attempts or _is_final(error):
                    raise
                log.warning("%s: %s; going on", self.part.name, error)
                time.sleep(self.wait * 2**attempt)
        os.replace(self.part, output_file)

    def _go_on(self, url: str) -> None:
        with self.part.open("ab") as out:
            have = out.tell()
            # Compressed on the way, a byte would have another place.
            headers = {"Accept-Encoding": "identity"}
            if have:
                headers["Range"] = f"bytes={have}-"
            answer = _Answer(out, have)
            pooch.HTTPDownloader(
                progressbar=False, chunk_size=STEP, headers=headers, hooks={"response": answer}
            )(url, out, None)
            got = out.tell()
        if answer.total is not None and got != answer.total:
            raise OSError(f"the server sent {got:,} of {answer.total:,} bytes")


class _Answer:
    """Look at the head of an answer before its body is appended to the part."""

    def __init__(self, out: IO[bytes], have: int) -> None:
        self.out = out
        self.have = have
        self.total: int | None = None  # bytes of the whole file; None: the server did not say

    def __call__(self, response: Any, *_: object, **__: object) -> None:
        """A hook of requests; it sees redirections and errors, too, which have other codes."""
        code, headers = response.status_code, response.headers
        if code == 206:
            found = _RANGE.fullmatch(headers.get("Content-Range", ""))
            if found is None or int(found[1]) != self.have:
                self.out.truncate(0)
                raise OSError(f"asked from byte {self.have}, got {headers.get('Content-Range')!r}")
            self.total = None if found[2] == "*" else int(found[2])
        elif code in (200, 416):  # the whole file, or the part is no beginning of it
            self.out.truncate(0)
            self.out.seek(0)
            length = headers.get("Content-Length")
            self.total = int(length) if length and code == 200 else None


def _is_final(error: OSError) -> bool:
    """Whether the server said that asking again is of no use."""
    code = getattr(getattr(error, "response", None), "status_code", 0)
    return 400 <= code < 500 and code not in (408, 416, 429)


# The archive


def _unpack(path: Path, archive: Archive, patterns: tuple[str, ...], folder: Path) -> None:
    with zipfile.ZipFile(path) as file:
        for member in _members(file, archive, patterns):
            target = folder / member.filename
            if not _is_unpacked(target, member):
                _unpack_member(file, member, target)


def _unpack_member(file: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    with atomic(target) as temporary, file.open(member) as source, temporary.open("wb") as out:
        shutil.copyfileobj(source, out, CHUNK)  # the end of `source` checks its CRC and size


def _members(
    file: zipfile.ZipFile, archive: Archive, patterns: tuple[str, ...]
) -> list[zipfile.ZipInfo]:
    """Members to unpack, by their names alone; refuse an archive that could do harm."""
    for member in file.infolist():
        try:
            _SAFE.validate_python(member.filename)
        except ValidationError as error:
            raise FetchError(
                f"member {member.filename!r} is no plain relative path; nothing was unpacked"
            ) from error
    names = [PurePosixPath(pattern).name for pattern in patterns]
    found = [member for member in file.infolist() if _is_wanted(member, names)]
    if not found:
        raise FetchError(f"no member is called {', '.join(names)}; correct the manifest")
    name, times = Counter(member.filename for member in found).most_common(1)[0]
    if times > 1:
        raise FetchError(f"member {name!r} comes {times} times; nothing was unpacked")
    if (total := sum(member.file_size for member in found)) > archive.most_unpacked:
        raise FetchError(
            f"its members have {total:,} bytes, more than the {archive.most_unpacked:,} that the "
            "manifest allows (`archive.most_unpacked`); nothing was unpacked"
        )
    return found


def _is_wanted(member: zipfile.ZipInfo, names: list[str]) -> bool:
    own = PurePosixPath(member.filename).name
    return not member.is_dir() and any(fnmatchcase(own, name) for name in names)


def _is_unpacked(target: Path, member: zipfile.ZipInfo) -> bool:
    """Whether the file is there with the size and the CRC-32 that the archive states."""
    if not target.is_file() or target.stat().st_size != member.file_size:
        return False
    crc = 0
    with target.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc == member.CRC
