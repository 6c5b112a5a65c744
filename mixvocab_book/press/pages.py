"""What becomes of executed chapters on their way to the renderer: pages, figures on the first one, the status page."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mixvocab.common.progress import duration
from mixvocab.widgets.element import LIVE, html_table
from mixvocab_book.press import gate
from mixvocab_book.show.page_data import PAGE_DATA
from mixvocab_book.store.provenance import BANNER

WIDGET = "application/vnd.jupyter.widget-view+json"
HINT = Path(__file__).with_name("hint.md").read_text(encoding="utf-8")


def chapter_page(name: str, notebook: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the executed chapter `name` for its page, with the commands that open it below its title.

    The cell that papermill injected is left out (the banner says what ran), and so are data for checks and for the
    pages' scripts. A widget that has a form for pages without a kernel appears in that form.
    """
    cells = [copy.deepcopy(cell) for cell in notebook["cells"] if "injected-parameters" not in _tags(cell)]
    shows_widget = False
    for cell in cells:
        outputs = [output for output in cell.get("outputs", []) if PAGE_DATA not in output.get("data", {})]
        for data in (output["data"] for output in outputs if "data" in output):
            data.pop(BANNER, None)
            if LIVE in "".join(data.get("text/html", "")):
                data.pop(WIDGET, None)
            shows_widget |= WIDGET in data
        if cell["cell_type"] == "code":
            cell["outputs"] = outputs
    cells.insert(1, {"cell_type": "markdown", "id": "hint", "metadata": {}, "source": HINT.format(name=name)})
    kept = {"kernelspec", "language_info"} | ({"widgets"} if shows_widget else set())  # widgets: megabytes of states
    metadata = {key: value for key, value in notebook["metadata"].items() if key in kept}
    return {**notebook, "cells": cells, "metadata": metadata}


def shown_by(tag: str, notebooks: Iterable[Mapping[str, Any]]) -> str:
    """The HTML that the book's cell with that tag shows; "" if there is none."""
    cells = (cell for notebook in notebooks for cell in notebook["cells"] if tag in _tags(cell))
    outputs = (output.get("data", {}) for cell in cells for output in cell["outputs"])
    return "".join(line for data in outputs for line in data.get("text/html", ""))


def status_html(notebooks: Mapping[str, Mapping[str, Any]]) -> str:
    """Tables of what ran, when, how long and from what, and on which hardware with which versions."""
    rows = []
    environments: dict[str, list[str]] = {}
    for name, notebook in notebooks.items():
        facts, run = gate.banner(notebook), notebook["metadata"]["mixvocab"]
        commit = (facts["git"]["commit"] or "unknown")[:10] + (" + local changes" if facts["git"]["dirty"] else "")
        seeds = ", ".join(map(str, facts["seeds"]))
        sources = [f"{s['kind']}: {s['name']} ({'real' if s['real'] else 'synthetic'})" for s in facts["sources"]]
        rows.append(
            [name, run["finished"], duration(run["seconds"]), facts["profile"], seeds, "; ".join(sources), commit]
        )
        machine = "{cores} cores of {cpu}, {memory_gb} GB, GPU: {gpu}, {system}".format_map(facts["hardware"])
        versions = ", ".join(map(" ".join, facts["versions"].items()))
        environments.setdefault(f"{machine}; {versions}", []).append(name)
    runs = html_table(["Chapter", "Finished", "Runtime", "Profile", "Seeds", "Read", "Commit"], rows)
    machines = [[", ".join(names), environment] for environment, names in environments.items()]
    return runs + html_table(["Chapters", "Ran on"], machines)


def _tags(cell: Mapping[str, Any]) -> list[str]:
    tags: list[str] = cell["metadata"].get("tags", [])
    return tags
