"""The overlap widget in Python: traits, what follows from them, and what stands on pages."""

from __future__ import annotations

import json
from html import unescape
from itertools import chain

import pytest
import traitlets

from mixvocab.common.errors import UserError
from mixvocab.models.pretrained import load_tokenizer
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets import live
from mixvocab.widgets.live import OverlapWidget
from mixvocab.widgets.vocabularies import mixed_line, published, segments_of, words_of_line

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def teacher(tiny_teacher):
    return load_tokenizer(tiny_teacher)


@pytest.fixture
def students(tiny_pieces):
    return {size: Vocabulary(tuple(tiny_pieces[:size])) for size in (110, 140)}


@pytest.fixture
def make(teacher, students, tmp_path, monkeypatch):
    """make(**values) -> a widget whose scripts are two small files."""
    for file in (tmp_path / "lab" / "overlap.js", tmp_path / "pages" / "overlap.css"):
        file.parent.mkdir()
        file.write_text(f"/* {file.name} */")
    monkeypatch.setattr(live, "scripts", lambda: tmp_path)
    vocabularies = published(teacher, students, default=140, about="a test")
    return lambda **values: OverlapWidget(vocabularies, **values)


def cut(text, teacher, student):
    return segments_of(text, teacher.backend_tokenizer, student.backend())


def test_segments_follow_text_and_size_at_once(make, teacher, students):
    widget = make(text="machine learning")
    assert widget.segments == cut("machine learning", teacher, students[140])
    widget.text = "Reading [MASK], 漢字"
    assert widget.segments == cut("Reading [MASK], 漢字", teacher, students[140])
    widget.size = 110
    assert widget.segments == cut("Reading [MASK], 漢字", teacher, students[110])
    assert widget.segments[0]["word"] == "reading"


def test_segments_are_what_the_tokenizers_say(teacher, students):
    for text in ("Reading [MASK]ed", " the\tcat's ", "", "[CLS][SEP]", "Σας Å x\x00y"):
        segments = cut(text, teacher, students[140])
        student = students[140].backend()
        assert list(chain.from_iterable(each["teacher"] for each in segments)) == teacher.tokenize(text)
        expected = student.encode(text, add_special_tokens=False).tokens
        assert list(chain.from_iterable(each["student"] for each in segments)) == expected
        assert [each["word"] for each in segments] == words_of_line(text, student)


def test_mixed_follows_the_choices(make, teacher, students):
    widget = make(text="the teacher reads one book", p=0.4, seed=6, size=110)
    expected = mixed_line("the teacher reads one book", teacher, students[110].tokenizer(), p_sv=0.4, seed=6)
    assert widget.mixed == expected
    widget.seed = 7
    assert widget.mixed != expected


def test_bad_values_are_refused(make):
    widget = make()
    with pytest.raises(UserError, match="size = 7: choose one of 110, 140"):
        widget.size = 7
    for name, value in (("p", 1.5), ("seed", -1), ("shape", "huge")):
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, value)
    with pytest.raises(UserError, match="size = 7"):
        make(size=7)


def test_a_page_gets_the_live_element_and_jupyterlab_the_widget(make):
    widget = make(text="<the> & \"machine\" 'learning'", p=0.3)
    bundle, _ = widget._repr_mimebundle_()
    assert VIEW in bundle
    html = bundle["text/html"]
    config = json.loads(unescape(html.split('data-mv-config="')[1].split('"')[0]))
    assert config["text"] == widget.text
    assert config["p"] == 0.3
    assert config["shapes"]["L-6 H-96"] == {"layers": 6, "hidden": 96}
    assert "vocabularies" not in config  # published once, not once an element
    assert "<the>" not in html
    assert widget.table_html() in html
    assert widget._esm == "/* overlap.js */"
    assert widget._css.endswith("/* overlap.css */")


def test_without_scripts_there_is_the_table_and_one_line_why(make, monkeypatch):
    def missing():
        raise UserError("npm cannot fetch the pages' scripts")

    monkeypatch.setattr(live, "scripts", missing)
    widget = make(text="the machine")
    bundle, _ = widget._repr_mimebundle_()
    assert VIEW not in bundle
    assert "npm cannot fetch" in bundle["text/html"]
    assert widget.table_html() in bundle["text/html"]
    widget.text = "the"
    assert [each["word"] for each in widget.segments] == ["the"]
