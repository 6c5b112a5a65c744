"""The explorer's Python side: what is published, the widget for JupyterLab, and what stands there without a script."""

from __future__ import annotations

import json
import re
from collections import Counter
from html import unescape

import pytest

from mixvocab.common.errors import UserError
from mixvocab.models.pretrained import load_tokenizer
from mixvocab.sources.teacher import resolve_teacher
from mixvocab.text.learner import learn_vocabularies
from mixvocab.text.reports import overlap
from mixvocab.widgets import live
from mixvocab.widgets.live import ExplorerWidget, frequent_words
from mixvocab.widgets.vocabularies import published

TEXT = "the students study the small words of the smallest student while studying studios and other words of words"
COUNTS = Counter(TEXT.split())


@pytest.fixture(scope="module")
def known():
    teacher = load_tokenizer(resolve_teacher("embedded").folder)
    students = learn_vocabularies(COUNTS, [160, 170])
    return teacher, students, published(teacher, students, default=170, about="a line")


@pytest.fixture(autouse=True)
def lab(monkeypatch, tmp_path):
    """Stand-ins for the bundled scripts."""
    for file in (tmp_path / "lab" / "explorer.js", tmp_path / "pages" / "explorer.css"):
        file.parent.mkdir()
        file.write_text("/* here */")
    monkeypatch.setattr(live, "scripts", lambda: tmp_path)


def test_words_are_the_most_frequent_and_ties_stand_by_letter() -> None:
    assert frequent_words({"b": 2, "a": 2, "d": 9, "c": 1}, most=3) == {"words": ["d", "a", "b"], "counts": [9, 2, 2]}


def test_both_forms_go_into_one_output(known) -> None:
    widget = ExplorerWidget(known[2], words=frequent_words(COUNTS), query="##ing", selected="the")
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    (config,) = re.findall(r'data-mv="explorer" data-mv-config="([^"]*)"', data["text/html"])
    assert json.loads(unescape(config)) == {"size": 170, "query": "##ing", "selected": "the"}
    assert known[2]["teacher"]["pieces"][2000] not in config  # the page fetches these once


def test_the_fallback_tells_what_is_shared(known) -> None:
    teacher, students, packs = known
    html = re.sub(' style="[^"]*"', "", ExplorerWidget(packs, words=frequent_words(COUNTS)).table_html())
    for student in students.values():
        found = overlap(student, teacher.get_vocab(), COUNTS)
        assert (
            f'<th scope="row">{len(found.pieces):,}</th><td>{found.shared.sum():,}</td><td>{found.share:.1%}</td>'
            in html
        )


def test_without_scripts_the_table_says_why(known, monkeypatch) -> None:
    def fail():
        raise UserError("npm cannot fetch <the scripts>")

    monkeypatch.setattr(live, "scripts", fail)
    data, _ = ExplorerWidget(known[2], words=frequent_words(COUNTS))._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" not in data
    assert "npm cannot fetch &lt;the scripts&gt;" in data["text/html"]


def test_a_size_that_is_not_there(known) -> None:
    with pytest.raises(UserError, match="size = 5: choose one of 160, 170"):
        ExplorerWidget(known[2], words=frequent_words(COUNTS), size=5)
    widget = ExplorerWidget(known[2], words=frequent_words(COUNTS))
    with pytest.raises(UserError, match="size = 7"):
        widget.size = 7
    assert widget.size == 170
