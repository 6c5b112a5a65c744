"""Whole masked words: what compares students of different vocabularies.

Nats a masked piece cannot: a vocabulary of small pieces has more of them, and easier ones. So whole words are masked,
all pieces of a word at once, and the loss is counted a word: the same words of the same text for every vocabulary.
How a word of several pieces is then scored says `mixvocab.evaluate.word_scores`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import Batch
from mixvocab.text.wordpiece import BERT_MAX_WORD_CHARACTERS
from mixvocab.text.words import WordStore, WordTable, ranges

POSITIONS = 512  # of BERT


@dataclass(frozen=True, eq=False)
class WordBatch(Batch):
    """A batch of B rows in which whole words are masked."""

    place: np.ndarray  # (B, T) int64: which piece of its word a masked token is, from 0; -1 for all other tokens

    @property
    def masked_words(self) -> np.ndarray:
        """(B,) int64."""
        return (self.place == 0).sum(axis=1)


def whole_word_batches(
    store: WordStore,
    table: WordTable,
    *,
    rng: np.random.Generator,
    words: int = 24,
    rows: int = 2048,
    masked: int = 4,
    batch: int = 32,
) -> Iterator[WordBatch]:
    """At most `rows` rows of `words` consecutive held-out words, `masked` of them masked, in batches of `batch`.

    All pieces of a masked word become [MASK] and are to be predicted. Nothing drawn depends on `table`: under one seed
    every vocabulary gets the same rows, in the order of the text, and the same masked words. So only words are masked
    that every vocabulary can spell, up to 100 ASCII characters (BERT's limit), and a row has at most `POSITIONS` - 2
    characters, to fit into the model however finely it is cut. Raises `UserError` if there is no such row.
    """
    text = store.words("heldout").astype(np.int64)
    text = text[: len(text) // words * words].reshape(-1, words)
    characters = np.array([len(word) for word in store.types])
    plain = np.array([word.isascii() for word in store.types]) & (characters <= BERT_MAX_WORD_CHARACTERS)
    text = text[(plain[text].sum(axis=1) >= masked) & (characters[text].sum(axis=1) <= POSITIONS - 2)]
    if not len(text):
        raise UserError(f"{store.folder} has no {words} held-out words in a row: build it with a larger heldout")
    text = text[np.sort(rng.permutation(len(text))[:rows])]
    key = rng.random(text.shape)
    key[~plain[text]] = 2.0  # behind every word that may be masked
    chosen = np.zeros(text.shape, bool)
    np.put_along_axis(chosen, np.argsort(key, axis=1)[:, :masked], True, axis=1)
    for first in range(0, len(text), batch):
        yield _segment(text[first : first + batch], chosen[first : first + batch], table)


def _segment(text: np.ndarray, chosen: np.ndarray, table: WordTable) -> WordBatch:
    """Rows [CLS] words [SEP], padded to the longest; `text` and `chosen`: (B, words)."""
    lengths = table.lengths[text]
    ends = lengths.sum(axis=1) + 1  # the column of [SEP]
    column = np.arange(ends.max() + 1)
    inner = (column > 0) & (column < ends[:, None])
    ids = np.full(inner.shape, table.pad, np.int64)
    ids[:, 0] = table.cls
    ids[np.arange(len(text)), ends] = table.sep
    ids[inner] = table.segment(text.ravel())
    flat = lengths.ravel()
    place = np.full(inner.shape, -1, np.int64)
    place[inner] = np.where(np.repeat(chosen.ravel(), flat), ranges(np.zeros_like(flat), flat), -1)
    hidden = place >= 0
    return WordBatch(
        ids=np.where(hidden, table.mask, ids),
        student=np.ones(inner.shape, bool),
        labels=np.where(hidden, ids, IGNORED),
        attention=column <= ends[:, None],
        place=place,
    )
