"""Fingerprints of the code that makes results: they change when a result may, and not with every comment.

The code is read once, when this module is imported: an edit during a run files nothing under code that did not run. A
room of the library stands for itself and the rooms below it, as syntax trees without docstrings, so that comments,
layout and prose do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from mixvocab.common.files import text_sha256

LIBRARY = Path(__file__).resolve().parents[1]
# From the bottom up. Sources are known by the content they deliver, settings by their values; common makes no result.
ROOMS = ("text", "train", "models", "evaluate", "distill", "tasks", "edge")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef  # what may begin with a docstring


def code_fingerprint(room: str) -> str:
    """Hexadecimal SHA-256 over a room of mixvocab and the rooms below it."""
    return text_sha256(*(_ROOMS[name] for name in ROOMS[: ROOMS.index(room) + 1]))


def package_fingerprint(package: Path, leave_out: Iterable[str] = ()) -> str:
    """Hexadecimal SHA-256 over all modules of a package but those in the folders `leave_out`."""
    files = [file for file in sorted(package.rglob("*.py")) if file.relative_to(package).parts[0] not in leave_out]
    return text_sha256(*map(_normal, files))


def _normal(path: Path) -> str:
    """A module as text without docstrings, comments and places, with its name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node):
            del node.body[0]
    return f"{path.parent.name}/{path.name}\n{ast.dump(tree)}"


_ROOMS = {room: package_fingerprint(LIBRARY / room) for room in ROOMS}
