"""What a chapter gives to the scripts of the rendered pages: vocabularies, models, words.

It travels in the executed notebook, as an output that nobody sees; the renderer writes it to a file beside the pages'
scripts, once for the whole book, however many elements use it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

PAGE_DATA = "application/vnd.mixvocab.page-data+json"
"""MIME type of such an output."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


def provide(name: str, value: Any) -> None:
    """Give JSON: scripts of the pages get it as `await mixvocab.data(name)`. Raises ValueError for other names."""
    _display(name, {"json": value})


def provide_file(name: str, data: bytes) -> None:
    """Give a file: it lies at `mixvocab.address(name)`. Raises ValueError for other names."""
    _display(name, {"base64": base64.b64encode(data).decode("ascii")})


def _display(name: str, content: dict[str, Any]) -> None:
    from IPython.display import display  # here, because the renderer should not pay for it

    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name data of the pages: use small letters, digits, dots and dashes")
    display({"text/plain": f"for the rendered pages: {name}", PAGE_DATA: {"name": name, **content}}, raw=True)


def provided_files(notebooks: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
    """File name -> content of everything that executed notebooks provide; of one name, the last holds.

    JSON becomes a script, since a page that is opened from disk may load scripts and nothing else.
    """
    outputs = (output for book in notebooks for cell in book["cells"] for output in cell.get("outputs", []))
    files = {}
    for item in (output["data"][PAGE_DATA] for output in outputs if PAGE_DATA in output.get("data", {})):
        name = item["name"]
        if not _NAME.fullmatch(name):  # it must not leave its folder
            continue
        if "json" in item:
            value = json.dumps(item["json"], ensure_ascii=False, separators=(",", ":"))
            files[f"data-{name}.js"] = f"mixvocab.provide({json.dumps(name)},{value});\n".encode()
        else:
            files[name] = base64.b64decode(item["base64"])
    return files
