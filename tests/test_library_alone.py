"""The library without the book: what `pip install .` brings, and that every room of it imports with that alone."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOOKS = (
    "anywidget datasets ipython ipywidgets jupyter-book jupyterlab matplotlib notebook papermill scikit-learn scipy "
    "seaborn sphinx"
).split()


TASKS = ("datasets", "scikit-learn", "scipy")


def required(names: list[str]) -> set[str]:
    """The packages that these requirements bring, extras left out, as they are installed here."""
    known: set[str] = set()
    waiting = list(names)
    while waiting:
        requirement = waiting.pop()
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        if name in known or "extra ==" in requirement:
            continue
        known.add(name)
        try:
            waiting += metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform
    return known


def test_the_library_brings_no_jupyter_no_sphinx_and_no_plotting() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brought = required(project["dependencies"])
    assert {"torch", "transformers", "tokenizers"} <= brought
    assert brought.isdisjoint(BOOKS)


def test_every_room_imports_without_the_books_packages() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "mixvocab").rglob("*.py"))
        if "widgets" not in path.parts and path.name != "__init__.py"
    ]
    names = {"ipython": "IPython", "jupyter-book": "jupyter_book"}
    # Scoring on tasks has an extra of its own, which is no part of the book.
    blocked = [names.get(name, name) for name in BOOKS if name not in TASKS]
    script = (
        "import sys\nfrom importlib import import_module\n"
        "class Missing:\n"
        f"    def find_spec(self, name, *_):\n        if name.split('.')[0] in {blocked!r}: raise ImportError(name)\n"
        f"sys.meta_path.insert(0, Missing())\nfor name in {modules!r}: import_module(name)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
