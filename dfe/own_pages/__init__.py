"""The pages about the reader's own data: what there is to get, and what a build has of it.

`own_table` and `own_have` are inserted into the written page `book/own_data`. `sets_page` is a page
of its own, because MyST makes no headings of inserted text: they would be neither in the page's
table of contents nor titles in the search.
"""

from dfe.own_pages.overview import open_sources, own_have, own_table, words
from dfe.own_pages.sets import sets_page
from dfe.own_pages.state import Have, have, own_state, state_text

__all__ = [
    "Have",
    "have",
    "open_sources",
    "own_have",
    "own_state",
    "own_table",
    "sets_page",
    "state_text",
    "words",
]
