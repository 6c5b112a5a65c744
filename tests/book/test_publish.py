"""What chapters hand to the pages' scripts: through the executed notebook into files, and off the page."""

import base64
import json

import pytest

from mixvocab.book import gate, pages
from mixvocab.book.publish import PUBLISHED, publish, publish_file, published_files
from mixvocab.widgets.element import element


@pytest.fixture
def shown(monkeypatch):
    """Outputs that a cell would hold."""
    import IPython.display

    found = []
    keep = lambda data, raw: found.append({"output_type": "display_data", "data": data, "metadata": {}})  # noqa: E731
    monkeypatch.setattr(IPython.display, "display", keep)
    return found


def notebook(outputs, **cell):
    code = {"cell_type": "code", "source": "x", "outputs": outputs, "metadata": {}} | cell
    return {"cells": [code], "metadata": {"widgets": {"state": {}}}, "nbformat": 4, "nbformat_minor": 5}


def test_json_becomes_a_script_and_bytes_a_file(shown):
    publish("words", {"words": ["naïve", "</script>"], "counts": [2, 1]})
    publish_file("snips.onnx", b"\0\1\2")
    files = published_files([notebook(shown)])
    script = files["data-words.js"].decode()
    assert script.startswith('mixvocab.provide("words",')
    assert json.loads(script.removeprefix('mixvocab.provide("words",').removesuffix(");\n"))["words"][0] == "naïve"
    assert files["snips.onnx"] == b"\0\1\2"


def test_progress_stays_off_the_page():
    said = (
        "stage I: 20 of 400 (5%), 8 s left, loss 3.1\n"
        "reduced: 0 of 6 cells done; now wide, seed 0\n"
        "full (2): 3 of 80 cells done, about 5 s left; now nokd, seed 1\n"
        "3 of 6 words are cut alike\n"
        "start: made in 7 s, kept as start/57ac\n"
    )
    page = pages.chapter_page("01_a", notebook([{"output_type": "stream", "name": "stdout", "text": said}]))
    assert [output["text"] for output in page["cells"][0]["outputs"]] == ["3 of 6 words are cut alike\n"]


def test_readers_see_none_of_it(shown):
    publish("words", [1])
    assert pages.chapter_page("01_a", notebook(shown))["cells"][0]["outputs"] == []


@pytest.mark.parametrize("name", ["../up", "a/b", "A", "", ".hidden"])
def test_names_cannot_leave_the_folder(shown, name):
    with pytest.raises(ValueError, match="cannot name something published"):
        publish(name, 1)
    item = {"name": name, "base64": base64.b64encode(b"x").decode()}
    assert published_files([notebook([{"data": {PUBLISHED: item}}])]) == {}


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
    assert pages.headline([None, plain, tagged]) == "<figure></figure>"
    assert pages.headline([plain]) == ""


def test_cells_for_jupyterlab_are_not_on_the_page():
    slider = {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}}
    page = pages.chapter_page("01_a", notebook([slider], metadata={"tags": ["lab-only"]}))
    assert "widgets" not in page["metadata"]  # what is not shown needs no states
    assert "remove-cell" in page["cells"][0]["metadata"]["tags"]
    assert gate.source(page["cells"][0]) == "x"
