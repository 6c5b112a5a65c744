"""What a page's head says about it: a description, and a card for whoever shares its address."""

from __future__ import annotations

import re
import textwrap
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
    about = textwrap.shorten(_first_paragraph(document), LONGEST, placeholder="…") if document else ""
    base = app.config.html_baseurl
    picture = urljoin(base, CARD) if base else context["pathto"](CARD, 1)
    tags = {
        "description": about,
        "og:type": "article",
        "og:site_name": name,
        "og:title": title or name,
        "og:description": about,
        "og:url": urljoin(base, app.builder.get_target_uri(page)) if base else "",
        "og:image": picture,
        "og:image:width": str(CARD_SIZE[0]),
        "og:image:height": str(CARD_SIZE[1]),
        "og:image:alt": f"{name}: a word whole, and in pieces",
        "twitter:card": "summary_large_image",  # its title, description and picture are those of og:
    }
    context.setdefault("metatags", "")
    for key, value in tags.items():
        if value:
            kind = "property" if key.startswith("og:") else "name"
            context["metatags"] += f'\n    <meta {kind}="{key}" content="{escape(value, quote=True)}" />'
    context["metatags"] += f'\n    <link rel="apple-touch-icon" href="{context["pathto"](ICON, 1)}" />'
    # The first page bears the book's name, which the theme would print twice.
    if title == name:
        context["docstitle"] = ""


def _first_paragraph(document: nodes.document) -> str:
    """Text of the first paragraph that stands in the page itself, not in a list or a note."""
    for paragraph in document.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section | nodes.document | nodes.container):
            return _CITATION.sub("", " ".join(paragraph.astext().split()))
    return ""
