"""The live elements of chapters 1 and 2: which vocabularies they show, what is published, what can be copied."""

from __future__ import annotations

import pytest

from mixvocab.book import live_vocabularies, open_chapter, steps


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
    assert list(live_vocabularies.students(chapter)) == [300, 320, 350, 360]
    assert live_vocabularies.students(chapter)[350].pieces == steps.vocabulary(chapter)[1].pieces
    monkeypatch.setattr(live_vocabularies, "LARGEST", 310)
    assert list(live_vocabularies.students(chapter)) == [300, 320, 350]  # all that is no larger than the student's own


def test_explorer_publishes_what_both_elements_read(chapter, monkeypatch):
    published = {}
    monkeypatch.setattr(live_vocabularies, "publish", published.__setitem__)
    explorer = live_vocabularies.explorer(chapter)
    assert set(published) == {"vocabularies", "words"}
    assert published["vocabularies"] == live_vocabularies.overlap(chapter).vocabularies == explorer.vocabularies
    assert published["vocabularies"]["default"] == "350"
    assert "(real)" in published["vocabularies"]["about"]
    assert sum(published["words"]["counts"]) == sum(steps.word_counts(chapter)[1].values())


def test_a_teacher_of_another_kind_has_no_live_elements(chapter, monkeypatch):
    monkeypatch.setattr(live_vocabularies, "reads_like_bert", lambda teacher: False)
    monkeypatch.setattr(live_vocabularies, "publish", lambda *_: pytest.fail("nothing is there to publish"))
    assert live_vocabularies.explorer(chapter) is None
    assert live_vocabularies.overlap(chapter) is None


def test_what_is_copied_finds_the_chapters_own_vocabularies(chapter, monkeypatch):
    setup = live_vocabularies.overlap(chapter).setup
    assert 'open_chapter("02_mixing", profile="smoke")' in setup.replace("'", '"')
    monkeypatch.setattr("mixvocab.book.open_chapter", lambda *_, **__: chapter, raising=False)
    names: dict = {}
    exec(setup, names)
    assert {size: len(each) for size, each in names["students"].items()} == {300: 300, 320: 320, 350: 350, 360: 360}
    assert names["teacher"].get_vocab() == steps.teacher_tokenizer(chapter).get_vocab()
