"""Units of mixing: what one draw of a vocabulary holds for.

The paper draws for each word (section 3.2). Beside that: for a whole sequence, for a run of words, and for the parts
of a word that both vocabularies cut alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mixvocab.errors import UserError
from mixvocab.text.tables import WordTable

Choice = Callable[[np.random.Generator, tuple[int, int], float], np.ndarray]
"""(generator, (rows, words), p_sv) -> (rows, words) bool: which words the student's vocabulary segments."""

NOT_ALIKE = (
    "mixing.unit piece needs two WordPiece vocabularies (with ##) that read text alike, as uncased BERT's does: "
    "choose word, span or sequence for this teacher"
)

SPAN = 3  # words that a run has on average


def by_word(rng: np.random.Generator, shape: tuple[int, int], p_sv: float) -> np.ndarray:
    """The paper's choice: each word on its own."""
    return rng.random(shape, dtype=np.float32) < p_sv


def by_sequence(rng: np.random.Generator, shape: tuple[int, int], p_sv: float) -> np.ndarray:
    """One draw a row: sequences are never mixed within, only batches are."""
    return np.repeat(rng.random((shape[0], 1), dtype=np.float32) < p_sv, shape[1], axis=1)


def by_span(rng: np.random.Generator, shape: tuple[int, int], p_sv: float) -> np.ndarray:
    """One draw a run of words; the lengths of runs are geometric with mean `SPAN`.

    Every word begins a new run with probability 1 / `SPAN`, so wherever a row starts in the text, its first run is as
    long as any other. Neighbouring runs may draw the same vocabulary.
    """
    drawn = by_word(rng, shape, p_sv)
    begins = rng.random(shape, dtype=np.float32) < 1 / SPAN
    begins[:, 0] = True
    first = np.maximum.accumulate(np.where(begins, np.arange(shape[1]), 0), axis=1)
    return np.take_along_axis(drawn, first, axis=1)


CHOICES: dict[str, Choice] = {"word": by_word, "piece": by_word, "span": by_span, "sequence": by_sequence}
"""By the name of the unit. "piece" draws as "word" does, for parts of words instead of words (`cut_alike`)."""


@dataclass(frozen=True, eq=False)
class Parts:
    """All words cut into P parts, each of them spelled by both vocabularies.

    starts: (W+1,) int64, word w being the parts `starts[w]` to `starts[w+1]`. last: (P,) bool, the part ends its
    word. tables: the two tables with a part in the place of a word.
    """

    starts: np.ndarray
    last: np.ndarray
    tables: tuple[WordTable, WordTable]


def cut_alike(first: WordTable, second: WordTable) -> Parts:
    """Cut every word where both segmentations of it end a piece.

    The teacher's [play ##ing] and the student's [pl ##ay ##ing] give the parts {play | pl ##ay} and {##ing | ##ing}:
    choosing for each part anew always spells the word. One that a vocabulary spells [UNK] stays whole.

    Raises `UserError` unless both vocabularies are of WordPiece's kind, in which a piece says how much it spells.
    """
    spelled = [_ends(table) for table in (first, second)]
    longest = max(int(ends.max(initial=0)) for _, ends in spelled) + 1
    keys, final = [], []
    for table, (words, ends) in zip((first, second), spelled, strict=True):
        # The last piece of a word ends it whatever it spells: an [UNK] covers the word without having its characters.
        last = np.zeros(len(ends), bool)
        last[table.starts[1:] - 1] = True
        keys.append(np.where(last, longest, ends) + words * (longest + 1))
        final.append(last)
    common = [np.isin(keys[n], keys[1 - n]) for n in (0, 1)]
    words = spelled[0][0][common[0]]  # of each part; the same in both
    starts = np.concatenate([[0], np.bincount(words, minlength=len(first)).cumsum()])
    tables = [
        table.of_parts(np.concatenate([[0], np.flatnonzero(ends) + 1]))
        for table, ends in zip((first, second), common, strict=True)
    ]
    return Parts(starts, final[0][common[0]], (tables[0], tables[1]))


def _ends(table: WordTable) -> tuple[np.ndarray, np.ndarray]:
    """Of every piece of every word: the word, and how many of its characters are spelled when the piece ends."""
    if table.characters is None:
        raise UserError(NOT_ALIKE)
    words = np.repeat(np.arange(len(table)), table.lengths)
    spelled = np.concatenate([[0], table.characters[table.ids].cumsum()])
    return words, spelled[1:] - spelled[table.starts[:-1]][words]
