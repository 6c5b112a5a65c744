"""A fingerprint of the code that made a result: it changes when the result may, and not with every comment.

The source is taken as a syntax tree without docstrings, so that comments, layout and prose do not count, and is
followed through its imports of other `mixvocab` modules. A function stands for itself and what it uses of its own
module; a module stands for the whole of itself.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

# These report on work and place its files; no result depends on them.
NEUTRAL = frozenset({"mixvocab", "mixvocab.errors", "mixvocab.files", "mixvocab.progress", "mixvocab.checkpoint"})

PACKAGE = Path(__file__).resolve().parents[1]

Code = ModuleType | Callable[..., Any]


def code_fingerprint(code: Sequence[Code]) -> str:
    """Hexadecimal SHA-256 over modules and functions and all they use of mixvocab, the book's machinery excepted."""
    parts: set[str] = set()
    modules: set[str] = set()
    for item in code:
        if isinstance(item, ModuleType):
            parts.add(_normal_module(item.__name__))
            modules |= _imports(_tree(item.__name__), item.__name__)
        else:
            own, used = _function_parts(item)
            parts |= own
            modules |= used
    # The artefact store, the banner and the like are imported by what a chapter calls, but make no result.
    wanted = _closure(modules, leave_out=lambda name: name.startswith("mixvocab.book"))
    return _digest([*sorted(parts), *(_normal_module(name) for name in wanted)])


def source_fingerprint(python: str) -> str:
    """The same for a piece of source text (a chapter's cells), with every mixvocab module that it imports."""
    tree = ast.parse(python)
    return _digest(
        [python, *(_normal_module(name) for name in _closure(_imports(tree, ""), leave_out=lambda _: False))]
    )


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def _closure(names: set[str], leave_out: Callable[[str], bool]) -> list[str]:
    """The modules named and all mixvocab modules that they import, sorted."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        if name in found or name in NEUTRAL or leave_out(name):
            continue
        found.add(name)
        waiting |= _imports(_tree(name), name)
    return sorted(found)


@cache
def _tree(module: str) -> ast.Module:
    path = _source(module)
    return ast.parse(path.read_text(encoding="utf-8") if path else "")


def _source(module: str) -> Path | None:
    """The file of a mixvocab module; found by name, since looking it up as Python does would import torch."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


@cache
def _normal_module(name: str) -> str:
    return _normal(_tree(name))


def _normal(tree: ast.AST) -> str:
    """The tree as text without docstrings; positions and comments are not part of it."""
    tree = ast.parse(ast.unparse(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_text = node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            if is_text and isinstance(node.body[0].value.value, str):  # type: ignore[attr-defined]
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _imports(tree: ast.AST, module: str) -> set[str]:
    """Names of the mixvocab modules that the tree imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = (
                importlib.util.resolve_name("." * node.level + (node.module or ""), module)
                if node.level
                else node.module
            )
            # `from package import name`: the name may be a module of the package.
            found |= {base or ""} | {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "mixvocab" and _source(name)}


def _function_parts(function: Callable[..., Any]) -> tuple[set[str], set[str]]:
    """The function's own source with what it uses of its module, and the mixvocab modules behind the rest."""
    module = function.__module__
    if module.split(".")[0] != "mixvocab":
        return _foreign_parts(function)
    tree = _tree(module)
    owners: dict[str, ast.stmt] = {}
    for statement in tree.body:
        for name in _names_bound(statement):
            owners[name] = statement
    used: list[ast.stmt] = []
    waiting = [function.__qualname__.split(".")[0]]
    while waiting:
        statement_ = owners.get(waiting.pop())
        if statement_ is not None and statement_ not in used:
            used.append(statement_)
            waiting += [node.id for node in ast.walk(statement_) if isinstance(node, ast.Name)]
    modules = set().union(*(_imports(statement, module) for statement in used))
    return {_normal(statement) for statement in used}, modules


def _names_bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    return [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _foreign_parts(function: Callable[..., Any]) -> tuple[set[str], set[str]]:
    """A function written in a notebook: its source, and what its global names mean at this moment."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    modules = _imports(tree, "")
    for name in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}:
        value = getattr(function, "__globals__", {}).get(name)
        origin = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""
        if origin.split(".")[0] == "mixvocab":
            modules.add(origin)
    return {_normal(tree)}, modules
