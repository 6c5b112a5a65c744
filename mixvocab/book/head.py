"""What a page's head says about it: a description, and a card for whoever shares its address."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from sphinx.application import Sphinx

CARD = "_static/card.png"
CARD_SIZE = (1200, 630)
ICON = "_static/icon.png"
LONGEST = 200
"""Characters of a description; search engines and cards show no more."""
_TAG = re.compile(r"<[^>]*>")
_CITATION = re.compile(r"\s*\[\d+\]")


def describe(app: Sphinx, page: str, _: str, context: dict[str, Any], document: nodes.document | None) -> None:
    """Add meta tags to a page's head (Sphinx's event `html-page-context`).

    Whoever builds a card wants absolute addresses, and a book does not know where it will be put: addresses are
    relative, which works on disk, until `baseurl` is set under `html` in `_config.yml`.
    """
    name = app.config.html_title
    title = unescape(_TAG.sub("", context.get("title", "")))
    about = shortened(_first_paragraph(document)) if document else ""
    base = app.config.html_baseurl
    picture = urljoin(base, CARD) if base else context["pathto"](CARD, 1)
    width, height = CARD_SIZE
    tags = [
        ("name", "description", about),
        ("property", "og:type", "article"),
        ("property", "og:site_name", name),
        ("property", "og:title", title or name),
        ("property", "og:description", about),
        ("property", "og:url", urljoin(base, app.builder.get_target_uri(page)) if base else ""),
        ("property", "og:image", picture),
        ("property", "og:image:width", str(width)),
        ("property", "og:image:height", str(height)),
        ("property", "og:image:alt", f"{name}: a word whole, and in pieces"),
        ("name", "twitter:card", "summary_large_image"),
        ("name", "twitter:title", title or name),
        ("name", "twitter:description", about),
        ("name", "twitter:image", picture),
    ]
    context["metatags"] = context.get("metatags", "") + "".join(
        f'\n    <meta {kind}="{key}" content="{escape(value, quote=True)}" />' for kind, key, value in tags if value
    )
    context["metatags"] += f'\n    <link rel="apple-touch-icon" href="{context["pathto"](ICON, 1)}" />'
    # The first page bears the book's name, which the theme would print twice.
    if title == name:
        context["docstitle"] = ""


def shortened(text: str) -> str:
    """The text, or as many of its first words as a description has room for."""
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def _first_paragraph(document: nodes.document) -> str:
    """Text of the first paragraph that stands in the page itself, not in a list or a note."""
    for paragraph in document.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section | nodes.document | nodes.container):
            return _CITATION.sub("", " ".join(paragraph.astext().split()))
    return ""
