"""What chapters put alive into pages: a model, and elements with the chapter's own vocabularies."""

from __future__ import annotations

import base64

import pytest

from mixvocab.models.pretrained import load_tokenizer
from mixvocab.sources.teacher import resolve_teacher
from mixvocab.sources.wordlist import resolve_words
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import backend, count_listed
from mixvocab.widgets.demo import Demo
from mixvocab.widgets.vocabularies import most_telling, segments_of
from mixvocab_book.chapter import open_chapter
from mixvocab_book.show import live_elements
from mixvocab_book.show.page_data import provided_files


@pytest.fixture
def chapter(cache, tiny_corpus, tiny_teacher, tiny_settings):
    """On a tiny corpus, with a tiny teacher."""
    settings = tiny_settings | {
        "teacher.source": str(tiny_teacher),
        "vocabulary.size": 350,
        "vocabulary.sizes": [300, 320, 360],
    }
    return open_chapter("02_mixing", profile="smoke", data_dir=tiny_corpus, **settings)


def test_vocabularies_are_the_profiles_and_the_students_own(chapter, monkeypatch):
    assert list(live_elements.students(chapter)) == [300, 320, 350, 360]
    assert live_elements.students(chapter)[350].pieces == chapter.get(chapter.plan.vocabulary()).pieces
    monkeypatch.setattr(live_elements, "LARGEST", 310)
    assert list(live_elements.students(chapter)) == [300, 320, 350]  # all that is no larger than the student's own


def test_explorer_provides_what_both_elements_read(chapter, monkeypatch):
    provided = {}
    monkeypatch.setattr(live_elements, "provide", provided.__setitem__)
    explorer = live_elements.explorer(chapter)
    assert set(provided) == {"vocabularies", "words"}
    assert provided["vocabularies"] == live_elements.overlap(chapter).vocabularies == explorer.vocabularies
    assert provided["vocabularies"]["default"] == "350"
    assert "(real)" in provided["vocabularies"]["about"]
    assert sum(provided["words"]["counts"]) == sum(chapter.get(chapter.plan.counts()).values())


def test_a_teacher_of_another_kind_has_no_live_elements(chapter, monkeypatch):
    monkeypatch.setattr(live_elements, "reads_like_bert", lambda teacher: False)
    monkeypatch.setattr(live_elements, "provide", lambda *_: pytest.fail("nothing is there to provide"))
    assert live_elements.explorer(chapter) is None
    assert live_elements.overlap(chapter) is None


def test_what_is_copied_finds_the_chapters_own_vocabularies(chapter, monkeypatch):
    setup = live_elements.overlap(chapter).setup
    assert 'open_chapter("02_mixing", profile="smoke")' in setup.replace("'", '"')
    monkeypatch.setattr("mixvocab_book.chapter.open_chapter", lambda *_, **__: chapter)
    names: dict = {}
    exec(setup, names)
    assert {size: len(each) for size, each in names["students"].items()} == {300: 300, 320: 320, 350: 350, 360: 360}
    assert names["teacher"].get_vocab() == chapter.plan.teacher_tokenizer.get_vocab()


def test_a_model_is_provided_and_has_its_place(monkeypatch):
    outputs = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: outputs.append({"data": data}))
    monkeypatch.setattr(live_elements, "display", lambda shown: outputs.append({"data": {"text/html": shown.data}}))
    answer = {"intents": [{"name": "<Play>", "probability": 1.0}], "slots": []}
    made = Demo("snips", {"examples": [{"text": "play", "answer": answer}]}, b"onnx")
    live_elements.show_model(made)
    files = provided_files([{"cells": [{"outputs": outputs}]}])
    assert files["snips.onnx"] == b"onnx"
    assert b'"text":"play"' in files["data-snips.js"]
    html = outputs[-1]["data"]["text/html"]
    assert 'data-mv="demo"' in html
    assert "&lt;Play&gt;" in html
    assert base64.b64encode(b"onnx").decode() not in html


@pytest.fixture(scope="module")
def general():
    """A vocabulary of 5,000 pieces, learned as where no text is at hand."""
    return learn_vocabulary(count_listed(resolve_words(megabytes=6.0).counted()), 5000)


def test_the_example_is_cut_differently_and_still_readable(general):
    teacher = load_tokenizer(resolve_teacher("embedded").folder)
    chosen = most_telling(live_elements.EXAMPLES, backend(teacher), general.backend())
    cuts = [cut for cut in segments_of(chosen, backend(teacher), general.backend()) if cut["word"].isalnum()]
    unlike = [cut for cut in cuts if cut["teacher"] != cut["student"]]
    assert 3 <= len(unlike) < len(cuts)  # several words differ, and some are alike
    for text in live_elements.EXAMPLES:
        other = segments_of(text, backend(teacher), general.backend())
        words = [cut for cut in other if cut["word"].isalnum()]
        assert sum(cut["teacher"] != cut["student"] for cut in words) / len(words) <= len(unlike) / len(cuts)
        assert ["[UNK]"] not in [cut["student"] for cut in other]


def test_chapters_and_widget_begin_with_one_example(chapter):
    assert live_elements.example(chapter) in live_elements.EXAMPLES
    assert live_elements.overlap(chapter).text == live_elements.example(chapter)


def test_most_of_general_english_is_the_teachers(general):
    teacher = load_tokenizer(resolve_teacher("embedded").folder).get_vocab()
    assert sum(piece in teacher for piece in general.pieces) / len(general) > 0.9


def test_forward_has_the_sizes_of_the_chapters_models(chapter):
    found = live_elements.forward(chapter)
    assert found.vocabularies == live_elements.vocabularies(chapter)
    assert (found.layers, found.wide, found.narrow, found.tied) == (2, 32, 16, True)
    assert found.p == chapter.profile.mixing.p_sv


def test_pieces_that_are_tied_go_another_way_than_is_drawn(cache, tiny_corpus, tiny_teacher, tiny_settings):
    settings = tiny_settings | {"teacher.source": str(tiny_teacher), "vocabulary.sizes": [300]}
    tied = settings | {"stage_one.shared": True}
    assert live_elements.forward(open_chapter("03_stage_one", profile="smoke", data_dir=tiny_corpus, **tied)) is None
