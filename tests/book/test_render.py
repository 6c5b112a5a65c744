"""Rendering: from checked copies, only when something changed, with complaints in one line."""

import json
from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab_book.press import gate, pages, render, status


def test_page_hides_what_is_not_for_readers(executed_book):
    page = pages.chapter_page("01_sample", gate.read_notebook(executed_book.copy("01_sample")))
    tags = [cell["metadata"].get("tags", []) for cell in page["cells"]]
    assert [t for t in tags if "injected-parameters" in t] == [["injected-parameters", "remove-cell"]]
    assert sum("hide-input" in t for t in tags) == 1  # the cell that draws
    text = json.dumps([cell.get("outputs") for cell in page["cells"]])
    assert "printed for readers" in text
    assert gate.BANNER not in text
    assert "papermill" not in page["metadata"]


def test_unchanged_book_is_not_rendered_again(rendered_book):
    assert render.render(rendered_book) is False


def test_pages_hold_banner_status_and_escaped_text(rendered_book):
    chapter = (rendered_book.html / "notebooks" / "01_sample.html").read_text(encoding="utf-8")
    assert "Profile smoke · seed 3" in chapter
    assert "a &lt;b&gt;text&lt;/b&gt; &amp; more" in chapter
    assert "its numbers mean nothing" in chapter
    for told in ("8 s left", "a warning that readers need not see"):
        assert chapter.count(told) == 1  # in the code; not once more as output
    status_page = (rendered_book.html / "book" / "status.html").read_text(encoding="utf-8")
    for expected in ("01_sample", "smoke", "mv-synthetic", "mv-real", "torch "):
        assert expected in status_page


def test_pages_name_no_path_of_this_machine(rendered_book):
    for path in rendered_book.html.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert str(rendered_book.root) not in text
        assert str(Path.home()) + "/" not in text


def test_start_page_leads_to_the_first_and_bears_its_card(rendered_book):
    start = (rendered_book.html / "index.html").read_text(encoding="utf-8")
    assert "url=book/intro.html" in start
    assert start.count("<title>") == 1
    for expected in ("Extremely small BERT models</title>", 'property="og:title"', 'content="_static/card.png"'):
        assert expected in start
    assert "../" not in start


def test_warnings_stop_the_build_and_the_old_pages_stay(rendered_book):
    intro = rendered_book.root / "book" / "intro.md"
    good, index = intro.read_text(), rendered_book.html / "book" / "intro.html"
    before = index.read_bytes()
    try:
        intro.write_text(good + "\n\nSee {cite}`nobody1900`.\n")
        with pytest.raises(UserError, match=r"the book does not render: .*nobody1900"):
            render.render(rendered_book)
        assert index.read_bytes() == before
    finally:
        intro.write_text(good)
    assert render.render(rendered_book) is False


def test_jupyter_book_2_is_refused(monkeypatch):
    monkeypatch.setattr(render.metadata, "version", lambda name: "2.0.1")
    with pytest.raises(UserError, match=r"jupyter-book 2\.0\.1 cannot render"):
        render.check_version()


def test_status_of_a_chapter_that_did_not_run():
    rows = status.status_rows({"01_a": None})
    assert rows == [{"chapter": "01_a", "state": "not executed"}]
    assert "not executed" in status.status_html(rows)
