"""The place of a live element in a page: what stands there until a script brings it to life, or where none runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

LIVE = "mv-live"
"""Class of every such place; the page's loader and the renderer look for it."""


def element(kind: str, config: Mapping[str, Any] | None = None, fallback: str = "") -> str:
    """HTML that the script of this `kind` mounts itself in.

    Args:
        kind: the folder in `js/` that has its `page.js`.
        config: handed to the script, as JSON.
        fallback: HTML shown in its stead without a script.
    """
    told = escape(json.dumps(config or {}, ensure_ascii=False), quote=True)
    return f'<div class="{LIVE}" data-mv="{escape(kind, quote=True)}" data-mv-config="{told}">{fallback}</div>'
