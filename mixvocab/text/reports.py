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


@dataclass(frozen=True, eq=False)
class Overlap:
    """How much of a vocabulary a teacher has too; special pieces, which both always have, are left out.

    ranked: the pieces, those that the text uses most first; use: tokens of the text that each is, (pieces,); known:
    the teacher has it, (pieces,) bool.
    """

    ranked: tuple[str, ...]
    use: np.ndarray
    known: np.ndarray

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return len(self.ranked)

    @property
    def shared(self) -> int:
        """How many of them the teacher has."""
        return int(self.known.sum())

    @property
    def missing(self) -> tuple[str, ...]:
        """Those that the teacher lacks, most used first."""
        return tuple(piece for piece, known in zip(self.ranked, self.known, strict=True) if not known)

    @property
    def continues(self) -> np.ndarray:
        """(pieces,) bool: the piece continues a word."""
        return np.array([piece.startswith(CONTINUATION) and piece != CONTINUATION for piece in self.ranked], bool)

    @property
    def share(self) -> float:
        """Shared pieces as a share of all (the paper: 93.9 % of 4,928), between 0 and 1."""
        return _share(self.known)

    @property
    def share_initial(self) -> float:
        """The same among pieces that begin a word."""
        return _share(self.known[~self.continues])

    @property
    def share_continuation(self) -> float:
        """The same among continuation pieces."""
        return _share(self.known[self.continues])

    @property
    def share_of_text(self) -> float:
        """The same with each piece weighted by its use in the text, [UNK] left out."""
        return _share(self.known, self.use)

    def share_by_use(self) -> np.ndarray:
        """(pieces,): the share shared among the k most used pieces, for k = 1, 2, ..."""
        return np.cumsum(self.known) / np.arange(1, self.pieces + 1)


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
    teacher_pieces = frozenset(teacher)
    use = piece_use(vocabulary, counts)
    pieces = sorted(set(vocabulary.pieces) - set(SPECIAL_PIECES), key=lambda piece: (-use[piece], piece))
    return Overlap(
        ranked=tuple(pieces),
        use=np.array([use[piece] for piece in pieces], np.int64),
        known=np.array([piece in teacher_pieces for piece in pieces], bool),
    )


def _share(known: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The weighted share of True, 0 of nothing."""
    weights = np.ones(len(known), np.int64) if weights is None else weights
    total = int(weights.sum())
    return int(weights[known].sum()) / total if total else 0.0
