"""What the paper prints, read from `book/claims.yml`: numbers, sentences, and public facts."""

from dfe.claims.claims import Claims, Fact, book_claims, paper_table, read_claims
from dfe.claims.pages import STATEMENTS_PAGE, TABLE_PAGES, page_claims
from dfe.claims.statements import Comparison, Expected, Pair, Statement
from dfe.claims.tables import Better, Cell, Column, Label, PaperTable, Row, cell_id

__all__ = [
    "STATEMENTS_PAGE",
    "TABLE_PAGES",
    "Better",
    "Cell",
    "Claims",
    "Column",
    "Comparison",
    "Expected",
    "Fact",
    "Label",
    "Pair",
    "PaperTable",
    "Row",
    "Statement",
    "book_claims",
    "cell_id",
    "page_claims",
    "paper_table",
    "read_claims",
]
