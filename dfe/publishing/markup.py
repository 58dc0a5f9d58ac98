"""What an html or svg file refers to: what a browser fetches by itself, links, and anchors.

Scripts are searched for calls with a literal address. What a script puts together while it runs
is beyond a search of its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

#: Attributes whose address is fetched while a page is shown, by element; "*": of any element.
FETCHED: dict[str, tuple[str, ...]] = {
    "*": ("data-src", "data-srcset", "data-background", "data-background-image", "data-poster"),
    "audio": ("src",),
    "base": ("href",),
    "body": ("background",),
    "embed": ("src",),
    "feimage": ("href", "xlink:href"),
    "frame": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src", "href", "xlink:href"),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
#: Kinds of <link> that a browser acts upon by itself; of the others, it only knows.
FETCHED_LINKS = frozenset(
    "stylesheet icon apple-touch-icon mask-icon manifest preload prefetch prerender modulepreload "
    "preconnect dns-prefetch".split()
)

_REMOTE = re.compile(r"""["'`](?P<address>(?:https?:|wss?:)?//[^"'`\s]+)["'`]""")
_CALLS = (
    r"\bfrom\s*",
    r"\bimport\s*\(?\s*",
    r"\b(?:fetch|importScripts|sendBeacon|getJSON|getScript)\s*\(\s*",
    r"\bnew\s+(?:Worker|SharedWorker|WebSocket|EventSource)\s*\(\s*",
    r"\.open\s*\(\s*[\"'][A-Z]+[\"']\s*,\s*",
    r"\.src\s*=\s*",
    r"\bsetAttribute\s*\(\s*[\"']src[\"']\s*,\s*",
)
_CALL = re.compile(f"(?:{'|'.join(_CALLS)})$")
_CALL_LENGTH = 100  # characters before an address that can belong to the call
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CSS_ADDRESS = re.compile(
    r"""(?P<call>@import\s+(?=["'])|url\(\s*)"""
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^"'()\s]+))""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """One address in a file: where it stands, and whether a browser fetches it by itself."""

    line: int
    element: str  # such as "<img src>"
    address: str
    fetched: bool


class Markup(HTMLParser):
    """The references and anchors of an html or svg file.

    Attributes
    ----------
    references
        Every address, in the order of the file.
    anchors
        Every `id`, and every `name` of a link: what a fragment may name.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[Reference] = []
        self.anchors: set[str] = set()
        self._inside = ""  # the element whose text comes now
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take up the addresses and anchors of one element."""
        line = self.getpos()[0]
        given = {name: value for name, value in reversed(attrs) if value}  # the first one counts
        names = ("id", "name") if tag == "a" else ("id",)
        self.anchors.update(given[name] for name in names if name in given)
        for name, address, fetched in _addresses(tag, given):
            self.references.append(Reference(line, f"<{tag} {name}>", address, fetched))
        if "style" in given:
            self.references.extend(_shifted(style_references(given["style"]), line, tag))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        """Leave an element: its text is over."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Search the text of a style sheet or script."""
        find = {"style": style_references, "script": script_requests}.get(self._inside)
        if find is not None:
            self.references.extend(_shifted(find(data), self.getpos()[0], self._inside))


def _addresses(tag: str, given: dict[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Attribute, address, and whether it is fetched, for one element."""
    for name in (*FETCHED.get(tag, ()), *FETCHED["*"]):
        if name in given:
            many = name.endswith("srcset")
            found = _candidates(given[name]) if many else [given[name].strip()]
            yield from ((name, address, True) for address in found)
    if tag in ("a", "area"):
        yield from ((n, given[n].strip(), False) for n in ("href", "xlink:href") if n in given)
    if tag == "link" and "href" in given:
        kinds = set(given.get("rel", "").lower().split())
        yield "href", given["href"].strip(), bool(kinds & FETCHED_LINKS)
        if "imagesrcset" in given:
            yield from (("imagesrcset", a, True) for a in _candidates(given["imagesrcset"]))
    if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
        _, _, address = given.get("content", "").partition("=")
        if address:
            yield "content", address.strip(" '\""), True


def _candidates(srcset: str) -> list[str]:
    """Addresses of a `srcset`: each may be followed by a width or density."""
    return [part.split()[0] for part in re.split(r",\s+|,$", srcset.strip()) if part.strip()]


def _shifted(found: Iterator[Reference], line: int, tag: str) -> Iterator[Reference]:
    """References of text that starts on `line`, named after the element around it."""
    for item in found:
        yield Reference(item.line + line - 1, f"<{tag}> {item.element}", item.address, item.fetched)


def style_references(text: str) -> Iterator[Reference]:
    """Addresses of a style sheet: in `url()` and after `@import`, outside comments."""
    plain = _CSS_COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment[0]), text)
    for found in _CSS_ADDRESS.finditer(plain):
        address = (found["double"] or found["single"] or found["bare"] or "").strip()
        if address:
            element = "@import" if found["call"].startswith("@") else "url()"
            yield Reference(_line(plain, found.start()), element, address, True)


def script_requests(text: str) -> Iterator[Reference]:
    """Literal addresses of other hosts that a script asks for, such as ``fetch("https://...")``."""
    for found in _REMOTE.finditer(text):
        start = found.start()
        if call := _CALL.search(text[max(0, start - _CALL_LENGTH) : start]):
            name = re.sub(r"\s+", " ", call[0]).strip()
            yield Reference(_line(text, start), name, found["address"], True)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
