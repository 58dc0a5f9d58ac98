"""Which files of `dfe` a piece of code really uses: read from its imports, never listed by hand.

A package whose `__init__.py` only passes names on is looked through: code that takes
`explained_variance` from `dfe.metrics` depends on the file that defines it, not on all metrics.
Imports inside functions count as well. Code that does more than that with a package, such as
handing it to another function, depends on the whole package.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import dfe

ROOT = Path(dfe.__file__).parent
TOP = "dfe"


@cache
def module_file(module: str) -> Path | None:
    """File of a module such as ``"dfe.metrics"``, or None where there is no such module."""
    path = ROOT.joinpath(*module.split(".")[1:])
    if module.split(".")[0] != TOP:
        return None
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(_tree(path)))


@cache
def _passed_on(module: str) -> dict[str, tuple[str, str]] | None:
    """Name -> (module, name) for a package that only passes names on; None for any other."""
    path = module_file(module)
    if path is None or path.name != "__init__.py":
        return None
    names: dict[str, tuple[str, str]] = {}
    for node in _tree(path).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {a.asname or a.name: (node.module, a.name) for a in node.names}
        elif not (_is_text(node) or _assigns(node) in {"__all__", "__version__"}):
            return None
    return names


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _assigns(node: ast.stmt) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) else ""


def _resolve(module: str, name: str) -> Iterator[str]:
    """Modules that `from module import name` takes the name from; `*` stands for all of them."""
    passed = _passed_on(module) or {}
    if name in passed:  # Python, too, prefers a name of the package to a file of the same name
        if passed[name][0].split(".")[0] == TOP:
            yield from _resolve(*passed[name])
    elif module_file(f"{module}.{name}"):
        yield f"{module}.{name}"
    elif name == "*":
        yield from _whole(module)
    else:
        yield module


def _attributes(nodes: Sequence[ast.AST], local: str) -> set[str]:
    """Names that code takes from the module called `local` in it; `*` where it does more."""
    dotted = [n for n in nodes if isinstance(n, ast.Attribute)]
    of_local = [n for n in dotted if isinstance(n.value, ast.Name) and n.value.id == local]
    uses = sum(isinstance(n, ast.Name) and n.id == local for n in nodes)
    return {n.attr for n in of_local} if uses == len(of_local) else {"*"}


def _modules(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Modules of `dfe` that a piece of code imports something from."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == TOP:
                    yield from _whole(alias.name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == TOP:
            for alias in node.names:
                for found in _resolve(str(node.module), alias.name):
                    yield from _used(nodes, found, alias.asname or alias.name)


def _used(nodes: Sequence[ast.AST], module: str, local: str) -> Iterator[str]:
    """The module, or, for a package that passes names on, where the names used come from."""
    if _passed_on(module) is None:
        yield module
    else:
        for name in _attributes(nodes, local):
            yield from _resolve(module, name)


def _whole(module: str) -> Iterator[str]:
    """All that `import module` makes reachable."""
    passed = _passed_on(module)
    if passed is None:
        yield module
    for name in passed or ():
        yield from _resolve(module, name)


@cache
def _direct(module: str) -> frozenset[str]:
    path = module_file(module)
    return frozenset(_modules(_nodes(path))) if path else frozenset()


def _closure(modules: Iterable[str]) -> set[str]:
    """Modules, those that they import, packages around them that do more than pass names on."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [*_direct(module), *_around(module)]
    return found


def _around(module: str) -> Iterator[str]:
    """Packages around a module whose own code Python runs before it."""
    parts = module.split(".")
    names = (".".join(parts[:end]) for end in range(1, len(parts)))
    return (name for name in names if _passed_on(name) is None)


def _files(modules: Iterable[str]) -> set[Path]:
    """Files of modules, and their assets."""
    paths = [path for module in modules if (path := module_file(module))]
    return {*paths, *(asset for path in paths for asset in _assets(path))}


@cache
def _assets(path: Path) -> Iterable[Path]:
    """Files of the folder `assets` beside a module that names it."""
    texts = (n.value for n in _nodes(path) if isinstance(n, ast.Constant))
    return _asset_files(path.parent / "assets") if "assets" in texts else ()


@cache
def _asset_files(folder: Path) -> tuple[Path, ...]:
    return tuple(path for path in folder.iterdir() if path.suffix in {".safetensors", ".csv"})


def files_of_modules(*modules: str) -> tuple[Path, ...]:
    """Files of `dfe` that modules such as ``"dfe.training"`` are made of, in order.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module.
    """
    if missing := [module for module in modules if module_file(module) is None]:
        raise ModuleNotFoundError(f"no module {missing[0]!r} under {ROOT}")
    return tuple(sorted(_files(_closure(modules))))


def files_of_code(source: str) -> tuple[Path, ...]:
    """Files of `dfe` that a piece of Python code, such as all cells of a notebook, uses."""
    return tuple(sorted(_files(_closure(set(_modules(list(ast.walk(ast.parse(source)))))))))


@cache
def code_digest(path: Path) -> str:
    """Short hash of a file: of its meaning for Python code, of its bytes for anything else.

    Comments, layout and docstrings of Python code do not count.
    """
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return source_digest(path.read_text(encoding="utf-8"))


def source_digest(source: str) -> str:
    """Short hash of what a piece of Python code means: no comments, layout or docstrings."""
    tree = ast.parse(source)
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, documented) and node.body and _is_text(node.body[0]):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:12]


def third_party(files: Iterable[Path], source: str = "") -> set[str]:
    """Top-level names of what files and a piece of code import from outside `dfe`."""
    found = {name for path in files if path.suffix == ".py" for name in _outside_file(path)}
    return found | set(_outside(ast.walk(ast.parse(source))))


@cache
def _outside_file(path: Path) -> frozenset[str]:
    return frozenset(_outside(_nodes(path)))


def _outside(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        yield from ({name.split(".")[0] for name in names} - {TOP})
