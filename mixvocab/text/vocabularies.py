"""Vocabularies that are not learned: the teacher's own, and the pieces that a learned one shares with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers.models import WordPiece

from mixvocab.common.errors import UserError
from mixvocab.text.reading import backend, lowercases
from mixvocab.text.wordpiece import CONTINUATION, SPECIAL_PIECES, Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def teacher_vocabulary(tokenizer: PreTrainedTokenizerFast) -> Vocabulary:
    """The teacher's vocabulary as a student's: the same pieces under the same ids.

    Raises `UserError` for a teacher whose vocabulary is no WordPiece or that reads text in another way than BERT.
    """
    model = _word_piece(tokenizer)
    lowercase = lowercases(tokenizer)
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if [number for _, number in pieces] != list(range(len(pieces))):
        raise UserError(
            f"vocabulary.kind: tokenizer {tokenizer.name_or_path!r} leaves ids out, which vocab.txt cannot: "
            "choose kind learned for this teacher"
        )
    return Vocabulary(tuple(piece for piece, _ in pieces), lowercase, model.max_input_chars_per_word)


def shared_vocabulary(vocabulary: Vocabulary, teacher: PreTrainedTokenizerFast) -> Vocabulary:
    """The pieces of `vocabulary` that the teacher has too (section 6; the paper's 4,928 and BERT's share 4,629).

    BERT's special pieces come first, the others in the order of `vocabulary`. Raises `UserError` for a teacher whose
    vocabulary is no WordPiece: its pieces do not mark their place in the word as the student's do.
    """
    _word_piece(teacher)
    known = teacher.get_vocab()
    kept = [piece for piece in vocabulary.pieces if piece in known and piece not in SPECIAL_PIECES]
    return Vocabulary((*SPECIAL_PIECES, *kept), vocabulary.lowercase, vocabulary.max_word_characters)


def _word_piece(tokenizer: PreTrainedTokenizerFast) -> WordPiece:
    model = backend(tokenizer).model
    if not isinstance(model, WordPiece) or model.continuing_subword_prefix != CONTINUATION:
        raise UserError(
            f"vocabulary.kind: tokenizer {tokenizer.name_or_path!r} is not a WordPiece vocabulary with "
            f"{CONTINUATION}, as BERT's is: choose kind learned for this teacher"
        )
    return model
