"""Rendering: what of an executed chapter is for readers, only when something changed, complaints in one line."""

import json
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from mixvocab.common.errors import UserError
from mixvocab.widgets.element import element
from mixvocab_book.press import gate, render
from mixvocab_book.store import records
from mixvocab_book.store.provenance import BANNER

VIEW = "application/vnd.jupyter.widget-view+json"
SLIDER = {"output_type": "display_data", "data": {VIEW: {}, "text/plain": "a slider"}}


def notebook(outputs, **cell):
    code = {"cell_type": "code", "source": "x", "outputs": outputs, "metadata": {}} | cell
    return {"cells": [code], "metadata": {"widgets": {"state": {}}}, "nbformat": 4, "nbformat_minor": 5}


def test_page_hides_what_is_not_for_readers(executed_book):
    page = render.chapter_page("01_sample", gate.read_notebook(executed_book.copy("01_sample")))
    assert not any("injected-parameters" in cell["metadata"].get("tags", []) for cell in page["cells"])
    text = json.dumps([cell.get("outputs") for cell in page["cells"]])
    assert "printed for readers" in text
    assert BANNER not in text
    assert "papermill" not in page["metadata"]


def test_a_widget_with_a_form_for_pages_needs_no_widget_manager():
    both = {"output_type": "display_data", "data": {VIEW: {}, "text/html": element("overlap", {"text": "<b>"})}}
    page = render.chapter_page("01_a", notebook([both]))
    assert VIEW not in page["cells"][0]["outputs"][0]["data"]
    assert "widgets" not in page["metadata"]
    assert "<b>" not in page["cells"][0]["outputs"][0]["data"]["text/html"]
    assert "widgets" in render.chapter_page("01_a", notebook([both, SLIDER]))["metadata"]


def test_the_first_page_shows_the_tagged_cells_figure():
    plain = notebook([{"data": {"text/html": "<p>no</p>"}}])
    tagged = notebook([{"data": {"text/html": ["<figure>", "</figure>"]}}], metadata={"tags": ["headline"]})
    assert render.shown_by("headline", [plain, tagged]) == "<figure></figure>"
    assert render.shown_by("budgets", [plain, tagged]) == ""
    root = Path(__file__).parents[2]
    marks = re.findall("<!-- (.*) -->", (root / "book" / "intro.md").read_text(encoding="utf-8"))
    cells = [cell for path in root.glob("notebooks/*.ipynb") for cell in json.loads(path.read_text("utf-8"))["cells"]]
    assert [sum(mark in cell["metadata"].get("tags", []) for cell in cells) for mark in marks] == [1, 1, 1]


def test_unchanged_book_is_not_rendered_again(rendered_book):
    assert render.render(rendered_book) is False


def test_pages_hold_banner_status_and_escaped_text(rendered_book):
    chapter = (rendered_book.html / "notebooks" / "01_sample.html").read_text(encoding="utf-8")
    assert "Profile smoke · seed 3" in chapter
    assert "a &lt;b&gt;text&lt;/b&gt; &amp; more" in chapter
    assert "its numbers mean nothing" in chapter
    assert "jupyter lab notebooks/01_sample.ipynb" in re.sub("<[^>]*>", "", chapter)
    for told in ("8 s left", "a warning that readers need not see"):
        assert chapter.count(told) == 1  # in the code; not once more as output
    status_page = (rendered_book.html / "book" / "status.html").read_text(encoding="utf-8")
    for expected in ("01_sample", "smoke", "(synthetic)", "(real)", "torch ", "a &lt;b&gt;text"):
        assert expected in status_page


def test_a_table_leads_to_the_record_of_its_numbers(rendered_book):
    chapter = (rendered_book.html / "notebooks" / "01_sample.html").read_text(encoding="utf-8")
    assert '<a href="../_static/records/a/smoke-s0.json">a/smoke-s0.json</a> at commit ffffffffff' in chapter
    assert (rendered_book.html / "_static" / "records" / "a" / "smoke-s0.json").read_text() == "{}"


def test_every_link_to_a_record_leads_to_it(pages):
    """Of all pages; and the first page and the scorecard show nothing that was made from synthetic data."""
    followed = 0
    for page in pages.rglob("*.html"):
        for link in re.findall(r'href="([^"]*_static/records/[^"]*)"', page.read_text(encoding="utf-8")):
            path = page.parent / link
            assert path.is_file(), f"{page.name} links to {link}"
            record = json.loads(path.read_text(encoding="utf-8"))
            if record:  # the small book's is empty
                place = records.file_of(record["name"], record["profile"], record["seed"]).as_posix()
                assert path.as_posix().endswith(f"/{place}")
            if page.name in ("intro.html", "scorecard.html"):
                assert all(source["real"] for source in record["sources"]), f"{page.name}: {link}"
            followed += 1
    assert followed


def test_pages_name_no_path_of_this_machine(rendered_book):
    for path in rendered_book.html.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert str(rendered_book.root) not in text
        assert str(Path.home()) + "/" not in text


def test_pages_carry_a_description_and_a_card_that_is_there(pages):
    for name in ("index.html", "book/intro.html", "genindex.html"):
        page = (pages / name).read_text(encoding="utf-8")
        tags = dict(re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', page))
        assert (pages / urljoin(name, tags["og:image"])).is_file()
        assert page.count("<title>") == 1
    intro = (pages / "book" / "intro.html").read_text(encoding="utf-8")
    assert re.search(r'<meta name="description" content="[^"]{40,200}"', intro)


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
