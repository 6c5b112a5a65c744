"""How well a model predicts whole words, in nats a word: a measure for any vocabulary. And what it has to beat: who
reads nothing and guesses pieces by their frequency.

Nats a masked piece compare no vocabularies: one of small pieces has more of them, and easier ones. So whole words are
masked, all pieces of a word at once, and the loss is counted a word: the same words of the same text for every
vocabulary.

A student that does not beat the guess has learned no context. Every BERT stays there for a while, on a plateau on which
it knows how often pieces occur and which piece it reads, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.models.pretrained import masked_logits
from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import Batch
from mixvocab.text.wordpiece import BERT_MAX_WORD_CHARACTERS
from mixvocab.text.words import WordStore, WordTable, ranges

POSITIONS = 512  # of BERT
ROWS = 64  # read at a time
MARGIN = 0.5  # nats below the guess behind [MASK]: off the plateau


@dataclass(frozen=True, eq=False)
class WordBatch:
    """A batch of B rows of T tokens in which whole words are masked; all arrays (B, T)."""

    ids: np.ndarray  # after masking
    labels: np.ndarray  # the piece to predict, `IGNORED` (-100) elsewhere
    attention: np.ndarray  # bool: False for padding
    place: np.ndarray  # which piece of its word a masked token is, from 0; -1 for all other tokens

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
        labels=np.where(hidden, ids, IGNORED),
        attention=column <= ends[:, None],
        place=place,
    )


@torch.no_grad()
def word_scores(model: PreTrainedModel, batches: Iterable[WordBatch]) -> np.ndarray:
    """Of every row: the summed -log p of its masked words in nats, and how many words that are; (rows, 2) float64.

    A word of several pieces is scored by the chain rule, from left to right: its first piece with all of it hidden, its
    second with the first one shown, and so on; other masked words stay hidden. So a vocabulary is not charged for
    cutting a word; that the number of [MASK]s tells it something about the word remains. Computed in fp32 without
    dropout, where the model is.
    """
    model.eval()
    return np.concatenate([_scored(model, batch) for batch in batches])


def _scored(model: PreTrainedModel, batch: WordBatch) -> np.ndarray:
    owner, ids, asked = _questions(batch)
    totals = np.zeros(len(batch.ids))
    for first in range(0, len(owner), ROWS):
        part = slice(first, first + ROWS)
        of, read, wanted = owner[part], torch.from_numpy(ids[part]).to(model.device), asked[part]
        attention = torch.from_numpy(batch.attention[of]).to(model.device)
        logits = masked_logits(model, read, torch.from_numpy(wanted), attention).float()
        targets = torch.from_numpy(batch.labels[of][wanted]).to(model.device)
        losses = F.cross_entropy(logits, targets, reduction="none")
        np.add.at(totals, of[np.nonzero(wanted)[0]], losses.double().cpu().numpy())
    return np.stack([totals, batch.masked_words], axis=1)


def _questions(batch: WordBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The batch's row (Q,) that each question is about, its ids (Q, T), the places (Q, T) bool that it asks for: one
    question a row for the first pieces of its words, and one for each further piece."""
    row, column = np.nonzero(batch.place > 0)
    place = np.arange(batch.ids.shape[1])
    begin = column - batch.place[row, column]
    shown = (place >= begin[:, None]) & (place < column[:, None])  # the pieces before it, of its own word
    further = np.where(shown, batch.labels[row], batch.ids[row])
    return (
        np.concatenate([np.arange(len(batch.ids)), row]),
        np.concatenate([batch.ids, further]),
        np.concatenate([batch.place == 0, place == column[:, None]]),
    )


def guess_words(frequencies: np.ndarray, batches: Iterable[WordBatch]) -> np.ndarray:
    """The guess at whole hidden words, scored as `word_scores` scores a student: (rows, 2) float64."""
    costs, rows = _costs(frequencies), []
    for batch in batches:
        asked = batch.place >= 0
        totals = np.where(asked, costs[np.where(asked, batch.labels, 0)], 0.0).sum(axis=1)
        rows.append(np.stack([totals, batch.masked_words], axis=1))
    return np.concatenate(rows)


def guess_pieces(frequencies: np.ndarray, batches: Iterable[Batch], mask: int) -> dict[str, float]:
    """The guess behind [MASK], whose id is `mask`: {"masked": its mean -log p in nats, "right": share of hits}.

    `frequencies`: (V,) counts of the pieces in training text, above 0; the best single guess is the commonest piece.
    """
    labels = np.concatenate([b.labels[(b.labels != IGNORED) & (b.ids == mask)] for b in batches])
    hits = labels == frequencies.argmax()
    return {"masked": float(_costs(frequencies)[labels].mean()), "right": float(hits.mean())}


def _costs(frequencies: np.ndarray) -> np.ndarray:
    return np.log(frequencies.sum()) - np.log(frequencies)


def left_plateau(curve: Sequence[Mapping[str, float]], guess: float) -> float | None:
    """Tokens read when the held-out loss behind [MASK] fell to `MARGIN` below `guess`, on straight lines between
    evaluations; None: it has not. `curve` is a `TrainResult`'s."""
    goal = guess - MARGIN
    for before, point in pairwise([*curve[:1], *curve]):
        if point["masked"] <= goal:
            fall = before["masked"] - point["masked"]
            share = (before["masked"] - goal) / fall if fall else 1.0
            return before["tokens"] + share * (point["tokens"] - before["tokens"])
    return None
