"""The reference: every public module is in it, and docstrings survive the way into Sphinx."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import pytest

import mixvocab
import mixvocab_book
from mixvocab_book.press import reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "book" / "api").glob("*.md"))


def rewritten(text: str) -> str:
    """A docstring as Sphinx gets it."""
    lines = text.split("\n")
    reference.as_restructured_text(None, "function", "name", None, None, lines)
    return "\n".join(lines)


def test_every_public_module_is_in_the_reference():
    there = {
        one.name
        for package in (mixvocab, mixvocab_book)
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not one.ispkg and not any(part.startswith("_") for part in one.name.split("."))
    }
    marks = [mark for page in PAGES for mark in reference.MARK.findall(page.read_text(encoding="utf-8"))]
    assert there == {name for package in marks for name in reference.modules(package)}
    assert len(marks) == len(set(marks))


def test_every_page_of_the_reference_is_in_the_book():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert PAGES
    assert [page.stem for page in PAGES if f"file: book/api/{page.stem}\n" not in toc] == []


def test_a_mark_becomes_sections_and_other_pages_stay():
    source = ["# Title\n\n<!-- modules: mixvocab.distill -->\n"]
    reference.expand(None, "book/api/distill", source)
    assert "## distill.mixed_vocab\n" in source[0]
    assert ".. automodule:: mixvocab.distill.mixed_vocab\n   :members:" in source[0]
    other = ["# Title\n\n<!-- status -->\n"]
    reference.expand(None, "book/status", other)
    assert other == ["# Title\n\n<!-- status -->\n"]


@pytest.mark.parametrize(
    ("written", "read"),
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
def test_docstrings_are_rewritten(written, read):
    assert rewritten(written) == read


def test_a_default_without_text_becomes_dots():
    told = reference.readable_signature(
        None, "class", "name", None, None, "(a: int = <factory>, b=<A <b> at 0x7f>)", ""
    )
    assert told == ("(a: int = ..., b=...)", "")
    assert reference.readable_signature(None, "function", "name", None, None, "(a: int = 3)", "None") is None
    assert reference.readable_signature(None, "module", "name", None, None, None, None) is None
