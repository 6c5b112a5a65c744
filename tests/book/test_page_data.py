"""What chapters give to the pages' scripts: through the executed notebook into files, and off the page."""

import base64
import json

import pytest

from mixvocab_book.press import render
from mixvocab_book.show.page_data import PAGE_DATA, provide, provided_files


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
    provide("words", {"words": ["naïve", "</script>"], "counts": [2, 1]})
    provide("snips.onnx", b"\0\1\2")
    files = provided_files([notebook(shown)])
    script = files["data-words.js"].decode()
    assert script.startswith('mixvocab.provide("words",')
    assert json.loads(script.removeprefix('mixvocab.provide("words",').removesuffix(");\n"))["words"][0] == "naïve"
    assert files["snips.onnx"] == b"\0\1\2"


def test_readers_see_none_of_it(shown):
    provide("words", [1])
    assert render.chapter_page("01_a", notebook(shown))["cells"][0]["outputs"] == []


@pytest.mark.parametrize("name", ["../up", "a/b", "A", "", ".hidden"])
def test_names_cannot_leave_the_folder(shown, name):
    with pytest.raises(ValueError, match="cannot name data of the pages"):
        provide(name, 1)
    item = {"name": name, "base64": base64.b64encode(b"x").decode()}
    assert provided_files([notebook([{"data": {PAGE_DATA: item}}])]) == {}
