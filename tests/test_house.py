"""The house stands: imports point downwards only and in no circle, and every room is on CONTRIBUTING's map."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# From the bottom up; rooms of one floor know nothing of each other.
FLOORS = (
    ("common",),
    ("settings",),
    ("sources", "text"),
    ("train",),
    ("models",),
    ("evaluate",),
    ("distill",),
    ("tasks",),
    ("edge",),
    ("pipeline", "widgets", "doctor", "trove"),
    ("verbs",),
    ("cli",),
)
BOOK = (("store",), ("chapter",), ("steps",), ("sweep",), ("show",), ("press",), ("cli",))


def level(floors: tuple[tuple[str, ...], ...], room: str) -> int:
    return next((number for number, rooms in enumerate(floors) if room in rooms), len(floors))


def imports(file: Path) -> list[str]:
    """Modules that a file imports when it runs, wherever in it; what is there for type checkers alone is left out."""
    tree, found = ast.parse(file.read_text(encoding="utf-8")), []
    checked = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and isinstance(branch.test, ast.Name) and branch.test.id == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if node in checked:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize(("package", "floors"), [("mixvocab", FLOORS), ("mixvocab_book", BOOK)])
def test_imports_point_downwards(package: str, floors: tuple[tuple[str, ...], ...]) -> None:
    wrong = []
    for file in sorted((ROOT / package).rglob("*.py")):
        parts = file.relative_to(ROOT / package).with_suffix("").parts
        if parts == ("__init__",):
            continue
        for name in imports(file):
            top, *rest = name.split(".")
            upwards = top == "mixvocab_book" and package == "mixvocab"
            if top == package and rest and rest[0] != parts[0]:
                mine, other = level(floors, parts[0]), level(floors, rest[0])
                upwards = other >= mine and other < len(floors)
            if upwards:
                wrong.append(f"{'/'.join(parts)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_no_two_files_need_each_other() -> None:
    known = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): file
        for package in ("mixvocab", "mixvocab_book")
        for file in (ROOT / package).rglob("*.py")
        if file.name != "__init__.py"
    }
    needs = {
        name: {other for found in imports(file) for other in (found, found.rpartition(".")[0]) if other in known}
        for name, file in known.items()
    }
    order = TopologicalSorter(needs).static_order()  # raises CycleError, which names the circle
    assert set(order) == set(needs)


def test_every_room_is_on_the_map() -> None:
    map_ = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = [
        f"{folder.name}/"
        for package in ("mixvocab", "mixvocab_book")
        for folder in (ROOT / package).iterdir()
        if (folder / "__init__.py").is_file()
    ]
    assert [room for room in rooms if room not in map_] == []
