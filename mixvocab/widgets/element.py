"""The place of a live element in a page: what stands there until a script brings it to life, or where none runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

LIVE = "mv-live"
"""Class of every such place; the page's loader and the renderer look for it."""


def element(kind: str, config: Mapping[str, Any] | None = None, fallback: str = "") -> str:
    """HTML that the script `js/<kind>/page.js` mounts itself in; `fallback` is HTML shown in its stead without it."""
    attribute = escape(json.dumps(config or {}, ensure_ascii=False), quote=True)
    return f'<div class="{LIVE}" data-mv="{escape(kind, quote=True)}" data-mv-config="{attribute}">{fallback}</div>'


def fallback_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """HTML of a table, for pages without scripts and for print; the first cell of a row names it."""
    head = "".join(f'<th scope="col">{escape(header)}</th>' for header in headers)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
        for name, *cells in rows
    )
    table = f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="mv-table" style="overflow-x:auto">{table}</div>'
