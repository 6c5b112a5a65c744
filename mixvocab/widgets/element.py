"""The place of a live element in a page: what stands there until a script brings it to life, or where none runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

LIVE = "mv-live"
"""Class of every such place; the page's loader and the renderer look for it."""
# A number with its interval, a name with what its number became, a student's shape, a short word with a hyphen.
_WHOLE = re.compile(r"(?<!\S)(?:\S+ ± \S+|[a-z]+ \S+ → \S+|L-\d+ H-\d+|(?=\S*\w-)\S{1,12}(?!\S))")


def element(kind: str, config: Mapping[str, Any] | None = None, fallback: str = "") -> str:
    """HTML that the script `js/<kind>/page.js` mounts itself in; `fallback` is HTML shown in its stead without it."""
    attribute = escape(json.dumps(config or {}, ensure_ascii=False), quote=True)
    return f'<div class="{LIVE}" data-mv="{escape(kind, quote=True)}" data-mv-config="{attribute}">{fallback}</div>'


def unbroken(text: str) -> str:
    """The text as HTML, in which pages end no line within a short name, nor between a number and what belongs to it."""
    return _WHOLE.sub(lambda found: f'<span class="mv-whole">{found[0]}</span>', escape(text))


def html_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """HTML of a table. The first column names the row, numbers are aligned right, text is escaped (`unbroken`)."""
    head = "".join(f'<th scope="col">{unbroken(header)}</th>' for header in headers)
    body = "".join(f"<tr>{''.join(_cell(value, first=i == 0) for i, value in enumerate(row))}</tr>" for row in rows)
    title = f"<caption>{unbroken(caption)}</caption>" if caption else ""
    inner = f"{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="mv-table" style="overflow-x:auto"><table class="table">{inner}</table></div>'


def _cell(value: Any, *, first: bool) -> str:
    is_number = isinstance(value, int | float)
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if is_number else str(value)
    if first:
        return f'<th scope="row" style="text-align:left">{unbroken(text)}</th>'
    return f'<td style="text-align:{"right" if is_number else "left"}">{unbroken(text)}</td>'
