"""What becomes of an executed chapter on its way to the renderer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mixvocab.widgets.element import LIVE
from mixvocab_book.press import gate
from mixvocab_book.show.page_data import PAGE_DATA

_WIDGET = "application/vnd.jupyter.widget-view+json"
_DRAWING = re.compile(r"^(def draw|show_chart\()", re.MULTILINE)
# Without blank lines around it, Markdown inside of HTML is not read as Markdown.
_LAB_HINT = """\
<details class="mv-lab">
<summary>Open this chapter in JupyterLab: <code>make lab</code>, then <code>{name}.ipynb</code></summary>

```sh
make lab                                             # JupyterLab with all chapters
.venv/bin/jupyter lab notebooks/{name}.ipynb         # with this one open
.venv/bin/papermill notebooks/{name}.ipynb out.ipynb -p profile laptop   # or run it through, settings chosen by -p
```

</details>
"""


def chapter_page(name: str, notebook: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the executed chapter `name` for its page, with the commands that open it below its title.

    The cell that papermill injected is removed (the banner says what ran), and so are data for the pages' scripts and
    papermill's bookkeeping. Code that draws a figure is folded away; a click shows it. A cell tagged `lab-only` is for
    JupyterLab. A widget that has a form for pages without a kernel appears in that form.
    """
    cells = []
    for cell in notebook["cells"]:
        tags = list(cell.get("metadata", {}).get("tags", []))
        if {"injected-parameters", "lab-only"} & set(tags):
            tags.append("remove-cell")
        elif cell["cell_type"] == "code" and _DRAWING.search(gate.source(cell)) and "hide-input" not in tags:
            tags.append("hide-input")
        metadata = {key: value for key, value in cell.get("metadata", {}).items() if key != "papermill"}
        page = {**cell, "metadata": metadata | ({"tags": tags} if tags else {})}
        if cell["cell_type"] == "code":
            outputs = [] if "remove-cell" in tags else cell["outputs"]
            page["outputs"] = [_output(output) for output in outputs if PAGE_DATA not in output.get("data", {})]
        cells.append(page)
    hint = {"cell_type": "markdown", "id": "lab-hint", "metadata": {}, "source": _LAB_HINT.format(name=name)}
    cells.insert(1, hint)
    metadata = {key: value for key, value in notebook["metadata"].items() if key not in ("papermill", "mixvocab")}
    if not any(_WIDGET in output.get("data", {}) for cell in cells for output in cell.get("outputs", [])):
        metadata.pop("widgets", None)  # megabytes of states that nothing on the page shows
    return {**notebook, "cells": cells, "metadata": metadata}


def _output(output: Mapping[str, Any]) -> dict[str, Any]:
    """The output without what is not for readers."""
    if "data" not in output:
        return dict(output)
    hidden = {gate.BANNER}
    if LIVE in str(output["data"].get("text/html", "")):
        hidden.add(_WIDGET)
    return {**output, "data": {kind: value for kind, value in output["data"].items() if kind not in hidden}}


def headline(notebooks: Iterable[Mapping[str, Any]]) -> str:
    """The HTML that the book's cell tagged `headline` shows; "" if none does."""
    for cell in (cell for notebook in notebooks for cell in notebook["cells"]):
        if "headline" in cell.get("metadata", {}).get("tags", []):
            for output in cell.get("outputs", []):
                if html := output.get("data", {}).get("text/html"):
                    return "".join(html)  # a string, or its lines
    return ""
