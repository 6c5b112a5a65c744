"""A chapter's page: the hint below its title, and what of the executed copy is not for readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mixvocab.widgets.element import element
from mixvocab_book.press import gate, pages
from mixvocab_book.press.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = Layout.find("laptop", root=ROOT).chapters()


def notebook(outputs, **cell):
    code = {"cell_type": "code", "source": "x", "outputs": outputs, "metadata": {}} | cell
    return {"cells": [code], "metadata": {"widgets": {"state": {}}}, "nbformat": 4, "nbformat_minor": 5}


def hint(name):
    """The cell below the title of a chapter's page."""
    return pages.chapter_page(name, notebook([]))["cells"][1]


@pytest.mark.parametrize("name", CHAPTERS)
def test_commands_open_the_chapter(name):
    text = gate.source(hint(name))
    named = set(re.findall(r"notebooks/\S+\.ipynb", text))
    assert named == {f"notebooks/{name}.ipynb"}
    assert (ROOT / named.pop()).is_file()
    parameters = next(
        gate.source(cell)
        for cell in gate.read_notebook(ROOT / "notebooks" / f"{name}.ipynb")["cells"]
        if "parameters" in cell["metadata"].get("tags", [])
    )
    for parameter in re.findall(r"-p (\w+)", text):
        assert f"\n{parameter}:" in "\n" + parameters


def test_the_hint_is_a_markdown_cell_whose_code_stays_code():
    cell = hint("04_stage_two")
    assert cell["cell_type"] == "markdown"
    # Without blank lines around it, Markdown inside of HTML is not read as Markdown.
    assert "</summary>\n\n```sh\n" in cell["source"]
    assert "\n```\n\n</details>" in cell["source"]


def test_a_widget_with_a_form_for_pages_needs_no_widget_manager():
    view = "application/vnd.jupyter.widget-view+json"
    both = {"output_type": "display_data", "data": {view: {}, "text/html": element("overlap", {"text": "<b>"})}}
    page = pages.chapter_page("01_a", notebook([both]))
    assert view not in page["cells"][0]["outputs"][0]["data"]
    assert "widgets" not in page["metadata"]
    assert "<b>" not in page["cells"][0]["outputs"][0]["data"]["text/html"]
    other = {"output_type": "display_data", "data": {view: {}, "text/plain": "a slider"}}
    assert "widgets" in pages.chapter_page("01_a", notebook([both, other]))["metadata"]


def test_headline_is_the_tagged_cells_figure():
    plain = notebook([{"data": {"text/html": "<p>no</p>"}}])
    tagged = notebook([{"data": {"text/html": ["<figure>", "</figure>"]}}], metadata={"tags": ["headline"]})
    assert pages.headline([plain, tagged]) == "<figure></figure>"
    assert pages.headline([plain]) == ""


def test_cells_for_jupyterlab_are_not_on_the_page():
    slider = {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}}
    page = pages.chapter_page("01_a", notebook([slider], metadata={"tags": ["lab-only"]}))
    assert "widgets" not in page["metadata"]  # what is not shown needs no states
    assert "remove-cell" in page["cells"][0]["metadata"]["tags"]
    assert gate.source(page["cells"][0]) == "x"
