"""How to open the chapter that a page shows: the exact commands, on the page itself."""

from __future__ import annotations

from typing import Any

_TEXT = """\
<details class="mv-lab">
<summary>Open this chapter in JupyterLab: <code>make lab</code>, then <code>{name}.ipynb</code></summary>

```sh
make lab                                             # JupyterLab with all chapters
.venv/bin/jupyter lab notebooks/{name}.ipynb         # with this one open
.venv/bin/papermill notebooks/{name}.ipynb out.ipynb -p profile laptop   # or run it through, settings chosen by -p
```

</details>
"""


def lab_hint(name: str) -> dict[str, Any]:
    """A Markdown cell for the page of the chapter `name`, to follow its title."""
    return {"cell_type": "markdown", "id": "lab-hint", "metadata": {}, "source": _TEXT.format(name=name)}
