"""How well a student predicts whole words, in nats a word: a measure for any vocabulary."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.text.masking import IGNORED
from mixvocab.text.whole_words import WordBatch


@torch.no_grad()
def word_scores(student: BertForMaskedLM, batches: Iterable[WordBatch]) -> np.ndarray:
    """Of every row: the summed -log p of its masked words in nats, and how many words that are; (rows, 2) float64.

    The mean of the first column over that of the second is nats a masked word. A word's -log p is the sum over its
    pieces, all of them masked: each is predicted without knowing the others, which costs a vocabulary that cuts words
    into more pieces; the number of [MASK]s, on the other hand, tells it more about the word. Computed in fp32 without
    dropout, where the student is; it is left in the mode that it was in.
    """
    was_training = student.training
    student.eval()
    rows = []
    for batch in batches:
        ids = torch.from_numpy(batch.ids).to(student.device)
        attention = torch.from_numpy(batch.attention).to(student.device)
        predicted = torch.from_numpy(batch.labels != IGNORED).to(student.device)
        labels = torch.from_numpy(batch.labels).to(student.device)[predicted]
        hidden = student.bert(ids, attention_mask=attention).last_hidden_state
        losses = F.cross_entropy(student.cls(hidden[predicted]).float(), labels, reduction="none")
        row = np.nonzero(batch.labels != IGNORED)[0]
        totals = np.bincount(row, weights=losses.double().cpu().numpy(), minlength=len(batch.ids))
        rows.append(np.stack([totals, batch.masked_words.astype(np.float64)], axis=1))
    student.train(was_training)
    return np.concatenate(rows) if rows else np.zeros((0, 2))
