"""The paper's numbers, as the book repeats them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfe.claims import paper_table, read_tables
from dfe.config import ConfigError

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


@pytest.mark.parametrize(
    ("number", "shape", "total"),
    [(1, (4, 3), 26.407), (2, (3, 2), 2.83), (7, (7, 4), 1830.8), (8, (4, 2), 3.471)],
)
def test_tables_hold_the_printed_cells(number: int, shape: tuple[int, int], total: float) -> None:
    """The sums were added up from the printed page, so a slip in any digit shows."""
    frame = paper_table(number)
    assert frame.shape == shape
    assert frame.to_numpy().sum() == pytest.approx(total, abs=1e-9)


def test_a_cell_is_found_by_the_papers_labels() -> None:
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
