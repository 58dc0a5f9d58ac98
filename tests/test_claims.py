"""The paper's numbers, as the book repeats them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from dfe.claims import PaperTable, paper_table, read_tables
from dfe.config import ConfigError, project_root

GOOD = """
tables:
  - number: 3
    title: t
    section: "5"
    data: d
    index: [Method]
    columns: {A: {better: higher, unit: u}, B: {better: lower, unit: u}}
    rows: [{label: [x], values: [1, 2]}, {label: [y], values: [3, 4]}]
"""


def claims() -> dict[int, PaperTable]:
    return read_tables(project_root() / "book" / "claims.yml")


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


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no Table 99"):
        paper_table(99)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[1, 2]", "[1]", "does not fit"),
        ("label: [y]", "label: [x]", "same label"),
        ("label: [y]", "label: [y, z]", "does not fit"),
        ("better: lower", "better: low", "better"),
        ("tables:", "table:", "not a file of tables"),
        ("[1, 2]", "[1, .nan]", "finite"),
        ("title: t", "titel: t", "titel"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "good.yml").write_text(GOOD)
    assert read_tables(tmp_path / "good.yml")[3].frame().loc["y", "B"] == 4
    (tmp_path / "bad.yml").write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        read_tables(tmp_path / "bad.yml")


def test_a_number_comes_once(tmp_path: Path) -> None:
    (tmp_path / "twice.yml").write_text(GOOD + GOOD.replace("tables:\n", "").lstrip("\n"))
    with pytest.raises(ConfigError, match="twice"):
        read_tables(tmp_path / "twice.yml")
