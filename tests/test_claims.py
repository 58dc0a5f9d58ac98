"""The paper's numbers, as the book repeats them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from dfe.claims import (
    STATEMENTS_PAGE,
    TABLE_PAGES,
    Claims,
    PaperTable,
    book_claims,
    cell_id,
    page_claims,
    paper_table,
    read_claims,
)
from dfe.config import ConfigError, project_root

GOOD = """
tables:
  - number: 3
    title: t
    section: "5"
    data: d
    needs: [s]
    index: [Method]
    columns:
      A: {better: higher, unit: u, digits: 0, tolerance: 1, because: b}
      B: {better: lower, unit: u, digits: 1, tolerance: 0.5, because: b}
    rows: [{label: [x], values: [1, 2]}, {label: [y], values: [3, 4.5], needs: [n]}]
statements:
  - id: y-better
    section: "5"
    says: y is better
    compares: [{table: 3, row: [y], columns: [A]}]
  - id: y-low
    section: "5"
    says: y is low
    measure: m
    needs: [s]
facts: [{id: six, values: [6], what: w, source: s}]
"""


def claims() -> dict[int, PaperTable]:
    return dict(read_claims(project_root() / "book" / "claims.yml").tables)


@pytest.mark.parametrize(
    ("number", "shape", "total"),
    [
        (1, (4, 3), 26.407),
        (2, (3, 2), 2.83),
        (3, (2, 3), 359.5),
        (4, (6, 10), 3601.3),
        (5, (6, 4), 858.9),
        (6, (6, 4), 1421.0),
        (7, (7, 4), 1830.8),
        (8, (4, 2), 3.471),
    ],
)
def test_tables_hold_the_printed_cells(number: int, shape: tuple[int, int], total: float) -> None:
    """The sums were added up from the printed page, so a slip in any digit shows."""
    frame = paper_table(number)
    assert frame.shape == shape
    assert frame.to_numpy().sum() == pytest.approx(total, abs=1e-9)


#: Sums over the printed lines and over the printed columns, added up from the text of the paper.
MARGINS = {
    3: ([170.6, 188.9], [140.6, 109.3, 109.6]),
    4: (
        [557.1, 559.0, 577.1, 629.0, 619.4, 659.7],
        [535.9, 186.0, 529.9, 207.3, 534.8, 227.3, 539.3, 132.1, 531.8, 176.9],
    ),
    5: ([129.6, 139.5, 135.3, 152.7, 143.6, 158.2], [46.7, 78.3, 385.2, 348.7]),
    6: ([195.5, 219.2, 228.3, 250.0, 260.4, 267.6], [403.6, 397.8, 309.8, 309.8]),
}


@pytest.mark.parametrize("number", MARGINS)
def test_task_tables_add_up_by_line_and_by_column(number: int) -> None:
    """Two cells that changed places in a line or a column show as well."""
    frame = paper_table(number)
    by_line, by_column = MARGINS[number]
    np.testing.assert_allclose(frame.sum(axis=1), by_line, atol=1e-9)
    np.testing.assert_allclose(frame.sum(axis=0), by_column, atol=1e-9)


@pytest.mark.parametrize("number", MARGINS)
def test_lower_is_better_for_errors_only(number: int) -> None:
    for name, column in claims()[number].columns.items():
        assert column.better == ("lower" if name == "RMSE" else "higher")


def test_our_tokens_stand_last_and_win_or_tie_everywhere() -> None:
    """As the paper says of its tables 3 to 6; in Table 5 accuracy and CCC have ties."""
    for number in MARGINS:
        frame = paper_table(number)
        signs = [-1 if c.better == "lower" else 1 for c in claims()[number].columns.values()]
        assert frame.index[-1] in ("Ours", "Ours (VQ-VAE)")
        assert ((frame * signs).max() == (frame * signs).iloc[-1]).all()
    assert paper_table(5).loc["Marlin", "CCC"] == paper_table(5).loc["Ours (VQ-VAE)", "CCC"]


def sizes(values: Iterable[float], largest: int) -> list[int]:
    """Numbers of trials up to `largest` of which every value is a percentage, to one digit."""
    return [
        n
        for n in range(2, largest + 1)
        if all(any(round(100 * k / n, 1) == value for k in range(n + 1)) for value in values)
    ]


def test_what_the_notes_say_about_shares_is_true() -> None:
    smiles, depression = paper_table(3), paper_table(5)["Acc"]
    fits = {name: sizes(smiles[name], 45) for name in smiles}
    assert fits == {"AUC": [], "Accuracy": [43], "F1": []}
    assert [round(100 * k / 43, 1) for k in (22, 25)] == smiles["Accuracy"].tolist()
    rows = {name: depression[name] for name in ("FaceMAE", "Marlin", "VideoMAE")}
    assert sizes(rows.values(), 80) == [54]
    assert [round(100 * k / 54, 1) for k in (33, 32, 33)] == list(rows.values())
    others = depression.drop(list(rows))
    assert set(others) == {round(100 * 38 / 56, 1)} and 56 in sizes(others, 80)
    assert "43" in claims()[3].note and "54" in claims()[5].note


def test_the_note_on_table_6_is_true() -> None:
    ours = paper_table(6).loc["Ours (VQ-VAE)"]
    again = paper_table(7).loc["Ours"]
    assert list(ours.index) == list(again.index) and (ours != again).all()
    assert "Table 7" in claims()[6].note


def test_tables_come_in_the_papers_order_and_a_note_is_optional() -> None:
    assert list(claims()) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {number for number, table in claims().items() if table.note} == set(MARGINS)
    assert all(table.note == " ".join(table.note.split()) for table in claims().values())


def test_a_cell_is_found_by_the_papers_labels() -> None:
    assert paper_table(3).loc["Ours", "F1"] == 59.4
    assert paper_table(4).loc["Facial Basis", "Extraversion CCC"] == 46.7
    assert paper_table(4).loc["FaceMAE", "Agreeableness CCC"] == 9.5
    assert paper_table(5).loc["AU (LibreFace)", "RMSE"] == 8.3
    assert paper_table(6).loc["VideoMAE", "Binary BAcc"] == 65.1
    assert paper_table(1).loc[("SMIRK", "Ours (VQ-VAE)"), "EucDist"] == 4.9599
    assert paper_table(2).loc["AU-based (human)", "NMI"] == 0.061
    assert paper_table(8).index.names == ["Model"]


def test_an_unknown_table_or_fact_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no Table 99"):
        paper_table(99)
    with pytest.raises(ConfigError, match="no fact 'sevn'.*'stages'"):
        book_claims().fact("sevn")
    assert book_claims().fact("avec-test-labels") == (39, 17)


# Cells


def test_every_number_is_a_cell_with_a_name_of_its_own() -> None:
    """Counted from the shapes of the printed tables."""
    cells = book_claims().cells
    counts = {number: 0 for number in range(1, 9)}
    for id, cell in cells.items():
        counts[cell.table] += 1
        assert id == cell.id and id.startswith(f"table-{cell.table}.")
    assert counts == {1: 12, 2: 6, 3: 6, 4: 60, 5: 24, 6: 24, 7: 28, 8: 8}
    assert len(cells) == 168 and all(c.value == c.value for c in cells.values())


@pytest.mark.parametrize(
    ("id", "value", "needs"),
    [
        ("table-1.mae-face.au-based.std", "0.0950", "aff-wild2 human-action-units mae-face"),
        ("table-2.au-based-human.nmi", "0.061", "aff-wild2 human-action-units"),
        ("table-4.ours-vq-vae.openness-ccc", "43.1", "affectnet chalearn-first-impressions emoca"),
        ("table-6.facial-basis.binary-f1", "72.2", "facial-basis stressid"),
        ("table-7.ours-w-o-l1-loss.multiclass-bacc", "57.5", "affectnet emoca stressid"),
    ],
)
def test_names_of_cells_are_stable(id: str, value: str, needs: str) -> None:
    """Results files and the recorded build refer to them."""
    cell = book_claims().cells[id]
    assert cell.printed == value and sorted(cell.needs) == needs.split()


def test_a_name_holds_only_letters_digits_and_hyphens() -> None:
    row = ("SMIRK", " Ours (VQ-VAE) ")
    assert cell_id(1, row, "F1 / 2") == "table-1.smirk.ours-vq-vae.f1-2"


def test_each_cell_refers_to_the_papers_own_model_in_its_group_and_column() -> None:
    cells = book_claims().cells
    own = [cell for cell in cells.values() if cell.own]
    assert len(own) == 2 * 3 + 2 + 3 + 10 + 4 + 4 + 4 + 2
    assert {cell.row[-1] for cell in own} == {"Ours", "Ours (VQ-VAE)"}
    for cell in cells.values():
        other = cells[cell.reference]
        assert other.own and (other.reference == other.id)
        assert (cell.table, cell.column, cell.row[:-1]) == (
            other.table,
            other.column,
            other.row[:-1],
        )
        assert cell.own == (cell.reference == cell.id)
    assert cells["table-1.smirk.au-based.std"].reference == "table-1.smirk.ours-vq-vae.std"
    assert cells["table-8.single-quantizer-vq-vae.cosine"].reference == "table-8.ours.cosine"


# Statements

#: Rows compared, times columns, counted from the sentences.
PAIRS = {
    "retrieval-better": 2 * 3,
    "entropy-highest": 2,
    "nmi-lowest": 2,
    "smiles-better": 3,
    "personality-best": 5 * 10,
    "depression-best": 5 * 4,
    "stress-best": 5 * 4,
    "beats-learned-embeddings": 3 * (10 + 4 + 4),
    "one-quantizer-worst": 6 * 4,
    "codebook-too-small-or-large": 2 * 4,
    "deeper-decoder-no-help": 4,
    "regularizers-cost-binary": 2 * 2,
    "regularizers-help-multiclass": 2 * 2,
    "templates-least-alike": 3 * 2,
    "displacement-curve-lowest": 0,
    "asymmetric-templates": 0,
}


def test_every_statement_rests_on_pairs_of_cells_or_on_a_number_of_its_own() -> None:
    found = book_claims()
    assert {id: len(pairs) for id, pairs in found.pairs.items()} == PAIRS
    assert sum(PAIRS.values()) == 207
    for id, pairs in found.pairs.items():
        assert bool(pairs) != bool(found.statements[id].measure)
        assert len({pair[:2] for pair in pairs}) == len(pairs)
        for first, second, _, better in pairs:
            a, b = found.cells[first], found.cells[second]
            assert (a.table, a.column) == (b.table, b.column) and a.row != b.row
            assert a.measure.better == better


def test_pairs_stay_in_the_group_of_their_row() -> None:
    pairs = book_claims().pairs["retrieval-better"]
    assert pairs[0][:2] == ("table-1.smirk.ours-vq-vae.cossim", "table-1.smirk.au-based.cossim")
    assert all(first.split(".")[1] == second.split(".")[1] for first, second, *_ in pairs)


def test_what_pairs_expect_of_their_first_row() -> None:
    found = book_claims().pairs
    expected = {id: {pair.expected for pair in pairs} for id, pairs in found.items() if pairs}
    assert expected.pop("one-quantizer-worst") == {"worse"}
    assert expected.pop("codebook-too-small-or-large") == {"worse"}
    assert expected.pop("deeper-decoder-no-help") == {"not better"}
    assert expected.pop("regularizers-help-multiclass") == {"worse"}
    assert set(map(frozenset, expected.values())) == {frozenset({"better"})}


# Pages


def changed_pages(other: Claims) -> set[str]:
    names = {*TABLE_PAGES.values(), "12_losses", "14_power", "15_audit", "16_scoreboard"}
    return {name for name in names if page_claims(name, other) != page_claims(name)}


def test_a_page_sees_a_change_of_what_it_prints_and_of_nothing_else() -> None:
    found, all_claims = book_claims(), {"15_audit", "16_scoreboard"}
    tables, statements, facts = dict(found.tables), dict(found.statements), dict(found.facts)
    assert [*TABLE_PAGES] == [*tables] and changed_pages(found) == set()
    tables[5] = tables[5].model_copy(update={"data": "other"})
    changed = {"09_depression", "14_power"} | all_claims
    assert changed_pages(Claims(tables, statements, facts)) == changed
    del statements["stress-best"]
    assert changed_pages(Claims(found.tables, statements, facts)) == {STATEMENTS_PAGE} | all_claims
    del facts["stages"]
    assert changed_pages(Claims(found.tables, found.statements, facts)) == all_claims


# Broken files


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[1, 2]", "[1]", "does not fit"),
        ("label: [y]", "label: [x]", "same label"),
        ("label: [y]", "label: [y, z]", "does not fit"),
        ("label: [y]", "label: ['X']", "two cells have one name"),
        ("better: lower", "better: low", "better"),
        ("tables:", "table:", "tables: Field required"),
        ("[1, 2]", "[1, .nan]", "finite"),
        ("[1, 2]", "[1.5, 2]", "too many decimals"),
        ("title: t", "titel: t", "titel"),
        ("tolerance: 0.5", "tolerance: 0", "tolerance"),
        ("because: b}\n    rows", "because: ''}\n    rows", "because"),
        (", because: b}\n    rows", "}\n    rows", "because: Field required"),
        ("digits: 0, ", "", "digits: Field required"),
        ("    needs: [s]\n    index", "    index", "needs: Field required"),
        ("row: [y]", "row: [z]", r"Table 3 has no \('z',\)"),
        ("columns: [A]", "columns: [C]", "Table 3 has no C"),
        ("columns: [A]", "against: [[z]]", r"Table 3 has no \('z',\)"),
        ("{table: 3, row", "{table: 4, row", "y-better names Table 4"),
        ("compares: [{", "measure: m\n    compares: [{", "either `compares` or `measure`"),
        ("    measure: m\n", "", "either `compares` or `measure`"),
        ("    measure: m\n    needs: [s]", "    measure: m", "names what it `needs`"),
        ("id: y-low", "id: y-better", "y-better comes twice"),
        ("id: y-low", "id: Y low", "id"),
        ("columns: [A]", "columns: [A], expected: equal", "expected"),
        ("values: [6]", "values: []", "values"),
        ("tables:", "tables: [", "not a file of claims"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "good.yml").write_text(GOOD)
    good = read_claims(tmp_path / "good.yml")
    assert good.tables[3].frame().loc["y", "B"] == 4.5 and len(good.cells) == 4
    assert good.cells["table-3.y.a"].needs == {"s", "n"} and len(good.pairs["y-better"]) == 1
    broken = GOOD.replace(old, new, 1)
    assert broken != GOOD
    (tmp_path / "bad.yml").write_text(broken)
    with pytest.raises(ConfigError, match=message):
        read_claims(tmp_path / "bad.yml")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none.yml is not a file of claims"):
        read_claims(tmp_path / "none.yml")


def test_a_number_comes_once(tmp_path: Path) -> None:
    table = GOOD[GOOD.index("  - number") : GOOD.index("statements:")]
    (tmp_path / "twice.yml").write_text(GOOD.replace("statements:", table + "statements:"))
    with pytest.raises(ConfigError, match="number 3 comes twice"):
        read_claims(tmp_path / "twice.yml")
