"""Batches of examples of similar length, so that little is computed on padding."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mixvocab.train.loop import Turn

BUCKET = 32  # batches that are shuffled together before they are sorted by length
UNLABELLED = -100  # the tag of padding: no loss counts it

# A row as numbers, by the names of a model's arguments: sequences (T,), "ids" among them, and single numbers ().
Example = Mapping[str, np.ndarray]


class Batches:
    """Goes through its examples in epochs; each epoch has its own order, drawn from (seed, epoch) alone.

    Within buckets of some thousand examples, batches hold examples of similar length; their order is shuffled
    again. Every example is in an epoch exactly once; the last batch of an epoch may be smaller.
    """

    def __init__(self, examples: Sequence[Example], seed: int) -> None:
        self.examples = examples
        self._seed = seed
        self._lengths = np.array([len(example["ids"]) for example in examples])
        self._epoch = lru_cache(maxsize=1)(self._draw_epoch)

    def __call__(self, turn: Turn) -> SimpleNamespace:
        epoch, place = divmod(turn.index, math.ceil(len(self.examples) / turn.rows))
        return collate([self.examples[i] for i in self._epoch(epoch, turn.rows)[place]])

    def _draw_epoch(self, epoch: int, rows: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self.examples))
        batches = []
        for start in range(0, len(order), BUCKET * rows):
            bucket = order[start : start + BUCKET * rows]
            bucket = bucket[np.argsort(self._lengths[bucket], kind="stable")]
            batches += [bucket[i : i + rows] for i in range(0, len(bucket), rows)]
        return [batches[i] for i in rng.permutation(len(batches))]


def collate(examples: Sequence[Example]) -> SimpleNamespace:
    """One batch: sequences as (B, T), filled up with id 0, as in BERT; numbers as (B,); `attention` (B, T) bool."""
    lengths = np.array([len(example["ids"]) for example in examples])
    real = np.arange(lengths.max()) < lengths[:, None]
    batch = {"attention": real}
    for name in examples[0]:
        values = [example[name] for example in examples]
        if values[0].ndim:
            batch[name] = np.full(real.shape, UNLABELLED if name == "tags" else 0)
            batch[name][real] = np.concatenate(values)
        else:
            batch[name] = np.stack(values)
    return SimpleNamespace(**batch)
