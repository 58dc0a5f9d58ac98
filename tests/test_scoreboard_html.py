"""The scoreboard as html: whole, escaped, readable without color and in both themes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from claims_support import ACC, AU, BASIS, OURS, Numbers, made_claims, page

from dfe.claims import book_claims
from dfe.results import PageResults
from dfe.scoreboard import (
    COLORS,
    board,
    cell_link,
    configuration_link,
    statements_board,
    statements_html,
    strip_html,
    table_html,
)
from dfe.verdicts import VERDICTS

CLAIMS = made_claims()


def depression(**more: Any) -> dict[str, PageResults]:
    values: dict[str, Numbers] = {OURS: (7.04, 6.5, 7.6), AU: 8.0, ACC["ours"]: 60.0}
    differences: dict[tuple[str, str], Numbers] = {(OURS, AU): (-1.0, -1.5, -0.5)}
    how: dict[str, Any] = {"n": 56, "of": "interviews", "cell": 7} | more
    return {"09_depression": page("09_depression", values, differences, **how)}


def parsed(text: str) -> ET.Element:
    """The html as a tree; it is well-formed but for `<br>`."""
    return ET.fromstring(text.replace("<br>", "<br/>"))


def lines(tree: ET.Element) -> list[list[str]]:
    """Texts of the body's cells, a list for each line, without the label of its group."""
    return [["".join(td.itertext()) for td in tr.iter("td")] for tr in tree.iter("tr")][1:]


# A table


def test_a_table_has_a_line_for_each_number_in_groups_by_row() -> None:
    tree = parsed(table_html(board(CLAIMS, depression()), 5))
    bodies = tree.findall("tbody")
    heads = [body.find("tr/th") for body in bodies]
    assert [head.text for head in heads if head is not None] == ["FaceMAE", "AU", "Basis", "Ours"]
    assert [head.get("rowspan") for head in heads if head is not None] == ["2"] * 4
    assert all(len(body.findall("tr")) == 2 for body in bodies)
    names = [th.text for th in tree.findall("thead/tr/th")]
    assert all(len(line) == len(names) - 1 for line in lines(tree)) and len(lines(tree)) == 8


def test_a_line_of_a_measured_number() -> None:
    tree = parsed(table_html(board(CLAIMS, depression()), 5))
    assert lines(tree)[6] == [
        "RMSE",
        "7.2",
        "7.0 [6.5, 7.6]",
        "-0.2",
        "56 interviews, 1 seed",
        "simulated",
        "direction holds",
    ]
    chip = tree.findall("tbody")[3].find("tr/td/span[@class='verdict direction-holds']")
    assert chip is not None and (chip.get("title") or "").startswith("tokens ahead of AU by 1.0")


def test_a_line_of_a_number_that_is_missing() -> None:
    found = lines(parsed(table_html(board(CLAIMS, depression()), 5)))[0]
    assert found == ["RMSE", "8.4", *["–"] * 4, "needs gated data"]
    found = lines(parsed(table_html(board(CLAIMS, {}), 7)))[0]
    assert found == ["F1", "70.0", *["–"] * 4, "not run"]


def heads(tree: ET.Element) -> list[str]:
    """Texts of the rows' labels, with what stands below them."""
    return ["".join(head.itertext()) for head in tree.findall("tbody/tr/th")]


def test_what_a_row_shares_stands_once_below_its_label() -> None:
    tree = parsed(table_html(board(CLAIMS, depression()), 5))
    assert heads(tree)[0] == "FaceMAEdepression · settings"
    assert heads(tree)[3] == "Oursdepression · settings"
    assert heads(parsed(table_html(board(CLAIMS, {}), 7)))[0] == "K 16ablations"


def test_what_a_row_does_not_share_stands_below_each_number() -> None:
    tree = parsed(table_html(board(CLAIMS, depression()), 5))  # of AU only the RMSE is measured
    assert heads(tree)[1] == "AU"
    assert lines(tree)[2][2] == "8.0depression · settings"
    links = [[a.get("href") for a in tr.iter("a")] for tr in tree.findall("tbody")[1].iter("tr")]
    assert [hrefs[0] for hrefs in links] == ["09_depression.html#cell-7", "09_depression.html"]


def test_spread_unit_stand_in_and_parameters_are_shown() -> None:
    more: dict[str, Any] = {"sd": 0.31, "unit": "mm", "using": "this for that", "seeds": (0, 1)}
    pages = depression(parameters={"seed": 3}, **more)
    tree = parsed(table_html(board(CLAIMS, pages), 5))
    assert lines(tree)[6][2:5] == ["7.0 ± 0.3 [6.5, 7.6] mm", "–", "56 interviews, 2 seeds"]
    assert heads(tree)[3] == "Oursthis for thatdepression · settingsseed = 3"


def test_signs_of_distances() -> None:
    pages = {"09_depression": page("09_depression", {OURS: 7.2, AU: 9.0, BASIS: 7.4601})}
    found = lines(parsed(table_html(board(CLAIMS, pages), 5)))
    assert [line[3] for line in found[::2]] == ["–", "+0.7", "-0.04", "+0.0"]


def test_links() -> None:
    tree = parsed(table_html(board(CLAIMS, depression()), 5))
    links = [a.get("href") for a in tree.findall("tbody")[3].findall("tr")[0].iter("a")]
    assert links == [
        "09_depression.html#cell-7",
        "../_static/results/09_depression.provenance.json",
    ]
    assert cell_link("a", None) == "a.html" and cell_link("a", 3) == "a.html#cell-3"
    assert configuration_link("a") == "../_static/results/a.provenance.json"
    text = table_html(board(CLAIMS, depression()), 5, lambda page, cell: f"/{page}?{cell}&x")
    assert 'href="/09_depression?7&amp;x"' in text and 'href="/09_depression?None&amp;x"' in text


def test_everything_is_escaped() -> None:
    bad = '<b title="x">&'
    frame = board(CLAIMS, depression(of=bad, unit=bad, using=bad, parameters={bad: bad}))
    for name in ("row", "column", "origin", "reason", "unit", "page"):
        frame[name] = bad
    tree = parsed(table_html(frame, 5))
    assert tree.find(".//b") is None and "".join(tree.itertext()).count(bad) > 20
    sentences = statements_board(CLAIMS, {})
    for name in ("section", "says", "note", "printed", "origin", "reason", "page", "parameters"):
        sentences[name] = bad
    tree = parsed(statements_html(sentences))
    assert tree.find(".//b") is None and "".join(tree.itertext()).count(bad) == 5 * 8


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"no Table 9 on the scoreboard; there are \[1, 5, 7\]"):
        table_html(board(CLAIMS, {}), 9)


def test_every_table_of_the_paper_can_be_shown() -> None:
    frame = board(book_claims(), {})
    found = [len(lines(parsed(table_html(frame, number)))) for number in range(1, 9)]
    assert found == [12, 6, 6, 60, 24, 24, 28, 8]


# Sentences


def test_sentences() -> None:
    pages = depression() | {"11_ablations": page("11_ablations", {"curve-lowest": (0.2, 0.1, 0.3)})}
    found = lines(parsed(statements_html(statements_board(CLAIMS, pages))))
    assert len(found) == 5
    assert found[1][:5] == [
        "5",
        "Tokens are <best>.a note1 of 8 pairs measured, 1 holds; the other pairs need avec, "
        "mae-face, stressid",
        "no: 1 tie, 1 against",
        "1 of 8 pairssimulated",
        "needs gated data",
    ]
    assert found[1][5] == "depression · settingsablations · settings"
    assert found[4][3:5] == ["0.20 [0.10, 0.30]simulated", "direction holds"]
    assert found[0][1].endswith("gives no test")


# The strip


def strip(pages: dict[str, PageResults]) -> ET.Element:
    return parsed(strip_html(board(CLAIMS, pages), statements_board(CLAIMS, pages)))


def test_the_strip_counts_in_words() -> None:
    tree = strip(depression())
    legend = ["".join(p.itertext()) for p in tree.iter("p")]
    assert legend == [
        "15 numbers: 0 reproduced, 2 direction holds, 1 undecided, 5 needs gated data, 7 not run",
        "5 statements: 0 reproduced, 1 needs gated data, 4 not run",
    ]
    bar = tree.find("div")
    assert bar is not None and bar.get("role") == "img"
    assert bar.get("aria-label") == legend[0].replace("15 numbers", "Numbers")


def test_segments_are_as_wide_as_their_counts() -> None:
    segments = strip(depression()).findall("div/span")
    widths = {s.get("class"): s.get("style") for s in segments}
    assert widths == {
        "verdict direction-holds": "flex-grow:2",
        "verdict undecided": "flex-grow:1",
        "verdict needs-gated-data": "flex-grow:5",
        "verdict not-run": "flex-grow:7",
    }
    assert [s.get("title") for s in segments][0] == "2 direction holds"


def test_the_strip_is_one_line_without_scripts() -> None:
    """A Markdown page takes it in as one block of html, and fills braces in."""
    text = strip_html(board(CLAIMS, {}), statements_board(CLAIMS, {}))
    assert text.startswith("<div") and "\n" not in text and "{" not in text
    assert "<script" not in text and "onclick" not in text


# Style


def channel(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def contrast(a: str, b: str) -> float:
    """Ratio of two colors such as "#0b5cad", as WCAG 2.2 defines it."""
    light, dark = sorted(
        (
            sum(
                weight * channel(int(color[i : i + 2], 16))
                for weight, i in zip((0.2126, 0.7152, 0.0722), (1, 3, 5), strict=True)
            )
            for color in (a, b)
        ),
        reverse=True,
    )
    return (light + 0.05) / (dark + 0.05)


def test_contrast_by_hand() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)


@pytest.mark.parametrize(
    ("theme", "ground"), [(":root", "#ffffff"), ('html[data-theme="dark"]', "#14181e")]
)
def test_colors_can_be_read_in_both_themes(root: Path, theme: str, ground: str) -> None:
    style = (root / "book" / "_static" / "dfe.css").read_text(encoding="utf-8")
    block = style[style.index(theme + " {") :].partition("}")[0]
    colors = dict(re.findall(r"--dfe-([a-z-]+): (#[0-9a-f]{6});", block))
    ink = colors.pop("ink")
    assert len(colors) == 6
    for name, color in colors.items():
        assert contrast(color, ground) >= 3, name
        assert contrast(ink, color) >= 4.5, name


def test_figures_have_the_colors_of_the_style_sheet(root: Path) -> None:
    style = (root / "book" / "_static" / "dfe.css").read_text(encoding="utf-8")
    block = style[style.index(":root {") :].partition("}")[0]
    assert tuple(COLORS) == VERDICTS
    for verdict, color in COLORS.items():
        if verdict != "needs gated data":  # an outline there
            name = verdict.removeprefix("direction ").replace(" ", "-")
            assert f"--dfe-{name}: {color};" in block


def test_every_verdict_has_a_style(root: Path) -> None:
    style = (root / "book" / "_static" / "dfe.css").read_text(encoding="utf-8")
    for verdict in VERDICTS:
        assert f".verdict.{verdict.replace(' ', '-')} {{" in style
