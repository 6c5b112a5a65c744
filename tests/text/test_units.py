"""What one draw of a vocabulary holds for: runs of words, and parts of words that both vocabularies cut alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from mixvocab.errors import UserError
from mixvocab.text.tables import WordTable, segment_words
from mixvocab.text.units import SPAN, Parts, by_span, by_word, cut_alike
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary

Get = Callable[[str], PreTrainedTokenizerFast]

WORDS = ["playing", "play", "xyz", "plain", "a"]
TEACHER = Vocabulary((*SPECIAL_PIECES, "play", "##ing", "plain", "a"))
STUDENT = Vocabulary((*SPECIAL_PIECES, "pl", "##ay", "##ing", "##ain", "x", "##y", "##z", "a"))


def table(vocabulary: Vocabulary, words: list[str]) -> WordTable:
    tokenizer = vocabulary.tokenizer()
    return WordTable.of(tokenizer, *segment_words(tokenizer, words))


def spelled(parts: Parts, vocabularies: tuple[Vocabulary, Vocabulary]) -> list[list[tuple[list[str], list[str]]]]:
    """Of every word its parts: (first vocabulary's pieces, second's)."""
    pieces = [
        [vocabulary.pieces[number] for number in own.segment(np.array([part]))]
        for part in range(len(parts.last))
        for vocabulary, own in zip(vocabularies, parts.tables, strict=True)
    ]
    pairs = list(zip(pieces[::2], pieces[1::2], strict=True))
    return [pairs[begin:end] for begin, end in zip(parts.starts[:-1], parts.starts[1:], strict=True)]


def test_words_are_cut_where_both_vocabularies_cut_them() -> None:
    parts = cut_alike(table(TEACHER, WORDS), table(STUDENT, WORDS))
    assert spelled(parts, (TEACHER, STUDENT)) == [
        [(["play"], ["pl", "##ay"]), (["##ing"], ["##ing"])],
        [(["play"], ["pl", "##ay"])],
        [(["[UNK]"], ["x", "##y", "##z"])],  # [UNK] has five characters, which must not be taken for the word's
        [(["plain"], ["pl", "##ain"])],
        [(["a"], ["a"])],
    ]
    assert parts.last.tolist() == [False, True, True, True, True, True]


def test_a_vocabulary_against_itself_cuts_at_every_piece() -> None:
    own = table(STUDENT, WORDS)
    parts = cut_alike(own, own)
    np.testing.assert_array_equal(parts.starts, own.starts)
    np.testing.assert_array_equal(parts.tables[0].lengths, np.ones(len(own.ids)))


def test_trained_vocabularies_cut_where_characters_say(tokenizers: Get, prose: list[str]) -> None:
    kinds = [tokenizers("uncased"), tokenizers("student")]
    words = sorted({word for text in prose[:20] for word in text.lower().split() if word.isalpha()})
    tables = [WordTable.of(each, *segment_words(each, words)) for each in kinds]
    parts = cut_alike(tables[0], tables[1])
    for number, word in enumerate(words):
        cuts = []
        for tokenizer in kinds:
            pieces = tokenizer.tokenize(word)
            ends = np.cumsum([len(piece.removeprefix("##")) for piece in pieces]).tolist()
            cuts.append({len(word)} if pieces == ["[UNK]"] else set(ends))
        assert parts.starts[number + 1] - parts.starts[number] == len(cuts[0] & cuts[1]), word
    for whole, cut in zip(tables, parts.tables, strict=True):
        np.testing.assert_array_equal(cut.ids, whole.ids)
        assert cut.starts[-1] == whole.starts[-1]
    assert len(parts.last) > len(words)


def test_other_vocabularies_than_word_pieces_are_refused(tokenizers: Get) -> None:
    words = ["play"]
    other = tokenizers("byte-level")
    with pytest.raises(UserError, match=r"mixing\.unit piece needs two WordPiece vocabularies"):
        cut_alike(WordTable.of(other, *segment_words(other, words)), table(STUDENT, words))


def test_runs_are_geometric_and_keep_the_share() -> None:
    # At p_sv = 1/2 neighbouring words agree if no run begins between them, or one does and draws the same again.
    drawn = by_span(np.random.default_rng(0), (2000, 128), 0.5)
    same = (drawn[:, 1:] == drawn[:, :-1]).mean()
    assert same == pytest.approx(1 - 0.5 / SPAN, abs=0.005)
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn[:, 0].mean() == pytest.approx(0.5, abs=0.05)
    rare = by_span(np.random.default_rng(1), (2000, 128), 0.1)
    assert rare.mean() == pytest.approx(0.1, abs=0.01)
    single = by_word(np.random.default_rng(0), (2000, 128), 0.5)
    assert (single[:, 1:] == single[:, :-1]).mean() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("p_sv", [0.0, 1.0])
def test_at_either_end_runs_have_one_vocabulary(p_sv: float) -> None:
    assert (by_span(np.random.default_rng(0), (8, 64), p_sv) == bool(p_sv)).all()
