"""What a vocabulary does to a text, and what two vocabularies share; all from word counts, each type once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from mixvocab.text.wordpiece import SPECIAL_PIECES, UNK, Vocabulary


@dataclass(frozen=True)
class Segmentation:
    """A text under one vocabulary; a word that occurs n times counts n times."""

    size: int  # pieces in the vocabulary
    words: int
    fertility: float  # tokens per word, at least 1; an unknown word is one token, as in the sequence a model reads
    characters_per_token: float  # unknown words left out of both; 0 if all are unknown
    whole_rate: float  # share of the words that are a piece of their own
    unknown_rate: float  # share of the words that become [UNK]


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
            whole += count * (len(pieces) == 1)
    return Segmentation(
        size=len(vocabulary),
        words=words,
        fertility=tokens / words,
        characters_per_token=characters / max(tokens - unknown, 1),
        whole_rate=whole / words,
        unknown_rate=unknown / words,
    )


@dataclass(frozen=True, eq=False)
class Overlap:
    """How much of a vocabulary a teacher has too; special pieces, which both always have, are left out."""

    pieces: np.ndarray  # (P,) str, those that the text uses most first
    use: np.ndarray  # (P,) tokens of the text that each is
    shared: np.ndarray  # (P,) bool: the teacher has it

    @property
    def share(self) -> float:
        """Shared pieces as a share of all (the paper: 93.9% of 4,928), between 0 and 1."""
        return float(self.shared.mean())

    @property
    def share_of_text(self) -> float:
        """The same with each piece weighted by its use in the text, [UNK] left out."""
        return float(np.average(self.shared, weights=self.use))


def overlap(vocabulary: Vocabulary, teacher: Collection[str], counts: Mapping[str, int]) -> Overlap:
    """Which pieces of `vocabulary` are among the `teacher`'s pieces, and their use in the text of `counts`."""
    use = dict.fromkeys(vocabulary.pieces, 0)
    for word, count in counts.items():
        for piece in vocabulary.segment(word):
            use[piece] += count
    pieces = sorted(use.keys() - SPECIAL_PIECES, key=lambda piece: (-use[piece], piece))
    return Overlap(np.array(pieces), np.array([use[piece] for piece in pieces]), np.isin(pieces, list(teacher)))
