"""What a page fetches by itself, and what it only links to."""

from __future__ import annotations

import pytest

from dfe.publishing.markup import Markup, script_requests, style_references


def fetched(text: str) -> list[str]:
    return [item.address for item in Markup(text).references if item.fetched]


def linked(text: str) -> list[str]:
    return [item.address for item in Markup(text).references if not item.fetched]


@pytest.mark.parametrize(
    "text",
    [
        '<script src="X"></script>',
        '<img src="X">',
        '<IMG SRC=" X ">',
        '<iframe src="X"></iframe>',
        '<video poster="X"></video>',
        '<object data="X"></object>',
        '<link rel="stylesheet" href="X">',
        '<link rel="shortcut icon" href="X">',
        '<link rel="preload" as="font" href="X">',
        '<link rel="preconnect" href="X">',
        '<svg><use xlink:href="X"/></svg>',
        '<svg><image href="X"/></svg>',
        '<div data-src="X"></div>',
        '<div style="background: url(X)"></div>',
        "<style>\n@import 'X';</style>",
        '<style>p { background: url( "X" ) }</style>',
        '<meta http-equiv="refresh" content="0; url=X">',
        '<base href="X">',
    ],
)
def test_a_browser_fetches_it(text: str) -> None:
    assert fetched(text) == ["X"] and linked(text) == []


@pytest.mark.parametrize(
    "text", ['<a href="X">a</a>', '<link rel="next" href="X">', '<link rel="canonical" href="X">']
)
def test_a_reader_has_to_follow_it(text: str) -> None:
    assert linked(text) == ["X"] and fetched(text) == []


def test_each_picture_of_a_set_counts() -> None:
    assert fetched('<img srcset="a.png 1x, b.png 2x,\n c.png">') == ["a.png", "b.png", "c.png"]
    assert fetched('<source srcset="a,b.png 2x">') == ["a,b.png"]


def test_the_first_of_two_equal_attributes_counts() -> None:
    assert fetched('<img src="a.png" src="b.png">') == ["a.png"]


def test_anchors_are_ids_and_names_of_links() -> None:
    text = '<h1 id="a"><a name="b"></a><meta name="c"><input name="d"></h1>'
    assert Markup(text).anchors == {"a", "b"}


def test_lines_are_those_of_the_file() -> None:
    style = "<style>\n\nb { x: url(c) }\n</style>"
    text = f"<p>\n<img\nsrc='a'>\n{style}<script>\nfetch('//d/')</script>"
    found = [(item.line, item.address) for item in Markup(text).references]
    assert found == [(2, "a"), (6, "c"), (8, "//d/")]


def test_comments_of_a_style_sheet_fetch_nothing() -> None:
    text = "/* url(a)\n@import 'b' */ c { x: url(d), url('e f') }"
    assert [(r.line, r.address) for r in style_references(text)] == [(2, "d"), (2, "e f")]


@pytest.mark.parametrize(
    "text",
    [
        'import x from "https://h/m.js"',
        "import{a}from'https://h/m.js'",
        'import "https://h/m.js"',
        "await import(`https://h/m.js`)",
        "fetch( 'https://h/m.js' )",
        "importScripts('//h/m.js')",
        'new Worker("https://h/m.js")',
        'new WebSocket("wss://h/m.js")',
        'request.open("GET", "https://h/m.js")',
        'element.src="https://h/m.js"',
        'e.setAttribute("src", "https://h/m.js")',
        "navigator.sendBeacon('https://h/m.js', x)",
    ],
)
def test_a_script_asks_another_host(text: str) -> None:
    assert len(list(script_requests(f"// first line\n{text};"))) == 1
    assert next(script_requests(f"// first line\n{text};")).line == 2


@pytest.mark.parametrize(
    "text",
    [
        'const u = "https://h/m.js"',
        "fetch('searchindex.js')",
        'window.open("https://h")',
        'import "./a.js"',
        'x.namespace="http://www.w3.org/2000/svg"',
    ],
)
def test_a_script_asks_no_other_host(text: str) -> None:
    assert list(script_requests(text)) == []
