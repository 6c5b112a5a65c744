"""What a vocabulary does to a text, and what two vocabularies share; all from word counts, each type once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mixvocab.text.wordpiece import CONTINUATION, SPECIAL_PIECES, UNK, Vocabulary


@dataclass(frozen=True)
class Segmentation:
    """A text under one vocabulary. Counts are over running text: a word that occurs n times counts n times."""

    size: int  # pieces in the vocabulary
    words: int
    tokens: int  # an unknown word is one token, as in the sequence a model reads
    whole: int  # words that are a piece of their own
    unknown: int  # words that are [UNK]
    known_characters: int  # characters of all words but the unknown

    @property
    def fertility(self) -> float:
        """Tokens per word, at least 1."""
        return self.tokens / self.words

    @property
    def characters_per_token(self) -> float:
        """Characters that one token stands for, unknown words left out of both; 0 if all are unknown."""
        known_tokens = self.tokens - self.unknown
        return self.known_characters / known_tokens if known_tokens else 0.0

    @property
    def coverage(self) -> float:
        """The share of words that can be segmented at all, between 0 and 1."""
        return 1 - self.unknown / self.words

    @property
    def whole_rate(self) -> float:
        """The share of words that need no splitting, between 0 and 1."""
        return self.whole / self.words

    @property
    def unknown_rate(self) -> float:
        """The share of words that become [UNK], between 0 and 1."""
        return self.unknown / self.words


@dataclass(frozen=True)
class Overlap:
    """How much of a vocabulary a teacher has too; special pieces, which both always have, are left out."""

    shared: int  # pieces that both have
    pieces: int  # pieces of the vocabulary
    shared_initial: int
    initial: int  # of these, pieces that begin a word
    shared_continuation: int
    continuation: int
    shared_tokens: int  # tokens of the text that are shared pieces
    tokens: int  # tokens of the text, [UNK] not among them
    ranked: tuple[bool, ...]  # for each piece, most used first: does the teacher have it?
    missing: tuple[str, ...]  # the pieces that the teacher lacks, most used first

    @property
    def share(self) -> float:
        """Shared pieces as a share of all (the paper: 93.9 % of 4,928), between 0 and 1."""
        return _ratio(self.shared, self.pieces)

    @property
    def share_initial(self) -> float:
        """The same among pieces that begin a word."""
        return _ratio(self.shared_initial, self.initial)

    @property
    def share_continuation(self) -> float:
        """The same among continuation pieces."""
        return _ratio(self.shared_continuation, self.continuation)

    @property
    def share_of_text(self) -> float:
        """The same with each piece weighted by its use in the text."""
        return _ratio(self.shared_tokens, self.tokens)

    def share_by_use(self) -> np.ndarray:
        """(pieces,): the share shared among the k most used pieces, for k = 1, 2, ..."""
        return np.cumsum(self.ranked) / np.arange(1, self.pieces + 1)


def segmentation(vocabulary: Vocabulary, counts: Mapping[str, int]) -> Segmentation:
    """Segment every word type of `counts` once and add up, weighted by its count."""
    words = tokens = whole = unknown = characters = 0
    for word, count in counts.items():
        pieces = vocabulary.segment(word)
        words += count
        tokens += count * len(pieces)
        if pieces == [UNK]:
            unknown += count
        else:
            characters += count * len(word)
            whole += count if len(pieces) == 1 else 0
    return Segmentation(len(vocabulary), words, tokens, whole, unknown, characters)


def size_curve(vocabularies: Iterable[Vocabulary], counts: Mapping[str, int]) -> list[Segmentation]:
    """`segmentation` of each vocabulary, smallest first (`learn_vocabularies(...).values()`)."""
    return [segmentation(vocabulary, counts) for vocabulary in sorted(vocabularies, key=len)]


def piece_use(vocabulary: Vocabulary, counts: Mapping[str, int]) -> dict[str, int]:
    """How often each piece occurs in the segmented text; 0 for pieces that never do."""
    use = dict.fromkeys(vocabulary.pieces, 0)
    for word, count in counts.items():
        for piece in vocabulary.segment(word):
            use[piece] += count
    return use


def overlap(vocabulary: Vocabulary, teacher: Collection[str], counts: Mapping[str, int]) -> Overlap:
    """Which pieces of `vocabulary` are among the `teacher`'s, weighted by their use in the text of `counts`.

    `teacher`: its pieces, for example a `Vocabulary`'s `pieces` or a tokenizer's `get_vocab()`.
    """
    theirs = frozenset(teacher)
    use = piece_use(vocabulary, counts)
    pieces = sorted(
        (piece for piece in vocabulary.pieces if piece not in SPECIAL_PIECES),
        key=lambda piece: (-use[piece], piece),
    )
    initial = [piece for piece in pieces if not _continues(piece)]
    continuation = [piece for piece in pieces if _continues(piece)]
    return Overlap(
        shared=sum(piece in theirs for piece in pieces),
        pieces=len(pieces),
        shared_initial=sum(piece in theirs for piece in initial),
        initial=len(initial),
        shared_continuation=sum(piece in theirs for piece in continuation),
        continuation=len(continuation),
        shared_tokens=sum(use[piece] for piece in pieces if piece in theirs),
        tokens=sum(use[piece] for piece in pieces),
        ranked=tuple(piece in theirs for piece in pieces),
        missing=tuple(piece for piece in pieces if piece not in theirs),
    )


def _continues(piece: str) -> bool:
    return piece.startswith(CONTINUATION) and len(piece) > len(CONTINUATION)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
