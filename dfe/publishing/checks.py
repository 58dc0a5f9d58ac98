"""What must be true of a site before anybody else sees it.

A site is a folder that works from any place: every address in it leads to a file of the folder,
and showing a page asks no other host for anything. `check_site` finds all that is wrong, not only
the first.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from dfe.publishing.markup import Markup, Reference, script_requests, style_references

MEGABYTE = 10**6  # bytes
#: A larger file keeps a reader on a slow line waiting, and git hosts begin to warn at fifty.
MAX_FILE_MB = 10.0
#: The whole book can be kept on any free host, and copied by hand.
MAX_SITE_MB = 150.0

_WITH_HOST = frozenset({"http", "https", "ftp", "ws", "wss"})
_WITHIN = frozenset({"data", "mailto", "tel", "javascript", "blob", "about"})  # no file, no host
_MARKUP = (".html", ".svg")


@dataclass(frozen=True)
class Problem:
    """One reason not to publish: where it is, what is wrong, and what to do."""

    place: str  # such as "book/intro.html:12: <img src>"
    what: str
    todo: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.place}: {self.what}; {self.todo}"


@dataclass(frozen=True)
class Site:
    """The files of a folder, by their path in it with forward slashes."""

    folder: Path

    @cached_property
    def files(self) -> dict[str, Path]:
        """Relative path -> file, sorted."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        named = {path.relative_to(self.folder).as_posix(): path for path in found}
        return dict(sorted(named.items()))

    @cached_property
    def texts(self) -> dict[str, str]:
        """Relative path -> text, of the files that are UTF-8 and no binary."""
        found = {name: _text(path) for name, path in self.files.items()}
        return {name: text for name, text in found.items() if text is not None}

    @cached_property
    def markup(self) -> dict[str, Markup]:
        """Relative path -> what it refers to, of html and svg files."""
        return {n: Markup(text) for n, text in self.texts.items() if n.endswith(_MARKUP)}

    def references(self) -> Iterator[tuple[str, Reference]]:
        """Every address of html, svg, style sheets and scripts, with the file that it is in."""
        for name, text in self.texts.items():
            if name in self.markup:
                yield from ((name, item) for item in self.markup[name].references)
            elif name.endswith(".css"):
                yield from ((name, item) for item in style_references(text))
            elif name.endswith((".js", ".mjs")):
                yield from ((name, item) for item in script_requests(text))


def _text(path: Path) -> str | None:
    content = path.read_bytes()
    if b"\0" in content[:8192]:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def check_site(
    folder: Path,
    pages: Sequence[str],
    private: Mapping[str, Path] | None = None,
    max_file_mb: float = MAX_FILE_MB,
) -> list[Problem]:
    """Find everything that speaks against publishing a folder.

    Parameters
    ----------
    folder
        A built site, with `index.html` at its top.
    pages
        Pages that must be there, without suffix, such as ``"book/intro"``.
    private
        What it is -> folder of this machine that no text may name.
    max_file_mb
        Largest size of one file, in megabytes (10**6 bytes).
    """
    site = Site(folder)
    return [
        *_missing_pages(site, pages),
        *_too_large(site, max_file_mb),
        *(problem for name, item in site.references() for problem in _reference(site, name, item)),
        *_private_paths(site, private or {}),
    ]


def _missing_pages(site: Site, pages: Sequence[str]) -> Iterator[Problem]:
    for page in ("index", *pages):
        if f"{page}.html" not in site.files:
            yield Problem(f"{page}.html", "this page is missing", "build the book again")


def _too_large(site: Site, max_file_mb: float) -> Iterator[Problem]:
    sizes = {name: path.stat().st_size / MEGABYTE for name, path in site.files.items()}
    for name, size in sizes.items():
        if size > max_file_mb:
            what = f"{size:.1f} MB, and a file may have {max_file_mb:g}"
            yield Problem(name, what, "make it smaller (fewer points or pixels) or leave it out")
    if (total := sum(sizes.values())) > MAX_SITE_MB:
        largest = ", ".join(sorted(sizes, key=lambda name: -sizes[name])[:3])
        what = f"{total:.1f} MB together, and a site may have {MAX_SITE_MB:g}"
        yield Problem("the whole site", what, f"begin with the largest: {largest}")


def _reference(site: Site, name: str, item: Reference) -> Iterator[Problem]:
    """What is wrong with one address of the file `name`."""
    place = f"{name}:{item.line}: {item.element} {item.address[:200]!r}"
    try:
        parts = urlsplit(item.address)
    except ValueError as error:
        yield Problem(place, f"no address: {error}", "correct it")
        return
    if parts.netloc or parts.scheme in _WITH_HOST:
        if item.fetched:
            what = "a browser asks another host for this while it shows the page"
            yield Problem(place, what, "put a copy into book/_static, or make it a plain link")
    elif parts.scheme not in _WITHIN:
        yield from _local(site, name, place, parts)


def _local(site: Site, name: str, place: str, parts: SplitResult) -> Iterator[Problem]:
    if parts.scheme or parts.path.startswith("/"):
        what = "this leads out of the site" if parts.scheme else "this starts at the host's top"
        yield Problem(place, what, "write it relative to its page")
        return
    target = _target(site, name, unquote(parts.path))
    if target is None:
        yield Problem(place, "the site has no such file", "correct the link or add the file")
        return
    anchor = unquote(parts.fragment.partition(":~:")[0])
    if anchor in ("", "top") or target not in site.markup:
        return
    if anchor not in site.markup[target].anchors:
        yield Problem(place, f"{target} has no id {anchor!r}", "correct the anchor or add the id")


def _target(site: Site, name: str, path: str) -> str | None:
    """The file that a relative path leads to from the file `name`; None if there is none."""
    if not path:
        return name
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    if target in site.files and not path.endswith("/"):
        return target
    inside = posixpath.normpath(posixpath.join(target, "index.html"))
    return inside if inside in site.files else None


def _private_paths(site: Site, private: Mapping[str, Path]) -> Iterator[Problem]:
    for what, folder in private.items():
        if len(folder.parts) < 2:  # "/" is in every text
            continue
        sought = _names_folder(folder)
        holders = {n: text for n, text in site.texts.items() if folder.as_posix() in text}
        for name, text in holders.items():
            if found := list(sought.finditer(text)):
                line = text.count("\n", 0, found[0].start()) + 1
                times = f" ({len(found)} times in this file)" if len(found) > 1 else ""
                said = f"names {what} of the machine that built it{times}"
                yield Problem(f"{name}:{line}", said, "print paths relative to the project")


def _names_folder(folder: Path) -> re.Pattern[str]:
    r"""Pattern for a folder in a text; before it may stand a line break that is written ``\n``.

    Of a folder directly under the root, such as ``/root``, something must follow.
    """
    end = r"(?![\w-])" if len(folder.parts) > 2 else r"(?=/)"
    return re.compile(r"(?:(?<![\w.-])|(?<=\\[nrt]))" + re.escape(folder.as_posix()) + end)
