"""The reference: every public module is in it, and docstrings survive the way into Sphinx."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import pytest

import mixvocab
import mixvocab_book
from mixvocab_book.press import sphinx_ext

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "book" / "api").glob("*.md"))


def test_every_module_is_in_the_reference():
    there = [
        module.name
        for package in (mixvocab, mixvocab_book)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not module.ispkg
    ]
    marks = [mark for page in PAGES for mark in sphinx_ext.MODULES.findall(page.read_text(encoding="utf-8"))]
    assert sorted(there) == sorted(name for package in marks for name in sphinx_ext.modules(package))


def test_every_page_of_the_reference_is_in_the_book():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert PAGES
    assert [page.stem for page in PAGES if f"file: book/api/{page.stem}\n" not in toc] == []


def test_a_mark_becomes_sections_and_the_rest_of_a_page_stays():
    source = ["# Title\n\n<!-- status -->\n<!-- modules: mixvocab.distill -->\n"]
    sphinx_ext.expand(None, "book/api/distill", source)
    assert source[0].startswith("# Title\n\n<!-- status -->\n## distill.")
    assert "## distill.mixed_vocab\n" in source[0]
    assert ".. automodule:: mixvocab.distill.mixed_vocab\n   :members:" in source[0]


@pytest.mark.parametrize(
    ("written", "rewritten"),
    [
        ("takes `x` and `y`.", "takes ``x`` and ``y``."),
        ("all `word`s", "all ``word``\\ s"),
        ("a `name over\n    two lines`", "a ``name over two lines``"),
        ("already ``code``", "already ``code``"),
        ("|w| at most 1, *args, name_ of", "\\|w\\| at most 1, \\*args, name\\_ of"),
        ("* a list\n* of two", "* a list\n* of two"),
        ("plain text, a_name, 2 * 3", "plain text, a_name, 2 * 3"),
    ],
)
def test_docstrings_are_rewritten(written, rewritten):
    lines = written.split("\n")
    sphinx_ext.as_restructured_text(None, "function", "name", None, None, lines)
    assert "\n".join(lines) == rewritten


def test_a_default_without_text_becomes_dots():
    given = "(a: int = <factory>, b=<A at 0x7f>)"
    assert sphinx_ext.readable_signature(None, "class", "name", None, None, given, "") == ("(a: int = ..., b=...)", "")
