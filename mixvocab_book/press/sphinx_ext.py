"""A small Sphinx extension: pages that ask nothing of other servers and work when opened from disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from mixvocab_book.press import head, reference

OUTSIDE = "sphinx_thebe"
"""An extension that puts another server's address into every page, for a button that this book does not have."""
# Browsers refuse to preload fonts for a page opened from disk; the style sheet loads them anyway.
_PRELOADED_FONT = re.compile(r'\s*<link rel="preload" as="font"[^>]*>')
# Sphinx gives MathJax, two megabytes, to every page that lists one with formulas: to the first page of the book.
_MATHJAX = re.compile(r'\s*<script[^>]*src="[^"]*/mathjax\.js[^"]*"[^>]*></script>')
_FORMULA = 'class="math'
# Names that hide from a screen reader what stands on the button: "Search", "Show code cell source".
_OTHER_NAME = re.compile(r'(<button class="btn search-button-field[^>]*?|<summary) aria-label="[^"]*"')
# The bibliography's entries have a role of their own, which no list may have for its items.
_NO_LIST = re.compile(r'(<div) role="list"( class="citation-list")')


def unhook(app: Sphinx, config: Any) -> None:
    """Drop what Jupyter Book always loads and this book has no use for."""
    for name, listeners in app.events.listeners.items():
        app.events.listeners[name] = [
            item for item in listeners if str(getattr(item.handler, "__module__", "")).split(".")[0] != OUTSIDE
        ]
    app.registry.css_files = [item for item in app.registry.css_files if "thebe" not in item[0]]
    app.registry.js_files = [item for item in app.registry.js_files if "thebe" not in str(item[0])]


def open_from_disk(app: Sphinx, error: Exception | None) -> None:
    """Take out of finished pages what fails without a server, misleads or is unused; drop files that are no pages."""
    if error or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        if path.name.endswith("webpack-macros.html"):
            path.unlink()
            continue
        text = path.read_text(encoding="utf-8")
        clean = _OTHER_NAME.sub(r"\1", _PRELOADED_FONT.sub("", text))
        clean = _NO_LIST.sub(r"\1\2", clean)
        if _FORMULA not in clean:
            clean = _MATHJAX.sub("", clean)
        if clean != text:
            path.write_text(clean, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # Before the other extensions' own listeners of this event, which would already have added their files.
    app.connect("config-inited", unhook, priority=1)
    app.connect("source-read", reference.expand)
    # Before napoleon, which turns sections such as "Args:" into fields.
    app.connect("autodoc-process-docstring", reference.as_restructured_text, priority=100)
    app.connect("autodoc-process-signature", reference.readable_signature)
    app.connect("html-page-context", head.describe)
    app.connect("build-finished", open_from_disk, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
