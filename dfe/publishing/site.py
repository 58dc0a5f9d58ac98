"""Publish a build: checked, with metadata, an archive and checksums, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from dfe.book import notebook_names, pages
from dfe.config import Profile, build_folder, project_root
from dfe.data.fetch import sha256_file
from dfe.evidence import results_folder
from dfe.files import atomic, replace_folder
from dfe.publishing.checks import MAX_FILE_MB, Problem, check_site
from dfe.publishing.citation import read_citation
from dfe.publishing.crate import CARRIED, publication_date, write_crate
from dfe.publishing.crate_data import FOLDER as MANIFESTS
from dfe.publishing.crate_runs import RESULTS, read_provenances
from dfe.repository import Repository

NAME = "dfe-companion"  # as in pyproject.toml
SUMS = "SHA256SUMS"
#: Left by the theme for the one who builds; no page is made of them.
LEFT_OUT = shutil.ignore_patterns("webpack-macros.html", "sbt-webpack-macros.html", ".buildinfo")


class PublishError(RuntimeError):
    """A build is not fit to be published; the message names every reason."""


def publish(
    profile: Profile,
    repository: Repository | None = None,
    max_file_mb: float = MAX_FILE_MB,
    stale: Sequence[str] = (),
    allow_stale: bool = False,
) -> Path:
    """Check a built book and write `build/<profile>/publish`, which is replaced as a whole.

    It holds the folder `site` for a web host (with RO-Crate metadata at its top), the same as an
    archive, and `SHA256SUMS` over both. The same build gives the same bytes.

    Parameters
    ----------
    repository
        Where the code is published, for the metadata.
    max_file_mb
        Largest size of one file, in megabytes (10**6 bytes).
    stale
        What of the build is older than what it is made of, one line each.
    allow_stale
        Publish it all the same.

    Raises
    ------
    PublishError
        If the build is missing or stale, or `check_site` finds anything.
    CrateError
        If a page's provenance or a file that the metadata name is missing.
    """
    build = build_folder(profile)
    if stale and not allow_stale:
        raise PublishError("\n".join(["the build is older than its sources:", *stale]))
    if not (build / "html" / "index.html").is_file():
        raise PublishError(f"{profile.name} is not built: run `make book PROFILE={profile.name}`")
    with _beside(build / "publish") as new:
        day = _make_site(profile, new / "site", repository)
        private = {"the project folder": project_root(), "the home folder": Path.home()}
        _refuse(check_site(new / "site", pages(), private, max_file_mb))
        version = read_citation(project_root() / "CITATION.cff").version
        pack(new / "site", new / f"{NAME}-{version}-{profile.name}.zip", day)
        write_sums(new)
        return replace_folder(new, build / "publish")


@contextmanager
def _beside(final: Path) -> Iterator[Path]:
    """A new folder beside `final`; what is still there in the end is removed."""
    new = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}-"))
    try:
        os.chmod(new, 0o755)  # mkdtemp makes it private
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _make_site(profile: Profile, site: Path, repository: Repository | None) -> date:
    """Gather the html, the results and the metadata in `site`; return the day of the build."""
    root, results = project_root(), results_folder(profile)
    citation = read_citation(root / "CITATION.cff")
    shutil.copytree(build_folder(profile) / "html", site, ignore=LEFT_OUT)
    (site / ".nojekyll").touch()  # or GitHub Pages hides the folders with an underscore
    records = read_provenances(site / RESULTS, notebook_names())
    for page in notebook_names():
        _copy_results(results, site / RESULTS, page)
    for path in (*(root / name for name in CARRIED), *(root / MANIFESTS).rglob("*.yaml")):
        target = site / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    write_crate(site, profile, citation, records, pages(), repository)
    return publication_date(records)


def _copy_results(results: Path, target: Path, page: str) -> None:
    """Copy what a page measured; it must be the execution that the html shows."""
    shown, last = (folder / f"{page}.provenance.json" for folder in (target, results))
    if not last.is_file() or last.read_bytes() != shown.read_bytes():
        raise PublishError(
            f"the html shows another execution of {page} than the last one: build it"
        )
    for path in results.glob(f"{page}.*"):
        shutil.copyfile(path, target / path.name)


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        lines = [f"not published, {count}:", *map(str, problems)]
        raise PublishError("\n".join(lines))


def pack(folder: Path, archive: Path, day: date) -> Path:
    """Write all files of `folder` into a zip archive, below a folder named like the archive.

    Order, times and permissions follow from the names and `day` alone, so the same files give the
    same bytes (with the same version of zlib).
    """
    files = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    midnight = (day.year, day.month, day.day, 0, 0, 0)
    with atomic(archive) as temporary, zipfile.ZipFile(temporary, "w") as target:
        for name in files:
            info = zipfile.ZipInfo(f"{archive.stem}/{name}", midnight)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, or the permissions would not count
            info.external_attr = 0o100644 << 16
            target.writestr(info, (folder / name).read_bytes(), compresslevel=9)
    return archive


def write_sums(folder: Path) -> Path:
    """Write `SHA256SUMS` over all files of `folder`, in the form of ``sha256sum --check``."""
    names = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    lines = [f"{sha256_file(folder / name)}  {name}\n" for name in names if name != SUMS]
    with atomic(folder / SUMS) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    return folder / SUMS


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
