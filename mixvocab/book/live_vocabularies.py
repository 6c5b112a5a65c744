"""The live elements of chapters 1 and 2: what they show of a chapter's vocabularies, and what is published for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixvocab.book import steps
from mixvocab.book.publish import publish
from mixvocab.text.reading import reads_like_bert
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets.explorer import ExplorerWidget, frequent_words
from mixvocab.widgets.overlap import OverlapWidget
from mixvocab.widgets.vocabularies import published

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

LARGEST = 10_000
"""Pieces in the largest vocabulary that pages carry, unless the chapter's own is larger."""


def students(chapter: Chapter) -> dict[int, Vocabulary]:
    """The vocabularies that a reader can choose from, by size: of the profile's sizes, and the student's own."""
    own = chapter.profile.vocabulary.size
    sizes = sorted({*chapter.profile.vocabulary.sizes, own})  # all, since chapter 1 learns them in one go
    learned = zip(sizes, steps.vocabularies(chapter, sizes)[1], strict=True)
    return {size: vocabulary for size, vocabulary in learned if size <= max(LARGEST, own)}


def vocabularies(chapter: Chapter) -> dict[str, Any] | None:
    """The teacher's vocabulary and the students', for pages; None if the teacher cuts other words than they do."""
    teacher = steps.teacher_tokenizer(chapter)
    if not reads_like_bert(teacher):
        return None
    source = steps.corpus(chapter).source
    about = f"{source.name} ({'real' if source.real else 'synthetic'})"
    return published(teacher, students(chapter), default=chapter.profile.vocabulary.size, about=about)


def explorer(chapter: Chapter) -> ExplorerWidget | None:
    """The explorer; publishes what it and the overlap widget read. None as for `vocabularies`."""
    packs = vocabularies(chapter)
    if packs is None:
        return None
    words = frequent_words(steps.word_counts(chapter)[1])
    publish("vocabularies", packs)
    publish("words", words)
    return ExplorerWidget(packs, words)


def overlap(chapter: Chapter) -> OverlapWidget | None:
    """The overlap widget. None as for `vocabularies`.

    What its "Copy as Python" gives opens the same chapter, so that it finds the very vocabularies in the store.
    """
    packs = vocabularies(chapter)
    if packs is None:
        return None
    setup = f"""\
from mixvocab.book import live_vocabularies, open_chapter, steps

chapter = open_chapter({chapter.name!r}, profile={chapter.profile.name!r})
teacher = steps.teacher_tokenizer(chapter)
students = {{size: vocabulary.tokenizer() for size, vocabulary in live_vocabularies.students(chapter).items()}}
"""
    return OverlapWidget(packs, setup=setup)
