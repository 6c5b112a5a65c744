"""What StackProp reads: whole lower-cased words of the training split, every other word as [UNK]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from mixvocab.models.stackprop import PAD, PUBLISHED, UNK, StackProp, StackPropShape
from mixvocab.sources.rows import SnipsRow
from mixvocab.tasks.encoding import Encoded
from mixvocab.tasks.snips import JointLabels


class WholeWords:
    """Encodes an utterance word by word; takes the place of a WordPiece `Encoder` in `mixvocab.tasks.snips`."""

    def __init__(self, words: Sequence[str], length: int) -> None:
        """`words` in the order of ids, [UNK] among them; `length`: the most words of an utterance that are read."""
        self.length = length
        self._ids = {word: i for i, word in enumerate(words)}
        self._unknown = self._ids[UNK]

    def words(self, words: Sequence[str]) -> Encoded:
        """One id a word; there is no [CLS] and no [SEP]."""
        ids = np.array([self._ids.get(word.lower(), self._unknown) for word in words[: self.length]], dtype=np.int64)
        return Encoded(ids, np.zeros_like(ids), np.arange(len(ids)))


def vocabulary(rows: Sequence[SnipsRow]) -> tuple[tuple[str, ...], int]:
    """[PAD], [UNK] and the words of `rows`, the frequent ones first; and how many of them occur once."""
    counts = Counter(word.lower() for row in rows for word in row.words)
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return (PAD, UNK, *ordered), sum(count == 1 for count in counts.values())


def new_stackprop(
    rows: Sequence[SnipsRow], labels: JointLabels, *, seed: int, shape: StackPropShape = PUBLISHED
) -> StackProp:
    """An untrained model for training rows and their labels."""
    words, rare = vocabulary(rows)
    generator = torch.Generator().manual_seed(seed)
    return StackProp(words, rare, labels.intents, labels.slots, generator=generator, shape=shape)
