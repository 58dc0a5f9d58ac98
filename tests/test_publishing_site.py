"""A build is published whole, the same each time, or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest
from publishing_support import ROOT, add_build, provenance
from typer.testing import CliRunner

import dfe.building.status
import dfe.cli
import dfe.publishing
from dfe.building.status import JobStatus
from dfe.config import Profile, load_profile
from dfe.publishing import MAX_FILE_MB, PublishError, publish
from dfe.publishing.graph import METADATA, CrateError
from dfe.publishing.site import pack, write_sums
from dfe.repository import Repository

ARCHIVE = "dfe-companion-0.1.0-smoke.zip"


@pytest.fixture
def build(checkout: Path) -> Path:
    return add_build(checkout)


def published() -> Path:
    return publish(load_profile("smoke"))


def listing(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_site_archive_and_checksums(build: Path) -> None:
    folder = published()
    assert folder == build / "publish"
    assert {path.name for path in folder.iterdir()} == {"site", ARCHIVE, "SHA256SUMS"}
    site = listing(folder / "site")
    html = listing(build / "html")
    del html["_static/webpack-macros.html"]  # a template of the theme
    assert {name: site[name] for name in html} == html
    assert set(site) - set(html) >= {".nojekyll", METADATA, "LICENSE", "CITATION.cff"}
    assert site["_static/results/page.table.csv"] == b"a,b\n1,2\n"
    with zipfile.ZipFile(folder / ARCHIVE) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert packed == {f"{ARCHIVE.removesuffix('.zip')}/{name}": site[name] for name in site}
    assert list(packed) == sorted(packed)
    assert not [path for path in build.iterdir() if path.name.startswith(".")]
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_the_checksums_are_those_of_the_files(build: Path) -> None:
    folder = published()
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=folder).returncode == 0
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == len(listing(folder)) - 1  # every file but the sums themselves
    (folder / "site" / "index.html").write_text("changed")
    assert subprocess.run(check, cwd=folder, capture_output=True).returncode != 0


def test_the_same_build_gives_the_same_bytes(build: Path) -> None:
    first = listing(published())
    for path in (build / "html").rglob("*"):
        path.touch()  # new times
    assert listing(published()) == first


def test_the_archive_depends_on_contents_and_day_alone(tmp_path: Path) -> None:
    names = ["b/c.txt", "a.txt", "b.txt"]
    for order, folder in ((names, tmp_path / "x"), (names[::-1], tmp_path / "y")):
        for name in order:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
    (tmp_path / "y" / "a.txt").chmod(0o600)
    paths = [tmp_path / "one" / "z.zip", tmp_path / "two" / "z.zip"]
    one, two = (pack(tmp_path / f, p, date(2026, 4, 1)) for f, p in zip("xy", paths, strict=True))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.namelist() == ["z/a.txt", "z/b.txt", "z/b/c.txt"]
        assert {info.date_time for info in archive.infolist()} == {(2026, 4, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}
    assert pack(tmp_path / "x", tmp_path / "z.zip", date(2026, 4, 2)).read_bytes() != (
        one.read_bytes()
    )


def test_checksums_of_known_bytes(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    (tmp_path / "a").write_bytes(b"")
    assert write_sums(tmp_path).read_text() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n"
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b.txt\n"
    )


def test_a_broken_book_leaves_the_published_one(build: Path) -> None:
    before = listing(published())
    (build / "html" / "book" / "intro.html").write_text('<a href="x"></a><a href="y"></a>')
    with pytest.raises(PublishError, match="not published, 2 problems:\n.*'x'.*\n.*'y'"):
        published()
    assert listing(build / "publish") == before
    assert not [path for path in build.iterdir() if path.name.startswith(".")]


def test_a_path_of_this_checkout_is_found(build: Path, checkout: Path) -> None:
    (build / "results" / "page.table.csv").write_text(f"file\n{checkout}/x\n")
    with pytest.raises(PublishError, match="page.table.csv:2: names the project folder"):
        published()


def test_a_file_over_the_budget_is_found(build: Path) -> None:
    with pytest.raises(PublishError, match="ro-crate-metadata.json"):
        publish(load_profile("smoke"), max_file_mb=0.001)


def test_a_stale_build_needs_a_word(build: Path) -> None:
    with pytest.raises(PublishError, match="older than its sources:\nbook/intro"):
        publish(load_profile("smoke"), stale=["book/intro"])
    assert not (build / "publish").exists()
    assert publish(load_profile("smoke"), stale=["book/intro"], allow_stale=True).is_dir()


def test_html_of_an_earlier_execution_is_refused(build: Path) -> None:
    later = provenance(seconds=91.0).model_dump_json()
    (build / "results" / "page.provenance.json").write_text(later)
    with pytest.raises(PublishError, match="another execution of page"):
        published()


def test_a_page_without_provenance_is_refused(build: Path) -> None:
    (build / "html" / "_static" / "results" / "page.provenance.json").unlink()
    with pytest.raises(CrateError, match=r"page.provenance.json is missing: execute"):
        published()


def test_nothing_built_is_one_message(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dfe", "publish", "--profile", "smoke"])
    with pytest.raises(SystemExit) as stop:
        dfe.cli.main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == ("error: smoke is not built: run `make book PROFILE=smoke`\n")


def standing(monkeypatch: pytest.MonkeyPatch, *found: JobStatus) -> None:
    """Let jobs of the small checkout, which has no Snakefile, stand in some way."""
    monkeypatch.setattr(dfe.building.status, "build_status", lambda profile: list(found))


def test_the_command_hands_its_options_on(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    standing(monkeypatch, JobStatus("notebook-page", "fresh"))
    options = ["--profile", "smoke", "--repository", "https://github.com/o/n.git"]
    done = CliRunner().invoke(dfe.cli.app, ["publish", *options])
    assert done.exit_code == 0 and done.stdout.strip() == str(build / "publish")
    metadata = (build / "publish" / "site" / METADATA).read_text()
    assert '"codeRepository": "https://github.com/o/n"' in metadata
    failed = CliRunner().invoke(dfe.cli.app, ["publish", *options, "--max-file-mb", "0.001"])
    assert isinstance(failed.exception, PublishError)


def test_a_stale_build_is_published_only_when_asked_for(
    build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing(monkeypatch, JobStatus("notebook-page", "stale", "dfe/model.py changed"))
    refused = CliRunner().invoke(dfe.cli.app, ["publish", "--profile", "smoke"])
    with pytest.raises(PublishError, match="older than its sources:\nnotebook-page: dfe/model.py"):
        raise refused.exception or AssertionError("it was published")
    done = CliRunner().invoke(dfe.cli.app, ["publish", "--profile", "smoke", "--allow-stale"])
    assert done.exit_code == 0


def test_the_command_has_the_default_budget(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    standing(monkeypatch)

    def record(
        profile: Profile,
        repository: Repository | None,
        max_file_mb: float,
        stale: list[str],
        allow_stale: bool,
    ) -> Path:
        assert stale == [] and not allow_stale
        given.append(max_file_mb)
        return build

    monkeypatch.setattr(dfe.publishing, "publish", record)
    CliRunner().invoke(dfe.cli.app, ["publish", "--profile", "smoke"])
    assert given == [MAX_FILE_MB]


def test_the_version_of_the_archive_is_that_of_the_package() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{ARCHIVE.split("-")[2]}"' in text
