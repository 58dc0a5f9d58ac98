"""The page of a sweep: its numbers, figures, links and labels, and what it refuses."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis
import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
import yaml
from claims_support import ACC, FULL, K16, OURS, claims_text, made_claims, page
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dfe import book
from dfe.book import BookError, Edition
from dfe.config import Profile, load_profile
from dfe.metrics import Interval
from dfe.results import PageResults, write_results
from dfe.sweeps import SweepError, sweep_page, sweep_pages, write_sweeps
from dfe.sweeps.figures import Chart, _frame, draw, kind_of
from dfe.sweeps.notebook import as_point, moved, renamed
from dfe.sweeps.numbers import Group, claim_groups
from dfe.sweeps.points import Grid, Point, Sweep
from dfe.sweeps.saved import saved_tables

EFFECTS = {f"effect={value}": {"effect": value} for value in (0, 0.5)}
SETTINGS = {"effect": "cohorts.stress.effect", "labels": "cohorts.stress.labels"}
PARAMETERS = """profile = "smoke"
effect = None  # how strongly stress shows; None for the profile's value
labels = None  # rule of the classes"""
OVERRIDES = "{" + ", ".join(f'"{setting}": {name}' for name, setting in SETTINGS.items()) + "}"
PROSE = """(target)=
# A page: two classes

See {ref}`the top <target>`, [method](../book/method.md), [itself](page.ipynb) and {eq}`sum`.

$$ a + b $$ (sum)

```{figure} ../figures/dot.png
:name: dot

A dot, {numref}`dot`.
```
"""


def notebook() -> NotebookNode:
    """An executed notebook with labels, links and a provenance table."""
    shown = new_output("display_data", {"text/html": '<table class="provenance"></table>'})
    told = new_output("display_data", {"text/markdown": "See [method](../book/method.md)."})
    cells = [
        new_markdown_cell(PROSE, id="0"),
        new_code_cell(PARAMETERS, id="1", execution_count=1, metadata={"tags": ["parameters"]}),
        new_code_cell(OVERRIDES, id="2", execution_count=2),
        new_code_cell("run.provenance()", id="3", execution_count=3, outputs=[told, shown]),
    ]
    return new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


@pytest.fixture
def settings(checkout: Path) -> Profile:
    """Profile of a small checkout with a notebook, its page, and the made-up claims."""
    (checkout / "book" / "claims.yml").write_text(claims_text())
    for folder in ("notebooks", "build/smoke/notebooks"):
        path = checkout / folder / "page.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook(), path)
    figures = checkout / "build" / "smoke" / "figures"
    figures.mkdir()
    plt.imsave(figures / "dot.png", [[0.0, 1.0]])
    return load_profile("smoke")


def measured(at: int, given: Mapping[str, Any], **more: Any) -> PageResults:
    """Results of the point number `at`: with an interval, without one, and of another table."""
    values = {OURS: (7.25 + at, 6.5, 8.0 + at), ACC["ours"]: 61.5, ACC["au"]: (50.0, 40.0, 60.0)}
    return page("page", values, parameters={SETTINGS[k]: v for k, v in given.items()}, **more)


def put(settings: Profile, grid: Grid, claims: bool = True, **more: Any) -> None:
    """Write what each point of a grid leaves."""
    for at, (name, given) in enumerate(grid.items()):
        folder = Path("build") / settings.name / "sweeps" / "page" / name
        results = measured(at, given, **more)
        if not claims:
            results = results.model_copy(update={"results": ()})
        (folder / "results").mkdir(parents=True)
        (folder / "notebooks").mkdir()
        write_results(results, folder / "results")
        nbformat.write(notebook(), folder / "notebooks" / "page.ipynb")
        frame = pd.DataFrame(
            {"F1": [0.25 + at, 1234.5], "F1 low": [0.125, 1e3], "F1 high": [1, 2e3]}
        )
        frame.index = pd.Index(["tokens", "units | 2"], name="method")
        frame["why"] = "words"
        frame.to_csv(folder / "results" / "page.scores.csv")


def lines(text: str) -> list[list[str]]:
    """Cells of all lines of tables, without backslashes."""
    plain = re.sub(r"\\([^\w\s|])", r"\1", text).replace("\\|", "¦")
    rows = [line.strip("| ").split(" | ") for line in plain.splitlines() if line.startswith("|")]
    return [[cell.replace("¦", "|") for cell in row] for row in rows]


# The page


def test_each_number_stands_in_the_line_of_its_point(settings: Profile) -> None:
    put(settings, EFFECTS)
    found = lines(sweep_page(settings, "page", EFFECTS))
    assert ["`effect`", "Ours", "N", "data"] in found
    for at, value in enumerate(("0", "0.5")):
        ours = f"{7.25 + at:.1f} [6.5, {8.0 + at:.1f}]"
        assert [value, ours, "40 videos", "simulated"] in found
        assert [value, "50.0 [40.0, 60.0]", "61.5", "40 videos", "simulated"] in found
        assert ["tokens", value, f"{0.25 + at} [0.125, 1]"] in found
        assert ["units | 2", value, "1234 [1000, 2000]"] in found


def test_the_page_says_what_was_varied_and_what_was_kept(settings: Profile) -> None:
    grid = {name: given | {"labels": "site"} for name, given in EFFECTS.items()}
    put(settings, grid)
    text = sweep_page(settings, "page", grid)
    assert text.startswith("# Sweep of `effect`: A page\\: two classes\n")
    assert ["`effect`", "how strongly stress shows", "0, 0.5"] in lines(text)
    assert "profile `smoke`, with `labels = site`." in text
    assert "95 %" in text and "no test of a difference" in text
    assert "N = 40 videos; data: simulated" in text.replace("\\", "")


def test_words_and_rows_that_are_left_out_are_named(settings: Profile) -> None:
    put(settings, EFFECTS)
    folder = Path("build/smoke/sweeps/page/effect=0/results")
    wide = pd.DataFrame({f"c{n}": range(40) for n in range(8)}, index=[f"r{n}" for n in range(40)])
    wide.to_csv(folder / "page.wide.csv")
    text = sweep_page(settings, "page", EFFECTS).replace("\\", "")
    assert "they hold words: the columns `why`" in text
    assert "Left out here: 10 of 40 rows." in text and "the columns `c6`, `c7`" in text
    assert ["r29", "0", *["29"] * 6] in lines(text) and "r30" not in text
    assert ["r0", "0.5"] not in [row[:2] for row in lines(text)]


def test_without_claims_the_saved_tables_have_figures(settings: Profile) -> None:
    put(settings, EFFECTS, claims=False)
    text = sweep_page(settings, "page", EFFECTS)
    assert "{dropdown}" not in text and "### scores" in text and "claims of the paper" not in text
    assert text.count("{figure}") == 1 and "scores: F1 over effect (0, 0.5)" in text


def test_with_claims_each_measure_has_a_figure(settings: Profile) -> None:
    put(settings, EFFECTS)
    text = sweep_page(settings, "page", EFFECTS)
    assert re.findall(r"\{figure\} (\S+)", text) == ["page/figure-1.png", "page/figure-2.png"]
    assert "````{dropdown} scores" in text
    alts = re.findall(r":alt: (.*)", text)
    assert alts[1].startswith("Lines with intervals: Table 5: Acc over effect (0, 0.5); one panel")
    assert "AU, Ours" in alts[1]


def test_what_stands_for_what_the_paper_used_is_said(settings: Profile) -> None:
    put(settings, EFFECTS, using="this instead of that")
    text = sweep_page(settings, "page", EFFECTS)
    assert r"Not what the paper used: this instead of that \(AU, Ours\)." in text


# Groups


def a_sweep(*given: Mapping[str, Any], tables: tuple[str, ...] = ()) -> Sweep:
    """Points p0, p1 and so on, with a saved table each if any is given."""
    points = []
    for at, parameters in enumerate(given):
        texts = {"t": io.StringIO(tables[at])} if tables else {}
        frames = {k: pd.read_csv(v, dtype=str, keep_default_na=False) for k, v in texts.items()}
        points.append(Point(f"p{at}", parameters, measured(at, {}), frames))
    return Sweep("page", points)


def test_parameters_that_differ_are_swept() -> None:
    sweep = a_sweep({"a": 0, "b": [1], "c": 1}, {"a": 1, "b": [1], "c": True})
    assert sweep.swept == ("a", "c") and sweep.kept == {"b": [1]}
    assert sweep.title(sweep.points[1]) == "a = 1, c = true"
    assert sweep.numeric("a") and not sweep.numeric("c") and not sweep.numeric("b")
    assert a_sweep({"a": 0}).swept == ("a",)


def test_groups_are_in_the_order_of_the_paper() -> None:
    values = {K16: 1.0, FULL: 2.0, "curve-lowest": 3.0, ACC["ours"]: 4.0, OURS: 5.0, ACC["au"]: 6.0}
    values |= {"table-1.b.ours.sim": 7.0, "table-1.a.ours.sim": 8.0}
    groups = claim_groups(Sweep("page", [Point("p", {}, page("page", values), {})]), made_claims())
    titles = ["Table 1: A, Sim", "Table 1: B, Sim", "Table 5: RMSE", "Table 5: Acc", "Table 7: F1"]
    assert [group.title for group in groups] == [*titles, "The curve is low."]
    assert list(groups[3].items) == ["AU", "Ours"] and groups[2].better == "lower is better"


def test_a_number_in_another_unit_is_on_another_axis() -> None:
    first, second = page("page", {OURS: 5.0}, unit="mm"), page("page", {OURS: 6.0})
    points = [Point("p", {}, first, {}), Point("q", {}, second, {})]
    groups = claim_groups(Sweep("page", points), made_claims())
    assert [group.axis for group in groups] == ["RMSE, points", "RMSE, mm"]
    assert groups[0].text("Ours", "p") == "–" and groups[1].text("Ours", "p") == "5.0"


def test_a_claim_that_the_book_does_not_have_is_refused() -> None:
    point = Point("p", {}, page("page", {"table-5.none.rmse": 1.0}), {})
    with pytest.raises(SweepError, match=r"sweep of page, point p: .* no number 'table-5.none"):
        claim_groups(Sweep("page", [point]), made_claims())


# Saved tables


def test_intervals_in_words_are_numbers() -> None:
    table = 'part,against,x,n\nb,u,"−1.5 [-2.0, nan]",\nb,v,"+2.4 [1,000.5, 3e3]",–\n'
    (saved,) = saved_tables(a_sweep({"a": 0}, tables=(table,)))
    assert saved.heads == ("part", "against") and saved.columns == ["x"] and saved.texts == ["n"]
    assert saved.rows["b", "v"]["p0"] == {"x": (2.4, 1000.5, 3000.0)}
    assert saved.rows["b", "u"]["p0"]["x"][:2] == (-1.5, -2.0)


def test_words_among_numbers_are_no_numbers() -> None:
    table = "on,what,x,y\nreal,a,1,1/2\nreal,b,2,3/4\ngated,c,needs labels,5\n"
    (saved,) = saved_tables(a_sweep({"a": 0}, tables=(table,)))
    assert saved.heads == ("on", "what") and saved.columns == ["x"] and saved.texts == ["y"]
    assert saved.rows["gated", "c"]["p0"] == {}


@hypothesis.given(
    st.tuples(*3 * [st.floats(-1e6, 1e6)]), st.sampled_from([".1f", ".3f", ",.2f", ".2e"])
)
def test_an_interval_is_read_as_it_is_written(numbers: tuple[float, ...], spec: str) -> None:
    text = format(Interval(*numbers), spec)
    (saved,) = saved_tables(a_sweep({"a": 0}, tables=(f'm,x\nr,"{text}"\n',)))
    expected = tuple(float(format(number, spec).replace(",", "")) for number in numbers)
    assert saved.rows["r",]["p0"]["x"] == expected


def test_rows_are_joined_by_their_labels_and_stand_together() -> None:
    tables = ("part,against,d\nA,u,1\nB,u,2\n", "part,against,d\nA,v,3\nA,u,4\n")
    (saved,) = saved_tables(a_sweep({"a": 0}, {"a": 1}, tables=tables))
    assert list(saved.rows) == [("A", "u"), ("A", "v"), ("B", "u")]
    numbers = {at: row["d"].value for at, row in saved.rows["A", "u"].items()}
    assert numbers == {"p0": 1, "p1": 4} and list(saved.rows["A", "v"]) == ["p1"]


def test_a_number_labels_a_row_where_words_do_not_tell_them_apart() -> None:
    table = ",method,size,value\n0,a,4,0.5\n1,a,6,0.25\n"
    (saved,) = saved_tables(a_sweep({"a": 0}, tables=(table,)))
    assert saved.heads == ("method", "size") and saved.columns == ["value"]
    assert saved.rows["a", "6"]["p0"]["value"].value == 0.25


def test_a_first_column_with_a_name_labels_the_rows() -> None:
    (saved,) = saved_tables(a_sweep({"a": 0}, tables=("size,x\n0,5\n1,6\n",)))
    assert saved.heads == ("size",) and list(saved.rows) == [("0",), ("1",)]
    assert saved.columns == ["x"]


def test_rows_that_nothing_tells_apart_are_counted() -> None:
    (saved,) = saved_tables(a_sweep({"a": 0}, tables=("m,x\na,1\na,1\n",)))
    assert saved.heads == () and list(saved.rows) == [("1",), ("2",)]


# Figures


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([{"a": 2}, {"a": 0.5}], "lines"),
        ([{"a": "x"}, {"a": "y"}], "points"),
        ([{"a": False}, {"a": True}], "points"),
        ([{"a": [1]}, {"a": [2]}], "points"),
        ([{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}], "heat"),
        ([{"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "c": 2}], "points"),
    ],
)
def test_every_kind_of_parameter_has_its_figure(
    tmp_path: Path, given: list[dict[str, Any]], kind: str
) -> None:
    sweep = a_sweep(*given)
    group = claim_groups(sweep, made_claims())[0]
    assert kind_of(sweep) == kind
    draw(sweep, Chart(group, "f.png"), tmp_path / "f.png")
    picture = plt.imread(tmp_path / "f.png")
    assert picture.shape[1] > 400 and picture.std() > 0
    assert plt.get_fignums() == []


def test_a_line_goes_through_the_numbers_in_order() -> None:
    sweep = a_sweep({"a": 2}, {"a": 0.5})
    frame = _frame(sweep, claim_groups(sweep, made_claims())[0], "Ours")
    assert frame.to_numpy().tolist() == [[0.5, 8.25, 6.5, 9.0], [2, 7.25, 6.5, 8.0]]


def test_items_without_a_panel_are_named() -> None:
    sweep = a_sweep({"a": 0}, {"a": 1})
    group = Group("many", "axis")
    for n in range(14):
        group.add(f"i{n}", "p0", Interval(n, n, n))
    assert Chart(group, "x.png").drawn(sweep) == [f"i{n}" for n in range(12)]


# The page of a point


def test_labels_are_renamed_where_they_are_defined_and_used() -> None:
    text = PROSE + "\n[x](#target) [y](target) [z](../a.md#target) \\eqref{sum} target {#dot}\n"
    found = renamed(text, {"target", "sum", "dot"}, "s-1")
    assert "(target-s-1)=" in found and "{ref}`the top <target-s-1>`" in found
    assert "$$ (sum-s-1)" in found and "{eq}`sum-s-1`" in found and "\\eqref{sum-s-1}" in found
    assert ":name: dot-s-1" in found and "{numref}`dot-s-1`" in found and "{#dot-s-1}" in found
    assert renamed("{ref}`target-two`", {"target"}, "s-1") == "{ref}`target-two`"
    assert "[x](#target-s-1) [y](target-s-1) [z](../a.md#target)" in found and " target " in found


@pytest.mark.parametrize(
    ("link", "right"),
    [
        ("[a](07_smiles.ipynb)", "[a](../../notebooks/07_smiles.ipynb)"),
        ("[a](<../book/x.md#y>)", "[a](<../../book/x.md#y>)"),
        ("![a](../figures/x.png)", "![a](../../figures/x.png)"),
        ("[a]: ../book/x.md", "[a]: ../../book/x.md"),
        ('<a href="x.html#cell-3">', '<a href="../../notebooks/x.html#cell-3">'),
        ("```{figure} ../figures/x.png", "```{figure} ../../figures/x.png"),
        ("{doc}`a <../book/x>`", "{doc}`a <../../book/x>`"),
        ("[a](https://a.example/b.c)", "[a](https://a.example/b.c)"),
        ("[a](#here)", "[a](#here)"),
        ("[a](label)", "[a](label)"),
        ("[a](/book/x.md)", "[a](/book/x.md)"),
        ('<img src="data:image/png;base64,A/b.c">', '<img src="data:image/png;base64,A/b.c">'),
    ],
)
def test_links_are_right_from_two_folders_deep(link: str, right: str) -> None:
    assert moved(link) == right


def test_the_title_says_the_point_and_outputs_are_right(tmp_path: Path) -> None:
    nbformat.write(notebook(), tmp_path / "p.ipynb")
    as_point(tmp_path / "p.ipynb", "page-1", "effect = 0")
    cells = nbformat.read(tmp_path / "p.ipynb", as_version=4).cells
    assert "\n# A page: two classes: effect = 0\n" in cells[0].source
    told, shown = cells[3].outputs
    assert told.data["text/markdown"] == "See [method](../../book/method.md)."
    assert "provenance" in shown.data["text/html"]
    assert "launch-buttons" in cells[-1].source  # they would lead to no file of the repository


# The book


def write(settings: Profile, grid: Grid, source: Path) -> None:
    source.mkdir()
    (source / "_toc.yml").write_text("root: a\nparts:\n- caption: x\n  chapters: [{file: b}]\n")
    write_sweeps(settings, {"page": grid}, source, book._publish_point)


def test_all_files_are_written_and_listed(settings: Profile, checkout: Path) -> None:
    put(settings, EFFECTS)
    write(settings, EFFECTS, source := checkout / "source")
    contents = yaml.safe_load((source / "_toc.yml").read_text())["parts"]
    assert [part["caption"] for part in contents] == ["x", "Sweeps"]
    sections = [{"file": f"sweeps/page/{name}.ipynb"} for name in EFFECTS]
    assert contents[1]["chapters"] == [{"file": "sweeps/page.md", "sections": sections}]
    assert (source / "sweeps" / "page.md").read_text() == sweep_page(settings, "page", EFFECTS)
    names = {path.name for path in (source / "sweeps" / "page").iterdir()}
    pictures = {"figure-1.png", "figure-2.png"}
    assert names == pictures | {"comparison.csv", "effect=0.ipynb", "effect=0.5.ipynb"}
    assert sweep_pages({"page": EFFECTS}) == [
        "sweeps/page",
        "sweeps/page/effect=0",
        "sweeps/page/effect=0.5",
    ]


def test_the_file_of_all_numbers_has_all_digits(settings: Profile, checkout: Path) -> None:
    put(settings, EFFECTS)
    write(settings, EFFECTS, source := checkout / "source")
    rows = list(csv.reader((source / "sweeps" / "page" / "comparison.csv").open()))
    assert rows[0] == ["effect", "number", "of", "value", "low", "high", "N", "data"]
    simulated = ["40 videos", "simulated"]
    assert ["0.5", "Table 5: RMSE", "Ours", "8.25", "6.5", "9.0", *simulated] in rows
    assert ["0", "Table 5: Acc", "Ours", "61.5", "", "", *simulated] in rows
    assert ["0", "scores: F1", "units | 2", "1234.5", "1000.0", "2000.0", "", ""] in rows
    assert len(rows) == 1 + 2 * (3 + 2)


def test_the_strict_build_takes_a_sweep(settings: Profile, checkout: Path) -> None:
    put(settings, EFFECTS)
    config = {
        "title": "small",
        "only_build_toc_files": True,
        "execute": {"execute_notebooks": "off"},
        "parse": {"myst_enable_extensions": ["dollarmath", "substitution", "attrs_inline"]},
        "sphinx": {"config": {"nb_render_markdown_format": "myst", "numfig": True}},
    }
    (checkout / "_config.yml").write_text(yaml.safe_dump(config))
    html = book.build_html(settings, Edition(sweeps={"page": EFFECTS}))
    text = (html / "sweeps" / "page.html").read_text()
    assert 'href="page/effect%3D0.5.html"' in text or 'href="page/effect=0.5.html"' in text
    assert text.count('<img alt="Lines with intervals') == 2
    point = (html / "sweeps" / "page" / "effect=0.5.html").read_text()
    assert "A page: two classes: effect = 0.5" in point and "provenance" in point
    assert 'href="../../book/method.html"' in point and "../../_images/dot.png" in point
    assert 'href="../../notebooks/page.html"' in point
    assert 'id="target-page-2"' in point and 'href="#target-page-2"' in point


# Errors


def test_a_missing_point_is_named(settings: Profile) -> None:
    put(settings, {"effect=0": {"effect": 0}})
    with pytest.raises(SweepError, match=r"sweep of page, point effect=0\.5: no results"):
        sweep_page(settings, "page", EFFECTS)
    with pytest.raises(BookError, match=r"point effect=0\.5"):
        book.assemble(settings, Edition(sweeps={"page": EFFECTS}))
    with pytest.raises(SweepError, match="it has no points"):
        sweep_page(settings, "page", {})


@pytest.mark.parametrize("name", ["page.results.json", "page.scores.csv"])
def test_a_damaged_file_is_named_with_its_point(settings: Profile, name: str) -> None:
    put(settings, EFFECTS)
    Path("build/smoke/sweeps/page/effect=0/results", name).write_text("")
    with pytest.raises(SweepError, match=rf"point effect=0: .*{name}"):
        sweep_page(settings, "page", EFFECTS)


@pytest.mark.parametrize(
    "more", [{"parameters": {"cohorts.stress.effect": 1}}, {"profile": "quick"}]
)
def test_results_of_another_run_are_refused(settings: Profile, more: dict[str, Any]) -> None:
    put(settings, EFFECTS)
    folder = Path("build/smoke/sweeps/page/effect=0/results")
    write_results(measured(0, {"effect": 0}).model_copy(update=more), folder)
    with pytest.raises(SweepError, match="point effect=0: its results are those of"):
        sweep_page(settings, "page", EFFECTS)


def test_an_unfit_notebook_is_named_with_its_point(settings: Profile, checkout: Path) -> None:
    put(settings, EFFECTS)
    path = Path("build/smoke/sweeps/page/effect=0.5/notebooks/page.ipynb")
    unfit = notebook()
    unfit.cells[3].execution_count = None
    nbformat.write(unfit, path)
    with pytest.raises(SweepError, match=r"point effect=0\.5: page.ipynb: code cell 3 did not run"):
        write(settings, EFFECTS, checkout / "source")


def test_a_book_without_the_page_of_a_point_is_refused(
    settings: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, EFFECTS)
    edition = Edition(sweeps={"page": EFFECTS})

    def run(source: Path, work: Path) -> None:
        for made in [*book.pages(), *sweep_pages(edition.sweeps)[:-1]]:
            path = work / "_build" / "html" / f"{made}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    monkeypatch.setattr(book, "run_jupyter_book", run)
    with pytest.raises(BookError, match=r"sweeps/page/effect=0\.5: Jupyter Book made no such"):
        book.build_html(settings, edition)
