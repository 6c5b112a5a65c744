"""What a student has to beat before anything is compared: who reads nothing and guesses pieces by their frequency.

A student that does not beat it has learned no context. Every BERT stays there for a while, on a plateau on which it
knows how often pieces occur and which piece it reads, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import Batch
from mixvocab.text.whole_words import WordBatch

MARGIN = 0.5  # nats below the guess behind [MASK]: off the plateau


def guess_pieces(frequencies: np.ndarray, batches: Iterable[Batch], mask: int) -> dict[str, float]:
    """The guess behind [MASK], whose id is `mask`: {"masked": its mean -log p in nats, "right": share of hits}.

    `frequencies`: (V,) counts of the pieces in training text, above 0; the best single guess is the commonest piece.
    """
    costs = np.log(frequencies.sum()) - np.log(frequencies)
    labels = np.concatenate([b.labels[(b.labels != IGNORED) & (b.ids == mask)] for b in batches])
    return {"masked": float(costs[labels].mean()), "right": float((labels == frequencies.argmax()).mean())}


def guess_words(frequencies: np.ndarray, batches: Iterable[WordBatch]) -> np.ndarray:
    """The guess at whole hidden words, scored as `word_scores` scores a student: (rows, 2) float64."""
    costs = np.log(frequencies.sum()) - np.log(frequencies)
    rows = []
    for batch in batches:
        asked = batch.place >= 0
        totals = np.where(asked, costs[np.where(asked, batch.labels, 0)], 0.0).sum(axis=1)
        rows.append(np.stack([totals, batch.masked_words.astype(np.float64)], axis=1))
    return np.concatenate(rows) if rows else np.zeros((0, 2))


def left_plateau(curve: Sequence[Mapping[str, float]], guess: float) -> float | None:
    """Tokens read when the held-out loss behind [MASK] fell to `MARGIN` below `guess`, on straight lines between
    evaluations; None: it has not. `curve` is a `TrainResult`'s."""
    goal, before = guess - MARGIN, None
    for point in curve:
        if point["masked"] <= goal:
            if before is None or before["masked"] == point["masked"]:
                return point["tokens"]
            share = (before["masked"] - goal) / (before["masked"] - point["masked"])
            return before["tokens"] + share * (point["tokens"] - before["tokens"])
        before = point
    return None
