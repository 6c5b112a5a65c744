"""Settings that change which text is read and which pieces it is cut into reach the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixvocab.book import steps
from mixvocab.book.cell_steps import with_vocabulary
from mixvocab.book.chapter import Chapter, open_chapter
from mixvocab.text.wordpiece import SPECIAL_PIECES

Opener = Callable[..., Chapter]


@pytest.fixture
def opened(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any], cache: Path) -> Opener:
    """Opens a chapter on the tiny world, as often as a test likes, over one artefact store."""
    settings = tiny_settings | {"teacher.source": str(tiny_teacher)}
    return lambda **more: open_chapter("07_ablations", profile="smoke", data_dir=tiny_corpus, **settings | more)


@pytest.fixture
def other_text(tmp_path: Path) -> Path:
    """Text that has no word in common with the corpus."""
    folder = tmp_path / "other"
    folder.mkdir()
    names = "zebra quokka wombat lemur gibbon tapir okapi numbat caracal ocelot dugong".split()
    lines = [f"{names[n % 11]} {names[n % 7]}{names[n % 11]} {names[n % 5]}s {names[n % 11][::-1]}" for n in range(80)]
    (folder / "text.txt").write_text("\n\n".join(lines), encoding="utf-8")
    return folder


def test_the_kind_of_vocabulary_reaches_the_students_rows(opened: Opener) -> None:
    found = {
        kind: steps.vocabulary(opened(**{"vocabulary.kind": kind}))[1] for kind in ("learned", "teacher", "shared")
    }
    teacher = steps.teacher_tokenizer(opened()).get_vocab()
    assert {piece: found["teacher"].id(piece) for piece in found["teacher"].pieces} == teacher
    assert set(found["shared"].pieces) == set(found["learned"].pieces) & set(teacher) | set(SPECIAL_PIECES)
    assert len(SPECIAL_PIECES) < len(found["shared"]) < len(found["learned"]) == 300
    for kind, vocabulary in found.items():
        chapter = opened(**{"vocabulary.kind": kind})
        assert steps.shape(chapter).vocab_size == len(vocabulary)
        student = steps.stage_two(chapter, 0, steps.stage_one(chapter, 0))
        assert student.model().bert.embeddings.word_embeddings.weight.shape == (len(vocabulary), 16)


def test_chapters_that_share_what_they_hold_keep_their_own_tables(opened: Opener) -> None:
    chapter = opened()
    teacher = with_vocabulary(chapter, "teacher")
    assert teacher.held is chapter.held
    tables = [steps.student_table(one) for one in (chapter, teacher, chapter)]
    assert [table.size for table in tables] == [300, len(steps.teacher_tokenizer(chapter)), 300]


def test_the_unit_of_mixing_is_stage_ones_alone(opened: Opener) -> None:
    by_word, by_sequence = opened(), opened(**{"mixing.unit": "sequence"})
    student = steps.mixer(by_sequence).unmasked(32, np.random.default_rng(0)).student
    assert (student == student[:, :1]).all()
    assert not (steps.mixer(by_word).unmasked(32, np.random.default_rng(0)).student == student).all()
    assert steps.stage_one(by_word, 0).artefact.key != steps.stage_one(by_sequence, 0).artefact.key
    first = steps.stage_two(by_word, 0, None)
    assert steps.stage_two(by_sequence, 0, None).artefact.key == first.artefact.key


def test_words_can_be_counted_in_another_text(opened: Opener, other_text: Path) -> None:
    own, other = opened(), opened(**{"vocabulary.source": str(other_text)})
    assert "zebra" in steps.word_counts(other)[1]
    assert not set(steps.word_counts(own)[1]) & set(steps.word_counts(other)[1])
    assert "zebra" in steps.vocabulary(other)[1]
    assert "zebra" not in steps.vocabulary(own)[1]
    assert steps.word_store(own)[0].key == steps.word_store(other)[0].key  # what is trained on stays


def test_stage_one_can_read_another_text(opened: Opener, other_text: Path) -> None:
    own, other = opened(), opened(**{"stage_one.corpus": str(other_text)})
    assert steps.vocabulary(own)[0].key == steps.vocabulary(other)[0].key
    _, store = steps.word_store(other, str(other_text))
    assert "zebra" in store.types
    assert "zebra" not in steps.word_store(other)[1].types
    first, second = steps.stage_one(own, 0), steps.stage_one(other, 0)
    assert not np.array_equal(first.embeddings.numpy(), second.embeddings.numpy())
    assert first.artefact.key != second.artefact.key
    assert steps.stage_two(own, 0, None).artefact.key == steps.stage_two(other, 0, None).artefact.key


def test_a_vocabulary_can_be_learned_from_code(opened: Opener) -> None:
    chapter = opened(**{"vocabulary.source": "code", "vocabulary.megabytes": 0.2})
    assert {"self", "def", "return"} <= set(steps.vocabulary(chapter)[1].pieces)
    assert "self" not in steps.vocabulary(opened())[1]
