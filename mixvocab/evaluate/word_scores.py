"""How well a student predicts whole words, in nats a word: a measure for any vocabulary. And what it has to beat: who
reads nothing and guesses pieces by their frequency.

A student that does not beat the guess has learned no context. Every BERT stays there for a while, on a plateau on which
it knows how often pieces occur and which piece it reads, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import Batch
from mixvocab.text.whole_words import WordBatch

ROWS = 64  # read at a time
MARGIN = 0.5  # nats below the guess behind [MASK]: off the plateau


@torch.no_grad()
def word_scores(student: BertForMaskedLM, batches: Iterable[WordBatch]) -> np.ndarray:
    """Of every row: the summed -log p of its masked words in nats, and how many words that are; (rows, 2) float64.

    A word of several pieces is scored by
    the chain rule, from left to right: its first piece with all of it hidden, its second with the first one shown, and
    so on; other masked words stay hidden. So a vocabulary is not charged for cutting a word; that the number of
    [MASK]s tells it something about the word remains. Computed in fp32 without dropout, where the student is; it is
    left in the mode that it was in.
    """
    was_training = student.training
    student.eval()
    rows = [_scored(student, batch) for batch in batches]
    student.train(was_training)
    return np.concatenate(rows)


def _scored(student: BertForMaskedLM, batch: WordBatch) -> np.ndarray:
    owner, ids, asked = _questions(batch)
    totals = np.zeros(len(batch.ids))
    for first in range(0, len(owner), ROWS):
        part = slice(first, first + ROWS)
        of, read, wanted = owner[part], torch.from_numpy(ids[part]).to(student.device), asked[part]
        attention = torch.from_numpy(batch.attention[of]).to(student.device)
        hidden = student.bert(read, attention_mask=attention).last_hidden_state[torch.from_numpy(wanted)]
        targets = torch.from_numpy(batch.labels[of][wanted]).to(student.device)
        losses = F.cross_entropy(student.cls(hidden).float(), targets, reduction="none")
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
