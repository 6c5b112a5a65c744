"""The gate before the page: an executed chapter is shown only if it ran whole, and as asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixvocab.sources.source import data_directory
from mixvocab_book.press.layout import Settings

BANNER = "application/vnd.mixvocab.banner+json"
"""MIME type under which an executed notebook carries its banner's data beside the HTML."""


def read_notebook(path: Path) -> dict[str, Any] | None:
    """The notebook's JSON, or None if the file is missing or no notebook."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return notebook if isinstance(notebook, dict) and isinstance(notebook.get("cells"), list) else None


def source(cell: Mapping[str, Any]) -> str:
    """A cell's text."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def code_cells(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Code cells that hold code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and source(cell).strip()]


def banner_facts(notebook: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the chapter's banner says, or None if it shows none."""
    for cell in code_cells(notebook):
        for output in cell.get("outputs", []):
            if BANNER in output.get("data", {}):
                facts: dict[str, Any] = output["data"][BANNER]
                return facts
    return None


def problems(path: Path, chapter: str, settings: Settings) -> list[str]:
    """What keeps `path`, as an executed copy of the chapter with these settings, from the page; empty: nothing."""
    notebook = read_notebook(path)
    if notebook is None:
        return ["there is no readable executed copy"]
    found = []
    run = notebook.get("metadata", {}).get("papermill")
    if not run:
        found.append("papermill did not execute it")
    elif run.get("exception"):
        found.append("it ended with an error")
    for number, cell in enumerate(code_cells(notebook), start=1):
        status = cell.get("metadata", {}).get("papermill", {}).get("status")
        if any(output["output_type"] == "error" for output in cell.get("outputs", [])):
            found.append(f"code cell {number} shows an error")
        elif cell.get("execution_count") is None or status != "completed":
            found.append(f"code cell {number} was not executed")
    facts = banner_facts(notebook)
    if facts is None:
        return [*found, "it shows no banner"]
    data_dir = data_directory(settings.data_dir) is not None
    expected = {"chapter": chapter, "profile": settings.profile, "seed": settings.seed, "data_dir": data_dir}
    actual = {**facts, "seed": facts.get("seeds", [None])[0]}
    return found + [
        f"its banner says {key} {actual.get(key)!r} instead of {value!r}"
        for key, value in expected.items()
        if actual.get(key) != value
    ]
