"""Vocabularies that come from the teacher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from mixvocab.common.errors import UserError
from mixvocab.text.vocabularies import shared_vocabulary, teacher_vocabulary
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary

Get = Callable[[str], PreTrainedTokenizerFast]


@pytest.mark.parametrize("kind", ["uncased", "cased"])
def test_a_student_can_have_the_teachers_pieces_ids_and_reading(kind: str, tokenizers: Get, prose: list[str]) -> None:
    teacher = tokenizers(kind)
    vocabulary = teacher_vocabulary(teacher)
    assert {piece: vocabulary.id(piece) for piece in vocabulary.pieces} == teacher.get_vocab()
    assert vocabulary.lowercase == (kind == "uncased")
    own = vocabulary.tokenizer()
    for text in prose[:30] + prose[-10:]:
        assert (
            own(text, split_special_tokens=True, add_special_tokens=False).input_ids
            == teacher(text, split_special_tokens=True, add_special_tokens=False).input_ids
        )


def test_shared_pieces_keep_the_learned_order_and_all_special_ones(tiny_teacher: Path) -> None:
    teacher = AutoTokenizer.from_pretrained(tiny_teacher)
    # Special pieces out of order; "##the" is another piece than the teacher's "the"; "zebra" is unknown to it.
    learned = Vocabulary(("[MASK]", "the", "##the", "[PAD]", "zebra", "##ing", "[UNK]", "[CLS]", "[SEP]", "cat"), False)
    shared = shared_vocabulary(learned, teacher)
    assert shared.pieces == (*SPECIAL_PIECES, "the", "##ing", "cat")
    assert shared.lowercase is False
    assert shared.max_word_characters == learned.max_word_characters


@pytest.mark.parametrize("kind", ["byte-level", "unigram"])
def test_teachers_without_word_pieces_are_refused(kind: str, tokenizers: Get) -> None:
    with pytest.raises(UserError, match=r"vocabulary\.kind.*choose kind learned"):
        teacher_vocabulary(tokenizers(kind))
    with pytest.raises(UserError, match=r"vocabulary\.kind.*choose kind learned"):
        shared_vocabulary(Vocabulary((*SPECIAL_PIECES, "a")), tokenizers(kind))
