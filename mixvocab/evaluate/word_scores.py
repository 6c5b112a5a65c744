"""How well a student predicts whole words, in nats a word: a measure for any vocabulary."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.text.whole_words import WordBatch

ROWS = 64  # read at a time


@torch.no_grad()
def word_scores(student: BertForMaskedLM, batches: Iterable[WordBatch]) -> np.ndarray:
    """Of every row: the summed -log p of its masked words in nats, and how many words that are; (rows, 2) float64.

    The mean of the first column over that of the second is nats a masked word. A word of several pieces is scored by
    the chain rule, from left to right: its first piece with all of it hidden, its second with the first one shown, and
    so on; other masked words stay hidden. So a vocabulary is not charged for cutting a word; that the number of
    [MASK]s tells it something about the word remains. Computed in fp32 without dropout, where the student is; it is
    left in the mode that it was in.
    """
    was_training = student.training
    student.eval()
    rows = [_scored(student, batch) for batch in batches]
    student.train(was_training)
    return np.concatenate(rows) if rows else np.zeros((0, 2))


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
    return np.stack([totals, batch.masked_words.astype(np.float64)], axis=1)


def _questions(batch: WordBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the student is asked: the batch's row (Q,) that a question is about, its ids (Q, T), the places (Q, T) bool.

    One question a row for the first pieces of its words, and one for each further piece.
    """
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
