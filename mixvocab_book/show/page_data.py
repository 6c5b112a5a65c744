"""What a chapter gives to the scripts of the rendered pages: vocabularies, models, words.

It travels in the executed notebook, as an output that nobody sees; the renderer writes it to a file beside the scripts.
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


def provide(name: str, content: Any) -> None:
    """Give bytes, as the file `mixvocab.address(name)`, or what JSON can hold, as `await mixvocab.data(name)`.

    Raises ValueError for a name that has anything but small letters, digits, dots and dashes.
    """
    from IPython.display import display  # here, because the renderer should not pay for it

    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name data of the pages: use small letters, digits, dots and dashes")
    is_file = isinstance(content, bytes)
    item = {"base64": base64.b64encode(content).decode("ascii")} if is_file else {"json": content}
    display({"text/plain": f"for the rendered pages: {name}", PAGE_DATA: {"name": name, **item}}, raw=True)


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
