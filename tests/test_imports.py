"""Which files a piece of code uses: a made-up package by hand, the real one against the loader."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dfe import imports
from dfe.building.made_of import notebook_code
from dfe.imports import files_of_code, files_of_modules, source_digest, third_party

CACHED = (
    "module_file _tree _nodes _passed_on _direct _assets _asset_files code_digest _outside_file"
).split()

#: A package `shapes` that passes names on, one around it that passes those on, and one that works.
FILES = {
    "__init__.py": '"""Top."""\n__version__ = "1"\n',
    "shapes/__init__.py": (
        '"""Shapes."""\nfrom __future__ import annotations\n'
        "from dfe.shapes.area import area, size\nfrom dfe.shapes.edge import edge as border\n"
        "from numpy import mean\n__all__ = ['area']\n"
    ),
    "shapes/area.py": "from dfe.base import unit\ndef area(): ...\nsize = 1\n",
    "shapes/edge.py": "import json\ndef edge():\n    from dfe.late import later\n",
    "shapes/apart.py": "",
    "outer/__init__.py": "from dfe.shapes import border\nfrom dfe.outer.own import own\n",
    "outer/own.py": "",
    "score/__init__.py": "from dfe.score.score import score\n",
    "score/score.py": "score = 1\n",
    "twin/__init__.py": "from dfe.twin.real import same\n",
    "twin/real.py": "same = 1\n",
    "twin/same.py": "",
    "works/__init__.py": "from dfe.base import unit\nTABLE = dict(unit=unit)\n",
    "works/part.py": "",
    "works/deep/__init__.py": "",
    "works/deep/leaf.py": "",
    "base.py": "unit = 1\n",
    "late.py": "",
    "typed.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dfe.late import later\n"
    ),
    "one.py": "from dfe.two import two\n",
    "two.py": "from dfe.one import one\n",
    "model.py": "FOLDER = 'assets'\n",
    "assets/weights.safetensors": "w",
    "assets/table.csv": "t",
    "assets/LICENSE.md": "l",
}


def forget() -> None:
    """Empty what `dfe.imports` remembers of files."""
    for name in CACHED:
        getattr(imports, name).cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The made-up package in the place of the real one."""
    folder = tmp_path / "dfe"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    forget()
    monkeypatch.setattr(imports, "ROOT", folder)
    yield folder
    forget()


@pytest.fixture
def used(package: Path) -> Callable[[str], set[str]]:
    """Names of the files that a piece of code uses."""
    return lambda code: {path.relative_to(package).as_posix() for path in files_of_code(code)}


SHAPES = {"shapes/area.py", "base.py", "shapes/edge.py", "late.py"}


@pytest.mark.parametrize(
    ("code", "files"),
    [
        # A package that passes names on: the file of the name, and neither itself nor its siblings.
        ("from dfe.shapes import area", {"shapes/area.py", "base.py"}),
        ("from dfe.shapes import size as big", {"shapes/area.py", "base.py"}),
        ("from dfe.shapes import border", {"shapes/edge.py", "late.py"}),
        ("from dfe.shapes import apart", {"shapes/apart.py"}),
        ("from dfe.shapes.apart import x", {"shapes/apart.py"}),
        ("from dfe.shapes import mean", set()),
        ("from dfe.shapes import *", SHAPES),
        # Two of them in a row.
        ("from dfe.outer import border", {"shapes/edge.py", "late.py"}),
        ("from dfe.outer import own", {"outer/own.py"}),
        # A name like that of its file, and one like that of another file.
        ("from dfe.score import score", {"score/score.py"}),
        ("from dfe.score.score import score", {"score/score.py"}),
        ("from dfe.twin import same", {"twin/real.py"}),
        ("from dfe.twin.same import x", {"twin/same.py"}),
        # The package as a whole: its names as attributes, or all of it.
        ("from dfe import shapes\nshapes.border()\nshapes.border", {"shapes/edge.py", "late.py"}),
        ("from dfe import shapes as s\ns.area()", {"shapes/area.py", "base.py"}),
        ("from dfe import shapes\nshapes.apart.x()", {"shapes/apart.py"}),
        ("from dfe import shapes\nshapes.area()\nprint(vars(shapes))", SHAPES),
        ("from dfe import shapes", set()),
        ("import dfe.shapes as s", SHAPES),
        ("import dfe.shapes.apart as x, json", {"shapes/apart.py"}),
        ("import dfe", set()),
        # Imports at any depth.
        ("def f():\n    import dfe.base", {"base.py"}),
        ("from dfe import typed", {"typed.py", "late.py"}),
        ("from dfe.one import one", {"one.py", "two.py"}),  # they import each other
        # A package with code of its own runs, with what it imports, also for a part of it.
        ("from dfe.works import TABLE", {"works/__init__.py", "base.py"}),
        ("from dfe.works.part import x", {"works/__init__.py", "base.py", "works/part.py"}),
        (
            "from dfe.works.deep.leaf import x",
            {"works/__init__.py", "base.py", "works/deep/leaf.py"},
        ),
        ("from dfe import works\nworks.TABLE", {"works/__init__.py", "base.py"}),
        # Data beside a module that names their folder.
        ("from dfe.model import x", {"model.py", "assets/weights.safetensors", "assets/table.csv"}),
        # Names from outside.
        ("import json\nfrom numpy import mean\nfrom dfes import base", set()),
    ],
)
def test_files_behind_code(used: Callable[[str], set[str]], code: str, files: set[str]) -> None:
    assert used(code) == files


def test_modules_are_found_with_what_they_import(package: Path) -> None:
    assert files_of_modules("dfe.base", "dfe.shapes.edge") == tuple(
        package / name for name in ("base.py", "late.py", "shapes/edge.py")
    )
    with pytest.raises(ModuleNotFoundError, match=r"no module 'dfe.bsae' under .*dfe"):
        files_of_modules("dfe.base", "dfe.bsae")
    with pytest.raises(ModuleNotFoundError, match="numpy"):
        files_of_modules("numpy")


def test_names_from_outside(package: Path) -> None:
    files = [package / "shapes" / "edge.py", package / "assets" / "table.csv"]
    code = "import scipy.stats, dfe.base\ndef f():\n    from yaml.nodes import Node"
    assert third_party(files) == {"json"}
    assert third_party(files, code) == {"json", "scipy", "yaml"}


# The real package

# Imports code with the derived files alone, each package that passes names on replaced by one that
# loads a name when it is asked for; then runs every import that stands inside a function, too.
# Prints the files loaded. A missing file is an ImportError.
PROBE = """
import ast, importlib, importlib.util, json, os, sys, types
from importlib.machinery import ModuleSpec

import numpy, pandas, pydantic, torch  # once for all children

root, cases, lazy = json.load(sys.stdin)

class Lazy:
    def __init__(self, names): self.names = names
    def create_module(self, spec): return None
    def exec_module(self, module):
        def get(name):
            if name not in self.names: raise AttributeError(name)
            value = getattr(importlib.import_module(self.names[name][0]), self.names[name][1])
            setattr(module, name, value)
            return value
        module.__getattr__, module.is_lazy, module.__version__ = get, True, "0"
        module.__file__ = os.path.join(module.__path__[0], "__init__.py")

class Finder:
    def __init__(self, allowed): self.allowed = allowed
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] != "dfe": return None
        base = os.path.join(root, *name.split(".")[1:])
        folders = [base] if os.path.isdir(base) else None
        if name in lazy:
            spec = ModuleSpec(name, Lazy(lazy[name]), is_package=True)
            spec.submodule_search_locations = folders
            return spec
        file = os.path.join(base, "__init__.py") if folders else base + ".py"
        if not os.path.isfile(file): return None
        if file not in self.allowed: raise ImportError(f"{file} was not derived")
        return importlib.util.spec_from_file_location(
            name, file, submodule_search_locations=folders
        )

def all_imports(tree, names):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)) and "dfe" in ast.unparse(node):
            exec(ast.unparse(node), names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found = names.get(node.value.id)
            if isinstance(found, types.ModuleType) and hasattr(found, "is_lazy"):
                getattr(found, node.attr)

def load(code, allowed):
    sys.meta_path.insert(0, Finder(set(allowed)))
    all_imports(ast.parse(code), {})
    done = set()
    while rest := {n: m for n, m in sys.modules.items() if n[:4] == "dfe." and n not in done}:
        for name, module in rest.items():
            done.add(name)
            if not hasattr(module, "is_lazy"):
                with open(module.__file__) as handle:
                    all_imports(ast.parse(handle.read()), dict(vars(module)))
    return [m.__file__ for n, m in sys.modules.items() if n in done and not hasattr(m, "is_lazy")]

for code, allowed in cases:
    if not (child := os.fork()):
        print(json.dumps(load(code, allowed)), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, code
"""
MODULES = ("dfe.building.status",)
PAGES = ("09_depression",)


def modules() -> Iterator[str]:
    """All modules of the real package."""
    for path in sorted(imports.ROOT.rglob("*.py")):
        name = path.relative_to(imports.ROOT.parent).with_suffix("")
        yield ".".join(name.parts).removesuffix(".__init__")


def test_derived_files_are_those_that_python_loads() -> None:
    """Enough of them, and none too many."""
    codes = [*(f"import {name}" for name in MODULES), *map(notebook_code, PAGES)]
    derived = [[*map(str, files_of_code(code))] for code in codes]
    lazy = {name: passed for name in modules() if (passed := imports._passed_on(name)) is not None}
    told = json.dumps([str(imports.ROOT), list(zip(codes, derived, strict=True)), lazy])
    command = [sys.executable, "-W", "ignore", "-c", PROBE]
    done = subprocess.run(command, input=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = [set(json.loads(line)) for line in done.stdout.splitlines()]
    assert loaded == [{name for name in names if name.endswith(".py")} for names in derived]


def test_packages_that_pass_names_on_are_seen_through() -> None:
    through = {name for name in modules() if imports._passed_on(name) is not None}
    assert {"dfe.config", "dfe.metrics", "dfe.data.adapters"} <= through
    assert not {"dfe.config.profile", "dfe.face", "dfe.data.extract"} & through
    scores = {path.name for path in files_of_code("from dfe.metrics import score")}
    assert "scores.py" in scores and not {"power.py", "__init__.py"} & scores


def test_the_committed_model_and_head_count() -> None:
    def names(module: str) -> set[str]:
        return {path.name for path in files_of_modules(module)}

    assert {"dfe-open.safetensors", "dfe-open.log.csv"} <= names("dfe.model")
    assert "open_head.safetensors" in names("dfe.face.open_head")


# What a change of code is

CODE = '''"""Doc."""
def f(x, y=1):
    """Doc."""
    return "text" if x else y  # why
class A:
    """Doc."""
    size = 2
async def g():
    """Doc."""
    pass
'''


@pytest.mark.parametrize(
    "same",
    [
        CODE.replace("  # why", ""),
        CODE.replace("Doc.", "Another text."),
        CODE.replace('"""Doc."""\n', "", 1),
        CODE.replace("def f", "\n\n# more\ndef f"),
        CODE.replace("(x, y=1)", "(\n    x,\n    y=1,\n)"),
        CODE.replace('"text"', "'text'"),
    ],
)
def test_what_does_not_count(same: str) -> None:
    assert same != CODE and source_digest(same) == source_digest(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size = 2", "size = 3"),
        ("size = 2", "size = 2.0"),
        ("y=1", "y=2"),
        ("y=1", "y=1, z=1"),
        ("(x, y", "(x, *, y"),
        ('"text"', '"text "'),
        ("if x", "if not x"),
        ("def g", "def h"),
        ("async def", "def"),
        ("    pass", '    "a text that is no docstring"\n    pass\n    "nor is this"'),
    ],
)
def test_what_counts(old: str, new: str) -> None:
    other = CODE.replace(old, new)
    assert other != CODE and source_digest(other) != source_digest(CODE)


def test_digest_of_a_file(tmp_path: Path) -> None:
    code, data = tmp_path / "a.py", tmp_path / "a.csv"
    for path in (code, data):
        path.write_text("x = 1  # é\n", encoding="utf-8")
    assert imports.code_digest(code) == source_digest("x = 1")
    assert imports.code_digest(data) == hashlib.sha256(data.read_bytes()).hexdigest()[:12]
    assert len(source_digest("x = 1")) == 12
