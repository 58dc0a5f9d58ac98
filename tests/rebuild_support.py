"""Ask which jobs a build of the smoke book would run after each of many changes.

``python rebuild_support.py TREE`` reads a list of changes from standard input, each a list of
(file, old text, new text), and prints the names of the jobs for each. TREE is a copy of the
checkout whose `build` and `.snakemake` are those of the built book: nothing is run or written there
but the changes, and these are taken back.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from functools import _lru_cache_wrapper
from pathlib import Path
from typing import Any


@contextmanager
def changed(edits: list[list[str]]) -> Any:
    """The tree with some texts replaced."""
    before = {name: Path(name).read_text(encoding="utf-8") for name, *_ in edits}
    for name, old, new in edits:
        text = Path(name).read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        Path(name).write_text(text.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        for name, text in before.items():
            Path(name).write_text(text, encoding="utf-8")


def forget(everything: bool = False) -> None:
    """Clear what modules remember of files; what they remember of code is much."""
    from dfe import dependencies, imports
    from dfe.building import made_of
    from dfe.claims import claims

    for module in (claims, made_of, *((dependencies, imports) if everything else ())):
        for value in vars(module).values():
            if isinstance(value, _lru_cache_wrapper):
                value.cache_clear()


def main() -> None:
    """Print a list of job names for each change."""
    from dfe.building.given import parse_given
    from dfe.building.graph import plan
    from dfe.config import load_profile

    found, after_code = [], False
    for case in json.load(sys.stdin):
        of_code = any(name.startswith(("dfe/", "constraints")) for name, *_ in case["edits"])
        with changed(case["edits"]):
            if of_code or after_code:
                forget(everything=True)
            forget()
            after_code = of_code
            given = parse_given(load_profile("smoke"), case["set"])
            found.append([job.name for job in plan("smoke", given)])
    print(json.dumps(found))


if __name__ == "__main__":
    tree = Path(sys.argv[1])
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    main()
