"""The hint on a chapter's page names files that are there and parameters that the chapter has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mixvocab.book import gate
from mixvocab.book.hints import lab_hint
from mixvocab.book.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = Layout.find("laptop", root=ROOT).chapters()


@pytest.mark.parametrize("name", CHAPTERS)
def test_commands_open_the_chapter(name):
    text = gate.source(lab_hint(name))
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
    cell = lab_hint("04_stage_two")
    assert cell["cell_type"] == "markdown"
    # Without blank lines around it, Markdown inside of HTML is not read as Markdown.
    assert "</summary>\n\n```sh\n" in cell["source"]
    assert "\n```\n\n</details>" in cell["source"]
