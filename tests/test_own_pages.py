"""The generated page of data sets: all of a manifest is on it, as text and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from docutils import nodes
from hypothesis import example, given
from hypothesis import strategies as st
from own_pages_support import complaints, one_line, parsed

from dfe.claims import book_claims
from dfe.data.gated import GatedManifest, gated_ids, load_gated
from dfe.own_pages import Have
from dfe.own_pages.markdown import block, bullets, code, link, plain, table
from dfe.own_pages.sets import section

NOTHING = Have(degree="not here")
IDS = gated_ids()

# Texts


NASTY = (
    *("{{ paper }}", "{math}`x`", "$x$ and $$y$$", r"\begin{equation}", "(label)=", "% comment"),
    *("```{note}", ":::{note}", "<script>x</script>", "&amp;", "---", "===", "1. one", "- two"),
    *("a|b", r"a\|b", "\\", "`", "``", "`a|b`", "[x](y)", "![x](y)", "+++", "> quote", "# head"),
    *("a_b_c *d* **e**", "term\n: meaning", "[x]{#id}", "~~~", "|a|\n|-|", "https://a.b", "a\tb"),
    *("x {a=b}", "`a`{b}", "[^1]", "[^1]: x", "<http://a.b>", "$", r"\(x\)", "a  \nb", "}}", "--"),
)
LETTERS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs"), include_characters="\n\t|<>{}*_$`\\#~:%&![]()"
)
texts = st.one_of(
    st.sampled_from(NASTY), st.text(LETTERS), st.lists(st.sampled_from(NASTY)).map("".join)
)
texts = texts.filter(lambda text: one_line(text) != "")


@given(texts)
def test_a_text_is_shown_as_it_is(text: str) -> None:
    document = parsed(plain(text))
    assert complaints(document) == []
    (paragraph,) = document.children
    assert isinstance(paragraph, nodes.paragraph)
    assert [type(child) for child in paragraph.children] == [nodes.Text]
    assert paragraph.astext() == one_line(text)


@given(texts)
def test_code_is_shown_as_it_is(text: str) -> None:
    document = parsed(f"x {code(text)} y")
    assert complaints(document) == []
    (literal,) = document.findall(nodes.literal)
    assert literal.astext() == one_line(text)
    assert document.astext() == f"x {one_line(text)} y"


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=3))
@example([("\\", "\\")])
def test_cells_of_a_table_stay_apart(rows: list[tuple[str, str]]) -> None:
    cells = [[plain(first), code(second)] for first, second in rows]
    document = parsed(table([plain(rows[0][0]), code("x")], cells))
    assert complaints(document) == []
    shown = [entry.astext() for entry in document.findall(nodes.entry)]
    wanted = [one_line(text) for row in rows for text in row]
    assert shown == [one_line(rows[0][0]), "x", *wanted]


@given(st.lists(texts, min_size=1, max_size=3))
def test_items_stay_apart(items: list[str]) -> None:
    document = parsed(bullets(map(plain, items)))
    assert complaints(document) == []
    shown = [item.astext() for item in document.findall(nodes.list_item)]
    assert shown == [one_line(item) for item in items]


@given(texts)
def test_a_heading_is_one_line_of_text(text: str) -> None:
    document = parsed(f"## x {plain(text)}\n\ny")
    assert [title.astext() for title in document.findall(nodes.title)] == [f"x {one_line(text)}"]


@given(st.text(LETTERS))
def test_a_block_keeps_every_line(text: str) -> None:
    document = parsed(block(f"x\n{text}\nx", "text"))
    (literal,) = document.findall(nodes.literal_block)
    assert literal.astext().split() == ["x", *text.split(), "x"]


@pytest.mark.parametrize("url", ["https://a.b/c?d=e#f=(g)", "http://a.b/<c>|`{{d}}$e$*f*_g_\\h"])
def test_a_link_leads_to_its_address(url: str) -> None:
    document = parsed(table(["x"], [[link(url)]]))
    assert complaints(document) == []
    (reference,) = document.findall(nodes.reference)
    assert reference.astext() == url
    if url.endswith(")"):
        assert reference["refuri"] == url


# Manifests


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a manifest that is no group of values: where it stands, and what it is."""
    if isinstance(value, tuple):
        value = dict(enumerate(value))
    elif hasattr(type(value), "model_fields"):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif value is not None:
        yield path, value


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy in which one value is another one, without any check."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, tuple):
        changed = replaced(value[first], tuple(rest), new)
        return (*value[:first], changed, *value[first + 1 :])
    if isinstance(value, dict):
        return value | {first: replaced(value[first], tuple(rest), new)}
    return value.model_copy(update={first: replaced(getattr(value, first), tuple(rest), new)})


def other(path: tuple[Any, ...], value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    swaps = {"format": {"text": "pickle"}, "separator": {",": ";"}, "check": {"rows": "header"}}
    known = swaps.get(str(path[-1]), {})
    back = {new: old for old, new in known.items()}
    return known.get(value) or back.get(value) or f"{value}zz"


def shown(manifest: GatedManifest) -> str:
    return section(manifest, NOTHING, book_claims())


def page_of(manifest: GatedManifest) -> nodes.document:
    return parsed(f"# Page\n\n{shown(manifest)}")


@pytest.mark.parametrize("id", IDS)
def test_every_field_of_a_manifest_makes_a_difference(id: str) -> None:
    manifest = load_gated(id)
    before = shown(manifest)
    for path, value in leaves(manifest):
        if path[-1] in ("separator", "check") and manifest.tables[path[1]].format != "text":
            continue  # such files are not opened as text
        text = shown(replaced(manifest, path, other(path, value)))
        assert text != before, f"{id}: nothing on the page depends on {path}"


@pytest.mark.parametrize("id", IDS)
def test_every_text_of_a_manifest_is_read_on_the_page(id: str) -> None:
    manifest = load_gated(id)
    document = page_of(manifest)
    assert complaints(document) == []
    page = one_line(document.astext())
    for path, value in leaves(manifest):
        if isinstance(value, str) and path[-1] not in ("url", "format", "separator", "check"):
            assert one_line(value) in page, path
    classes = [one.classes for one in (*manifest.tables, *manifest.splits)]
    keyed = [
        *(rule.labels for rule in manifest.rules),
        *classes,
        *(c for d in classes for c in d.values()),
    ]
    assert all(key in page for group in keyed for key in group)


def test_counts_and_columns_stand_beside_their_names() -> None:
    text = shown(load_gated("stressid"))
    assert "| `0` | valence \\>\\= 5, arousal \\<\\= 5 and relax \\>\\= 5 | 138 |" in text
    assert "with semicolons between the cells" in text and "with commas" in text
    assert "names like `[0-9a-z]{4}`, 65 columns" in text
    assert "`affect3-class-v2`, may be missing" in text
    text = shown(load_gated("avec2019-dds"))
    assert "| `test` | 56 people | `test` | `PHQ_Binary`: `0` 39, `1` 17 |" in text
    assert "| Video that no reader can get | **needed** |" in text


def test_what_nobody_checked_stands_apart() -> None:
    manifest = load_gated("affectnet")
    (box,) = page_of(manifest).findall(nodes.admonition)
    assert "Nobody here has checked" in box.astext()
    for line in manifest.unverified:
        assert one_line(line) in one_line(box.astext())


def test_the_rows_of_the_scoreboard_have_their_needs() -> None:
    text = shown(load_gated("stressid"))
    assert (
        "| [6](../notebooks/10_stress.ipynb) | AU \\(LibreFace\\) | `libreface`, `stressid` |"
        in text
    )
    assert "Ours w/ Codebook Size 16 | `affectnet`, `emoca`, `stressid` |" in text
    assert "On the scoreboard" not in shown(load_gated("ravdess-landmarks"))


def test_a_field_without_a_place_is_shown_as_it_stands_in_the_file() -> None:
    class Later(GatedManifest):
        sensors: tuple[str, ...] = ("ecg `1` ``` x",)

    old = load_gated("flame")
    text = shown(Later.model_construct(**{n: getattr(old, n) for n in type(old).model_fields}))
    (literal,) = parsed(text).findall(nodes.literal_block)
    assert literal.astext().strip() == "sensors:\n- ecg `1` ``` x"


FIXED = {"id", "role", "page", "route", "media", "format", "separator", "check", "dtype"}


def free(path: tuple[Any, ...]) -> bool:
    """Whether the schema lets any text stand there."""
    rights = path[0] == "redistribution" and path[-1] != "note"
    return not rights and path[0] != "features" and path[-1] not in FIXED


def test_nasty_texts_of_a_manifest_break_nothing() -> None:
    manifest = load_gated("stressid")
    before = [type(node) for node in page_of(manifest).findall() if node.children]
    for nasty in NASTY:
        changed = manifest
        for path, value in leaves(manifest):
            if isinstance(value, str) and free(path):
                changed = replaced(changed, path, f"{nasty}{value}")
        document = page_of(changed)
        assert complaints(document) == [], nasty
        assert [type(node) for node in document.findall() if node.children] == before, nasty
