"""Meta tags: what a shared address shows, with and without a known home."""

from __future__ import annotations

import re
from types import SimpleNamespace
from urllib.parse import urljoin

from docutils import nodes

from mixvocab_book.press import head

META = re.compile(r'<meta (?:name|property)="([^"]+)" content="([^"]*)" />')


def tags_of(base: str = "", title: str = "A <em>small</em> vocabulary &amp; more", text: str = "It begins.") -> dict:
    """The meta tags of a page in a folder."""
    document = nodes.document(None, None)
    document += nodes.note("", nodes.paragraph(text="An aside."))
    document += nodes.section("", nodes.title(text="Title"), nodes.paragraph(text=text))
    app = SimpleNamespace(
        config=SimpleNamespace(html_title="The book", html_baseurl=base),
        builder=SimpleNamespace(get_target_uri=lambda page: f"{page}.html"),
    )
    context = {"title": title, "pathto": lambda path, resource=0: f"../{path}"}
    head.describe(app, "notebooks/01_vocabulary", "page.html", context, document)
    return dict(META.findall(context["metatags"]))


def test_a_page_describes_itself_by_its_first_paragraph():
    tags = tags_of(text='It "begins" [3] here.')
    assert tags["description"] == tags["og:description"] == "It &quot;begins&quot; here."
    assert tags["og:title"] == "A small vocabulary &amp; more"


def test_the_card_is_relative_without_a_home_and_absolute_with_one():
    assert tags_of()["og:image"] == "../_static/card.png"
    assert "og:url" not in tags_of()
    known = tags_of("https://example.org/book/")
    assert known["og:image"] == "https://example.org/book/_static/card.png"
    assert known["og:url"] == "https://example.org/book/notebooks/01_vocabulary.html"


def test_a_long_description_ends_between_words():
    short = tags_of(text="word " * 100)["description"]
    assert len(short) <= head.LONGEST
    assert short.endswith("word…")


def test_rendered_pages_carry_a_card_that_is_there(pages):
    for name in ("book/intro.html", "genindex.html"):
        tags = dict(META.findall((pages / name).read_text(encoding="utf-8")))
        assert (pages / urljoin(name, tags["og:image"])).is_file()
        assert tags["twitter:card"] == "summary_large_image"
